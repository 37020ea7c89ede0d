"""Output archives of shards without a shared file system: ingested by verbs that write, counted by all.

`ingest` puts what is in them into the campaign. `reading` shows a verb that only reads the same units and
journal entries without changing anything.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign, OpenStep
from hpcml.errors import IntegrityError
from hpcml.store import output_archive as archive
from hpcml.store.atomic import ABANDONED_SECONDS
from hpcml.store.layout import Layout

log = logging.getLogger(__name__)


def ingest(opened: OpenCampaign, *, keep: bool = False) -> list[str]:
    """Take in every complete archive and remove it; sentences about those that were set aside.

    One that is incomplete may still be on its way: it is left until nothing has come for a while.
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


@contextmanager
def reading(opened: OpenCampaign) -> Iterator[History]:
    """The journal; meanwhile ledgers also count complete archives that nobody has ingested yet.

    Works without write permission. An archive that is incomplete, damaged or of another campaign counts as
    not there: `ingest` says so when it meets it.
    """
    archives = sorted(opened.layout.incoming.glob("*.tar"))
    if not archives:
        yield History.read(opened.layout.journal)
        return
    with tempfile.TemporaryDirectory(prefix="hpcml-outputs-") as folder:
        waiting = Layout(Path(folder))
        for path in archives:
            with suppress(IntegrityError, FileNotFoundError):
                archive.outline(path, opened.layout, _owner(opened, path).layout, waiting)
        opened.waiting = waiting
        try:
            yield History.read(opened.layout.journal, waiting.journal)
        finally:
            opened.waiting = None


def _ingested(opened: OpenCampaign, path: Path, keep: bool) -> str:
    try:
        _take_in(opened, path)
        if not keep:
            path.unlink(missing_ok=True)
        return ""
    except IntegrityError as error:
        if keep or (isinstance(error, archive.IncompleteArchive) and _still_coming(path)):
            log.warning("hpcml: %s; left where it is, its units count as missing", error.message)
            return ""
        return _set_aside(opened, path, error)


def _take_in(opened: OpenCampaign, path: Path) -> None:
    archive.unpack(path, opened.layout, _owner(opened, path).layout)


def _owner(opened: OpenCampaign, path: Path) -> OpenStep:
    """The step that the archive is of. IntegrityError: of another campaign, or of other parameters."""
    campaign, name, fingerprint = archive.whose(path)
    if campaign != opened.campaign.identity:
        raise IntegrityError(f"{path} is of another campaign")
    step = next((step for step in opened.steps if step.name == name), None)
    if step is None or not step.listed() or step.units().fingerprint != fingerprint:
        raise IntegrityError(f"{path} was computed from other parameters or inputs of step {name!r}")
    return step


def _still_coming(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < ABANDONED_SECONDS


def _set_aside(opened: OpenCampaign, path: Path, error: IntegrityError) -> str:
    place = opened.layout.archives_set_aside
    place.mkdir(exist_ok=True)
    path.replace(place / path.name)
    problem = f"{error.message}; moved to {place}, `hpcml resume` computes what it held"
    log.warning("hpcml: %s", problem)
    return problem
