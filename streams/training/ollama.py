"""Models in an Ollama: sending, making and naming them over its API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import httpx
import orjson

from agents.judges.clients.http import error_text
from agents.judges.transports import CurlTransport
from trainer.launch.process import leashed, ran

QUICK: Final = httpx.Timeout(30.0, connect=10.0)
"""For naming and listing, in seconds."""

LONG: Final = httpx.Timeout(900.0, connect=10.0)
"""For each wait for a word while a model is sent or made: it is read and written as a whole."""

UPLOAD_SECONDS: Final = 24 * 3600.0
CHUNK: Final = 1 << 20


class OllamaError(Exception):
    """It is not there, or refuses. One line that says which, and where."""


class Ollama:
    """The Ollama at `url`; use it as an asynchronous context manager.

    Nothing from the environment takes part, as with judges: what is sent goes to `url` only.
    """

    def __init__(self, url: str, transport: str = "httpx") -> None:
        """`transport` is "httpx", or "curl" where Python may not reach the network."""
        self.url = url.rstrip("/")
        self._curl = transport == "curl"
        self._http = httpx.AsyncClient(
            transport=CurlTransport() if self._curl else None,
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        """Return it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def models(self) -> dict[str, str]:
        """Return the names of its models, tags included, each with the digest of what it names.

        Raises:
            OllamaError: it is not there.
        """
        listed = self._object(await self._ask("GET", "/api/tags")).get("models")
        return {
            str(each.get("name")): str(each.get("digest"))
            for each in listed or ()
            if isinstance(each, dict)
        }

    async def copy(self, source: str, target: str) -> None:
        """Give a model another name as well; what had that name loses it.

        Raises:
            OllamaError: it is not there, or there is no such model.
        """
        await self._ask("POST", "/api/copy", {"source": source, "destination": target})

    async def send(self, path: Path, sha256: str) -> None:
        """Send a file, unless it is there already.

        Args:
            path: the file.
            sha256: its digest.

        Raises:
            OllamaError: it is not there or does not take it.
        """
        blob = f"{self.url}/api/blobs/sha256:{sha256}"
        if self._curl:
            # What is sent through the transport is held in memory, and HEAD has an option of its
            # own in curl.
            if await self._status(["--head", blob]) != 200:
                status = await self._status(["--upload-file", str(path), "-X", "POST", blob])
                self._check(status, b"")
            return
        with self._reached():
            found = await self._http.head(blob, timeout=QUICK)
            if found.status_code == 200:
                return
            size = (await asyncio.to_thread(path.stat)).st_size
            headers = {"content-length": str(size)}
            answer = await self._http.post(
                blob, content=_pieces(path), headers=headers, timeout=LONG
            )
        self._check(answer.status_code, answer.content)

    async def create(self, body: Mapping[str, Any]) -> None:
        """Make a model, as ``POST /api/create`` takes it.

        Raises:
            OllamaError: it is not there, or can't make it.
        """
        said = await self._ask("POST", "/api/create", body, LONG)
        lines = [self._object(line) for line in said.splitlines() if line.strip()]
        for line in lines:
            if "error" in line:
                raise OllamaError(f"{self.url} can't make {body['model']}: {line['error']}")
        if not lines or lines[-1].get("status") != "success":
            raise OllamaError(f"{self.url} broke off while it made {body['model']}")

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        patience: httpx.Timeout = QUICK,
    ) -> bytes:
        content = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        with self._reached():
            answer = await self._http.request(
                method, self.url + path, content=content, headers=headers, timeout=patience
            )
        self._check(answer.status_code, answer.content)
        return answer.content

    async def _status(self, arguments: list[str]) -> int:
        """Have the curl program ask, and return the status of the answer."""
        fixed = ["curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--http1.1"]
        written = ["--output", "/dev/null", "--write-out", "%{http_code}"]
        try:
            said = await ran(leashed([*fixed, *written, *arguments]), UPLOAD_SECONDS)
        except TimeoutError:
            raise OllamaError(f"{self.url} did not take the model within a day") from None
        if said.code:
            raise OllamaError(f"{self.url} can't be reached: {said.last}")
        return int(said.printed or 0)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise OllamaError(f"{self.url} did not answer in time") from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            reason = str(error) or "the connection broke off"
            raise OllamaError(f"{self.url} can't be reached: {reason}") from error

    def _check(self, status: int, body: bytes) -> None:
        if status not in (200, 201):
            raise OllamaError(f"{self.url} answered {status}: {error_text(body)}")

    def _object(self, text: bytes) -> Mapping[str, Any]:
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise OllamaError(f"{self.url} does not answer as Ollama does")
        return value


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece
