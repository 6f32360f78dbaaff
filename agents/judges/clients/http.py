"""JSON over HTTP to one server: one retry policy, and one meaning for each way it can fail."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

import httpx
import orjson
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from agents.judges.clients.wire import RequestRejected, ServerFault
from agents.judges.contract import JudgeUnavailable
from schemas.identity import well_formed

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpcore tries to import it for every lock of every request, and Python looks through all of
    # sys.path for it again each time: forty stat calls a request, a fifth of what one costs.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

MAX_BODY: Final = 16 * 1024 * 1024
"""A judge's answer is some kilobytes; a server that sends more than this many bytes is broken."""

CONNECT_SECONDS: Final = 10.0
ATTEMPTS: Final = 4
RETRY_AFTER_MAX: Final = 30.0
"""A server that asks for a longer wait than this many seconds is left alone for now."""

_BUSY = frozenset({408, 425, 429, 502, 503, 504})
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.CloseError)


class _Transient(Exception):
    """Worth another attempt. `final` is what it comes to when there are none left."""

    def __init__(self, final: Exception, retry_after: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.retry_after = retry_after


class JsonServer:
    """A server at `url`, spoken to in JSON.

    Nothing from the environment takes part (no proxies, no netrc) and redirects are not followed:
    what a judge is given goes to the configured address and nowhere else.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float,
        connections: int = 1,
        api_key: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        backoff: float = 0.5,
    ) -> None:
        """`seconds` bounds one whole exchange. `backoff` is the first wait between attempts, in
        seconds; it doubles each time."""
        self.url = url
        self._seconds = seconds
        self._backoff = backoff
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {api_key}"} if api_key else None,
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds), pool=None),
            limits=httpx.Limits(max_connections=connections + 1),
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )

    async def get(self, path: str) -> Mapping[str, Any]:
        """Return the JSON object at `path`. Raises as `post`."""
        return await self._retrying("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send `body` to `path` and return the JSON object that comes back.

        Raises:
            JudgeUnavailable: nobody listens, the server is over-full or wants another API key.
            RequestRejected: another 4xx answer.
            ServerFault: a time-out, a broken connection, a 5xx answer, or no JSON object.
        """
        try:
            content = orjson.dumps(body)
        except TypeError:
            content = orjson.dumps(well_formed(body))
        return await self._retrying("POST", path, content)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _retrying(self, method: str, path: str, content: bytes | None) -> Mapping[str, Any]:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            reraise=True,
        )
        try:
            return await attempts(self._exchange, method, path, content)
        except _Transient as error:
            raise error.final from error

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, _Transient) else None
        doubled: float = self._backoff * 2.0 ** (state.attempt_number - 1)
        return max(asked or 0.0, doubled)

    async def _exchange(self, method: str, path: str, content: bytes | None) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, body = await self._send(method, path, content)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise ServerFault(
                f"{self.url} did not answer within {self._seconds:g} s", "timeout"
            ) from error
        except httpx.ConnectTimeout as error:
            raise JudgeUnavailable(f"{self.url} can't be reached: connecting timed out") from error
        except httpx.ConnectError as error:
            raise _Transient(
                JudgeUnavailable(f"{self.url} can't be reached: {error or 'connection failed'}")
            ) from error
        except _BROKEN as error:
            raise _Transient(
                ServerFault(f"{self.url} broke the connection off", "server_error")
            ) from error
        except httpx.TransportError as error:
            raise JudgeUnavailable(f"{self.url} can't be used: {error}") from error
        if status == 200:
            return self._object(body)
        raise self._failure(status, headers, body)

    async def _send(
        self, method: str, path: str, content: bytes | None
    ) -> tuple[int, httpx.Headers, bytes]:
        headers = {"content-type": "application/json"} if content is not None else {}
        async with self._http.stream(
            method, self.url + path, content=content, headers=headers
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BODY:
                    raise ServerFault(f"{self.url} sent more than {MAX_BODY >> 20} MB", "malformed")
            return response.status_code, response.headers, bytes(body)

    def _object(self, body: bytes) -> Mapping[str, Any]:
        try:
            value = _loads(body)
        except (ValueError, RecursionError) as error:
            raise ServerFault(f"{self.url} sent no JSON: {body[:80]!r}", "malformed") from error
        if not isinstance(value, dict):
            raise ServerFault(f"{self.url} sent no JSON object: {body[:80]!r}", "malformed")
        return value

    def _failure(self, status: int, headers: httpx.Headers, body: bytes) -> Exception:
        said = error_text(body)
        message = f"{self.url} answered {status}: {said}"
        if status in _BUSY:
            wait = _seconds(headers.get("retry-after", ""))
            final = JudgeUnavailable(message, wait)
            return final if (wait or 0) > RETRY_AFTER_MAX else _Transient(final, wait)
        if status in (401, 403):
            return JudgeUnavailable(f"{message} (check api_key or api_key_file)")
        if 300 <= status < 400:
            target = headers.get("location", "elsewhere")
            return JudgeUnavailable(f"{self.url} points to {target}; set url to where it listens")
        if status >= 500:
            return _Transient(ServerFault(message, "server_error"))
        return RequestRejected(message, status)


def error_text(body: bytes) -> str:
    """Return what a server's error body says, on one line: `error`, `error.message`, `detail`,
    or the beginning of the body itself."""
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = body.decode("utf-8", "replace")
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return " ".join(text.split())[:300] or "(nothing)"


def _loads(body: bytes) -> Any:
    """Read JSON, with lone surrogates replaced where a server written in JavaScript sent some."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return well_formed(json.loads(body))


def _seconds(text: str) -> float | None:
    """Read a Retry-After header; the form with a date is not worth a clock."""
    return float(text) if text.isdecimal() else None
