"""The settings as a tree: which table a path leads to, and what may stand in it."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.settings import Settings
from streams.settings.positions import KeyPath


def resolve(loc: tuple[str | int, ...]) -> tuple[KeyPath, type[BaseModel] | None]:
    """Return the way in the file that pydantic's `loc` stands for, and the table its last part
    is in (None where that is no table of settings).

    Where a table is one of several kinds, pydantic's way has the kind in it; the file's has not.
    """
    path: KeyPath = ()
    parent: type[BaseModel] | None = Settings
    here: Any = Settings
    for part in loc:
        if isinstance(part, str) and get_origin(here) in (Union, UnionType):
            here = _of_kind(here, part)
            continue
        path = (*path, part)
        parent = here if _is_table(here) else None
        here = _below(here, part)
    return path, parent


def tables() -> Iterator[tuple[KeyPath, type[BaseModel]]]:
    """Yield every table that is there once, with its way: ``("tail",)``, ``("prefilter",)``..."""
    yield from _tables((), Settings)


def field_at(path: KeyPath) -> FieldInfo | None:
    """Return the setting at `path` below tables that are there once, or None."""
    for table, model in tables():
        if path[:-1] == table and path:
            return model.model_fields.get(str(path[-1]))
    return None


def is_table(field: FieldInfo) -> bool:
    """Whether the setting is itself a table."""
    return _is_table(field.annotation)


def allowed(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that a setting of a few fixed ones may have, or nothing."""
    found: list[str] = []
    _literals(field.annotation, found)
    return tuple(found)


def _tables(path: KeyPath, model: type[BaseModel]) -> Iterator[tuple[KeyPath, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        below = field.annotation
        if isinstance(below, type) and issubclass(below, BaseModel):
            yield from _tables((*path, name), below)


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _below(here: Any, part: str | int) -> Any:
    if _is_table(here):
        field = here.model_fields.get(part)
        return _plain(field.annotation) if field else None
    if isinstance(part, int) and get_origin(here) is tuple:
        return _plain(get_args(here)[0])
    return None


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _of_kind(union: Any, kind: str) -> Any:
    for model in get_args(union):
        if kind in allowed(model.model_fields["kind"]):
            return model
    return None


def _literals(annotation: Any, found: list[str]) -> None:
    if get_origin(annotation) is Literal:
        found.extend(str(value) for value in get_args(annotation))
    else:
        for argument in get_args(annotation):
            _literals(argument, found)
