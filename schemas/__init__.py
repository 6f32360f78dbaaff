"""The records that flow and stay, and the settings: models only, nothing that acts."""

from schemas.deadletter import DeadLetter, deadletter_id
from schemas.entry import Entry, Origin, line_id, marker_id
from schemas.generation import Generation, generation_id
from schemas.identity import digest, well_formed
from schemas.judgement import DIMENSIONS, Judgement, Scores, judgement_id
from schemas.pair import ChatMessage, PreferencePair, Side, pair_id
from schemas.reaction import Reaction, reaction_id
from schemas.tool import ToolDefinition, ToolOffer
from schemas.training import TrainingRun, run_id
from schemas.turn import (
    ContextMessage,
    Decision,
    Place,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
    turn_id,
)
from schemas.verdict import Medians, Opinion, Verdict, verdict_id

__all__ = [
    "DIMENSIONS",
    "ChatMessage",
    "ContextMessage",
    "DeadLetter",
    "Decision",
    "Entry",
    "Generation",
    "Judgement",
    "Medians",
    "Opinion",
    "Origin",
    "Place",
    "PreferencePair",
    "Reaction",
    "Scores",
    "Side",
    "ToolCall",
    "ToolDefinition",
    "ToolOffer",
    "ToolResult",
    "TrainingRun",
    "Turn",
    "Usage",
    "Verdict",
    "deadletter_id",
    "digest",
    "generation_id",
    "judgement_id",
    "line_id",
    "marker_id",
    "pair_id",
    "reaction_id",
    "run_id",
    "turn_id",
    "verdict_id",
    "well_formed",
]
