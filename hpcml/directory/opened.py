"""An opened campaign directory: its plan, and for each step inputs, workload, unit list, ledger and table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml import registry
from hpcml.campaign import Campaign, StepPlan
from hpcml.directory.inputs import input_digest, open_input
from hpcml.errors import Incomplete, PlanConflict, UsageError, nearest
from hpcml.store import manifest
from hpcml.store import units as unit_lists
from hpcml.store.layout import Layout, StepLayout
from hpcml.store.ledger import Ledger, scan
from hpcml.store.parts import Identity
from hpcml.store.sandbox import read_sandbox_note
from hpcml.store.table import StepTable
from hpcml.user_code import calling_user_code

if TYPE_CHECKING:
    from hpcml.workload import Input, Workload


class OpenStep:
    """A step of a campaign directory, with what its verbs share, each made at first use."""

    def __init__(self, opened: OpenCampaign, plan: StepPlan) -> None:
        self.opened, self.plan = opened, plan
        self.layout: StepLayout = opened.layout.step(plan.name)
        self._units: unit_lists.UnitList | None = None

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
            return found(registry.make_parameters(found.Parameters, {**self.plan.parameters, **swept}))

    def combinations(self) -> list[dict[str, Any]]:
        """Swept values in the order of the result: the last parameter runs fastest."""
        names = list(self.plan.sweep)
        return [
            dict(zip(names, values, strict=True)) for values in itertools.product(*self.plan.sweep.values())
        ]

    def earlier_steps(self) -> list[str]:
        return [one.step for given in self.plan.inputs.values() for one in given.sources if one.step]

    def inputs_ready(self) -> bool:
        return all(self.opened.layout.step(name).table.is_file() for name in self.earlier_steps())

    def inputs(self) -> dict[str, Input]:
        """What `inputs[name]` is for the workload, by name."""
        return {
            name: open_input(self.name, name, one, self.opened.layout, self.opened.place)
            for name, one in self.plan.inputs.items()
        }

    def input_digests(self) -> dict[str, str]:
        return {name: input_digest(one, self.opened.layout) for name, one in self.plan.inputs.items()}

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
        waiting = self.opened.waiting
        also = (waiting.step(self.name),) if waiting else ()
        return scan(self.layout, len(self.units()), self.identity(), also=also)

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

    def forget_units(self) -> None:
        """The unit list was written: read it again at the next use."""
        self._units = None


def units_not_listed(step: str, waits: str) -> Incomplete:
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
        self.waiting: Layout | None = None  # outlines of output archives, see intake.reading

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
