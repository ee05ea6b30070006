"""Where nothing is instrumented, nothing of callbacks is in force, and nothing of it is in the way."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import INVALID_SPAN

import callspan
from callspan import telemetry


def test_a_workflow_does_nothing():
    """Block and decorator run what they stand around; the run that the block gives has no span."""

    @callspan.workflow("decorated")
    def double(x):
        return 2 * x

    async def block():
        async with callspan.workflow("block") as run:
            return run.name, run.span

    with callspan.workflow("block", tags=["t"]) as run:
        assert callspan.current_run() is None
        assert (run.name, run.tags, run.span) == ("block", ("t",), INVALID_SPAN)
    assert double(3) == 6
    assert asyncio.run(block()) == ("block", INVALID_SPAN)


def test_a_wrong_name_of_a_callback_leaves_nothing_in_force():
    """What raises as it is instrumented has not instrumented: OpenTelemetry's loader may try again without it."""
    with pytest.raises(ValueError, match=r"callbacks='nowhere:Nobody' is not allowed"):
        callspan.CallspanInstrumentor().instrument(callbacks=["nowhere:Nobody"])
    assert not telemetry.is_inforce()
    assert not callspan.CallspanInstrumentor().is_instrumented_by_opentelemetry
