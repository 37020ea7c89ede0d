"""Files of base-tracks: layouts, several bricks, background, maps, and all that can be wrong with them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from emulsion_jobs import FILES, base, frame, run, write


def test_one_shower_without_background(tmp_path):
    write(tmp_path, base())
    run(tmp_path, FILES)
    showers = frame(tmp_path, "showers", "showers")
    assert showers[["plate", "linked", "true_segments"]].to_numpy().tolist() == [[4, 8, 8]]
    # and no forest can be made of it: all of it is signal
    text = FILES + "  - {name: train, workload: emulsion.train, inputs: {showers: showers}}\n"
    assert "rows to train on are of class 1 only" in run(tmp_path, text, code=3)


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


def test_an_event_without_starter_has_a_reason(tmp_path):
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
        ({"ID": np.zeros(9, int)}, "duplicate id 0 on plate"),
        ({"TX": np.r_[np.nan, np.zeros(8)]}, "tx of base-track 0 (plate 4, id 0) is not finite"),
        (
            {"z": np.r_[-5260.0, -3945, -3000, -2630, -2630, -1315, -1315, 0, 0]},
            "lie at z = -3945 to -3000 um",
        ),
        ({"x": None}, "has no column x"),
        ({"PID": np.r_[4, 3, 3, 2, 2, 1, 1, 0, 0.5]}, "column PID contains 0.5, not an integer"),
        ({"ID": np.r_[np.arange(8), 1e30]}, "column ID contains 1e+30, not an integer"),
        ({"x": np.r_[np.full(8, 5000.0), 1e12]}, "are positions in um?"),
        ({"y": np.r_[["oops"], np.full(8, "5000")]}, "column y contains a value that is not a number"),
        ({"MCEvent": np.full(9, -999), "PID": np.zeros(9, int), "z": np.zeros(9)}, ""),
    ],
)
def test_files_that_are_wrong(tmp_path, changes, message):
    rows = {name: column for name, column in base(**changes).items() if column is not None}
    write(tmp_path, rows)
    printed = run(tmp_path, FILES, code=3 if message else 0)
    assert message in printed
    assert "Traceback" not in printed


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
    printed = run(tmp_path, text, name="other", code=3)
    assert "has no branch nothing" in printed
    assert "s_PID" in printed


def test_data_without_volume_tracks(tmp_path):
    write(tmp_path, base())
    text = FILES.replace("{tracks: brick.csv}", "{tracks: brick.csv}, parameters: {kind: data}")
    assert "no base-track is on a volume track" in run(tmp_path, text, code=3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("geometry", "plates: [0, 1]", "plates must give a z in um for each number"),
        ("geometry", "plates: {0: zero}", "plates must give a z in um for each number"),
        ("geometry", "films: {0: 0}", "must contain the keys plates"),
        ("geometry", "plates: {0: 0", "cannot be read as YAML"),
        ("branches", "tree: t\ncolumns: {xx: x}", ": not xx"),
        ("branches", "tree: t\ncolumns: x", "columns must name branches of event, "),
    ],
)
def test_maps_that_are_wrong(tmp_path, name, content, message):
    write(tmp_path, base())
    (tmp_path / "map.yaml").write_text(content)
    text = FILES.replace("{tracks: brick.csv}", f"{{tracks: brick.csv, {name}: map.yaml}}")
    printed = run(tmp_path, text, code=2)
    assert message in printed.replace("\n", " ")
    assert "map.yaml" in printed
    assert "Traceback" not in printed
