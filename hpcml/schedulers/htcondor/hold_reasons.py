"""HTCondor's reasons in plain sentences: why a job is held, by its HoldReasonCode, or waits."""

from __future__ import annotations

import re

from hpcml.schedulers.base import JobRecord
from hpcml.schedulers.diagnosis import CANCEL_AND_RESUME, RESUME
from hpcml.schedulers.failures import Explanation, Failure
from hpcml.states import JobState

# hold code of a job that used more memory (or disk) than it had asked for
OUT_OF_RESOURCES = 34
# without cgroups an expression of the job, the machine or the pool holds it: only its reason shows for what
POLICIES = (3, 21, 26)
MEMORY_WORDS = "memory|rss|ResidentSetSize"
_HELD = {
    1: Explanation("A person held it with condor_hold.", "condor_release ID"),
    3: Explanation("An expression in its submit file asked for it to be held.", "look at the reason below"),
    4: Explanation("Its credentials are not valid (any more).", "kinit, then condor_release ID"),
    5: Explanation("An expression in its submit file has no value.", "fix `directives` of the site"),
    6: Explanation(
        "The machine could not start its script: wrong interpreter, or a folder it does not see.",
        "is the campaign in a folder that all machines see? then condor_release ID",
        Failure.NODE,
    ),
    7: Explanation(
        "The file for its output could not be opened: the folder is absent, no folder, full or not writable.",
        "fix the folder, then condor_release ID",
        Failure.STORAGE,
    ),
    8: Explanation("Its standard input could not be opened.", CANCEL_AND_RESUME, Failure.INPUT),
    12: Explanation(
        "Its files could not be brought back: quota, full disk, or a file that is not there.",
        "make room, then condor_release ID",
        Failure.STORAGE,
    ),
    13: Explanation(
        "Its files could not be brought to the machine.",
        "are they still there? condor_release ID",
        Failure.INPUT,
    ),
    14: Explanation(
        "Its working folder cannot be reached from the machine.",
        "is the campaign in a folder that all machines see?",
        Failure.STORAGE,
    ),
    15: Explanation("It was submitted on hold.", "condor_release ID"),
    16: Explanation("Its files are being copied to the scheduler.", "wait"),
    21: Explanation(
        "The machine's own policy held it.",
        f"{CANCEL_AND_RESUME}; the reason below is the machine's",
        Failure.NODE,
    ),
    22: Explanation(
        "The event log of the array cannot be written.",
        "is the folder of the attempt writable, and not on EOS? then condor_release ID",
        Failure.STORAGE,
    ),
    23: Explanation(
        "The machine does not know your account.", "condor_release ID; it may start elsewhere", Failure.NODE
    ),
    26: Explanation("The pool's policy held it.", "the reason below is the pool's", Failure.UNKNOWN),
    32: Explanation("Its input files are larger than the pool moves.", "read them in place", Failure.INPUT),
    33: Explanation("Its output files are larger than the pool moves.", "use more shards", Failure.STORAGE),
    OUT_OF_RESOURCES: Explanation(
        "It used more memory (or disk) than it had asked for.",
        "below options.memory_ceiling of the site it starts again with more by itself; else"
        " `hpcml cancel {root}`, then `hpcml resume {root}`, which asks for more",
        Failure.MEMORY,
    ),
    35: Explanation("The container image is not valid on that machine.", "check `container:`", Failure.INPUT),
    46: Explanation("It exceeded the allowed time in queue and running.", CANCEL_AND_RESUME, Failure.TIME),
    47: Explanation(
        "It reached its wall time and did not stop when it was asked to.",
        "a longer resources.walltime, or smaller units; `hpcml resume {root}` continues",
        Failure.TIME,
    ),
}


def explained(record: JobRecord) -> Explanation | None:
    """What HTCondor's own reason explains; None where state and exit code say more."""
    if record.state is JobState.HELD:
        return held(record.hold_code, record.reason)
    if record.state is JobState.CANCELLED and record.hold_code is not None:
        why = held(record.hold_code, record.reason)
        return Explanation(f"It was held, then cancelled. {why.sentence}", RESUME, why.failure)
    if record.state is JobState.PENDING:
        again = f" It was interrupted {record.restarts} times." if record.restarts else ""
        return Explanation(
            f"No machine that fits has been free yet.{again}",
            "wait; `condor_q -better-analyze ID` shows which machines would fit",
        )
    return None


def held(code: int | None, reason: str) -> Explanation:
    """Why a job is held; reason: HTCondor's own text, which may say more than its code."""
    if code in POLICIES and re.search(MEMORY_WORDS, reason, re.IGNORECASE):
        return _HELD[OUT_OF_RESOURCES]
    if code in _HELD:
        return _HELD[code]
    return Explanation(f"HTCondor holds it with the code {code}.", "`condor_q -hold` prints its reason")
