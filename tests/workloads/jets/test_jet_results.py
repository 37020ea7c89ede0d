"""What comes after a scan: evaluations, re-binning, toys, significances."""

import dataclasses

import numpy as np
import pytest
from given import SEED

from hpcml.errors import UsageError
from hpcml.numerics.pvalues import empirical_p, p_error
from hpcml.testing import run_in_memory
from hpcml.workloads.jets import toys
from hpcml.workloads.jets.evaluation import EvaluationSettings
from hpcml.workloads.jets.steps.evaluate import EvaluateCounts, EvaluateParameters
from hpcml.workloads.jets.steps.rebin import Rebinned, RebinParameters
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters
from hpcml.workloads.jets.steps.significance import SignificanceParameters, Significances
from hpcml.workloads.jets.steps.toys import FitToys, ToyParameters

SMALL = {
    "k": 6, "evaluation_interval": (2600.0, 4200.0), "train_interval": (2600.0, 2800.0),
    "batch_size": 256, "resamplings": 6, "initialisations": 3, "keep_centres": True,
}  # fmt: skip
WINDOWS = {"evaluation_interval": (2600.0, 4200.0), "k": 6}


def scan(**changes):
    return ClusterScan(ScanParameters(**(SMALL | changes)))


def run(workload, seed=SEED, **inputs):
    return run_in_memory(workload, inputs, seed=seed)


@pytest.fixture(scope="module")
def scanned(simulated):
    return run(scan(), images=simulated)


@pytest.fixture(scope="module")
def injected(simulated):
    return run(
        [({"injected": number}, scan(injected=number, include_original=False)) for number in (40, 120)],
        images=simulated,
    )


def test_evaluating_as_the_scan_did_changes_nothing(scanned):
    found = run(EvaluateCounts(EvaluateParameters(k=6, block_size=4)), scan=scanned)
    for name, column in found.tables["statistics"].items():
        assert np.array_equal(column, scanned.tables["statistics"][name]), name


def test_evaluating_with_another_labelling(scanned):
    rich = {}
    for labelling in ("maxdev", "maxdev_fit", "two_means", "random"):
        how = EvaluationSettings(labelling=labelling, threshold=2.0)
        workload = EvaluateCounts(EvaluateParameters(k=6, evaluation=how, block_size=5))
        found = run(workload, scan=scanned).tables["statistics"]
        rich[labelling] = found["rich"]
        assert np.array_equal(found["n_rich"], found["rich"].sum(axis=1))
        again = EvaluateCounts(dataclasses.replace(workload.parameters))
        backwards = run_in_memory(again, {"scan": scanned}, seed=SEED, order=(4, 3, 2, 1, 0))
        assert np.array_equal(backwards.tables["statistics"]["rich"], found["rich"])
    assert len({one.tobytes() for one in rich.values()}) == 4


def test_a_scan_of_other_clusters_is_refused(scanned):
    with pytest.raises(UsageError, match="scan has 6 clusters, k is 50"):
        EvaluateCounts(EvaluateParameters()).open({"scan": scanned})


@pytest.mark.parametrize("mode", ["resamplings", "signal"])
def test_rebinning_into_the_same_windows_changes_nothing(simulated, scanned, injected, mode):
    source = scanned if mode == "resamplings" else injected
    workload = Rebinned(RebinParameters(**WINDOWS, window_width=100.0, window_steps=16))
    found = run(workload, images=simulated, scan=source)
    for table in ("counts", "statistics"):
        for name, column in found.tables[table].items():
            assert np.array_equal(column, source.tables[table][name]), name


def test_finer_windows_add_up_to_the_coarse_ones(simulated, scanned):
    workload = Rebinned(RebinParameters(**WINDOWS, window_width=50.0, window_steps=32))
    found = run(workload, images=simulated, scan=scanned)
    fine = found.tables["counts"]["background"].reshape(-1, 16, 2, 6).sum(axis=2)
    assert np.array_equal(fine, scanned.tables["counts"]["background"])
    assert [unit.key for unit in found.units] == [unit.key for unit in scanned.units]
    assert len(list(workload.report(found, {}))) == 2


def test_rebinning_another_resampling_is_refused(simulated, scanned):
    workload = Rebinned(RebinParameters(**WINDOWS))
    with pytest.raises(UsageError, match="not the one of the scan"):
        run(workload, seed=7, images=simulated, scan=scanned)


def test_rebinning_needs_centres(simulated):
    bare = run(scan(keep_centres=False, resamplings=1), images=simulated)
    with pytest.raises(UsageError, match="kept no centres"):
        Rebinned(RebinParameters(**WINDOWS)).open({"images": simulated, "scan": bare})


def toy_run(simulated, values, **changes):
    combinations = [
        (
            {"injected": number},
            FitToys(ToyParameters(evaluation_interval=(2600.0, 4200.0), injected=number, **changes)),
        )
        for number in values
    ]
    return run(combinations, images=simulated)


def test_toys_hold_the_events_of_the_sample(simulated):
    found = toy_run(simulated, (0, 100), toys=400, block_size=150).tables["statistics"]
    table = simulated.tables["images"]
    inside = (table["m_jj"] >= 2600) & (table["m_jj"] < 4200)
    background = int((inside & (table["label"] == 0)).sum())
    assert found["background_jets"].mean() == pytest.approx(background, rel=0.01)
    share = (inside & (table["label"] == 1)).sum() / (table["label"] == 1).sum()
    assert found["signal_jets"][400:].mean() == pytest.approx(100 * share, abs=1)
    assert not found["signal_jets"][:400].any()
    assert np.median(found["fit_one_sided"][400:]) > np.median(found["fit_one_sided"][:400])


def test_toys_of_overlapping_windows_are_refused(simulated):
    workload = FitToys(ToyParameters(window_width=200.0))
    with pytest.raises(UsageError, match="must not overlap"):
        workload.open({"images": simulated})


def test_more_signal_than_there_is_is_refused():
    with pytest.raises(ValueError, match="holds 3 signal events"):
        toys.draw_signal(np.zeros(3, np.int64), 4, windows=2, toys=1, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def significances(simulated, scanned, injected):
    workload = Significances(SignificanceParameters(statistics=("mls_one_sided", "chisq_ndof")))
    toys = toy_run(simulated, (0, 40, 120), toys=200)
    return workload, run(workload, scan=scanned, signal=injected, toys=toys)


def test_points(significances, scanned, injected):
    _, found = significances
    points = found.tables["points"]
    own = (points["statistic"] == b"mls_one_sided") & (points["method"] == b"scan")
    assert points["injected"][own].tolist() == [0, 40, 120]
    assert points["resamplings"][own].tolist() == [6, 6, 6]
    # by hand: the mean over initialisations of each resampling, p against the null
    null = scanned.tables["statistics"]["mls_one_sided"].reshape(7, 3).mean(axis=1)[1:]
    signal = injected.tables["statistics"]["mls_one_sided"].reshape(2, 6, 3).mean(axis=2)[1]
    assert points["value"][own][2] == pytest.approx(np.quantile(signal, [0.25, 0.5, 0.75]))
    assert points["p"][own][2] == pytest.approx(np.quantile(empirical_p(signal, null), [0.75, 0.5, 0.25]))
    ratio = injected.tables["statistics"]["signal_jets"] / injected.tables["statistics"]["background_jets"]
    assert points["signal_to_background"][own][2] == pytest.approx(ratio[18:].mean())


def test_samples(significances, scanned):
    samples = significances[1].tables["samples"]
    own = (
        (samples["statistic"] == b"chisq_ndof") & (samples["method"] == b"scan") & (samples["injected"] == 0)
    )
    assert samples["resampling"][own].tolist() == [-1, 0, 1, 2, 3, 4, 5]
    values = scanned.tables["statistics"]["chisq_ndof"].reshape(7, 3).mean(axis=1)
    assert samples["value"][own] == pytest.approx(values)
    assert np.isfinite(samples["z"]).all()


def test_figures_show_the_tables(significances, tmp_path):
    workload, found = significances
    figures = {figure.name: figure.figure for figure in workload.report(found, {})}
    assert list(figures) == [
        "null-distribution-mls_one_sided", "sensitivity-mls_one_sided",
        "null-distribution-chisq_ndof", "sensitivity-chisq_ndof",
    ]  # fmt: skip
    axis = figures["null-distribution-mls_one_sided"].axes[0]
    samples = found.tables["samples"]
    scan_rows = (samples["statistic"] == b"mls_one_sided") & (samples["method"] == b"scan")
    scan_rows &= samples["resampling"] >= 0
    assert sum(patch.get_height() for patch in axis.patches if patch.get_width() < 1) >= 6
    medians = [np.median(samples["value"][scan_rows & (samples["injected"] == n)]) for n in (40, 120)]
    assert [line.get_xdata()[0] for line in axis.lines] == pytest.approx(medians)
    upper, lower = figures["sensitivity-mls_one_sided"].axes
    points = found.tables["points"]
    curves = [one for one in upper.lines if "median" in one.get_label()]
    for method, line in zip((b"scan", b"fit"), curves, strict=True):
        own = (
            (points["statistic"] == b"mls_one_sided")
            & (points["method"] == method)
            & (points["injected"] > 0)
        )
        assert line.get_xdata().tolist() == [40, 120]
        assert line.get_ydata() == pytest.approx(points["z"][own, 1])
    assert lower.get_ylabel() == "Z ratio"
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")


def test_the_summary_of_a_search(significances):
    """What a physicist reads at the end: the data set itself, the sensitivity, the classical search."""
    workload, found = significances
    summary = workload.summarise(found)
    points, samples = found.tables["points"], found.tables["samples"]
    own = (points["statistic"] == b"mls_one_sided") & (points["method"] == b"scan")
    data = (samples["statistic"] == b"mls_one_sided") & (samples["resampling"] == -1)
    assert summary["mls_one_sided_null_size"] == 6
    assert summary["mls_one_sided_observed"] == samples["value"][data][0]
    assert summary["mls_one_sided_observed_p"] == samples["p"][data][0]
    assert summary["mls_one_sided_observed_p_error"] == pytest.approx(p_error(samples["p"][data], 6)[0])
    assert summary["mls_one_sided_observed_z"] == samples["z"][data][0]
    assert summary["mls_one_sided_injected_events"].tolist() == [40, 120]
    assert summary["mls_one_sided_median_z"].tolist() == points["z"][own, 1][1:].tolist()
    assert summary["mls_one_sided_fit_null_size"] == 200
    sentence = summary["mls_one_sided_conclusion"]
    assert sentence.startswith(
        "The scan by mls_one_sided, against 6 resamplings of the background: the data set"
    )
    assert "; 120 injected events have a median Z of" in sentence and "3 sigma is reached" in sentence
    assert summary["mls_one_sided_fit_conclusion"].startswith(
        "The classical search by mls_one_sided, against 200"
    )
    assert "mls_one_sided_fit_observed" not in summary
    crossings = found.tables["crossings"]
    for name, statistic, method in (
        ("chisq_ndof", b"chisq_ndof", b"scan"), ("chisq_ndof_fit", b"chisq_ndof", b"fit"),
    ):  # fmt: skip
        row = (crossings["statistic"] == statistic) & (crossings["method"] == method)
        assert summary[f"{name}_at_3_sigma_events"] == pytest.approx(crossings["events"][row][0], nan_ok=True)


def test_a_sweep_of_significances_has_no_summary(scanned):
    combinations = [
        ({"ensemble": how}, Significances(SignificanceParameters(ensemble=how))) for how in ("mean", "each")
    ]
    swept = run(combinations, scan=scanned)
    assert combinations[0][1].summarise(swept) == {}
    # of `each` there are several values of the data set itself
    only = run(combinations[1][1], scan=scanned)
    summary = combinations[1][1].summarise(only)
    assert summary["mls_one_sided_null_size"] == 18
    assert "mls_one_sided_observed" not in summary


def test_a_step_that_swept_more_is_refused(simulated):
    combinations = [
        ({"batch_size": size}, scan(batch_size=size, resamplings=1, initialisations=1)) for size in (200, 256)
    ]
    twice = run(combinations, images=simulated)
    with pytest.raises(UsageError, match="holds a run several times"):
        run(Significances(SignificanceParameters()), scan=twice)


def test_overlapping_ids(simulated, scanned):
    """The same resamplings in two steps count once; other values under the same numbers are refused."""
    workload = Significances(SignificanceParameters(statistics=("mls_one_sided",)))
    further = scan(first_resampling=4, resamplings=4, include_original=False)
    found = run(workload, scan=scanned, more_scans=run(further, images=simulated)).tables["points"]
    assert found["null_size"].tolist() == [8]
    other = run(further, seed=8, images=simulated)
    message = r"resampling 4, initialisation 0 with 0 injected.*in scan.*in more_scans"
    with pytest.raises(UsageError, match=message):
        run(workload, scan=scanned, more_scans=other)


def test_without_a_null_there_is_no_significance(injected):
    with pytest.raises(UsageError, match="no resampling without signal in scan"):
        run(Significances(SignificanceParameters()), scan=injected)


def test_unknown_statistics_are_refused():
    with pytest.raises(ValueError, match="unknown statistic 'mls'"):
        SignificanceParameters(statistics=("mls",))
