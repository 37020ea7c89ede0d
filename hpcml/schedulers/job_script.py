"""What the job scripts of all schedulers share: values of templates/common/{job,rank,merge,run}.sh.

A request over a limit of the site is refused here, before anything is written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpcml.campaign import Resources
from hpcml.errors import UsageError
from hpcml.launchers import THREAD_VARIABLES, launcher_words
from hpcml.quantities import parse_memory, parse_walltime
from hpcml.schedulers.attempt_spec import AttemptSpec, StepSpec

# site options that every scheduler knows, with their defaults; config/sites/university-example.yaml
# explains each
COMMON_OPTIONS: Mapping[str, Any] = {
    "python": "",
    "templates": (),
    "srun_mpi": "",
    "signal_margin": 120,
    "max_restarts": 20,
    "memory_ceiling": None,
    "walltime_ceiling": None,
    "refuse_paths": {},
    "private_paths": {},
    "container_command": ("apptainer", "exec"),
    "container_python": "python3",
    "merge": {},
}
_MERGE_KEYS = ("cpus", "memory", "walltime", "directives")


@dataclass(frozen=True, slots=True)
class Request:
    """What one job asks for. memory: bytes of all its ranks; walltime, margin: seconds."""

    ranks: int
    cpus: int
    memory: int
    walltime: int
    margin: int

    @property
    def mebibytes(self) -> int:
        return -(-self.memory // 2**20)

    @property
    def mebibytes_per_cpu(self) -> int:
        return -(-self.memory // (2**20 * self.ranks * self.cpus))


def array_request(step: StepSpec, options: Mapping[str, Any]) -> Request:
    """What one shard asks for; UsageError when the site cannot give it."""
    wanted = step.plan.resources
    margin = min(_seconds("signal_margin", options["signal_margin"]), wanted.walltime // 2)
    request = Request(wanted.ranks, wanted.cpus, wanted.memory * wanted.ranks, wanted.walltime, margin)
    _check_limits(step.plan.name, request, options)
    return request


def merge_request(step: StepSpec, options: Mapping[str, Any]) -> Request:
    """What a merge job asks for: one rank, by default with the resources of a step that states none."""
    merge, usual = _merge_options(options), Resources()
    return Request(
        ranks=1,
        cpus=int(merge.get("cpus", usual.cpus)),
        memory=parse_memory(merge.get("memory", usual.memory)),
        walltime=_seconds("merge.walltime", merge.get("walltime", usual.walltime)),
        margin=0,
    )


def merge_directives(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lines that the site wants for merge jobs only, over its directives."""
    found: Mapping[str, Any] = _merge_options(options).get("directives", {})
    return found


def lines_of_merges(
    directives: Mapping[str, str | int | bool | None], compute_only: re.Pattern[str]
) -> dict[str, str | int | bool | None]:
    """The site's directives that merge jobs get too: not those for computing (`compute_only`); but a line
    that the site removes (None) is removed from every job."""
    return {
        key: value for key, value in directives.items() if value is None or not compute_only.fullmatch(key)
    }


def rank_values(
    spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any], *, claims: bool
) -> dict[str, Any]:
    """Values of rank.sh. claims: jobs run at the same time and see one folder, so that one which ends at once
    can claim shards that no other has."""
    request = array_request(step, options)
    site = spec.campaign.site
    return {
        **_common_values(spec, step, options, threads=request.cpus),
        "launcher": launcher_words(
            site.launcher,
            ranks=request.ranks,
            cpus=request.cpus,
            scheduler=site.scheduler,
            srun_mpi=str(options["srun_mpi"]),
        ),
        "ranks": request.ranks,
        "walltime": request.walltime,
        "margin": request.margin,
        "max_restarts": int(options["max_restarts"]),
        "clock": (),
        "claims": step.folder / "claims" if claims else "",
    }


def merge_values(
    spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any], *, resumes: bool = False
) -> dict[str, Any]:
    """Values of merge.sh. resumes: the merge job submits what is missing, as nothing else there does.

    The value `notify`: shell code to run when the campaign has ended, or ''.
    """
    request = merge_request(step, options)
    notify = spec.campaign.notify
    return {
        **_common_values(spec, step, options, threads=request.cpus),
        "notify": notify.get("command", ""),
        "automatic": resumes,
        "last": step.last,
    }


def _common_values(
    spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any], *, threads: int
) -> dict[str, Any]:
    campaign = spec.campaign
    python = Path(options["python"] or sys.executable)
    in_container = bool(campaign.container)
    command = (
        [*_container_words(spec, step, options), options["container_python"]] if in_container else [python]
    )
    in_venv = (python.parent.parent / "pyvenv.cfg").is_file()
    return {
        "campaign": campaign.name,
        "step": step.plan.name,
        "attempt": spec.attempt,
        "root": spec.root,
        "python": command,
        # mpiexec must be the one beside the mpi4py in use; a system Python must not hide a module's
        "bin": python.parent if in_venv and not in_container else "",
        "setup": campaign.site.setup,
        "threads": threads,
        "thread_variables": THREAD_VARIABLES,
        "kernel": campaign.site.kernel,
        "exports": list(campaign.site.environment.items()),
    }


def _container_words(spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any]) -> list[str]:
    """apptainer's words up to the image, with every folder that the step reads or writes."""
    folders = {str(spec.root)}
    for given in step.plan.inputs.values():
        folders |= {str(Path(file.path).parent) for file in given.files}
        folders |= {str(Path(one.campaign).parent) for one in given.sources if one.campaign}
    for folder in folders:
        if set(folder) & set(",:"):
            raise UsageError(f"a container cannot bind the folder {folder!r}", "no ',' or ':' in its name")
    binds = ",".join(sorted(folders))
    return [*options["container_command"], "--bind", binds, spec.campaign.container]


def _check_limits(step: str, request: Request, options: Mapping[str, Any]) -> None:
    ceiling = options["walltime_ceiling"]
    if ceiling is not None and request.walltime > _seconds("walltime_ceiling", ceiling):
        hint = (
            "use more shards, or a shorter resources.walltime: what is done is kept, `hpcml resume` continues"
        )
        raise UsageError(
            f"step {step}: a wall time of {request.walltime} s is over the site's {ceiling}", hint
        )
    ceiling = options["memory_ceiling"]
    if ceiling is not None and request.memory > parse_memory(ceiling):
        hint = "use fewer ranks per shard, or less resources.memory"
        wanted = f"{request.memory / 1e9:.1f} GB ({request.ranks} ranks)"
        raise UsageError(f"step {step}: a memory of {wanted} is over the site's {ceiling}", hint)


def _merge_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    merge: Mapping[str, Any] = options["merge"]
    for key in merge:
        if key not in _MERGE_KEYS:
            raise UsageError(f"site option merge.{key} is unknown", f"known: {', '.join(_MERGE_KEYS)}")
    return merge


def _seconds(option: str, value: Any) -> int:
    try:
        return parse_walltime(value)
    except ValueError as error:
        raise UsageError(f"site option {option}: {error}, found {value!r}") from None
