"""The shipped jet job files, each run once: the tables of before, and what their pages and tables promise."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import shipped_jobs

import hpcml

REAL_DATA = {"jets-lhco-tiny.yaml", "jets/lhco-tiny.yaml"}
OPTIONS = {"jets/lhco-tiny.yaml": ("--ranks", 1, "--shards", 3)}  # however it is cut, the tables are the same
RECORDED = json.loads(shipped_jobs.GOLDEN.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of jobs/; campaigns come beside it."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(shipped_jobs.ROOT / "jobs", folder / "jobs")
    return folder


@pytest.fixture(scope="module")
def run_job(folder):
    """Runs a job file of jobs/ on its first request, and those whose tables it reads before it; its campaign
    directory."""
    jobs = {job.path: job for job in shipped_jobs.JETS}
    campaigns = {}

    def campaign(path: str) -> Path:
        if path in REAL_DATA and not os.environ.get("HPCML_TEST_DATA"):
            pytest.skip(f"{path} reads real events: set HPCML_TEST_DATA to the folder of test data")
        text = (folder / "jobs" / path).read_text()
        for other in dict.fromkeys(re.findall(r"campaigns/(laptop-\w+)/", text)):
            campaign(f"jets/{other}.yaml")
        if path not in campaigns:
            campaigns[path] = shipped_jobs.run(jobs[path], folder, *OPTIONS.get(path, ()))
        return campaigns[path]

    return campaign


@pytest.mark.parametrize("path", [job.path for job in shipped_jobs.JETS])
def test_a_shipped_job_file_gives_the_recorded_tables(run_job, path):
    here = shipped_jobs.versions()
    other = [name for name, version in RECORDED["packages"].items() if here[name] != version]
    found = shipped_jobs.digests(run_job(path))
    assert set(found) == set(RECORDED["digests"][path])
    if other:
        pytest.skip(f"digests were recorded with other versions of {', '.join(other)}")
    assert found == RECORDED["digests"][path]


def test_real_events_go_from_a_file_to_a_report_page(run_job):
    report = run_job("jets/lhco-tiny.yaml") / "report"
    page = (report / "index.html").read_text()
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
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (report / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_laptop_campaigns_use_each_other(run_job):
    points = hpcml.open_table(run_job("jets/laptop-significance.yaml"), "significance").frame("points")
    assert points[points.statistic == "mls_one_sided"].injected.tolist() == [0, 50, 200, 0, 50, 200]
    assert points.resamplings.tolist() == [6, 3, 3, 100, 100, 100] * 2
    finer = hpcml.open_table(run_job("jets/laptop-rebinning.yaml"), "scan")
    assert finer.array("background", "counts").shape == (14, 32, 8)
    agreement = hpcml.open_table(run_job("jets/laptop-events.yaml"), "agreement")
    assert np.all(agreement.array("labels_equal") > 0.98)


def test_the_demo_shows_what_it_promises(run_job):
    """`bin/demo` at a smaller size: background, two injections, significances, plots."""
    campaign = run_job("jets-demo.yaml")
    table = hpcml.open_table(campaign, "significance")
    points = table.frame("points")
    assert points.injected.tolist() == [0, 150, 300]
    assert points.null_size.tolist() == [8, 8, 8]
    summary = table.summary()
    assert summary["mls_two_sided_null_size"] == 8
    assert 0 <= summary["mls_two_sided_observed_p"] <= 1
    assert summary["mls_two_sided_injected_events"].tolist() == [150, 300]
    for name in ("events-mean-images", "scan-null-distribution", "significance-sensitivity-mls_two_sided"):
        assert (campaign / "report" / f"{name}.png").is_file(), name


def test_a_larger_null_keeps_what_is_computed(run_job, folder):
    """More resamplings: those that exist are not computed again, and do not change."""
    campaign = run_job("jets/laptop-null.yaml")
    before = np.array(hpcml.open_table(campaign, "scan").array("mls_two_sided", "statistics"))
    copy = folder / "campaigns" / "larger-null"
    shutil.copytree(campaign, copy)
    job = next(job for job in shipped_jobs.JETS if job.path == "jets/laptop-null.yaml")
    changes = [word for change in job.smaller for word in ("--set", f"steps.{change}")]
    larger = ("--set", "steps.scan.parameters.resamplings=8", "--dir", copy)
    shown = shipped_jobs.hpcml("run", f"jobs/{job.path}", *changes, *larger, cwd=folder)
    assert "9 units, 7 done before" in shown
    after = hpcml.open_table(copy, "scan").array("mls_two_sided", "statistics")
    assert len(after) == len(before) + 4
    assert np.array_equal(after[: len(before)], before)
