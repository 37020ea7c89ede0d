"""The scan from images to statistics: laws, injection, sweeps, reports."""

import numpy as np
import pytest
from given import SEED, events

from hpcml import seeds
from hpcml.errors import UsageError
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.numerics.pvalues import empirical_p, p_error, significance
from hpcml.testing import run_in_memory
from hpcml.workloads.jets import dijet
from hpcml.workloads.jets.evaluation import EvaluationSettings
from hpcml.workloads.jets.steps.scan import ClusterScan, ScanParameters
from hpcml.workloads.jets.steps.synthetic import SyntheticEvents
from hpcml.workloads.jets.windows import mass_windows

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


def run(source, order=None, **changes):
    """A scan of the events `source`."""
    return run_in_memory(scan(**changes), {"images": source}, seed=SEED, order=order)


@pytest.fixture(scope="module")
def swept(simulated):
    combinations = [({"injected": number}, scan(injected=number)) for number in (0, 60)]
    return run_in_memory(combinations, {"images": simulated}, seed=SEED)


def test_units():
    keys = [unit.key for unit in scan().units({})]
    assert keys == ["rest-init-00-01", "boot-0000-init-00-01", "boot-0001-init-00-01", "boot-0002-init-00-01"]
    assert [u.key for u in scan(include_original=False).units({})] == keys[1:]
    assert [u.key for u in scan(first_resampling=2, resamplings=1).units({})] == [keys[0], keys[3]]
    more = scan(resamplings=5, initialisations=4, initialisations_per_unit=2)
    assert set(keys) < {u.key for u in more.units({})}
    assert next(iter(scan(initialisations=1).units({}))).key == "rest-init-00"


@pytest.mark.parametrize("algorithm", ["minibatch", "lloyd"])
def test_order_and_other_units_change_nothing(simulated, algorithm):
    forth = run(simulated, algorithm=algorithm)
    back = run(simulated, order=(3, 2, 1, 0), algorithm=algorithm)
    fewer = run(simulated, algorithm=algorithm, resamplings=1)
    for table, columns in forth.tables.items():
        for name, column in columns.items():
            assert np.array_equal(column, back.tables[table][name]), name
            assert np.array_equal(column[: len(fewer.tables[table][name])], fewer.tables[table][name]), name


def test_counts_are_twice_the_weighted_events(swept, simulated):
    table = simulated.tables["images"]
    background = table["label"] == 0
    inside = (table["m_jj"] >= 2600) & (table["m_jj"] < 4200)
    totals = swept.tables["counts"]["background"].sum(axis=(1, 2), dtype=np.int64)
    for b, total in zip(swept.tables["statistics"]["resampling"], totals, strict=True):
        size = int(background.sum())
        weights = np.ones(size) if b < 0 else multinomial_weights(seeds.stream(SEED, "weights", int(b)), size)
        # both jets of an event share its weight; the total is that of the whole file
        assert total == 2 * weights[inside[background]].sum()
    assert (swept.tables["training"]["weight_sum"] == 1500).all()
    assert np.array_equal(swept.tables["statistics"]["background_jets"], totals)


def test_initialisations_and_sweep_values_share_the_weights(swept):
    totals = swept.tables["counts"]["background"].sum(axis=2, dtype=np.int64).reshape(2, 4, 2, -1)
    assert (totals == totals[:1, :, :1]).all()
    assert len(np.unique(totals[0, :, 0], axis=0)) == 4


def test_injected_events(swept, simulated):
    injected = swept.tables["statistics"]["injected"]
    signal = swept.tables["counts"]["signal"].sum(axis=(1, 2))
    assert (signal[injected == 0] == 0).all()
    assert (signal[injected == 60] > 80).all()
    assert (signal[injected == 60] <= 120).all()
    with pytest.raises(UsageError, match="holds 120 signal events"):
        run(simulated, injected=121)


def test_training_without_the_signal(simulated):
    """In a window without any signal the choice changes nothing."""
    with_signal = run(simulated, injected=60, resamplings=1)
    without = run(simulated, injected=60, resamplings=1, train_on_signal=False)
    jets = [run.tables["training"]["training_jets"].astype(int) for run in (with_signal, without)]
    assert (jets[0] >= jets[1]).all()
    plain = run(simulated, resamplings=1)
    assert np.array_equal(plain.tables["training"]["inertia"], without.tables["training"]["inertia"])


def test_the_fit_sees_all_events(simulated):
    table = simulated.tables["images"]
    how = EvaluationSettings(fit_parameters=3)
    found = run(simulated, resamplings=0, initialisations=2, evaluation=how).tables["statistics"]
    windows = mass_windows((2600.0, 4200.0), 100.0, steps=16)
    masses = table["m_jj"][table["label"] == 0]
    spectrum = np.histogram(masses[masses < 4200], np.append(windows[:, 0], 4200.0))[0].astype(float)
    fit = dijet.fit_dijet(spectrum, windows, parameters=3)
    # whatever the clusters are
    assert (found["fit_one_sided"] == dijet.largest_excess(spectrum, fit.expected)).all()
    assert (found["fit_chisq_ndof"] == fit.chisq_ndof).all()
    assert 0.2 < fit.chisq_ndof < 3


def test_masses_need_no_order(simulated):
    """Events in any order of mass: the same numbers of jets in every window."""
    order = np.random.default_rng(1).permutation(len(simulated.tables["images"]["m_jj"]))
    shuffled = events({name: column[order] for name, column in simulated.tables["images"].items()})
    one, other = (
        run(source, resamplings=0).tables["counts"]["background"] for source in (simulated, shuffled)
    )
    assert np.array_equal(one.sum(axis=2), other.sum(axis=2))


def test_windows_without_events_compare_nothing(simulated):
    found = run(simulated, resamplings=1, evaluation_interval=(9000.0, 10_600.0)).tables["statistics"]
    for name in ("mls_two_sided", "chisq_ndof", "max_max", "n_rich", "background_jets"):
        assert not found[name].any(), name
    assert np.isfinite(found["fit_one_sided"]).all()


def test_a_training_window_without_events_is_refused(simulated):
    with pytest.raises(UsageError, match="no background event has 9000 <= m_jj < 9100 GeV"):
        run(simulated, train_interval=(9000.0, 9100.0))


def test_more_clusters_than_training_jets_are_refused(simulated):
    with pytest.raises(UsageError, match="distinct training jets for 3000 clusters"):
        run(simulated, k=3000)


def test_a_sample_without_signal(simulated):
    """Real data: nothing is labelled, all is searched, and nothing can be injected."""
    table = simulated.tables["images"]
    data = events(table | {"label": np.full(len(table["label"]), 255, np.uint8)})
    found = run(data, resamplings=1).tables
    assert not found["counts"]["signal"].any()
    inside = (table["m_jj"] >= 2600) & (table["m_jj"] < 4200)
    assert found["statistics"]["background_jets"][0] == 2 * inside.sum()
    with pytest.raises(UsageError, match="holds 0 signal events"):
        run(data, injected=1)


def test_signal_from_a_second_input(simulated):
    """Background and signal in steps of their own are the same as both in one, told apart by label."""
    table = simulated.tables["images"]
    kinds = {
        name: events({key: column[table["label"] == value] for key, column in table.items()})
        for name, value in (("images", 0), ("signal", 1))
    }
    apart = run_in_memory(scan(injected=60), kinds, seed=SEED)
    together = run(simulated, injected=60)
    for name, column in together.tables["statistics"].items():
        assert np.array_equal(column, apart.tables["statistics"][name]), name


def test_other_ways_to_scan(simulated):
    """A fraction of the signal, one sample of it, the leading jet alone, the best of several fits."""
    tables = {
        name: run(simulated, resamplings=2, **changes).tables
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


def test_poisson_weights_let_the_total_fluctuate(simulated):
    found = run(simulated, bootstrap="poisson", initialisations=1)
    totals = found.tables["training"]["weight_sum"]
    assert totals[0] == 1500
    assert len(set(totals.tolist())) > 1


def test_real_events(lhco):
    small = {
        "evaluation_interval": (2400.0, 4400.0), "window_width": 250.0, "window_steps": 8,
        "train_interval": (2400.0, 2900.0), "algorithm": "lloyd", "k": 8,
    }  # fmt: skip
    found = run(lhco, **small)
    table = lhco.tables["images"]
    inside = (table["m_jj"] >= 2400) & (table["m_jj"] < 4400) & (table["label"] == 0)
    assert found.tables["counts"]["background"][0].sum() == 2 * inside.sum()
    assert np.isfinite(found.tables["statistics"]["mls_two_sided"]).all()


def test_summary(swept):
    found = scan().summarise(swept)
    assert found["injected_events"].tolist() == [0, 60]
    assert found["resamplings"].tolist() == [3, 3]
    assert found["null_size"].tolist() == [3, 3]
    values = swept.tables["statistics"]["mls_two_sided"]
    means = values.reshape(2, 4, 2).mean(axis=2)
    assert found["mls_two_sided_observed"] == pytest.approx(means[:, 0])
    assert found["mls_two_sided_median"] == pytest.approx(np.median(means[:, 1:], axis=1))
    for name in ("mls_two_sided_median", "mls_two_sided_observed"):
        p = empirical_p(found[name], means[0, 1:])
        assert found[f"{name}_p"] == pytest.approx(p)
        assert found[f"{name}_z"] == pytest.approx(significance(p, 3).z)
        assert found[f"{name}_z_is_bound"].tolist() == significance(p, 3).is_bound.tolist()
        assert found[f"{name}_p_error"] == pytest.approx(p_error(p, 3))
        assert np.isnan(found[f"{name}_z_error"]).tolist() == found[f"{name}_z_is_bound"].tolist()


def test_units_of_other_sizes_belong_to_one_resampling(simulated):
    """5 initialisations in units of 2: the last unit has one, and all five make one value."""
    found = run(simulated, resamplings=3, initialisations=5, initialisations_per_unit=2)
    summary = scan().summarise(found)
    assert summary["injected_events"].tolist() == [0]
    assert summary["null_size"].tolist() == [3]
    means = found.tables["statistics"]["mls_two_sided"].reshape(4, 5).mean(axis=1)
    assert summary["mls_two_sided_observed"] == pytest.approx(means[:1])
    assert summary["mls_two_sided_median"] == pytest.approx([np.median(means[1:])])
    assert not {"initialisations", "resampling", "initialisation"} & set(summary)


def test_summary_without_a_null(simulated):
    found = scan(injected=60).summarise(run(simulated, injected=60, resamplings=1))
    assert found["null_size"].tolist() == [0]
    for name in ("p", "p_error", "z", "z_error"):
        assert np.isnan(found[f"mls_two_sided_median_{name}"]).all(), name


def test_summary_without_the_data_set_itself(simulated):
    found = scan().summarise(run(simulated, include_original=False, resamplings=2))
    assert not any("observed" in name for name in found)


def test_other_swept_parameters_have_nulls_of_their_own(simulated):
    combinations = [({"batch_size": size}, scan(batch_size=size, resamplings=2)) for size in (200, 256)]
    found = scan().summarise(run_in_memory(combinations, {"images": simulated}, seed=SEED))
    assert found["null_size"].tolist() == [2, 2]
    assert found["batch_size"].tolist() == [200, 256]


def test_figures(swept, simulated, tmp_path):
    figures = list(scan().report(swept, {"events": simulated}))
    figures += SyntheticEvents(SyntheticEvents.Parameters()).report(simulated, {})
    assert [figure.name for figure in figures] == [
        "null-distribution", "cluster-spectra", "rich-and-poor-spectra", "centre-images", "mean-images",
    ]  # fmt: skip
    for figure in figures:
        figure.figure.savefig(tmp_path / f"{figure.name}.png")
        assert figure.caption


def test_figures_without_resamplings(simulated):
    only = run(simulated, resamplings=0, initialisations=1)
    drawn = [figure.name for figure in scan(resamplings=0).report(only, {})]
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
