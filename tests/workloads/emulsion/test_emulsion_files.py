"""Files of base-tracks: layouts, several bricks, background, maps, and all that can be wrong with them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from emulsion_jobs import FILES, base, run, write

from hpcml.errors import UsageError
from hpcml.testing import MemoryTable, run_in_memory
from hpcml.workloads.emulsion.steps.folds import CrossValidation, FoldParameters
from hpcml.workloads.emulsion.steps.prepare import PreparedBricks, PrepareParameters
from hpcml.workloads.emulsion.steps.showers import LinkedShowers, ShowerParameters
from hpcml.workloads.emulsion.steps.train import TrainedForest, TrainParameters


def prepared(folder, *tracks, parameters=None, **inputs) -> MemoryTable:
    """Bricks of files in `folder`, brick.csv without others; inputs: their files."""
    files = {"tracks": tracks or ("brick.csv",), **{name: (file,) for name, file in inputs.items()}}
    paths = {name: [folder / file for file in names] for name, names in files.items()}
    return run_in_memory(PreparedBricks(PrepareParameters(**parameters or {})), paths, seed=5)


def linked(bricks: MemoryTable) -> MemoryTable:
    return run_in_memory(LinkedShowers(ShowerParameters()), {"bricks": bricks}, seed=5)


def frame(table: MemoryTable, name: str) -> pd.DataFrame:
    columns = {column: array for column, array in table.tables[name].items() if array.ndim == 1}
    texts = {column: array.astype(str) for column, array in columns.items() if array.dtype.kind == "S"}
    return pd.DataFrame({**columns, **texts})


def test_one_shower_without_background(tmp_path):
    write(tmp_path, base())
    showers = linked(prepared(tmp_path))
    found = frame(showers, "showers")
    assert found[["plate", "linked", "true_segments"]].to_numpy().tolist() == [[4, 8, 8]]
    # and no forest can be made of it: all of it is signal
    with pytest.raises(UsageError, match="the 8 rows to train on are of class 1 only") as caught:
        run_in_memory(TrainedForest(TrainParameters(trees=2)), {"showers": showers}, seed=5)
    assert "signal (class 1) and background (class 0)" in caught.value.hint
    with pytest.raises(UsageError, match="folds: 1 groups cannot be divided into 5 folds") as caught:
        run_in_memory(CrossValidation(FoldParameters()), {"showers": showers}, seed=5)
    assert caught.value.hint == "set fewer folds"


@pytest.mark.parametrize(("missing", "steps"), [(2, [1, 2]), (0, [1])])
def test_missing_films(tmp_path, missing, steps):
    rows = base()
    kept = rows["PID"] != missing
    write(tmp_path, {name: column[kept] for name, column in rows.items()})
    bricks = prepared(tmp_path)
    showers = linked(bricks)
    assert frame(showers, "showers").linked.tolist() == [6]
    assert np.isnan(frame(bricks, "plates").z[missing])
    assert sorted(frame(showers, "candidates").link_films.unique()) == steps


def test_an_event_without_starter_has_a_reason(tmp_path):
    rows = base()
    rows["MCEvent"] = np.r_[0, np.arange(8)]
    write(tmp_path, rows)
    starters = frame(prepared(tmp_path), "starters")
    assert (starters.row < 0).sum() >= 7
    assert "no film with 2 to 10" in set(starters.reason)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ID": np.zeros(9, int)}, "duplicate id 0 on plate"),
        ({"TX": np.r_[np.nan, np.zeros(8)]}, r"tx of base-track 0 \(plate 4, id 0\) is not finite"),
        (
            {"z": np.r_[-5260.0, -3945, -3000, -2630, -2630, -1315, -1315, 0, 0]},
            "lie at z = -3945 to -3000 um",
        ),
        ({"z": 1315.0 * np.array([4, 3, 3, 2, 2, 1, 1, 0, 0])}, "z does not fall with the number"),
        ({"x": None}, "has no column x"),
        ({"PID": np.r_[4, 3, 3, 2, 2, 1, 1, 0, 0.5]}, "column PID contains 0.5, not an integer"),
        ({"PID": np.r_[4, 3, 3, 2, 2, 1, 1, 0, -1]}, "plate -1 is negative"),
        ({"ID": np.r_[np.arange(8), 1e30]}, r"column ID contains 1e\+30, not an integer"),
        ({"x": np.r_[np.full(8, 5000.0), 1e12]}, "which extend over"),
        ({"y": np.r_[["oops"], np.full(8, "5000")]}, "column y contains a value that is not a number"),
    ],
)
def test_files_that_are_wrong_are_refused_with_their_name_and_a_remedy(tmp_path, changes, message):
    write(tmp_path, {name: column for name, column in base(**changes).items() if column is not None})
    with pytest.raises(UsageError, match=rf"brick\.csv.*{message}") as caught:
        prepared(tmp_path)
    assert caught.value.hint or "it has" in caught.value.message


def test_simulation_without_events_is_one_shower(tmp_path):
    write(tmp_path, base(MCEvent=np.full(9, -999), PID=np.zeros(9, int), z=np.zeros(9)))
    starters = frame(prepared(tmp_path), "starters")
    assert starters[["shower", "row"]].to_numpy().tolist() == [[-999, 0]]


def test_a_refusal_is_a_failed_unit_and_is_reported_in_one_line(tmp_path):
    """Exit code 3: other bricks may be well."""
    write(tmp_path, base(ID=np.zeros(9, int)))
    printed = run(tmp_path, FILES, code=3)
    assert "duplicate id 0 on plate" in printed
    assert "(a base-track is named by plate, id and source: number them again)" in printed
    assert "Traceback" not in printed


def test_several_bricks_and_a_background_file(tmp_path):
    write(tmp_path, base())
    shutil.copy(tmp_path / "brick.csv", tmp_path / "brick2.csv")
    noise = base()
    noise = {name: noise[name] for name in ("ID", "PID", "x", "y", "z", "TX", "TY")}
    noise["y"] = noise["y"] + 40
    pd.DataFrame(noise).to_csv(tmp_path / "noise.csv", index=False)
    showers = linked(prepared(tmp_path, "brick.csv", "brick2.csv", background="noise.csv"))
    assert frame(showers, "showers").brick.tolist() == [0, 1]
    candidates = frame(showers, "candidates")
    assert candidates.groupby(["brick", "source"]).size().tolist() == [8, 8, 8, 8]
    assert (candidates.signal == (candidates.source == 0)).all()


def test_four_films_copied_to_all(tmp_path):
    write(tmp_path, base())
    noise = {"ID": [0, 1, 2, 3], "PID": [3, 2, 1, 0], "x": [1000.0, 2000, 3000, 4000], "y": [5000.0] * 4,
             "z": [-3945.0, -2630, -1315, 0], "TX": [0.1, 0.2, 0.3, 0.4], "TY": [0.0] * 4}  # fmt: skip
    pd.DataFrame(noise).to_csv(tmp_path / "noise.csv", index=False)
    copied = {"copy_films": True}
    tracks = frame(prepared(tmp_path, parameters=copied, background="noise.csv"), "tracks")
    copies = tracks[tracks.source == 1].sort_values("plate", ascending=False)
    # five films: the first source film, mirrored in nothing, x y, x ty, y tx, tx ty
    assert copies.plate.tolist() == [4, 3, 2, 1, 0]
    assert copies.x.tolist() == [1000, 124000, 124000, 1000, 1000]
    assert copies.y.tolist() == [5000, 95000, 5000, 95000, 5000]
    assert copies.tx.to_numpy() == pytest.approx([0.1, 0.1, 0.1, -0.1, -0.1])
    few = {name: column[:3] for name, column in noise.items()}
    pd.DataFrame(few).to_csv(tmp_path / "noise.csv", index=False)
    with pytest.raises(UsageError, match="3 films to copy, not 4"):
        prepared(tmp_path, parameters=copied, background="noise.csv")
    with pytest.raises(UsageError, match="copy_films: true needs an input `background`"):
        prepared(tmp_path, parameters=copied)


def test_first_films_alone(tmp_path):
    write(tmp_path, base())
    bricks = prepared(tmp_path, parameters={"first_films": 3})
    assert sorted(frame(bricks, "tracks").plate.unique()) == [2, 3, 4]
    assert frame(linked(bricks), "showers").linked.tolist() == [4]


def test_other_films_by_a_geometry_file(tmp_path):
    write(tmp_path, base(TX=np.full(9, 0.05)))
    (tmp_path / "films.yaml").write_text("plates: {0: 15, 1: -1300, 2: -2615, 3: -3930, 4: -5245}\n")
    bricks = prepared(tmp_path, geometry="films.yaml")
    tracks = frame(bricks, "tracks").sort_values("id")
    assert tracks.x.to_numpy() == pytest.approx(5000.0 + 10 * np.arange(9) + 0.75)
    assert frame(bricks, "plates").z.tolist() == [15, -1300, -2615, -3930, -5245]
    (tmp_path / "films.yaml").write_text("plates: {0: 0}\n")
    with pytest.raises(UsageError, match=r"brick\.csv: the geometry has no z of plate 1"):
        prepared(tmp_path, geometry="films.yaml")


def test_root_trees(tmp_path):
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "brick.root") as file:
        file["couples"] = {f"s_{name}": column for name, column in base().items()}
    names = {"plate": "PID", "id": "ID", "x": "x", "y": "y", "z": "z", "tx": "TX", "ty": "TY",
             "event": "MCEvent", "mc_track": "MCTrack", "p": "P"}  # fmt: skip
    branches = {"tree": "couples", "columns": {new: f"s_{old}" for new, old in names.items()}}
    (tmp_path / "branches.yaml").write_text(json.dumps(branches))
    root = {"layout": "root"}
    bricks = prepared(tmp_path, "brick.root", parameters=root, branches="branches.yaml")
    assert frame(linked(bricks), "showers").linked.tolist() == [8]
    branches["columns"]["x"] = "nothing"
    (tmp_path / "branches.yaml").write_text(json.dumps(branches))
    with pytest.raises(UsageError, match=r"has no branch nothing; it has .*s_PID"):
        prepared(tmp_path, "brick.root", parameters=root, branches="branches.yaml")
    with pytest.raises(UsageError, match="which branches") as caught:
        prepared(tmp_path, "brick.root", parameters=root)
    assert "input `branches`" in caught.value.hint


def test_data_without_volume_tracks(tmp_path):
    write(tmp_path, base())
    with pytest.raises(UsageError, match=r"brick\.csv: no base-track is on a volume track"):
        prepared(tmp_path, parameters={"kind": "data"})


@pytest.mark.parametrize(
    "text", ["plates: [0, 1]", "plates: {0: zero}", "plates: {-1: 0}", "plates: {0: .nan}"]
)
def test_geometry_files_that_are_wrong(tmp_path, text):
    write(tmp_path, base())
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"map\.yaml: plates must give a z in um for each number"):
        prepared(tmp_path, geometry="map.yaml")


def test_branches_of_unknown_columns_are_refused(tmp_path):
    write(tmp_path, base())
    (tmp_path / "map.yaml").write_text("tree: t\ncolumns: {xx: x}\n")
    with pytest.raises(UsageError, match=r"map\.yaml: columns must name branches of event, .*: not xx"):
        prepared(tmp_path, branches="map.yaml")


def test_a_wrong_map_ends_a_run_before_it_computes(tmp_path):
    write(tmp_path, base())
    (tmp_path / "map.yaml").write_text("plates: {0: 0\n")
    text = FILES.replace("{tracks: brick.csv}", "{tracks: brick.csv, geometry: map.yaml}")
    printed = run(tmp_path, text, code=2)
    assert "map.yaml cannot be read as YAML" in printed
    assert "Traceback" not in printed
