"""From a campaign directory to living objects: inputs, workload instances, the unit list of a step.

What several verbs need first, in the order plan -> units -> shards.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml import registry
from hpcml.campaign import Campaign, StepInput, StepPlan
from hpcml.errors import InputChanged, PlanConflict, UsageError, nearest
from hpcml.store import manifest
from hpcml.store import units as unit_lists
from hpcml.store.layout import Layout, StepLayout
from hpcml.store.ledger import Ledger, scan
from hpcml.store.parts import Identity
from hpcml.store.sandbox import read_sandbox_note
from hpcml.store.schema import schema_of
from hpcml.store.table import StepTable
from hpcml.user_code import calling_user_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workload import Input, Workload


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


def restore(kind: Any, value: Any) -> Any:
    """JSON value -> the type a parameter was declared with: lists become tuples, mappings dataclasses."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, Mapping):
        hints = typing.get_type_hints(kind)
        return kind(**{name: restore(hints[name], item) for name, item in value.items()})
    if isinstance(value, list):
        inner = [item for item in typing.get_args(kind) if item is not Ellipsis]
        return tuple(restore(inner[0] if inner else Any, item) for item in value)
    if isinstance(value, Mapping):
        for option in typing.get_args(kind):  # Optional[SomeDataclass]
            if dataclasses.is_dataclass(option):
                return restore(option, value)
    return value


class OpenStep:
    """A step of a campaign directory, with what its verbs share, each made at first use."""

    def __init__(self, opened: OpenCampaign, plan: StepPlan) -> None:
        self.opened, self.plan = opened, plan
        self.layout: StepLayout = opened.layout.step(plan.name)
        self._units: unit_lists.UnitList | None = None
        self._listing: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    def workload_class(self) -> type[Workload]:
        base = Path(self.opened.campaign.base) if self.opened.campaign.base else None
        where, colon, attribute = self.plan.workload.rpartition(":")
        found = registry.load(f"{self.opened.place(where)}{colon}{attribute}", base)
        if found.version != self.plan.version:
            raise PlanConflict(
                f"step {self.name!r} was planned with version {self.plan.version} of workload"
                f" {self.plan.workload!r}; this hpcml has version {found.version}",
                "finish it with the version it was planned with, or plan a new campaign",
            )
        return found

    def instance(self, swept: Mapping[str, Any]) -> Workload:
        """The workload with the step's parameters and one combination of swept values."""
        found = self.workload_class()
        with calling_user_code(self.plan.workload, "making it from its parameters"):
            return found(restore(found.Parameters, {**self.plan.parameters, **swept}))

    def combinations(self) -> list[dict[str, Any]]:
        """Swept values in the order of the result: the last parameter runs fastest."""
        names = list(self.plan.sweep)
        return [
            dict(zip(names, values, strict=True)) for values in itertools.product(*self.plan.sweep.values())
        ]

    def earlier_steps(self) -> list[str]:
        return [one.step for one in self.plan.inputs.values() if one.step]

    def inputs_ready(self) -> bool:
        return all(self.opened.layout.step(name).table.is_file() for name in self.earlier_steps())

    def inputs(self) -> dict[str, Input]:
        return {name: self._input(name, one) for name, one in self.plan.inputs.items()}

    def _input(self, name: str, one: StepInput) -> Input:
        if one.step:
            return StepTable(self.opened.layout.step(one.step))
        if one.campaign:
            place = self.opened.place(one.campaign)
            table = other_campaign(place) if place == one.campaign else StepTable(StepLayout(Path(place)))
            if one.digest and table_digest(table) != one.digest:
                raise InputChanged(
                    f"input {name!r} of step {self.name!r}: the table of {one.campaign} has changed"
                    " since it was planned",
                    "plan a new campaign from it",
                )
            return table
        return FileInput(name, [Path(self.opened.place(file.path)) for file in one.files])

    def input_digests(self) -> dict[str, str]:
        digests = {}
        for name, one in self.plan.inputs.items():
            if one.step:
                digests[name] = table_digest(StepTable(self.opened.layout.step(one.step)))
            elif one.campaign:
                digests[name] = one.digest
            else:
                text = "\n".join(f"{file.size} {file.digest}" for file in one.files)
                digests[name] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return digests

    def fingerprint(self) -> tuple[str, dict[str, Any]]:
        workload = self.workload_class()
        not_fingerprinted = workload.unit_parameters | workload.report_parameters
        return manifest.fingerprint(self.opened.campaign, self.plan, self.input_digests(), not_fingerprinted)

    def units(self) -> unit_lists.UnitList:
        if self._units is None:
            if not self.layout.units.is_file():
                waits = ", ".join(self.earlier_steps())
                raise units_not_listed(self.name, waits)
            self._units = unit_lists.read_units(self.layout.units)
        return self._units

    def identity(self) -> Identity:
        return Identity(self.opened.campaign.identity, self.units().fingerprint)

    def ledger(self) -> Ledger:
        return scan(self.layout, len(self.units()), self.identity())

    def finished(self) -> bool:
        """Is the step merged, with nothing missing that the unit list wants?"""
        if not self.layout.table.is_file() or not self.listed():
            return False
        about = self.table().about
        return bool(about["units"] == len(self.units()) and about["fingerprint"] == self.units().fingerprint)

    def table(self) -> StepTable:
        return StepTable(self.layout)

    def listed(self) -> bool:
        return self.layout.units.is_file()

    def ensure_listed(self) -> bool:
        """Write or extend the unit list if the step's inputs are complete; False when they are not.

        Idempotent: a list that is current is left alone. PlanConflict when results exist that were
        computed from other inputs.
        """
        if not self.inputs_ready():
            return False
        write = self._listing or self._prepared_listing()
        self._listing = None
        if write:
            write()
            self._units = None
        return True

    def prepare_listing(self) -> None:
        """All that `ensure_listed` can refuse, before anything is written; its work is kept for it."""
        if self.inputs_ready():
            self._listing = self._prepared_listing()

    def _prepared_listing(self) -> Callable[[], None] | None:
        """What writes the unit list; None when it is current."""
        fingerprint, made_from = self.fingerprint()
        wanted = self._listing_digest()
        before: unit_lists.UnitList | None = None
        if self.listed():
            before = unit_lists.read_units(self.layout.units)
            if before.fingerprint != fingerprint:
                self._refuse_if_computed(before, made_from)
                before = None
            elif before.made_from.get("listing") == wanted:
                return None
        combinations = self.combinations()
        instances = [self.instance(swept) for swept in combinations]
        schemas = [schema_of(instance) for instance in instances]
        if any(schema.to_json() != schemas[0].to_json() for schema in schemas):
            raise UsageError(
                f"step {self.name!r}: the columns depend on a swept parameter",
                "make it two steps instead of a sweep",
            )
        inputs = self.inputs()
        with calling_user_code(self.plan.workload, "units()"):
            found = [list(instance.units(inputs)) for instance in instances]
        listed, combination = unit_lists.list_units(list(zip(combinations, found, strict=True)))
        unit_lists.refuse_shrinking(listed, before)
        return partial(
            unit_lists.write_units,
            (self.layout.units, self.layout.units_copy),
            listed,
            combination,
            identity=Identity(self.opened.campaign.identity, fingerprint),
            schema=schemas[0],
            combinations=combinations,
            made_from={**made_from, "listing": wanted},
            before=before,
        )

    def _listing_digest(self) -> str:
        listing = self.workload_class().unit_parameters
        chosen = {name: self.plan.parameters[name] for name in sorted(listing & set(self.plan.parameters))}
        text = json.dumps([chosen, {name: list(values) for name, values in self.plan.sweep.items()}])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _refuse_if_computed(self, before: unit_lists.UnitList, made_from: Mapping[str, Any]) -> None:
        ledger = scan(self.layout, len(before), Identity(self.opened.campaign.identity, before.fingerprint))
        done = int(ledger.done.sum())
        if not done:
            return
        old = {name: value for name, value in before.made_from.items() if name != "listing"}
        changes = manifest.differences(old, made_from)
        raise PlanConflict(
            f"step {self.name!r} has {done} units computed from something else: {'; '.join(changes)}",
            f"plan a new campaign, or move {self.layout.root} away to compute the step again",
        )


def units_not_listed(step: str, waits: str) -> Exception:
    from hpcml.errors import Incomplete

    return Incomplete(
        f"the units of step {step!r} are not listed yet",
        f"they are listed when {waits} is merged" if waits else "run `hpcml plan` again",
    )


class OpenCampaign:
    """A campaign directory."""

    def __init__(self, root: Path, campaign: Campaign | None = None) -> None:
        self.root = root.resolve()
        self.layout = Layout(self.root)
        self.campaign = campaign or manifest.read_campaign(self.root)
        self.steps = [OpenStep(self, plan) for plan in self.campaign.steps]
        self.sandbox = read_sandbox_note(self.root)

    def place(self, name: str) -> str:
        """Where a file of the plan is here: under its own name, or inside the sandbox."""
        inside = self.sandbox.places.get(name) if self.sandbox else None
        return str(self.root / inside) if inside else name

    def step(self, name: str) -> OpenStep:
        for step in self.steps:
            if step.name == name:
                return step
        names = [step.name for step in self.steps]
        raise UsageError(
            f"campaign {self.campaign.name!r} has no step {name!r}",
            nearest(name, names) or f"its steps: {', '.join(names)}",
        )


def other_campaign(place: str) -> StepTable:
    """The table of `DIR/step` of another campaign."""
    folder, _, step = place.rpartition("/")
    return OpenCampaign(Path(folder)).step(step).table()


def table_digest(table: StepTable) -> str:
    """One digest of all tables of a step (and of what is missing in it)."""
    text = json.dumps([sorted(table.digests.items()), table.missing()])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
