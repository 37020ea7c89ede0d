"""Base-tracks as columns: filling what is unknown, joining parts.

Making the columns of the table of base-tracks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workloads.emulsion.tables import NONE, TRACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.workloads.emulsion.background import Film

    Columns = dict[str, NDArray[Any]]


def track_columns(number: int, given: Mapping[str, Any]) -> Columns:
    """Columns of the table of base-tracks, (number,) each; what is not given means `unknown`."""
    unknown = {"event": NONE, "mc_track": NONE, "p": NONE, "flag": 0, "track_id": -1}
    return {
        one.name: np.broadcast_to(np.asarray(given.get(one.name, unknown.get(one.name))), (number,)).astype(
            one.dtype
        )
        for one in TRACK
    }


def joined(parts: Sequence[Columns]) -> Columns:
    """Base-tracks of several parts one after the other."""
    return {one.name: np.concatenate([part[one.name] for part in parts]) for one in TRACK}


def film_columns(
    film: Film, plate: int | NDArray[np.int64], *, z: float | NDArray[np.floating], start: int, source: int
) -> Columns:
    """Base-tracks of background, of one film or of several (plate, z: (n,)), numbered from `start`."""
    size = len(film.x)
    given = {"plate": plate, "id": start + np.arange(size), "source": source, "z": z}
    return track_columns(size, {**given, **film._asdict()})
