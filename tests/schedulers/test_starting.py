"""What each verb of a cluster loads: a login node has many users, and starts verbs often."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import toy

from .conftest import Fakes

# what checks job files, and what draws; `submit` and `resume` render, which needs jinja2
CHECKS = {"pydantic", "yaml"}
HEAVY = {"matplotlib", "mpi4py", "pandas", "scipy", "sklearn"}
RENDERS = ("submit", "resume")
PROBE = """
import sys
from hpcml.cli import main as cli
code = cli._run(sys.argv[1:])
print("loaded", *{name.partition(".")[0] for name in sys.modules})
sys.exit(code)
"""
VERBS = {
    "submit": (),
    "status": (),
    "explain": (),
    "cancel": (),
    "resume": (),
    "work": ("--step", "toy"),
    "merge": ("--allow-missing",),
}
REPLIES = {
    "slurm": {
        "sinfo": "slurm 22.05.8\n", "sbatch": "7\n", "squeue": "", "sacct": "", "scontrol": "", "scancel": "",
    },
    "htcondor": {
        "condor_submit_dag": "1 job(s) submitted to cluster 9.\n", "condor_q": "[]", "condor_history": "[]",
        "condor_rm": "",
    },
}  # fmt: skip


def _loaded(*words: str | Path) -> set[str]:
    """Packages that `hpcml WORDS` loads in a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "FAKE_REPLIES")}
    ended = toy.finish(toy.start([sys.executable, "-c", PROBE, *words], **kept))
    assert ended.code == 0, ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("loaded ")]
    return set(line.split()[1:])


@pytest.mark.parametrize("site", REPLIES)
def test_no_verb_of_a_cluster_loads_what_only_job_files_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes, site: str
) -> None:
    """The verbs in the order of a campaign's life: each finds what the ones before it left."""
    job = toy.write_job(tmp_path, toy.step("toy", parameters={"n": 4}), resources={"shards": 2, "ranks": 1})
    root = tmp_path / "campaign"
    assert toy.hpcml_here(capsys, "plan", job, "--site", site, "--dir", root).code == 0
    for command, reply in REPLIES[site].items():
        fakes.answer(command, out=reply)
    for verb, words in VERBS.items():
        loaded = _loaded(verb, root, *words)
        assert "numpy" in loaded, "the probe sees what is loaded"
        refused = CHECKS | HEAVY | (set() if verb in RENDERS else {"jinja2"})
        assert not loaded & refused, f"hpcml {verb} loads {sorted(loaded & refused)}"


def test_the_probe_sees_what_a_job_file_needs(tmp_path: Path, fakes: Fakes) -> None:
    job = toy.write_job(tmp_path, toy.step("toy", parameters={"n": 4}))
    assert {"pydantic", "yaml"} <= _loaded("validate", job)
