"""The command that was run, judged by its trace and by what callspan heard in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sized

from callspan import semconv
from callspan.cli.checks.command import Ran
from callspan.cli.checks.finding import NOTE, OK, PROBLEM, Case, Finding
from callspan.cli.checks.others import LANGCHAIN, LANGSMITH, Other
from callspan.viewer.analyze import CALLS, HANDLED, ORIGIN
from callspan.viewer.trace import MISSING, Span, Trace

_OURS = "callspan"


def check(case: Case) -> Iterable[Finding]:
    """Check what the command did."""
    ran = case.ran
    if ran is None:
        return
    spans = [span for trace in ran.traces for span in trace.spans if span.raw.name != MISSING]
    if ran.python:
        yield Finding(
            PROBLEM,
            f"the command's Python is in {ran.python}, and callspan is in another one",
            "name the Python of the environment that callspan is installed in",
        )
    if ran.code:
        yield Finding(NOTE, f"the command ended with exit code {ran.code}", "see what it printed")
    yield from _silent(ran, spans)
    if spans:
        processes = f" by {ran.heard.processes} processes" if ran.heard.processes > 1 else ""
        made = f"{_counted(spans, 'span', 'spans')} in {_counted(ran.traces, 'trace', 'traces')}"
        yield Finding(OK, f"the command made {made}{processes}")
    yield from _lost(ran, spans)
    yield from _alone(ran.traces)
    yield from _twice(ran.traces)
    yield from _uncounted(spans)
    yield from _failed(spans)


def _silent(ran: Ran, spans: list[Span]) -> Iterator[Finding]:
    """Write why there is no span of ours, if there is none."""
    heard = ran.heard
    if any(span.raw.scope == _OURS for span in spans):
        return
    if not heard.processes:
        yield Finding(
            PROBLEM,
            "no spans: callspan was not loaded in the command",
            "see the problems above; python -I, -E and -S keep opentelemetry-instrument out",
        )
    elif not heard.started:
        yield Finding(
            PROBLEM,
            "no spans: the command did not run anything of LangChain's",
            "run it so that it calls a model, a chain or a graph",
        )
    elif not heard.recorded:
        yield Finding(
            PROBLEM,
            f"no spans: callspan heard {heard.started} runs, and none was recorded",
            "see the problems above: a sampler, OTEL_SDK_DISABLED or a missing provider",
        )


def _lost(ran: Ran, spans: list[Span]) -> Iterator[Finding]:
    heard, written = ran.heard, sum(span.raw.scope == _OURS for span in spans)
    if heard.ended and not written:
        yield Finding(
            PROBLEM,
            f"the spans of {heard.ended} {'run' if heard.ended == 1 else 'runs'} are not in the trace: the program "
            "sets a tracer provider of its own, to which they went, or it left by os._exit",
            "that provider's exporter has them; else call callspan.flush(5) before, or end by sys.exit",
        )
    elif (lost := heard.ended - written) > 0:
        yield Finding(
            PROBLEM,
            f"{lost} {'span' if lost == 1 else 'spans'} that had ended got lost at the exit: the process was killed, "
            "or left by os._exit",
            "call callspan.flush(5) before, or end by sys.exit",
        )
    if (cut := heard.recorded - heard.ended) > 0:
        yield Finding(
            PROBLEM,
            f"{cut} {'run has' if cut == 1 else 'runs have'} no end: the process ended within them",
            "end by sys.exit, and on SIGTERM too: signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))",
        )
    missing = sum(span.raw.name == MISSING for trace in ran.traces for span in trace.spans)
    if missing and heard.recorded == heard.ended <= written:
        yield Finding(
            NOTE,
            f"{missing} spans are parents of others and did not come: they did not end, or went elsewhere",
            "see whether the program makes spans of its own with another provider",
        )


def _alone(traces: list[Trace]) -> Iterator[Finding]:
    """Find agents and graphs that have nothing below them: their calls lost their context, or are not LangChain's."""
    names = [
        root.raw.name
        for trace in traces
        for root in trace.roots
        if root.kind in ("agent", "workflow") and root.raw.scope == _OURS
        if not root.children and root.failure is None and root.outcome is None
    ]
    if names:
        yield Finding(
            NOTE,
            f"{_counted(names, 'root has', 'roots have')} nothing below: {_some(names)}",
            "if it calls models: through LangChain's objects, not the provider's client; and see docs/context.md",
        )


def _twice(traces: list[Trace]) -> Iterator[Finding]:
    """Find who else writes spans of the same calls."""
    by_scope: Counter[str] = Counter()
    if not any(span.raw.scope == _OURS for trace in traces for span in trace.spans):
        return
    for trace in traces:  # who does not make its spans current has traces of its own
        for span in trace.spans:
            scope = span.raw.scope
            if scope != _OURS and (_known(scope) is not None or (span.kind in CALLS and _ours_near(trace, span))):
                by_scope[scope] += 1
    for scope, count in by_scope.items():
        other = _known(scope) or Other(
            scope or "a tracer without a name",
            scope,
            "switch that instrumentation off: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        )
        calls = "call has" if count == 1 else "calls have"
        yield Finding(PROBLEM, f"{count} {calls} two spans: one is of {other.title}", other.off)


def _known(scope: str) -> Other | None:
    return next((one for one in (*LANGCHAIN.values(), LANGSMITH) if scope.startswith(one.scope)), None)


def _ours_near(trace: Trace, span: Span) -> bool:
    """Return whether a span of ours is of the same call: of its kind, around it, right in it, or at once with it."""
    above = span
    while above.parent >= 0:
        above = trace.spans[above.parent]
        if above.kind == span.kind:
            return above.raw.scope == _OURS
    beside = [*span.children, *(trace.spans[span.parent].children if span.parent >= 0 else ())]
    return any(
        one.raw.scope == _OURS and one.kind == span.kind and one.start < span.stop and span.start < one.stop
        for one in (trace.spans[place] for place in beside)
    )


def _uncounted(spans: list[Span]) -> Iterator[Finding]:
    """Find models' calls that do not say what they used, and say why."""
    silent: dict[str, list[str]] = {}
    for span in spans:
        if span.kind == "llm" and span.raw.scope == _OURS and _should_count(span):
            silent.setdefault(_why_uncounted(span), []).append(span.raw.name)
    for fix, names in silent.items():
        how = "streamed " if fix != _NO_METADATA else ""
        yield Finding(
            NOTE, f"{_counted(names, how + 'call has', how + 'calls have')} no token counts: {_some(names)}", fix
        )


_NO_METADATA = "its integration gives no usage_metadata: use a newer one, or another"
_NOT_ASKED = "ask for them: ChatOpenAI(..., stream_usage=True), which is not the default with a base_url of your own"
_NOT_STREAMED = "its integration gives no usage_metadata in streams: see its options, or invoke it"


def _why_uncounted(span: Span) -> str:
    if not (span.raw.attributes.get(semconv.REQUEST_STREAM) is True or span.first_token is not None):
        return _NO_METADATA
    provider = str(span.raw.attributes.get(semconv.PROVIDER, ""))
    return _NOT_ASKED if provider.startswith(("openai", "azure")) else _NOT_STREAMED


def _should_count(span: Span) -> bool:
    said = span.raw.attributes
    counted = semconv.INPUT_TOKENS in said or semconv.OUTPUT_TOKENS in said
    return not counted and span.failure is None and span.outcome is None and said.get(semconv.CACHE_HIT) is not True


def _failed(spans: list[Span]) -> Iterator[Finding]:
    for rank, level, what, fix in (
        (ORIGIN, PROBLEM, "call failed", "see the message; callspan view shows where"),
        (HANDLED, NOTE, "call failed, and the program went on", ""),
    ):
        found = [span for span in spans if span.rank == rank]
        if found:
            first = found[0]
            said = first.failure
            text = f"{said.type}: {said.message}" if said and said.message else said.type if said else ""
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            yield Finding(level, f"a {what}: {first.raw.name}: {text}{more}", fix)


def _counted(things: Sized, one: str, many: str) -> str:
    return f"1 {one}" if len(things) == 1 else f"{len(things)} {many}"


def _some(names: list[str]) -> str:
    each = Counter(names).most_common(3)
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in each)
