"""The real Collector in front of the real Jaeger, for each store that Jaeger has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline import build_servers
from tests.pipeline.otlp_json import BADGER_BYTES, as_badger_keeps
from tests.pipeline.servers import HOST, Collector, Jaeger

from callspan.testing.zero_code import run_instrumented


@dataclass(frozen=True)
class Pipeline:
    """A Collector that sends what it gets to a Jaeger.

    Args:
        collector: The Collector.
        jaeger: Jaeger.
        on_disk: Whether Jaeger keeps traces on disk.
        folder: Where files may be written.
    """

    collector: Collector
    jaeger: Jaeger
    on_disk: bool
    folder: Path

    def address(self, protocol: str) -> dict[str, str]:
        """Give the variables that say where the Collector is.

        Args:
            protocol: OpenTelemetry's name of the protocol.
        """
        port = self.collector.grpc_port if protocol == "grpc" else self.collector.http_port
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{port}", "NO_PROXY": HOST, "no_proxy": HOST}

    def send(self, program: Path, *, protocol: str = "http/protobuf", **environment: str) -> Path:
        """Run a program under `opentelemetry-instrument`, and give the trace file of what went to the Collector.

        Args:
            program: The program, without tracing code.
            protocol: OpenTelemetry's name of the protocol.
            **environment: Variables to set for it.
        """
        to_the_collector = self.address(protocol) | {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        sent = self.folder / f"sent-by-{program.stem}.jsonl"
        code = run_instrumented(
            [str(program)],
            sent,
            exporters=["otlp"],
            environment=to_the_collector | environment,
            show=lambda piece: None,
        )
        assert code == 0
        return sent

    def as_kept(self, spans: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Give spans as this Jaeger can keep them: in memory it keeps all, on disk not quite.

        Args:
            spans: As `spans_in_full` gives them.
        """
        return {key: as_badger_keeps(span) for key, span in spans.items()} if self.on_disk else spans


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder with the two servers."""
    return find_binaries()


@pytest.fixture(scope="module", params=["memory", "badger"])
def pipeline(
    request: pytest.FixtureRequest, binaries: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """A Collector and a Jaeger of the module's own; Jaeger keeps traces in memory, and on disk."""
    pytest.importorskip("opentelemetry.distro", reason="needs the extra otlp")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp")
    pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="needs the extra otlp")
    on_disk = request.param == "badger"
    folder = tmp_path_factory.mktemp(request.param)
    max_value = BADGER_BYTES if on_disk else None
    with ExitStack() as running:
        jaeger = running.enter_context(Jaeger(binaries / build_servers.JAEGER, folder / "jaeger", keep=on_disk))
        collector = running.enter_context(
            Collector(
                binaries / build_servers.COLLECTOR, folder / "collector", jaeger.otlp_endpoint, max_value=max_value
            )
        )
        yield Pipeline(collector, jaeger, on_disk, folder)


def find_binaries() -> Path:
    """Give the folder with the two servers; without it the test is skipped, and fails in CI where Go could build it."""
    folder = build_servers.built()
    if folder is None:
        reason = "the real Collector and Jaeger are not there: `make servers` builds them, with Go"
        if os.environ.get("CI") and shutil.which("go"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
