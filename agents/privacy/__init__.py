"""Privacy: what may not reach a topic is found and replaced. Pure: bytes in, bytes out."""

from agents.privacy.personal import PERSONAL_KINDS
from agents.privacy.redactor import Redacted, Redactor

__all__ = ["PERSONAL_KINDS", "Redacted", "Redactor"]
