"""Makes the pictures of the page.

    python docs/pictures/make.py [DATA.json] [-o FOLDER]

DATA.json is what the page takes; without it, the runs that the page's tests show are taken. Needs the
dependency group `pictures` and a Chromium (CALLSPAN_CHROMIUM names another one than the machine's).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callspan.viewer.page import write_page

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "tests" / "local" / "page" / "sample.json"
Colour = tuple[int, int, int]
MOST_COLOURS = 256
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]


@dataclass(frozen=True)
class Picture:
    """One picture: which run, where in it, and how the window is."""

    name: str
    root: str
    state: str
    span: int | None = None
    view: str = "timeline"
    theme: str = "light"
    width: int = 1360
    height: int = 760
    base: str = ""


PICTURES = [
    Picture("failed-agent", "refund_agent", "failed"),
    Picture("failed-agent-dark", "refund_agent", "failed", theme="dark"),
    Picture("failed-agent-transcript", "refund_agent", "failed", view="transcript"),
    Picture("failed-agent-narrow", "refund_agent", "failed", width=620, height=900, theme="dark"),
    Picture("parallel-graph", "research_graph", "done"),
    Picture("parallel-graph-dark", "research_graph", "done", theme="dark"),
    Picture("compared-graphs", "research_graph", "done", view="compare", base="older"),
    Picture("pause", "purchase_agent", "paused"),
    Picture("resumed", "purchase_agent", "done", theme="dark"),
    Picture("long-chat", "trip_chat", "done", span=61),
    Picture("long-chat-transcript", "trip_chat", "done", span=61, view="transcript", theme="dark"),
]

FIND = """({root, state, span, base}) => {
  const alike = DATA.traces.filter((t) => t.root.title === root);
  const t = alike.find((x) => x.state === state);
  if (!t) return false;
  const s = span == null ? opening(t) : t.spans[span];
  go({t, s, view: 'timeline', base: base ? alike.find((x) => x !== t) : null});
  return true;
}"""


def main() -> None:
    """Read the arguments and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("-o", "--output", type=Path, default=HERE)
    args = parser.parse_args()
    data = json.loads(args.data.read_text(encoding="utf-8"))
    for name, png in pictures(data):
        file = args.output / f"{name}.png"
        file.write_bytes(png)
        print(f"{file}  {len(png) / 1024:.0f} KB")


def pictures(data: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Give each picture's name and its PNG.

    Args:
        data: What the page takes.

    Yields:
        The name, and the bytes of a PNG.
    """
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CALLSPAN_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(write_page(data), encoding="utf-8")
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        for wanted in PICTURES:
            size: Any = {"width": wanted.width, "height": wanted.height}
            scheme: Any = wanted.theme
            page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-GB")
            page.goto(file.as_uri())
            place = {name: getattr(wanted, name) for name in ("root", "state", "span", "base")}
            if page.evaluate(FIND, place):
                page.evaluate("(view) => go({view})", wanted.view)
                page.wait_for_timeout(200)
                yield wanted.name, _small(page.screenshot())
            page.close()
        browser.close()


def _small(png: bytes) -> bytes:
    """The same picture with 256 colours, in less than half of the bytes."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        seen = picture.convert("RGB")
    colours = [colour for _, colour in sorted(seen.getcolors(1 << 24), reverse=True)]
    kept = _palette(colours)
    place = {colour: min(range(len(kept)), key=lambda i: _far(colour, kept[i])) for colour in colours}
    few = Image.new("P", seen.size)
    few.putpalette([part for colour in kept for part in colour])
    few.putdata([place[pixel] for pixel in zip(*[iter(seen.tobytes())] * 3, strict=True)])
    written = io.BytesIO()
    few.save(written, "png", optimize=True)
    return written.getvalue()


def _palette(colours: list[Colour]) -> list[Colour]:
    """The colours that are used most, so that rare ones far from them have their place too."""
    for apart in (300, 600, 1200, 2400):
        kept = colours[:24]
        for colour in colours[24:]:
            if all(_far(colour, other) > apart for other in kept):
                kept.append(colour)
        if len(kept) <= MOST_COLOURS:
            break
    return kept[:MOST_COLOURS]


def _far(a: Colour, b: Colour) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2


if __name__ == "__main__":
    main()
