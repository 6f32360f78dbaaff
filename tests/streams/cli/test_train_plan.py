"""The plan of a training run, as a person sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.settings import Settings
from streams.cli.errors import CommandError
from streams.cli.train_plan import show_plan
from streams.settings.load import load

SPARKS = """
[train]
tuning = "{tuning}"

[[hosts]]
name = "spark1"
address = "me@spark1"

[[hosts]]
name = "spark2"
address = "me@spark2"
"""
CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "vocab_size": 512,
}


def written(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "clawback.toml"
    file.write_text(text)
    return load(file)


def test_a_run_that_fits_is_exit_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_plan(written(tmp_path, SPARKS.format(tuning="lora")), False) == 0
    told = capsys.readouterr().out
    assert "GB on spark1 and spark2" in told
    assert "Qwen/Qwen2.5-72B-Instruct with LoRA fits" in told
    assert "What fits" not in told


def test_a_run_that_does_not_fit_is_exit_code_4_with_what_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_plan(written(tmp_path, SPARKS.format(tuning="full")), False) == 4
    told = capsys.readouterr().out
    assert "436.2" in told
    assert "does not fit" in told
    assert told.index("1. All weights") < told.index("2. LoRA") < told.index("3. QLoRA")


def test_each_option_pasted_as_the_settings_file_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_plan(written(tmp_path, SPARKS.format(tuning="full")), True)
    options = json.loads(capsys.readouterr().out)["options"]
    assert len(options) == 3
    for option in options:
        assert show_plan(written(tmp_path, option["settings"]), False) == 0, option["title"]


def test_without_hosts_it_is_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    settings = written(tmp_path, f'[train]\nmodel = "{tmp_path}"\nmax_length = 256\n')
    assert show_plan(settings, True) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["nodes"][0]["host"] == "here"
    assert plan["layout"]["accelerator"] == "cpu"
    assert plan["deepspeed"] is None


def test_what_cannot_be_planned_is_told_as_an_error_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="its shape is not known") as error:
        show_plan(written(tmp_path, '[train]\nmodel = "someone/else"\n'), False)
    assert error.value.exit_code == 2
