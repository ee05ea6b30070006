"""What the metric tables read from a run that ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from callspan.core.metrics import BOTH, LATEST, RELEASED, Ended
from callspan.core.usage import TokenCounts

ROWS = {metric.name.removeprefix("gen_ai.client.inference.usage."): metric for metric in LATEST}
COUNTS = TokenCounts(10, 4, cache_read=6, cache_write=0, reasoning=3, audio_input=2, audio_output=4)


def _ended(counts: Any, attributes: dict[str, Any]) -> Ended:
    run: Any = SimpleNamespace(answer="answer", row=SimpleNamespace(tokens=lambda answer: counts))
    return Ended(run, 1.0, attributes)


@pytest.mark.parametrize(
    ("row", "points"),
    [
        ("input_tokens", [(2, "audio"), (8, "unknown")]),
        ("output_tokens", [(4, "audio")]),
        ("cache_read.input_tokens", [(6, "unknown")]),
        ("cache_write.input_tokens", [(0, "unknown")]),
        ("reasoning.output_tokens", [(3, "unknown")]),
    ],
)
def test_tokens_by_modality(row: str, points: list[Any]) -> None:
    """Sound is counted apart, and parts are counted where they are known."""
    ended = _ended(COUNTS, {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 4})
    assert [(count, own["gen_ai.token.modality"]) for count, own in ROWS[row].points(ended)] == points


@pytest.mark.parametrize("counts", [None, TokenCounts()])
def test_no_counts_no_points(counts: Any) -> None:
    """What nobody says is not recorded; a wrong count is none."""
    ended = _ended(counts, {"gen_ai.usage.input_tokens": -1})
    tokens = [metric for metric in (*RELEASED, *LATEST) if metric.unit == "{token}"]
    assert [list(metric.points(ended)) for metric in tokens] == [[]] * len(tokens)


def test_no_metric_has_an_id_among_its_attributes() -> None:
    """Nothing that differs from call to call."""
    named = {name for metric in (*RELEASED, *LATEST, *BOTH) for name in (*metric.attributes, *metric.own)}
    assert [name for name in named if name.endswith(".id") or "conversation" in name or name.startswith("lang")] == []
