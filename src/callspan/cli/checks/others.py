"""Other instrumentations of the same calls: who doubles spans, and who does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding

_DISABLE = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


@dataclass(frozen=True, slots=True)
class Other:
    """An instrumentation of LangChain that is not ours.

    Args:
        title: What people call it.
        scope: How the names of its tracers and modules begin.
        off: How to switch it off.
    """

    title: str
    scope: str
    off: str


LANGCHAIN: Mapping[str, Other] = {
    "openinference-instrumentation-langchain": Other(
        "OpenInference", "openinference.instrumentation.langchain", f"set {_DISABLE}=langchain"
    ),
    "opentelemetry-instrumentation-langchain": Other(
        "OpenLLMetry (Traceloop)",
        "opentelemetry.instrumentation.langchain",
        f"set {_DISABLE}=langchain, or Traceloop.init(block_instruments={{Instruments.LANGCHAIN}})",
    ),
    "opentelemetry-instrumentation-genai-langchain": Other(
        "OpenTelemetry's own for LangChain",
        "opentelemetry.instrumentation.genai.langchain",
        f"set {_DISABLE}=langchain",
    ),
    "openlit": Other("OpenLIT", "openlit", "openlit.init(disabled_instrumentors=['langchain', 'langgraph'])"),
}
"""By distribution: who writes spans of LangChain's calls into the same traces."""

LANGSMITH = Other("LangSmith's OpenTelemetry mode", "langsmith", "unset LANGSMITH_OTEL_ENABLED (or LANGSMITH_TRACING)")

_IN_CODE: Mapping[str, str] = {
    "traceloop-sdk": LANGCHAIN["opentelemetry-instrumentation-langchain"].off,
    "langfuse": "do not pass langfuse's CallbackHandler to the calls that callspan traces",
    "mlflow": "do not call mlflow.langchain.autolog()",
    "mlflow-skinny": "do not call mlflow.langchain.autolog()",
}
"""By distribution: what a program may switch on in its code, and how it leaves that."""

_PROVIDERS = (
    *("openai", "anthropic", "bedrock", "cohere", "google-generativeai", "google-genai", "mistralai", "ollama"),
    *("groq", "together", "vertexai", "replicate", "watsonx", "sagemaker", "voyageai", "litellm"),
)


def check(case: Case) -> Iterable[Finding]:
    """Check others."""
    found = [*_of_langchain(case), *_of_langsmith(case), *_of_providers(case)]
    if not any(one.level == PROBLEM for one in found):
        yield Finding(OK, "no other instrumentation of LangChain is loaded")
    yield from found


def _of_langchain(case: Case) -> Iterable[Finding]:
    active = case.probe.get("active", ())
    told: set[str] = set()
    for name, other in LANGCHAIN.items():
        if name not in case.installed:
            continue
        version = case.installed[name]
        if any(one.startswith(other.scope) for one in active):
            told.add(other.scope)
            yield Finding(
                PROBLEM, f"{other.title} ({name} {version}) is loaded too: each call has two spans", other.off
            )
        elif name == "openlit" or name in case.instrumentors:
            yield Finding(
                NOTE, f"{other.title} ({name} {version}) is installed; it doubles spans if it is used", other.off
            )
    for one in active:
        if "langchain" in one.lower() and not one.startswith(("callspan.", *told)):
            yield Finding(PROBLEM, f"{one} is loaded too: each call has two spans", _off(case, one))
    for name, off in _IN_CODE.items():
        if name in case.installed:
            yield Finding(NOTE, f"{name} is installed: a program can have spans of LangChain from it too", off)


def _off(case: Case, active: str) -> str:
    """Write how to switch off what nobody knows: by its name, where that is not ours."""
    named = {name for names in case.instrumentors.values() for name in names if "langchain" in name.lower()}
    return f"set {_DISABLE}={','.join(sorted(named))}" if named else f"do not call {active}().instrument()"


def _of_langsmith(case: Case) -> Iterable[Finding]:
    legacy = any(case.switched(name) for name in _LANGSMITHS_MODE)
    mode = case.variable("LANGSMITH_TRACING_MODE") or case.variable("LANGCHAIN_TRACING_MODE")
    on = mode.lower() in ("otel", "hybrid") if mode else legacy  # the mode decides where it is set
    tracing = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    if on and any(case.switched(name) for name in tracing):
        yield Finding(PROBLEM, f"{LANGSMITH.title} is on: each call has two spans", LANGSMITH.off)


_LANGSMITHS_MODE = (
    *("LANGSMITH_OTEL_ENABLED", "LANGSMITH_OTEL_ONLY", "LANGCHAIN_OTEL_ENABLED", "LANGCHAIN_OTEL_ONLY"),
    "OTEL_ENABLED",
)


def _of_providers(case: Case) -> Iterable[Finding]:
    sharing: list[str] = []
    for name in case.installed:
        if name in LANGCHAIN:
            continue
        if name.startswith("opentelemetry-instrumentation-genai-") or name in _SUPPRESSIBLE:
            sharing.append(name)
        elif name in _DOUBLING and name in case.instrumentors:
            names = ",".join(case.instrumentors[name])
            yield Finding(
                PROBLEM if _is_loaded(case, name) else NOTE,
                f"{name} writes spans of the model calls that callspan has already",
                f"set {_DISABLE}={names}, unless the program also calls the client without LangChain",
            )
    if sharing:
        yield Finding(OK, f"instrumentations that leave LangChain's calls to callspan: {', '.join(sorted(sharing))}")


_SUPPRESSIBLE = {f"opentelemetry-instrumentation-{name}" for name in _PROVIDERS}
"""OpenLLMetry's, which heed the key that callspan sets."""

_DOUBLING = {f"openinference-instrumentation-{name}" for name in _PROVIDERS} | {
    "opentelemetry-instrumentation-openai-v2",
    "opentelemetry-instrumentation-vertexai-v2",
}
"""Those that look into the context for nobody."""


def _is_loaded(case: Case, name: str) -> bool:
    scope = name.replace("-instrumentation-", ".instrumentation.").replace("-", "_")
    return any(one.startswith(scope) for one in case.probe.get("active", ()))
