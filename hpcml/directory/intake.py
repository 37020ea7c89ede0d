"""What shards sent back by file transfer -> parts, logs, artifacts and journal of the campaign.

Which archives are taken in, and what becomes of those that cannot be.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from hpcml.directory.opened import OpenCampaign
from hpcml.errors import IntegrityError
from hpcml.store import output_archive as archive
from hpcml.store.atomic import ABANDONED_SECONDS

log = logging.getLogger(__name__)


def ingest(opened: OpenCampaign, *, keep: bool = False) -> list[str]:
    """Take in every whole archive and remove it; sentences about those that were set aside.

    One that is not whole may still be on its way: it is left until nothing has come for a while.
    Two commands may ingest at once: both write the same files. keep: leave all archives, for a sandbox, whose
    archives have still to travel.
    """
    problems = []
    for path in sorted(opened.layout.incoming.glob("*.tar")):
        try:
            problem = _ingested(opened, path, keep)
        except FileNotFoundError:
            continue  # another command was quicker
        if problem:
            problems.append(problem)
    return problems


def _ingested(opened: OpenCampaign, path: Path, keep: bool) -> str:
    try:
        _take_in(opened, path)
        if not keep:
            path.unlink(missing_ok=True)
        return ""
    except IntegrityError as error:
        if keep or (isinstance(error, archive.NotWhole) and _still_coming(path)):
            log.warning("hpcml: %s; left where it is, its units count as missing", error.message)
            return ""
        return _set_aside(opened, path, error)


def _take_in(opened: OpenCampaign, path: Path) -> None:
    campaign, name, fingerprint = archive.whose(path)
    if campaign != opened.campaign.identity:
        raise IntegrityError(f"{path} is of another campaign")
    step = next((step for step in opened.steps if step.name == name), None)
    if step is None or not step.listed() or step.units().fingerprint != fingerprint:
        raise IntegrityError(f"{path} was computed from other parameters or inputs of step {name!r}")
    archive.unpack(path, opened.layout, step.layout)


def _still_coming(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < ABANDONED_SECONDS


def _set_aside(opened: OpenCampaign, path: Path, error: IntegrityError) -> str:
    place = opened.layout.archives_set_aside
    place.mkdir(exist_ok=True)
    path.replace(place / path.name)
    said = f"{error.message}; moved to {place}, `hpcml resume` computes what it held"
    log.warning("hpcml: %s", said)
    return said
