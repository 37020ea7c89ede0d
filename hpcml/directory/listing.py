"""When the unit list of a step is written or extended, and when that is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpcml.directory.opened import OpenStep
from hpcml.errors import PlanConflict, UsageError
from hpcml.store import manifest
from hpcml.store import units as unit_lists
from hpcml.store.ledger import scan
from hpcml.store.parts import Identity
from hpcml.store.schema import Schema, schema_of
from hpcml.user_code import calling_user_code
from hpcml.workload import Input, Unit, Workload


@dataclass(frozen=True, slots=True)
class Listing:
    """A unit list that is ready to be written: nothing in it is refused any more."""

    step: OpenStep
    units: Sequence[Unit]
    combination: Sequence[int]
    combinations: Sequence[Mapping[str, Any]]
    schema: Schema
    fingerprint: str
    made_from: Mapping[str, Any]
    before: unit_lists.UnitList | None

    def write(self) -> None:
        layout = self.step.layout
        unit_lists.write_units(
            (layout.units, layout.units_copy),
            self.units,
            self.combination,
            identity=Identity(self.step.opened.campaign.identity, self.fingerprint),
            schema=self.schema,
            combinations=self.combinations,
            made_from=self.made_from,
            before=self.before,
        )
        self.step.forget_units()


def ensure_listed(step: OpenStep) -> bool:
    """Write or extend the unit list if the step's inputs are complete; False when they are not.

    Idempotent: a list that is current is left alone. PlanConflict when results exist that were computed
    from other inputs.
    """
    if not step.inputs_ready():
        return False
    listing = plan_listing(step)
    if listing is not None:
        listing.write()
    return True


def plan_listing(step: OpenStep) -> Listing | None:
    """The unit list that the step needs; None when the one on disk is current, or its inputs are incomplete.

    Everything that can be refused is refused here, before anything is written.
    """
    if not step.inputs_ready():
        return None
    fingerprint, made_from = step.fingerprint()
    wanted = _unit_parameters_digest(step)
    before: unit_lists.UnitList | None = None
    if step.listed():
        before = unit_lists.read_units(step.layout.units)
        if before.fingerprint != fingerprint:
            _refuse_if_computed(step, before, made_from)
            before = None
        elif before.made_from.get("listing") == wanted:
            return None
    combinations = step.combinations()
    instances = [step.instance(swept) for swept in combinations]
    inputs = step.inputs()
    schema = before.schema if before is not None else _common_schema(step, instances, inputs)
    with calling_user_code(step.plan.workload, "units()"):
        found = [list(instance.units(inputs)) for instance in instances]
    listed, combination = unit_lists.list_units(list(zip(combinations, found, strict=True)))
    unit_lists.refuse_shrinking(listed, before)
    return Listing(
        step=step,
        units=listed,
        combination=combination,
        combinations=combinations,
        schema=schema,
        fingerprint=fingerprint,
        made_from={**made_from, "listing": wanted},
        before=before,
    )


def _common_schema(step: OpenStep, instances: Sequence[Workload], inputs: Mapping[str, Input]) -> Schema:
    """The schema of all combinations of swept values. A list that is extended keeps the schema it has."""
    first, *others = [schema_of(instance, inputs) for instance in instances]
    if any(schema != first for schema in others):
        raise UsageError(
            f"step {step.name!r}: the columns depend on a swept parameter",
            "make it two steps instead of a sweep",
        )
    return first


def _unit_parameters_digest(step: OpenStep) -> str:
    """Of all that decides which units there are and is not part of the fingerprint."""
    names = step.workload_class().unit_parameters & set(step.plan.parameters)
    chosen = {name: step.plan.parameters[name] for name in sorted(names)}
    text = json.dumps([chosen, {name: list(values) for name, values in step.plan.sweep.items()}])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _refuse_if_computed(step: OpenStep, before: unit_lists.UnitList, made_from: Mapping[str, Any]) -> None:
    ledger = scan(step.layout, len(before), Identity(step.opened.campaign.identity, before.fingerprint))
    done = int(ledger.done.sum())
    if not done:
        return
    old = {name: value for name, value in before.made_from.items() if name != "listing"}
    changes = manifest.differences(old, made_from)
    raise PlanConflict(
        f"step {step.name!r} has {done} units computed from something else: {'; '.join(changes)}",
        f"plan a new campaign, or move {step.layout.root} away to compute the step again",
    )
