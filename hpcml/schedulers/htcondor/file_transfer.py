"""HTCondor without a shared file system: what travels with a job, what comes back, and where it arrives.

A shard takes an input sandbox with it and computes in it, in the scratch folder. Each start leaves one output
archive in `incoming`, which comes back at the end, at exit code 85 and at an eviction, and goes along to the
next start of an evicted job. DAGMan makes the sandbox of a step when its units are listed (SCRIPT PRE), and
the merge runs on the access point, where the campaign is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from hpcml.schedulers.attempt_spec import AttemptSpec, File, StepSpec
from hpcml.schedulers.htcondor.submit_lines import Lines
from hpcml.schedulers.job_script import merge_values
from hpcml.store.layout import Layout

SANDBOX = "sandbox"
ARCHIVES = "incoming"
# what the script prints that makes the sandbox of a step
SANDBOX_LOG = "sandbox.log"


def transfers(options: Mapping[str, Any]) -> bool:
    return not options["shared_filesystem"]


def array_lines(spec: AttemptSpec, step: StepSpec) -> Lines:
    """File transfer of one shard; paths are relative to `initialdir`, the campaign directory."""
    sandbox = Layout(spec.root).sandbox(spec.attempt, step.plan.name)
    return {
        "should_transfer_files": "YES",
        "transfer_executable": "True",  # a container would look for rank.sh inside the image
        "when_to_transfer_output": "ON_EXIT_OR_EVICT",
        "transfer_input_files": os.path.relpath(sandbox, spec.root),
        "transfer_output_files": ARCHIVES,
        "transfer_checkpoint_files": ARCHIVES,
    }


def merge_lines() -> Lines:
    """On the access point: there are the archives and the table."""
    return {
        "universe": "local",
        "should_transfer_files": None,
        "when_to_transfer_output": None,
        "transfer_output_files": None,
    }


def here_values(spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a script that runs on the access point, never in a container."""
    values = merge_values(spec, step, options)
    return {**values, "python": [options["python"] or sys.executable], "log": step.logs / SANDBOX_LOG}


def sandbox_script(spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any]) -> File:
    values = here_values(spec, step, options)
    return File(f"{step.plan.name}/sandbox.sh", "htcondor/sandbox.sh", values, executable=True)
