"""Asking a language model until an answer can be read, or there is a reason why none can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from agents.judges.answer import Unreadable
from agents.judges.clients.wire import (
    Client,
    Message,
    PromptTooLong,
    Reply,
    RequestRejected,
    ServerFault,
)
from agents.judges.contract import JudgeUnavailable
from agents.judges.prompt import MIN_CHARS
from schemas.identity import well_formed

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
"""Why a language model abstains: its answer was cut at the last limit, empty, declined or
unreadable twice over; what it is asked does not fit; or the server fails at this alone."""

RAW_CHARS: Final = 20_000
"""How much of an unreadable answer is kept."""

PROBE: Final = (Message("user", "Answer with the one word: ready"),)
PROBE_TOKENS: Final = 16

T = TypeVar("T")


@dataclass(slots=True)
class Case:
    """One question on its way through the attempts. `raw` is the last thing that was answered;
    tokens are those of all attempts, None where the server does not count."""

    chars: int
    tokens: int
    asked_again: bool = False
    tokens_in: int | None = None
    tokens_out: int | None = None
    raw: str = ""
    messages: list[Message] = field(default_factory=list)

    def note(self, reply: Reply) -> None:
        """Take a reply into account."""
        if reply.tokens_in is not None:
            self.tokens_in = (self.tokens_in or 0) + reply.tokens_in
        if reply.tokens_out is not None:
            self.tokens_out = (self.tokens_out or 0) + reply.tokens_out
        self.raw = well_formed(reply.content or reply.reasoning)[:RAW_CHARS]


class Abstains(Exception):
    """The model can't be brought to answer this. One line for a person."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


class Asking:
    """A conversation with one model, begun anew for each case.

    An answer cut at the token limit is asked for once more with room up to `max_tokens_cap`; an
    unreadable one is asked for once more with what is wrong with it and `demand`; a prompt too
    long for the model is shortened by halves. Where the server itself fails, a question of a few
    tokens tells whether it is the case's fault or the machine's.
    """

    def __init__(
        self,
        client: Client,
        *,
        name: str,
        system: str,
        demand: str,
        max_tokens: int,
        max_tokens_cap: int,
        prompt_chars: int,
        probe_seconds: float,
    ) -> None:
        self._client = client
        self._name = name
        self._system = Message("system", system)
        self._demand = demand
        self._max_tokens = max_tokens
        self._max_tokens_cap = max(max_tokens, max_tokens_cap)
        self._prompt_chars = prompt_chars
        self._probe_seconds = probe_seconds

    def case(self) -> Case:
        """Return a case to ask about."""
        return Case(self._prompt_chars, self._max_tokens)

    async def ask(self, case: Case, render: Callable[[int], str], read: Callable[[Reply], T]) -> T:
        """Return what `read` makes of the model's reply.

        Args:
            case: a new one; it says afterwards what it took.
            render: returns the prompt in at most so many characters.
            read: raises Unreadable where a reply does not say what was asked.

        Raises:
            Abstains: there is no such reply to be had.
            JudgeUnavailable: the machine can't answer whatever it is asked.
        """
        self._open(case, render)
        while True:
            try:
                reply = await self._client.ask(case.messages, case.tokens)
            except PromptTooLong as error:
                if case.chars <= MIN_CHARS:
                    raise Abstains("prompt_too_long", str(error)) from error
                case.chars = max(MIN_CHARS, case.chars // 2)
                self._open(case, render)
                continue
            except RequestRejected as error:
                await self.check()
                raise Abstains("rejected", str(error)) from error
            except ServerFault as error:
                await self.check()
                raise Abstains(error.reason, str(error)) from error
            case.note(reply)
            if reply.finish == "length":
                if case.tokens >= self._max_tokens_cap:
                    raise Abstains("length", f"no end within {case.tokens} tokens")
                case.tokens = self._max_tokens_cap
                continue
            try:
                return read(reply)
            except Unreadable as error:
                if case.asked_again:
                    raise Abstains(_reason(reply), str(error)) from error
                self._ask_again(case, reply, str(error))

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
                f"{self._name}: no answer to a short question within {self._probe_seconds:g} s"
            ) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _open(self, case: Case, render: Callable[[int], str]) -> None:
        case.messages = [self._system, Message("user", render(case.chars))]

    def _ask_again(self, case: Case, reply: Reply, fault: str) -> None:
        case.asked_again = True
        if reply.content.strip():
            case.messages.append(Message("assistant", well_formed(reply.content)[:4_000]))
            fault = f"That can't be used: {fault}."
        else:
            fault = "There was no answer."
        # Without an assistant message between, chat templates that insist on alternating roles
        # would refuse a second user message; so it is put onto the first.
        last = case.messages[-1]
        demand = f"{fault} {self._demand}"
        if last.role == "user":
            case.messages[-1] = Message("user", f"{last.content}\n\n{demand}")
        else:
            case.messages.append(Message("user", demand))


def _reason(reply: Reply) -> Reason:
    if reply.finish == "refused":
        return "refused"
    return "unreadable" if (reply.content or reply.reasoning).strip() else "empty"
