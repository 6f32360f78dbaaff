"""What the gate's process is told, as a JSON file, and the names of the files it answers with."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from schemas.settings import Gate
from trainer.gate.mustpass import MustPass, read_must_pass
from trainer.job import MODEL, Job

GATE: Final = "gate.json"
PROMPTS: Final = "prompts.jsonl"
ROWS: Final = "rows.jsonl"
MEASURED: Final = "measured.json"
"""Written last by the process that measures."""

COMPARISONS: Final = "comparisons.jsonl"
COMPARED: Final = "compared.json"
"""Written once the judges have been asked, or there are none to ask."""

EVIDENCE: Final = "evidence.json"
DECISION: Final = "decision.json"
REPORT: Final = "report.html"

Role = Literal["base", "candidate", "incumbent"]
ADAPTER: Final = "adapter_config.json"
"""The file by which a directory is told to hold an adapter, and not a whole model."""


class Weights(BaseModel):
    """A model: a directory, a GGUF file or a name on the hub, and an adapter's directory upon it
    ("" for none)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    adapter: str = ""


class GateJob(BaseModel):
    """What to measure. Without an `incumbent` the base takes its part.

    `snapshot` and `folder` are directories on the machine that measures. `prompts` is how many
    held-out prompts are answered at most, `rows_at_once` how many rows a model is given at a time.
    `beta` is the training's, the scale of rewards. `quantized` loads every model in 4 bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    base: Weights
    candidate: Weights
    incumbent: Weights | None = None
    snapshot: Path
    folder: Path
    max_length: int = 4096
    prompts: int = 200
    answer_tokens: int = 512
    beta: float = 0.1
    seed: int = 17
    rows_at_once: int = 4
    precision: Literal["bf16", "fp32"] = "bf16"
    quantized: bool = False
    accelerator: Literal["cuda", "cpu"] = "cuda"
    must_pass: tuple[MustPass, ...] = ()

    def models(self) -> dict[Role, Weights]:
        """Return the models to look at, each once."""
        found: dict[Role, Weights] = {"base": self.base, "candidate": self.candidate}
        if self.incumbent is not None and self.incumbent != self.base:
            found["incumbent"] = self.incumbent
        return found


def gate_job(job: Job, rules: Gate, incumbent: Weights | None, folder: Path) -> GateJob:
    """Return what the gate of a training job is told.

    Args:
        job: the training; its `output` holds the candidate.
        rules: the owner's.
        incumbent: the model now served; None for none.
        folder: where the gate's files go, on the machine that measures.

    Raises:
        ValueError: the list of must-pass prompts can't be read; one line that says why.
    """
    made = job.output / MODEL
    whole = job.tuning == "full"
    return GateJob(
        run=job.run,
        base=Weights(model=job.model),
        candidate=Weights(model=str(made))
        if whole
        else Weights(model=job.model, adapter=str(made)),
        incumbent=incumbent,
        snapshot=job.snapshot,
        folder=folder,
        max_length=job.max_length,
        prompts=rules.prompts,
        answer_tokens=rules.answer_tokens,
        beta=job.beta,
        seed=job.seed,
        precision=job.precision,
        quantized=job.tuning == "qlora",
        accelerator=job.accelerator,
        must_pass=read_must_pass(Path(rules.must_pass).expanduser()) if rules.must_pass else (),
    )


def command(python: str, folder: Path) -> list[str]:
    """Return the command that measures what `folder`'s gate.json asks for.

    It exits with 0 once all is measured and with 1 where it can't be; the last line on standard
    error says why.
    """
    return [python, "-m", "trainer.gate", str(folder / GATE)]


def logprobs_file(role: Role) -> str:
    """Return the name of the file of a model's log-probabilities."""
    return f"logprobs.{role}.jsonl"


def answers_file(role: Role) -> str:
    """Return the name of the file of a model's answers to held-out prompts."""
    return f"answers.{role}.jsonl"


def must_pass_file(role: Role) -> str:
    """Return the name of the file of a model's answers to the must-pass prompts."""
    return f"must_pass.{role}.jsonl"
