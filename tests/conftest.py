"""Fixtures of the whole suite."""

from __future__ import annotations

import os

import pytest
import toy


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Four streams under `pytest -n 4 --dist loadgroup`: each real scheduler's, the workloads', all others.

    Tests on a scheduler mostly wait, and disturb each other on one cluster.
    """
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        names = {*getattr(item, "fixturenames", ()), *map(str, parameters.values())}
        group = "workloads" if "workloads" in item.path.parts else "engine"
        group = "slurm" if names & {"slurm", "real_slurm"} else group
        group = "htcondor" if names & {"htcondor", "real_htcondor"} else group
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Two tests at once on one scheduler fail at random: rather none."""
    if getattr(session.config.option, "loadgroup", False):
        loose = [item.nodeid for item in session.items if "@" not in item.nodeid.rpartition("]")[2]]
        if loose:
            raise pytest.UsageError(f"pytest-xdist does not keep {loose[0]} in its stream")


@pytest.fixture(autouse=True)
def _no_toy_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TOY_* variable of the shell would change how every toy behaves."""
    for name in [name for name in os.environ if name.startswith("TOY_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["serial", pytest.param("openmpi", marks=pytest.mark.mpi),
                        pytest.param("mpich", marks=pytest.mark.mpi)])  # fmt: skip
def launcher(request: pytest.FixtureRequest) -> toy.Launcher:
    """One test body over no MPI, Open MPI and MPICH."""
    return toy.launcher(request.param)


@pytest.fixture(params=[pytest.param("openmpi", marks=pytest.mark.mpi),
                        pytest.param("mpich", marks=pytest.mark.mpi)])  # fmt: skip
def mpi(request: pytest.FixtureRequest) -> toy.Launcher:
    """One test body over Open MPI and MPICH."""
    return toy.launcher(request.param)
