"""A language model that says which of two answers is better."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Literal

import httpx

from agents.judges.answer import Unreadable, last_object, rationale_of
from agents.judges.asking import Abstains, Asking
from agents.judges.clients.wire import Client, Reply
from agents.judges.comparing.prompt import RUBRIC, Question, instructions, render
from agents.judges.factory import make_client
from schemas.identity import well_formed
from schemas.settings import ModelJudge

Better = Literal["first", "second", "tie"]

CHOICES: Final[dict[str, Better]] = {"first": "first", "second": "second", "tie": "tie"}
DEMAND: Final = 'Answer with the one JSON object; "better" is "first", "second" or "tie".'


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of a question. Without `better` it abstains, and `reason` is one word."""

    better: Better | None
    rationale: str
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float = 0.0


class Comparer:
    """Asks one model, at most `concurrency` questions at a time."""

    def __init__(
        self, client: Client, settings: ModelJudge, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.name = settings.name
        self.model = settings.model
        self.rubric = RUBRIC
        self.concurrency = settings.concurrency
        self._asking = Asking(
            client,
            name=settings.name,
            system=instructions(),
            demand=DEMAND,
            max_tokens=settings.max_tokens,
            max_tokens_cap=settings.max_tokens_cap,
            prompt_chars=settings.prompt_chars,
            probe_seconds=settings.timeout,
        )
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.concurrency)

    async def compare(self, question: Question) -> Opinion:
        """Return which answer the model finds better, or why it can't be brought to say.

        Raises:
            JudgeUnavailable: the machine can't answer whatever it is asked.
        """
        async with self._slots:
            started = self._clock()
            case = self._asking.case()
            try:
                better, rationale = await self._asking.ask(
                    case, lambda limit: render(question, limit), _read
                )
                reason = ""
            except Abstains as error:
                better, rationale, reason = None, well_formed(str(error)), error.reason
            return Opinion(
                better,
                rationale,
                reason,
                case.tokens_in,
                case.tokens_out,
                self._clock() - started,
            )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._asking.aclose()


def make_comparer(
    config: ModelJudge, *, transport: httpx.AsyncBaseTransport | None = None, backoff: float = 0.5
) -> Comparer:
    """Return a judge of `config`'s model that compares. See `agents.judges.factory.make_judge`.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    client = make_client(config, answer_schema(), transport=transport, backoff=backoff)
    return Comparer(client, config)


def answer_schema() -> dict[str, Any]:
    """Return the JSON schema of an answer; reasons come before the choice."""
    return {
        "type": "object",
        "properties": {
            "rationale": {"type": "string"},
            "better": {"type": "string", "enum": list(CHOICES)},
        },
        "required": ["rationale", "better"],
        "additionalProperties": False,
    }


def read_opinion(content: str, reasoning: str = "", *, finished: bool = True) -> tuple[Better, str]:
    """Return which answer is better and the reasons; see `last_object` for which object counts.

    Raises:
        Unreadable: it is not said. One line fit to be told to the judge.
    """
    found = last_object(content, reasoning, finished=finished, names=("better",))
    if found.twice:
        raise Unreadable(f"{found.twice} is given twice")
    token = found.fields["better"]
    said = json.loads(token).strip().lower() if token.startswith('"') else token
    if said not in CHOICES:
        raise Unreadable(f'better is {token[:40]}, not "first", "second" or "tie"')
    return CHOICES[said], rationale_of(found)


def _read(reply: Reply) -> tuple[Better, str]:
    return read_opinion(reply.content, reply.reasoning, finished=reply.finish == "stop")
