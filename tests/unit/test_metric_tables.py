"""What the metric tables read from a run that ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from callspan.core.metrics import BOTH, LATEST, RELEASED, VALUES_LIMIT, Ended, Instruments
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


class _Meter:
    """Notes the attributes that it is given."""

    def __init__(self) -> None:
        self.noted: list[dict[str, Any]] = []

    def create_histogram(self, *args: Any, **kwargs: Any) -> Any:
        return SimpleNamespace(record=lambda value, attributes, context: self.noted.append(attributes))


def _record(instruments: Instruments, name: Any, labels: Any = None) -> None:
    row = SimpleNamespace(operation="execute_tool")
    who = None if labels is None else SimpleNamespace(labels=labels)
    run: Any = SimpleNamespace(row=row, who=who, outcome="ok", duration=1.0, context=None)
    run.identity = {"gen_ai.tool.name": name}
    instruments.record(run, {})


def test_runs_that_are_alike_share_no_dict() -> None:
    """An SDK may keep the attributes, and whoever reads them may change them."""
    meter: Any = _Meter()
    instruments = Instruments(meter, BOTH)
    for labels in (None, None, {"plan": "free"}, {"plan": "paid"}, None):
        _record(instruments, "look", labels)
        assert meter.noted[-1] == {"gen_ai.tool.name": "look", **(labels or {})}
        meter.noted[-1]["gen_ai.tool.name"] = "changed"


def test_a_value_that_no_metric_has() -> None:
    """A list among the attributes is left out, each time."""
    meter: Any = _Meter()
    instruments = Instruments(meter, BOTH)
    for _ in range(2):
        _record(instruments, ["a", "b"])
    assert meter.noted == [{}, {}]


def test_what_is_kept_of_runs_that_are_alike_is_bounded() -> None:
    """A program that makes up names costs no memory without end, and the first names stay."""
    meter: Any = _Meter()
    instruments = Instruments(meter, BOTH)
    for number in (*range(3 * VALUES_LIMIT), 0):
        _record(instruments, f"tool {number}")
    assert [attributes["gen_ai.tool.name"] for attributes in meter.noted[-2:]] == ["_OTHER", "tool 0"]
    assert len(instruments._by_operation["execute_tool"].known) <= VALUES_LIMIT
