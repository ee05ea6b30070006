"""Runs as they happen: a tree that grows, or a line for each call that has ended; and what all of them add up to."""

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
from callspan.viewer.open_traces import OpenTrace, raw_of, trace_of
from callspan.viewer.otlp import RawSpan
from callspan.viewer.rows import TOLD, name_text, plain_line, plain_root, sums_of
from callspan.viewer.screen import Screen
from callspan.viewer.summary import Summary
from callspan.viewer.trace import kind_of
from callspan.viewer.tree import MOST, live_lines, tree_lines

_log = logging.getLogger("callspan")

_FRAME = 1 / 8  # seconds from one drawing to the next, at least
_TICK = 0.5  # seconds after which times are drawn again, though nothing else has changed
_SHARE = 20  # how many times longer than a drawing took to wait for the next: the program needs the processor


class Live(SpanProcessor):
    """Shows the runs of this process on a screen; without one they are not shown."""

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
        """Show what is still open, and write only lines that stay from now on."""
        self._over = True
        self._changed.set()
        if self.screen is not None:
            self.screen.withdraw()
        with self.lock:
            unfinished, self._groups = self._groups, {}
        for one in unfinished.values():
            self._show_finished(one)

    def forget(self, screen: Screen | None) -> None:
        """Start anew in a forked process: what is open belongs to its parent."""
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
            self._start_painter(self.screen)

    def _end(self, span: ReadableSpan) -> None:
        raw = raw_of(span)
        with self.lock:
            found = self._groups.setdefault(raw.trace_id, OpenTrace())
            found.end(raw)
            if not found.open:
                del self._groups[raw.trace_id]
        self._changed.set()
        if self._over or self.screen is None:  # the file has what comes now
            return
        if not self.screen.is_moving and _has_line(raw):
            look = self.screen.look
            (alone,) = trace_of([raw], {}).spans
            self.screen.say([plain_line(alone, [name_text(name, look) for name in found.above(raw)], look)])
        if not found.open:
            self._show_finished(found)

    def _show_finished(self, finished: OpenTrace) -> None:
        """Show a trace of which no span is open any more, once and whole."""
        screen, trace = self.screen, finished.trace()
        if trace is None or screen is None:
            return
        look = screen.measure()
        with self.lock:
            self.summary.add(trace, look)
        if screen.is_moving:
            screen.draw(self._running_lines(screen, except_for=finished))
            screen.say(tree_lines(trace, look, most=MOST))
            return
        sums = sums_of(trace)
        roots = [(place, root) for place, root in enumerate(trace.spans) if root.parent < 0]
        screen.say([plain_root(trace, root, look, sums[place]) for place, root in roots if not _has_line(root.raw)])

    def _start_painter(self, screen: Screen) -> None:
        with self.lock:
            if self._painter is None:
                self._painter = Thread(target=self._keep_painting, name="callspan-live", daemon=True)
                self._painter.start()
        screen.when_cleared = self._changed.set

    def _keep_painting(self) -> None:
        pause = _FRAME
        while not self._over and (screen := self.screen) is not None:
            self._changed.wait(_TICK if self._groups else None)
            time.sleep(pause)  # first: what is over at once is not drawn before it is printed
            self._changed.clear()
            began = time.perf_counter()
            try:
                screen.draw(self._running_lines(screen))
            except Exception as error:  # noqa: BLE001 - what is shown is never in the way of the program
                _log.warning("callspan stops drawing what runs", exc_info=error)
                return
            pause = max(_FRAME, _SHARE * (time.perf_counter() - began))

    def _running_lines(self, screen: Screen, except_for: OpenTrace | None = None) -> list[str]:
        """Return the trees of what runs, in as many lines as fit on the screen."""
        if self._over:
            return []
        look = screen.measure()
        with self.lock:
            others = [one for one in self._groups.values() if one is not except_for]
        traces = [trace for one in others if (trace := one.trace()) is not None]
        room = look.height - 4
        shown = traces if len(traces) <= room else traces[: room - 1]
        left_out = len(traces) - len(shown)
        room -= left_out > 0
        lines: list[str] = []
        for place, trace in enumerate(shown):
            share = (room - len(lines)) // (len(shown) - place)
            lines += live_lines(trace, look, (time.time_ns() - trace.start) // 1000, share)
        return [*lines, f"{look.signs.more} {left_out} more runs"] if left_out else lines


def _has_line(raw: RawSpan) -> bool:
    """Return whether a span that has ended gets a plain line of its own."""
    kind = kind_of(raw)
    began_here = raw.failed and any(event.name == semconv.EXCEPTION for event in raw.events)
    return kind in TOLD or (began_here and kind not in ("http", "other"))
