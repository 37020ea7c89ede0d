"""Why a job waits, is held or failed: one plain sentence, the remedy, and the class of the failure.

The choice among what the scheduler says, the exit code and the journal.
"""

from __future__ import annotations

from hpcml.errors import EXIT_BUG, EXIT_INCOMPLETE, EXIT_INTEGRITY, EXIT_INTERRUPTED, EXIT_USAGE
from hpcml.schedulers.base import JobRecord
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.schedulers.htcondor import hold_reasons
from hpcml.schedulers.slurm import reasons as slurm_reasons
from hpcml.states import JobState

_RESUME = "`hpcml resume` does what is missing"
_STATES = {
    JobState.RUNNING: Explanation("It runs."),
    JobState.DONE: Explanation("It ended well."),
    JobState.TIMEOUT: Explanation(
        "Its wall time ended before it could stop in good order. What it had recorded is kept.",
        f"{_RESUME}; a longer resources.walltime or more shards avoids it",
        Failure.TIME,
    ),
    JobState.MEMORY: Explanation(
        "It was killed because it used more memory than it had asked for.",
        "`hpcml resume` asks for more, up to options.memory_ceiling of the site",
        Failure.MEMORY,
    ),
    JobState.NODE_LOST: Explanation(
        "Its node failed.", "`hpcml resume`, which keeps away from that node", Failure.NODE
    ),
    JobState.PREEMPTED: Explanation("It had to make room for another job.", _RESUME, Failure.PREEMPT),
    JobState.CANCELLED: Explanation("It was cancelled.", _RESUME),
    JobState.GONE: Explanation("The scheduler does not remember it.", _RESUME, Failure.UNKNOWN),
    JobState.UNKNOWN: Explanation("The scheduler did not answer.", "ask again later; nothing is lost"),
}
_CODES = {
    EXIT_BUG: Explanation(
        "hpcml itself failed.", "`hpcml logs` has the traceback: please report it", Failure.CODE
    ),
    EXIT_USAGE: Explanation(
        "hpcml refused the campaign on the node: other software, other files?",
        "`hpcml logs` has the reason; check the site's `setup:` and `python:`",
        Failure.CODE,
    ),
    EXIT_INCOMPLETE: Explanation(
        "Units of it failed, or their list is not there yet.",
        "`hpcml units DIR --state failed` names them",
        Failure.CODE,
    ),
    EXIT_INTEGRITY: Explanation(
        "A part is damaged or contradicts another.", "`hpcml verify` names the files", Failure.STORAGE
    ),
    EXIT_INTERRUPTED: Explanation("It was told to stop, and did so in good order.", _RESUME, Failure.TIME),
    126: Explanation(
        "Its Python or launcher may not be executed on the node.", "check `python:`", Failure.NODE
    ),
    127: Explanation(
        "There was no Python, or no launcher, on the node.",
        "do the lines of `setup:` work there? `hpcml site check` tries",
        Failure.NODE,
    ),
    137: Explanation(
        "It was killed (SIGKILL): out of memory on its node, or stopped by force.",
        "compare its peak memory in `hpcml status --efficiency` with resources.memory; " + _RESUME,
        Failure.MEMORY,
    ),
    143: Explanation("It was told to end, and did not in time.", _RESUME, Failure.PREEMPT),
}


_WORKLOAD = Explanation(
    "The workload's own code failed outside its units.", "mend it, then `hpcml resume`", Failure.CODE
)
_SIGKILL = 9
# what slurmstepd says instead of a signal when it cannot open the file for a job's output
_NO_OUTPUT = 53


def explain(scheduler: str, record: JobRecord, error: str = "") -> Explanation:
    """What a person needs to know about one job of the scheduler of that name; error: what it printed."""
    if record.exit_code == EXIT_USAGE and error.startswith("workload "):
        return _WORKLOAD
    if scheduler == "htcondor" and record.state is JobState.HELD:
        return hold_reasons.held(record.hold_code, record.reason)
    if record.state is JobState.CANCELLED and record.hold_code is not None:
        held = hold_reasons.held(record.hold_code, record.reason)
        return Explanation(f"It was held, then cancelled. {held.sentence}", _RESUME, held.failure)
    if record.state in (JobState.PENDING, JobState.HELD):
        if scheduler == "slurm":
            return slurm_reasons.waiting(record.reason)
        again = f" It was interrupted {record.restarts} times." if record.restarts else ""
        return Explanation(
            f"No machine that fits has been free yet.{again}",
            "wait; `condor_q -better-analyze ID` tells which machines would fit",
        )
    if record.state is JobState.FAILED:
        if scheduler == "slurm" and record.signal == _NO_OUTPUT:
            return slurm_reasons.NO_OUTPUT
        # SLURM calls it a launch that failed also when slurmstepd kills the script
        if record.reason == "JobLaunchFailure" and record.signal != _SIGKILL:
            return slurm_reasons.waiting(record.reason)
        return _failed(record)
    return _STATES[record.state]


def _failed(record: JobRecord) -> Explanation:
    code = 128 + record.signal if record.signal else record.exit_code
    if code in _CODES:
        return _CODES[code]
    what = f"with exit code {code}" if code is not None else "without an exit code"
    return Explanation(f"It ended {what}.", "`hpcml logs` shows its last lines", Failure.UNKNOWN)
