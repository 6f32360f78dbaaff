"""A judge server without a model, for trying the line and for testing what can go wrong."""

from agents.judges.fake.script import FAULTS, Act, Asked, Mix, Script, plausible
from agents.judges.fake.server import FakeJudge

__all__ = ["FAULTS", "Act", "Asked", "FakeJudge", "Mix", "Script", "plausible"]
