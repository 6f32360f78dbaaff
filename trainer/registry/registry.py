"""Models on the disk: a directory each, and one small file that says which one serves.

    <model id>/card.json    where it comes from; never changed
    <model id>/model/       its weights, or its adapter
    <model id>/run/         what its run left behind to read: plan, metrics, decision, report
    <model id>/serving/     what is made of it to be served (trainer.serving); can be made again
    current.json            which one serves (history.Current)
    promotions.jsonl        all changes of that (history.Change), only ever added to

A model's directory gets its name at the end, so one that is there is whole. `current.json` is
replaced in one step. Changes hold a lock; readers need none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from trainer.job import DONE, MODEL
from trainer.registry.card import Card, Code, Seat, this_code
from trainer.registry.files import PRIVATE_DIRECTORY, append, locked, put, sync
from trainer.registry.history import Change, Current, before_last, read_lines, taken
from trainer.registry.keep import CARD, keep

ADAPTER: Final = "adapter_config.json"
_MAKING: Final = ".making-"


class RegistryError(Exception):
    """It can't be done. One line that says why and what to do."""


class NotPassed(RegistryError):
    """The gate did not let the model pass."""


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model and its directory."""

    folder: Path
    card: Card

    @property
    def id(self) -> str:
        """Its id."""
        return self.card.id

    @property
    def weights(self) -> Path:
        """The directory of its weights, or of its adapter."""
        return self.folder / MODEL

    @property
    def is_adapter(self) -> bool:
        """Whether the weights are an adapter, to be put on the base."""
        return (self.weights / ADAPTER).exists()

    @property
    def serving(self) -> Path:
        """Where what is served is made."""
        return self.folder / "serving"


class Registry:
    """The models below one directory, which is made when something is registered."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def register(
        self,
        run: Path,
        snapshot: Path,
        *,
        judges: Sequence[Seat] = (),
        code: Code | None = None,
    ) -> Model:
        """Keep the model of a finished run, whether the gate let it pass or not.

        Registering it again, also after a kill, gives the model that is there.

        Args:
            run: the run's folder.
            snapshot: the directory that it was trained on.
            judges: who sat on the panel that made the snapshot.
            code: what trained it; without one, this clawback.

        Raises:
            RegistryError: the run has not finished, or it can't be written.
        """
        if not (run / DONE).exists():
            raise RegistryError(f"the run in {run} has not finished: it has no {DONE}")
        work = self.home / f"{_MAKING}{os.getpid()}"
        try:
            self.home.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=PRIVATE_DIRECTORY)
            try:
                card = keep(work, run, snapshot, tuple(judges), code or this_code())
                with self._changing():
                    self._sweep(work)
                    if not (self.home / card.id).exists():
                        os.rename(work, self.home / card.id)
                        sync(self.home)
                return self.get(card.id)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise RegistryError(f"the model of {run} can't be kept: {error}") from error
        except (ValueError, KeyError) as error:
            raise RegistryError(f"what the run in {run} left can't be read: {error}") from error

    def promote(
        self,
        model_id: str,
        *,
        at_ms: int,
        who: str = "gate",
        why: str = "",
        force: bool = False,
    ) -> Model:
        """Let a model serve from now on; nothing changes where it does already.

        Args:
            model_id: the model.
            at_ms: when (epoch milliseconds).
            who: who wants it.
            why: for the history.
            force: even if the gate did not let it pass.

        Raises:
            NotPassed: it did not, and there is no `force`.
            RegistryError: there is no such model, or it can't be written.
        """
        model = self.get(model_id)
        if not (model.card.passed or force):
            raise NotPassed(f"model {model_id} did not pass the gate: {model.card.verdict}")
        with self._changing():
            current = self._current()
            if current.model != model_id:
                self._change(current, "promote", model_id, at_ms, who, why)
        return model

    def rollback(self, *, at_ms: int, who: str, why: str = "") -> Model | None:
        """Let serve again what did before the last promotion, and return it; None for the base.

        Raises:
            RegistryError: nothing was promoted, what served before is gone, or it can't be
                written.
        """
        with self._changing():
            current = self._current()
            target = before_last(self._taken(current))
            if target is None:
                raise RegistryError("no model was promoted, so there is nothing to go back to")
            model = self.get(target) if target else None
            self._change(current, "rollback", target, at_ms, who, why)
        return model

    def current(self) -> Model | None:
        """Return the model that serves, None for the base.

        Raises:
            RegistryError: it can't be read.
        """
        current = self._current()
        return self.get(current.model) if current.model else None

    def history(self) -> list[Change]:
        """Return the changes of what serves, the oldest first.

        Raises:
            RegistryError: they can't be read.
        """
        return self._taken(self._current())

    def models(self) -> list[Model]:
        """Return all models, in the order in which they were registered.

        Raises:
            RegistryError: a card can't be read.
        """
        if not self.home.is_dir():
            return []
        cards = [path / CARD for path in self.home.iterdir() if not path.name.startswith(".")]
        there = [card for card in cards if card.exists()]
        there.sort(key=lambda card: (card.stat().st_mtime_ns, card.parent.name))
        return [self.get(card.parent.name) for card in there]

    def models_of(self, snapshot: str) -> list[Model]:
        """Return the models that were trained on a snapshot, by its fingerprint."""
        return [model for model in self.models() if model.card.snapshot == snapshot]

    def get(self, model_id: str) -> Model:
        """Return the model of an id.

        Raises:
            RegistryError: there is none, or its card can't be read.
        """
        folder = self.home / model_id
        try:
            card = Card.model_validate_json((folder / CARD).read_bytes())
        except FileNotFoundError:
            raise RegistryError(
                f"there is no model {model_id!r} in {self.home}; see `clawback models list`"
            ) from None
        except (OSError, ValidationError) as error:
            raise RegistryError(f"{folder / CARD} can't be read: {error}") from error
        return Model(folder, card)

    def find(self, beginning: str) -> Model:
        """Return the model whose id begins so.

        Raises:
            RegistryError: there is none, or there are several.
        """
        found = [model for model in self.models() if model.id.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise RegistryError(
                f"no model's id begins with {beginning!r}; see `clawback models list`"
            )
        raise RegistryError(f"{len(found)} models' ids begin with {beginning!r}; write more of it")

    def _sweep(self, own: Path) -> None:
        """Remove what killed processes left unfinished."""
        for path in self.home.glob(f"{_MAKING}*"):
            if path != own and not _alive(path.name.removeprefix(_MAKING)):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                self.home.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
                held.enter_context(locked(self.home / "lock"))
            except OSError as error:
                raise RegistryError(f"{self.home} can't be written: {error}") from error
            yield

    def _change(
        self, current: Current, kind: str, model: str, at_ms: int, who: str, why: str
    ) -> None:
        change = Change.model_validate(
            {
                "number": max([current.change, *self._changes()]) + 1,
                "parent": current.change,
                "kind": kind,
                "model": model,
                "before": current.model,
                "at_ms": at_ms,
                "who": who,
                "why": why,
            }
        )
        now = Current(model=model, change=change.number)
        try:
            append(self._log, change.model_dump_json().encode())
            put(self._pointer, now.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise RegistryError(f"what serves can't be changed in {self.home}: {error}") from error

    def _current(self) -> Current:
        try:
            return Current.model_validate_json(self._pointer.read_bytes())
        except FileNotFoundError:
            return Current()
        except (OSError, ValidationError) as error:
            raise RegistryError(f"{self._pointer} can't be read: {error}") from error

    def _taken(self, current: Current) -> list[Change]:
        return taken(self._changes(), current)

    def _changes(self) -> dict[int, Change]:
        try:
            return read_lines(self._log.read_bytes().splitlines())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise RegistryError(f"{self._log} can't be read: {error}") from error

    @property
    def _pointer(self) -> Path:
        return self.home / "current.json"

    @property
    def _log(self) -> Path:
        return self.home / "promotions.jsonl"


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ValueError, OSError):
        return False
    return True
