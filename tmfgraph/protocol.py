"""HTTP as the server speaks it: uvicorn's protocol, with an end to what a client may keep it waiting for.

It stands on names of uvicorn's HttpToolsProtocol that are not promised to stay; a test names them all.
"""

import asyncio
import json
import logging
from http import HTTPStatus
from operator import itemgetter
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from resolvers.errors import error_body
from tmfgraph.settings import Settings

TARGET_AT_MOST = 16 * 1024
"""How long the target of a request line may be, in bytes; 414 beyond."""
HEADERS_AT_MOST = 100
HEADER_BYTES_AT_MOST = 32 * 1024
"""How many header fields a request may have, and how many bytes in all of them; 431 beyond."""
PIPELINED_AT_MOST = 20
"""How many requests may come before the first of them is answered."""
UNSENT_AT_MOST = 256 * 1024 * 1024
"""How many bytes of answers may wait in all for clients that do not read; the slowest are cut off beyond."""
PIECE = 16 * 1024
"""How much is read at a time before the limits are looked at."""
_NAME = itemgetter(0)
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_LINGER = 1.0
"""How long a refused client is still listened to: closed at once, it might not get to read why."""


class Refused(Exception):
    """A request that the protocol itself refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Front:
    """Makes the protocol of each connection, and looks once a second whether one takes too long."""

    def __init__(self, settings: Settings) -> None:
        self.header_timeout = settings.header_timeout
        self.body_timeout = settings.body_timeout
        self.idle_timeout = max(settings.header_timeout, settings.keep_alive_timeout)
        self.connections_at_most = settings.connections_at_most
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, **given: Any) -> "Protocol":
        return Protocol(self, **given)

    def watch(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        """Looks at these connections from now on, as long as there are any."""
        if self._timer is None:
            self._timer = loop.call_later(SECONDS_BETWEEN_LOOKS, self._look, loop, connections)

    def _look(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        self._timer = None
        now = loop.time()
        ours = [one for one in connections if isinstance(one, Protocol)]
        for one in ours:
            one.look(now)
        blocked = sorted((one for one in ours if one.unsent), key=lambda one: one.unsent_since or now)
        unsent = sum(one.unsent for one in blocked)
        for one in blocked:
            if unsent <= UNSENT_AT_MOST:
                break
            unsent -= one.unsent
            one.transport.abort()
        if connections:
            self.watch(loop, connections)

    def make_room(self, newcomer: "Protocol") -> bool:
        """Whether the newcomer may stay; for it the one goes that has waited longest for a request."""
        others = newcomer.connections - {newcomer}
        if len(others) < self.connections_at_most:
            return True
        idle = [one for one in others if isinstance(one, Protocol) and one.is_idle]
        if not idle:
            return False
        min(idle, key=lambda one: one.since).transport.abort()
        return True


class _WithoutCancellations:
    """A logger for a request whose client is gone: that its work was cancelled is no error."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def error(self, *given: Any, exc_info: BaseException | None = None) -> None:
        if not isinstance(exc_info, asyncio.CancelledError):
            self._logger.error(*given, exc_info=exc_info)


class Protocol(HttpToolsProtocol):
    """One connection. Who sends or reads too slowly, or too much, is answered so, and the connection ends.

    When it ends, so does the work on the request: whoever asked is gone.
    """

    def __init__(self, front: Front, **given: Any) -> None:
        super().__init__(**given)
        self._front = front
        self.url = b""
        self.headers = []
        self.since = 0.0
        """Since when the head of a request, or its body, is awaited."""
        self.unsent = 0
        self.unsent_since: float | None = None
        self._begun = self._in_body = self._refused = False
        self._plain_bytes = 0
        """How many bytes came that are no part of a body, since the request began or its body went on."""
        self._refusal: Refused | None = None
        self._running: tuple[RequestResponseCycle, asyncio.Task[None]] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is going on but that a request is awaited."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and not self._in_body and not self.unsent and not self.transport.is_closing()

    # ---- the connection ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.since = self.loop.time()
        self._front.watch(self.loop, self.connections)
        if len(self.connections) > self._front.connections_at_most and not self._front.make_room(self):
            self._refuse(Refused(503, "Too many connections are open; try again."))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end_work()

    def _end_work(self) -> None:
        if self._running is None:
            return
        cycle, task = self._running
        if not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            cycle.logger = cast(logging.Logger, _WithoutCancellations(cycle.logger))
            task.cancel()

    def data_received(self, data: bytes) -> None:
        if len(data) > PIECE:
            for start in range(0, len(data), PIECE):
                if self.transport.is_closing():
                    return
                self.data_received(data[start : start + PIECE])
            return
        if self._refused:
            return
        super().data_received(data)
        self._plain_bytes += len(data)
        if self._plain_bytes > PIECE:
            if len(self.url) > TARGET_AT_MOST:
                self._refuse(_too_long())
            elif self._plain_bytes > HEADER_BYTES_AT_MOST + TARGET_AT_MOST + PIECE:
                self._refuse(_too_many_headers())
        if len(self.headers) > HEADERS_AT_MOST:
            self._refuse(_too_many_headers())

    # ---- the request ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun, self._plain_bytes, self.since = True, 0, self.loop.time()

    def on_headers_complete(self) -> None:
        parser: Any = self.parser
        hosts = [*map(_NAME, self.headers)].count(b"host")
        if hosts != 1 and (hosts > 1 or parser.get_http_version() != "1.0"):
            self._refusal = Refused(400, "A request has one Host header.")
        elif len(self.url) > TARGET_AT_MOST:
            self._refusal = _too_long()
        elif len(self.headers) > HEADERS_AT_MOST or (self._plain_bytes and self._header_bytes_are_too_many()):
            self._refusal = _too_many_headers()
        elif len(self.pipeline) >= PIPELINED_AT_MOST:
            self._refusal = Refused(400, f"More than {PIPELINED_AT_MOST} requests were sent ahead.")
        if self._refusal is not None:
            raise self._refusal  # for the parser, which ends with an error of its own
        super().on_headers_complete()
        self._in_body, self._plain_bytes = True, 0
        if not parser.should_upgrade():
            self.headers = []  # what still comes are trailers: none of them is a header

    def _header_bytes_are_too_many(self) -> bool:
        """To be asked only of a head that came in several pieces: one alone is not as long as that."""
        return sum(len(name) + len(value) for name, value in self.headers) > HEADER_BYTES_AT_MOST

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._plain_bytes = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._begun = self._in_body = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._running = cycle, task

    # ---- the end of patience -------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Ends the connection where the client takes too long."""
        self.unsent = self.transport.get_write_buffer_size()
        if self.unsent:
            self.unsent_since = self.unsent_since or now
            if now - self.unsent_since > self._front.body_timeout:
                self.transport.abort()
            return
        self.unsent_since = None
        waited = now - self.since
        if not self._in_body and self.cycle is not None and not self.cycle.response_complete:
            self.since = now  # it is we who keep the client waiting
        elif self._in_body:
            if waited > self._front.body_timeout:
                seconds = f"{self._front.body_timeout:g} seconds"
                self._refuse(Refused(408, f"The body did not come within {seconds}."))
        elif self._begun or self.cycle is None:
            if waited > self._front.header_timeout and self.is_idle:
                seconds = f"{self._front.header_timeout:g} seconds"
                self._refuse(Refused(408, f"The request did not come within {seconds}."))
        elif waited > self._front.idle_timeout and self.is_idle:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls where the parser gives up."""
        self._refuse(self._refusal or Refused(400, "This is not HTTP/1.1, or not by its rules."))

    @property
    def _may_answer(self) -> bool:
        """Whether the client would take what is written now for the answer to what it is sending."""
        running = self._running[0] if self._running else None
        if self._in_body:
            return running is not None and running is self.cycle and not running.response_started
        return running is None or running.response_complete

    def _refuse(self, refused: Refused) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if not self._may_answer:
            self.transport.close()
            return
        self._end_work()
        self._unset_keepalive_if_required()
        self.transport.write(_answer(refused))
        if refused.status == 503 or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(SECONDS_TO_LINGER, self.transport.abort)


def _too_long() -> Refused:
    return Refused(414, f"The target of a request may have up to {TARGET_AT_MOST:,} bytes.")


def _too_many_headers() -> Refused:
    return Refused(
        431, f"A request may have up to {HEADERS_AT_MOST} headers, of {HEADER_BYTES_AT_MOST:,} bytes in all."
    )


def _answer(refused: Refused) -> bytes:
    reason = HTTPStatus(refused.status).phrase
    code = reason.upper().replace(" ", "_").replace("-", "_")
    body = json.dumps(error_body(refused.status, code, reason.capitalize(), str(refused))).encode()
    retry = "retry-after: 1\r\n" if refused.status == 503 else ""
    head = (
        f"HTTP/1.1 {refused.status} {reason}\r\ncontent-type: application/json\r\n{retry}"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
