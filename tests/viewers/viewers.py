"""The real Phoenix and the real MLflow as processes of a test's own, and what they say of a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.pipeline.servers import DEADLINE, HOST, Server, free_ports, wait_until

PATIENCE = 150.0
"""How many seconds a viewer has until it serves: ten are enough for both together, on a machine that is not busy."""


@dataclass(frozen=True)
class Shown:
    """One span as a viewer shows it.

    Args:
        span_id: Its id, as the viewer writes it.
        parent_id: That of the span above it.
        name: Its name.
        kind: The viewer's word for its kind.
        start: By which it can be sorted.
        failed: Whether it has the status of a failure.
        attributes: What the viewer knows about it.
    """

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    start: Any
    failed: bool
    attributes: dict[str, Any] = field(repr=False)


class Phoenix(Server):
    """Arize Phoenix.

    Args:
        python: The interpreter of its environment.
        folder: Where its log and its database are.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.port, grpc = free_ports(2)
        settings = {
            "PHOENIX_HOST": HOST,
            "PHOENIX_PORT": str(self.port),
            "PHOENIX_GRPC_PORT": str(grpc),
            "PHOENIX_WORKING_DIR": str(folder),
            # It asks nobody outside of this machine.
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
            "PHOENIX_TELEMETRY_ENABLED": "false",
            "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
        }
        command: list[str | Path] = [python, "-m", "phoenix.server.main", "serve"]
        super().__init__(command, settings, (self.port, "/healthz"), folder / "phoenix.log", patience=PATIENCE)

    def address(self) -> dict[str, str]:
        """Give the variables that say where it takes traces."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{self.port}"}

    def trace(self, trace_id: str, count: int) -> list[Shown]:
        """Wait until it has all spans of a trace, and give them by their start.

        Args:
            trace_id: The trace.
            count: How many spans it has.
        """

        def spans() -> list[Any]:
            found = ask(self.port, "/v1/projects/default/spans?limit=1000")["data"]
            return [span for span in found if span["context"]["trace_id"] == trace_id]

        wait_until(lambda: len(spans()) >= count, f"Phoenix has the {count} spans of {trace_id}")
        return by_start(
            Shown(
                span["context"]["span_id"],
                span["parent_id"],
                span["name"],
                span["span_kind"],
                span["start_time"],
                span["status_code"] == "ERROR",
                span["attributes"],
            )
            for span in spans()
        )

    def graphql(self, query: str) -> Any:
        """Ask what its pages ask.

        Args:
            query: In the language of GraphQL, on the project that traces go to.
        """
        [project] = ask(self.port, "/v1/projects")["data"]
        asked = f'{{ node(id: "{project["id"]}") {{ ... on Project {{ {query} }} }} }}'
        answer = ask(self.port, "/graphql", {"query": asked})
        assert "errors" not in answer, answer
        return answer["data"]["node"]


class MLflow(Server):
    """MLflow's tracking server.

    Args:
        python: The interpreter of its environment.
        folder: Where its log and its database are.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        folder.mkdir(parents=True)
        [self.port] = free_ports(1)
        settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true",  # it asks nobody outside of this machine
            "DO_NOT_TRACK": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes that no test needs
        }
        stores = ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
        listens = ["--host", HOST, "--port", str(self.port), "--workers", "1"]
        command: list[str | Path] = [python, "-m", "mlflow", "server", *listens, *stores]
        super().__init__(command, settings, (self.port, "/health"), folder / "mlflow.log", patience=PATIENCE)

    def address(self) -> dict[str, str]:
        """Give the variables that say where it takes traces."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{self.port}",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-mlflow-experiment-id=0",
        }

    def trace(self, trace_id: str, count: int) -> list[Shown]:
        """Wait until it has all spans of a trace, and give them by their start.

        Args:
            trace_id: The trace.
            count: How many spans it has.
        """
        path = f"/api/3.0/mlflow/traces/get?trace_id=tr-{trace_id}&allow_partial=true"

        def spans() -> list[Any]:
            return ask(self.port, path).get("trace", {}).get("spans", [])

        wait_until(lambda: len(spans()) >= count, f"MLflow has the {count} spans of {trace_id}")
        return by_start(_shown_by_mlflow(span) for span in spans())

    def listed(self, trace_id: str) -> dict[str, Any]:
        """Give a trace as MLflow lists it among the others: its session, its tokens, its previews.

        Args:
            trace_id: The trace.
        """
        where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
        found = ask(self.port, "/api/3.0/mlflow/traces/search", {"locations": [where]})["traces"]
        [trace] = [one for one in found if one["trace_id"] == f"tr-{trace_id}"]
        return trace


def _shown_by_mlflow(span: dict[str, Any]) -> Shown:
    attributes = {pair["key"]: _value(pair["value"]) for pair in span["attributes"]}
    kind = attributes.get("mlflow.spanType", "UNKNOWN")
    failed = span["status"].get("code") == "STATUS_CODE_ERROR"
    above = span.get("parent_span_id")
    return Shown(span["span_id"], above, span["name"], kind, span["start_time_unix_nano"], failed, attributes)


def _value(any_value: dict[str, Any]) -> Any:
    """Give the value of OTLP's AnyValue, which stands under its own type."""
    [(kind, value)] = any_value.items()
    if kind == "array_value":
        return [_value(one) for one in value.get("values", [])]
    if kind == "kvlist_value":
        return {pair["key"]: _value(pair["value"]) for pair in value.get("values", [])}
    return value


def by_start(spans: Iterator[Shown]) -> list[Shown]:
    """Sort spans by their start.

    Args:
        spans: The spans.
    """
    return sorted(spans, key=lambda span: span.start)


def named(spans: list[Shown], name: str) -> list[Shown]:
    """Give the spans of a name, by their start.

    Args:
        spans: The spans of the trace, by their start.
        name: The name.
    """
    return [span for span in spans if span.name == name]


def tree(spans: list[Shown], parent: str | None = None, depth: int = 0) -> str:
    """Give the tree of a trace as text, each span with the viewer's word for its kind.

    Args:
        spans: The spans of the trace, by their start.
        parent: The id of the span whose children are given.
        depth: How deep they stand.
    """
    lines = ""
    for span in spans:
        if span.parent_id == parent:
            failed = " !" if span.failed else ""
            lines += f"{'  ' * depth}{span.name} [{span.kind}]{failed}\n{tree(spans, span.span_id, depth + 1)}"
    return lines


def ask(port: int, path: str, body: object = None) -> Any:
    """Ask a server on this machine, past any proxy, and give its JSON.

    Args:
        port: Its port.
        path: The path, with the query.
        body: What is posted, if something is.
    """
    connection = HTTPConnection(HOST, port, timeout=DEADLINE)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
