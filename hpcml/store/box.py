"""What makes a folder a box: what one step's shards take with them where no file system is shared.

A box looks like a campaign directory: campaign.json, the unit list of one step, the list of units of a
resume, the tables of earlier steps that are inputs. `box.json` says the rest: under which names files of
the plan lie in it, and which units are done already, whose parts stay at home.
What lives here: that note. What does not: what goes into a box (commands/box.py), what comes back
(parcel.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hpcml.store.atomic import write_json
from hpcml.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Box:
    """places: {name in the plan: path in the box} of input files, workload files, other campaigns' steps.

    done: (first, count) runs of unit numbers that the campaign directory held when the box was made.
    """

    step: str
    attempt: int
    campaign: str
    fingerprint: str
    places: Mapping[str, str]
    done: tuple[tuple[int, int], ...]


def write_box_note(root: Path, box: Box) -> None:
    write_json(Layout(root).box_note, asdict(box))


def read_box_note(root: Path) -> Box | None:
    """The note of a box; None in a campaign directory."""
    try:
        raw = json.loads(Layout(root).box_note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Box(**{**raw, "done": tuple((first, count) for first, count in raw["done"])})
