"""Columns that several emulsion workloads share: keys of base-tracks and showers, measurements, features.

Plates are counted from downstream: plate 0 is the last film that the beam meets, and z increases with the
beam.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hpcml.workload import Column, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

# the column `source`
SIMULATION, BACKGROUND, DATA = 0, 1, 2
NONE = -999  # no event, no particle, no momentum

KEY = (
    Column("plate", "int32", (), "", "film, counted from downstream"),
    Column("id", "int64", (), "", "number of the base-track; unique with plate and source"),
    Column("source", "uint8", (), "", "0 simulation, 1 background, 2 data"),
)
TRACK = (
    *KEY,
    Column("x", "float32", (), "um", "position in the film"),
    Column("y", "float32", (), "um", "position in the film"),
    Column("z", "float32", (), "um", "position along the beam"),
    Column("tx", "float32", (), "", "slope dx/dz"),
    Column("ty", "float32", (), "", "slope dy/dz"),
    Column("event", "int32", (), "", "simulated event, -999 for none"),
    Column("mc_track", "int32", (), "", "simulated particle, 0 the primary, -999 for none"),
    Column("p", "float32", (), "GeV", "simulated momentum, -999 for none"),
    Column("flag", "int32", (), "", "PDG code of the simulated particle, 0 for none"),
    Column("track_id", "int64", (), "", "volume track that it belongs to, -1 for none"),
)
TRACKS = Table("tracks", TRACK)
PRIMARY = Column(
    "primary_p", "float32", (), "GeV", "largest momentum of the event: of the primary, -999 for none"
)
SHOWER = Column("shower", "int32", (), "", "number of the shower")
BRICK = Column("brick", "int32", (), "", "number of the brick")
TRAINED = Column("trained", "uint8", (), "", "1 for showers that the forest was trained on")
# what selection and linking measure of a segment
MEASURED = (
    Column("dtheta", "float64", (), "rad", "angle to the beam less that of the injector"),
    Column("ip", "float64", (), "um", "distance to the injector when extrapolated back to its film"),
    Column("ip_over_dz", "float64", (), "", "the same over the distance along the beam"),
    Column("cone_tan", "float64", (), "", "tangent of the angle at which the injector sees it"),
    Column("depth_films", "int32", (), "", "films downstream of the injector"),
    Column("link_dx", "float64", (), "um", "from where its predecessor points to"),
    Column("link_dy", "float64", (), "um", "from where its predecessor points to"),
    Column("link_dtx", "float64", (), "", "slope of its predecessor less its own"),
    Column("link_dty", "float64", (), "", "slope of its predecessor less its own"),
    Column("link_angle", "float64", (), "rad", "angle to its predecessor"),
    Column("link_dr", "float64", (), "um", "distance from where its predecessor points to"),
    Column("link_films", "int32", (), "", "films from its predecessor: 1 the neighbouring one"),
)


def real(name: str, meaning: str, unit: str = "") -> Column:
    """A column of real numbers."""
    return Column(name, "float64", (), unit, meaning)


def count(name: str, meaning: str) -> Column:
    """A column of counts."""
    return Column(name, "uint32", (), "", meaning)


def one_row(table: Table, **values: Any) -> dict[str, NDArray[Any]]:
    """One row of `table`: `values` in the types of its columns."""
    return {column.name: np.array([values[column.name]], column.dtype) for column in table.columns}
