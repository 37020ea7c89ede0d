"""A resolved job file and where each of its values came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import yaml

from hpcml.campaign import Campaign, StepInput, StepPlan


@dataclass(frozen=True)
class Resolved:
    """A campaign and, for each of its values, `file:line`, `default`, `workload default` or `--set`."""

    campaign: Campaign
    origins: dict[str, str]


def explain(resolved: Resolved) -> list[tuple[str, str, str]]:
    """(key, value as YAML, origin) of each value of the campaign, for `hpcml plan --explain`."""
    rows = []
    for key, value in _flat(resolved.campaign):
        origin, above = "", key
        while not (origin := resolved.origins.get(".".join(above), "")) and above:
            above = above[:-1]
        text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
        rows.append((".".join(key), text.removesuffix("\n").removesuffix("\n..."), origin or "default"))
    return rows


def _flat(campaign: Campaign) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(key, value) of what `explain` lists, steps by their names."""
    raw = campaign.to_json()
    steps = raw.pop("steps")
    raw["campaign"] = raw.pop("name")
    order = ("campaign", "seed", "site", "notify", "container")
    for name in order:
        yield from _below((name,), raw[name], 1)
    for step, plan in zip(steps, campaign.steps, strict=True):
        step["inputs"] = {name: _brief(item) for name, item in plan.inputs.items()}
        for field in fields(StepPlan)[1:]:
            yield from _below(("steps", plan.name, field.name), step[field.name], 1)


def _below(key: tuple[str, ...], value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and depth and value:
        for name, item in value.items():
            yield from _below((*key, name), item, depth - 1)
    else:
        yield key, list(value) if isinstance(value, tuple) else value


def _brief(item: StepInput) -> Any:
    if item.several:
        return [_brief(one) for one in item.several]
    if item.step or item.campaign:
        return item.step or f"campaign:{item.campaign}"
    paths = [file.path for file in item.files]
    return paths[0] if len(paths) == 1 else paths
