"""A judge's machine beside the line: the fake judge on a port that stays the same."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import Counter
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from agents.judges.fake.script import Act, Asked, Script
from agents.judges.fake.server import FakeJudge
from agents.judges.llm import PROBE

MODEL = "fake-judge"


class Machine:
    """Serves a fake model from a thread, and can be switched off and on.

    Args:
        script: what it answers.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._requests: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: FakeJudge | None = None
        self._port = _free_port()

    def __enter__(self) -> Self:
        self._thread.start()
        self.on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.off()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def on(self) -> None:
        """Answer from now on."""
        self._server = FakeJudge(self._answer, port=self._port, models=(MODEL,))
        self._wait(self._server.__aenter__())

    def off(self) -> None:
        """Break off every answer and take no more questions."""
        if self._server is not None:
            self._wait(self._server.__aexit__())
            self._server = None

    @property
    def asked(self) -> Counter[str]:
        """How often it was given each turn to judge, by what does not change of the prompt."""
        probe = PROBE[-1].content
        prompts = [each for each in list(self._requests) if each.prompt != probe]
        # As the fake judge's own dice have it, which know the prompt without its changing mark.
        return Counter(str(each.random().getrandbits(64)) for each in prompts)

    def judges(self, concurrency: int, timeout: float) -> str:
        """Return the setting `judges`: this machine's, and two that need none."""
        model = {
            "kind": "ollama",
            "name": "fake",
            "url": f"http://127.0.0.1:{self._port}",
            "model": MODEL,
            "concurrency": concurrency,
            "timeout": timeout,
        }
        signals = [
            {"kind": "signals", "name": f"signals-{each}", "strict_on": each}
            for each in ("errors", "efficiency")
        ]
        return json.dumps([model, *signals])

    def _answer(self, asked: Asked) -> Act:
        self._requests.append(asked)
        return self._script(asked)

    def _wait(self, coroutine: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
