"""The stages `judge.<name>`: `candidates` to `judgements`, by one judge."""

from __future__ import annotations

from agents.judges.signals import SignalsJudge
from schemas.settings import Settings
from schemas.settings import SignalsJudge as SignalsSettings
from schemas.table import Table
from schemas.topics import CANDIDATES, JUDGEMENTS
from schemas.turn import Turn
from streams.batch import BatchStage
from streams.broker import Broker
from streams.flow import Incoming, Outgoing
from streams.stage import Stage

VERSION = "signals 2"


def make(name: str, settings: Settings, broker: Broker) -> Stage:
    """Return the stage, not yet started."""
    (config,) = (judge for judge in settings.judges if name == f"judge.{judge.name}")
    if isinstance(config, SignalsSettings):
        handler = SignalsHandler(SignalsJudge(config))
        return BatchStage(name, (CANDIDATES,), VERSION, handler, settings, broker)
    # Only who asks a server has a use for an HTTP client in memory.
    from agents.judges.factory import make_judge
    from streams.judging import JudgeStage

    return JudgeStage(make_judge(config), settings, broker, reaction_wait=config.reaction_wait)


class SignalsHandler:
    """A judge that answers at once."""

    def __init__(self, judge: SignalsJudge) -> None:
        self._judge = judge

    def apply(self, record: Incoming, table: Table) -> list[Outgoing]:  # noqa: ARG002 - stateless
        """Judge one turn."""
        turn = Turn.from_bytes(record.value or b"")
        judgement = self._judge.judge_now(turn, turn.reaction)
        return [Outgoing(JUDGEMENTS, turn.id.encode(), judgement.to_bytes())]
