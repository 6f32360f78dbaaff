"""The `turns` and `candidates` topics: what the assistant did about one message."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.identity import digest
from schemas.reaction import Reaction
from schemas.record import Part, Record

Trigger = Literal["user", "cron", "heartbeat", "subagent", "announce", "inter_session", "system"]
"""What started a turn. Only `user` was asked for by a person.

`subagent` is a task given to a child session, `announce` the runtime telling a session that its
child is done, `system` anything else that OpenClaw wrote itself (session start, memory flush).
"""

ClosedBy = Literal["user", "quiet", "ended", "branch"]
"""Why a turn is over: the next message came, the file went quiet, the session was closed, or the
tree went on from an earlier entry."""


class Usage(Part):
    """Tokens and cost as the provider counted them; all zero where it did not."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: float = 0.0


class ToolCall(Part):
    """One call as the model wrote it. `arguments` is what the tool got."""

    id: str
    name: str
    arguments: dict[str, Any]


class Decision(Part):
    """One assistant message: its reasoning, its words, and the calls it decided on.

    `started_ms` is when generation began, `ended_ms` when the entry was written (epoch
    milliseconds). `stop_reason` is OpenClaw's: stop, toolUse, length, error, aborted.
    """

    role: Literal["assistant"] = "assistant"
    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    provider: str = ""
    model: str = ""
    stop_reason: str = ""
    error: str = ""
    usage: Usage = Usage()
    started_ms: int | None = None
    ended_ms: int | None = None


class ToolResult(Part):
    """What a tool answered.

    `orphan`: no call with this id stands in the turn (OpenClaw strips calls of unknown tools but
    keeps their error). `synthetic`: OpenClaw wrote it because no result ever came.
    `omitted_chars` were cut from the middle of `text`. `exit_code` is set where a command ran.
    """

    role: Literal["tool"] = "tool"
    call_id: str
    name: str
    text: str = ""
    images: int = 0
    is_error: bool = False
    exit_code: int | None = None
    status: str = ""
    duration_ms: int | None = None
    orphan: bool = False
    synthetic: bool = False
    omitted_chars: int = 0
    at_ms: int | None = None


Step = Annotated[Decision | ToolResult, Field(discriminator="role")]


class ContextMessage(Part):
    """A message before the turn on its branch, shortened: what the assistant could know."""

    role: Literal["user", "assistant", "tool", "summary"]
    text: str


class Place(Part):
    """Where the turn stands: transcript below its state directory, bytes of first and last line."""

    file: str
    first_offset: int
    last_offset: int


class Turn(Record):
    """A message and all that the assistant did about it, up to its last answer.

    `request` is the user's own words; `request_raw` is the stored text with the envelopes and
    metadata that OpenClaw puts around them. `steps` are decisions and results in the order of the
    branch. `context` runs from old to new and holds the newest messages before the turn that fit
    the character budget. `usage` is the sum over the decisions. Times are epoch milliseconds.

    `answer` is what the assistant said after its last call; `silent` says that it chose to say
    nothing (OpenClaw's `NO_REPLY`), and `answer` is empty then.

    `continues` is set where the assistant went on without a new message after its turn had been
    published: the id of that first part.

    `copied` says that this session only holds a copy (a fork, a compaction's successor) of a turn
    that another session generated: the original wins wherever both are seen, and only the
    original is judged.

    `reaction` is what the user said next, where that is what closed the turn.

    `proposed` says that the last decision was made to be judged and never carried out: its calls
    have no results. No such turn stands on a topic.
    """

    id: str
    agent: str
    session: str
    trigger: Trigger = "user"
    request: str
    request_raw: str
    sender: str = ""
    channel: str = ""
    images: int = 0
    context: tuple[ContextMessage, ...] = ()
    steps: tuple[Step, ...]
    answer: str = ""
    silent: bool = False
    provider: str = ""
    model: str = ""
    stop_reason: str = ""
    usage: Usage = Usage()
    started_ms: int
    ended_ms: int
    place: Place
    closed_by: ClosedBy
    continues: str | None = None
    copied: bool = False
    reaction: Reaction | None = None
    proposed: bool = Field(False, exclude_if=lambda proposed: not proposed)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The assistant's messages, in order."""
        return tuple(step for step in self.steps if isinstance(step, Decision))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every tool call, in order."""
        return tuple(call for decision in self.decisions for call in decision.calls)

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """Every tool result, in order."""
        return tuple(step for step in self.steps if isinstance(step, ToolResult))


def turn_id(asked_ms: int | None, text: str, call_ids: tuple[str, ...]) -> str:
    """Return a turn's id from its user message's own time and raw text and its tool-call ids.

    Neither entry ids nor the session take part: OpenClaw gives entries new ids when it rewrites a
    file and copies whole branches into new sessions, and a copy is the same turn.
    """
    return digest("turn", asked_ms, text, list(call_ids))
