"""Lines of HTCondor submit files: what a job asks for, the machines it avoids, and what a site changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpcml.errors import UsageError
from hpcml.quantities import parse_memory
from hpcml.schedulers.attempt_spec import AttemptSpec
from hpcml.schedulers.htcondor.hold_reasons import MEMORY_WORDS, OUT_OF_RESOURCES, POLICIES
from hpcml.schedulers.job_script import Request
from hpcml.schedulers.quoting import classad, condor

Lines = dict[str, str | int | bool | None]

_STARTS_FOR_MEMORY = 4
# by these hpcml starts, finds and restarts its jobs; lower case, as condor_submit takes them in any
_OURS = (
    "arguments",
    "checkpoint_exit_code",
    "container_image",
    "error",
    "executable",
    "initialdir",
    "log",
    "my.hpcmltag",
    "output",
    "queue",
)


def common_lines(spec: AttemptSpec, request: Request, options: Mapping[str, Any]) -> Lines:
    lines: Lines = {
        "batch_name": str(condor(spec.campaign.name)),
        "request_cpus": request.ranks * request.cpus,
        "request_memory": request.mebibytes,
        "request_disk": f"{-(-parse_memory(options['disk']) // 1024)}KB",
        "should_transfer_files": "NO",
    }
    if spec.campaign.container:
        # the image travels, the results do not: they are written where all machines see them
        lines |= {"should_transfer_files": "YES", "when_to_transfer_output": "ON_EXIT"}
        lines["transfer_output_files"] = '""'
        lines["transfer_executable"] = "True"  # else rank.sh would be looked for inside the image
    return lines


def memory_lines(request: Request, options: Mapping[str, Any]) -> Lines:
    """Where the site names a ceiling, a job held for memory comes back with half as much again."""
    if options["memory_ceiling"] is None:
        return {}
    first, most = request.mebibytes, parse_memory(options["memory_ceiling"]) // 2**20
    given = f"ifThenElse(isUndefined(MemoryProvisioned), {first}, MemoryProvisioned)"
    # a machine that measures remembers the last peak: a request below it is held before it starts
    peak = "ifThenElse(isUndefined(MemoryUsage), 0, MemoryUsage)"
    more = f"min({{{most}, max({{{given} * 3 / 2, {peak} * 13 / 10}})}})"
    return {
        "request_memory": f"ifThenElse({_held_for_memory('LastHoldReason')}, {more}, {first})",
        "periodic_release": (
            f"{_held_for_memory('HoldReason')} && (NumJobStarts < {_STARTS_FOR_MEMORY}) && ({given} < {most})"
        ),
    }


def _held_for_memory(reason: str) -> str:
    policies = ", ".join(str(code) for code in POLICIES)
    by_policy = f'(member({reason}Code, {{{policies}}}) && regexp("{MEMORY_WORDS}", {reason}, "i"))'
    return f"(({reason}Code =?= {OUT_OF_RESOURCES} || {by_policy}) =?= True)"


def machine_lines(spec: AttemptSpec, options: Mapping[str, Any]) -> Lines:
    """Machines to avoid."""
    wishes = [f"TARGET.Machine =!= {classad(node)}" for node in spec.exclude]
    if options["retry_elsewhere"]:
        # slot@machine or slot@name@machine; undefined, and then no machine's, at the first start
        wishes.append('member(TARGET.Machine, split(MY.LastRemoteHost, "@")) =!= True')
    return {"requirements": " && ".join(f"({wish})" for wish in wishes)} if wishes else {}


def flavour_lines(request: Request, options: Mapping[str, Any]) -> Lines:
    """The shortest queue that is long enough, at sites that have named queues of fixed length."""
    flavours: Mapping[str, int] = options["flavours"]
    if not flavours:
        return {}
    for flavour, seconds in sorted(flavours.items(), key=lambda item: item[1]):
        if request.walltime <= seconds:
            return {"+JobFlavour": str(classad(flavour))}
    longest = max(flavours, key=lambda item: flavours[item])
    raise UsageError(
        f"a wall time of {request.walltime} s is over the longest queue, {longest} ({flavours[longest]} s)",
        "use a shorter resources.walltime: what is done is kept, and `hpcml resume` continues",
    )


def layered(lines: Lines, site: Mapping[str, str | int | bool | None]) -> Lines:
    for key in site:
        if key.lower() in _OURS:
            raise UsageError(f"a site cannot set the submit command {key!r}", "hpcml writes it itself")
    return {key: value for key, value in {**lines, **site}.items() if value is not None}
