"""Runs as they happen: a tree that grows, or lines of what has ended; and what all of them add up to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, RLock, Thread
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from callspan import semconv
from callspan.core import state
from callspan.viewer.open_traces import OpenTrace, alone, raw_of
from callspan.viewer.otlp import RawSpan
from callspan.viewer.rows import TOLD, name_text, plain_line, plain_root, sums_of
from callspan.viewer.screen import Screen
from callspan.viewer.summary import Summary
from callspan.viewer.trace import Trace, kind_of
from callspan.viewer.tree import MOST, live_lines, tree_lines

_log = logging.getLogger("callspan")

_FRAME = 1 / 8  # seconds from one drawing to the next, at least

_TICK = 0.5  # seconds after which times are drawn again, though nothing else has changed

_SHARE = 20  # how many times longer than a drawing took it is waited for the next: the program needs the processor


class Live(SpanProcessor):
    """Shows the runs of this process.

    Args:
        screen: Where they are shown; None: nowhere, they are only added up.
    """

    def __init__(self, screen: Screen | None) -> None:
        self.screen = screen
        self._groups: dict[str, OpenTrace] = {}
        self.lock = RLock()
        self._changed = Event()
        self._painter: Thread | None = None
        self._over = False
        self.summary = Summary()

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Note a span that has started."""
        self._guarded(self._start, span)

    def on_end(self, span: ReadableSpan) -> None:
        """Note a span that has ended, and show what has ended with it."""
        self._guarded(self._end, span)

    def finish(self) -> None:
        """Show what is still open, as it is, and nothing more from now on but lines that stay."""
        self._over = True
        self._changed.set()
        if self.screen is not None:
            self.screen.withdraw()
        with self.lock:
            groups, self._groups = self._groups, {}
        for group in groups.values():
            self._finished(group)

    def forget(self, screen: Screen | None) -> None:
        """Go on in a process of its own: what is open is another's."""
        self.screen, self.lock, self._changed, self._painter = screen, RLock(), Event(), None
        self._groups, self.summary = {}, Summary()

    def _guarded(self, note: Callable[[ReadableSpan], None], span: ReadableSpan) -> None:
        try:
            note(span)
        except Exception as error:  # noqa: BLE001 - what is shown is never in the way of the program
            state.log_own_failure("showing a span", error)

    def _start(self, span: ReadableSpan) -> None:
        raw = raw_of(span)
        with self.lock:
            self._groups.setdefault(raw.trace_id, OpenTrace()).start(raw, span)
        if self.screen is not None and self.screen.is_moving and not self._over:
            self._changed.set()
            self._paint()

    def _end(self, span: ReadableSpan) -> None:
        raw = raw_of(span)
        with self.lock:
            group = self._groups.setdefault(raw.trace_id, OpenTrace())
            group.end(raw)
            over = not group.open
            if over:
                del self._groups[raw.trace_id]
        self._changed.set()
        if self._over:  # all has been said; the file has what comes now
            return
        if self.screen is not None and not self.screen.is_moving and _is_told(raw):
            self.screen.say([_line(raw, group, self.screen)])
        if over:
            self._finished(group)

    def _finished(self, group: OpenTrace) -> None:
        """Show runs of which nothing is open any more, once and whole."""
        trace = group.trace()
        if trace is None:
            return
        screen = self.screen
        if screen is None:
            return
        look = screen.measure()
        with self.lock:
            self.summary.add(trace, look)
        if screen.is_moving:
            screen.draw(self._running(except_for=group))
            screen.say(tree_lines(trace, look, most=MOST))
        else:
            sums = sums_of(trace)
            lines = [
                plain_root(trace, root, look, sums[place])
                for place, root in enumerate(trace.spans)
                if root.parent < 0 and not _is_told(root.raw)
            ]
            screen.say(lines)

    def _paint(self) -> None:
        if self._painter is None:
            with self.lock:
                if self._painter is None:
                    self._painter = Thread(target=self._keep_painting, name="callspan-live", daemon=True)
                    self._painter.start()
        if self.screen is not None:
            self.screen.when_cleared = self._changed.set

    def _keep_painting(self) -> None:
        pause = _FRAME
        while not self._over and (screen := self.screen) is not None:
            self._changed.wait(_TICK if self._groups else None)
            time.sleep(pause)  # first: what is over at once is not drawn before it is printed
            self._changed.clear()
            began = time.perf_counter()
            try:
                screen.draw(self._running())
            except Exception as error:  # noqa: BLE001 - what is shown is never in the way of the program
                _log.warning("callspan stops drawing what runs", exc_info=error)
                return
            pause = max(_FRAME, _SHARE * (time.perf_counter() - began))

    def _running(self, except_for: OpenTrace | None = None) -> list[str]:
        """Return the trees of what runs, in as many lines as may be drawn again."""
        if self.screen is None or self._over:
            return []
        look = self.screen.measure()
        with self.lock:
            groups = [group for group in self._groups.values() if group is not except_for]
        traces = [trace for group in groups if (trace := group.trace()) is not None]
        room = look.height - 4
        lines: list[str] = []
        for place, trace in enumerate(traces):
            share = (room - len(lines)) // (len(traces) - place)
            if share < 1:
                break
            lines += live_lines(trace, look, _now(trace), share)
        if len(lines) < len(traces) and traces:
            lines[-1:] = [f"{look.signs.more} {len(traces) - len(lines) + 1} more runs"]
        return lines


def _now(trace: Trace) -> int:
    return (time.time_ns() - trace.start) // 1000


def _is_told(raw: RawSpan) -> bool:
    kind = kind_of(raw)
    began_here = raw.failed and any(event.name == semconv.EXCEPTION for event in raw.events)
    return kind in TOLD or (began_here and kind not in ("http", "other"))


def _line(raw: RawSpan, group: OpenTrace, screen: Screen) -> str:
    (span,) = alone([raw], {}).spans
    above = [name_text(name, screen.look) for name in group.above(raw)]
    return plain_line(span, above, screen.look)
