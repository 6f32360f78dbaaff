"""Which files below a state directory are transcripts, and whose.

OpenClaw keeps a session in ``agents/<agent>/sessions/<session>.jsonl`` and appends
``.reset.<time>``, ``.deleted.<time>`` or ``.bak.<time>`` when it puts the file away. Much else lies
in the same directory, some of it ending in ``.jsonl`` too; of that, ``<session>.trajectory.jsonl``
says what the session's model was given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TIME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:[.-]\d+)?Z"
_NAME = re.compile(rf"(?P<stem>[^/]+)\.jsonl(?:\.(?P<state>reset|deleted|bak)\.(?P<time>{_TIME}))?")
_FORK = re.compile(rf"{_TIME}_(?P<session>.+)")
_TRAJECTORY = ".trajectory.jsonl"
_SIDECAR = re.compile(r"\.trajectory$|\.checkpoint\.|\.jsonl\.corrupt-|^sessions$")


@dataclass(frozen=True, slots=True)
class Name:
    """A transcript's file name, read.

    Attributes:
        transcript: the name without what renaming appended: the same before and after.
        session: the session's id. It comes from the name and not from the header, because
            compaction leaves files without one.
        archived: "" for the file OpenClaw writes to, else how it was put away.
        time: when it was put away, as the name has it: sorts by time; "" for a live file.
        trajectory: whether it is no transcript, but the trajectory beside one.
    """

    transcript: str
    session: str
    archived: str = ""
    time: str = ""
    trajectory: bool = False

    @property
    def ends(self) -> bool:
        """Whether the session is over: reset or deleted, but not merely compacted."""
        return self.archived in ("reset", "deleted")

    @property
    def age(self) -> tuple[bool, str]:
        """Sorts the files of one transcript in the order they were written: the live one last."""
        return (not self.archived, self.time)


def parse(name: str) -> Name | None:
    """Return what a file name says, or None if the file is no transcript.

    A name that is not UTF-8 is none: OpenClaw writes ASCII names.
    """
    match = _NAME.fullmatch(name)
    if match is None or _SIDECAR.search(match["stem"]) or not name.isprintable():
        return None
    fork = _FORK.fullmatch(match["stem"])
    return Name(
        transcript=f"{match['stem']}.jsonl",
        session=fork["session"] if fork else match["stem"],
        archived=match["state"] or "",
        time=match["time"] or "",
    )


def parse_followed(name: str) -> Name | None:
    """Return what the name of a transcript or of a trajectory says, or None if it is neither."""
    if not name.endswith(_TRAJECTORY):
        return parse(name)
    beside = parse(f"{name.removesuffix(_TRAJECTORY)}.jsonl")
    return beside and Name(transcript=name, session=beside.session, trajectory=True)
