"""What each failure of a server comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from agents.judges.clients import JsonServer, RequestRejected, ServerFault
from agents.judges.clients.http import ATTEMPTS, MAX_BODY, error_text
from agents.judges.contract import JudgeUnavailable

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Transport(httpx.AsyncBaseTransport):
    """Answers in turn, the last answer for ever, and counts."""

    def __init__(self, *answers: Answer | Exception | httpx.Response) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)
        said = answer(request)
        return said if isinstance(said, httpx.Response) else await said


def server(transport: Transport, seconds: float = 5.0, api_key: str = "") -> JsonServer:
    return JsonServer(
        "http://judge", seconds=seconds, transport=transport, api_key=api_key, backoff=0.001
    )


def said(status: int, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error": "so it is"}, headers=names)


OK = httpx.Response(200, json={"fine": True})


async def test_an_object_is_returned_and_the_key_is_sent() -> None:
    transport = Transport(OK)
    assert await server(transport, api_key="secret").post("/chat", {"a": "\ud83d"}) == {
        "fine": True
    }
    request = transport.requests[0]
    assert request.headers["authorization"] == "Bearer secret"
    assert request.content == b'{"a":"\xef\xbf\xbd"}'


async def test_half_a_surrogate_pair_does_not_cost_the_answer() -> None:
    transport = Transport(httpx.Response(200, content=b'{"a":"x\\ud83d"}'))
    assert await server(transport).get("/x") == {"a": "x\ufffd"}


@pytest.mark.parametrize(
    "first",
    [
        said(503),
        said(429, retry_after="0"),
        said(500),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
    ],
)
async def test_what_passes_is_tried_again(first: Exception | httpx.Response) -> None:
    transport = Transport(first, OK)
    assert await server(transport).get("/x") == {"fine": True}
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    ("answer", "error", "message", "attempts"),
    [
        (said(503), JudgeUnavailable, "http://judge answered 503: so it is", ATTEMPTS),
        (said(503, retry_after="99"), JudgeUnavailable, "503", 1),
        (httpx.ConnectError("refused"), JudgeUnavailable, "can't be reached: refused", ATTEMPTS),
        (httpx.ConnectTimeout(""), JudgeUnavailable, "connecting timed out", 1),
        (httpx.UnsupportedProtocol("no"), JudgeUnavailable, "can't be used: no", 1),
        (said(401), JudgeUnavailable, "check api_key", 1),
        (said(403), JudgeUnavailable, "check api_key", 1),
        (said(307, location="http://other"), JudgeUnavailable, "points to http://other", 1),
        (said(400), RequestRejected, "400: so it is", 1),
        (said(404), RequestRejected, "404: so it is", 1),
        (said(500), ServerFault, "500: so it is", ATTEMPTS),
        (httpx.ReadError("reset"), ServerFault, "broke the connection off", ATTEMPTS),
        (httpx.ReadTimeout(""), ServerFault, "did not answer within 5 s", 1),
        (httpx.Response(200, content=b"<html>"), ServerFault, "sent no JSON", 1),
        (httpx.Response(200, content=b"[" * 100_000), ServerFault, "sent no JSON", 1),
        (httpx.Response(200, content=b"[1]"), ServerFault, "sent no JSON object", 1),
    ],
)
async def test_what_each_failure_comes_to(
    answer: Exception | httpx.Response, error: type[Exception], message: str, attempts: int
) -> None:
    transport = Transport(answer)
    with pytest.raises(error) as caught:
        await server(transport).get("/x")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(transport.requests) == attempts


async def test_a_servers_own_wish_is_passed_on() -> None:
    with pytest.raises(JudgeUnavailable) as caught:
        await server(Transport(said(503, retry_after="99"))).get("/x")
    assert caught.value.retry_after == 99.0


async def test_a_server_that_hangs_is_given_up() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return OK

    with pytest.raises(ServerFault, match=r"did not answer within 0\.05 s") as caught:
        await server(Transport(hang), seconds=0.05).get("/x")
    assert caught.value.reason == "timeout"


async def test_an_endless_body_is_cut_off() -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            nonlocal read
            while True:
                read += 1 << 20
                yield b" " * (1 << 20)

    with pytest.raises(ServerFault, match="more than 16 MB"):
        await server(Transport(lambda _: httpx.Response(200, stream=Endless()))).get("/x")
    assert read <= MAX_BODY + (2 << 20)


async def test_the_environment_cannot_redirect_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(JudgeUnavailable) as caught:
        await JsonServer("http://127.0.0.1:1", seconds=1, backoff=0.001).get("/x")
    assert "127.0.0.1:1 can't be reached" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":"a"}', "a"),
        (b'{"error":{"message":"b\\nc"}}', "b c"),
        (b'{"detail":[1]}', "[1]"),
        (b"plain\ntext", "plain text"),
        (b"", "(nothing)"),
        (b"\xff", "\ufffd"),
    ],
)
def test_what_an_error_says(body: bytes, text: str) -> None:
    assert error_text(body) == text
