"""SLURM's reasons in plain sentences: why a job waits or was stopped, by the word that squeue prints."""

from __future__ import annotations

import re
import signal

from hpcml.schedulers.base import JobRecord
from hpcml.schedulers.diagnosis import CANCEL_AND_RESUME, RESUME_ELSEWHERE
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.states import JobState

# what slurmstepd reports in place of a signal when it cannot open the file for a job's output
_NO_OUTPUT_SIGNAL = 53
_LAUNCH_FAILURE = "JobLaunchFailure"

_WAITS = {
    "": Explanation("It waits to be looked at by the scheduler."),
    "None": Explanation("It waits to be looked at by the scheduler."),
    "Priority": Explanation("Jobs of higher priority are in front of it.", "wait; `sprio -j ID` shows why"),
    "Resources": Explanation("It is next, and waits for enough free CPUs and memory.", "wait"),
    "Dependency": Explanation("It waits for an earlier job of the campaign to end.", "wait"),
    "DependencyNeverSatisfied": Explanation(
        "It waits for a job that will never satisfy it.",
        f"{CANCEL_AND_RESUME}: hpcml itself never waits for success, only for an end",
    ),
    "JobArrayTaskLimit": Explanation(
        "As many shards run as options.throttle of the site allows at a time.",
        "wait, or `scontrol update JobId=ID ArrayTaskThrottle=N`",
    ),
    "BeginTime": Explanation(
        "It was put back into the queue and may start again after a short pause (two minutes by default).",
        "wait",
    ),
    "JobHeldUser": Explanation("Its owner holds it.", "scontrol release ID"),
    "JobHeldAdmin": Explanation("An administrator holds it.", "ask the administrators of the cluster"),
    "job_requeued_in_held_state": Explanation(
        "It was put back into the queue and is held there.", "scontrol release ID"
    ),
    "launch_failed_requeued_held": Explanation(
        "It could not be started on its node, and is held.",
        "scontrol release ID; if it comes back, name the node in `directives: exclude`",
        Failure.NODE,
    ),
    "PartitionTimeLimit": Explanation(
        "It asks for more time than its partition allows: it will never start.",
        f"a shorter resources.walltime or another partition, then {CANCEL_AND_RESUME}",
    ),
    "PartitionNodeLimit": Explanation(
        "It asks for more nodes, or bigger ones, than its partition has: it will never start.",
        f"fewer ranks or less memory per shard, then {CANCEL_AND_RESUME}",
    ),
    "PartitionDown": Explanation("Its partition takes no jobs at the moment.", "wait, or use another one"),
    "PartitionInactive": Explanation(
        "Its partition starts no jobs at the moment.", "wait, or use another one"
    ),
    "BadConstraints": Explanation(
        "No node can ever give what it asks for.",
        "`sinfo -o '%P %c %m %f'` shows what nodes have; then change `resources` or `directives`",
    ),
    "ReqNodeNotAvail": Explanation(
        "Nodes that it could use are down or reserved, often for a maintenance.",
        "wait; `scontrol show reservation` shows until when, and a job that ends before may start now",
    ),
    "Reservation": Explanation("It waits for its reservation to begin.", "wait"),
    "InvalidAccount": Explanation(
        "The account is not valid for you or for this partition.", "`directives: account` of the site"
    ),
    "InvalidQOS": Explanation(
        "The quality of service is not valid for you.", "`directives: qos` of the site"
    ),
    "Licenses": Explanation("It waits for a licence.", "wait"),
    _LAUNCH_FAILURE: Explanation("It could not be started on its node.", RESUME_ELSEWHERE, Failure.NODE),
    "NodeDown": Explanation("A node that it needs is down.", f"wait, or {CANCEL_AND_RESUME}"),
    "Prolog": Explanation("Its node is being prepared.", "wait"),
    "Cleaning": Explanation("It was put back into the queue; its last run is being cleaned up.", "wait"),
    "RaisedSignal": Explanation("It was ended by a signal.", "`hpcml logs {root}` shows its last lines"),
}
_NO_OUTPUT = Explanation(
    "SLURM could not open the file for its output: the folder is absent, no folder, full or not writable.",
    "fix the folder, then `hpcml resume {root}`",
    Failure.STORAGE,
)
# families: SLURM has a word for each limit that an association or a quality of service can have
_FAMILIES = (
    (r"(Assoc|QOS)(Max|Grp).*(Wall|Minutes).*",
     Explanation("Your group has used up its computing time, or asks for too much of it.",
                 "wait for the budget to recover, or use another account or qos")),
    (r"QOSMax.*PerJob.*|AssocMax.*PerJob.*|QOSMin.*",
     Explanation("One shard asks for more, or less, than your quality of service allows: it never starts.",
                 f"smaller `resources`, or another qos, then {CANCEL_AND_RESUME}")),
    (r"(Assoc|QOS)(Max|Grp).*",
     Explanation("You, or your group, run as much at a time as the cluster allows.", "wait")),
    (r"ReqNodeNotAvail.*", _WAITS["ReqNodeNotAvail"]),
    (r"Nodes_required_for_job_are_DOWN.*|.*DRAINED.*reserved.*",
     Explanation("Nodes that it could use are down, drained or reserved.", "wait")),
)  # fmt: skip


def explained(record: JobRecord) -> Explanation | None:
    """What SLURM's own reason explains; None where state and exit code say more."""
    if record.state in (JobState.PENDING, JobState.HELD):
        return waiting(record.reason)
    if record.state is JobState.FAILED and record.signal == _NO_OUTPUT_SIGNAL:
        return _NO_OUTPUT
    # SLURM calls it a launch that failed also when slurmstepd kills the script
    if (
        record.state is JobState.FAILED
        and record.reason == _LAUNCH_FAILURE
        and record.signal != signal.SIGKILL
    ):
        return waiting(record.reason)
    return None


def waiting(reason: str) -> Explanation:
    """Why a job waits or is held."""
    if reason in _WAITS:
        return _WAITS[reason]
    plain = reason.replace(" ", "_").strip("()")
    for pattern, explanation in _FAMILIES:
        if re.fullmatch(pattern, plain):
            return explanation
    return Explanation(f"It waits, and SLURM reports the reason {reason!r}.", "`man squeue`, reason codes")
