"""The inputs of a step: files, tables of earlier steps or other campaigns, and whether they changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml.campaign import StepInput
from hpcml.errors import InputChanged, UsageError, nearest
from hpcml.inputfile import input_changed
from hpcml.store.layout import Layout, StepLayout
from hpcml.store.manifest import read_campaign
from hpcml.store.table import StepTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.directory.opened import OpenStep
    from hpcml.workload import Input


@dataclass(frozen=True, slots=True)
class FileInput:
    """Files of a job file's input. The words of a step's table do not apply to it."""

    name: str
    paths: Sequence[Path]

    def _refuse(self, word: str) -> Any:
        raise UsageError(f"input {self.name!r} is a file: {word} is for inputs that are steps")

    def array(self, column: str, table: str = "") -> NDArray[Any]:
        return self._refuse("array()")  # type: ignore[no-any-return]

    def keys(self) -> Sequence[str]:
        return self._refuse("keys()")  # type: ignore[no-any-return]

    def index(self, table: str = "") -> NDArray[Any]:
        return self._refuse("index()")  # type: ignore[no-any-return]

    def payload(self, name: str) -> NDArray[Any]:
        return self._refuse("payload()")  # type: ignore[no-any-return]

    def files(self) -> Sequence[tuple[str, str, Path]]:
        return self._refuse("files()")  # type: ignore[no-any-return]


def open_input(step: str, name: str, given: StepInput, layout: Layout, place: Callable[[str], str]) -> Input:
    """What a workload gets as `inputs[name]`.

    place: where a file of the plan is here (OpenCampaign.place). Raises InputChanged when the table of
    another campaign is no longer the one that was planned.
    """
    if given.step:
        return StepTable(layout.step(given.step))
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
    return FileInput(name, [Path(place(file.path)) for file in given.files])


def input_digest(given: StepInput, layout: Layout) -> str:
    """Digest of the content of one input, as it goes into the fingerprint."""
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
