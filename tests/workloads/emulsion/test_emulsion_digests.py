"""The shipped emulsion job files, each run once: the tables of before, and data that use a simulation."""

import json
import shutil

import numpy as np
import pytest
import shipped_jobs

import hpcml
from hpcml.workloads.emulsion.figures.compare import compare_figures

RECORDED = json.loads(shipped_jobs.GOLDEN.read_text())
HERE = ("--ranks", 1, "--shards", 1)  # however they are cut, the tables are the same


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The folder in which both ran, and their digests, {job file: {table: digest}}."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(shipped_jobs.ROOT / "jobs", folder / "jobs")
    return folder / "campaigns", dict(shipped_jobs.runs(shipped_jobs.EMULSION, folder, *HERE))


@pytest.mark.parametrize("path", [job.path for job in shipped_jobs.EMULSION])
def test_a_shipped_job_file_gives_the_recorded_tables(shipped, path):
    found, recorded = shipped[1][path], RECORDED["digests"][path]
    assert set(found) == set(recorded)
    here = shipped_jobs.versions()
    other = [name for name, version in RECORDED["packages"].items() if here[name] != version]
    if other:
        pytest.skip(f"digests were recorded with other versions of {', '.join(other)}")
    assert found == recorded


def table(shipped, campaign, step):
    return hpcml.open_table(shipped[0] / f"emulsion-{campaign}", step)


def test_data_use_the_forest_and_the_line_of_the_simulation(shipped):
    sizes = table(shipped, "data", "apply").frame("sizes")
    # and volume tracks of background that begin in the first films
    assert len(sizes) > 8
    assert not sizes.trained.any()
    assert (sizes["size"] > 30).sum() == pytest.approx(8, abs=2)
    line, fitted = (table(shipped, campaign, "energy").frame("line") for campaign in ("data", "simulation"))
    assert line.slope[0] == fitted.slope[0]
    energies = table(shipped, "data", "energy").frame("energies")
    assert energies.energy_true.isna().all()
    assert energies[energies["size"] > 30].energy.median() == pytest.approx(4.0, abs=1.5)


def test_data_are_compared_with_simulation(shipped):
    applied, compared = table(shipped, "data", "apply"), table(shipped, "data", "compare")
    histograms, totals = compared.frame("histograms"), compared.frame("totals")
    sizes, predictions = applied.frame("sizes"), applied.frame("predictions")
    good = sizes[sizes["size"] >= 20]
    assert totals.showers_data.tolist() == [len(good)]
    kept = predictions[predictions.shower.isin(good.shower) & (predictions.predicted == 1)]
    own = histograms[histograms.feature == "link_dty"]
    assert len(own) == 100
    assert own.data.tolist() == np.histogram(kept.link_dty, np.linspace(-0.22, 0.22, 101))[0].tolist()
    assert histograms[histograms.feature == "cone_tan"].data.sum() == len(kept)
    fresh = table(shipped, "simulation", "apply").frame("sizes")
    fresh = fresh[(fresh.trained == 0) & (fresh["size"] >= 20)]
    assert totals.showers_simulation.tolist() == [len(fresh)]
    assert compared.summary()["showers_simulation"] == len(fresh)


def test_the_overlay_has_unit_area(shipped):
    compared = table(shipped, "data", "compare")
    histograms = compared.frame("histograms")
    (figure,) = (drawn.figure for drawn in compare_figures(compared))
    stairs = figure.axes[0].patches[0].get_data()
    assert (stairs.values * np.diff(stairs.edges)).sum() == pytest.approx(1.0)
    chosen = histograms[histograms.feature == "dtheta"]
    expected = chosen.simulation / chosen.simulation.sum()
    assert stairs.values / stairs.values.sum() == pytest.approx(expected, abs=1e-12)


def test_a_run_ends_with_what_a_physicist_reads(shipped):
    """A name with `_error` is the error of the name without."""
    applied, energies = (table(shipped, "simulation", step).summary() for step in ("apply", "energy"))
    for summary in (applied, energies):
        for name in summary:
            if name.endswith("_error"):
                assert summary[name] >= 0
                assert name.removesuffix("_error") in summary
    assert {"roc_auc_error", "efficiency_error", "purity_error"} <= set(applied)
    assert {"efficiency_error", "intercept", "slope"} <= set(energies)
    # data know no truth: there is no number that needs one
    assert not table(shipped, "data", "apply").summary()
    assert "resolution" not in table(shipped, "data", "energy").summary()
