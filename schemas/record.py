"""What every record on a topic has in common."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A piece of a record: immutable, and deaf to fields a newer version may have added."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Record(Part):
    """A topic's value: one JSON object with its schema version.

    The version counts changes that an old reader would misread. A field that is only added does
    not raise it, because readers ignore what they do not know.
    """

    schema_version: int = Field(default=1, alias="schema")

    def to_bytes(self) -> bytes:
        """Return the UTF-8 JSON that goes on the topic; equal records give equal bytes."""
        # As `model_dump_json`, without the detour by `str`: a third less on a turn.
        return self.__pydantic_serializer__.to_json(self, by_alias=True)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Read a topic's value.

        Raises:
            pydantic.ValidationError: the bytes are no JSON, or not this record.
        """
        return cls.model_validate_json(value)
