"""The nouns of hpcml, frozen: what a resolved job file contains, and nothing computed from it.

Every name of a scheduler or launcher and every default of resources is written here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

Where = Literal["here", "batch"]
Compression = Literal["none", "gzip", "lzf"]


class SchedulerName(StrEnum):
    """Batch systems that hpcml submits to; `local` is this machine, where nothing is submitted."""

    LOCAL = "local"
    SLURM = "slurm"
    HTCONDOR = "htcondor"


class LauncherName(StrEnum):
    """How the ranks of a shard are started; `auto` chooses (launchers.py)."""

    AUTO = "auto"
    MPIEXEC = "mpiexec"
    SRUN = "srun"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one shard of a step asks for. Memory in bytes per rank, walltime in seconds."""

    ranks: int = 1
    cpus: int = 1
    memory: int = 2_000_000_000
    walltime: int = 3600
    shards: int = 1


@dataclass(frozen=True, slots=True)
class Site:
    """Where jobs run, as config/sites/<name>.yaml says after layering; see docs/sites.md.

    directives: scheduler lines by name, e.g. {"partition": "public-cpu"}; None removes a line.
    setup: shell lines run before Python starts (module load ...). environment: exported variables.
    """

    name: str = "local"
    scheduler: SchedulerName = SchedulerName.LOCAL
    launcher: LauncherName = LauncherName.AUTO
    setup: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directives: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it was when planned. digest: 'fast:...' (first, middle, last MiB) or 'full:...'."""

    path: str
    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class StepInput:
    """One filled input of a step: exactly one of files, step, campaign, several.

    step: name of an earlier step. campaign: `DIR/step` of another campaign, with the content
    digest of its table as it was when planned. several: steps and campaigns that are read as one.
    """

    files: tuple[InputFile, ...] = ()
    step: str = ""
    campaign: str = ""
    digest: str = ""
    several: tuple[StepInput, ...] = ()

    @property
    def sources(self) -> tuple[StepInput, ...]:
        """What is read: the entries of `several`, or this one."""
        return self.several or (self,)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of a campaign, resolved: defaults filled, paths absolute, parameters validated.

    parameters: JSON values of the workload's Parameters, without swept ones.
    sweep: {parameter: values}; the units are multiplied in the order given, last fastest.
    """

    name: str
    workload: str
    version: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    inputs: Mapping[str, StepInput] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    where: Where = "batch"
    max_attempts: int = 2
    compression: Compression = "none"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A resolved job file. `identity` is drawn once, when the directory is made.

    base: folder that relative workload files start from (the job file's own).
    job_text: the job file as written, kept as provenance.
    """

    name: str
    seed: int
    steps: tuple[StepPlan, ...]
    site: Site = field(default_factory=Site)
    identity: str = ""
    revision: int = 1
    base: str = ""
    job_text: str = ""
    notify: Mapping[str, Any] = field(default_factory=dict)
    container: str = ""

    def step(self, name: str) -> StepPlan:
        """The step called `name`; KeyError otherwise."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; YAML, which also gets them, knows no enumerations."""
        raw = asdict(self)
        for step in raw["steps"]:
            step["inputs"] = {name: _input_to_json(one) for name, one in step["inputs"].items()}
        raw["site"] |= {"scheduler": str(self.site.scheduler), "launcher": str(self.site.launcher)}
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Campaign:
        steps = tuple(_step(item) for item in raw["steps"])
        return cls(**{**raw, "steps": steps, "site": _site(raw["site"])})


def _site(raw: Mapping[str, Any]) -> Site:
    scheduler, launcher = SchedulerName(raw["scheduler"]), LauncherName(raw["launcher"])
    return Site(**{**raw, "scheduler": scheduler, "launcher": launcher, "setup": tuple(raw["setup"])})


def _input_to_json(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Without `several` where there is none: plans of one source stay as they always were."""
    plain = {word: value for word, value in raw.items() if word != "several"}
    several = [_input_to_json(one) for one in raw["several"]]
    return {**plain, "several": several} if several else plain


def _input(raw: Mapping[str, Any]) -> StepInput:
    files = tuple(InputFile(**one) for one in raw["files"])
    several = tuple(_input(one) for one in raw.get("several", ()))
    return StepInput(**{**raw, "files": files, "several": several})


def _step(raw: Mapping[str, Any]) -> StepPlan:
    inputs = {name: _input(item) for name, item in raw["inputs"].items()}
    sweep = {name: tuple(values) for name, values in raw["sweep"].items()}
    resources = Resources(**raw["resources"])
    return StepPlan(**{**raw, "inputs": inputs, "sweep": sweep, "resources": resources})
