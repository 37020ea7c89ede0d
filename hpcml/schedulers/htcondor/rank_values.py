"""Values that HTCondor adds to rank.sh: its clock, its retries, what travels with the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpcml.errors import EXIT_BUG, EXIT_INCOMPLETE, EXIT_INTEGRITY, EXIT_USAGE
from hpcml.schedulers.attempt_spec import AttemptSpec, StepSpec
from hpcml.schedulers.htcondor.file_transfer import ARCHIVES, SANDBOX, transfers
from hpcml.schedulers.job_script import rank_values

# exit codes that another try does not change: a bug, a wrong command line, damaged parts
_FINAL_CODES = (EXIT_BUG, EXIT_USAGE, EXIT_INTEGRITY)


def final_codes(options: Mapping[str, Any]) -> tuple[int, ...]:
    """Exit codes after which a shard's job is not tried again by itself.

    Without a shared file system another try starts from the sandbox: it would compute all again to fail where
    this one failed.
    """
    return (*_FINAL_CODES, EXIT_INCOMPLETE) if transfers(options) else _FINAL_CODES


def condor_rank_values(spec: AttemptSpec, step: StepSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Values of templates/htcondor/rank.sh."""
    moved = transfers(options)
    values = rank_values(spec, step, options, claims=not moved)
    if spec.campaign.container:
        # container_image starts rank.sh itself inside the image
        values["python"] = [options["container_python"]]
    seconds = values["walltime"] - values["margin"]
    return {
        **values,
        **({"root": SANDBOX} if moved else {}),
        "archives": ARCHIVES if moved else "",
        # nothing in HTCondor warns a job before its time is up, so the script has its own clock
        "clock": ["timeout", "--preserve-status", "--foreground", "--signal=USR1", str(seconds)],
        "max_retries": step.plan.max_attempts - 1,
        # EXIT_USAGE ends the DAG itself: RETRY ... UNLESS-EXIT 2
        "final_codes": [code for code in final_codes(options) if code != EXIT_USAGE],
    }
