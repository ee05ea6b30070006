"""Send exports of spans over OTLP/HTTP, as JSON or protobuf, and try again where the server allows it."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage
from ipaddress import ip_address
from threading import Event
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from callspan.core.text import encodable
from callspan.version import __version__

_LATER = (429, 502, 503, 504)  # the same request may pass later (OTLP specification, "Retryable Response Codes")
_REFUSED = (400, 413)  # something in the request is wrong, or it is too large: a smaller one may pass

_ANSWER = 30.0  # seconds that an answer may take
_LONGEST_WAIT = 30.0  # seconds between two tries, unless the server asks for more
_LONGEST_ASKED = 24 * 3600.0  # seconds: a server that asks for more is ignored
_BYTES = 64 * 1024  # bytes of an answer that are read


class SendError(Exception):
    """Nothing more can be sent; the text says why."""


class Refused(Exception):
    """The server refused these spans; it may accept fewer of them."""


class Stopped(Exception):
    """The user stopped it, and nothing is on the way."""


@dataclass(slots=True)
class Sender:
    """Sends to one server.

    Args:
        url: The whole address, path included.
        headers: Headers besides the content's type.
        protobuf: Whether it wants protobuf.
        patience: Seconds in which it must accept something.
        stop: Ends the waiting when it is set.
        on_retry: Receives why something is tried again, and in how many seconds.
        unsure: Whether the server may have accepted the last request although no answer came.
        gave_up: Whether the server accepted nothing for `patience` seconds.
        name: The address without password and query, for messages.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    protobuf: bool = False
    patience: float = 60.0
    stop: Event = field(default_factory=Event)
    on_retry: Callable[[str, float], None] = lambda why, seconds: None
    unsure: bool = False
    gave_up: bool = False
    name: str = field(init=False)
    _opener: OpenerDirector = field(init=False)

    def __post_init__(self) -> None:
        # A proxy cannot know what "localhost" is here.
        self.name = address(self.url)
        proxies = [ProxyHandler({})] if _is_here(self.url) else []
        self._opener = build_opener(_NoRedirect, *proxies)

    def send(self, export: str) -> tuple[int, str]:
        """Send an export until it is answered.

        Returns:
            How many of its spans were rejected, and why.

        Raises:
            Refused: The server refused the whole export.
            Stopped: `stop` was set while it waited for another try.
            SendError: It was not accepted, and nothing else would be.
        """
        body, kind = self._body(export)
        request = Request(self.url, body, {"User-Agent": f"callspan/{__version__}", **self.headers, **kind})
        self.unsure = False
        deadline = time.monotonic() + self.patience
        tries = 0
        while True:
            why, after = self._once(request)
            if after is None:
                return self._rejected(why)
            tries += 1
            wait = max(after, min(_LONGEST_WAIT, 0.25 * 2**tries) * random.uniform(0.5, 1))
            if time.monotonic() + wait > deadline:
                self.gave_up = True
                raise SendError(f"{self.name} accepted nothing for {self.patience:.0f} s: {_text(why)}")
            self.on_retry(_text(why), wait)
            if self.stop.wait(wait):
                raise Stopped

    def _body(self, export: str) -> tuple[bytes, dict[str, str]]:
        if self.protobuf:
            return encoded(export), {"Content-Type": "application/x-protobuf"}
        return export.encode(), {"Content-Type": "application/json"}

    def _once(self, request: Request) -> tuple[bytes, float | None]:
        """Try once.

        Returns:
            The answer and None; or why it must be tried again, and the seconds before that, at least.
        """
        try:
            with self._opener.open(request, timeout=_ANSWER) as answer:
                kind = answer.headers.get_content_type()
                if kind == "text/html":  # a web page answers everything with itself
                    raise SendError(
                        f"{self.name} answers with a web page: it is no OTLP endpoint, which is often :4318"
                    )
                return answer.read(_BYTES), None
        except HTTPError as error:
            with error:
                body = _body_of(error)
            if error.code in _LATER:
                return f"{error.code} {error.reason}".encode(), _retry_after(error.headers.get("Retry-After"))
            said = f"{error.code} {error.reason}: {_text(body)}".rstrip(": ")
            if error.code in _REFUSED:
                raise Refused(said) from error
            raise SendError(f"{self.name} answers {said}{self._hint(error.code)}") from error
        except URLError as error:
            return str(error.reason).encode(), 0.0
        except (HTTPException, OSError) as error:  # the request was sent, and an answer did not come
            self.unsure = True
            return (str(error) or type(error).__name__).encode(), 0.0

    def _hint(self, status: int) -> str:
        if status == 415:  # noqa: PLR2004 - unsupported media type
            return f" (try --protocol {'http/json' if self.protobuf else 'http/protobuf'})"
        if status in (401, 403):
            return " (what it asks for can be given with --header)"
        return ""

    def _rejected(self, answer: bytes) -> tuple[int, str]:
        if self.protobuf:
            return rejected(answer)
        try:
            partial = json.loads(answer or b"{}")["partialSuccess"]
            return int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or "")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return 0, ""  # nothing was rejected, or an answer that says nothing


def address(url: str) -> str:
    """Return an address as it may be told: without name, password and query, in which there may be keys."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class _NoRedirect(HTTPRedirectHandler):
    """Follows nowhere: a redirected POST becomes a GET, and would succeed with nothing sent."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _body_of(error: HTTPError) -> bytes:
    try:
        return error.read(_BYTES)
    except (HTTPException, OSError):
        return b""


def _text(body: bytes) -> str:
    """Return what a server said in words: its message, if its answer is JSON with one."""
    text = body.decode("utf-8", "replace")
    try:
        told = json.loads(text, strict=False)
        text = str(told["message"]) if isinstance(told, dict) and told.get("message") else text
    except (ValueError, RecursionError):
        pass
    return "".join(letter if letter.isprintable() else " " for letter in text[:300]).strip()


def _retry_after(told: str | None) -> float:
    """Return the seconds a server asks for: it names them, or a date."""
    told = told or "0"
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return seconds if 0 <= seconds < _LONGEST_ASKED else 0.0


_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def encoded(export: str) -> bytes:
    """Return an export as protobuf.

    Raises:
        Refused: Something in it is no OTLP.
    """
    from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest()
    try:
        ParseDict(json.loads(export, object_pairs_hook=_object), message, ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    # The last two are what protobuf makes of numbers and texts that are none.
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError, OverflowError, SystemError) as error:
        raise Refused(f"it is no OTLP: {error}") from error


def rejected(answer: bytes) -> tuple[int, str]:
    """Return how many spans an answer rejects, and why."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with ids as protobuf's own JSON has them, base64 where OTLP has hex, and texts in UTF-8."""
    return {encodable(name): _value(name, value) if isinstance(value, str) else value for name, value in pairs}


def _value(name: str, value: str) -> str:
    return base64.b64encode(bytes.fromhex(value)).decode() if len(value) == _IDS.get(name) else encodable(value)
