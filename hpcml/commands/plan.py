"""Job file -> campaign directory: units listed, nothing computed. Typed again, it extends in place.

Making a campaign, and what may change in one that exists.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpcml.campaign import Campaign, StepInput, StepPlan
from hpcml.directory.inputs import other_campaign, table_digest
from hpcml.directory.listing import plan_listing
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import PlanConflict, UsageError
from hpcml.schedulers.path_policy import check_paths
from hpcml.store import manifest
from hpcml.store.journal import Journal
from hpcml.store.layout import Layout


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What `plan` did: 'new', 'extended' or 'unchanged', and units per step (-1: not listed yet)."""

    root: Path
    what: str
    units: dict[str, int]
    waiting_for: dict[str, list[str]]


def plan(campaign: Campaign, root: Path) -> PlanResult:
    """Make or extend the campaign directory `root`. PlanConflict, with the diff, when it holds
    results of other parameters."""
    root = root.resolve()
    layout = Layout(root)
    campaign = _with_other_campaigns(campaign, root)
    if layout.campaign.is_file() or layout.plan(1).is_file():
        before = manifest.read_campaign(root)
        campaign = replace(campaign, identity=before.identity, revision=before.revision)
        what = "unchanged" if campaign == before else "extended"
        if what == "extended":
            _check_extension(OpenCampaign(root, before), OpenCampaign(root, campaign))
            campaign = replace(campaign, revision=before.revision + 1)
    else:
        _refuse_foreign_folder(root)
        campaign = replace(campaign, identity=secrets.token_hex(16))
        what = "new"
    check_paths(campaign, root)
    opened = OpenCampaign(root, campaign)
    listings = []
    for step in opened.steps:
        step.instance(next(iter(step.combinations()), {}))  # parameters and version fit the workload
        listings.append(plan_listing(step))  # a plan that is refused leaves the campaign as it was
    if what != "unchanged":
        manifest.write_campaign(root, campaign)
        Journal(layout.journal).write("planned", what=what, revision=campaign.revision)
    counts: dict[str, int] = {}
    waiting: dict[str, list[str]] = {}
    for step, listing in zip(opened.steps, listings, strict=True):
        if listing is not None:
            listing.write()
        if step.inputs_ready():
            counts[step.name] = len(step.units())
        else:
            counts[step.name] = -1
            waiting[step.name] = step.earlier_steps()
    return PlanResult(root, what, counts, waiting)


def _refuse_foreign_folder(root: Path) -> None:
    for place in (root, *root.parents):
        if place.exists() and not place.is_dir():
            raise UsageError(f"{place} is a file", "give a directory with --dir")
    # a plan that was killed before its first file had a name leaves only the folder for it
    if root.is_dir() and any(path != Layout(root).plan(1).parent for path in root.iterdir()):
        raise UsageError(
            f"{root} is not empty and is not a campaign directory", "give another one with --dir"
        )


def _with_other_campaigns(campaign: Campaign, root: Path) -> Campaign:
    """Record the digest of the tables of other campaigns that are inputs."""
    steps = []
    for step in campaign.steps:
        inputs: dict[str, StepInput] = {}
        for name, one in step.inputs.items():
            where = f"input {name!r} of step {step.name!r}"
            if one.several:
                inputs[name] = replace(
                    one, several=tuple(_with_digest(each, root, where) for each in one.several)
                )
            else:
                inputs[name] = _with_digest(one, root, where)
        steps.append(replace(step, inputs=inputs))
    return replace(campaign, steps=tuple(steps))


def _source(given: StepInput) -> str:
    return given.step or f"{given.campaign} {given.digest}"


def _with_digest(given: StepInput, root: Path, where: str) -> StepInput:
    if not given.campaign:
        return given
    if Path(given.campaign).parent.resolve() == root:
        raise UsageError(f"{where} is this campaign itself")
    return replace(given, digest=table_digest(other_campaign(given.campaign)))


def _comparable(campaign: Campaign, step: StepPlan, not_fingerprinted: frozenset[str]) -> dict[str, Any]:
    """What must not change in a step that exists: all that its fingerprint covers, by name.

    An input file is the same when its content is, wherever it lies now.
    """
    inputs = {
        name: [f"{file.size} B, {file.digest}" for file in one.files]
        or [_source(each) for each in one.several]
        or _source(one)
        for name, one in step.inputs.items()
    }
    return {
        "seed": campaign.seed,
        "steps": {
            step.name: {
                "workload": step.workload,
                "version": step.version,
                "parameters": {k: v for k, v in step.parameters.items() if k not in not_fingerprinted},
                "swept parameters": list(step.sweep),
                "inputs": inputs,
            }
        },
    }


def _check_extension(before: OpenCampaign, after: OpenCampaign) -> None:
    """A plan may add steps and units and change resources; anything else is refused with a diff."""
    names = [step.name for step in after.steps]
    changes: list[str] = []
    if before.campaign.name != after.campaign.name:
        changes.append(f"campaign: {before.campaign.name!r} -> {after.campaign.name!r}")
    for old in before.steps:
        if old.name not in names:
            changes.append(f"steps.{old.name}: there -> (absent)")
            continue
        new = after.step(old.name)
        workload = new.workload_class()
        not_fingerprinted = workload.unit_parameters | workload.report_parameters
        changes += manifest.differences(
            _comparable(before.campaign, old.plan, not_fingerprinted),
            _comparable(after.campaign, new.plan, not_fingerprinted),
        )
    if changes:
        raise PlanConflict(
            f"{before.root} was planned from something else: {'; '.join(dict.fromkeys(changes))}",
            "change the job file back, or plan into another directory with --dir",
        )
    _refuse_growth_below_results(before, after)


def _refuse_growth_below_results(before: OpenCampaign, after: OpenCampaign) -> None:
    """More units in a step make another input for the steps behind it: their results would not fit."""
    for old in before.steps:
        new = after.step(old.name)
        listing = new.workload_class().unit_parameters
        same = old.plan.sweep == new.plan.sweep and all(
            old.plan.parameters.get(name) == new.plan.parameters.get(name) for name in listing
        )
        if same:
            continue
        for behind in _dependents(before.steps, old.name):
            if behind.listed() and behind.ledger().done.any():
                raise PlanConflict(
                    f"step {old.name!r} cannot get more units: step {behind.name!r} has results"
                    f" computed from its table",
                    "plan the larger campaign into another directory with --dir",
                )


def _dependents(steps: Sequence[Any], name: str) -> list[Any]:
    found: list[Any] = []
    names = {name}
    for step in steps:
        if names & set(step.earlier_steps()):
            names.add(step.name)
            found.append(step)
    return found
