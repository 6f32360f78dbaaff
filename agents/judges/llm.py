"""The judge that is a language model on somebody's server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Literal

from agents.judges.answer import Answer, Unreadable, read_answer
from agents.judges.clients.wire import (
    Client,
    Message,
    PromptTooLong,
    Reply,
    RequestRejected,
    ServerFault,
)
from agents.judges.contract import JudgeUnavailable
from agents.judges.prompt import MIN_CHARS, render
from agents.judges.rubric import rubric_text
from schemas.identity import well_formed
from schemas.judgement import Judgement, Scores, judgement_id
from schemas.reaction import Reaction
from schemas.turn import Turn

Reason = Literal[
    "length",
    "empty",
    "refused",
    "unreadable",
    "prompt_too_long",
    "rejected",
    "timeout",
    "server_error",
    "malformed",
]
"""Why a language model abstains: its answer was cut at the last limit, empty, declined or without
scores twice over; the turn does not fit; or the server fails at this turn and not at others."""

RAW_CHARS: Final = 20_000
"""How much of an unreadable answer is kept."""

PROBE: Final = (Message("user", "Answer with the one word: ready"),)
PROBE_TOKENS: Final = 16


@dataclass(slots=True)
class _Case:
    """One turn on its way through the attempts."""

    chars: int
    tokens: int
    asked_again: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    raw: str = ""
    messages: list[Message] = field(default_factory=list)

    def note(self, reply: Reply) -> None:
        if reply.tokens_in is not None:
            self.tokens_in = (self.tokens_in or 0) + reply.tokens_in
        if reply.tokens_out is not None:
            self.tokens_out = (self.tokens_out or 0) + reply.tokens_out
        self.raw = well_formed(reply.content or reply.reasoning)[:RAW_CHARS]


class _Abstains(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class ModelJudge:
    """Asks one model, at most `concurrency` turns at a time, and reads what it says.

    An answer cut at the token limit is asked for once more with room up to `max_tokens_cap`; an
    unreadable one is asked for once more with what is wrong with it; a turn too long for the
    model is shortened by halves. What fails after that is an abstention. Where the server itself
    fails, a question of a few tokens tells whether it is the turn's fault or the machine's.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        model: str,
        rubric: str,
        concurrency: int = 1,
        max_tokens: int = 4096,
        max_tokens_cap: int = 16_384,
        prompt_chars: int = 48_000,
        probe_seconds: float = 60.0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.name = name
        self.model = model
        self.rubric = rubric
        self.concurrency = concurrency
        self._client = client
        self._system = Message("system", rubric_text(rubric))
        self._max_tokens = max_tokens
        self._max_tokens_cap = max(max_tokens, max_tokens_cap)
        self._prompt_chars = prompt_chars
        self._probe_seconds = probe_seconds
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)

    async def judge(self, turn: Turn, reaction: Reaction | None = None) -> Judgement:
        """Return the model's scores of `turn`, or an abstention.

        Raises:
            JudgeUnavailable: the machine can't answer whatever it is asked.
        """
        async with self._slots:
            started = self._clock()
            case = _Case(self._prompt_chars, self._max_tokens)
            said: Answer | _Abstains
            try:
                said = await self._answer(case, turn, reaction or turn.reaction)
            except _Abstains as error:
                said = error
            return self._judgement(turn, case, said, (self._clock() - started) * 1000)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> Reply:
        """Ask the model a question of a few tokens: whether the machine works at all.

        Raises:
            JudgeUnavailable: it does not.
        """
        try:
            async with asyncio.timeout(self._probe_seconds):
                return await self._client.ask(PROBE, PROBE_TOKENS)
        except (RequestRejected, ServerFault) as error:
            raise JudgeUnavailable(str(error)) from error
        except TimeoutError as error:
            raise JudgeUnavailable(
                f"{self.name}: no answer to a short question within {self._probe_seconds:g} s"
            ) from error

    def abstention(self, turn: Turn, reason: str, detail: str) -> Judgement:
        """Return an abstention that whoever asks makes in the model's place."""
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            status="abstained",
            rationale=well_formed(detail),
            reason=reason,
        )

    async def _answer(self, case: _Case, turn: Turn, reaction: Reaction | None) -> Answer:
        self._open(case, turn, reaction)
        while True:
            try:
                reply = await self._client.ask(case.messages, case.tokens)
            except PromptTooLong as error:
                if case.chars <= MIN_CHARS:
                    raise _Abstains("prompt_too_long", str(error)) from error
                case.chars = max(MIN_CHARS, case.chars // 2)
                self._open(case, turn, reaction)
                continue
            except RequestRejected as error:
                await self.check()
                raise _Abstains("rejected", str(error)) from error
            except ServerFault as error:
                await self.check()
                raise _Abstains(error.reason, str(error)) from error
            case.note(reply)
            if reply.finish == "length":
                if case.tokens >= self._max_tokens_cap:
                    raise _Abstains("length", f"no end within {case.tokens} tokens")
                case.tokens = self._max_tokens_cap
                continue
            try:
                return read_answer(reply.content, reply.reasoning, finished=reply.finish == "stop")
            except Unreadable as error:
                if case.asked_again:
                    raise _Abstains(_reason(reply), str(error)) from error
                self._ask_again(case, reply, str(error))

    def _open(self, case: _Case, turn: Turn, reaction: Reaction | None) -> None:
        case.messages = [self._system, Message("user", render(turn, reaction, case.chars))]

    def _ask_again(self, case: _Case, reply: Reply, fault: str) -> None:
        case.asked_again = True
        if reply.content.strip():
            case.messages.append(Message("assistant", well_formed(reply.content)[:4_000]))
            fault = f"That can't be used: {fault}."
        else:
            fault = "There was no answer."
        # Without an assistant message between, chat templates that insist on alternating roles
        # would refuse a second user message; so it is put onto the first.
        last = case.messages[-1]
        demand = f"{fault} Answer with the one JSON object, all five whole numbers from 1 to 10."
        if last.role == "user":
            case.messages[-1] = Message("user", f"{last.content}\n\n{demand}")
        else:
            case.messages.append(Message("user", demand))

    def _judgement(
        self, turn: Turn, case: _Case, said: Answer | _Abstains, latency_ms: float
    ) -> Judgement:
        scores: Scores | None = None
        if isinstance(said, Answer):
            status: Literal["scored", "abstained"] = "scored"
            scores, rationale, reason, raw = said.scores, said.rationale, "", ""
        else:
            status = "abstained"
            rationale, reason, raw = well_formed(str(said)), said.reason, case.raw
        return Judgement(
            id=judgement_id(turn.id, self.name, self.model, self.rubric),
            turn_id=turn.id,
            judge=self.name,
            kind="llm",
            model=self.model,
            rubric=self.rubric,
            status=status,
            scores=scores,
            rationale=rationale,
            reason=reason,
            raw=raw,
            tokens_in=case.tokens_in,
            tokens_out=case.tokens_out,
            latency_ms=round(latency_ms, 1),
        )


def _reason(reply: Reply) -> Reason:
    if reply.finish == "refused":
        return "refused"
    return "unreadable" if (reply.content or reply.reasoning).strip() else "empty"
