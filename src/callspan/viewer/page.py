"""The page: one HTML file with everything in it, that asks no network for anything.

Its parts are in the folder `page`. They are put together here, and the policy in the page's head allows exactly the
one script and the one style that were put in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from callspan.viewer.json_safe import finite

# The files of the style, in their order: later ones win
_STYLES = (
    *("base", "top", "runs", "summary", "timeline", "inspector"),
    *("messages", "transcript", "compare", "dialogs", "media"),
)

# The files of the script, in their order: the last one starts
_SCRIPTS = (
    *("tools", "data", "model", "history", "state", "runs", "summary", "timeline", "bars", "minimap"),
    *("text", "messages", "inspector", "transcript", "compare", "search", "copy", "keys", "mouse", "start"),
)

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def write_page(data: Mapping[str, Any]) -> str:
    """Return the text of one HTML file, which can be written in UTF-8 whatever the data has in it."""
    return _empty_page().replace("{{data}}", script_json(data))


def script_json(data: Mapping[str, Any]) -> str:
    """Return data as JSON that cannot end the `<script>` around it.

    Returns:
        JSON without `<` and without characters that UTF-8 or JavaScript refuse.
    """
    try:
        text = _dump(data)
    except ValueError:
        text = _dump(finite(data))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _dump(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@cache
def _empty_page() -> str:
    """Return the page without its data."""
    style = "\n".join(_without_layout(_part(f"style/{name}.css"), "/*") for name in _STYLES)
    script = "\n".join(_without_layout(_part(f"script/{name}.js"), "//") for name in _SCRIPTS)
    page = _part("page.html").replace("{{style-hash}}", _digest(style)).replace("{{script-hash}}", _digest(script))
    return page.replace("{{style}}", style).replace("{{script}}", script)


def _part(name: str) -> str:
    return (resources.files("callspan.viewer") / "page" / name).read_text(encoding="utf-8")


def _without_layout(text: str, comment: str) -> str:
    """Leave out indentation, empty lines and lines of comment. No string of the page's parts goes over a line's end."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(comment))


def _digest(text: str) -> str:
    """Return what a Content-Security-Policy needs to allow exactly this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
