"""What judges answered, kept line by line, so that a calibration that is killed goes on."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Literal

from pydantic import ValidationError

from schemas.judgement import Scores
from schemas.record import Part


class Identity(Part):
    """Which judge: a change of any of these makes another one, that has yet to prove itself.

    `digest` names the weights behind the model's name, where the server tells.
    """

    judge: str
    model: str
    rubric: str
    digest: str = ""


class Answer(Part):
    """One answer to one item: `asking` counts from 0 where an item is put several times.

    `fingerprint` is that of the labelled set. `seconds` is the judge's own count of its time,
    else wall-clock time.
    """

    fingerprint: str
    identity: Identity
    turn_id: str
    asking: int
    status: Literal["scored", "abstained", "skipped"]
    scores: Scores | None = None
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, str, str, str, int]:
        """What was asked of whom; nothing is asked twice."""
        who = self.identity
        return (
            self.fingerprint,
            who.judge,
            who.model,
            who.rubric,
            who.digest,
            self.turn_id,
            self.asking,
        )


class AnswerFile:
    """Answers in JSONL, appended as they come. Use it as a context manager.

    A line that a kill tore off is cut away; a whole line that cannot be read, such as one of an
    older version, is left standing and passed over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> AnswerFile:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        whole = self.path.read_bytes().rfind(b"\n") + 1
        if whole != self._file.tell():
            self._file.truncate(whole)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self) -> list[Answer]:
        """Return the answers so far."""
        answers = []
        for line in self.path.read_bytes().splitlines():
            try:
                answers.append(Answer.model_validate_json(line))
            except ValidationError:
                continue
        return answers

    def add(self, answer: Answer) -> None:
        """Append an answer; it survives this process once this returns."""
        if self._file is None:
            raise ValueError("the file of answers is not open")
        self._file.write(answer.model_dump_json().encode() + b"\n")
        self._file.flush()
