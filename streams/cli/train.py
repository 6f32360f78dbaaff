"""`clawback train`: what is trained, when, and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import OK, USAGE
from streams.cli.train_lines import (
    examples,
    files_of,
    outlook_json,
    outlook_lines,
    run_lines,
)
from streams.cli.work import with_broker

if TYPE_CHECKING:
    from schemas.settings import Settings
    from schemas.training import TrainingRun
    from streams.cli.app import Options
    from streams.training.outlook import Outlook


@click.group(invoke_without_command=True)
@click.option("--plan", is_flag=True, help="Compute what a run takes, and whether it fits.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def command(ctx: click.Context, plan: bool, as_json: bool) -> int:
    """Train on what has gathered, or see when that is.

    With `train.enabled` the running line trains by itself. What is asked here is a record on the
    topic `training`, which it sees.

    \b
    Examples:
      clawback train
      clawback train --plan
      clawback train now
      clawback train list
    """
    if ctx.invoked_subcommand is not None:
        if plan or as_json:
            raise click.UsageError("--plan and --json stand without a command, or behind it")
        return OK
    settings = _settings(ctx.obj)
    if plan:
        from streams.cli.train_plan import show_plan

        return show_plan(settings, as_json)
    seen = _look(settings)
    if as_json:
        click.echo(json.dumps(outlook_json(seen, settings)))
    else:
        click.echo("\n".join(outlook_lines(seen, settings)))
        if settings.train.enabled and _stands_still(settings):
            click.echo("`clawback run` is not running; nothing starts or goes on before it is")
    return OK


@command.command()
@click.pass_obj
def now(options: Options) -> int:
    """Start a run though it is not yet time.

    Neither the threshold nor the window nor the rest between two runs is waited for.

    \b
    Example:
      clawback train now
    """
    settings = _enabled(_settings(options))
    seen = _look(settings)
    if seen.under_way is not None:
        raise CommandError(
            f"run {seen.under_way.id[:8]} is under way ({seen.under_way.state}); wait for it, or "
            f"end it with `clawback train stop {seen.under_way.id[:8]}`"
        )
    if not seen.there:
        raise CommandError(
            f"there are no {examples(settings)} to train on yet; `clawback status` shows how far "
            "the line is"
        )
    _ask(settings, "now")
    click.echo(f"asked for a run on {seen.there} {examples(settings)}, {seen.new} of them new")
    _say_who_sees_it(settings)
    return OK


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_(options: Options, as_json: bool) -> int:
    """List the runs, the last one first.

    \b
    Example:
      clawback train list
    """
    settings = _settings(options)
    runs = list(reversed(_look(settings, examples_too=False).runs))
    if as_json:
        for run in runs:
            click.echo(run.to_bytes())
        return OK
    if not runs:
        click.echo("no run was ever planned; `clawback train` says when one will be")
        return OK
    for run in runs:
        headline, *_ = run_lines(run, settings)
        click.echo(headline)
        if run.reason:
            click.echo(f"  {run.reason}")
    return OK


@command.command()
@click.argument("run_id", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show(options: Options, run_id: str, as_json: bool) -> int:
    """Show a run: where it stands, how it goes or went, and where its files are.

    The beginning of a run's id is enough.

    \b
    Example:
      clawback train show 3f2a
    """
    settings = _settings(options)
    run = _find(_look(settings, examples_too=False), run_id)
    folder = settings.paths.home / "training" / run.id
    files = {name: path for name, path in files_of(folder).items() if path.exists()}
    if as_json:
        found = {"folder": str(folder), "files": {name: str(path) for name, path in files.items()}}
        click.echo(json.dumps(json.loads(run.to_bytes()) | found))
        return OK
    click.echo("\n".join(run_lines(run, settings)))
    for name, path in files.items():
        click.echo(f"  {name:<12} {path}")
    if "tensorboard" in files:
        click.echo(f"  look at it with: tensorboard --logdir {files['tensorboard']}")
    return OK


@command.command()
@click.argument("run_id", metavar="RUN")
@click.pass_obj
def resume(options: Options, run_id: str) -> int:
    """Have a run go on that has failed, from its last checkpoint.

    \b
    Example:
      clawback train resume 3f2a
    """
    from trainer.runs.states import can_resume, is_over

    settings = _enabled(_settings(options))
    run = _find(_look(settings, examples_too=False), run_id)
    if not is_over(run):
        raise CommandError(f"run {run.id[:8]} is not over: it is {run.state}")
    if not can_resume(run):
        raise CommandError(
            f"run {run.id[:8]} was {run.state} by the gate: {run.reason}; "
            f"`clawback models promote {run.candidate[:8]}` has its model serve all the same"
            if run.state == "refused"
            else f"run {run.id[:8]} is over: its model was promoted"
        )
    _ask(settings, "resume", run.id)
    click.echo(f"asked for run {run.id[:8]} to go on")
    _say_who_sees_it(settings)
    return OK


@command.command()
@click.argument("run_id", metavar="[RUN]", default="")
@click.pass_obj
def stop(options: Options, run_id: str) -> int:
    """End a run under way; `resume` has it go on from its last checkpoint.

    \b
    Example:
      clawback train stop
    """
    from trainer.runs.states import is_over

    settings = _settings(options)
    seen = _look(settings, examples_too=False)
    run = _find(seen, run_id) if run_id else seen.under_way
    if run is None:
        raise CommandError("no run is under way")
    if is_over(run):
        raise CommandError(f"run {run.id[:8]} is over: it is {run.state}")
    _ask(settings, "stop", run.id)
    click.echo(f"asked for run {run.id[:8]} to end; its judges go on once its hosts are free")
    _say_who_sees_it(settings)
    return OK


def _settings(options: Options) -> Settings:
    return read_settings(find_settings(options.config))


def _enabled(settings: Settings) -> Settings:
    if not settings.train.enabled:
        raise CommandError(
            "training is off, so nobody would see it; write enabled = true under [train] and start "
            "`clawback run` again (with a high min_pairs only what you ask for is trained)",
            USAGE,
        )
    return settings


def _look(settings: Settings, *, examples_too: bool = True) -> Outlook:
    from streams.training.outlook import outlook

    return with_broker(settings, lambda at: outlook(at, settings, examples_too=examples_too))


def _ask(settings: Settings, request: str, run: str = "") -> None:
    from streams.training.outlook import ask

    with_broker(settings, lambda broker: ask(broker, request, run))


def _find(seen: Outlook, beginning: str) -> TrainingRun:
    found = [run for run in seen.runs if run.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(f"no run begins with {beginning!r}; `clawback train list` shows them")
    names = ", ".join(run.id[:12] for run in found)
    raise CommandError(f"several runs begin with {beginning!r}: {names}", USAGE)


def _say_who_sees_it(settings: Settings) -> None:
    if _stands_still(settings):
        click.echo("`clawback run` is not running; it takes effect when it is", err=True)
    else:
        click.echo("`clawback status` shows it", err=True)


def _stands_still(settings: Settings) -> bool:
    """Whether there is surely no line that sees the topics; on Kafka that can't be told."""
    from streams.supervisor.lock import HomeLock

    return settings.broker.url == "embedded" and HomeLock(settings.paths.home).holder() is None
