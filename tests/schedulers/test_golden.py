"""Every submit file, as text: against the files in tests/golden, and against the real schedulers.

To accept a change of the templates: HPCML_GOLDEN=write pytest tests/schedulers/test_golden.py, and read
what `git diff tests/golden` says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hpcml.attempts.rendering import build_spec, read_submissions, render, render_texts
from hpcml.errors import UsageError
from hpcml.schedulers.shell import run

from .cases import CASES, ROOT, Case

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
# by `is it SLURM`; docs/sites.md lists them
NEEDED = {
    True: {"array", "error", "output"},
    False: {
        "My.HpcmlTag",
        "arguments",
        "checkpoint_exit_code",
        "container_image",
        "error",
        "executable",
        "initialdir",
        "log",
        "output",
    },
}
each_case = pytest.mark.parametrize("name", CASES)


def _lay_out(case: Case, root: Path) -> tuple[Path, list[Path]]:
    out = root / "submit" / f"attempt-{case.attempt:04d}"
    paths = render(
        root, case.campaign, attempt=case.attempt, shards=case.shards, out=out, exclude=case.exclude
    )
    return out, paths


@each_case
def test_files_are_as_they_were(name: str) -> None:
    case = CASES[name]
    out = ROOT / "submit" / f"attempt-{case.attempt:04d}"
    spec = build_spec(
        ROOT, case.campaign, attempt=case.attempt, shards=case.shards, out=out, exclude=case.exclude
    )
    now = {file.path: text for file, text in render_texts(spec)}
    folder = GOLDEN / name
    if os.environ.get("HPCML_GOLDEN") == "write":
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in now.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    before = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert sorted(now) == sorted(before)
    for path, text in now.items():
        assert text == before[path], f"{name}/{path} changed"


def _lines(text: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


@each_case
def test_a_site_can_take_every_line_away(name: str, tmp_path: Path) -> None:
    """Each directive by itself, set to null; or the site is told that hpcml needs that line."""
    case = CASES[name]
    slurm = name.startswith("slurm")
    ending, pattern = ("*.sbatch", r"^#SBATCH --([\w-]+)") if slurm else ("*.sub", r"^([+\w.]+) = ")
    golden = [path.read_text() for path in (GOLDEN / name).rglob(ending)]
    refused = set()
    keys = set[str]().union(*(_lines(text, pattern) for text in golden))
    for key in sorted(keys):
        site = case.campaign.site
        # what a site asks for its merges comes on top, and is the site's own to leave out
        options = {name: value for name, value in site.options.items() if name != "merge"}
        changed = replace(site, options=options, directives={**site.directives, key: None})
        spec = build_spec(
            ROOT, replace(case.campaign, site=changed), attempt=case.attempt, shards=case.shards,
            out=ROOT / "submit", exclude=case.exclude,
        )  # fmt: skip
        try:
            now = [text for file, text in render_texts(spec) if file.path.endswith(ending[1:])]
        except UsageError as error:
            assert key in error.message
            refused.add(key)
        else:
            assert all(key not in _lines(text, pattern) for text in now), f"{key} cannot be taken away"
    assert refused == NEEDED[slurm] & keys


@each_case
def test_shell_scripts_are_shell(name: str) -> None:
    for path in (GOLDEN / name).rglob("*.s*"):
        if path.suffix in (".sh", ".sbatch"):
            subprocess.run(["bash", "-n", path], check=True)


@each_case
def test_written_files_are_the_rendered_ones(name: str, tmp_path: Path) -> None:
    out, paths = _lay_out(CASES[name], tmp_path)
    assert all(path.is_file() for path in paths)
    assert all(os.access(path, os.X_OK) == (path.suffix == ".sh") for path in paths)
    for sub in read_submissions(out):
        assert (out / sub.file).is_file()
        assert not sub.step or (out / sub.step / "logs").is_dir()


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("slurm")])
def test_real_slurm_accepts_it(name: str, tmp_path: Path, real_slurm: None) -> None:
    _, paths = _lay_out(CASES[name], tmp_path)
    for path in paths:
        if path.suffix == ".sbatch":
            lines = path.read_text()
            # the test cluster has no such nodes to keep away from
            path.write_text(lines.replace("#SBATCH --exclude=n7,n9\n", ""))
            reply = run(["sbatch", "--test-only", str(path)])
            assert reply.code == 0, f"{path}: {reply.stderr}"


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("htcondor")])
def test_real_htcondor_accepts_it(name: str, tmp_path: Path, real_htcondor: None) -> None:
    bindings = pytest.importorskip("htcondor2", reason="NOT TESTED: the package htcondor is not installed")
    out, paths = _lay_out(CASES[name], tmp_path)
    for path in paths:
        if path.suffix == ".sub":
            reply = run(["condor_submit", "-dry-run", "-", str(path)])
            assert reply.code == 0, f"{path}: {reply.stderr}"
            assert bindings.Submit(path.read_text()).get("executable"), path
            assert "SuccessCheckpointExitCode=85" in reply.stdout or path.name == "merge.sub"
    dag = out / "campaign.dag"
    # -no_submit writes DAGMan's own submit file after having read the DAG's first lines
    reply = run(["condor_submit_dag", "-no_submit", "-usedagdir", str(dag)])
    assert reply.code == 0, reply.stderr
