"""Why a job failed, where no scheduler knows more: from its state, its exit code and what it printed.

A scheduler's `diagnose` asks in this order: an error of the workload itself, its own reasons
(schedulers/slurm/reasons.py, schedulers/htcondor/hold_reasons.py), then `explain`.
"""

from __future__ import annotations

from hpcml.errors import EXIT_BUG, EXIT_INCOMPLETE, EXIT_INTEGRITY, EXIT_INTERRUPTED, EXIT_USAGE
from hpcml.exit_status import NOT_EXECUTABLE, NOT_FOUND, SIGNAL_BASE, describe_exit
from hpcml.schedulers.base import JobRecord
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.states import JobState

RESUME = "`hpcml resume {root}` computes what is missing"
RESUME_ELSEWHERE = "`hpcml resume {root}`, which avoids that node"
CANCEL_AND_RESUME = "`hpcml cancel {root}` and `hpcml resume {root}`"
_STATES = {
    JobState.PENDING: Explanation("It waits to be started.", "wait"),
    JobState.HELD: Explanation("It is held.", CANCEL_AND_RESUME),
    JobState.RUNNING: Explanation("It runs."),
    JobState.DONE: Explanation("It ended well."),
    JobState.TIMEOUT: Explanation(
        "Its wall time ended before it could stop in good order. What it had recorded is kept.",
        f"{RESUME}; a longer resources.walltime or more shards avoids it",
        Failure.TIME,
    ),
    JobState.MEMORY: Explanation(
        "It was killed because it used more memory than it had asked for.",
        "`hpcml resume {root}` asks for more, up to options.memory_ceiling of the site",
        Failure.MEMORY,
    ),
    JobState.NODE_LOST: Explanation("Its node failed.", RESUME_ELSEWHERE, Failure.NODE),
    JobState.PREEMPTED: Explanation("It had to make room for another job.", RESUME, Failure.PREEMPT),
    JobState.CANCELLED: Explanation("It was cancelled.", RESUME),
    JobState.GONE: Explanation("The scheduler does not remember it.", RESUME, Failure.UNKNOWN),
    JobState.UNKNOWN: Explanation("The scheduler did not answer.", "ask again later; nothing is lost"),
}
_CODES = {
    EXIT_BUG: Explanation(
        "hpcml itself failed.", "`hpcml logs {root}` has the traceback: please report it", Failure.CODE
    ),
    EXIT_USAGE: Explanation(
        "hpcml refused the campaign on the node: other software, other files?",
        "`hpcml logs {root}` has the reason; check the site's `setup:` and `python:`",
        Failure.CODE,
    ),
    EXIT_INCOMPLETE: Explanation(
        "Units of it failed, or their list is not there yet.",
        "`hpcml units {root} --state failed` names them",
        Failure.CODE,
    ),
    EXIT_INTEGRITY: Explanation(
        "A part is damaged or contradicts another.",
        "`hpcml verify {root}` names the files",
        Failure.STORAGE,
    ),
    EXIT_INTERRUPTED: Explanation("It was asked to stop, and did so in good order.", RESUME, Failure.TIME),
    NOT_EXECUTABLE: Explanation(
        "Its Python or launcher may not be executed on the node.", "check `python:`", Failure.NODE
    ),
    NOT_FOUND: Explanation(
        "There was no Python, or no launcher, on the node.",
        "do the lines of `setup:` work there? `hpcml site check` tries",
        Failure.NODE,
    ),
    137: Explanation(
        "It was killed (SIGKILL): out of memory on its node, or stopped by force.",
        "compare its peak memory in `hpcml status {root} --efficiency` with resources.memory; " + RESUME,
        Failure.MEMORY,
    ),
    143: Explanation("It was asked to end (SIGTERM), and did not in time.", RESUME, Failure.PREEMPT),
}


def workload_failure(record: JobRecord, error: str) -> Explanation | None:
    """When the job's own last `error` names the workload."""
    if record.exit_code == EXIT_USAGE and error.startswith("workload "):
        return Explanation(
            "The workload's own code failed outside its units.",
            "fix it, then `hpcml resume {root}`",
            Failure.CODE,
        )
    return None


def explain(record: JobRecord) -> Explanation:
    """What a person needs to know about one job, on any scheduler."""
    if record.state is not JobState.FAILED:
        return _STATES[record.state]
    code = SIGNAL_BASE + record.signal if record.signal else record.exit_code
    if code in _CODES:
        return _CODES[code]
    sentence = f"It {describe_exit(code)}." if code is not None else "It ended without an exit code."
    return Explanation(sentence, "`hpcml logs {root}` shows its last lines", Failure.UNKNOWN)
