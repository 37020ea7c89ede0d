"""The job files of jobs/: all valid, and those that a laptop can run, run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hpcml

ROOT = Path(__file__).resolve().parents[3]
JOBS = sorted((ROOT / "jobs").rglob("*.yaml"))


def command(*words, cwd):
    """`hpcml ...`: what it printed; fails with that when it ends otherwise than with 0."""
    environment = {**os.environ, "LHCO": "/data", "OMP_NUM_THREADS": "1"}
    environment.setdefault("HPCML_TEST_DATA", "/data")
    done = subprocess.run(
        [sys.executable, "-m", "hpcml", *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_every_job_file_is_valid(path, tmp_path):
    command("validate", path, cwd=tmp_path)


def test_real_events_go_from_a_file_to_a_report_page(jets_data, tmp_path, monkeypatch):
    monkeypatch.setenv("HPCML_TEST_DATA", str(jets_data.parent))
    job = ROOT / "jobs" / "jets" / "lhco-tiny.yaml"
    command("run", job, "--dir", tmp_path / "two", cwd=tmp_path)
    page = (tmp_path / "two" / "report" / "index.html").read_text()
    names = [
        "images-mean-images", "scan-null-distribution", "scan-cluster-spectra", "scan-rich-and-poor-spectra",
        "scan-centre-images", "finer-cluster-spectra", "finer-rich-and-poor-spectra",
        "significance-null-distribution-mls_one_sided", "significance-sensitivity-mls_one_sided",
        "significance-null-distribution-mls_two_sided", "significance-sensitivity-mls_two_sided",
    ]  # fmt: skip
    assert page.count("data:image/png;base64") == len(names)
    # self-contained: nothing is fetched from anywhere
    assert not re.search(r'(src|href)="(?!data:)', page)
    for name in names:
        assert (tmp_path / "two" / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "two" / "report" / f"{name}.pdf").read_bytes().startswith(b"%PDF")

    # and however it was computed, it is the same
    command("run", job, "--dir", tmp_path / "one", "--ranks", 1, "--shards", 3, cwd=tmp_path)
    for step in ("images", "moments", "jets", "scan", "finer", "toys", "significance"):
        two, one = (hpcml.open_table(tmp_path / name, step).digests for name in ("two", "one"))
        assert one == two, step


SMALLER = {
    "events": ["images.parameters.background_events=3000", "images.parameters.signal_events=200",
               "agreement.parameters.k=8", "moments.parameters.block_size=1000"],
    "null": ["scan.parameters.resamplings=6", "scan.parameters.initialisations=2", "scan.parameters.k=8"],
    "contamination": ["scan.parameters.resamplings=3", "scan.parameters.initialisations=2",
                      "scan.parameters.k=8", "scan.sweep.injected=[50,200]",
                      "toys.sweep.injected=[0,50,200]", "toys.parameters.toys=100"],
    "significance": [],
    "rebinning": ["scan.parameters.k=8"],
}  # fmt: skip


def test_the_laptop_campaigns_use_each_other(tmp_path):
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    for name, changes in SMALLER.items():
        options = [word for change in changes for word in ("--set", f"steps.{change}")]
        command("run", f"jobs/jets/laptop-{name}.yaml", *options, cwd=tmp_path)
    points = hpcml.open_table(tmp_path / "campaigns" / "laptop-significance", "significance").frame("points")
    assert points[points.statistic == "mls_one_sided"].injected.tolist() == [0, 50, 200, 0, 50, 200]
    assert points.resamplings.tolist() == [6, 3, 3, 100, 100, 100] * 2
    finer = hpcml.open_table(tmp_path / "campaigns" / "laptop-rebinning", "scan")
    assert finer.array("background", "counts").shape == (14, 32, 8)
    agreement = hpcml.open_table(tmp_path / "campaigns" / "laptop-events", "agreement")
    assert np.all(agreement.array("labels_equal") > 0.98)


def test_a_grown_null_keeps_what_is_computed(tmp_path):
    """More resamplings: those that exist are not computed again, and do not change."""
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    small = [word for change in SMALLER["events"] for word in ("--set", f"steps.{change}")]
    command("run", "jobs/jets/laptop-events.yaml", *small, cwd=tmp_path)
    job, values = "jobs/jets/laptop-null.yaml", []
    for number, told in ((4, "5 units, 0 done before"), (7, "8 units, 5 done before")):
        sets = ["--set", f"steps.scan.parameters.resamplings={number}", "--set", "steps.scan.parameters.k=8"]
        assert told in command("run", job, *sets, cwd=tmp_path)
        table = hpcml.open_table(tmp_path / "campaigns" / "laptop-null", "scan")
        values.append(np.array(table.array("mls_two_sided", "statistics")))
    assert np.array_equal(values[1][: len(values[0])], values[0])


def test_the_demo_shows_what_it_promises(tmp_path):
    """`bin/demo` at a smaller size: background, two injections, significances, plots."""
    smaller = ["events.parameters.background_events=3000", "events.parameters.signal_events=300",
    "scan.parameters.k=8",
               "scan.parameters.resamplings=8"]  # fmt: skip
    options = [word for one in smaller for word in ("--set", f"steps.{one}")]
    command("run", ROOT / "jobs" / "jets-demo.yaml", *options, "--dir", tmp_path / "demo", cwd=tmp_path)
    points = hpcml.open_table(tmp_path / "demo", "significance").frame("points")
    assert points.injected.tolist() == [0, 150, 300]
    assert points.null_size.tolist() == [8, 8, 8]
    for name in ("events-mean-images", "scan-null-distribution", "significance-sensitivity-mls_two_sided"):
        assert (tmp_path / "demo" / "report" / f"{name}.png").is_file(), name
