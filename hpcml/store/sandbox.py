"""What makes a folder a sandbox: what one step's shards take with them where no file system is shared.

A sandbox looks like a campaign directory: campaign.json, the unit list of one step, the list of units of
a resume, the tables of earlier steps that are inputs. `sandbox.json` says the rest: under which names
files of the plan lie in it, and which units are done already, whose parts stay at home. That note.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hpcml.store.atomic import write_json
from hpcml.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Sandbox:
    """places: {name in the plan: path in the sandbox} of input files, workload files, other campaigns' steps.

    done: (first, count) runs of unit numbers that the campaign directory held when the sandbox was made.
    """

    step: str
    attempt: int
    campaign: str
    fingerprint: str
    places: Mapping[str, str]
    done: tuple[tuple[int, int], ...]


def write_sandbox_note(root: Path, sandbox: Sandbox) -> None:
    write_json(Layout(root).sandbox_note, asdict(sandbox))


def read_sandbox_note(root: Path) -> Sandbox | None:
    """The note of a sandbox; None in a campaign directory."""
    try:
        raw = json.loads(Layout(root).sandbox_note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Sandbox(**{**raw, "done": tuple((first, count) for first, count in raw["done"])})
