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
from threading import Event
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from callspan.core.text import encodable
from callspan.version import __version__

_LATER = (429, 502, 503, 504)  # the same request may pass later (OTLP specification, "Retryable Response Codes")
_REFUSED = (400, 413)  # something in the request is wrong, or it is too large: a smaller one may pass
_HINTS = {
    401: " (give a key with --header)",
    403: " (give a key with --header)",
    415: " (try the other --protocol, http/json or http/protobuf)",
}

_ANSWER = 30.0  # seconds that an answer may take
_LONGEST_WAIT = 30.0  # seconds between two tries, unless the server asks for more
_LONGEST_ASKED = 24 * 3600.0  # seconds: a server that asks for more is ignored
_BYTES = 64 * 1024  # bytes of an answer that are read

_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}  # hex digits; protobuf's own JSON has base64


class SendError(Exception):
    """Nothing more can be sent; the text says why."""


class Refused(Exception):
    """The server refused these spans; it may accept fewer of them."""


class Stopped(Exception):
    """The user stopped it, and nothing is on the way."""


@dataclass(slots=True)
class Sender:
    """Sends to one server."""

    url: str  # the whole address, path included
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # besides the content's type
    protobuf: bool = False
    patience: float = 60.0  # seconds in which the server must accept something
    stop: Event = field(default_factory=Event)  # ends the waiting when it is set
    on_retry: Callable[[str, float], None] = lambda why, seconds: None
    unsure: bool = False  # whether the server may have accepted the last request although no answer came
    gave_up: bool = False  # whether the server accepted nothing for `patience` seconds
    name: str = field(init=False)  # the address for messages
    _opener: OpenerDirector = field(init=False)

    def __post_init__(self) -> None:
        self.name = address(self.url)
        # A proxy cannot know what "localhost" is here.
        proxies = [ProxyHandler({})] if urlsplit(self.url).hostname in ("localhost", "127.0.0.1", "::1") else []
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
        body = as_protobuf(export) if self.protobuf else export.encode()
        kind = "application/x-protobuf" if self.protobuf else "application/json"
        headers = {"User-Agent": f"callspan/{__version__}", **self.headers, "Content-Type": kind}
        request = Request(self.url, body, headers)
        self.unsure = False
        deadline = time.monotonic() + self.patience
        tries = 0
        while True:
            answer, after = self._try_once(request)
            if after is None:
                return _rejected_in_protobuf(answer) if self.protobuf else _rejected_in_json(answer)
            tries += 1
            why = _message_in(answer)
            wait = max(after, min(_LONGEST_WAIT, 0.25 * 2**tries) * random.uniform(0.5, 1))
            if time.monotonic() + wait > deadline:
                self.gave_up = True
                raise SendError(f"{self.name} accepted nothing for {self.patience:.0f} s: {why}")
            self.on_retry(why, wait)
            if self.stop.wait(wait):
                raise Stopped

    def _try_once(self, request: Request) -> tuple[bytes, float | None]:
        """Return the answer and None; or why to try again, and the seconds to wait before that, at least."""
        try:
            with self._opener.open(request, timeout=_ANSWER) as answer:
                if answer.headers.get_content_type() == "text/html":  # a web page answers everything with itself
                    raise SendError(f"{self.name} answers with a web page, not as an OTLP endpoint (often port 4318)")
                return answer.read(_BYTES), None
        except HTTPError as error:
            status = f"{error.code} {error.reason}"
            if error.code in _LATER:
                error.close()
                return status.encode(), _retry_after(error.headers.get("Retry-After") or "0")
            text = f"{status}: {_body_of(error)}".rstrip(": ")
            if error.code in _REFUSED:
                raise Refused(text) from error
            raise SendError(f"{self.name} answers {text}{_HINTS.get(error.code, '')}") from error
        except URLError as error:
            return str(error.reason).encode(), 0.0
        except (HTTPException, OSError) as error:  # the request was sent, and an answer did not come
            self.unsure = True
            return (str(error) or type(error).__name__).encode(), 0.0


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: a redirected POST becomes a GET, and would succeed with nothing sent."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def address(url: str) -> str:
    """Return an address without name, password and query, in which there may be keys."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _body_of(error: HTTPError) -> str:
    try:
        with error:
            return _message_in(error.read(_BYTES))
    except (HTTPException, OSError):
        return ""


def _message_in(body: bytes) -> str:
    """Return the message in a server's answer, on one line: a field of it if the answer is JSON."""
    text = body.decode("utf-8", "replace")
    try:
        content = json.loads(text, strict=False)
        text = str(content["message"]) if isinstance(content, dict) and content.get("message") else text
    except (ValueError, RecursionError):
        pass
    return "".join(letter if letter.isprintable() else " " for letter in text[:300]).strip()


def _retry_after(header: str) -> float:
    """Return the seconds a server asks to wait: it names them, or a date."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return seconds if 0 <= seconds < _LONGEST_ASKED else 0.0


def _rejected_in_json(answer: bytes) -> tuple[int, str]:
    """Return how many spans an answer rejects, and why."""
    try:
        partial = json.loads(answer)["partialSuccess"]
        return int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0, ""  # nothing was rejected, or the answer does not say


def _rejected_in_protobuf(answer: bytes) -> tuple[int, str]:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except DecodeError:
        return 0, ""
    return partial.rejected_spans, partial.error_message


def as_protobuf(export: str) -> bytes:
    """Return an export as protobuf.

    Raises:
        Refused: Something in it is no OTLP.
    """
    from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    message = ExportTraceServiceRequest()
    try:
        ParseDict(json.loads(export, object_pairs_hook=_with_base64_ids), message, ignore_unknown_fields=True)
        return bytes(message.SerializeToString())
    # The last two are what protobuf makes of numbers and texts that are none.
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError, OverflowError, SystemError) as error:
        raise Refused(f"it is no OTLP: {error}") from error


def _with_base64_ids(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object as protobuf's own JSON has it: ids in base64, texts that UTF-8 can carry."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(value, str):
            is_id = len(value) == _IDS.get(name)
            found[encodable(name)] = base64.b64encode(bytes.fromhex(value)).decode() if is_id else encodable(value)
        else:
            found[encodable(name)] = value
    return found
