"""Cluster scanning of dijet events: jet images, k-means on bootstrap resamplings (arXiv:2402.17714)."""

EXTRA = "jets"
# modules of that extra which a worker imports
REQUIRES = ("fastjet", "sklearn", "scipy", "tables")
