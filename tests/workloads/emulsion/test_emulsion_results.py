"""A forest, its folds, its application, energies, and the figures of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from emulsion_jobs import BASIC, frame, run

import hpcml
from hpcml.errors import UsageError
from hpcml.testing import run_in_memory
from hpcml.workloads.emulsion.steps.apply import AppliedForest
from hpcml.workloads.emulsion.steps.energy import ShowerEnergies
from hpcml.workloads.emulsion.steps.folds import CrossValidation
from hpcml.workloads.emulsion.steps.train import TrainedForest


@pytest.fixture(scope="module")
def learned(basic):
    """The same showers, with a forest, its folds both ways, its application and energies."""
    text = (
        BASIC
        + """
  - name: train
    workload: emulsion.train
    inputs: {showers: showers}
    parameters: {trees: 100, block_size: 40}
  - {name: folds, workload: emulsion.folds, inputs: {showers: showers}, parameters: {folds: 3, trees: 100}}
  - name: rows
    workload: emulsion.folds
    inputs: {showers: showers}
    parameters: {folds: 3, trees: 100, split: rows}
  - name: apply
    workload: emulsion.apply
    inputs: {showers: showers, model: train}
    parameters: {block_size: 8}
  - {name: energy, workload: emulsion.energy, inputs: {sizes: apply}}
"""
    )
    run(basic, text)
    return basic


def test_the_forest_classifies_showers_that_it_has_not_seen(learned):
    folds, rows, applied = (
        hpcml.open_table(learned / "campaign", step).summary() for step in ("folds", "rows", "apply")
    )
    print(f"AUC by showers {folds['roc_auc']:.3f}, by rows {rows['roc_auc']:.3f}")
    assert folds["roc_auc"] >= 0.93
    assert rows["roc_auc"] >= 0.93
    assert applied["roc_auc"] >= 0.93
    assert applied["purity"] > 0.8
    assert applied["efficiency"] > 0.8
    for name in ("roc_auc", "purity", "efficiency"):
        assert 0 < applied[f"{name}_error"] < 0.1


def test_a_training_ends_with_what_it_was_made_of(learned):
    summary = hpcml.open_table(learned / "campaign", "train").summary()
    split, predictions = frame(learned, "train", "split"), frame(learned, "apply", "predictions")
    known = predictions[predictions.trained == 1]
    assert summary["trees"] == 100
    assert (summary["showers_trained_on"], summary["showers_to_test"]) == (split.trained.sum(), 9)
    assert summary["segments_trained_on"] == len(known)
    assert summary["signal_share"] == known.signal.mean()


def test_applied_predictions(learned):
    predictions, sizes = frame(learned, "apply", "predictions"), frame(learned, "apply", "sizes")
    split = frame(learned, "train", "split")
    assert sizes.trained.tolist() == split.trained.tolist()
    assert (sizes.trained == 0).sum() == 9
    by_shower = predictions.groupby("shower")
    assert by_shower.predicted.sum().tolist() == sizes["size"].tolist()
    kinds = sizes[["true_positive", "false_positive", "false_negative", "true_negative"]].sum(axis=1)
    assert kinds.tolist() == by_shower.size().tolist()
    assert ((predictions.score > 0.5) == (predictions.predicted == 1)).all()


def test_units_in_another_order_give_the_same_tables(learned):
    """Blocks of trees, folds and blocks of showers are units: any rank may compute them, in any order."""
    showers = hpcml.open_table(learned / "campaign", "showers")

    def backwards(kind, units, inputs, **parameters):
        workload = kind(kind.Parameters(**parameters))
        return run_in_memory(workload, inputs, seed=5, order=range(units - 1, -1, -1))

    train = backwards(TrainedForest, 3, {"showers": showers}, trees=100, block_size=40)
    folds = backwards(CrossValidation, 3, {"showers": showers}, folds=3, trees=100)
    apply = backwards(AppliedForest, 4, {"showers": showers, "model": train}, block_size=8)
    energy = backwards(ShowerEnergies, 1, {"sizes": apply})
    for step, computed in (("train", train), ("folds", folds), ("apply", apply), ("energy", energy)):
        merged = hpcml.open_table(learned / "campaign", step)
        for name, columns in computed.tables.items():
            for column, array in columns.items():
                assert np.array_equal(array, merged.array(column, name), equal_nan=array.dtype.kind == "f"), (
                    f"{step}/{name}/{column}"
                )


def test_energies(learned):
    energies = frame(learned, "energy", "energies")
    assert energies.energy.to_numpy() == pytest.approx(0.42 + 0.04 * energies["size"].to_numpy())
    assert energies.selected.tolist() == (energies["size"] >= 50).astype(int).tolist()
    residual = energies.energy / energies.energy_true - 1
    assert energies.residual.to_numpy() == pytest.approx(residual.to_numpy())
    efficiency = frame(learned, "energy", "efficiency")
    summary = hpcml.open_table(learned / "campaign", "energy").summary()
    assert (summary["efficiency"], summary["efficiency_error"]) == (efficiency.share[4], efficiency.error[4])
    assert summary["intercept"] == 0.42
    fresh = energies[energies.trained == 0]
    assert efficiency.share[4] == (fresh["size"] >= 50).mean()


def test_the_report(learned):
    page = (learned / "campaign" / "report" / "index.html").read_text()
    names = ("apply-confusion", "apply-shower-counts", "apply-features", "apply-shower-sizes",
    "energy-calibration",
             "energy-residuals", "energy-efficiency", "energy-energies")  # fmt: skip
    for name in names:
        assert (learned / "campaign" / "report" / f"{name}.png").is_file(), name
    assert page.count("data:image/png;base64") >= len(names) + 3  # and displays of three showers


def test_figures_show_the_tables(learned):
    from hpcml.workloads.emulsion.figures.classification import classification_figures
    from hpcml.workloads.emulsion.figures.energy import energy_figures
    from hpcml.workloads.emulsion.figures.prepare import brick_figures

    applied = hpcml.open_table(learned / "campaign", "apply")
    showers = hpcml.open_table(learned / "campaign", "showers")
    figures = {one.name: one.figure for one in classification_figures(applied, {"showers": showers})}
    predictions = applied.frame("predictions")
    fresh = predictions[predictions.trained == 0]
    numbers = [text.get_text().split("\n")[0].replace(",", "") for text in figures["confusion"].axes[0].texts]
    expected = [((fresh.signal == t) & (fresh.predicted == p)).sum() for t in (0, 1) for p in (0, 1)]
    assert [int(one) for one in numbers] == expected
    sizes = applied.frame("sizes")
    for axis, name in zip(
        figures["shower-counts"].axes,
        ("true_positive", "false_positive", "false_negative", "true_negative"), strict=True,
    ):  # fmt: skip
        assert sum(patch.get_height() for patch in axis.patches) == len(sizes)
        assert axis.patches[0].get_x() == pytest.approx(sizes[name].min())
    left = figures["shower-sizes"].axes[0]
    assert [patch.get_height() for patch in left.patches] == np.histogram(
        np.clip(sizes["size"], 0, 199.9), np.linspace(0, 200, 21)
    )[0].tolist()
    largest = int(sizes["size"].idxmax())
    display = figures[f"display-0-{sizes.shower[largest]}"].axes[0]
    drawn = sum(len(points.get_offsets()) for points in display.collections)
    assert drawn == (predictions.shower == sizes.shower[largest]).sum()

    signal = predictions[predictions.predicted == 1]
    for axis, (name, high, bins) in zip(
        figures["signal-features"].axes, (("ip_over_dz", 0.3, 30), ("cone_tan", 0.04, 40)), strict=True
    ):
        expected = np.histogram(signal[name], np.linspace(0, high, bins + 1))[0]
        assert [patch.get_height() for patch in axis.patches] == expected.tolist()
    bricks = hpcml.open_table(learned / "campaign", "bricks")
    films, starters = (one.figure.axes[0] for one in brick_figures(bricks))
    tracks, found = bricks.frame("tracks"), bricks.frame("starters")
    drawn = {one.get_label(): one.get_data().values for one in films.patches}
    for number, title in ((0, "simulation"), (1, "background")):
        expected = np.bincount(tracks.plate[tracks.source == number], minlength=29)
        assert drawn[title].tolist() == expected.tolist()
    depth = 28 - tracks.plate.to_numpy()[found.row]
    assert [patch.get_height() for patch in starters.patches] == np.bincount(depth, minlength=19).tolist()

    table = hpcml.open_table(learned / "campaign", "energy")
    energies = table.frame("energies")
    drawn = {one.name: one.figure for one in energy_figures(table, between=(3.0, 10.0))}
    dots = drawn["calibration"].axes[0].lines[0]
    fresh = energies[energies.trained == 0]
    assert dots.get_xdata().tolist() == fresh["size"].tolist()
    assert dots.get_ydata() == pytest.approx(fresh.energy_true.to_numpy())
    chosen = energies[(energies.selected == 1) & (energies["sample"] == 2)]
    assert energies["sample"].tolist() == (2 * (energies.trained == 0)).tolist()  # a line that was given
    heights = [patch.get_height() for patch in drawn["residuals"].axes[0].patches]
    assert heights == np.histogram(chosen.residual, np.linspace(-1, 1, 21))[0].tolist()
    shown = drawn["efficiency"].axes[0].lines[0].get_ydata()
    assert shown == pytest.approx(table.frame("efficiency").share.to_numpy())


def test_displays_that_are_asked_for(learned):
    from hpcml.workloads.emulsion.figures.classification import classification_figures

    applied, showers = (hpcml.open_table(learned / "campaign", step) for step in ("apply", "showers"))
    earlier = {"showers": showers, "train": hpcml.open_table(learned / "campaign", "train")}
    names = [figure.name for figure in classification_figures(applied, earlier, displays=(7, 3))]
    assert [name for name in names if name.startswith("display")] == ["display-0-3", "display-0-7"]
    with pytest.raises(UsageError, match="there is no shower 99"):
        list(classification_figures(applied, earlier, displays=(99,)))
    # and they compute nothing again
    before = applied.digests
    printed = run(learned, (learned / "job.yaml").read_text(), "--set", "steps.apply.parameters.displays=[7]")
    assert "apply: 4 units, 4 done before" in printed
    shown = {path.name for path in (learned / "campaign" / "report").glob("apply-display*")}
    assert shown == {"apply-display-0-7.png", "apply-display-0-7.pdf"}  # those of before are gone
    assert hpcml.open_table(learned / "campaign", "apply").digests == before


def test_samples_of_a_calibration(learned):
    """The line and the resolution are of different showers, neither known to the forest."""
    text = (
        (learned / "job.yaml").read_text()
        + """
  - name: calibrated
    workload: emulsion.energy
    inputs: {sizes: apply}
    parameters: {calibrate: true, fit_sizes: [0, 300]}
"""
    )
    run(learned, text)
    energies = frame(learned, "calibrated", "energies")
    assert energies["sample"].value_counts().to_dict() == {0: 21, 1: 5, 2: 4}
    assert (energies.trained == (energies["sample"] == 0)).all()
    sizes = frame(learned, "apply", "sizes")
    used = (energies["sample"] == 1) & (sizes["size"] > 29) & (sizes.p > sizes.primary_p - 0.1)
    assert frame(learned, "calibrated", "profile").number.sum() == used.sum()
    assert frame(learned, "calibrated", "resolution").number.sum() == (
        (energies["sample"] == 2) & (energies["size"] >= 50)
    ).sum()  # fmt: skip
