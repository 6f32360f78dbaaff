"""`clawback models`: the models that were trained, and which one serves."""

from __future__ import annotations

import asyncio
import getpass
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import OK, UNHEALTHY, USAGE
from streams.cli.models_show import lineage, print_rows, rows_of, when

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.cli.app import Options
    from trainer.registry.registry import Model, Registry
    from trainer.serving.served import Served


@click.group()
def command() -> None:
    """Look at trained models, choose the one that serves.

    \b
    Examples:
      clawback models list
      clawback models show 3f2a
      clawback models rollback
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of models.")
@click.pass_obj
def list_models(options: Options, as_json: bool) -> int:
    """Show each model, what it was made of, what the gate found, and which one serves.

    \b
    Example:
      clawback models list --json | jq -r '.[] | select(.serves) | .id'
    """
    registry = _registry(_settings(options))
    with _told():
        rows = rows_of(registry)
    if as_json:
        click.echo(json.dumps(rows))
    elif rows:
        print_rows(rows)
    else:
        click.echo("no model was trained yet; `clawback train --plan` shows what a run would be")
    return OK


@command.command()
@click.argument("model_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
@click.pass_obj
def show(options: Options, model_id: str, as_json: bool) -> int:
    """Show where a model comes from, from the topics' offsets to the files that are served.

    The beginning of an ID is enough.

    \b
    Example:
      clawback models show 3f2a
    """
    from trainer.serving.served import read_served

    registry = _registry(_settings(options))
    with _told():
        model = registry.find(model_id)
        current = registry.current()
        changes = [each for each in registry.history() if each.model == model.id]
    served = read_served(model)
    serves = current is not None and current.id == model.id
    if as_json:
        found = model.card.model_dump(mode="json") | {
            "serves": serves,
            "folder": str(model.folder),
            "serving": served.model_dump(mode="json") if served else None,
            "changes": [each.model_dump(mode="json") for each in changes],
        }
        click.echo(json.dumps(found))
        return OK
    for name, text in lineage(model, served, serves=serves):
        click.echo(f"{click.style(f'{name:>10}', bold=True)}  {text}")
    for change in changes:
        why = f": {change.why}" if change.why else ""
        click.echo(f"{change.kind:>10}  {when(change.at_ms)} by {change.who}{why}")
    return OK


@command.command()
@click.argument("model_id", metavar="[ID]", required=False)
@click.option("--force", is_flag=True, help="Even if the gate did not let it pass.")
@click.option("--why", default="", metavar="TEXT", help="For the history.")
@click.option("--openclaw", is_flag=True, help="Print what OpenClaw's openclaw.json needs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def promote(
    options: Options, model_id: str | None, force: bool, why: str, openclaw: bool, as_json: bool
) -> int:
    """Let a model serve: its files are made, and the Ollama of [train.serving] is told.

    What was done before is not done again, so this also goes on where serving a model has failed
    (exit code 4). Without an ID, for the model that serves. OpenClaw's own settings are not
    touched; --openclaw prints what belongs there, to be merged into them once.

    \b
    Examples:
      clawback models promote 3f2a
      clawback models promote --openclaw > provider.json
    """
    from streams.training.serving import serve
    from trainer.registry.registry import NotPassed

    if openclaw and as_json:
        raise click.UsageError("--openclaw prints JSON of its own; leave out --json")
    settings = _settings(options)
    registry = _registry(settings)
    with _told():
        model = _chosen(registry, model_id)
        try:
            registry.promote(model.id, at_ms=_now_ms(), who=_who(), why=why, force=force)
        except NotPassed as error:
            raise CommandError(f"{error}; --force has it serve all the same") from None
        served = asyncio.run(serve(settings, registry, model.id, _doing))
    if openclaw:
        _print_openclaw(settings)
    return _tell(settings, model, served, as_json=as_json, quiet=openclaw)


@command.command()
@click.option("--why", default="", metavar="TEXT", help="For the history.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def rollback(options: Options, why: str, as_json: bool) -> int:
    """Let serve again what did before the last promotion.

    Takes seconds: Ollama has that model still, and only its name is moved.

    \b
    Example:
      clawback models rollback --why "it forgets to close files"
    """
    from streams.training.serving import serve, serve_base

    settings = _settings(options)
    registry = _registry(settings)
    with _told():
        model = registry.rollback(at_ms=_now_ms(), who=_who(), why=why)
        if model is not None:
            served = asyncio.run(serve(settings, registry, model.id, _doing))
            return _tell(settings, model, served, as_json=as_json)
        left = asyncio.run(serve_base(settings))
    if as_json:
        state = "pending" if left else "base"
        click.echo(json.dumps({"model": "", "state": state, "reason": left}))
    else:
        click.echo("no model of clawback's serves any more; the base does")
        if left:
            click.echo(f"clawback: {left}", err=True)
    return UNHEALTHY if left else OK


def _settings(options: Options) -> Settings:
    return read_settings(find_settings(options.config))


def _registry(settings: Settings) -> Registry:
    from trainer.registry.registry import Registry

    return Registry(settings.paths.home / "models")


@contextmanager
def _told() -> Iterator[None]:
    from trainer.registry.registry import RegistryError

    try:
        yield
    except RegistryError as error:
        raise CommandError(str(error)) from None


def _chosen(registry: Registry, model_id: str | None) -> Model:
    if model_id is not None:
        return registry.find(model_id)
    current = registry.current()
    if current is None:
        raise CommandError("no model serves yet; say which: `clawback models promote ID`", USAGE)
    return current


def _doing(text: str) -> None:
    click.echo(f"clawback: {text}", err=True)


def _tell(
    settings: Settings, model: Model, served: Served, *, as_json: bool, quiet: bool = False
) -> int:
    if as_json:
        click.echo(served.model_dump_json())
    elif served.state == "serving":
        serving = settings.train.serving
        click.echo(f"{model.id} serves as {serving.name} at {served.url}", err=quiet)
    else:
        click.echo(f"{model.id} is the model that serves", err=quiet)
        click.echo(f"clawback: {served.reason}", err=True)
        for text in served.by_hand:
            click.echo(f"  {text}", err=True)
        if served.state == "pending":
            click.echo("clawback: `clawback models promote` goes on from there", err=True)
    return UNHEALTHY if served.state == "pending" else OK


def _print_openclaw(settings: Settings) -> None:
    from trainer.serving.openclaw import provider_settings

    serving = settings.train.serving
    found = provider_settings(serving.ollama, serving.name, serving.context)
    click.echo(json.dumps(found, indent=2))


def _now_ms() -> int:
    return int(time.time() * 1000)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
