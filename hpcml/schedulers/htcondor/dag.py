"""The DAG that chains the steps of an attempt: its files, DAGMan's settings, and what DAGMan's log explains.

DAGMan removes every other job of a node's cluster as soon as one of them fails. So a shard retries inside its
own job (max_retries), and after its last try it reports 0 to the DAG (`verdict` in the templates): the merge,
which looks at the parts, then exits with 3 or 5. By hand, without the DAG, jobs keep their exit code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpcml.errors import UsageError
from hpcml.schedulers.attempt_spec import AttemptSpec, File, job_tag
from hpcml.schedulers.base import Submission
from hpcml.schedulers.htcondor.file_transfer import SANDBOX_LOG, transfers

DAG = "campaign"
DAG_FILE = f"{DAG}.dag"
# DAGMan's event log and its own log, beside the DAG file
_EVENTS = ".dagman.log"
_TALK = ".dagman.out"
# jobs of the DAG that failed are explained by their steps
_ERRORS = re.compile(r"(?<![A-Z_])ERROR\b(?!: the following job)|Warning: default")


def check_folder(out: Path) -> None:
    """UsageError for a folder that DAGMan cannot work in."""
    if "$" in str(out):
        # condor_submit_dag writes the path into DAGMan's own submit file as it is: it waits for ever
        raise UsageError(
            f"condor_submit_dag needs a path without '$', found {str(out)!r}", "rename the folder"
        )


def dag_submission() -> Submission:
    """The one thing that is submitted; it submits the nodes."""
    return Submission(DAG, "dag", "", DAG_FILE, events=DAG_FILE + _EVENTS)


def dag_files(spec: AttemptSpec, submissions: Sequence[Submission], options: Mapping[str, Any]) -> list[File]:
    """The DAG over those of `submissions` that are its nodes, and DAGMan's settings."""
    nodes = [sub for sub in submissions if sub.within == DAG]
    settings = _settings(options)
    values = {
        "campaign": spec.campaign.name,
        "attempt": spec.attempt,
        "nodes": nodes,
        "edges": [(before, node.name) for node in nodes for before in node.after],
        "dagman": bool(settings),
        "tag": job_tag(spec.campaign, spec.attempt, DAG),
        "sandboxes": transfers(options),
    }
    found = [File(DAG_FILE, "htcondor/campaign.dag", values)]
    if settings:
        found.append(File("dagman.config", "htcondor/dagman.config", {"dagman": settings}))
    return found


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    # DAGMan would hold the slots of an array for 20 s: too small for the merge, and in its way
    settings: dict[str, Any] = {"DAGMAN_HOLD_CLAIM_TIME": 0}
    # when DAGMan talks to the schedd itself it makes all jobs at once, whatever max_materialize says
    late = {"DAGMAN_USE_DIRECT_SUBMIT": "False"} if options["throttle"] else {}
    return {**settings, **late, **options["dagman"]}


def dag_failure(folder: Path, dag: Submission) -> list[tuple[str, str]]:
    """(who, sentence): why the DAG in the attempt's `folder` ended badly before or between its nodes."""
    log = folder / (dag.file + _TALK)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    # a line begins with date and time
    errors = [line.split(" ", 2)[-1] for line in lines if _ERRORS.search(line)]
    found = [("DAGMan", f"It gave up: {' '.join(errors[-2:])}.")] if errors else []
    for path in sorted(folder.glob(f"*/logs/{SANDBOX_LOG}")):
        text = path.read_text(encoding="utf-8", errors="replace")
        errors = [line.partition("error: ")[2] for line in text.splitlines() if "error: " in line]
        if errors:
            step = path.parent.parent.name
            found.append((step, f"There is no input sandbox for its shards: {errors[-1]}."))
    return found


def busy_advice(dag: str, held: int, root: Path) -> str:
    """Why nothing is resumed while DAGMan is at work, and what to do; held: jobs of it that are held."""
    if held:
        return (
            f"DAG {dag} waits for {held} held jobs: `hpcml explain {root}` gives the reason;"
            f" condor_release them, or `hpcml cancel {root}` and `hpcml resume {root}`"
        )
    return (
        f"DAG {dag} is still at work and tries again by itself:"
        f" `hpcml status {root}`; `hpcml cancel {root}` first to change anything"
    )
