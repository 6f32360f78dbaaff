"""The gate over real models, small ones: what is worse does not pass, what is better does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Gate
from tests.support.tinymodel import make_job, make_model, make_snapshot, pairs
from trainer.gate.conclude import Unfinished, conclude
from trainer.gate.decision import Decision
from trainer.gate.gather import Judges, gather
from trainer.gate.job import COMPARED, GATE, MEASURED, GateJob, Weights, command, gate_job
from trainer.gate.lines import put, read_lines
from trainer.gate.measure.snapshot import held_out
from trainer.gate.mustpass import MustPass
from trainer.gate.records import AnswerRecord, Measured, PairLogs
from trainer.job import Job

pytestmark = pytest.mark.train

Train = Callable[..., Path]
TRAINED, HELD_OUT = 96, 48
ANSWERS = "answers.candidate.jsonl"
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and a snapshot, in a folder that holds runs, too."""
    folder = tmp_path_factory.mktemp("world")
    make_model(folder / "base")
    make_snapshot(folder / "snapshot", train=TRAINED, held_out=HELD_OUT // 2, tools=False)
    return folder


@pytest.fixture(scope="module")
def train(world: Path) -> Train:
    """Return a function that trains the base and returns the run's folder."""

    def trained(name: str, **changes: Any) -> Path:
        output = world / "runs" / name
        job = make_job(world / "base", world / "snapshot", output, **changes)
        _run([sys.executable, "-m", "trainer.rank", str(job)])
        return output

    return trained


@pytest.fixture(scope="module")
def better(train: Train) -> Path:
    """A run that has learnt what is chosen."""
    return train("better", max_steps=60, max_length=400, run="better")


def judged(
    output: Path, *, incumbent: Weights | None = None, folder: str = "gate", **changes: Any
) -> Decision:
    """Measure a run's candidate and decide without judges."""
    place = written(output, incumbent=incumbent, folder=folder, **changes)
    look(place)
    no_judges(place)
    return conclude(place, Gate())


def written(
    output: Path, *, incumbent: Weights | None = None, folder: str = "gate", **changes: Any
) -> Path:
    """Write the gate's job of a run, and return the gate's folder."""
    training = Job.model_validate_json((output / "job.json").read_bytes())
    job = gate_job(training, Gate(prompts=6, answer_tokens=12), incumbent, output / folder)
    job = job.model_copy(update={"must_pass": (MustPass(name="any", prompt="hi", matches="."),)})
    job = job.model_copy(update=changes)
    put(job.folder / GATE, job.model_dump_json().encode())
    return job.folder


def look(place: Path) -> None:
    """Measure here, without the seconds that a process takes to import torch."""
    from trainer.gate.measure.process import measure

    measure(GateJob.model_validate_json((place / GATE).read_bytes()))


def no_judges(folder: Path) -> None:
    """Write down that nobody could be asked."""
    mark = Measured.model_validate_json((folder / MEASURED).read_bytes()).fingerprint
    told = Judges(fingerprint=mark, why_none="no language model judges here")
    put(folder / COMPARED, told.model_dump_json().encode())


def _run(arguments: Iterable[str], code: int = 0) -> str:
    done = subprocess.run(
        list(arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout if code == 0 else done.stderr


def test_a_model_that_has_learnt_is_promoted(better: Path) -> None:
    decision = judged(better)
    assert decision.promote, decision.sentence
    assert not decision.judged
    assert "no language-model judge compared answers" in decision.sentence
    accuracy = decision.checks[0].figures["accuracy"]
    assert accuracy.value > 0.75  # type: ignore[union-attr]
    assert decision.splits == ("eval", "test")


def test_a_model_made_worse_on_purpose_is_refused(world: Path, better: Path) -> None:
    """Noise on the weights, and nothing learnt."""
    import torch
    from transformers import AutoModelForCausalLM

    output = world / "runs" / "noised"
    make_job(world / "base", world / "snapshot", output, run="noised")
    model = AutoModelForCausalLM.from_pretrained(world / "base")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    model.save_pretrained(output / "model")
    decision = judged(output)
    assert not decision.promote
    assert decision.checks[0].name == "base"
    assert decision.checks[0].passed is False

    again = judged(output, incumbent=Weights(model=str(better / "model")), folder="second")
    assert not again.promote
    assert again.has_incumbent
    assert [check.name for check in again.checks if check.passed is False][:2] == [
        "base",
        "incumbent",
    ]


def test_a_model_trained_on_swapped_pairs_is_refused(world: Path) -> None:
    """It learns the wrong side as surely as the other learns the right one."""
    swapped = [
        row | {"chosen": row["rejected"], "rejected": row["chosen"]}
        for row in list(pairs(HELD_OUT + TRAINED))[HELD_OUT:]
    ]
    make_snapshot(world / "swapped", train=0, held_out=0, extra=swapped, tools=False)
    output = world / "runs" / "worse"
    job = make_job(world / "base", world / "swapped", output, max_steps=60, max_length=400)
    _run([sys.executable, "-m", "trainer.rank", str(job)])
    decision = judged(output, snapshot=world / "snapshot")
    assert not decision.promote
    assert decision.checks[0].sentence.startswith("no better than the base")
    assert decision.checks[0].figures["accuracy"].value < 0.25  # type: ignore[union-attr]


def test_an_adapter_is_measured_upon_its_base(train: Train, better: Path) -> None:
    output = train(
        "adapter", tuning="lora", max_steps=4, max_length=400, learning_rate=1e-3, run="adapter"
    )
    serves = Weights(model=str(better / "model"))
    place = written(output, incumbent=serves)
    look(place)
    no_judges(place)
    evidence = gather(place)
    moved = [row for row in evidence.rows if row.candidate != row.base]
    assert len(moved) == len(evidence.rows) == 48
    # The base's figures are those of the base alone, adapter or not.
    alone = {
        line.id: line for line in read_lines(better / "gate" / "logprobs.base.jsonl", PairLogs)
    }
    assert alone
    for row in evidence.rows:
        assert row.base.chosen == pytest.approx(alone[row.id].chosen, abs=1e-3)
        assert row.incumbent is not None
    assert not (place / "answers.base.jsonl").exists()


def test_log_probabilities_are_those_that_training_counts(world: Path) -> None:
    """Beside a model run over one whole row, without batches, padding or kept logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    output = world / "runs" / "same"
    make_job(world / "base", world / "snapshot", output, max_length=400)
    place = written(output, candidate=Weights(model=str(world / "base")), prompts=0)
    look(place)
    found = {line.id: line for line in read_lines(place / "logprobs.base.jsonl", PairLogs)}
    model = AutoModelForCausalLM.from_pretrained(world / "base")
    tokenizer = AutoTokenizer.from_pretrained(world / "base")
    for row in held_out(world / "snapshot")[::12]:
        start = tokenizer.apply_chat_template(
            row.prompt, add_generation_prompt=True, tokenize=True, return_dict=True
        )["input_ids"]
        whole = tokenizer.apply_chat_template(
            row.prompt + row.rejected, tokenize=True, return_dict=True
        )["input_ids"]
        with torch.no_grad():
            logs = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        expected = sum(float(logs[at - 1, whole[at]]) for at in range(len(start), len(whole)))
        assert found[row.id].rejected == pytest.approx(expected, abs=1e-2)
    no_judges(place)
    decision = conclude(place, Gate())
    assert not decision.promote  # it is the base itself


def test_a_kill_in_the_middle_repeats_only_what_is_missing(better: Path) -> None:
    whole = written(better, folder="whole", rows_at_once=1)
    look(whole)
    place = written(better, folder="killed", rows_at_once=1)
    process = subprocess.Popen(
        command(sys.executable, place),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if said["model"] == "candidate" and said["step"] == "logprobs" and said["done"] >= 5:
            process.send_signal(signal.SIGKILL)
            break
    process.wait(60)
    process.stdout.close()
    assert not (place / MEASURED).exists()
    with pytest.raises(Unfinished):
        conclude(place, Gate())
    before = (place / "logprobs.candidate.jsonl").read_bytes()
    told = [json.loads(line) for line in _run(command(sys.executable, place)).splitlines()]
    assert {each["model"] for each in told} == {"candidate"}  # the base was complete
    kept = before[: before.rfind(b"\n") + 1]
    assert (place / "logprobs.candidate.jsonl").read_bytes().startswith(kept)
    for name, kind in (
        ("logprobs.candidate.jsonl", PairLogs),
        ("answers.base.jsonl", AnswerRecord),
    ):
        once = {line.id: line for line in read_lines(whole / name, kind)}
        again = read_lines(place / name, kind)
        assert len(again) == len(once)
        assert {line.id: line for line in again} == once
    assert _run(command(sys.executable, place)) == ""  # all is there


def test_a_candidate_that_was_trained_once_more_is_measured_once_more(better: Path) -> None:
    place = written(better, folder="again", prompts=0)
    look(place)
    first = (place / MEASURED).stat().st_ino
    look(place)
    assert (place / MEASURED).stat().st_ino == first
    weights = next((better / "model").glob("*.safetensors"))
    os.utime(weights, ns=(1, 1))
    look(place)
    assert (place / MEASURED).stat().st_ino != first


def test_what_can_not_be_measured_is_one_line(better: Path) -> None:
    place = written(better, folder="broken", base=Weights(model="/nowhere"))
    last = _run(command(sys.executable, place), code=1).strip().splitlines()[-1]
    assert last.startswith("trainer.gate: there is no model at /nowhere")
