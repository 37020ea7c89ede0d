"""How ranks start: the words before a worker's command, and the environment that all ranks need.

Thread counts are pinned before Python starts: two ranks with unpinned threads run small linear algebra ten
times slower. The variables are listed here alone; bin/environment.sh and templates/common/rank.sh, which
cannot ask Python, are compared with these lists by a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from hpcml.campaign import LauncherName, SchedulerName
from hpcml.errors import UsageError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# several ranks on few cores of one machine are normal here; UCX is noisy and not needed
OPEN_MPI_SETTINGS: Mapping[str, str] = {
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_osc": "^ucx",
}
# root in containers is normal too, and Open MPI refuses it unless asked
OPEN_MPI_AS_ROOT: Mapping[str, str] = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
# after its first rank has ended, srun gives the others this long: a rank that was killed for memory
# leaves its peers waiting in MPI, and srun alone would let them wait until the wall time
SRUN_PATIENCE = 60


def launcher_words(
    launcher: str, *, ranks: int, cpus: int, scheduler: str, srun_mpi: str = ""
) -> tuple[str, ...]:
    """What stands before `python -m hpcml work`; empty when one rank starts by itself.

    launcher: a LauncherName. scheduler: a SchedulerName. srun_mpi: a name that `srun --mpi=list` prints (pmix
    for Open MPI, pmi2 for MPICH); '' leaves it to the cluster's default. `auto`: nothing for one rank, srun
    where srun_mpi is set, else mpiexec.
    """
    on_slurm = scheduler == SchedulerName.SLURM
    if launcher == LauncherName.AUTO:
        several = LauncherName.SRUN if on_slurm and srun_mpi else LauncherName.MPIEXEC
        launcher = LauncherName.NONE if ranks == 1 else several
    if launcher == LauncherName.NONE:
        if ranks > 1:
            hint = "set launcher: mpiexec in the site file, or ranks: 1"
            raise UsageError(f"launcher none cannot start {ranks} ranks", hint)
        return ()
    if launcher == LauncherName.MPIEXEC:
        return ("mpiexec", "-n", str(ranks))
    if not on_slurm:
        raise UsageError(f"launcher srun needs SLURM, and the scheduler is {scheduler}", "use mpiexec")
    mpi = (f"--mpi={srun_mpi}",) if srun_mpi else ()
    # srun does not take cpus-per-task over from sbatch since SLURM 22.05
    return ("srun", *mpi, f"--ntasks={ranks}", f"--cpus-per-task={cpus}", f"--wait={SRUN_PATIENCE}")


def pinned_environment(
    environment: Mapping[str, str], cpus: int, *, kernel: str = "", as_root: bool = False
) -> dict[str, str]:
    """`environment` with `cpus` threads per rank, and what Open MPI needs; MPICH reads none of that.

    A setting of Open MPI that is there already is the user's, and stays. kernel: the one that OpenBLAS must
    take ('' leaves it the choice).
    """
    settings = {**OPEN_MPI_SETTINGS, **(OPEN_MPI_AS_ROOT if as_root else {})}
    pinned = {**settings, **environment, **dict.fromkeys(THREAD_VARIABLES, str(cpus))}
    if kernel:
        pinned["OPENBLAS_CORETYPE"] = kernel
    return pinned
