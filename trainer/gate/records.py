"""What the gate's process writes down of models, a line each."""

from __future__ import annotations

from typing import Any

from schemas.record import Part
from trainer.gate.calls import ParsedAnswer
from trainer.gate.evidence import Split


class PairInfo(Part):
    """A held-out pair. Lengths are in tokens of the side alone; one that is
    `left_out` has no log-probabilities, for that reason."""

    id: str
    cluster: str
    split: Split
    chosen_tokens: int = 0
    rejected_tokens: int = 0
    left_out: str = ""


class PairLogs(Part):
    """What a model makes of a pair: the sums of the log-probabilities of each side's tokens, in
    nats."""

    id: str
    chosen: float
    rejected: float


class PromptRecord(Part):
    """A held-out prompt. `due` says that the chosen answer calls a tool."""

    id: str
    cluster: str
    prompt: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()
    due: bool = False


class AnswerRecord(Part):
    """A model's answer: what it wrote (`text`), and how that reads. `id` is that of the prompt;
    `finished` says that it came to an end within the limit of tokens."""

    id: str
    text: str
    parsed: ParsedAnswer
    tokens: int
    finished: bool

    @property
    def length(self) -> int:
        """How long it is, in characters."""
        return len(self.text.strip())


class Measured(Part):
    """That all is measured, of which job (see `trainer.gate.measure.folder`), in how many
    seconds. `seconds` are those of the last process alone."""

    fingerprint: str
    seconds: float
    versions: dict[str, str] = {}
