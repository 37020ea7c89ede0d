"""For notebooks: plan, run, look, read. A handful of functions over the same verbs as the command line.

>>> import hpcml
>>> campaign = hpcml.plan("jobs/jets-demo.yaml", overrides=["steps.scan.parameters.k=20"])
>>> hpcml.run(campaign)
>>> frame = hpcml.open_table(campaign, "scan").frame("statistics")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hpcml.cli.progress import PlainProgress
from hpcml.commands.plan import plan as _plan
from hpcml.commands.run import RunOptions
from hpcml.commands.run import run as _run
from hpcml.commands.status import CampaignStatus
from hpcml.commands.status import status as _status
from hpcml.commands.units import list_units
from hpcml.directory.intake import reading
from hpcml.directory.opened import OpenCampaign
from hpcml.store.table import StepTable

if TYPE_CHECKING:
    import pandas as pd


def plan(job: str | Path, directory: str | Path | None = None, *, overrides: Sequence[str] = ()) -> Path:
    """Make or extend the campaign of a job file, without computing anything.

    job: the YAML file. directory: where; `campaigns/<name>` by default. overrides: `key=value` as
    on the command line. Returns the campaign directory. Raises JobFileError, PlanConflict.
    """
    from hpcml.jobfile.resolve import resolve

    resolved, _ = resolve(Path(job), overrides=overrides, check_inputs=True)
    return _plan(resolved.campaign, Path(directory or Path("campaigns") / resolved.campaign.name)).root


def run(
    campaign: str | Path, *, ranks: int = 0, shards: int = 0, allow_missing: bool = False
) -> dict[str, StepTable]:
    """Compute and merge what is missing of a campaign on this machine; its tables by step.

    campaign: a campaign directory, or a job file (planned first). ranks, shards: 0 takes the job
    file's. Raises Incomplete when units failed; calling it again goes on where it stopped.
    """
    place = Path(campaign)
    opened = OpenCampaign(place if place.is_dir() else plan(place))
    _run(opened, RunOptions(ranks, shards, allow_missing), PlainProgress())
    return {step.name: step.table() for step in opened.steps}


def open_table(campaign: str | Path, step: str) -> StepTable:
    """The merged table of a step.

    `.array(column)` gives NumPy (memory-mapped, shape (rows, *row shape)), `.frame()` pandas,
    `.keys()` the unit keys, `.index()` first row and rows of each unit, `.summary()` the
    workload's small results. Raises Incomplete before the step is merged.
    """
    return OpenCampaign(Path(campaign)).step(step).table()


def status(campaign: str | Path) -> CampaignStatus:
    """What is done, failed and missing, per step and shard."""
    return _status(OpenCampaign(Path(campaign)))


def units(campaign: str | Path, step: str) -> pd.DataFrame:
    """The units of a step in the order of the result: columns step, unit (its key), number, state, attempts,
    error, and payload.NAME for each of their payload."""
    import pandas as pd

    opened = OpenCampaign(Path(campaign))
    with reading(opened) as history:
        return pd.json_normalize(list_units(opened.step(step), history))
