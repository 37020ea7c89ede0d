"""The schema of what emulsion workloads return: base-tracks, bricks, starters, linked segments.

Names, types, units and meanings of columns.

Plates are counted from downstream: plate 0 is the last film that the beam meets, and z increases with the
beam.
"""

from __future__ import annotations

from hpcml.workload import Column, Table

SIMULATION, BACKGROUND, DATA = 0, 1, 2
NONE = -999

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
PLATES = Table(
    "plates",
    (
        Column("plate", "int32", (), "", "film, counted from downstream"),
        Column("z", "float64", (), "um", "of all its base-tracks, NaN where it has none"),
        Column("first", "int64", (), "", "its first row among the brick's base-tracks"),
    ),
)
GRID = Table(
    "grid",
    (
        Column("low", "float64", (2,), "um", "corner of the grid of cells in x and y"),
        Column("size", "float64", (), "um", "side of a cell"),
        Column("number", "int32", (2,), "", "cells in x and y"),
    ),
)
CELLS = Table(
    "cells",
    (
        Column(
            "first", "int64", (), "", "first row of each cell among the brick's base-tracks, by plate, x, y"
        ),
    ),
)
PRIMARY = Column(
    "primary_p", "float32", (), "GeV", "largest momentum of the event: of the primary, -999 for none"
)
STARTERS = Table(
    "starters",
    (
        Column("brick", "int32", (), "", "number of the brick"),
        Column("shower", "int32", (), "", "number of the shower: its event, or counted from 0 for data"),
        Column("row", "int64", (), "", "its base-track among the brick's, -1 where none was found"),
        Column("reason", "S24", (), "", "why none was found"),
        Column("true_segments", "uint32", (), "", "simulated base-tracks downstream of it"),
        PRIMARY,
    ),
)
FEATURES = (
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
SHOWER = Column("shower", "int32", (), "", "number of the shower")
CANDIDATES = Table(
    "candidates",
    (
        SHOWER,
        Column("brick", "int32", (), "", "number of the brick"),
        *TRACK,
        Column("signal", "uint8", (), "", "1 for simulated base-tracks of this event"),
        *FEATURES,
    ),
)
SHOWERS = Table(
    "showers",
    (
        SHOWER,
        Column("brick", "int32", (), "", "number of the brick"),
        *(column for column in TRACK if column.name not in ("source", "mc_track", "flag", "track_id")),
        PRIMARY,
        Column("slope", "float32", (), "um", "of the growing rectangle, full width a film"),
        Column("intercept", "float32", (), "um", "full width of the rectangle at the injector"),
        Column("true_segments", "uint32", (), "", "simulated base-tracks downstream of the injector"),
        Column("in_pyramid", "uint32", (), "", "base-tracks inside the growing rectangles"),
        Column("after_cuts", "uint32", (), "", "of these, after the cuts on angle and impact parameter"),
        Column("linked", "uint32", (), "", "of these, linked to the injector"),
    ),
)
