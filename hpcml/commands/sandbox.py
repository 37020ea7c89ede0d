"""One step of a campaign -> the folder that its shards take with them where no file system is shared.

What goes into a sandbox. It runs on the access point, when the step's units are listed.
"""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from hpcml.directory.history import History
from hpcml.directory.inputs import check_inputs, other_campaign
from hpcml.directory.intake import ingest
from hpcml.directory.opened import OpenCampaign, OpenStep, units_not_listed
from hpcml.errors import UsageError
from hpcml.store.layout import Layout
from hpcml.store.output_archive import EARLIER
from hpcml.store.sandbox import Sandbox, write_sandbox_note
from hpcml.store.sealed import runs_of
from hpcml.store.table import StepTable


def make_sandbox(opened: OpenCampaign, step: OpenStep, attempt: int) -> Path:
    """Write the sandbox of one step; all of it or nothing, and again when called again.

    Large files are links: the transfer follows them, so nothing is copied here.
    """
    ingest(opened)
    if not step.listed():
        raise units_not_listed(step.name, ", ".join(step.earlier_steps()))
    if step.workload_class().externals:
        raise UsageError(
            f"step {step.name!r} keeps files outside the campaign, which no file transfer brings back",
            "run it on a site with a shared file system",
        )
    check_inputs(step)
    target = opened.layout.sandbox(attempt, step.name)
    making = target.with_name(f".sandbox.{secrets.token_hex(4)}.tmp")
    try:
        _fill(making, opened, step, attempt)
        shutil.rmtree(target, ignore_errors=True)
        making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return target


def _fill(sandbox: Path, opened: OpenCampaign, step: OpenStep, attempt: int) -> None:
    layout = Layout(sandbox)
    own = layout.step(step.name)
    own.root.mkdir(parents=True)
    # the plan as it is now: one that grows meanwhile must not change under jobs that travel
    shutil.copyfile(opened.layout.campaign, layout.campaign)
    shutil.copyfile(step.layout.units, own.units)
    asked = step.layout.attempt(attempt)
    if asked.is_file():
        own.attempt(attempt).parent.mkdir()
        shutil.copyfile(asked, own.attempt(attempt))
    layout.journal.mkdir()
    history = History.read(opened.layout.journal, events=("unit-failed", "failures-forgiven"))
    entries = history.of("unit-failed", "failures-forgiven", step=step.name)
    lines = [json.dumps(entry) + "\n" for entry in entries]
    (layout.journal / EARLIER).write_text("".join(lines), encoding="utf-8")
    links, places = _contents(opened, step)
    for inside, source in links.items():
        place = sandbox / inside
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source.resolve())
    done = [(int(first), int(count)) for first, count in runs_of(step.ledger().done.nonzero()[0]).tolist()]
    identity = step.identity()
    write_sandbox_note(
        sandbox, Sandbox(step.name, attempt, identity.campaign, identity.fingerprint, places, tuple(done))
    )


def _contents(opened: OpenCampaign, step: OpenStep) -> tuple[dict[str, Path], dict[str, str]]:
    """({path in the sandbox: file}, {name in the plan: path in the sandbox}) of everything of the inputs."""
    links: dict[str, Path] = {}
    places: dict[str, str] = {}
    where = step.plan.workload.rpartition(":")[0]
    if where.endswith(".py"):
        places[where] = f"workload/{Path(where).name}"
        links[places[where]] = Path(opened.campaign.base) / where
    sources = [one for given in step.plan.inputs.values() for one in given.sources]
    for number, one in enumerate(sources):
        for at, file in enumerate(one.files):
            places[file.path] = f"inputs/{number}/{at}/{Path(file.path).name}"
            links[places[file.path]] = Path(file.path)
        if one.step:
            links |= _table_files(opened.step(one.step).table(), f"steps/{one.step}")
        if one.campaign:
            places[one.campaign] = f"campaigns/{number}/{one.campaign.rpartition('/')[2]}"
            links |= _table_files(other_campaign(one.campaign), places[one.campaign])
    return links, places


def _table_files(table: StepTable, inside: str) -> dict[str, Path]:
    """A merged step, with the files that its table speaks of."""
    step = table.layout
    files = [step.table, *(path for _, _, path in table.files())]
    if step.summary.is_file():
        files.append(step.summary)
    if any(not one.materialise for one in table.schema.tables):
        files += sorted(step.parts.glob("*.h5"))
    return {f"{inside}/{path.relative_to(step.root).as_posix()}": path for path in files}
