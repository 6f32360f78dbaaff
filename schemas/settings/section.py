"""What all tables of the settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A table of the file. An unknown key is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def mistake(message: str, *at: str | int) -> PydanticCustomError:
    """Return the error of a check over several settings; `at` is where to mend it, below the table
    that is checked."""
    return PydanticCustomError("across", "{message}", {"message": message, "at": at})
