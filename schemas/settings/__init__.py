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
from schemas.settings.regenerate import Regenerate
from schemas.settings.section import Section
from schemas.settings.settings import Settings, Supervision
from schemas.settings.train import Gate, Host, Lora, Serving, Train

__all__ = [
    "SIGNALS",
    "Broker",
    "Calibration",
    "Extract",
    "Gate",
    "Host",
    "Judge",
    "Kafka",
    "Lora",
    "ModelJudge",
    "Pairs",
    "Panel",
    "Paths",
    "Prefilter",
    "Privacy",
    "Regenerate",
    "Rule",
    "Section",
    "Serving",
    "Settings",
    "ShortRule",
    "SignalsJudge",
    "Sinks",
    "Supervision",
    "Tail",
    "Train",
    "TriggerRule",
]
