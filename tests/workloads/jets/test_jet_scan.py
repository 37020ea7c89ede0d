"""The scan from images to statistics: laws, injection, sweeps, reports."""

import subprocess
import sys

import numpy as np
import pytest

from hpcml import seeds
from hpcml.errors import UsageError
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.workloads.jets import counting, dijet
from hpcml.workloads.jets.evaluation import EvaluationSettings
from hpcml.workloads.jets.parameters import ScanParameters
from hpcml.workloads.jets.steps.events import SyntheticEvents
from hpcml.workloads.jets.steps.scan import ClusterScan

SMALL = {
    "k": 6,
    "evaluation_interval": (2600.0, 4200.0),
    "window_steps": 16,
    "train_interval": (2600.0, 2800.0),
    "batch_size": 256,
    "resamplings": 3,
    "initialisations": 2,
}


def scan(**changes):
    return ClusterScan(ScanParameters(**(SMALL | changes)))


@pytest.fixture(scope="module")
def swept(engine, simulated):
    values = (0, 60)
    return engine.joined(
        *(engine.run(scan(injected=n), {"images": simulated}, sweep=("injected", n)) for n in values)
    )


def test_units():
    keys = [unit.key for unit in scan().units({})]
    assert keys == ["rest-init-00-01", "boot-0000-init-00-01", "boot-0001-init-00-01", "boot-0002-init-00-01"]
    assert [u.key for u in scan(include_original=False).units({})] == keys[1:]
    assert [u.key for u in scan(first_resampling=2, resamplings=1).units({})] == [keys[0], keys[3]]
    more = scan(resamplings=5, initialisations=4, initialisations_per_unit=2)
    assert set(keys) < {u.key for u in more.units({})}
    assert next(iter(scan(initialisations=1).units({}))).key == "rest-init-00"


@pytest.mark.parametrize("algorithm", ["minibatch", "lloyd"])
def test_order_and_other_units_change_nothing(engine, simulated, algorithm):
    forth = engine.run(scan(algorithm=algorithm), {"images": simulated})
    back = engine.run(scan(algorithm=algorithm), {"images": simulated}, order=-1)
    fewer = engine.run(scan(algorithm=algorithm, resamplings=1), {"images": simulated})
    for table, columns in forth.tables.items():
        for name, column in columns.items():
            assert np.array_equal(column, back.tables[table][name]), name
            assert np.array_equal(column[: len(fewer.tables[table][name])], fewer.tables[table][name]), name


def test_counts_are_twice_the_weighted_events(swept, simulated):
    events = simulated.tables["images"]
    background = events["label"] == 0
    inside = (events["m_jj"] >= 2600) & (events["m_jj"] < 4200)
    totals = swept.tables["counts"]["background"].sum(axis=(1, 2), dtype=np.int64)
    for b, total in zip(swept.tables["statistics"]["resampling"], totals, strict=True):
        size = int(background.sum())
        weights = (
            np.ones(size) if b < 0 else multinomial_weights(seeds.stream(20240601, "weights", int(b)), size)
        )
        # both jets of an event share its weight; the total is that of the whole file
        assert total == 2 * weights[inside[background]].sum()
    assert (swept.tables["training"]["weight_sum"] == 1500).all()
    assert np.array_equal(swept.tables["statistics"]["background_jets"], totals)


def test_initialisations_and_sweep_values_share_the_weights(swept):
    totals = swept.tables["counts"]["background"].sum(axis=2, dtype=np.int64).reshape(2, 4, 2, -1)
    assert (totals == totals[:1, :, :1]).all()
    assert len(np.unique(totals[0, :, 0], axis=0)) == 4


def test_injected_events(swept, engine, simulated):
    injected = swept.tables["statistics"]["injected"]
    signal = swept.tables["counts"]["signal"].sum(axis=(1, 2))
    assert (signal[injected == 0] == 0).all()
    assert (signal[injected == 60] > 80).all()
    assert (signal[injected == 60] <= 120).all()
    with pytest.raises(UsageError, match="holds 120 signal events"):
        engine.run(scan(injected=121), {"images": simulated})


def test_training_without_the_signal(engine, simulated):
    """In a window without any signal the choice changes nothing."""
    with_signal = engine.run(scan(injected=60, resamplings=1), {"images": simulated})
    without = engine.run(scan(injected=60, resamplings=1, train_on_signal=False), {"images": simulated})
    jets = [run.tables["training"]["training_jets"].astype(int) for run in (with_signal, without)]
    assert (jets[0] >= jets[1]).all()
    plain = engine.run(scan(resamplings=1), {"images": simulated})
    assert np.array_equal(plain.tables["training"]["inertia"], without.tables["training"]["inertia"])


def test_the_fit_sees_all_events(engine, simulated):
    events = simulated.tables["images"]
    one = scan(resamplings=0, initialisations=2, evaluation=EvaluationSettings(fit_parameters=3))
    found = engine.run(one, {"images": simulated}).tables["statistics"]
    windows = counting.mass_windows((2600.0, 4200.0), 100.0, steps=16)
    masses = events["m_jj"][events["label"] == 0]
    spectrum = np.histogram(masses[masses < 4200], np.append(windows[:, 0], 4200.0))[0].astype(float)
    fit = dijet.fit_dijet(spectrum, windows, parameters=3)
    # whatever the clusters are
    assert (found["fit_one_sided"] == dijet.largest_excess(spectrum, fit.expected)).all()
    assert (found["fit_chisq_ndof"] == fit.chisq_ndof).all()
    assert 0.2 < fit.chisq_ndof < 3


def test_masses_need_no_order(engine, simulated):
    """Events in any order of mass: the same numbers of jets in every window."""
    order = np.random.default_rng(1).permutation(len(simulated.tables["images"]["m_jj"]))
    shuffled = engine.Input(
        tables={"images": {name: column[order] for name, column in simulated.tables["images"].items()}}
    )
    one, other = (
        engine.run(scan(resamplings=0), {"images": source}).tables["counts"]["background"]
        for source in (simulated, shuffled)
    )
    assert np.array_equal(one.sum(axis=2), other.sum(axis=2))


def test_windows_without_events_compare_nothing(engine, simulated):
    empty = scan(resamplings=1, evaluation_interval=(9000.0, 10_600.0))
    found = engine.run(empty, {"images": simulated}).tables["statistics"]
    for name in ("mls_two_sided", "chisq_ndof", "max_max", "n_rich", "background_jets"):
        assert not found[name].any(), name
    assert np.isfinite(found["fit_one_sided"]).all()


def test_a_training_window_without_events_is_refused(engine, simulated):
    with pytest.raises(UsageError, match="no background event has 9000 <= m_jj < 9100 GeV"):
        engine.run(scan(train_interval=(9000.0, 9100.0)), {"images": simulated})


def test_more_clusters_than_training_jets_are_refused(engine, simulated):
    with pytest.raises(UsageError, match="distinct training jets for 3000 clusters"):
        engine.run(scan(k=3000), {"images": simulated})


def test_a_sample_without_signal(engine, simulated):
    """Real data: nothing is labelled, all is searched, and nothing can be injected."""
    table = simulated.tables["images"]
    data = engine.Input(tables={"images": table | {"label": np.full(len(table["label"]), 255, np.uint8)}})
    found = engine.run(scan(resamplings=1), {"images": data}).tables
    assert not found["counts"]["signal"].any()
    inside = (table["m_jj"] >= 2600) & (table["m_jj"] < 4200)
    assert found["statistics"]["background_jets"][0] == 2 * inside.sum()
    with pytest.raises(UsageError, match="holds 0 signal events"):
        engine.run(scan(injected=1), {"images": data})


def test_signal_from_a_second_input(engine, simulated):
    """Background and signal in steps of their own are the same as both in one, told apart by label."""
    table = simulated.tables["images"]
    kinds = {
        name: engine.Input(
            tables={"images": {key: column[table["label"] == value] for key, column in table.items()}}
        )
        for name, value in (("images", 0), ("signal", 1))
    }
    apart = engine.run(scan(injected=60), kinds)
    together = engine.run(scan(injected=60), {"images": simulated})
    for name, column in together.tables["statistics"].items():
        assert np.array_equal(column, apart.tables["statistics"][name]), name


def test_other_ways_to_scan(engine, simulated):
    """A fraction of the signal, one sample of it, the leading jet alone, the best of several fits."""
    tables = {
        name: engine.run(scan(resamplings=2, **changes), {"images": simulated}).tables
        for name, changes in {
            "plain": {"injected": 30}, "fraction": {"signal_fraction": 0.25}, "fixed": {"injected": 30,
            "signal_sample": 4}, "leading": {"injected": 30, "jets_per_event": 1}, "restarts": {"injected":
            30, "restarts": 4},
        }.items()
    }  # fmt: skip
    assert np.array_equal(tables["plain"]["counts"]["signal"], tables["fraction"]["counts"]["signal"])
    fixed = tables["fixed"]["counts"]["signal"].sum(axis=2).reshape(3, 2, -1)
    assert (fixed == fixed[:1, :1]).all()
    plain, leading = (tables[name]["statistics"]["background_jets"] for name in ("plain", "leading"))
    assert np.array_equal(plain, 2 * leading)
    assert (tables["restarts"]["training"]["inertia"] <= tables["plain"]["training"]["inertia"] + 1e-12).all()
    with pytest.raises(ValueError, match="set one of them"):
        ScanParameters(injected=3, signal_fraction=0.1)


def test_poisson_weights_let_the_total_fluctuate(engine, simulated):
    found = engine.run(scan(bootstrap="poisson", initialisations=1), {"images": simulated})
    totals = found.tables["training"]["weight_sum"]
    assert totals[0] == 1500
    assert len(set(totals.tolist())) > 1


def test_real_events(engine, lhco):
    small = {
        "evaluation_interval": (2400.0, 4400.0), "window_width": 250.0, "window_steps": 8,
        "train_interval": (2400.0, 2900.0), "algorithm": "lloyd", "k": 8,
    }  # fmt: skip
    found = engine.run(scan(**small), {"images": lhco})
    table = lhco.tables["images"]
    inside = (table["m_jj"] >= 2400) & (table["m_jj"] < 4400) & (table["label"] == 0)
    assert found.tables["counts"]["background"][0].sum() == 2 * inside.sum()
    assert np.isfinite(found.tables["statistics"]["mls_two_sided"]).all()


def test_summary(swept):
    found = scan().summarise({"scan": swept})
    assert found["injected"].tolist() == [0, 60]
    assert found["resamplings"].tolist() == [3, 3]
    assert found["null_size"].tolist() == [3, 3]
    values = swept.tables["statistics"]["mls_two_sided"]
    means = values.reshape(2, 4, 2).mean(axis=2)
    assert found["mls_two_sided.original"] == pytest.approx(means[:, 0])
    assert found["mls_two_sided.quantiles"][:, 1] == pytest.approx(np.median(means[:, 1:], axis=1))
    assert found["mls_two_sided.p"].shape == (2, 3)
    assert np.isfinite(found["mls_two_sided.z"]).all()


def test_summary_without_a_null(engine, simulated):
    only = engine.run(scan(injected=60, resamplings=1), {"images": simulated})
    found = scan(injected=60).summarise({"scan": only})
    assert found["null_size"].tolist() == [0]
    assert np.isnan(found["mls_two_sided.p"]).all()


def test_other_swept_parameters_have_nulls_of_their_own(engine, simulated):
    runs = []
    for threshold in (2.0, 3.0):
        one = engine.run(
            scan(evaluation=EvaluationSettings(threshold=threshold), resamplings=2), {"images": simulated}
        )
        one.swept = {"evaluation": [f"threshold {threshold}"] * len(one.units)}
        runs.append(one)
    found = scan().summarise({"scan": engine.joined(*runs)})
    assert found["null_size"].tolist() == [2, 2]


def test_figures(swept, simulated, tmp_path):
    figures = list(scan().report({"events": simulated, "scan": swept}))
    figures += SyntheticEvents(SyntheticEvents.Parameters()).report({"events": simulated})
    assert [one.name for one in figures] == [
        "null-distribution", "cluster-spectra", "rich-and-poor-spectra", "centre-images", "mean-images",
    ]  # fmt: skip
    for one in figures:
        one.figure.savefig(tmp_path / f"{one.name}.png")
        assert one.caption


def test_figures_without_resamplings(engine, simulated):
    only = engine.run(scan(resamplings=0, initialisations=1), {"images": simulated})
    drawn = [one.name for one in scan(resamplings=0).report({"scan": only})]
    assert drawn == ["cluster-spectra", "rich-and-poor-spectra", "centre-images"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"train_interval": (3000.0, 3000.0)},
        {"evaluation_interval": (0.0, 100.0)},
        {"window_width": 5000.0},
    ],
)
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ScanParameters(**wrong)


def test_importing_the_workloads_loads_no_physics_library():
    code = (
        "import sys, hpcml.workloads.jets.steps.significance,"
        "hpcml.workloads.jets.steps.evaluate, hpcml.workloads.jets.steps.components;"
        "heavy = {'sklearn', 'scipy', 'pandas', 'matplotlib', 'fastjet', 'h5py', 'tables', 'pydantic'};"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
