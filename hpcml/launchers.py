"""How ranks start: srun, mpiexec, or none, as the first words of a command.

The words, and which launcher `auto` is.
"""

from __future__ import annotations

from typing import Literal

from hpcml.errors import UsageError

Launcher = Literal["auto", "mpiexec", "srun", "none"]
# after its first rank has ended, srun gives the others this long: a rank that was killed for memory
# leaves its peers waiting in MPI, and srun alone would let them wait until the wall time
SRUN_PATIENCE = 60


def launcher_words(
    launcher: Launcher, *, ranks: int, cpus: int, scheduler: str, srun_mpi: str = ""
) -> tuple[str, ...]:
    """What stands before `python -m hpcml work`; empty when one rank starts by itself.

    srun_mpi: a name that `srun --mpi=list` prints (pmix for Open MPI, pmi2 for MPICH); '' leaves it
    to the cluster's default. `auto`: nothing for one rank, srun where srun_mpi is set, else mpiexec.
    """
    if launcher == "auto":
        with_srun = scheduler == "slurm" and srun_mpi
        launcher = "none" if ranks == 1 else "srun" if with_srun else "mpiexec"
    if launcher == "none":
        if ranks > 1:
            hint = "set launcher: mpiexec in the site file, or ranks: 1"
            raise UsageError(f"launcher none cannot start {ranks} ranks", hint)
        return ()
    if launcher == "mpiexec":
        return ("mpiexec", "-n", str(ranks))
    if scheduler != "slurm":
        raise UsageError(f"launcher srun needs SLURM, and the scheduler is {scheduler}", "use mpiexec")
    mpi = (f"--mpi={srun_mpi}",) if srun_mpi else ()
    # srun does not take cpus-per-task over from sbatch since SLURM 22.05
    return ("srun", *mpi, f"--ntasks={ranks}", f"--cpus-per-task={cpus}", f"--wait={SRUN_PATIENCE}")
