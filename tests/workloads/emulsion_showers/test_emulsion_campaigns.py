"""Whole campaigns: digests however sharded, the real simulation, the forest, files that are wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hpcml
from hpcml.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
BASIC = """
campaign: emulsion-test
seed: 5
resources: {ranks: 1, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}
steps:
  - name: tracks
    workload: emulsion.synthetic
    parameters:
      {showers: 30, block_size: 7, energies: [6.0], density: 150, detector: {side: [60000, 60000]}}
  - {name: bricks, workload: emulsion.prepare, inputs: {tracks: tracks}}
  - {name: showers, workload: emulsion.showers, inputs: {bricks: bricks}}
"""


def command(*words, cwd, code=0):
    """`hpcml ...`: what it printed; fails with that when it ends otherwise than with `code`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "hpcml", *map(str, words)],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def run(tmp_path, text, *options, name="campaign", code=0):
    job = tmp_path / "job.yaml"
    job.write_text(text)
    return command("run", job, "--dir", tmp_path / name, *options, cwd=tmp_path, code=code)


@pytest.fixture(scope="module")
def basic(tmp_path_factory):
    """30 showers of 6 GeV in 6 x 6 cm with 150 base-tracks per cm2 and film, linked."""
    folder = tmp_path_factory.mktemp("emulsion")
    run(folder, BASIC)
    return folder


def frame(folder, step, table, name="campaign"):
    return hpcml.open_table(folder / name, step).frame(table)


@pytest.mark.parametrize(("shards", "ranks"), [(2, 1), (3, 2), (7, 1)])
def test_the_same_bytes_however_sharded(basic, tmp_path, shards, ranks):
    run(tmp_path, BASIC, "--shards", shards, "--ranks", ranks)
    for step in ("tracks", "bricks", "showers"):
        one, other = (hpcml.open_table(folder / "campaign", step).digests for folder in (basic, tmp_path))
        assert one == other, step


def test_showers_are_found(basic):
    showers, candidates = frame(basic, "showers", "showers"), frame(basic, "showers", "candidates")
    assert showers.shower.tolist() == list(range(30))
    found = candidates.groupby("shower").signal.sum()
    assert (found / showers.true_segments.to_numpy()).median() > 0.9
    assert showers.linked.tolist() == candidates.groupby("shower").size().tolist()
    assert (candidates.link_angle <= 0.4).all()
    assert (candidates.ip_over_dz <= 0.4).all()
    # a shower never takes simulated base-tracks of another
    mine = candidates[candidates.source == 0]
    assert (mine.event == mine.shower).all()


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


def test_the_forest_tells_showers_that_it_has_not_seen(learned):
    folds, rows, applied = (
        hpcml.open_table(learned / "campaign", step).summary() for step in ("folds", "rows", "apply")
    )
    print(f"AUC by showers {folds['roc_auc']:.3f}, by rows {rows['roc_auc']:.3f}")
    assert folds["roc_auc"] >= 0.93
    assert rows["roc_auc"] >= 0.93
    assert applied["roc_auc"] >= 0.93
    assert applied["precision"] > 0.8
    assert applied["recall"] > 0.8


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


def test_trees_in_other_units_are_the_same_forest(learned, tmp_path):
    """Blocks of trees are units: any rank may grow them."""
    job = (learned / "job.yaml").read_text()
    run(tmp_path, job, "--ranks", 2)
    for step in ("train", "apply", "folds", "energy"):
        one, other = (hpcml.open_table(folder / "campaign", step).digests for folder in (learned, tmp_path))
        assert one == other, step


def test_energies(learned):
    energies = frame(learned, "energy", "energies")
    assert energies.energy.to_numpy() == pytest.approx(0.42 + 0.04 * energies["size"].to_numpy())
    assert energies.selected.tolist() == (energies["size"] >= 50).astype(int).tolist()
    residual = energies.energy / energies.energy_true - 1
    assert energies.residual.to_numpy() == pytest.approx(residual.to_numpy())
    efficiency = frame(learned, "energy", "efficiency")
    assert efficiency.share[0] == (energies["size"] >= 10).mean()


def test_the_report(learned):
    page = (learned / "campaign" / "report" / "index.html").read_text()
    names = ("apply-confusion", "apply-shower-counts", "apply-features", "apply-shower-sizes",
    "energy-calibration",
             "energy-residuals", "energy-efficiency", "energy-energies")  # fmt: skip
    for name in names:
        assert (learned / "campaign" / "report" / f"{name}.png").is_file(), name
    assert page.count("data:image/png;base64") >= len(names) + 3  # and displays of three showers


def test_figures_show_the_tables(learned):
    from hpcml.workloads.emulsion_showers import figures_bricks, figures_energy, figures_learning

    applied = hpcml.open_table(learned / "campaign", "apply")
    showers = hpcml.open_table(learned / "campaign", "showers")
    figures = {
        one.name: one.figure for one in figures_learning.learning_figures({"s": showers, "a": applied})
    }
    predictions = applied.frame("predictions")
    fresh = predictions[predictions.trained == 0]
    told = [text.get_text().split("\n")[0].replace(",", "") for text in figures["confusion"].axes[0].texts]
    expected = [((fresh.signal == t) & (fresh.predicted == p)).sum() for t in (0, 1) for p in (0, 1)]
    assert [int(one) for one in told] == expected
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
    films, starters = (one.figure.axes[0] for one in figures_bricks.brick_figures(bricks))
    tracks, found = bricks.frame("tracks"), bricks.frame("starters")
    drawn = {one.get_label(): one.get_data().values for one in films.patches}
    for number, title in ((0, "simulation"), (1, "background")):
        expected = np.bincount(tracks.plate[tracks.source == number], minlength=29)
        assert drawn[title].tolist() == expected.tolist()
    depth = 28 - tracks.plate.to_numpy()[found.row]
    assert [patch.get_height() for patch in starters.patches] == np.bincount(depth, minlength=19).tolist()

    table = hpcml.open_table(learned / "campaign", "energy")
    energies = table.frame("energies")
    drawn = {one.name: one.figure for one in figures_energy.energy_figures(table, between=(3.0, 10.0))}
    dots = drawn["calibration"].axes[0].lines[0]
    assert dots.get_xdata().tolist() == energies["size"].tolist()
    assert dots.get_ydata() == pytest.approx(energies.energy_true.to_numpy())
    chosen = energies[(energies.selected == 1) & (energies["sample"] == 2)]
    assert energies["sample"].tolist() == (2 * (energies.trained == 0)).tolist()  # a line that was given
    heights = [patch.get_height() for patch in drawn["residuals"].axes[0].patches]
    assert heights == np.histogram(chosen.residual, np.linspace(-1, 1, 21))[0].tolist()
    shown = drawn["efficiency"].axes[0].lines[0].get_ydata()
    assert shown == pytest.approx(table.frame("efficiency").share.to_numpy())


def test_displays_that_are_asked_for(learned):
    from hpcml.workloads.emulsion_showers import figures_learning

    applied, showers = (hpcml.open_table(learned / "campaign", step) for step in ("apply", "showers"))
    tables = {"s": showers, "a": applied}
    names = [one.name for one in figures_learning.learning_figures(tables, displays=(7, 3))]
    assert [name for name in names if name.startswith("display")] == ["display-0-3", "display-0-7"]
    with pytest.raises(UsageError, match="there is no shower 99"):
        list(figures_learning.learning_figures(tables, displays=(99,)))
    # and they compute nothing anew
    before = applied.digests
    told = run(learned, (learned / "job.yaml").read_text(), "--set", "steps.apply.parameters.displays=[7]")
    assert "apply: 4 units, 4 done before" in told
    shown = {path.name for path in (learned / "campaign" / "report").glob("apply-display*")}
    assert shown == {"apply-display-0-7.png", "apply-display-0-7.pdf"}  # those of before are gone
    assert hpcml.open_table(learned / "campaign", "apply").digests == before


def faser(fasernu, extra="", density=100):
    return f"""
campaign: fasernu
seed: 5
resources: {{ranks: 2, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}}
steps:
  - name: bricks
    workload: emulsion.prepare
    inputs: {{tracks: "{fasernu}"}}
    parameters: {{layout: faser, orientation: from_upstream, density: {density}{extra}}}
  - {{name: showers, workload: emulsion.showers, inputs: {{bricks: bricks}}}}
"""


def test_the_real_simulation_goes_through_the_whole_chain(fasernu, tmp_path):
    text = (
        faser(fasernu)
        + """
  - name: train
    workload: emulsion.train
    inputs: {showers: showers}
    parameters: {trees: 60, block_size: 30}
  - {name: apply, workload: emulsion.apply, inputs: {showers: showers, model: train}}
  - {name: energy, workload: emulsion.energy, inputs: {sizes: apply}}
"""
    )
    run(tmp_path, text)
    starters = frame(tmp_path, "bricks", "starters")
    assert len(starters) == 29
    skipped = starters[starters.row < 0]
    assert set(skipped.reason) <= {"no film with 2 to 10"}
    showers, candidates = frame(tmp_path, "showers", "showers"), frame(tmp_path, "showers", "candidates")
    assert len(showers) == 29 - len(skipped)
    found = candidates.groupby("shower").signal.sum().reindex(showers.shower, fill_value=0).to_numpy()
    assert np.median(found / np.maximum(showers.true_segments.to_numpy(), 1)) > 0.8
    assert (candidates.source == 1).sum() > 1000  # background was mixed in
    assert hpcml.open_table(tmp_path / "campaign", "apply").summary()["roc_auc"] > 0.9
    assert np.isfinite(frame(tmp_path, "energy", "energies").energy).all()


def test_a_wrong_orientation_is_refused(fasernu, tmp_path):
    text = faser(fasernu).replace("orientation: from_upstream", "orientation: from_downstream")
    assert "does not fall with the number of the plate" in run(tmp_path, text, code=3)


def write(tmp_path, rows):
    pd.DataFrame(rows).to_csv(tmp_path / "brick.csv", index=False)


def base(**changes):
    """A file of one simulated event: a straight line of pairs on films 0 to 3, its primary on film 4."""
    plate = np.array([4, 3, 3, 2, 2, 1, 1, 0, 0])
    number = len(plate)
    rows = {
        "ID": np.arange(number), "PID": plate, "x": 5000.0 + 10 * np.arange(number), "y": np.full(number,
        5000.0), "z": -1315.0 * plate, "TX": np.zeros(number), "TY": np.zeros(number), "MCEvent":
        np.zeros(number, int), "MCTrack": np.arange(number), "P": np.full(number, 4.0),
    }  # fmt: skip
    return rows | changes


FILES = """
campaign: files
seed: 5
resources: {ranks: 1, cpus: 1, memory: 1GB, walltime: 10m, shards: 1}
steps:
  - {name: bricks, workload: emulsion.prepare, inputs: {tracks: brick.csv}}
  - {name: showers, workload: emulsion.showers, inputs: {bricks: bricks}}
"""


def test_one_shower_without_background(tmp_path):
    write(tmp_path, base())
    run(tmp_path, FILES)
    showers = frame(tmp_path, "showers", "showers")
    assert showers[["plate", "linked", "true_segments"]].to_numpy().tolist() == [[4, 8, 8]]
    # and no forest can be made of it: all of it is signal
    text = FILES + "  - {name: train, workload: emulsion.train, inputs: {showers: showers}}\n"
    assert "hold no background" in run(tmp_path, text, code=3)


def test_missing_and_empty_films(tmp_path):
    rows = base()
    kept = rows["PID"] != 2
    write(tmp_path, {name: column[kept] for name, column in rows.items()})
    run(tmp_path, FILES)
    assert frame(tmp_path, "showers", "showers").linked.tolist() == [6]
    assert np.isnan(frame(tmp_path, "bricks", "plates").z[2])
    assert sorted(frame(tmp_path, "showers", "candidates").link_films.unique()) == [1, 2]


def test_films_without_the_last_one(tmp_path):
    rows = base()
    kept = rows["PID"] > 0
    write(tmp_path, {name: column[kept] for name, column in rows.items()})
    run(tmp_path, FILES)
    assert frame(tmp_path, "showers", "showers").linked.tolist() == [6]


def test_an_event_without_starter_is_told(tmp_path):
    rows = base()
    rows["MCEvent"] = np.r_[0, np.arange(8)]
    write(tmp_path, rows)
    run(tmp_path, FILES)
    starters = frame(tmp_path, "bricks", "starters")
    assert (starters.row < 0).sum() >= 7
    assert "no film with 2 to 10" in set(starters.reason)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ID": np.zeros(9, int)}, "holds id 0 twice in one source"),
        ({"TX": np.r_[np.nan, np.zeros(8)]}, "tx of base-track 0 (plate 4, id 0) is not finite"),
        (
            {"z": np.r_[-5260.0, -3945, -3000, -2630, -2630, -1315, -1315, 0, 0]},
            "lie at z = -3945 to -3000 um",
        ),
        ({"x": None}, "has no column x"),
        ({"PID": np.r_[4, 3, 3, 2, 2, 1, 1, 0, 0.5]}, "column PID holds 0.5, not a whole number"),
        ({"ID": np.r_[np.arange(8), 1e30]}, "column ID holds 1e+30, not a whole number"),
        ({"x": np.r_[np.full(8, 5000.0), 1e12]}, "are positions in um?"),
        ({"y": np.r_[["oops"], np.full(8, "5000")]}, "column y holds what is no number"),
        ({"MCEvent": np.full(9, -999), "PID": np.zeros(9, int), "z": np.zeros(9)}, ""),
    ],
)
def test_files_that_are_wrong(tmp_path, changes, message):
    rows = {name: column for name, column in base(**changes).items() if column is not None}
    write(tmp_path, rows)
    told = run(tmp_path, FILES, code=3 if message else 0)
    assert message in told
    assert "Traceback" not in told


def test_several_bricks_and_a_background_file(tmp_path):
    write(tmp_path, base())
    shutil.copy(tmp_path / "brick.csv", tmp_path / "brick2.csv")
    noise = base()
    noise = {name: noise[name] for name in ("ID", "PID", "x", "y", "z", "TX", "TY")}
    noise["y"] = noise["y"] + 40
    pd.DataFrame(noise).to_csv(tmp_path / "noise.csv", index=False)
    text = FILES.replace("{tracks: brick.csv}", "{tracks: [brick.csv, brick2.csv], background: noise.csv}")
    run(tmp_path, text)
    showers, candidates = frame(tmp_path, "showers", "showers"), frame(tmp_path, "showers", "candidates")
    assert showers.brick.tolist() == [0, 1]
    assert candidates.groupby(["brick", "source"]).size().tolist() == [8, 8, 8, 8]
    assert (candidates.signal == (candidates.source == 0)).all()


def test_four_films_copied_to_all(tmp_path):
    write(tmp_path, base())
    noise = {"ID": [0, 1, 2, 3], "PID": [3, 2, 1, 0], "x": [1000.0, 2000, 3000, 4000], "y": [5000.0] * 4,
             "z": [-3945.0, -2630, -1315, 0], "TX": [0.1, 0.2, 0.3, 0.4], "TY": [0.0] * 4}  # fmt: skip
    pd.DataFrame(noise).to_csv(tmp_path / "noise.csv", index=False)
    text = FILES.replace(
        "{tracks: brick.csv}", "{tracks: brick.csv, background: noise.csv}, parameters: {copy_films: true}"
    )
    run(tmp_path, text)
    tracks = frame(tmp_path, "bricks", "tracks")
    copies = tracks[tracks.source == 1].sort_values("plate", ascending=False)
    # five films: the first source film, mirrored in nothing, x y, x ty, y tx, tx ty
    assert copies.plate.tolist() == [4, 3, 2, 1, 0]
    assert copies.x.tolist() == [1000, 124000, 124000, 1000, 1000]
    assert copies.y.tolist() == [5000, 95000, 5000, 95000, 5000]
    assert copies.tx.to_numpy() == pytest.approx([0.1, 0.1, 0.1, -0.1, -0.1])
    pd.DataFrame({name: column[:3] for name, column in noise.items()}).to_csv(
        tmp_path / "noise.csv", index=False
    )
    assert "3 films to copy, not 4" in run(tmp_path, text, name="other", code=3)


def test_first_films_alone(tmp_path):
    write(tmp_path, base())
    run(tmp_path, FILES.replace("{tracks: brick.csv}", "{tracks: brick.csv}, parameters: {first_films: 3}"))
    assert sorted(frame(tmp_path, "bricks", "tracks").plate.unique()) == [2, 3, 4]
    assert frame(tmp_path, "showers", "showers").linked.tolist() == [4]


def test_other_films_by_a_geometry_file(tmp_path):
    write(tmp_path, base(TX=np.full(9, 0.05)))
    (tmp_path / "films.yaml").write_text("plates: {0: 15, 1: -1300, 2: -2615, 3: -3930, 4: -5245}\n")
    text = FILES.replace("{tracks: brick.csv}", "{tracks: brick.csv, geometry: films.yaml}")
    run(tmp_path, text)
    tracks = frame(tmp_path, "bricks", "tracks").sort_values("id")
    assert tracks.x.to_numpy() == pytest.approx(5000.0 + 10 * np.arange(9) + 0.75)
    assert frame(tmp_path, "bricks", "plates").z.tolist() == [15, -1300, -2615, -3930, -5245]
    (tmp_path / "films.yaml").write_text("plates: {0: 0}\n")
    assert "the geometry has no z of plate 1" in run(tmp_path, text, name="other", code=3)


def test_root_trees(tmp_path):
    uproot = pytest.importorskip("uproot")
    rows = base()
    with uproot.recreate(tmp_path / "brick.root") as file:
        file["couples"] = {f"s_{name}": column for name, column in rows.items()}
    names = {"plate": "PID", "id": "ID", "x": "x", "y": "y", "z": "z", "tx": "TX", "ty": "TY", "event":
    "MCEvent",
             "mc_track": "MCTrack", "p": "P"}  # fmt: skip
    branches = {"tree": "couples", "columns": {new: f"s_{old}" for new, old in names.items()}}
    (tmp_path / "branches.yaml").write_text(json.dumps(branches))
    text = FILES.replace(
        "inputs: {tracks: brick.csv}",
        "inputs: {tracks: brick.root, branches: branches.yaml}, parameters: {layout: root}",
    )
    run(tmp_path, text)
    assert frame(tmp_path, "showers", "showers").linked.tolist() == [8]
    branches["columns"]["x"] = "nothing"
    (tmp_path / "branches.yaml").write_text(json.dumps(branches))
    told = run(tmp_path, text, name="other", code=3)
    assert "has no branch nothing" in told
    assert "s_PID" in told


def test_data_use_the_forest_of_the_simulation(tmp_path):
    from hpcml.workloads.emulsion_showers import figures_compare

    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")
    smaller = ("tracks.parameters.showers=30", "tracks.parameters.energies=[3.0, 6.0]",
               "tracks.parameters.density=50", "train.parameters.trees=30", "folds.parameters.folds=2",
               "folds.parameters.trees=10", "energy.parameters.fit_sizes=[0, 300]")  # fmt: skip
    here = ("--ranks", 1, "--shards", 1)
    options = [word for one in smaller for word in ("--set", f"steps.{one}")]
    command("run", "jobs/emulsion_showers/simulation.yaml", *options, *here, cwd=tmp_path)
    smaller = ("showers=8", "density=50")
    options = [word for one in smaller for word in ("--set", f"steps.tracks.parameters.{one}")]
    command("run", "jobs/emulsion_showers/data.yaml", *options, *here, cwd=tmp_path)
    root = tmp_path / "campaigns" / "emulsion-data"
    sizes = hpcml.open_table(root, "apply").frame("sizes")
    # and volume tracks of background that begin in the first films
    assert len(sizes) > 8
    assert not sizes.trained.any()
    assert (sizes["size"] > 30).sum() == pytest.approx(8, abs=2)
    line = hpcml.open_table(root, "energy").frame("line")
    given = hpcml.open_table(tmp_path / "campaigns" / "emulsion-simulation", "energy").frame("line")
    assert line.slope[0] == given.slope[0]
    energies = hpcml.open_table(root, "energy").frame("energies")
    assert energies.energy_true.isna().all()
    assert energies[energies["size"] > 30].energy.median() == pytest.approx(4.0, abs=1.5)

    compare = hpcml.open_table(root, "compare")
    histograms, totals = compare.frame("histograms"), compare.frame("totals")
    good = sizes[sizes["size"] >= 20]
    assert totals.showers_data.tolist() == [len(good)]
    predictions = hpcml.open_table(root, "apply").frame("predictions")
    kept = predictions[predictions.shower.isin(good.shower) & (predictions.predicted == 1)]
    own = histograms[histograms.feature == "link_dty"]
    assert len(own) == 100
    assert own.data.tolist() == np.histogram(kept.link_dty, np.linspace(-0.22, 0.22, 101))[0].tolist()
    assert histograms[histograms.feature == "cone_tan"].data.sum() == len(kept)
    fresh = hpcml.open_table(tmp_path / "campaigns" / "emulsion-simulation", "apply").frame("sizes")
    fresh = fresh[(fresh.trained == 0) & (fresh["size"] >= 20)]
    assert totals.showers_simulation.tolist() == [len(fresh)]
    (figure,) = (one.figure for one in figures_compare.compare_figures(compare))
    stairs = figure.axes[0].patches[0].get_data()
    assert (stairs.values * np.diff(stairs.edges)).sum() == pytest.approx(1.0)
    chosen = histograms[histograms.feature == "dtheta"]
    assert stairs.values / stairs.values.sum() == pytest.approx(
        chosen.simulation / chosen.simulation.sum(), abs=1e-12
    )


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


def test_data_of_tracks_that_go_on(tmp_path):
    """Background that goes through films is a volume track of data, and starts showers of its own."""
    text = BASIC.split("  - {name: showers")[0].replace(
        "density: 150", "density: 150, through_going: 0.5, kind: data"
    ).replace("inputs: {tracks: tracks}", "inputs: {tracks: tracks}, parameters: {kind: data}")  # fmt: skip
    run(tmp_path, text)
    tracks = frame(tmp_path, "tracks", "tracks")
    long = tracks[tracks.track_id >= 10**12].groupby("track_id").plate
    assert (long.size() >= 2).mean() > 0.9  # others left the brick at its sides
    assert (long.max() - long.min() == long.size() - 1).all()
    per_film = tracks[tracks.id >= 10**12].groupby("plate").size()
    assert per_film.to_numpy() == pytest.approx(np.full(29, 150 * 36), rel=0.1)
    assert not tracks.duplicated(["plate", "id", "source"]).any()
    starters = frame(tmp_path, "bricks", "starters")
    assert len(starters) > 30


def test_data_without_volume_tracks(tmp_path):
    write(tmp_path, base())
    text = FILES.replace("{tracks: brick.csv}", "{tracks: brick.csv}, parameters: {kind: data}")
    assert "no base-track is on a volume track" in run(tmp_path, text, code=3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("geometry", "plates: [0, 1]", "plates must give a z in um for each number"),
        ("geometry", "plates: {0: zero}", "plates must give a z in um for each number"),
        ("geometry", "films: {0: 0}", "must hold the keys plates"),
        ("geometry", "plates: {0: 0", "cannot be read as YAML"),
        ("branches", "tree: t\ncolumns: {xx: x}", "xx is none"),
        ("branches", "tree: t\ncolumns: x", "columns must name branches of event, "),
    ],
)
def test_maps_that_are_wrong(tmp_path, name, content, message):
    write(tmp_path, base())
    (tmp_path / "map.yaml").write_text(content)
    text = FILES.replace("{tracks: brick.csv}", f"{{tracks: brick.csv, {name}: map.yaml}}")
    told = run(tmp_path, text, code=2)
    assert message in told.replace("\n", " ")
    assert "map.yaml" in told
    assert "Traceback" not in told


def test_more_showers_keep_what_is_computed(tmp_path):
    """Raising the number of showers adds blocks; the background is that of before."""
    small = BASIC.split("  - {name: bricks")[0].replace("showers: 30", "showers: 14")
    run(tmp_path, small)
    before = frame(tmp_path, "tracks", "tracks")
    assert "29 done" not in run(tmp_path, small.replace("showers: 14", "showers: 21"))
    after = frame(tmp_path, "tracks", "tracks")
    assert np.array_equal(after.x[: len(before)], before.x)
