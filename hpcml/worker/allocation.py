"""Inside a job: how many ranks were started, when it ends, what machine this is.

Everything that a worker reads from its environment and from /proc.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import resource
import socket
import time
from pathlib import Path

from hpcml import launchers

# set by the launchers themselves, the first that is there wins
SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "PMIX_SIZE")
END_VARIABLES = ("HPCML_END_TIME", "SLURM_JOB_END_TIME")


def launched_ranks() -> int:
    """World size as the launcher announces it; 0 when no MPI launcher started this process."""
    for name in SIZE_VARIABLES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    if "PMIX_RANK" in os.environ and os.environ.get("SLURM_STEP_NUM_TASKS", "").isdigit():
        return int(os.environ["SLURM_STEP_NUM_TASKS"])
    return 0


def launched_by_openmpi() -> bool:
    return SIZE_VARIABLES[0] in os.environ


def end_time() -> float:
    """When the allocation ends, in seconds since 1970; infinity when it is not known."""
    for name in END_VARIABLES:
        try:
            return float(os.environ[name])
        except (KeyError, ValueError):
            continue
    return float("inf")


def attempt_number() -> int:
    """How often the scheduler has restarted this job, for the journal."""
    value = os.environ.get("SLURM_RESTART_COUNT", "0")
    return int(value) if value.isdigit() else 0


def job_name() -> str:
    """The scheduler's name of this job, for the journal; '' outside a job."""
    job = os.environ.get("SLURM_JOB_ID", "")
    return f"slurm:{job}" if job else os.environ.get("HPCML_JOB", "")


def pinned_environment(cpus: int, kernel: str = "") -> dict[str, str]:
    """This process's environment, for ranks started from here with `cpus` threads each."""
    return launchers.pinned_environment(os.environ, cpus, kernel=kernel, as_root=os.getuid() == 0)


def cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def blas_kernel() -> str:
    """The kernel that the loaded OpenBLAS chose for this CPU; '' when no OpenBLAS is loaded.

    The same float32 product differs in the last bits between two kernels, so parts record it.
    """
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for path in sorted(set(re.findall(r"(/\S*openblas\S*\.so\S*)", maps))):
        library = ctypes.CDLL(path)
        for symbol in (
            "scipy_openblas_get_corename64_",
            "scipy_openblas_get_corename",
            "openblas_get_corename",
        ):
            if hasattr(library, symbol):
                function = getattr(library, symbol)
                function.restype = ctypes.c_char_p
                return (function() or b"").decode()
    return ""


def usage() -> tuple[float, int]:
    """CPU seconds that this process has used, and its peak memory in bytes.

    The peak is VmHWM: ru_maxrss of a process starts with the peak of the process that started it.
    """
    mine = resource.getrusage(resource.RUSAGE_SELF)
    text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    peak = re.search(r"^VmHWM:\s*(\d+) kB", text, re.MULTILINE)
    return mine.ru_utime + mine.ru_stime, 1024 * (int(peak[1]) if peak else mine.ru_maxrss)


def process_age() -> float:
    """Seconds since this process was started by the launcher, imports and all."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def about_this_rank() -> dict[str, str | float]:
    """What a part says of the process that computed it."""
    return {
        "host": socket.gethostname(),
        "cpu": cpu_model(),
        "kernel": blas_kernel(),
        "job": job_name(),
        "started": time.time(),
    }
