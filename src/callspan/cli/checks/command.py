"""Run the user's command under every installed instrumentation, and check its traces."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from callspan import semconv
from callspan.cli.checks.environment import DISABLED, NOTE, PROBLEM, CommandRun, Environment, Finding, note, ok, problem
from callspan.cli.checks.others import LANGCHAIN, LANGSMITH, Other
from callspan.cli.checks.run_counter import VARIABLE, RunCounter, read_counts
from callspan.settings import CALLBACKS, FILE
from callspan.testing.zero_code import run_instrumented, write_to
from callspan.viewer.analyze import CALLS, HANDLED, ORIGIN, read_traces
from callspan.viewer.formats import many_text
from callspan.viewer.trace import MISSING, Span, Trace

_OURS = "callspan"


def run_command(command: Sequence[str]) -> CommandRun:
    """Run a command to its end; Ctrl-C ends it, and not us.

    Raises:
        FileNotFoundError: There is no such command.
    """
    words = [sys.executable, *command] if command[0].endswith(".py") else [*command]
    found = shutil.which(words[0])
    if found is None:
        raise FileNotFoundError(f"there is no command {words[0]!r}")
    with tempfile.TemporaryDirectory(prefix="callspan-doctor-") as folder, _ctrl_c_ignored():
        trace_file, runs = Path(folder, "trace.jsonl"), Path(folder, "runs")
        callback = f"{RunCounter.__module__}:{RunCounter.__name__}"
        others = os.environ.get(CALLBACKS, "").strip()
        variables = {
            VARIABLE: str(runs),
            CALLBACKS: f"{others},{callback}" if others else callback,
            FILE: "",  # it would send the spans elsewhere; here they go into our file
        }
        show = partial(write_to, sys.stderr)  # stdout has the findings alone
        code = run_instrumented(words, trace_file, environment=variables, show=show)
        traces, _ = read_traces([trace_file])
        here, there = Path(sys.executable).absolute().parent, Path(found).absolute()
        other_python = str(there.parent) if there.name.startswith("python") and there.parent != here else ""
        return CommandRun(tuple(words), code, traces, read_counts(runs), other_python)


@contextmanager
def _ctrl_c_ignored() -> Generator[None]:
    """Leave Ctrl-C to the command, which is how a server is stopped."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN: the command would inherit that
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def check_command(environment: Environment) -> Iterator[Finding]:
    """Check the command's traces, and the runs that callspan counted in it."""
    ran = environment.ran
    if ran is None:
        return
    spans = [span for trace in ran.traces for span in trace.spans if span.raw.name != MISSING]
    if ran.other_python:
        yield problem(
            f"the command's Python is in {ran.other_python}, and callspan is in another one",
            "name the Python of the environment that callspan is installed in",
        )
    if ran.code:
        yield note(f"the command ended with exit code {ran.code}", "see what it printed")
    if not any(span.raw.scope == _OURS for span in spans):
        yield from _no_spans(ran)
    if spans:
        processes = f" by {ran.counts.processes} processes" if ran.counts.processes > 1 else ""
        made = f"{many_text(len(spans), 'span')} in {many_text(len(ran.traces), 'trace')}"
        yield ok(f"the command made {made}{processes}")
    yield from _lost(ran, spans)
    yield from _alone(ran.traces)
    yield from _doubled(ran.traces)
    yield from _without_counts(spans)
    yield from _failed(spans)


def _no_spans(ran: CommandRun) -> Iterator[Finding]:
    """Find out why there is no span of callspan's."""
    if not ran.counts.processes:
        yield problem(
            "no spans: callspan was not loaded in the command",
            "see the problems above; python -I, -E and -S keep opentelemetry-instrument out",
        )
    elif not ran.counts.started:
        yield problem(
            "no spans: the command did not run anything of LangChain's",
            "run it so that it calls a model, a chain or a graph",
        )
    elif not ran.counts.recorded:
        yield problem(
            f"no spans: callspan heard {ran.counts.started} runs, and none was recorded",
            "see the problems above: a sampler, OTEL_SDK_DISABLED or a missing provider",
        )


def _lost(ran: CommandRun, spans: list[Span]) -> Iterator[Finding]:
    counts, written = ran.counts, sum(span.raw.scope == _OURS for span in spans)
    lost, open_at_exit = counts.ended - written, counts.recorded - counts.ended
    if counts.ended and not written:
        yield problem(
            f"the spans of {many_text(counts.ended, 'run')} are not in the trace: the program "
            "sets a tracer provider of its own, to which they went, or it left by os._exit",
            "that provider's exporter has them; else call callspan.flush(5) before, or end by sys.exit",
        )
    elif lost > 0:
        yield problem(
            f"{many_text(lost, 'span')} that had ended got lost at the exit: the process was killed, "
            "or left by os._exit",
            "call callspan.flush(5) before, or end by sys.exit",
        )
    if open_at_exit > 0:
        yield problem(
            f"{_count_has(open_at_exit, 'run')} no end: the process ended within them",
            "end by sys.exit, and on SIGTERM too: signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))",
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
        yield note(
            f"{_count_has(len(names), 'root')} nothing below: {_most_common(names)}",
            "if it calls models: through LangChain's objects, not the provider's client; and see docs/context.md",
        )


def _doubled(traces: list[Trace]) -> Iterator[Finding]:
    """Find other instrumentations that write spans of the same calls."""
    if not any(span.raw.scope == _OURS for trace in traces for span in trace.spans):
        return
    by_scope: Counter[str] = Counter(
        span.raw.scope  # in every trace: an instrumentation that does not make its spans current has its own
        for trace in traces
        for span in trace.spans
        if span.raw.scope != _OURS
        if _known(span.raw.scope) is not None or (span.kind in CALLS and _is_doubled(trace, span))
    )
    for scope, count in by_scope.items():
        unknown = Other(scope or "a tracer without a name", scope, f"switch that instrumentation off: {DISABLED}")
        other = _known(scope) or unknown
        yield problem(f"{_count_has(count, 'call')} two spans: one is of {other.title}", other.off)


def _known(scope: str) -> Other | None:
    return next((one for one in (*LANGCHAIN.values(), LANGSMITH) if scope.startswith(one.scope)), None)


def _is_doubled(trace: Trace, span: Span) -> bool:
    """Return whether callspan has a span of the same call: of its kind, around it, in it, or at the same time."""
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


_NO_METADATA = "its integration gives no usage_metadata: use a newer one, or another"
_NOT_ASKED = "ask for them: ChatOpenAI(..., stream_usage=True), which is not the default with a base_url of your own"
_NOT_STREAMED = "its integration gives no usage_metadata in streams: see its options, or invoke it"


def _without_counts(spans: list[Span]) -> Iterator[Finding]:
    """Find model calls without token counts, and why."""
    by_fix: dict[str, list[str]] = {}
    for span in spans:
        found = span.raw.attributes
        is_counted = semconv.INPUT_TOKENS in found or semconv.OUTPUT_TOKENS in found
        is_whole = span.failure is None and span.outcome is None and found.get(semconv.CACHE_HIT) is not True
        if span.kind == "llm" and span.raw.scope == _OURS and is_whole and not is_counted:
            fix = _NO_METADATA
            if found.get(semconv.REQUEST_STREAM) is True or span.first_token is not None:
                is_openai = str(found.get(semconv.PROVIDER, "")).startswith(("openai", "azure"))
                fix = _NOT_ASKED if is_openai else _NOT_STREAMED
            by_fix.setdefault(fix, []).append(span.raw.name)
    for fix, names in by_fix.items():
        calls = _count_has(len(names), "call" if fix == _NO_METADATA else "streamed call")
        yield note(f"{calls} no token counts: {_most_common(names)}", fix)


def _failed(spans: list[Span]) -> Iterator[Finding]:
    for rank, level, what, fix in (
        (ORIGIN, PROBLEM, "a call failed", "see the message; callspan view shows where"),
        (HANDLED, NOTE, "a call failed, and the program went on", ""),
    ):
        found = [span for span in spans if span.rank == rank]
        if found:
            failure = found[0].failure
            text = ": ".join(filter(None, (failure.type, failure.message))) if failure else ""
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            yield Finding(level, f"{what}: {found[0].raw.name}: {text}{more}", fix)


def _count_has(count: int, what: str) -> str:
    """Return `1 call has` or `3 calls have`."""
    return f"{many_text(count, what)} {'has' if count == 1 else 'have'}"


def _most_common(names: list[str]) -> str:
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in Counter(names).most_common(3))
