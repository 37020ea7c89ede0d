"""Arguments and options that several commands share, and opening what they name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hpcml.directory.opened import OpenCampaign, OpenStep
    from hpcml.inputfile import HashMode

JOB = click.argument("job", type=click.Path(path_type=Path))
HASH = click.option(
    "--hash",
    "hash_mode",
    type=click.Choice(["fast", "full"]),
    default="fast",
    show_default=True,
    help="Input digests: three MiB of each file, or all of it.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")
DIR = click.argument("directory", type=click.Path(path_type=Path))
STEP = click.option("--step", "step_name", metavar="STEP", help="Only this step.")
JOB_OR_DIR = click.argument("place", type=click.Path(path_type=Path), metavar="JOB|DIRECTORY")
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of the job file."
)
SITE = click.option("--site", help="Where to run, instead of the job file's site.")
FOLDER = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Campaign directory [campaigns/NAME]."
)
UNITS = click.option("--units", metavar="GLOB", help="Only units whose key matches, for example 'boot-00*'.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Write the files and show the calls; submit nothing.")


def open_campaign(directory: Path) -> OpenCampaign:
    """The campaign in `directory`; what opening needs is imported only now."""
    from hpcml.directory.opened import OpenCampaign

    return OpenCampaign(directory)


def planned(
    place: Path, overrides: Sequence[str], site: str | None, folder: Path | None, hash_mode: HashMode = "fast"
) -> OpenCampaign:
    """The campaign directory `place`, or the one of the job file `place`, planned first."""
    if place.is_dir():
        if overrides or site or folder:
            raise click.UsageError("--set, --site and --dir go with a job file, not with a directory")
        return open_campaign(place)
    from hpcml.commands.plan import plan
    from hpcml.jobfile.resolve import resolve

    resolved, _ = resolve(place, overrides=overrides, site=site, check_inputs=True, hash_mode=hash_mode)
    return open_campaign(plan(resolved.campaign, folder or Path("campaigns") / resolved.campaign.name).root)


def chosen_steps(opened: OpenCampaign, step_name: str | None) -> list[OpenStep]:
    return [opened.step(step_name)] if step_name else opened.steps
