"""Electromagnetic showers in emulsion bricks: from base-tracks to energies."""
