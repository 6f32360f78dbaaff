"""`clawback models` as its user sees it."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.app import cli
from tests.support.fakellamacpp import make_llama_cpp
from tests.support.fakeollama import FakeOllama
from tests.support.trained import PANEL, make_run, make_snapshot
from trainer.registry.card import Code, Seat
from trainer.registry.registry import Model, Registry

Call = Callable[..., Result]


@contextmanager
def an_ollama() -> Iterator[FakeOllama]:
    """Run a fake Ollama beside commands that have an event loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    fake = FakeOllama()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(30)
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    with an_ollama() as fake:
        yield fake


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("HOME", str(tmp_path))
    llama = make_llama_cpp(tmp_path / "llama.cpp")
    file = tmp_path / "clawback.toml"

    def run(*arguments: str, code: int = 0, url: str = "", tools: bool = True) -> Result:
        file.write_text(
            f'[paths]\nhome = "{tmp_path}/home"\n[train]\npython = "{sys.executable}"\n'
            f'[train.serving]\nollama = "{url}"\n'
            f'llama_cpp = "{llama if tools else tmp_path}"\n'
        )
        done = CliRunner().invoke(cli, ["--config", str(file), "models", *arguments])
        assert done.exit_code == code, done.output
        return done

    return run


def kept(registry: Registry, name: str, *, promote: bool | None = True) -> Model:
    snapshot = make_snapshot(registry.home.parent / "snapshots")
    folder = registry.home.parent / "training"
    run = make_run(folder, snapshot, name, weights=name.encode(), promote=promote)
    seat = Seat(judge="strict", model="qwen2.5:72b", rubric="v1")
    return registry.register(run, snapshot, judges=[seat], code=Code(version="1", commit="c0ffee"))


def test_without_models_the_list_says_so(call: Call) -> None:
    assert "no model was trained yet" in call("list").stdout
    assert json.loads(call("list", "--json").stdout) == []


def test_the_list_marks_what_serves(call: Call, registry: Registry) -> None:
    one, two = kept(registry, "r1"), kept(registry, "r2", promote=False)
    registry.promote(one.id, at_ms=1)
    rows = json.loads(call("list", "--json").stdout)
    assert [(row["id"], row["serves"], row["passed"]) for row in rows] == [
        (one.id, True, True),
        (two.id, False, False),
    ]
    told = call("list").stdout
    assert f"{one.id[:12]}  passed  serves" in told
    assert "accuracy fell to 0.4" in told


def test_a_model_shows_its_lineage(call: Call, registry: Registry) -> None:
    model = kept(registry, "r1")
    registry.promote(model.id, at_ms=1, who="ann", why="a try")
    told = call("show", model.id[:6]).stdout
    for part in (
        "clawback.verdicts up to offset 0: 12",
        f"{PANEL}: strict (qwen2.5:72b, rubric v1)",
        "a1b2c3d4e5f60718: pairs 8 train, 2 test",
        "r1: dpo full, 4 steps, loss 0.5000",
        "clawback 1, commit c0ffee",
        "torch 2.13",
        "passed: better",
        str(model.weights),
        "by ann: a try",
    ):
        assert part in told
    found = json.loads(call("show", model.id, "--json").stdout)
    assert found["offsets"] == {"verdicts": {"0": 12}}
    assert found["serves"]
    assert found["changes"][0]["who"] == "ann"


def test_an_unknown_model_is_told(call: Call) -> None:
    assert "no model's id begins with 'ff'" in call("show", "ff", code=1).output
    assert "no model serves yet" in call("promote", code=2).output
    assert "nothing to go back to" in call("rollback", code=1).output


def test_promoting_and_going_back(call: Call, registry: Registry, ollama: FakeOllama) -> None:
    one, two = kept(registry, "r1"), kept(registry, "r2")
    for model in (one, two):
        told = call("promote", model.id[:8], "--why", "I like it", url=ollama.url).output
        assert f"{model.id} serves as clawback at {ollama.url}" in told
        assert "converts the model to GGUF" in told
    assert registry.history()[-1].why == "I like it"
    ollama.asked.clear()
    assert f"{one.id} serves as" in call("rollback", url=ollama.url).stdout
    assert ollama.models["clawback:latest"]["model"] == f"clawback:{one.id}"
    assert set(ollama.asked) == {"tags", "copy"}
    told = call("rollback", url=ollama.url, code=4).output
    assert "the base does" in told
    assert "ollama cp MODEL clawback" in told
    assert registry.current() is None


def test_going_back_to_the_base(call: Call, registry: Registry, ollama: FakeOllama) -> None:
    ollama.models["clawback:latest"] = {"model": "qwen2.5:72b"}
    call("promote", kept(registry, "r1").id, url=ollama.url)
    found = json.loads(call("rollback", "--json", url=ollama.url).stdout)
    assert found == {"model": "", "state": "base", "reason": ""}
    assert ollama.models["clawback:latest"] == {"model": "qwen2.5:72b"}


def test_what_did_not_pass_needs_force(call: Call, registry: Registry) -> None:
    model = kept(registry, "r1", promote=False)
    told = call("promote", model.id, code=1).output
    assert "accuracy fell to 0.4; --force" in told
    assert registry.current() is None
    call("promote", model.id, "--force")
    assert registry.current() == model


def test_an_ollama_that_is_away_is_tried_again(
    call: Call, registry: Registry, ollama: FakeOllama
) -> None:
    model = kept(registry, "r1")
    told = call("promote", model.id, url="http://127.0.0.1:1", code=4).output
    assert "http://127.0.0.1:1 can't be reached" in told
    assert "`clawback models promote` goes on from there" in told
    assert registry.current() == model
    assert "serves (pending)" in call("list").stdout
    assert "serves as clawback" in call("promote", url=ollama.url).stdout


def test_a_missing_tool_is_told_with_what_to_run(call: Call, registry: Registry) -> None:
    told = call("promote", kept(registry, "r1").id, tools=False, code=4).output
    assert "convert_hf_to_gguf.py is not there; set train.serving.llama_cpp" in told
    assert "--outtype bf16" in told


def test_openclaws_settings_are_printed_alone(call: Call, registry: Registry) -> None:
    done = call("promote", kept(registry, "r1").id, "--openclaw")
    found = json.loads(done.stdout)
    assert found["models"]["providers"]["clawback"]["api"] == "ollama"
    assert call("promote", "--openclaw", "--json", code=2).output


def test_the_state_is_json(call: Call, registry: Registry, ollama: FakeOllama) -> None:
    model = kept(registry, "r1")
    found = json.loads(call("promote", model.id, "--json", url=ollama.url).stdout)
    assert (found["state"], found["tag"]) == ("serving", f"clawback:{model.id}")
