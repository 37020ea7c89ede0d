"""What is rendered: one attempt, its steps, and its files before they are text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpcml.campaign import Campaign, StepPlan


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step to render. shards: those to run, possibly none (then only the merge is wanted)."""

    plan: StepPlan
    shards: tuple[int, ...]
    folder: Path
    last: bool

    @property
    def logs(self) -> Path:
        return self.folder / "logs"


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """Everything that one attempt submits. out: its folder; exclude: nodes to avoid."""

    campaign: Campaign
    root: Path
    attempt: int
    out: Path
    steps: tuple[StepSpec, ...]
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """One file to write: a template and its values. path: relative to the attempt's folder."""

    path: str
    template: str
    values: Mapping[str, Any]
    executable: bool = False


def job_tag(campaign: Campaign, attempt: int, name: str) -> str:
    """What a job carries so that it can be found when the reply to its submission was lost.

    name: of its Submission.
    """
    return f"hpcml:{campaign.identity or campaign.name}:{attempt}:{name}"
