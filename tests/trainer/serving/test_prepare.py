"""From a registered model to the file that is served."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from schemas.settings import Train
from tests.support.fakellamacpp import calls, make_llama_cpp
from tests.support.trained import make_run, make_snapshot
from trainer.registry.registry import Model, Registry
from trainer.serving import prepare as preparing
from trainer.serving.prepare import Unprepared, alone, prepare


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return make_llama_cpp(tmp_path / "llama.cpp")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    snapshot = make_snapshot(tmp_path / "snapshots")
    return Registry(tmp_path / "models").register(make_run(tmp_path / "runs", snapshot), snapshot)


def train(llama: Path | str, **serving: object) -> Train:
    return Train.model_validate(
        {"python": sys.executable, "serving": {"llama_cpp": str(llama), **serving}}
    )


async def made(model: Model, settings: Train) -> Path:
    with alone(model.serving):
        return (await prepare(model, settings, lambda _: None))[0]


async def test_a_model_is_converted_and_quantised(model: Model, llama: Path) -> None:
    gguf = await made(model, train(llama))
    assert gguf.name == "clawback-Q4_K_M.gguf"
    assert gguf.read_bytes() == b"GGUF bf16 weights as Q4_K_M"
    assert calls(llama) == ["convert bf16", "quantize Q4_K_M"]
    names = {path.name for path in model.serving.iterdir()}
    assert names == {"lock", gguf.name, "Modelfile", "openclaw.json"}
    assert f"FROM ./{gguf.name}" in (model.serving / "Modelfile").read_text()


async def test_what_is_there_is_not_made_again(model: Model, llama: Path) -> None:
    assert await made(model, train(llama)) == await made(model, train(llama))
    assert calls(llama) == ["convert bf16", "quantize Q4_K_M"]


async def test_eight_bits_need_no_quantiser(model: Model, tmp_path: Path) -> None:
    llama = make_llama_cpp(tmp_path / "bare", quantizer=False)
    gguf = await made(model, train(llama, quantization="Q8_0"))
    assert gguf.read_bytes() == b"GGUF q8_0 weights"
    assert calls(llama) == ["convert q8_0"]


async def test_a_missing_quantiser_is_told_before_anything_is_done(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    llama = make_llama_cpp(tmp_path / "bare", quantizer=False)
    with pytest.raises(
        Unprepared, match=r"llama-quantize is not there; set train\.serving"
    ) as told:
        await made(model, train(llama))
    assert calls(llama) == []
    assert len(told.value.commands) == 2
    assert told.value.commands[1].startswith("llama-quantize ")
    assert told.value.commands[1].endswith("clawback-Q4_K_M.gguf Q4_K_M")


async def test_what_was_done_by_hand_counts(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    model.serving.mkdir()
    (model.serving / "clawback-Q4_K_M.gguf").write_bytes(b"by hand")
    assert (await made(model, train(tmp_path))).read_bytes() == b"by hand"


async def test_a_missing_converter_is_told(model: Model, tmp_path: Path) -> None:
    with pytest.raises(Unprepared, match=r"convert_hf_to_gguf\.py is not there") as told:
        await made(model, train(tmp_path / "nothing"))
    assert told.value.commands[0].startswith("python convert_hf_to_gguf.py ")


async def test_a_step_that_fails_says_why_and_leaves_nothing(model: Model, llama: Path) -> None:
    (llama / "broken").touch()
    with pytest.raises(Unprepared, match=r"convert_hf_to_gguf\.py failed: unknown model arch"):
        await made(model, train(llama))
    (llama / "broken").unlink()
    assert (await made(model, train(llama))).read_bytes() == b"GGUF bf16 weights as Q4_K_M"
    assert not list(model.serving.glob(".part-*"))


async def test_a_kill_costs_one_step(model: Model, llama: Path) -> None:
    model.serving.mkdir()
    (model.serving / ".part-BF16.gguf").write_bytes(b"half of it")
    (model.serving / "BF16.gguf").write_bytes(b"GGUF whole")
    assert (await made(model, train(llama))).read_bytes() == b"GGUF whole as Q4_K_M"
    assert calls(llama) == ["quantize Q4_K_M"]


async def test_a_full_disk_is_told_before(
    model: Model, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 3

    monkeypatch.setattr(preparing.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(Unprepared, match="GB free and about"):
        await made(model, train(llama))
    assert calls(llama) == []


async def test_only_one_prepares_a_model(model: Model, llama: Path) -> None:
    with alone(model.serving), pytest.raises(Unprepared, match="another process"):
        await made(model, train(llama))
    await made(model, train(llama))


async def test_cancelling_ends_the_tool(model: Model, llama: Path) -> None:
    (llama / "convert_hf_to_gguf.py").write_text(
        f"open({str(llama / 'began')!r}, 'w').close()\nimport time\ntime.sleep(600)\n"
        f"open({str(llama / 'ended')!r}, 'w')"
    )
    task = asyncio.create_task(made(model, train(llama)))
    async with asyncio.timeout(60):
        while not (llama / "began").exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with alone(model.serving):
        assert not (model.serving / "BF16.gguf").exists()
