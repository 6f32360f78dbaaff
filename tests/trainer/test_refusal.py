from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainer import refusal
from trainer.refusal import Refusal, reason_of


class OutOfMemoryError(RuntimeError):
    """Called as torch's is."""


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GB\nmore"),
        MemoryError(),
    ],
)
def test_memory_that_ran_out_comes_with_what_to_do(error: Exception) -> None:
    reason = reason_of(error)
    assert reason.startswith("out of memory: ")
    assert "train.max_length" in reason
    assert "more" not in reason


def test_a_refusal_is_told_as_it_is() -> None:
    assert reason_of(Refusal("no row to train on")) == "no row to train on"


def test_another_error_is_one_line() -> None:
    assert reason_of(KeyError("\n  lost  \nmore")) == "KeyError: " + repr("\n  lost  \nmore")
    assert reason_of(ValueError("\n  lost  \nmore")) == "ValueError: lost"


def written(folder: Path) -> Any:
    assert [path.name for path in folder.iterdir()] == ["error.json"]
    return json.loads((folder / "error.json").read_text())


def test_trying_again_may_help_but_for_a_refusal(tmp_path: Path) -> None:
    refusal.write(tmp_path, ValueError("lost"), first=False)
    assert written(tmp_path) == {"reason": "ValueError: lost", "retry": True}
    refusal.write(tmp_path, Refusal("no"), first=False)
    assert written(tmp_path) == {"reason": "no", "retry": False}


def test_the_rank_that_failed_first_is_the_cause(tmp_path: Path) -> None:
    refusal.write(tmp_path, ValueError("cause"), first=True)
    refusal.write(tmp_path, ValueError("connection closed by peer"), first=True)
    assert written(tmp_path)["reason"] == "ValueError: cause"
