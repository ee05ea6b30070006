"""What README and docs say of the cost is what was counted, and a worse count is found."""

import json
from pathlib import Path

from benchmarks.counts import KEPT, gates, over, ratio, table, worse

ROOT = Path(__file__).parents[2]
COUNTS = json.loads(KEPT.read_text())


def test_the_table_of_the_docs_is_the_one_that_was_counted():
    assert table(COUNTS) in (ROOT / "docs/cost.md").read_text(encoding="utf-8")


def test_the_readme_says_what_a_chat_costs():
    chat = COUNTS["chat"]
    said = f"{over(chat, 'callspan'):.0f},000 instructions (about {over(chat, 'callspan') / 10:.0f} µs)"
    beside = (
        f"{ratio(chat, 'callspan', 'floor'):.2f} times one bare SDK span, {ratio(chat, 'callspan', 'official'):.2f}"
    )
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (said in text, beside in text) == (True, True)


def test_each_gate_has_been_counted():
    assert {gate for gate, *_ in gates(COUNTS)} == {
        "callspan / floor",
        "sampled out, kIr above the floor",
        "callspan / official",
        "the same with metrics",
        "a heard token, kIr",
    }


def test_a_worse_count_is_found():
    now = json.loads(KEPT.read_text())
    assert worse(now, COUNTS) == []
    now["chat"]["callspan"] += 0.1 * over(COUNTS["chat"], "callspan")
    assert [line.partition(":")[0] for line in worse(now, COUNTS)] == ["chat, callspan"]
