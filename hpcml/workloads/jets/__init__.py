"""Cluster scanning of dijet events: jet images, k-means on bootstrap resamplings (arXiv:2402.17714)."""
