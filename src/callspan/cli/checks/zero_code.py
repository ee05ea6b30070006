"""Whether `opentelemetry-instrument` finds callspan, loads it, and sets up where spans go."""

from __future__ import annotations

from collections.abc import Iterable

from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding

_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def check(case: Case) -> Iterable[Finding]:
    """Check the loading of callspan."""
    disabled = [name.strip() for name in case.variable(_DISABLED).split(",")]
    visible = any("callspan" in names for names in case.instrumentors.values())
    if case.switched("OTEL_SDK_DISABLED"):
        yield Finding(PROBLEM, "OTEL_SDK_DISABLED=true: no span of anybody is recorded", "unset OTEL_SDK_DISABLED")
    switched_off = [name for name in disabled if name in ("callspan", "*")]
    if switched_off:
        yield Finding(
            PROBLEM, f"{_DISABLED} names {switched_off[0]!r}: callspan is not loaded", f"take it out of {_DISABLED}"
        )
    elif not visible:
        yield Finding(
            PROBLEM,
            "opentelemetry-instrument does not find callspan: its entry point is not installed",
            "pip install callspan, instead of putting its source on PYTHONPATH",
        )
    elif case.probe.get("loaded"):
        yield Finding(OK, "opentelemetry-instrument finds and loads callspan")
    yield from _not_loaded(case, expected=visible and not switched_off)
    yield from _set_up(case)


def _not_loaded(case: Case, *, expected: bool) -> Iterable[Finding]:
    if case.broken:
        yield Finding(PROBLEM, f"loading the instrumentations failed: {case.broken}", "see the message")
        return
    errors = [one["text"] for one in case.probe.get("said", ()) if _is_of_loader(one["by"])]
    for text in dict.fromkeys(errors):
        yield Finding(PROBLEM if expected and not case.probe.get("loaded") else NOTE, text, "see the message")
    if expected and not case.probe.get("loaded") and not errors and "langchain-core" in case.installed:
        yield Finding(
            PROBLEM,
            "opentelemetry-instrument does not load callspan, and says nothing",
            "call callspan.instrument() in the program",
        )


def _is_of_loader(name: str) -> bool:
    return name.startswith(("opentelemetry.instrumentation", "opentelemetry.sdk._configuration", "opentelemetry.conf"))


def _set_up(case: Case) -> Iterable[Finding]:
    configured = bool(case.variable("OTEL_CONFIG_FILE"))
    # A vendor's distro does as well, so it is not asked whether OpenTelemetry's own is installed.
    if not case.switched("OTEL_SDK_DISABLED") and "Proxy" in case.probe.get("provider", ""):
        no_distro = "opentelemetry-distro" not in case.installed
        yield Finding(
            PROBLEM,
            "opentelemetry-instrument sets no tracer provider, so nothing is recorded"
            + (": there is no distro" if no_distro else ""),
            "pip install 'callspan[otlp]', or set a TracerProvider in the program"
            if no_distro
            else "unset OTEL_PYTHON_CONFIGURATOR and OTEL_PYTHON_DISTRO, or correct them",
        )
    elif not configured and case.environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() in ("", "none"):
        how = "=none" if case.variable("OTEL_TRACES_EXPORTER") else " is set to nothing"  # which is not to be unset
        yield Finding(
            NOTE, f"OTEL_TRACES_EXPORTER{how}: spans go nowhere", "set it to otlp, or unset it, which means otlp"
        )
    sampler = case.variable("OTEL_TRACES_SAMPLER").lower()
    if sampler.endswith("always_off"):
        yield Finding(PROBLEM, f"OTEL_TRACES_SAMPLER={sampler}: no span is recorded", "unset OTEL_TRACES_SAMPLER")
    elif "traceidratio" in sampler:
        share = case.variable("OTEL_TRACES_SAMPLER_ARG") or "1.0"
        yield Finding(
            NOTE,
            f"OTEL_TRACES_SAMPLER={sampler}: a share of {share} of the traces is recorded",
            "unset it to have all",
        )
