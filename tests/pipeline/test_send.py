"""A trace file is sent to the real Collector and is in the real Jaeger, span by span as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.pipeline.conftest import Pipeline
from tests.pipeline.otlp_json import spans_in_full
from tests.pipeline.servers import HOST

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")

SPANS = 60


def trace_file(path: Path, trace_id: str) -> Path:
    """Write a run of many spans, a span a line."""
    now = time.time_ns()
    with path.open("w", encoding="utf-8") as file:
        for number in range(1, SPANS + 1):  # all end with the root: Jaeger remarks upon what outlives it
            said = {"stringValue": f"question {number}: é “水”"}
            span = {
                "traceId": trace_id,
                "spanId": f"{number:016x}",
                **({"parentSpanId": f"{1:016x}"} if number > 1 else {}),
                "name": "chat gpt-5-mini" if number > 1 else "invoke_agent helper",
                "kind": 3,
                "startTimeUnixNano": str(now + number * 1000),
                "endTimeUnixNano": str(now + 1_000_000),
                "attributes": [
                    {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                    {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(2**40 + number)}},
                    {"key": "gen_ai.input.messages", "value": said},
                ],
                "status": {"code": 2, "message": "failed"} if number % 7 == 0 else {},
            }
            service = [{"key": "service.name", "value": {"stringValue": "sent"}}]
            scopes = [{"scope": {"name": "callspan", "version": "1"}, "spans": [span]}]
            file.write(
                json.dumps({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": scopes}]}) + "\n"
            )
    return path


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_a_sent_file_is_in_jaeger_as_it_was(pipeline: Pipeline, protocol: str) -> None:
    trace_id = os.urandom(16).hex()
    folder = pipeline.folder / protocol.replace("/", "-")
    folder.mkdir()
    file = trace_file(folder / "trace.jsonl", trace_id)
    command = [sys.executable, "-m", "callspan.cli", "send", str(file), "--protocol", protocol]
    command += ["--endpoint", f"http://{HOST}:{pipeline.collector.http_port}"]
    for said in (f"{SPANS} spans sent", "nothing new"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, said in done.stderr) == (0, True), done.stderr
    kept = pipeline.jaeger.keep_trace(trace_id, SPANS, folder / "kept.jsonl")
    assert spans_in_full(kept, trace_id) == pipeline.as_kept(spans_in_full(file))
