"""The inputs of a step: files, tables of earlier steps or other campaigns, and whether they changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hpcml.campaign import StepInput
from hpcml.directory.joined import JoinedTables
from hpcml.errors import InputChanged, UsageError, nearest
from hpcml.inputfile import input_changed
from hpcml.store.layout import Layout, StepLayout
from hpcml.store.manifest import read_campaign
from hpcml.store.table import StepTable

if TYPE_CHECKING:
    from hpcml.directory.opened import OpenStep
    from hpcml.workload import Input


def _for_steps_only(word: str) -> Callable[..., Any]:
    """A method of FileInput that a step's table has and files do not."""

    def refuse(self: FileInput, *_: Any, **__: Any) -> NoReturn:
        raise UsageError(f"input {self.name!r} is a file: {word} is for inputs that are steps")

    return refuse


@dataclass(frozen=True, slots=True)
class FileInput:
    """Files of a job file's input: their paths, and a refusal of what only a step's table has."""

    name: str
    paths: Sequence[Path]

    @property
    def is_step(self) -> bool:
        return False

    def has(self, column: str, table: str = "") -> bool:
        return False

    array = _for_steps_only("array()")
    columns = _for_steps_only("columns()")
    rows = _for_steps_only("rows()")
    labels = _for_steps_only("labels()")
    keys = _for_steps_only("keys()")
    index = _for_steps_only("index()")
    payload = _for_steps_only("payload()")
    files = _for_steps_only("files()")


def open_input(step: str, name: str, given: StepInput, layout: Layout, place: Callable[[str], str]) -> Input:
    """What a workload gets as `inputs[name]`.

    place: where a file of the plan is here (OpenCampaign.place). Raises InputChanged when the table of
    another campaign is no longer the one that was planned.
    """
    if given.several:
        return JoinedTables(name, [_open_table(step, name, one, layout, place) for one in given.several])
    if given.step or given.campaign:
        return _open_table(step, name, given, layout, place)
    return FileInput(name, [Path(place(file.path)) for file in given.files])


def _open_table(
    step: str, name: str, given: StepInput, layout: Layout, place: Callable[[str], str]
) -> StepTable:
    """The table of a step of this campaign or of another one."""
    if given.campaign:
        path = place(given.campaign)
        table = other_campaign(path) if path == given.campaign else StepTable(StepLayout(Path(path)))
        if given.digest and table_digest(table) != given.digest:
            raise InputChanged(
                f"input {name!r} of step {step!r}: the table of {given.campaign} has changed"
                " since it was planned",
                "plan a new campaign from it",
            )
        return table
    return StepTable(layout.step(given.step))


def input_digest(given: StepInput, layout: Layout) -> str:
    """Digest of the content of one input, as it goes into the fingerprint."""
    if given.several:
        # with their names, which are part of the unit keys
        names = [one.step or one.campaign.rpartition("/")[2] for one in given.several]
        digests = [input_digest(one, layout) for one in given.several]
        text = "\n".join(f"{name} {digest}" for name, digest in zip(names, digests, strict=True))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    if given.step:
        return table_digest(StepTable(layout.step(given.step)))
    if given.campaign:
        return given.digest
    text = "\n".join(f"{file.size} {file.digest}" for file in given.files)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def other_campaign(place: str) -> StepTable:
    """The table of `DIR/step` of another campaign."""
    folder, _, step = place.rpartition("/")
    campaign = read_campaign(Path(folder))
    names = [one.name for one in campaign.steps]
    if step not in names:
        raise UsageError(
            f"campaign {campaign.name!r} has no step {step!r}",
            nearest(step, names) or f"its steps: {', '.join(names)}",
        )
    return StepTable(Layout(Path(folder).resolve()).step(step))


def table_digest(table: StepTable) -> str:
    """One digest of all tables of a step (and of what is missing in it)."""
    text = json.dumps([sorted(table.digests.items()), table.missing()])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check_inputs(step: OpenStep) -> None:
    """InputChanged when a file is no longer what was planned (size, then mtime and sampled hash)."""
    for name, one in step.plan.inputs.items():
        for file in one.files:
            why = input_changed(replace(file, path=step.opened.place(file.path)))
            if why:
                raise InputChanged(
                    f"input {name!r} of step {step.name!r} has changed since it was planned: {why}",
                    "put the file back, or plan a new campaign for the new one",
                )
