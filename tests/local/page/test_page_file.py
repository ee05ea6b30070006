"""The file, without a browser: what it allows itself, what it escapes, what it weighs."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from callspan.viewer import page as page_file
from callspan.viewer.page import script_json, write_page

PARTS = Path(page_file.__file__).parent / "page"


def hashed(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_page_weighs_at_most_100_kilobytes_without_its_data():
    assert len(write_page({}).encode()) <= 100_000


def test_the_policy_allows_the_one_script_and_the_one_style_and_nothing_else(sample):
    html = write_page(sample)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert policy == (
        f"default-src 'none'; script-src '{hashed(script)}'; style-src '{hashed(style)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def test_data_cannot_end_its_script():
    text = script_json({"</script>": "<!-- <script> \u2028 \u2029"})
    assert not set("<\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script>": "<!-- <script> \u2028 \u2029"}


def test_what_utf_8_and_json_refuse_is_written_all_the_same():
    text = script_json({"lone": "a\ud800b", "none": [float("nan"), float("inf"), 1.5]})
    assert text.encode() == b'{"lone":"a\\ud800b","none":["NaN","Infinity",1.5]}'


def test_data_that_looks_like_a_place_in_the_template_stays_data():
    html = write_page({"a": "{{script}}{{data}}{{style-hash}}"})
    assert '{"a":"{{script}}{{data}}{{style-hash}}"}' in html


def test_every_part_is_in_the_page():
    assert sorted(path.stem for path in PARTS.glob("script/*")) == sorted(page_file._SCRIPTS)
    assert sorted(path.stem for path in PARTS.glob("style/*")) == sorted(page_file._STYLES)


def test_no_part_makes_markup_or_code_from_text():
    for path in PARTS.glob("script/*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|<!--|</script", path.read_text()
        )
    assert not re.search(r"\sstyle=|\son\w+=|https?://", (PARTS / "page.html").read_text())


def test_parts_are_small_and_can_lose_their_indentation():
    for path in [*PARTS.glob("script/*.js"), *PARTS.glob("style/*.css")]:
        lines = path.read_text().splitlines()
        assert len(lines) < 250, path
        if path.suffix == ".js":
            over_the_end = [
                line for line in lines if re.sub(r"/[^/]*`[^/]*/", "", line.replace("'`'", "")).count("`") % 2
            ]
            assert over_the_end == [], path
