"""`clawback replay`: history judged by another panel, or cut and filtered by other rules."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from streams.cli.common import find_settings, read_settings, trusted_settings
from streams.cli.errors import CommandError
from streams.cli.exits import BUSY, INTERRUPTED, OK, USAGE
from streams.cli.work import agree, guarded, interruptible, show

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.replay.job import Job
    from streams.replay.plan import Plan
    from streams.replay.select import Selection


@click.command()
@click.option("--panel", metavar="NAME", help="The panel that is to have verdicts.")
@click.option("--since", metavar="TIME", help="Only turns from then on: 2026-03-01, or 7d (ago).")
@click.option("--until", metavar="TIME", help="Only turns before then.")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="Only of this session.")
@click.option("--where", default="", metavar="EXPR", help="Only turns of which this is true.")
@click.option("--dry-run", is_flag=True, help="Tell what it would cost, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before judges are called.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[ID]",
    help="Go on with a replay that was stopped; the latest one by default.",
)
@click.option(
    "--from",
    "source",
    type=click.Choice(["candidates", "entries"]),
    default="candidates",
    show_default=True,
    help="`entries`: cut, filter and judge everything anew, in a lineage of its own.",
)
@click.option("--lineage", metavar="NAME", help="What to call that lineage.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the lineage writes. Default: lineages/NAME in paths.output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or the result, as JSON.")
@click.pass_obj
def command(
    options: Options,
    panel: str | None,
    since: str | None,
    until: str | None,
    sessions: tuple[str, ...],
    where: str,
    dry_run: bool,
    yes: bool,
    resume: str | None,
    source: str,
    lineage: str | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Have history judged by another panel, or cut and filtered by other rules.

    The judgements that a panel lacks are made; all others are used again, as they stand on the
    topic. Verdicts of all panels stay side by side. Works while `clawback run` runs, and without
    it. Ctrl-C pauses; --resume goes on, and nothing is asked twice.

    \b
    --where: FIELD OP VALUE, joined by and, or, not and parentheses; OP is = != < <= > >= ~
    (contains). Fields of the turn: agent, session, trigger, request, answer, tools, calls, failed,
    steps, tokens_out, seconds, reaction, model, ...; of its present verdict: verdict.status,
    verdict.overall, verdict.spread, ...

    \b
    Examples:
      clawback replay --panel strict --dry-run
      clawback replay --panel strict --since 30d --where 'tools ~ exec and verdict.overall <= 4'
      clawback replay --resume
      clawback --config tighter.toml replay --from entries --lineage tighter
    """
    told = read_settings(find_settings(options.config), as_written=True)
    settings = trusted_settings(told)
    filtered = bool(since or until or sessions or where)
    if source == "entries":
        if panel or filtered or resume or dry_run:
            raise click.UsageError(
                "--from entries takes --lineage, --output, --yes and --json; it tells what judges "
                "would cost once it has cut the turns, and then asks"
            )
        if lineage is None:
            raise click.UsageError("--from entries needs --lineage NAME")
        from streams.cli.lineage import replay_lineage

        return replay_lineage(settings, lineage, output, yes=yes, as_json=as_json)
    if lineage or output:
        raise click.UsageError("--lineage and --output go with --from entries")
    if resume and (panel or filtered or dry_run):
        raise click.UsageError("--resume goes on with what was asked for; it takes no selection")
    if not resume and not panel:
        raise click.UsageError(f"--panel NAME is missing; there are: {_names(settings)}")
    _say_who_does_not_count(told, panel)
    chosen = None if resume else _selection(settings, since, until, sessions, where)
    with _OnlyOne(settings):
        return guarded(
            _replay(settings, panel, chosen, resume, dry_run=dry_run, yes=yes, as_json=as_json)
        )


async def _replay(
    settings: Settings,
    panel: str | None,
    chosen: Selection | None,
    resume: str | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    from streams.broker import open_broker
    from streams.cli.panels_common import fed_by, find_edition
    from streams.replay.job import NoSuchJob, find_job, new_job
    from streams.replay.plan import make_plan

    home = settings.paths.home
    job: Job | None = None
    if resume:
        try:
            job = find_job(home, resume)
        except NoSuchJob as error:
            raise CommandError(str(error)) from None
        panel, chosen = job.panel, job.select()
    assert panel is not None
    assert chosen is not None
    edition = find_edition(settings, panel)
    if job is not None and job.label != edition.label:
        raise CommandError(
            f"panel {panel!r} has changed since replay {job.id} began ({job.label} then, "
            f"{edition.label} now); start a new one with --panel {panel}"
        )
    broker = open_broker(settings)
    try:
        await asyncio.to_thread(broker.ensure_topics)
        ends = job.ends if job else None
        plan = await make_plan(
            broker, settings, edition, chosen, fed_by=fed_by(settings).label, ends=ends
        )
        show(plan, as_json=as_json and dry_run)
        if dry_run:
            return OK
        # Who resumes has agreed before.
        agree(plan.calls, yes=yes or job is not None)
        if job is None:
            now_ms = int(time.time() * 1000)
            job = new_job(home, panel, edition.label, plan.ends, chosen, plan.calls, now_ms)
        job.save(home)
        return await _run(broker, settings, plan, job, as_json=as_json)
    finally:
        broker.close()


async def _run(broker: Broker, settings: Settings, plan: Plan, job: Job, *, as_json: bool) -> int:
    from streams.cli.bars import Bars
    from streams.replay.run import run

    with Bars() as bars:
        for work in plan.works:
            bars.add(work.pin.judge, len(work.missing))
        bars.add("joined", None)
        began = time.monotonic()
        ours = await interruptible(
            run(broker, settings, plan, bars.judged, lambda count: bars.move("joined", count))
        )
    if ours is None:
        click.echo(
            f"clawback: paused after {bars.outcomes['asked']} judgements; "
            f"`clawback replay --resume` goes on ({job.id})",
            err=True,
        )
        return INTERRUPTED
    failed = bars.outcomes["failed"]
    job.state = "paused" if failed else "done"
    job.save(settings.paths.home)
    told = {
        "replay": job.id,
        "panel": plan.edition.label,
        "judged": bars.outcomes["asked"],
        "answered_meanwhile": bars.outcomes["spared"],
        "failed": failed,
        "joined": bars.count("joined"),
        "joined_by": "replay" if ours else "the running line",
        "seconds": round(time.monotonic() - began, 1),
    }
    if as_json:
        click.echo(json.dumps(told))
    if failed:
        raise CommandError(
            f"{failed} turns could not be judged, see above; `clawback replay --resume` tries again"
        )
    if as_json:
        return OK
    others = [each for each in _names(settings).split(", ") if each != plan.edition.panel.name]
    other = others[0] if others else "OTHER"
    click.echo(
        f"{told['judged']} judgements made, {told['joined']} joined by {told['joined_by']} in "
        f"{told['seconds']} s; next: `clawback panels compare {other} {plan.edition.panel.name}`"
    )
    return OK


def _selection(
    settings: Settings,
    since: str | None,
    until: str | None,
    sessions: tuple[str, ...],
    where: str,
) -> Selection:
    from streams.replay.select import moment, selection
    from streams.replay.where import WhereError

    zone = ZoneInfo(settings.sinks.timezone) if settings.sinks.timezone else None
    now_ms = int(time.time() * 1000)
    try:
        return selection(
            None if since is None else moment(since, zone, now_ms),
            None if until is None else moment(until, zone, now_ms),
            sessions,
            where,
        )
    except WhereError as error:
        raise CommandError(str(error), USAGE) from None


class _OnlyOne:
    """One replay at a time on a home: two would pay for the same judgements."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.paths.home / "replay"

    def __enter__(self) -> None:
        from streams.embedded.locks import FileLock

        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._path / "lock")
        except OSError as error:
            raise CommandError(f"{self._path} can't be written: {error.strerror}") from None
        if not self._lock.try_acquire():
            self._lock.close()
            raise CommandError("another replay is at work on this home", BUSY)

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def _say_who_does_not_count(settings: Settings, panel: str | None) -> None:
    """Tell on standard error which judges of a panel are left out, and why."""
    from streams.trust import notices

    for line in notices(settings):
        if panel is not None and line.startswith(f"panel {panel} "):
            click.echo(f"clawback: {line}", err=True)


def _names(settings: Settings) -> str:
    return ", ".join(panel.name for panel in settings.all_panels)
