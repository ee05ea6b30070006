"""Check of other instrumentations: which of them write a second span for the same call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callspan.cli.checks.environment import DISABLED, NOTE, PROBLEM, Environment, Finding, note, ok, problem


@dataclass(frozen=True, slots=True)
class Other:
    """Another instrumentation of LangChain."""

    title: str
    scope: str  # how the names of its tracers and modules begin
    off: str  # how to switch it off


_OFF = f"set {DISABLED}=langchain"

# By distribution: those that write spans of LangChain's calls into the same traces
LANGCHAIN: Mapping[str, Other] = {
    "openinference-instrumentation-langchain": Other("OpenInference", "openinference.instrumentation.langchain", _OFF),
    "opentelemetry-instrumentation-langchain": Other(
        "OpenLLMetry (Traceloop)",
        "opentelemetry.instrumentation.langchain",
        f"{_OFF}, or Traceloop.init(block_instruments={{Instruments.LANGCHAIN}})",
    ),
    "opentelemetry-instrumentation-genai-langchain": Other(
        "OpenTelemetry's own for LangChain", "opentelemetry.instrumentation.genai.langchain", _OFF
    ),
    "openlit": Other("OpenLIT", "openlit", "openlit.init(disabled_instrumentors=['langchain', 'langgraph'])"),
}

LANGSMITH = Other("LangSmith's OpenTelemetry mode", "langsmith", "unset LANGSMITH_OTEL_ENABLED (or LANGSMITH_TRACING)")

_PROVIDERS = (
    *("openai", "anthropic", "bedrock", "cohere", "google-generativeai", "google-genai", "mistralai", "ollama"),
    *("groq", "together", "vertexai", "replicate", "watsonx", "sagemaker", "voyageai", "litellm"),
)

# OpenLLMetry's instrumentations of clients read the context key that callspan sets; OpenTelemetry's own do so too
_SHARING = {f"opentelemetry-instrumentation-{name}" for name in _PROVIDERS}

# These read no context key
_DOUBLING = {
    *(f"openinference-instrumentation-{name}" for name in _PROVIDERS),
    *("opentelemetry-instrumentation-openai-v2", "opentelemetry-instrumentation-vertexai-v2"),
}


def check_others(environment: Environment) -> Iterable[Finding]:
    """Check other instrumentations of the same calls."""
    found = [*_of_langchain(environment), *of_langsmith(environment), *_of_clients(environment)]
    if not any(one.level == PROBLEM for one in found):
        yield ok("no other instrumentation of LangChain is loaded")
    yield from found


def _of_langchain(environment: Environment) -> Iterable[Finding]:
    reported: set[str] = set()
    for name, other in LANGCHAIN.items():
        version = environment.installed.get(name)
        if version is not None and environment.is_active(other.scope):
            reported.add(other.scope)
            yield problem(f"{other.title} ({name} {version}) is loaded too: each call has two spans", other.off)
        elif version is not None and (name == "openlit" or name in environment.instrumentors):
            yield note(f"{other.title} ({name} {version}) is installed; it doubles spans if it is used", other.off)
    names = {name for names in environment.instrumentors.values() for name in names if "langchain" in name.lower()}
    for one in environment.loading.get("active", ()):
        if "langchain" in one.lower() and not one.startswith(("callspan.", *reported)):
            fix = f"set {DISABLED}={','.join(sorted(names))}" if names else f"do not call {one}().instrument()"
            yield problem(f"{one} is loaded too: each call has two spans", fix)


def of_langsmith(environment: Environment) -> Iterable[Finding]:
    """Check LangSmith's OpenTelemetry mode."""
    is_traced = environment.is_on(
        *("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    )
    if mode := environment.variable("LANGSMITH_TRACING_MODE", "LANGCHAIN_TRACING_MODE"):
        is_otel = mode.lower() in ("otel", "hybrid")  # where it is set, the older variables do not count
    else:
        is_otel = environment.is_on(
            *("LANGSMITH_OTEL_ENABLED", "LANGSMITH_OTEL_ONLY", "LANGCHAIN_OTEL_ENABLED", "LANGCHAIN_OTEL_ONLY"),
            "OTEL_ENABLED",
        )
    if is_traced and is_otel:
        yield problem(f"{LANGSMITH.title} is on: each call has two spans", LANGSMITH.off)


def _of_clients(environment: Environment) -> Iterable[Finding]:
    """Check instrumentations of providers' clients, which LangChain's integrations call."""
    installed = [name for name in environment.installed if name not in LANGCHAIN]
    for name in installed:
        if name in _DOUBLING and name in environment.instrumentors:
            scope = name.replace("-instrumentation-", ".instrumentation.").replace("-", "_")
            yield Finding(
                PROBLEM if environment.is_active(scope) else NOTE,
                f"{name} writes spans of the model calls that callspan has already",
                f"set {DISABLED}={','.join(environment.instrumentors[name])}, unless the program also calls the client "
                "without LangChain",
            )
    genai = "opentelemetry-instrumentation-genai-"
    if sharing := sorted(name for name in installed if name.startswith(genai) or name in _SHARING):
        yield ok(f"instrumentations that leave LangChain's calls to callspan: {', '.join(sharing)}")
