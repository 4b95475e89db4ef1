"""HTTP functions: `src/plugin.py` has a function `answer` that takes a `Request` and gives a `Response`."""

# Names of hosts are encoded by it; what is not imported when the component is built cannot be imported later.
import encodings.idna as _idna  # noqa: F401
import json as _json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import wasi_http_types_0_2_10 as wit
from wit_world.imports import wasi_io_streams_0_2_10 as streams

_CHUNK_BYTES = 64 * 1024
# As many bytes as `blocking-write-and-flush` takes at once.
_WRITE_BYTES = 4096


class BodyTooLarge(Exception):
    """A body has more bytes than the plugin takes."""


class Request:
    """A request as it comes; its body is read when it is asked for."""

    def __init__(self, incoming: wit.IncomingRequest):
        self._incoming = incoming
        method = incoming.method()
        self.method: str = method.value if isinstance(method, wit.Method_Other) else type(method).__name__[7:].upper()
        """`GET`, `POST`, …"""
        url = urlsplit(incoming.path_with_query() or "/")
        self.path: str = url.path
        """Relative to the function: `/f/{tenant}/{function}/` is `/` here."""
        self.query: str = url.query
        """What follows the question mark."""

    def header(self, name: str) -> Optional[str]:
        """The first value of a header, None where there is none."""
        values = self._incoming.headers().get(name)
        return values[0].decode("latin-1") if values else None

    def body(self, most: int) -> bytes:
        """The whole body, once. Raises `BodyTooLarge` beyond so many bytes."""
        parts, size = [], 0
        for part in self._parts():
            size += len(part)
            if size > most:
                raise BodyTooLarge(f"at most {most} bytes are taken")
            parts.append(part)
        return b"".join(parts)

    def _parts(self) -> Iterator[bytes]:
        with self._incoming.consume() as body, body.stream() as stream:
            while True:
                try:
                    yield stream.blocking_read(_CHUNK_BYTES)
                except Err as error:
                    if isinstance(error.value, streams.StreamError_Closed):
                        return
                    raise


@dataclass
class Response:
    """Status, headers and body of an answer."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def json(value: object, status: int = 200, content_type: str = "application/json") -> Response:
    """An answer in JSON."""
    body = _json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, [("content-type", content_type)], body)


def problem(status: int, detail: str) -> Response:
    """An answer in problem details (RFC 9457)."""
    return json({"status": status, "detail": detail}, status, "application/problem+json")


def send(response: Response, out: wit.ResponseOutparam) -> None:
    """Gives an answer to the host. The entry of the component calls it."""
    headers = wit.Fields.from_list([(name, value.encode("latin-1")) for name, value in response.headers])
    outgoing = wit.OutgoingResponse(headers)
    outgoing.set_status_code(response.status)
    body = outgoing.body()
    wit.ResponseOutparam.set(out, Ok(outgoing))
    with body.write() as stream:
        for start in range(0, len(response.body), _WRITE_BYTES):
            stream.blocking_write_and_flush(response.body[start : start + _WRITE_BYTES])
    wit.OutgoingBody.finish(body, None)
