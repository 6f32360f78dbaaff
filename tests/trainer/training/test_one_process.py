"""One process trains, on rows it has counted before."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.support.scoring import reward_accuracy
from tests.support.tinymodel import make_model, make_snapshot, pair

from .conftest import Train

pytestmark = pytest.mark.train
HELD_OUT = ["eval", "test"]


def test_the_first_loss_of_dpo_is_that_of_a_coin(train: Train) -> None:
    done = train()
    assert done.code == 0
    # Both sides are as likely as under the base: -log sigmoid(0).
    assert done.losses[0] == (1, pytest.approx(math.log(2), abs=1e-6))
    assert [step for step, _ in done.losses] == [1, 2, 3, 4]
    assert done.losses[-1][1] != done.losses[0][1]
    assert all(line["steps"] == 4 and line["tokens_per_s"] > 0 for line in done.metrics)


def test_a_finished_run_has_its_model_and_done_and_nothing_to_resume_from(
    train: Train, base: Path
) -> None:
    from safetensors.torch import load_file

    done = train()
    said = done.json("done.json")
    assert said["run"] == "tiny"
    assert said["steps"] == 4
    assert said["loss"] == pytest.approx(sum(loss for _, loss in done.losses) / 4)
    assert said["versions"]["trl"]
    assert sorted(path.name for path in done.output.iterdir()) == [
        "done.json",
        "job.json",
        "metrics.jsonl",
        "model",
        "tensorboard",
        "tokens.json",
    ]
    before = load_file(base / "model.safetensors")
    after = load_file(done.output / "model/model.safetensors")
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
    assert list((done.output / "tensorboard").iterdir())


def test_a_job_that_is_done_is_not_done_again(train: Train) -> None:
    train()
    again = train(model="/nowhere", max_steps=1)
    assert again.code == 1
    again = train(max_steps=1)
    assert again.code == 0
    assert len(again.losses) == 4


@pytest.mark.parametrize("precompute", [True, False])
def test_a_reference_that_is_kept_gives_the_losses_of_one_in_memory(
    train: Train, base: Path, snapshot: Path, tmp_path: Path, precompute: bool
) -> None:
    done = train(precompute_reference=precompute)
    other = Train(tmp_path / "other", base, snapshot)(precompute_reference=not precompute)
    assert [loss for _, loss in done.losses] == pytest.approx(
        [loss for _, loss in other.losses], abs=1e-6
    )


def test_lora_leaves_an_adapter(train: Train, base: Path) -> None:
    done = train(
        tuning="lora", precision="bf16", gradient_checkpointing=True, lora_rank=4, lora_dropout=0.1
    )
    assert done.code == 0
    assert done.json("model/adapter_config.json")["r"] == 4
    assert done.json("model/adapter_config.json")["base_model_name_or_path"] == str(base)
    assert not (done.output / "model/model.safetensors").exists()


def test_rows_that_are_left_out_are_named(train: Train, tmp_path: Path) -> None:
    long: dict[str, Any] = {"role": "assistant", "content": "on " * 400}
    short: dict[str, Any] = {"role": "assistant", "content": "off"}
    odd = pair("odd", "make it bright", {"role": "assistant", "content": ""}, short)
    odd["prompt"] = [{"role": "user", "content": "a"}, {"role": "user"}]
    extra = [
        pair("long-answer", "make it bright", long, short),
        pair("long-prompt", "make it " * 600, short, {**short, "content": "on"}),
        odd,
    ]
    snapshot = make_snapshot(tmp_path / "data", train=8, extra=extra)
    done = train(snapshot=snapshot, max_steps=1)
    assert done.code == 0
    tokens = done.json("tokens.json")
    assert (tokens["rows"], tokens["kept"]) == (11, 8)
    assert tokens["stop"] == "<|im_end|>"
    assert tokens["longest"] <= tokens["limit"] == 512
    left_out = {row["id"]: row for row in tokens["left_out"]}
    assert left_out.keys() == {"long-answer", "long-prompt", "odd"}
    assert left_out["long-answer"]["tokens"] > 512
    assert left_out["long-answer"]["reason"] == "longer than the limit"
    assert left_out["odd"]["reason"].startswith("the chat template does not take it")


def test_the_limit_is_no_more_than_the_base_has_positions_for(train: Train, tmp_path: Path) -> None:
    done = train(model=make_model(tmp_path / "short", positions=64), max_length=4096)
    assert done.code == 1
    reason = done.json("error.json")["reason"]
    assert reason.startswith("no row to train on: all 16 are left out")
    assert "the limit is 64" in reason
    assert not (done.output / "done.json").exists()


def test_what_trl_counts_is_what_was_counted(train: Train) -> None:
    done = train(max_steps=-1, rows_per_device=4)
    seconds = done.json("done.json")["seconds"]
    assert seconds > 0
    # An epoch goes through all rows once, so TRL's own count at its end is that of tokens.json.
    events = _tensorboard(done.output / "tensorboard")
    assert events["train/num_tokens"] == done.json("tokens.json")["tokens"]


def test_a_base_without_a_template_takes_that_of_qwen(train: Train, tmp_path: Path) -> None:
    bare = make_model(tmp_path / "bare", template=False)
    done = train(model=bare, max_steps=1)
    assert done.code == 0
    assert (done.output / "model/chat_template.jinja").exists()


def test_a_base_without_a_template_or_its_tokens_is_refused(train: Train, tmp_path: Path) -> None:
    bare = make_model(tmp_path / "bare", template=False)
    for file in bare.glob("tokenizer*.json"):
        file.write_text(file.read_text().replace("<|im_start|>", "<|other|>"))
    done = train(model=bare, max_steps=1)
    assert done.code == 1
    assert "has no chat template" in done.json("error.json")["reason"]


def test_an_error_is_one_line_and_goes_with_the_next_attempt(train: Train) -> None:
    done = train(model="/nowhere/model")
    assert done.json("error.json") == {
        "reason": "there is no model at /nowhere/model; see train.model",
        "retry": False,
    }
    assert train().code == 0
    assert not (done.output / "error.json").exists()


def test_a_model_that_can_not_be_read_is_one_line(train: Train, tmp_path: Path) -> None:
    broken = make_model(tmp_path / "broken")
    (broken / "config.json").write_text(json.dumps({"model_type": "nothing-known"}))
    done = train(model=broken)
    assert done.code == 1
    reason = done.json("error.json")["reason"]
    assert f"{broken} can't be loaded: " in reason
    assert "nothing-known" in reason
    assert "\n" not in reason


def test_a_loss_that_is_no_number_ends_the_run(train: Train) -> None:
    done = train(learning_rate=1e30, beta=1e5, max_steps=8)
    assert done.code == 1
    reason = done.json("error.json")["reason"]
    assert "at step" in reason
    assert "train.learning_rate" in reason


def test_dpo_learns_what_is_preferred_on_rows_it_has_not_seen(
    train: Train, base: Path, learnable: Path
) -> None:
    assert 0.35 < reward_accuracy(base, None, learnable, HELD_OUT) < 0.65
    done = train(snapshot=learnable, max_steps=60, rows_per_device=8, learning_rate=2e-3)
    assert reward_accuracy(done.output / "model", base, learnable, HELD_OUT) > 0.95
    assert done.metrics[-1]["accuracy"] == 1.0
    assert done.metrics[-1]["margin"] > 0


def test_kto_learns_it_from_single_labels(train: Train, base: Path, learnable: Path) -> None:
    done = train(
        method="kto",
        snapshot=learnable,
        max_steps=150,
        rows_per_device=16,
        logging_steps=10,
    )
    assert reward_accuracy(done.output / "model", base, learnable, HELD_OUT) > 0.95
    assert done.metrics[-1]["accuracy"] is None
    assert done.metrics[-1]["margin"] > 0


def test_kto_takes_single_answers_and_both_sides_of_pairs(train: Train) -> None:
    done = train(method="kto", max_steps=1, max_length=310)
    assert done.code == 0
    tokens = done.json("tokens.json")
    assert (tokens["rows"], tokens["kept"]) == (2 * 16 + 6, 2 * 16 + 6)
    assert tokens["label_weights"] == [1.0, 1.0]
    assert done.losses[0][1] == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("good", "bad", "weights"),
    [(10, 10, (1.0, 1.0)), (5, 20, (4.0, 1.0)), (30, 10, (1.0, 3.0)), (3, 0, (1.0, 1.0))],
)
def test_the_rarer_label_weighs_more(good: int, bad: int, weights: tuple[float, float]) -> None:
    from trainer.kto import label_weights

    assert label_weights(good, bad) == weights


def _tensorboard(folder: Path) -> dict[str, float]:
    """Return the last value of each scalar."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: events.Scalars(name)[-1].value for name in events.Tags()["scalars"]}
