"""Electromagnetic showers in emulsion bricks: from base-tracks to energies."""

EXTRA = "emulsion"
# modules of that extra which a worker imports
REQUIRES = ("numba", "sklearn", "scipy", "pandas")
