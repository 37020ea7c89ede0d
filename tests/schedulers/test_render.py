"""An attempt's folder: what is in it, what is refused, how fast it is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hpcml.attempts.rendering import read_submissions, render
from hpcml.campaign import Campaign, InputFile, Resources, Site, StepInput, StepPlan
from hpcml.errors import UsageError
from hpcml.launchers import launcher_words
from hpcml.schedulers.path_policy import check_paths
from hpcml.share import resource_folder

STEP = StepPlan("scan", "toys.scan", 1, resources=Resources(shards=4))


def _campaign(scheduler: Any, *, step: StepPlan = STEP, **site: Any) -> Campaign:
    return Campaign("toys", 7, (step,), site=Site("x", scheduler, **site), identity="5f3a")


def _render(campaign: Campaign, root: Path, shards: list[int] | None = None) -> list[Path]:
    wanted = {"scan": [0, 1] if shards is None else shards}
    return render(root, campaign, attempt=1, shards=wanted, out=root / "submit" / "attempt-0001")


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor", "local"])
def test_a_thousand_shards_are_one_array(scheduler: str, tmp_path: Path) -> None:
    written = _render(_campaign(scheduler), tmp_path, list(range(1000)))
    assert len([path for path in written if path.name.startswith("array")]) == (scheduler != "local")


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor", "local"])
def test_rendering_twice_gives_the_same_bytes(scheduler: str, tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in _render(_campaign(scheduler), tmp_path)}
    second = {path: path.read_bytes() for path in _render(_campaign(scheduler), tmp_path)}
    assert first == second


def test_files_of_an_earlier_rendering_do_not_stay(tmp_path: Path) -> None:
    split = _campaign("slurm", options={"max_array_size": 2})
    many = _render(split, tmp_path, [0, 1, 2, 3, 4])
    assert sum(path.name.startswith("array-") for path in many) == 3
    few = _render(split, tmp_path, [0])
    left = {path for path in (tmp_path / "submit").rglob("*") if path.is_file()}
    assert left == set(few)


def test_nothing_is_written_when_a_value_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "two\nlines"
    with pytest.raises(UsageError, match=r"two\\nlines"):
        _render(_campaign("slurm"), root)
    assert not root.exists()


def test_a_folder_that_slurm_cannot_print_into(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="output path"):
        _render(_campaign("slurm"), tmp_path / "back\\slash")


def test_a_folder_that_dagman_cannot_find(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="condor_submit_dag needs a path without"):
        _render(_campaign("htcondor"), tmp_path / "$(campaign)")


def test_only_the_merge(tmp_path: Path) -> None:
    paths = _render(_campaign("slurm"), tmp_path, [])
    assert {path.name for path in paths} == {"merge.sh", "merge.sbatch", "submit.json"}
    (only,) = read_submissions(tmp_path / "submit" / "attempt-0001")
    assert (only.kind, only.after) == ("merge", ())


def test_the_chain(tmp_path: Path) -> None:
    campaign = replace(_campaign("slurm"), steps=(replace(STEP, name="prepare"), STEP))
    out = tmp_path / "submit" / "attempt-0001"
    render(tmp_path, campaign, attempt=1, shards={"scan": [0], "prepare": [0]}, out=out)
    chain = {sub.name: sub.after for sub in read_submissions(out)}
    assert chain == {
        "prepare-array": (),
        "prepare-merge": ("prepare-array",),
        "scan-array": ("prepare-merge",),
        "scan-merge": ("scan-array",),
    }


def test_no_attempt_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rendered attempt"):
        read_submissions(tmp_path)


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        (_campaign("slurm", step=replace(STEP, where="here")), "not for the scheduler"),
        (_campaign("slurm", options={"thottle": 1}), "'thottle' means nothing to slurm"),
        (_campaign("slurm", options={"merge": {"time": 1}}), "merge.time is unknown"),
        (_campaign("slurm", options={"walltime_ceiling": "30m"}), "over the site's 30m"),
        (_campaign("slurm", options={"memory_ceiling": "1 GB"}), "over the site's 1 GB"),
        (_campaign("slurm", directives={"array": "0-3"}), "cannot set the sbatch option 'array'"),
        (_campaign("slurm", directives={"Partition=x --wrap": "1"}), "is not the name of an sbatch option"),
        (_campaign("slurm", directives={"partition": "a\nb"}), r"newline: 'a\\nb'"),
        (_campaign("slurm", environment={"A B": "1"}), "'A B' is not a name"),
        (_campaign("htcondor", directives={"queue": "3"}), "cannot set the submit command 'queue'"),
        (_campaign("htcondor", options={"flavours": {"short": 60}}), "over the longest queue, short"),
        (_campaign("htcondor", options={"refuse_paths": {"/": "not here"}}), "not a place to submit from"),
        (_campaign("slurm", launcher="none", step=replace(STEP, resources=Resources(ranks=2))), "2 ranks"),
    ],
)
def test_what_is_refused_before_anything_is_written(campaign: Campaign, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        _render(campaign, tmp_path)
    assert not list(tmp_path.iterdir())


def test_directives_replace_remove_and_exclude_each_other(tmp_path: Path) -> None:
    directives = {"requeue": None, "mem": "3G", "qos": "long", "exclusive": True, "signal": False}
    _render(_campaign("slurm", directives=directives), tmp_path)
    folder = tmp_path / "submit" / "attempt-0001" / "scan"
    array, merge = (folder / "array.sbatch").read_text(), (folder / "merge.sbatch").read_text()
    assert "--mem=3G\n" in array and "--exclusive\n" in array and "--qos=long\n" in array
    for absent in ("--requeue", "--mem-per-cpu", "--signal"):
        assert absent not in array
    assert "--qos=long\n" in merge and "--exclusive" not in merge and "--mem=3G" not in merge


@pytest.mark.parametrize(
    ("seconds", "flavour"),
    [(60, "espresso"), (1200, "espresso"), (1201, "microcentury"), (30000, "tomorrow"), (604800, "nextweek")],
)
def test_lxplus_takes_the_shortest_flavour_that_is_long_enough(
    seconds: int, flavour: str, tmp_path: Path
) -> None:
    import yaml

    site = yaml.safe_load((resource_folder("config") / "sites" / "lxplus.yaml").read_text())
    site["options"]["private_paths"] = {}  # the test lies in one of them
    step = replace(STEP, resources=Resources(walltime=seconds))
    _render(
        _campaign("htcondor", step=step, options=site["options"], directives=site["directives"]), tmp_path
    )
    text = (tmp_path / "submit" / "attempt-0001" / "scan" / "array.sub").read_text()
    assert f'+JobFlavour = "{flavour}"\n' in text and "allowed_execute_duration" not in text


def test_lxplus_refuses_eos(tmp_path: Path) -> None:
    import yaml

    site = yaml.safe_load((resource_folder("config") / "sites" / "lxplus.yaml").read_text())
    campaign = _campaign("htcondor", options=site["options"])
    with pytest.raises(UsageError, match="not a place to submit from") as caught:
        render(Path("/eos/user/a"), campaign, attempt=1, shards={"scan": [0]}, out=tmp_path)
    assert "AFS" in caught.value.hint


def test_folders_that_jobs_do_not_see(tmp_path: Path) -> None:
    """At planning already: campaigns, inputs, tables of other campaigns, the Python of jobs."""
    private = {"private_paths": {"/only-here": "put it elsewhere"}}
    given = InputFile("/only-here/a.h5", 1, 1, "fast:0")

    def refused(campaign: Campaign, *folders: str) -> str:
        with pytest.raises(UsageError, match="do not see it") as caught:
            check_paths(campaign, *map(Path, folders))
        assert caught.value.hint == "put it elsewhere"
        return caught.value.message

    fine = _campaign("htcondor", options=private)
    check_paths(fine, Path("/only-here-too/campaign"))
    assert "(the campaign)" in refused(fine, "/only-here/campaign")
    for one in (StepInput(files=(given,)), StepInput(campaign="/only-here/other/scan")):
        step = replace(STEP, inputs={"jets": one})
        assert "(input 'jets' of step 'scan')" in refused(_campaign("slurm", step=step, options=private))
        check_paths(_campaign("htcondor", step=step, options={**private, "shared_filesystem": False}))
    python = {**private, "python": "/only-here/venv/bin/python"}
    assert "(the Python of jobs)" in refused(_campaign("htcondor", options=python))


def test_shipped_sites_are_accepted_by_their_scheduler() -> None:
    import yaml

    from hpcml.schedulers.base import scheduler

    for path in (resource_folder("config") / "sites").glob("*.yaml"):
        site = yaml.safe_load(path.read_text())
        scheduler(site["scheduler"]).check_options(site.get("options", {}))


def test_launchers() -> None:
    def words(launcher: Any, ranks: int, scheduler: str = "slurm", mpi: str = "") -> tuple[str, ...]:
        return launcher_words(launcher, ranks=ranks, cpus=2, scheduler=scheduler, srun_mpi=mpi)

    assert words("auto", 1) == ()
    assert words("auto", 4) == ("mpiexec", "-n", "4")
    srun = ("srun", "--mpi=pmi2", "--ntasks=4", "--cpus-per-task=2", "--wait=60")
    assert words("auto", 4, mpi="pmi2") == srun
    assert words("auto", 4, "htcondor", "pmi2") == ("mpiexec", "-n", "4")
    assert words("srun", 1) == ("srun", "--ntasks=1", "--cpus-per-task=2", "--wait=60")
    with pytest.raises(UsageError, match="srun needs SLURM"):
        words("srun", 2, "htcondor")
