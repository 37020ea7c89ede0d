"""Base-tracks as columns: filling what is unknown, joining parts, taking films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workloads.emulsion.background import Film
from hpcml.workloads.emulsion.columns import NONE, TRACK
from hpcml.workloads.refusals import refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]

UNKNOWN = {"event": NONE, "mc_track": NONE, "p": NONE, "flag": 0, "track_id": -1}


def track_columns(number: int, given: Mapping[str, Any]) -> Columns:
    """Columns of the table of base-tracks, (number,) each; what is not given means `unknown`."""
    return {
        column.name: np.broadcast_to(
            np.asarray(given.get(column.name, UNKNOWN.get(column.name))), (number,)
        ).astype(column.dtype)
        for column in TRACK
    }


def film_columns(
    film: Film, plate: int | NDArray[np.int64], *, z: float | NDArray[np.floating], start: int, source: int
) -> Columns:
    """Base-tracks of background, of one film or of several (plate, z: (n,)), numbered from `start`."""
    size = len(film.x)
    given = {"plate": plate, "id": start + np.arange(size), "source": source, "z": z}
    return track_columns(size, {**given, **film._asdict()})


def joined(parts: Sequence[Columns]) -> Columns:
    """Base-tracks of several parts one after the other."""
    return {column.name: np.concatenate([part[column.name] for part in parts]) for column in TRACK}


def most_upstream(rows: Columns, films: int) -> Columns:
    """Base-tracks (n,) on the `films` plates of the highest numbers, counted from the highest."""
    early = rows["plate"] > int(rows["plate"].max(initial=0)) - films
    return {name: column[early] for name, column in rows.items()}


def films_of(rows: Columns, *, highest_first: bool) -> list[Film]:
    """Positions and slopes in double precision of each plate with base-tracks, by its number."""
    films = []
    for plate in np.unique(rows["plate"])[:: -1 if highest_first else 1].tolist():
        own = rows["plate"] == plate
        films.append(Film(*(rows[name][own].astype(np.float64) for name in ("x", "y", "tx", "ty"))))
    return films


def check_base_tracks(columns: Mapping[str, NDArray[Any]]) -> None:
    """ValueError for values that are not finite, and for keys that occur twice."""
    for column in ("x", "y", "z", "tx", "ty"):
        bad = ~np.isfinite(columns[column])
        if bad.any():
            row = int(np.argmax(bad))
            where = f"plate {columns['plate'][row]}, id {columns['id'][row]}"
            raise refusal(f"{column} of base-track {row} ({where}) is not finite", "drop or fix it")
    order = np.lexsort((columns["id"], columns["plate"], columns["source"]))
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in ("source", "plate", "id"):
        values = columns[column][order]
        same &= values[1:] == values[:-1]
    if same.any():
        row = int(order[int(np.argmax(same))])
        raise refusal(
            f"duplicate id {columns['id'][row]} on plate {columns['plate'][row]}, in one source",
            "a base-track is named by plate, id and source: number them again",
        )
