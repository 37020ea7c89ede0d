"""A job file with its workload, in a folder of its own, and how tests read it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from hpcml.campaign import Campaign
from hpcml.errors import JobFileError
from hpcml.jobfile.origins import Resolved
from hpcml.jobfile.resolve import resolve

WORKLOAD = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import Annotated, Literal
from annotated_types import Ge, Le
from hpcml.workload import InputSpec, Workload

@dataclass(frozen=True)
class Window:
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError(f"low must be below high")

@dataclass(frozen=True)
class Parameters:
    clusters: Annotated[int, Ge(1)]
    width: Annotated[float, Ge(0), Le(10)] = 0.5
    mode: Literal["fast", "exact"] = "fast"
    radii: tuple[float, ...] = (0.4, 1.0)
    label: str | None = None
    limit: int | str = 0
    verbose: bool = False
    window: Window = field(default_factory=Window)

    def __post_init__(self):
        if self.clusters == 13 and self.mode == "exact":
            raise ValueError("13 clusters cannot be exact")

class Toy(Workload):
    name = "toy"
    version = 3
    Parameters = Parameters
    inputs = (InputSpec("events", "what to count"), InputSpec("mask", "what to drop", required=False))
    def units(self, inputs): return ()
    def tables(self, inputs): return ()
    def process(self, unit, shared, ctx): return {}

class NotOne:
    pass

@dataclass
class Odd:
    what: NotOne

class Unchecked(Toy):
    Parameters = Odd

class Bare(Toy):
    Parameters = NotOne

@dataclass(frozen=True, slots=True)
class Slots:
    depth: int = 3

class Slotted(Toy):
    Parameters = Slots
"""


JOB = """\
campaign: demo
seed: 7
resources: {ranks: 2, memory: 3 GB}
steps:
  - name: first
    workload: toy.py:Toy
    parameters:
      clusters: 5
    inputs: {events: data/a.txt}
  - name: second
    workload: toy.py:Toy
    resources: {ranks: 4}
    where: here
    inputs:
      events: first
    sweep:
      clusters: [20, 50]
      width: [1, 2.5]
"""


def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workload, three input files, and no settings of the person who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.py").write_text(WORKLOAD)
    (tmp_path / "data").mkdir()
    for name in "cab":
        (tmp_path / "data" / f"{name}.txt").write_text(name * 10)
    return tmp_path


def take(
    text: str, *overrides: str, site: str | None = None, check: bool = True
) -> tuple[Resolved, list[str]]:
    Path("job.yaml").write_text(textwrap.dedent(text))
    return resolve(Path("job.yaml"), overrides=overrides, site=site, check_inputs=check)


def campaign(text: str, *overrides: str) -> Campaign:
    resolved, warnings = take(text, *overrides)
    assert warnings == []
    return resolved.campaign


def refused(text: str, *overrides: str, site: str | None = None, check: bool = True) -> JobFileError:
    with pytest.raises(JobFileError) as caught:
        take(text, *overrides, site=site, check=check)
    message = caught.value.message
    assert "\n" not in message
    assert re.match(r"(\S+:\d+|--set|--site|--set \S+:\d+): \S+: .*, found .", message), message
    assert "pydantic" not in message and "Input should" not in message and "type=" not in message
    return caught.value


def one_step(extra: str = "", parameters: str = "{clusters: 5}", inputs: str = "{events: data/a.txt}") -> str:
    return (
        "campaign: demo\nseed: 7\nsteps:\n- name: only\n  workload: toy.py:Toy\n"
        f"  parameters: {parameters}\n  inputs: {inputs}\n{extra}"
    )
