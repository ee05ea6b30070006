"""Checks of what is installed, loaded, patched and set."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from callspan.cli.checks.environment import DISABLED, NOTE, PROBLEM, Environment, Finding, note, ok, problem
from callspan.cli.checks.probe import protocol
from callspan.core.patching import ABSENT, PATCHED, UNPATCHED, WAITING
from callspan.settings import CALLBACKS, CONTENT, FILE, VARIABLES
from callspan.version import __version__

# By distribution: the oldest version that is supported, and the first that is too new
_VERSIONS = {
    "langchain-core": ("0.3", ""),
    "langgraph": ("0.6", ""),
    "opentelemetry-api": ("1.41", ""),
    "opentelemetry-sdk": ("1.41", ""),
    "opentelemetry-instrumentation": ("0.62", ""),
    "wrapt": ("2.4", "3"),
}
_OPTIONAL = ("langgraph", "langchain-core")

_LOADER = ("opentelemetry.instrumentation", "opentelemetry.sdk._configuration", "opentelemetry.conf")

_SHOWN = 8  # names in one line

# The variables of callspan, and those of OpenTelemetry that it reads
_KNOWN = {
    *VARIABLES,
    *(CALLBACKS, "CALLSPAN_TRACE_FILE", "CALLSPAN_EXIT_TIMEOUT"),
    *("CALLSPAN_SERVERS", "CALLSPAN_VIEWERS"),
}


def check_installed(environment: Environment) -> Iterable[Finding]:
    """Check versions."""
    present = {name: environment.installed[name] for name in _VERSIONS if name in environment.installed}
    yield ok("installed: " + ", ".join(f"{name} {one}" for name, one in {"callspan": __version__, **present}.items()))
    for name, (oldest, too_new) in _VERSIONS.items():
        version = present.get(name)
        install = f"pip install '{name}>={oldest}{too_new and f',<{too_new}'}'"
        if version is None and name not in _OPTIONAL:
            yield problem(f"{name} is not installed", install)
        elif version is not None and not _is_between(version, oldest, too_new):
            yield problem(f"{name} {version} is not supported", install)
    if "langchain-core" not in present:
        yield problem(
            "langchain-core is not installed in this Python, so callspan is not loaded",
            "run the doctor of the environment that your program runs in",
        )


def _is_between(version: str, oldest: str, too_new: str) -> bool:
    return _numbers(oldest) <= _numbers(version) and (not too_new or _numbers(version) < _numbers(too_new))


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (0, 62) of "0.62b0"."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def check_loading(environment: Environment) -> Iterable[Finding]:
    """Check whether `opentelemetry-instrument` finds and loads callspan, and records spans."""
    disabled = [name.strip() for name in environment.variable(DISABLED).split(",")]
    switched_off = next((name for name in disabled if name in ("callspan", "*")), None)
    is_visible = any("callspan" in names for names in environment.instrumentors.values())
    is_loaded = bool(environment.loading.get("loaded"))
    if environment.is_on("OTEL_SDK_DISABLED"):
        yield problem("OTEL_SDK_DISABLED=true: no span of anybody is recorded", "unset OTEL_SDK_DISABLED")
    if switched_off:
        yield problem(f"{DISABLED} names {switched_off!r}: callspan is not loaded", f"take it out of {DISABLED}")
    elif not is_visible:
        yield problem(
            "opentelemetry-instrument does not find callspan: its entry point is not installed",
            "pip install callspan, instead of putting its source on PYTHONPATH",
        )
    elif is_loaded:
        yield ok("opentelemetry-instrument finds and loads callspan")
    is_missing = is_visible and not switched_off and not is_loaded
    if environment.loading_error:
        yield problem(f"loading the instrumentations failed: {environment.loading_error}", "see the message")
    else:
        errors = [one["text"] for one in environment.loading.get("warnings", ()) if one["by"].startswith(_LOADER)]
        for text in dict.fromkeys(errors):
            yield Finding(PROBLEM if is_missing else NOTE, text, "see the message")
        if is_missing and not errors and "langchain-core" in environment.installed:
            yield problem(
                "opentelemetry-instrument does not load callspan, and logs nothing",
                "call callspan.instrument() in the program",
            )
    yield from _recording(environment)


def _recording(environment: Environment) -> Iterable[Finding]:
    """Check the provider, the exporter's variable and the sampler."""
    exporter = environment.variables.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    # It is the provider that counts: a vendor's distro sets one as OpenTelemetry's own does
    if not environment.is_on("OTEL_SDK_DISABLED") and "Proxy" in environment.loading.get("provider", ""):
        no_provider = "opentelemetry-instrument sets no tracer provider, so nothing is recorded"
        if "opentelemetry-distro" not in environment.installed:
            fix = "pip install 'callspan[otlp]', or set a TracerProvider in the program"
            yield problem(f"{no_provider}: there is no distro", fix)
        else:
            yield problem(no_provider, "unset OTEL_PYTHON_CONFIGURATOR and OTEL_PYTHON_DISTRO, or correct them")
    elif not environment.variable(FILE) and exporter in ("", "none"):
        how = "=none" if exporter else " is set to nothing"  # which is not the same as unset
        yield note(f"OTEL_TRACES_EXPORTER{how}: spans go nowhere", "set it to otlp, or unset it, which means otlp")
    sampler = environment.variable("OTEL_TRACES_SAMPLER").lower()
    if sampler.endswith("always_off"):
        yield problem(f"OTEL_TRACES_SAMPLER={sampler}: no span is recorded", "unset OTEL_TRACES_SAMPLER")
    elif "traceidratio" in sampler:
        share = environment.variable("OTEL_TRACES_SAMPLER_ARG") or "1.0"
        what = f"OTEL_TRACES_SAMPLER={sampler}: a share of {share} of the traces is recorded"
        yield note(what, "unset it to have all")


def check_patches(environment: Environment) -> Iterable[Finding]:
    """Check which patches took in a process in which all of LangChain was imported."""
    states: Mapping[str, str] = environment.loading.get("patches", {})
    if not states:
        return
    for module, why in environment.loading.get("broken", {}).items():
        yield problem(f"{module} cannot be imported: {why}", "repair the installation of the package")
    if failed := [where for where, state in states.items() if state == UNPATCHED]:
        yield problem(
            f"{len(failed)} callables could not be patched: {_some(failed)}",
            "another library replaces them: import it before LangChain, or do without it",
        )
    if unknown := _unknown_modules(states):
        yield problem(
            f"nothing that callspan knows is left in {_some(unknown)}: calls there are not traced",
            "install a version that callspan supports, or a newer callspan",
        )
    count = Counter(states.values())
    if count[PATCHED]:
        absent = f"; {count[ABSENT]} more are of other versions" if count[ABSENT] else ""
        waiting = f"; {count[WAITING]} are of packages that are not installed" if count[WAITING] else ""
        yield ok(f"{count[PATCHED]} patches took{absent}{waiting}")
    elif "langchain-core" in environment.installed:
        yield note("no patch took: LangChain could not be imported", "repair its installation")


def _unknown_modules(states: Mapping[str, str]) -> list[str]:
    """Return the modules that are there without any callable that is patched."""
    by_module: dict[str, dict[str, str]] = {}
    for where, state in states.items():
        module, _, path = where.partition(":")
        by_module.setdefault(module, {})[path] = state
    # `_set_config_context` is imported into modules of older versions only: its absence means nothing
    return [
        module
        for module, paths in by_module.items()
        if set(paths.values()) == {ABSENT} and not all(path.startswith("_set_config_context") for path in paths)
    ]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def check_settings(environment: Environment) -> Iterable[Finding]:
    """Check variables that are refused or misspelt."""
    refused = [one["text"] for one in environment.loading.get("warnings", ()) if one["by"].startswith("callspan")]
    unknown = sorted(name for name in environment.variables if name.startswith("CALLSPAN_") and name not in _KNOWN)
    for text in refused:
        yield problem(text, "write one of the allowed values, or take it out")
    for name in unknown:
        close = difflib.get_close_matches(name, _KNOWN, 1)
        fix = f"did you mean {close[0]}?" if close else "take it out"
        yield Finding(PROBLEM if close else NOTE, f"{name} is no variable of callspan's", fix)
    if not refused and not unknown and environment.loading:
        yield ok(f"settings are read; detail: {environment.loading['detail']}")
    if environment.variable(FILE):
        yield note("OTEL_CONFIG_FILE is set: OpenTelemetry reads it, and not most of its variables", "see the file")


def check_content(environment: Environment) -> Iterable[Finding]:
    """Check which content is recorded, and where it goes."""
    mode = environment.loading.get("content")
    if mode is None:
        return
    if mode == "no_content":
        yield ok("content is off: no prompt, answer, argument or result is recorded")
        return
    places = {"span_only": "on spans", "event_only": "in log events", "span_and_event": "on spans and in log events"}
    limit, redact = environment.loading["content_limit"], environment.loading["redact"]
    yield note(
        f"content is on: messages are recorded {places[mode]}, at most {limit} bytes each; redacted: {redact}",
        f"unset {CONTENT}, if that is not meant",
    )
    if redact == "none":
        yield note("CALLSPAN_REDACT=none: keys and passwords are recorded too", "unset CALLSPAN_REDACT")
    if "event" in mode and environment.variable("OTEL_LOGS_EXPORTER").lower() == "none":
        yield problem(
            f"{CONTENT}={mode}, and OTEL_LOGS_EXPORTER=none: the events go nowhere",
            "set OTEL_LOGS_EXPORTER=otlp, or the content to span_only",
        )
    if "span" in mode and protocol(environment.variables) == "grpc":
        yield note(
            "content goes over gRPC: servers refuse a batch of more than 4 MiB, and all its spans are lost",
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf (port 4318), or OTEL_BSP_MAX_EXPORT_BATCH_SIZE=64",
        )
