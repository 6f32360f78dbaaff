"""The runs there were, and what a person has asked of them, as the topic `training` tells.

In the table:
    run/<id>         a run's last record
    open/<id>        when a run was planned that is not over
    last             when the last run was planned
    now              the last request to start one
    served/<id>      a request that a run has answered
    stop/<id>        that a run is to be stopped
    resume/<id>      the request by which a run is to go on
"""

from __future__ import annotations

from schemas.table import Table
from schemas.training import TrainingRequest, TrainingRun
from trainer.runs.states import can_resume, is_over

_RUN, _OPEN, _LAST, _NOW = "run/", "open/", "last", "now"
_SERVED, _STOP, _RESUME = "served/", "stop/", "resume/"


def take_run(run: TrainingRun, table: Table) -> None:
    """Take in a run's record. The same one twice changes nothing."""
    table.put(_RUN + run.id, run.to_bytes())
    if run.planned_ms > last_start(table):
        table.put(_LAST, b"%d" % run.planned_ms)
    if run.request:
        table.put(_SERVED + run.request, b"")
    table.delete(_RESUME + run.id)
    if is_over(run):
        table.delete(_OPEN + run.id)
        table.delete(_STOP + run.id)
    else:
        table.put(_OPEN + run.id, b"%d" % run.planned_ms)


def take_request(request: TrainingRequest, table: Table) -> None:
    """Take in what a person asks. What can't be done to the run as it is, is passed over."""
    if request.request == "now":
        before = table.get(_NOW)
        if before is None or _order(TrainingRequest.from_bytes(before)) < _order(request):
            table.put(_NOW, request.to_bytes())
        return
    run = find(request.run, table)
    if run is None:
        return
    if request.request == "stop" and not is_over(run):
        table.put(_STOP + run.id, b"")
    elif request.request == "resume" and can_resume(run):
        table.put(_RESUME + run.id, request.to_bytes())


def find(run: str, table: Table) -> TrainingRun | None:
    """Return the run of that id as it is, or None."""
    stored = table.get(_RUN + run)
    return TrainingRun.from_bytes(stored) if stored else None


def all_runs(table: Table) -> list[TrainingRun]:
    """Return every run as it is, the first planned first."""
    runs = [TrainingRun.from_bytes(value) for _, value in table.scan(_RUN)]
    return sorted(runs, key=lambda run: (run.planned_ms, run.id))


def under_way(table: Table) -> TrainingRun | None:
    """Return the run that is not over, or None; the one planned first if there were several."""
    planned = [(int(value), key.removeprefix(_OPEN)) for key, value in table.scan(_OPEN)]
    return find(min(planned)[1], table) if planned else None


def last_start(table: Table) -> int:
    """Return when the last run was planned (epoch milliseconds), 0 if none ever was."""
    return int(table.get(_LAST) or 0)


def stop_asked(run: str, table: Table) -> bool:
    """Whether a run that is not over is to be stopped."""
    return table.get(_STOP + run) is not None


def resume_asked(table: Table) -> TrainingRequest | None:
    """Return the oldest request for a run to go on, or None."""
    asked = [TrainingRequest.from_bytes(value) for _, value in table.scan(_RESUME)]
    return min(asked, key=_order, default=None)


def now_asked(table: Table) -> TrainingRequest | None:
    """Return the request to start a run that no run has answered, or None."""
    stored = table.get(_NOW)
    request = TrainingRequest.from_bytes(stored) if stored else None
    if request is None or table.get(_SERVED + request.id) is not None:
        return None
    return request


def _order(request: TrainingRequest) -> tuple[int, str]:
    return request.at_ms, request.id
