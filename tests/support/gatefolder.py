"""A gate's folder as its process leaves it, written by hand: no model is needed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trainer.gate.calls import parse_answer
from trainer.gate.gather import Judges
from trainer.gate.job import (
    COMPARED,
    GATE,
    MEASURED,
    PROMPTS,
    ROWS,
    GateJob,
    Role,
    Weights,
    answers_file,
    logprobs_file,
    must_pass_file,
)
from trainer.gate.lines import put
from trainer.gate.mustpass import MustPass
from trainer.gate.records import AnswerRecord, Measured, PairInfo, PairLogs, PromptRecord

MARK = "measured once"
LAMP: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "lamp",
        "description": "Switches the lamp.",
        "parameters": {
            "type": "object",
            "properties": {"state": {"type": "string"}},
            "required": ["state"],
        },
    },
}
GOOD = 'On it.\n<tool_call>\n{"name": "lamp", "arguments": {"state": "on"}}\n</tool_call>'
POOR = 'Well.\n<tool_call>\n{"name": "lamp", "arguments": {"state": "off"}}\n</tool_call>'


def answer(prompt: str, text: str, *, finished: bool = True) -> AnswerRecord:
    """Return an answer as the process writes it down."""
    return AnswerRecord(
        id=prompt,
        text=text,
        parsed=parse_answer(text, finished=finished),
        tokens=len(text) // 4,
        finished=finished,
    )


def make_folder(
    folder: Path,
    *,
    sessions: int = 60,
    margin: float = 10.0,
    noise: float = 8.0,
    incumbent: bool = False,
    candidate_says: Sequence[str] = (GOOD,),
    incumbent_says: Sequence[str] = (POOR,),
    must_pass: Sequence[MustPass] = (),
    must_pass_says: tuple[str, str] = ("", ""),
    judged: bool | None = None,
    prompts: int = 200,
) -> Path:
    """Write a measured folder, and return it.

    Args:
        folder: where.
        sessions: a session has two held-out pairs, the second without a prompt of its own.
        margin: nats that the candidate gains over the base on each pair, on average.
        noise: the standard deviation of that.
        incumbent: whether a model serves; it gains half as much.
        candidate_says: its answers, in turn.
        incumbent_says: those of what serves.
        must_pass: the owner's prompts.
        must_pass_says: what the two models answer to all of them.
        judged: write down, too, that no judges could be asked (False).
        prompts: most prompts that are answered.
    """
    dice = random.Random(5)
    served = Weights(model="/models/served") if incumbent else None
    job = GateJob(
        run="3f2a90bc",
        base=Weights(model="Qwen/Qwen2.5-7B-Instruct"),
        candidate=Weights(model="Qwen/Qwen2.5-7B-Instruct", adapter="/runs/3f2a90bc/model"),
        incumbent=served,
        snapshot=folder / "snapshot",
        folder=folder,
        must_pass=tuple(must_pass),
    )
    infos, logs, asked = [], {role: [] for role in job.models()}, []  # type: ignore[var-annotated]
    for session in range(sessions):
        for row in ("a", "b"):
            name = f"pair-{session:03}{row}"
            cluster = f"session-{session:03}"
            split = "eval" if session % 2 else "test"
            chosen, rejected = dice.randint(10, 60), dice.randint(10, 60)
            infos.append(
                PairInfo(
                    id=name,
                    cluster=cluster,
                    split=split,  # type: ignore[arg-type]
                    chosen_tokens=chosen,
                    rejected_tokens=rejected,
                )
            )
            gain = dice.gauss(margin, noise)
            share = {"base": 0.0, "candidate": 1.0, "incumbent": 0.5}
            for role in logs:
                logs[role].append(
                    PairLogs(
                        id=name,
                        chosen=-1.5 * chosen + share[role] * gain,
                        rejected=-1.5 * rejected,
                    )
                )
            if row == "a" and len(asked) < prompts:
                request = {"role": "user", "content": f"Make it bright in room {session}, please."}
                asked.append(
                    PromptRecord(
                        id=name, cluster=cluster, prompt=(request,), tools=(LAMP,), due=True
                    )
                )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GATE).write_text(job.model_dump_json())
    _write(folder / ROWS, infos)
    _write(folder / PROMPTS, asked)
    for role, lines in logs.items():
        _write(folder / logprobs_file(role), lines)
    other: Role = "incumbent" if incumbent else "base"
    for role, says, passes in (
        ("candidate", candidate_says, must_pass_says[0]),
        (other, incumbent_says, must_pass_says[1]),
    ):
        said = [answer(each.id, says[at % len(says)]) for at, each in enumerate(asked)]
        _write(folder / answers_file(role), said)  # type: ignore[arg-type]
        _write(
            folder / must_pass_file(role),  # type: ignore[arg-type]
            [answer(case.name, passes) for case in must_pass],
        )
    put(folder / MEASURED, Measured(fingerprint=MARK, seconds=1.0).model_dump_json().encode())
    if judged is False:
        told = Judges(fingerprint=MARK, why_none="no language model judges here")
        put(folder / COMPARED, told.model_dump_json().encode())
    return folder


def _write(path: Path, records: Sequence[BaseModel]) -> None:
    path.write_bytes(b"".join(each.model_dump_json().encode() + b"\n" for each in records))
