"""Bootstrap weights: how often each of n rows occurs in one resampling of the data set.

Multinomial weights keep the total, independent Poisson(1) weights let it fluctuate. Both use raw integers of
the generator and tables of our own only, so that a change of a distribution algorithm in NumPy cannot change
a stored campaign.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD = 1 << 32
_PREFIXES = 1 << 16


def multinomial_weights(rng: np.random.Generator, rows: int) -> NDArray[np.uint16]:
    """Multiplicities of `rows` draws with replacement from `rows` rows: Multinomial(n, 1/n).

    Returns uint16 (rows,), sum exactly `rows`, mean 1; a fraction (1 - 1/n)^n -> 1/e is zero.
    Raises ValueError for negative `rows`. Source: Efron's non-parametric bootstrap.
    """
    if rows < 0:
        raise ValueError(f"rows must not be negative, got {rows}")
    if rows == 0:
        return np.zeros(0, np.uint16)
    drawn = rng.integers(0, rows, size=rows, dtype=np.int64)
    return np.bincount(drawn, minlength=rows).astype(np.uint16)


def poisson_weights(rng: np.random.Generator, rows: int) -> NDArray[np.uint16]:
    """Independent Poisson(1) weights, by inversion of one 32-bit word per row.

    Returns uint16 (rows,); probabilities are exact to the 2^-32 of the word. The total fluctuates
    with variance `rows`, as the number of events of a repeated experiment does.
    Raises ValueError for negative `rows`.
    """
    if rows < 0:
        raise ValueError(f"rows must not be negative, got {rows}")
    words = rng.integers(0, _WORD, size=rows, dtype=np.uint32)
    thresholds, values, ambiguous = _poisson_table()
    prefixes = words >> np.uint32(16)
    weights: NDArray[np.uint16] = values[prefixes]
    # a threshold falls inside a dozen of the 65,536 prefixes: only their words need the full search
    unsure = np.flatnonzero(ambiguous[prefixes])
    weights[unsure] = np.searchsorted(thresholds, words[unsure], side="right").astype(np.uint16)
    return weights


@cache
def _poisson_table() -> tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.bool_]]:
    """(thresholds, value by 16-bit prefix, prefix holds a threshold) of the inverse CDF.

    A word u means the number of thresholds <= u, with threshold j = round(2^32 P(X <= j)).
    """
    thresholds = []
    cumulative, term, j = 0.0, math.exp(-1.0), 0
    while True:
        cumulative += term
        word = round(cumulative * _WORD)
        if word >= _WORD:
            break
        thresholds.append(word)
        j += 1
        term /= j
    edges = np.array(thresholds, dtype=np.uint32)
    first = np.arange(_PREFIXES, dtype=np.uint64) << np.uint64(16)
    low = np.searchsorted(edges, first, side="right")
    high = np.searchsorted(edges, first + np.uint64(0xFFFF), side="right")
    return edges, low.astype(np.uint16), low != high
