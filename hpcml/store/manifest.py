"""campaign.json: write once, extend in place, read; the fingerprint of a step.

The file of a resolved campaign and what makes two steps' results interchangeable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hpcml.campaign import Campaign, StepPlan
from hpcml.errors import IntegrityError, PlanConflict, UsageError
from hpcml.store.atomic import create_once, write_text
from hpcml.store.layout import Layout

FORMAT = 1


def read_campaign(root: Path) -> Campaign:
    """The campaign in `root`. A plan that was killed half-way is brought to its end first."""
    layout = Layout(root)
    try:
        text = layout.campaign.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except NotADirectoryError:
        raise UsageError(f"{root} is a file, not a campaign directory", "give the directory") from None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"{layout.campaign} is damaged: {error}", f"copies are in {layout.plan(1).parent}"
        ) from error
    if not text:
        first = layout.plan(1)
        if not first.is_file():
            raise UsageError(
                f"{root} is not a campaign directory (no campaign.json)", "`hpcml plan JOB` makes one"
            )
        text = first.read_text(encoding="utf-8")
    return _parse(text, layout.campaign)


def _parse(text: str, path: Path) -> Campaign:
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise UsageError(f"{path} has format {raw['format']}; this hpcml reads format {FORMAT}")
        campaign = Campaign.from_json(raw["campaign"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise IntegrityError(
            f"{path} is damaged: {error!r}", f"copies are in {path.parent / 'plans'}"
        ) from error
    if raw.get("digest") != _digest(raw["campaign"]):
        raise IntegrityError(
            f"{path} was edited or damaged: its digest does not match",
            f"change the job file and run `hpcml plan` again; copies are in {path.parent / 'plans'}",
        )
    return campaign


def _digest(campaign: Mapping[str, Any]) -> str:
    text = json.dumps(campaign, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write_campaign(root: Path, campaign: Campaign) -> None:
    """Make `campaign` the plan in force; PlanConflict when another plan took its revision first."""
    layout = Layout(root)
    # through JSON once, so that the digest is of what a reader gets (tuples become lists)
    plain = json.loads(json.dumps(campaign.to_json()))
    text = json.dumps({"format": FORMAT, "digest": _digest(plain), "campaign": plain}, indent=1) + "\n"
    path = layout.plan(campaign.revision)
    if not create_once(path, text) and path.read_text(encoding="utf-8") != text:
        raise PlanConflict(f"{path} was written by another plan at the same time", "run `hpcml plan` again")
    write_text(layout.campaign, text)


def fingerprint(
    campaign: Campaign, step: StepPlan, inputs: Mapping[str, str], not_fingerprinted: frozenset[str]
) -> tuple[str, dict[str, Any]]:
    """(32 hex digits, what was hashed) of all that can change a step's results.

    inputs: content digest of each input. not_fingerprinted: parameters that decide only which units
    exist, or what a report draws; these, sweeps, resources and the site are not part of it. The package
    version is recorded in tables, not hashed.
    """
    made_from: dict[str, Any] = {
        "seed": campaign.seed,
        "step": step.name,
        "workload": step.workload,
        "version": step.version,
        "parameters": {
            name: step.parameters[name] for name in sorted(step.parameters) if name not in not_fingerprinted
        },
        "inputs": dict(sorted(inputs.items())),
    }
    text = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), made_from


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`key: old -> new` for every leaf in which two nested mappings differ."""
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    return [
        f"{key}: {_show(old, key)} -> {_show(new, key)}"
        for key in sorted({*old, *new})
        if old.get(key, _ABSENT) != new.get(key, _ABSENT)
    ]


_ABSENT = object()


def _show(leaves: Mapping[str, Any], key: str) -> str:
    return json.dumps(leaves[key]) if key in leaves else "(absent)"


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), item)
    else:
        yield prefix, value
