"""A promoted model comes to be served, over a real HTTP connection to a fake Ollama."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.settings import Settings
from streams.training.serving import seats, serve, serve_base
from tests.support.fakellamacpp import calls, make_llama_cpp
from tests.support.fakeollama import FakeOllama
from tests.support.trained import make_run, make_snapshot
from trainer.registry.registry import Model, Registry
from trainer.serving.served import read_served

NAME = "clawback:latest"


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as fake:
        yield fake


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return make_llama_cpp(tmp_path / "llama.cpp")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "home" / "models")


def settings(llama: Path, url: str = "", **serving: object) -> Settings:
    return Settings.model_validate(
        {
            "train": {
                "python": sys.executable,
                "serving": {"llama_cpp": str(llama), "ollama": url, **serving},
            }
        }
    )


def promoted(registry: Registry, name: str) -> Model:
    snapshot = make_snapshot(registry.home.parent / "snapshots")
    run = make_run(registry.home.parent / "runs", snapshot, name, weights=name.encode())
    model = registry.register(run, snapshot)
    return registry.promote(model.id, at_ms=1)


@pytest.mark.parametrize("transport", ["httpx", "curl"])
async def test_a_promoted_model_is_served(
    registry: Registry, llama: Path, ollama: FakeOllama, transport: str
) -> None:
    model = promoted(registry, "r1")
    said: list[str] = []
    given = settings(llama, ollama.url, transport=transport)
    served = await serve(given, registry, model.id, said.append)
    assert (served.state, served.reason) == ("serving", "")
    assert set(ollama.models) == {f"clawback:{model.id}", NAME}
    made = ollama.models[NAME]
    assert made["parameters"]["num_ctx"] == 32768
    assert list(ollama.blobs.values()) == [b"GGUF bf16 r1 as Q4_K_M"]
    assert said[0] == "converts the model to GGUF"
    assert read_served(model) == served


async def test_the_next_model_takes_the_name_and_rollback_gives_it_back(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    one = promoted(registry, "r1")
    await serve(settings(llama, ollama.url), registry, one.id)
    two = promoted(registry, "r2")
    await serve(settings(llama, ollama.url), registry, two.id)
    assert ollama.models[NAME]["model"] == f"clawback:{two.id}"

    back = registry.rollback(at_ms=3, who="ann")
    assert back == one
    ollama.asked.clear()
    before = calls(llama)
    assert (await serve(settings(llama, ollama.url), registry, one.id)).state == "serving"
    assert ollama.models[NAME]["model"] == f"clawback:{one.id}"
    assert set(ollama.asked) == {"tags", "copy"}
    assert calls(llama) == before


async def test_going_back_to_the_base_gives_the_name_back(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    ollama.models[NAME] = {"model": "qwen2.5:72b"}
    given = settings(llama, ollama.url)
    for name in ("r1", "r2"):
        await serve(given, registry, promoted(registry, name).id)
    assert ollama.models["clawback:base"] == {"model": "qwen2.5:72b"}
    assert await serve_base(given) == ""
    assert ollama.models[NAME] == {"model": "qwen2.5:72b"}


async def test_without_a_base_in_ollama_that_is_told(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    given = settings(llama, ollama.url)
    await serve(given, registry, promoted(registry, "r1").id)
    assert "ollama cp MODEL clawback" in await serve_base(given)
    ollama.fail["tags"] = 503
    assert "answered 503" in await serve_base(given)
    assert await serve_base(settings(llama)) == ""


async def test_without_an_ollama_there_are_files(registry: Registry, llama: Path) -> None:
    model = promoted(registry, "r1")
    served = await serve(settings(llama), registry, model.id)
    assert served.state == "files"
    assert "ollama create clawback -f" in served.reason
    assert served.gguf == str(model.serving / "clawback-Q4_K_M.gguf")
    written = json.loads((model.serving / "openclaw.json").read_text())
    assert written["agents"]["defaults"]["model"]["primary"] == "clawback/clawback"


async def test_an_ollama_that_is_away_is_tried_again(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    model = promoted(registry, "r1")
    served = await serve(settings(llama, "http://127.0.0.1:1"), registry, model.id)
    assert served.state == "pending"
    assert "can't be reached" in served.reason
    assert registry.current() == model
    assert (await serve(settings(llama, ollama.url), registry, model.id)).state == "serving"
    assert calls(llama) == ["convert bf16", "quantize Q4_K_M"]


@pytest.mark.parametrize("transport", ["httpx", "curl"])
@pytest.mark.parametrize(
    ("call", "failure"),
    [(call, failure) for call in ("blob", "create", "copy") for failure in ("break", 500)]
    + [("create", "error")],
)
async def test_a_failure_in_the_middle_is_told_and_made_good(
    registry: Registry,
    llama: Path,
    ollama: FakeOllama,
    call: str,
    failure: int | str,
    transport: str,
) -> None:
    ollama.models[NAME] = {"model": "qwen2.5:72b"}
    model = promoted(registry, "r1")
    ollama.fail[call] = failure
    given = settings(llama, ollama.url, transport=transport)
    served = await serve(given, registry, model.id)
    assert served.state == "pending"
    assert ollama.url in served.reason
    assert "\n" not in served.reason
    assert ollama.models[NAME] == {"model": "qwen2.5:72b"}
    assert read_served(model) == served
    ollama.fail.clear()
    assert (await serve(given, registry, model.id)).state == "serving"
    assert ollama.models[NAME]["model"] == f"clawback:{model.id}"


async def test_a_model_that_does_not_serve_is_made_but_not_named(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    one = promoted(registry, "r1")
    two = promoted(registry, "r2")
    await serve(settings(llama, ollama.url), registry, two.id)
    await serve(settings(llama, ollama.url), registry, one.id)
    assert ollama.models[NAME]["model"] == f"clawback:{two.id}"
    assert f"clawback:{one.id}" in ollama.models


async def test_other_settings_make_another_model(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    model = promoted(registry, "r1")
    await serve(settings(llama, ollama.url), registry, model.id)
    await serve(settings(llama, ollama.url, context=8192), registry, model.id)
    assert ollama.models[NAME]["parameters"]["num_ctx"] == 8192
    assert ollama.asked.count("blob") == 1


async def test_what_was_removed_from_ollama_is_made_again(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    model = promoted(registry, "r1")
    await serve(settings(llama, ollama.url), registry, model.id)
    ollama.models.clear()
    ollama.blobs.clear()
    assert (await serve(settings(llama, ollama.url), registry, model.id)).state == "serving"
    assert NAME in ollama.models


async def test_a_missing_tool_leaves_commands(
    registry: Registry, tmp_path: Path, ollama: FakeOllama
) -> None:
    model = promoted(registry, "r1")
    served = await serve(settings(tmp_path / "nothing", ollama.url), registry, model.id)
    assert served.state == "pending"
    assert "convert_hf_to_gguf.py is not there" in served.reason
    assert len(served.by_hand) == 2
    assert ollama.asked == []


async def test_something_else_that_listens_is_told(
    registry: Registry, llama: Path, ollama: FakeOllama
) -> None:
    model = promoted(registry, "r1")
    served = await serve(settings(llama, f"{ollama.url}/v1"), registry, model.id)
    assert served.state == "pending"
    assert "404" in served.reason


def test_who_sits_on_the_panel(llama: Path) -> None:
    given = settings(llama)
    assert [seat.judge for seat in seats(given)] == list(given.all_panels[0].judges)
    assert all(seat.model and seat.rubric for seat in seats(given))
