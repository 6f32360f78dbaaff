"""curl in httpx's place: the same answers, the same errors, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from agents.judges.factory import make_judge
from agents.judges.fake import FakeJudge
from agents.judges.transports.curl import CurlTransport, config
from schemas.settings import ModelJudge as Settings
from schemas.turn import Turn

Serve = Callable[..., Awaitable[str]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b:c\r\n\r\nhi"


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return a function that serves fixed bytes to whoever comes, and then closes."""
    servers: list[asyncio.Server] = []

    async def started(answer: bytes, wait: bool = False) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
            body = await reader.readexactly(int(length or 0))
            writer.write(answer.replace(b"ECHO", head + body))
            await writer.drain()
            if wait:
                await reader.read()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield started
    for server in servers:
        server.close()


def client(program: str = "curl", timeout: float = 5.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=CurlTransport(program), timeout=timeout)


def children() -> set[str]:
    """The processes that this one has started, by /proc."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(path.read_text().split())


def shown_of(child: str) -> bytes:
    """What anyone with an account can see of a process."""
    process = Path("/proc", child)
    return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()


async def test_an_answer(serve: Serve) -> None:
    async with client() as http:
        answer = await http.get(await serve(OK))
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (200, "hi", "b:c")


async def test_what_is_sent(serve: Serve) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\n\r\nECHO")
    body = os.urandom(200_000).hex() + '\n@file "quoted" \\'
    async with client() as http:
        headers = {"X-Odd": 'a "b" \\c', "X-Empty": "", "Authorization": "Bearer s"}
        answer = await http.post(f"{url}/a[1]{{b}}/../c?q=%20", content=body, headers=headers)
    head, _, got = answer.text.partition("\r\n\r\n")
    assert got == body
    lines = head.split("\r\n")
    assert lines[0].startswith("POST /")
    assert lines[0].endswith("?q=%20 HTTP/1.1")
    assert 'X-Odd: a "b" \\c' in lines
    assert "X-Empty:" in lines
    assert "Authorization: Bearer s" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert not any(line.lower().startswith("expect") for line in lines)


async def test_chunks_early_hints_and_errors(serve: Serve) -> None:
    chunked = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\n"
    chunked += b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
    async with client() as http:
        answer = await http.get(await serve(chunked))
    assert (answer.status_code, answer.text) == (404, "hi!")
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", httpx.ReadError),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx.TransportError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", httpx.TransportError),
    ],
)
async def test_broken_answers(serve: Serve, answer: bytes, error: type[Exception]) -> None:
    async with client() as http:
        with pytest.raises(error):
            await http.get(await serve(answer))


async def test_errors_have_httpx_names(serve: Serve) -> None:
    async with client() as http:
        with pytest.raises(httpx.ConnectError, match="onnect"):
            await http.get("http://127.0.0.1:1")
        with pytest.raises(httpx.ConnectError, match="resolve"):
            await http.get("http://no-such-host.invalid")
    async with client("no-such-curl") as http:
        with pytest.raises(httpx.ConnectError, match="no program 'no-such-curl'"):
            await http.get("http://127.0.0.1:1")
    async with client(timeout=0.2) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(await serve(b"", True))
    assert not children()


async def test_cancelling_kills_the_child(serve: Serve) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\n\r\nhalf", True)
    async with client() as http:
        task = asyncio.create_task(http.get(url))
        while not children():  # noqa: ASYNC110 - what others do is not ours to signal
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not children()


async def test_no_secret_shows_in_the_list_of_processes(serve: Serve) -> None:
    url = await serve(b"", True)
    async with client() as http:
        task = asyncio.create_task(
            http.post(url, content="private", headers={"Authorization": "Bearer hush"})
        )
        while not children():  # noqa: ASYNC110 - what others do is not ours to signal
            await asyncio.sleep(0.005)
        (child,) = children()
        seen = shown_of(child)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for secret in (b"hush", b"private", url.encode()):
        assert secret not in seen


async def test_neither_files_nor_variables_of_the_user_take_part(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".curlrc").write_text('proxy = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with client() as http:
        assert (await http.get(await serve(OK))).text == "hi"


def test_a_header_cannot_smuggle_in_settings() -> None:
    request = httpx.Request("GET", "http://x", headers=[(b"a", b'b\nurl = "http://y"')])
    with pytest.raises(httpx.LocalProtocolError):
        config(request, 1.0, 1.0, False)
    huge = httpx.Request("GET", "http://x", headers={"a": "b" * 9_000})
    with pytest.raises(httpx.LocalProtocolError):
        config(huge, 1.0, 1.0, False)


async def test_a_judge_over_curl(make_turn: Callable[..., Turn]) -> None:
    async with FakeJudge() as fake:
        settings = {"name": "c", "url": fake.url, "model": "fake-judge", "transport": "curl"}
        judge = make_judge(Settings(kind="ollama", **settings))
        assert (await judge.judge(make_turn())).status == "scored"
        await judge.aclose()
