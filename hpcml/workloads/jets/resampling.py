"""What one resampling consists of: weights of background events, injected signal events, a digest of both.

The data set itself is resampling -1: each background event counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hpcml.numerics import bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bootstrap = Literal["multinomial", "poisson"]
ORIGINAL = -1


def check_injection(injected: int, signal_fraction: float) -> None:
    """ValueError when both parameters give the number of signal events."""
    if injected and signal_fraction:
        raise ValueError("injected and signal_fraction both set the number of signal events: set one of them")


def injected_events(injected: int, signal_fraction: float, available: int) -> int:
    """Number of signal events to add: `injected`, or this fraction of all that are `available`."""
    return injected or round(signal_fraction * available)


def background_weights(
    kind: Bootstrap, resampling: int, size: int, *, stream: np.random.Generator
) -> NDArray[np.uint16]:
    """How often each of `size` background events counts in `resampling`, uint16 (size,).

    `multinomial` keeps the total, `poisson` lets it fluctuate. stream: not used for the data set itself.
    """
    if resampling == ORIGINAL:
        return np.ones(size, np.uint16)
    draw = {"multinomial": bootstrap.multinomial_weights, "poisson": bootstrap.poisson_weights}
    return draw[kind](stream, size)


def signal_weights(stream: np.random.Generator, size: int, injected: int) -> NDArray[np.uint16]:
    """1 for `injected` of `size` signal events, without replacement: uint16 (size,). A small injection of the
    same stream is part of a larger one. ValueError for more than there are."""
    if injected > size:
        raise ValueError(f"injected is {injected}, the input holds {size} signal events")
    weights = np.zeros(size, np.uint16)
    weights[stream.permutation(size)[:injected]] = 1
    return weights


def weight_digest(background: NDArray[np.uint16], signal: NDArray[np.uint16]) -> int:
    """xxh3-64 of the weights of all events: whether two steps looked at the same resampling."""
    import xxhash

    state = xxhash.xxh3_64(np.ascontiguousarray(background, "<u2").tobytes())
    state.update(np.ascontiguousarray(signal, "<u2").tobytes())
    return int(state.intdigest())
