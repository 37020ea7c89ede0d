"""Times for the emulsion benchmark: `python -m tests.benchmarks.emulsion_timed NAME` prints JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpcml import seeds
from hpcml.learning import forest
from hpcml.workloads.emulsion import background, brick, linking, selection, synthetic
from hpcml.workloads.emulsion.linking import Links, Segments
from hpcml.workloads.emulsion.selection import Cuts, Injector

ROUNDS = 3
FILMS, PITCH = 29, 1315.0
POSITIONS = -PITCH * np.arange(FILMS, dtype=np.float64)


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def made(showers: int, density: float, side: tuple[float, float]) -> tuple[brick.Brick, list[Injector]]:
    """A brick of 6 GeV electrons and uniform background, and the injectors."""
    detector = synthetic.Detector(side=side)
    parts: dict[str, list[Any]] = {name: [] for name in ("plate", "x", "y", "tx", "ty", "event", "source")}

    def add(plate: Any, x: Any, y: Any, tx: Any, ty: Any, event: int, source: int) -> None:
        size = len(x)
        values = (np.broadcast_to(plate, size), x, y, tx, ty, np.full(size, event), np.full(size, source))
        for name, value in zip(parts, values, strict=True):
            parts[name].append(value)

    injectors = []
    for number in range(showers):
        one = synthetic.electron_shower(seeds.stream(1, "shower", number), 6.0, detector)
        add(one.plate, one.x, one.y, one.tx, one.ty, number, 0)
        injectors.append(Injector(FILMS - 1, one.x[0], one.y[0], POSITIONS[-1], one.tx[0], one.ty[0], number))
    for plate in range(FILMS):
        film = background.uniform_film(seeds.stream(1, "film", plate), density, low=(0.0, 0.0), high=side)
        add(plate, film.x, film.y, film.tx, film.ty, -999, 1)
    kinds = {"plate": np.int32, "event": np.int32, "source": np.uint8}
    columns = {
        name: np.concatenate(values).astype(kinds.get(name, np.float32)) for name, values in parts.items()
    }
    columns["id"] = np.arange(len(columns["x"]))
    return brick.build(columns, POSITIONS, size=1000.0), injectors


def segments(found: selection.Selected, made_of: brick.Brick, injector: Injector) -> Segments:
    columns = made_of.columns
    order = found.row[np.lexsort((columns["id"][found.row], -columns["plate"][found.row].astype(np.int64)))]
    z = POSITIONS[columns["plate"][order]]
    values = [np.r_[getattr(injector, name), columns[name][order].astype(np.float64)] for name in ("x", "y")]
    slopes = [
        np.r_[getattr(injector, name), columns[name][order].astype(np.float64)] for name in ("tx", "ty")
    ]
    plate = np.r_[injector.plate, columns["plate"][order]].astype(np.int64)
    return Segments(plate, *values, np.r_[injector.z, z], *slopes)


def select_with_pandas(frame: pd.DataFrame, one: Injector, cuts: Cuts) -> pd.DataFrame:
    """Film by film: query the box, then the rectangle, then add the columns and cut on them."""
    kept = []
    names = {
        "event0": one.event, "plate0": one.plate, "x0": one.x, "y0": one.y, "half": cuts.half_box,
        "steep": cuts.max_dtheta, "ratio": cuts.max_ip_over_dz,
    }  # fmt: skip
    own = frame.query("source == 1 or event == @event0", local_dict=names)
    box = own.query("plate < @plate0 and abs(x - @x0) <= @half and abs(y - @y0) <= @half", local_dict=names)
    for plate in range(one.plate - 1, -1, -1):
        distance = POSITIONS[plate] - one.z
        names |= {
            "plate": plate, "width": selection.half_width(one.plate - plate, cuts),
            "xc": one.x + one.tx * distance, "yc": one.y + one.ty * distance,
        }  # fmt: skip
        film = box.query("plate == @plate", local_dict=names)
        film = film.query("abs(x - @xc) < @width and abs(y - @yc) < @width", local_dict=names).copy()
        film["dtheta"] = np.arctan(np.sqrt(film.tx**2 + film.ty**2)) - np.arctan(np.hypot(one.tx, one.ty))
        back_x, back_y = film.x - distance * film.tx, film.y - distance * film.ty
        film["ip"] = np.sqrt((one.x - back_x) ** 2 + (one.y - back_y) ** 2)
        film["ip_over_dz"] = film.ip / distance
        film["cone_tan"] = np.sqrt(((film.x - one.x) / distance) ** 2 + ((film.y - one.y) / distance) ** 2)
        kept.append(film.query("dtheta <= @steep and ip_over_dz <= @ratio", local_dict=names))
    return pd.concat(kept)


def link_with_pandas(given: Segments) -> pd.DataFrame:
    """Pair by pair: for each segment of a film, query the film before for the smallest angle."""
    frame = pd.DataFrame(dict(zip(Segments._fields, given, strict=True)))
    last = frame.iloc[:1]
    linked = pd.DataFrame()
    for plate in sorted(frame.plate.iloc[1:].unique(), reverse=True):
        film = frame.iloc[1:].query("plate == @plate", local_dict={"plate": plate})
        accepted = pd.DataFrame()
        for number, segment in film.iterrows():
            best = None
            for before, a in last.iterrows():
                dtx, dty = a.tx - segment.tx, a.ty - segment.ty
                angle = np.arctan(np.sqrt(dtx**2 + dty**2))
                if angle > 0.4 or (best is not None and angle >= best["angle"]):
                    continue
                distance = segment.z - a.z
                best = {
                    "number": number, "before": before, "angle": angle, "dtx": dtx, "dty": dty,
                    "dx": a.x + a.tx * distance - segment.x, "dy": a.y + a.ty * distance - segment.y,
                }  # fmt: skip
            if best is not None:
                accepted = pd.concat([accepted, pd.DataFrame([best])])
        if len(accepted):
            linked = pd.concat([linked, accepted])
            last = film.loc[accepted.number]
    return linked


def small_brick() -> dict[str, list[float]]:
    built, injectors = made(6, 100.0, (40_000.0, 40_000.0))
    frame = pd.DataFrame(dict(built.columns))
    cuts, links = Cuts(), Links()
    found: dict[str, list[float]] = {"select": [], "select pandas": [], "link": [], "link pandas": []}
    linking.link(segments(selection.select(built, injectors[0], cuts), built, injectors[0]), links)
    for one in injectors[:ROUNDS]:
        # too short for one measurement
        found["select"].append(
            seconds(lambda one=one: [selection.select(built, one, cuts) for _ in range(20)]) / 20
        )
        found["select pandas"].append(seconds(lambda one=one: select_with_pandas(frame, one, cuts)))
        chosen = selection.select(built, one, cuts)
        if sorted(select_with_pandas(frame, one, cuts).id) != sorted(built.columns["id"][chosen.row]):
            raise AssertionError("pandas selects other base-tracks")
        given = segments(chosen, built, one)
        found["link"].append(
            seconds(lambda given=given: [linking.link(given, links) for _ in range(20)]) / 20
        )
        plain = link_with_pandas(given)
        found["link pandas"].append(seconds(lambda given=given: link_with_pandas(given)))
        if (linking.link(given, links).before >= 0).sum() != len(plain):
            raise AssertionError("pandas links other segments")
    return found


def published_size() -> dict[str, float]:
    cuts, links = Cuts(), Links()
    times, selecting = {}, {}
    for density in (1000.0, 2000.0):
        built, injectors = made(360, density, (125_000.0, 99_000.0))

        def all_showers(built: brick.Brick = built, injectors: list[Injector] = injectors) -> None:
            for one in injectors:
                linking.link(segments(selection.select(built, one, cuts), built, one), links)

        selection.select(built, injectors[0], cuts)
        linking.link(segments(selection.select(built, injectors[0], cuts), built, injectors[0]), links)
        selecting[density] = seconds(
            lambda built=built, injectors=injectors: [selection.select(built, one, cuts) for one in injectors]
        )
        times[density] = seconds(all_showers)
        if density == 1000.0:
            given = segments(selection.select(built, injectors[0], cuts), built, injectors[0])
    # as many rows as the published showers had
    rows = np.sort(np.random.default_rng(1).choice(len(given.plate) - 1, 1740) + 1)
    large = Segments(*(np.r_[column[0], column[rows]] for column in given))
    return {
        "360 showers": times[1000.0],
        "doubling": selecting[2000.0] / selecting[1000.0],
        "1740": seconds(lambda: linking.link(large, links)),
        "1740 numpy": seconds(lambda: linking.link_numpy(large, links)),
    }


def whole_brick() -> dict[str, float]:
    """36 million base-tracks in single precision, indexed here, scanned by a process that maps them."""
    with tempfile.TemporaryDirectory(prefix="hpcml-bench-") as folder:
        begun = time.perf_counter()
        built, injectors = made(360, 10_000.0, (125_000.0, 99_000.0))
        index = time.perf_counter() - begun
        for name, column in built.columns.items():
            np.save(Path(folder) / f"{name}.npy", column)
        np.save(Path(folder) / "cells.npy", built.cells)
        (Path(folder) / "about.json").write_text(
            json.dumps({"grid": built.grid, "injectors": [[float(v) for v in one] for one in injectors]}),
            encoding="utf-8",
        )
        del built
        import subprocess

        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.emulsion_timed", "scan", folder],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return {"index": index, **json.loads(done.stdout.splitlines()[-1])}


def scan(folder: str) -> dict[str, float]:
    about = json.loads((Path(folder) / "about.json").read_text(encoding="utf-8"))
    names = ("plate", "x", "y", "tx", "ty", "event", "source", "id")
    columns = {name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in names}
    low, size, number = about["grid"]
    grid = brick.Grid(tuple(low), size, tuple(number))
    built = brick.Brick(columns, POSITIONS, grid, np.load(Path(folder) / "cells.npy", mmap_mode="r"))
    injectors = [Injector(int(one[0]), *one[1:6], int(one[6])) for one in about["injectors"]]
    selection.select(built, injectors[0], Cuts())
    taken = seconds(lambda: [selection.select(built, one, Cuts()) for one in injectors])
    return {"scan": taken, "scan peak": peak_memory()}


def peak_memory() -> float:
    """Largest resident size of this process in bytes. (That of getrusage counts its parent before the
    start.)"""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def forest_times() -> dict[str, list[float]]:
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(1)
    values = rng.normal(size=(7000, 7))
    signal = (values[:, 0] + values[:, 1] ** 2 + rng.normal(0, 1, 7000) > 1).astype(int)
    model = RandomForestClassifier(500, criterion="entropy", random_state=1).fit(values, signal)
    arrays = forest.flatten(model.estimators_, tuple("abcdefg"))
    fresh = rng.normal(size=(100_000, 7))
    if not np.allclose(forest.predict(arrays, fresh[:1000])[:, 0], model.predict_proba(fresh[:1000])[:, 1],
                       rtol=0, atol=1e-12):  # fmt: skip
        raise AssertionError("scikit-learn predicts other probabilities")
    found: dict[str, list[float]] = {"arrays": [], "scikit-learn": []}
    for _ in range(ROUNDS):
        found["arrays"].append(seconds(lambda: forest.predict(arrays, fresh)))
        found["scikit-learn"].append(seconds(lambda: model.predict_proba(fresh)))
    return found


TIMED: dict[str, Callable[..., Any]] = {
    "small_brick": small_brick,
    "published_size": published_size,
    "whole_brick": whole_brick,
    "scan": scan,
    "forest": forest_times,
}

if __name__ == "__main__":
    print(json.dumps(TIMED[sys.argv[1]](*sys.argv[2:])))
