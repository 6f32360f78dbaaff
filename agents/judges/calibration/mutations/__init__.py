"""Named ways to spoil a good turn, so that there is junk whose label is known.

Evaluators miss more than half of planted quality drops (FBI, EMNLP 2024), which is why a judge is
asked about drops that were planted before it is believed about those that were not.
"""

from agents.judges.calibration.mutations.answers import DEGENERATE, IGNORED_INSTRUCTION, TRUNCATED
from agents.judges.calibration.mutations.arguments import WRONG_ARGUMENTS
from agents.judges.calibration.mutations.base import (
    JUNK_CEILING,
    Change,
    Material,
    Mutation,
    mutate,
)
from agents.judges.calibration.mutations.calls import REPEATED_CALLS, WRONG_TOOL
from agents.judges.calibration.mutations.injection import INJECTED_PRAISE
from agents.judges.calibration.mutations.results import (
    CLAIMED_SUCCESS_AFTER_ERROR,
    HALLUCINATED_RESULT,
)

MUTATIONS: tuple[Mutation, ...] = (
    WRONG_TOOL,
    HALLUCINATED_RESULT,
    WRONG_ARGUMENTS,
    IGNORED_INSTRUCTION,
    REPEATED_CALLS,
    TRUNCATED,
    CLAIMED_SUCCESS_AFTER_ERROR,
    DEGENERATE,
    INJECTED_PRAISE,
)
"""All of them, in the order of the report. The last one is put on junk, not on good turns."""

__all__ = [
    "JUNK_CEILING",
    "MUTATIONS",
    "Change",
    "Material",
    "Mutation",
    "mutate",
]
