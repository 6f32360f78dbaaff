"""What an owner can set, with its default and its meaning.

One file, `clawback.toml`; an environment variable `CLAWBACK_<SECTION>__<NAME>` wins over it.
Descriptions are what `clawback init` writes above each setting. `streams.settings` finds the file,
reads it and says where a mistake in it stands.
"""

from schemas.settings.broker import Broker, Kafka
from schemas.settings.judges import SIGNALS, Calibration, Judge, ModelJudge, SignalsJudge
from schemas.settings.output import Pairs, Sinks
from schemas.settings.panels import Panel
from schemas.settings.paths import Paths
from schemas.settings.prefilter import Prefilter, Rule, ShortRule, TriggerRule
from schemas.settings.reading import Extract, Privacy, Tail
from schemas.settings.section import Section
from schemas.settings.settings import Settings, Supervision

__all__ = [
    "SIGNALS",
    "Broker",
    "Calibration",
    "Extract",
    "Judge",
    "Kafka",
    "ModelJudge",
    "Pairs",
    "Panel",
    "Paths",
    "Prefilter",
    "Privacy",
    "Rule",
    "Section",
    "Settings",
    "ShortRule",
    "SignalsJudge",
    "Sinks",
    "Supervision",
    "Tail",
    "TriggerRule",
]
