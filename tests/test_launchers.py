"""The words that start ranks, and the environment of every rank, wherever it is written down."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.campaign import LauncherName, SchedulerName
from hpcml.errors import UsageError
from hpcml.launchers import (
    OPEN_MPI_AS_ROOT,
    OPEN_MPI_SETTINGS,
    THREAD_VARIABLES,
    launcher_words,
    pinned_environment,
)
from hpcml.share import resource_folder

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
OPEN_MPI = {**OPEN_MPI_SETTINGS, **OPEN_MPI_AS_ROOT}
names = st.sampled_from([*THREAD_VARIABLES, *OPEN_MPI, "HOME", "PATH", "OPENBLAS_CORETYPE"])


@given(st.dictionaries(names, st.text(max_size=3)), st.integers(1, 64), st.booleans())
def test_threads_are_pinned_and_what_a_user_set_for_open_mpi_stays(
    before: dict[str, str], cpus: int, as_root: bool
) -> None:
    found = pinned_environment(before, cpus, as_root=as_root)
    assert {found[name] for name in THREAD_VARIABLES} == {str(cpus)}
    for name, value in before.items():
        assert found[name] == value or name in THREAD_VARIABLES
    assert OPEN_MPI_SETTINGS.keys() <= found.keys()
    assert not (OPEN_MPI_AS_ROOT.keys() - before.keys() & found.keys()) or as_root
    assert pinned_environment(before, cpus, kernel="Haswell")["OPENBLAS_CORETYPE"] == "Haswell"


def test_the_commands_of_bin_set_the_same_variables() -> None:
    text = (ROOT / "bin" / "environment.sh").read_text()
    start = text.index("    # ranks share the cores")
    body = text[start : text.index("\n}", start)]
    script = f"root=/nowhere\nset_all() {{\n{body}\n}}\nset_all; env"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines())
    wanted = pinned_environment({}, 1, as_root=True)
    assert {name: value for name, value in found.items() if name in wanted} == wanted
    others = {name for name in found if name.endswith(("_THREADS", "_RUN_AS_ROOT")) or "MCA" in name}
    assert others <= wanted.keys()


def test_rank_sh_sets_the_same_variables_for_open_mpi() -> None:
    text = (resource_folder("templates") / "common" / "rank.sh").read_text()
    assert dict(re.findall(r'export (\w+)="\$\{\w+-(.*?)\}"', text)) == OPEN_MPI_SETTINGS
    assert dict(re.findall(r"(OMPI_\w+)=(\d)", text)) == OPEN_MPI_AS_ROOT


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*rank.sh")), ids=lambda path: path.parts[-3])
def test_a_job_script_pins_every_library(path: Path) -> None:
    assert tuple(re.findall(r"^export (\w+_THREADS)=", path.read_text(), re.MULTILINE)) == THREAD_VARIABLES


@pytest.mark.parametrize("scheduler", SchedulerName)
@pytest.mark.parametrize("launcher", LauncherName)
def test_every_launcher_starts_the_ranks_asked_for_or_is_refused(
    launcher: LauncherName, scheduler: SchedulerName
) -> None:
    try:
        words = launcher_words(launcher, ranks=3, cpus=2, scheduler=scheduler)
    except UsageError:
        srun_elsewhere = launcher is LauncherName.SRUN and scheduler is not SchedulerName.SLURM
        assert launcher is LauncherName.NONE or srun_elsewhere
    else:
        assert {"3", "--ntasks=3"} & set(words)


@pytest.mark.parametrize("scheduler", SchedulerName)
def test_one_rank_needs_no_launcher(scheduler: SchedulerName) -> None:
    assert launcher_words(LauncherName.AUTO, ranks=1, cpus=2, scheduler=scheduler, srun_mpi="pmix") == ()


def test_srun_is_chosen_where_the_site_names_its_mpi() -> None:
    words = launcher_words(LauncherName.AUTO, ranks=2, cpus=1, scheduler="slurm", srun_mpi="pmix")
    assert words[:2] == ("srun", "--mpi=pmix")
    assert launcher_words(LauncherName.AUTO, ranks=2, cpus=1, scheduler="slurm")[0] == "mpiexec"
