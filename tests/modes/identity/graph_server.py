"""The other process: serves one graph, as far as `RemoteGraph.invoke` asks; it prints its port, then its spans."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, TypedDict

from langgraph.graph import StateGraph
from opentelemetry import propagate, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import callspan

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
callspan.instrument()


class State(TypedDict):
    count: int


def count(state: State) -> dict[str, Any]:
    with trace.get_tracer("server").start_as_current_span("database"):
        return {"count": state["count"] + 1}


graph = StateGraph(State)
graph.add_node("count", count)
graph.set_entry_point("count")
served = graph.compile(name="counter")


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        """Run the graph in the context of the request, as an instrumentation of the server would."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = attach(propagate.extract({name.lower(): value for name, value in self.headers.items()}))
        result = served.invoke(asked["input"])
        detach(token)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"event: values\ndata: {json.dumps(result)}\n\n".encode())


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.handle_request()
print(json.dumps({"spans": [json.loads(span.to_json()) for span in exporter.get_finished_spans()]}))
