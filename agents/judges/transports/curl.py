"""An httpx transport that has the curl program do the talking.

macOS lets some Pythons open no socket to the local network and says nothing; programs they start
are let through. The body goes to curl by its standard input and everything else, the address and
the API key included, by a pipe of its own, so that nothing shows in the list of processes or on
the disk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable
from math import ceil
from typing import Final

import httpx

CHUNK: Final = 65_536
MAX_HEADERS: Final = 65_536
"""A server that sends more bytes of headers than this is broken."""

_IN_PART = frozenset({b"content-length", b"transfer-encoding", b"connection"})
"""Headers that speak of how the body travelled, which curl has already seen to."""


class CurlTransport(httpx.AsyncBaseTransport):
    """Runs one curl for each request. Cancelling the request kills it.

    Its time-outs are httpx's: for connecting, and for each wait for more bytes.
    """

    def __init__(self, program: str = "curl") -> None:
        """`program` is curl's name or path; it is looked up with each request."""
        self._program = program

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer as soon as its headers are there; the body follows as a stream.

        Raises:
            httpx.TransportError: as httpx's own transport would.
        """
        body = await request.aread()
        timeouts = request.extensions.get("timeout", {})
        read_timeout = timeouts.get("read")
        process = await self._start(
            config(request, timeouts.get("connect"), read_timeout, bool(body))
        )
        answer = _Answer(process, request, read_timeout)
        try:
            await answer.feed(body)
            status, headers = await answer.headers()
        except BaseException:
            await answer.aclose()
            raise
        return httpx.Response(status, headers=headers, stream=answer, request=request)

    async def _start(self, settings: bytes) -> Process:
        program = shutil.which(self._program)
        if program is None:
            raise httpx.ConnectError(f"there is no program {self._program!r} on this machine")
        reading, writing = os.pipe()
        try:
            try:
                # A pipe holds 16 kB at least before anyone reads; settings are a tenth of that.
                os.write(writing, settings)
            finally:
                os.close(writing)
            return await asyncio.create_subprocess_exec(
                program,
                "-q",  # must come first: no .curlrc
                "--config",
                f"/dev/fd/{reading}",
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                pass_fds=(reading,),
                limit=MAX_HEADERS,
            )
        finally:
            os.close(reading)


def config(
    request: httpx.Request, connect: float | None, read: float | None, has_body: bool
) -> bytes:
    """Return curl's configuration for a request.

    Raises:
        httpx.LocalProtocolError: a line end or more than 8 kB in the address and the headers.
    """
    lines = [
        f"url = {_quoted(str(request.url))}",
        f"request = {_quoted(request.method)}",
        'noproxy = "*"',
        'proto = "=http,https"',
        "globoff",
        "path-as-is",
        "http1.1",
        "include",
        "silent",
        "show-error",
        "no-buffer",
        'header = "Expect:"',
    ]
    if connect is not None:
        lines.append(f"connect-timeout = {connect:.3f}")
    if read is not None:
        # Ends a curl whose parent was killed and could not stop it.
        lines += ["speed-limit = 1", f"speed-time = {ceil(read) + 5}"]
    if has_body:
        lines.append('data-binary = "@-"')
    for name, value in request.headers.raw:
        if name.lower() not in _IN_PART:
            text = f"{name.decode('latin-1')}: {value.decode('latin-1')}"
            lines.append(f"header = {_quoted(text if value else text.replace(': ', ';'))}")
    settings = "\n".join(lines).encode("latin-1", "replace") + b"\n"
    if len(settings) > 8_192:
        raise httpx.LocalProtocolError("the address and headers are longer than 8 kB")
    return settings


class _Answer(httpx.AsyncByteStream):
    """What curl writes: one or more blocks of headers, then the body."""

    def __init__(self, process: Process, request: httpx.Request, timeout: float | None) -> None:
        self._process = process
        self._request = request
        self._timeout = timeout
        self._errors = asyncio.create_task(self._read_errors())

    async def feed(self, body: bytes) -> None:
        """Give curl the body to send."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(body)
            await stdin.drain()
            stdin.close()
            await stdin.wait_closed()
        except (BrokenPipeError, ConnectionResetError):
            return  # curl has ended; its exit code says why

    async def headers(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return status and headers of the last block, past any 1xx."""
        while True:
            block = await self._block()
            lines = block.split(b"\r\n")
            status = int(lines[0].split(b" ", 2)[1])
            if status >= 200:
                pairs = [line.split(b":", 1) for line in lines[1:] if b":" in line]
                return status, [
                    (name.strip(), value.strip())
                    for name, value in pairs
                    if name.strip().lower() not in _IN_PART
                ]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stdout = self._process.stdout
        assert stdout is not None
        while chunk := await self._within(stdout.read(CHUNK)):
            yield chunk
        await self._ended()

    async def aclose(self) -> None:
        """Kill curl if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._errors.cancel()
        await asyncio.gather(self._errors, return_exceptions=True)

    async def _block(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            block = await self._within(stdout.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError as error:
            raise httpx.RemoteProtocolError("endless headers", request=self._request) from error
        except asyncio.IncompleteReadError as error:
            await self._ended()
            raise httpx.RemoteProtocolError("no HTTP answer", request=self._request) from error
        if not block.startswith(b"HTTP/") or not block[9:12].isdigit():
            raise httpx.RemoteProtocolError("no HTTP answer", request=self._request)
        return block[:-4]

    async def _within(self, waiting: Awaitable[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await waiting
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=self._request) from error

    async def _ended(self) -> None:
        """Raise what curl's exit code says, if it is not 0."""
        code = await self._process.wait()
        if code == 0:
            return
        said = (await self._errors).decode("utf-8", "replace").strip() or f"curl ended with {code}"
        kind = _ERRORS.get(code, httpx.ReadError)
        if code == 28 and "onnect" in said.partition("(28)")[2]:
            kind = httpx.ConnectTimeout
        raise kind(said.splitlines()[0], request=self._request)

    async def _read_errors(self) -> bytes:
        stderr = self._process.stderr
        assert stderr is not None
        said = bytearray()
        while chunk := await stderr.read(CHUNK):
            if len(said) < CHUNK:
                said += chunk
        return bytes(said)


_ERRORS: dict[int, type[httpx.TransportError]] = {
    1: httpx.UnsupportedProtocol,
    2: httpx.LocalProtocolError,
    3: httpx.UnsupportedProtocol,
    5: httpx.ConnectError,
    6: httpx.ConnectError,
    7: httpx.ConnectError,
    26: httpx.LocalProtocolError,
    28: httpx.ReadTimeout,
    35: httpx.ConnectError,
    52: httpx.RemoteProtocolError,
    55: httpx.WriteError,
    60: httpx.ConnectError,
    77: httpx.ConnectError,
}
"""Exit codes (curl(1), EXIT CODES) as httpx's errors; others are a broken-off answer."""


def _quoted(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise httpx.LocalProtocolError("a line end in the address or a header")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'
