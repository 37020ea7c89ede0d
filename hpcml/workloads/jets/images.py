"""Jet constituents -> jet images: centre, rotate, flip, pixelate, normalise; a block of jets at once.

Every operation acts on the constituents of one jet alone, in a fixed order, so an image is bit for
bit the same in whatever block of jets it is computed. The procedure is that of arXiv:2402.17714,
with the usual sign of eta and phi measured from the constituent of most pT. The `original` convention has
minus eta and the constituent of most energy instead: the flip removes the mirror image and the centring
the origin, so images differ by rounding alone, and where more than 200 constituents were cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

if TYPE_CHECKING:
    from numpy.typing import NDArray

# parameters of steps: pixels along one axis, and how far they reach from the centre in rad
ImageSize = Annotated[int, Ge(2), Le(400)]
HalfWidth = Annotated[float, Gt(0)]

SIZE = 40
HALF_WIDTH = 0.8
CHUNK = 256


class JetFrame(NamedTuple):
    """Filled constituents of all jets one after the other, each in the frame of its jet.

    jet: int64 (n,), the jet that each belongs to, ascending. phi: float64 (n,), along the major axis of the
    pT distribution. eta: float64 (n,), across it. pt: float64 (n,), GeV.
    """

    jet: NDArray[np.int64]
    phi: NDArray[np.float64]
    eta: NDArray[np.float64]
    pt: NDArray[np.float64]


def jet_frame(constituents: NDArray[np.float64], *, mirrored: bool = False) -> JetFrame:
    """Centre, rotate and flip jets: float64 (jets, slots, 3) of (pT, eta, phi) -> JetFrame.

    The pT-weighted centroid goes to the origin, the major axis of the pT-weighted second moments
    to the phi axis, the quadrant with most pT to phi > 0, eta > 0. Empty slots have pT = 0; the first
    slot is what phi is measured from before anything is averaged. mirrored: minus eta, as the original.
    """
    jets = len(constituents)
    filled = np.flatnonzero(constituents[..., 0] > 0)
    jet = filled // constituents.shape[1]
    pt, eta, phi = np.ascontiguousarray(constituents.reshape(-1, 3)[filled].T)
    if mirrored:
        eta = -eta
    total = np.bincount(jet, pt, jets)
    total = np.where(total > 0, total, 1.0)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        # added up one after the other, within each jet alone
        means: NDArray[np.float64] = (np.bincount(jet, pt * values, jets) / total)[jet]
        return means

    # phi has no origin: measure it from one constituent before averaging anything
    phi = _wrap(phi - constituents[jet, 0, 2])
    phi = _wrap(phi - mean(phi))
    phi = phi - mean(phi)
    eta = eta - mean(eta)

    # the major axis of a symmetric 2x2 tensor has this angle in closed form
    along, across, mixed = (
        np.bincount(jet, pt * product, jets) for product in (phi * phi, eta * eta, phi * eta)
    )
    angle = 0.5 * np.arctan2(2.0 * mixed, along - across)
    cosine, sine = np.cos(angle)[jet], np.sin(angle)[jet]
    phi, eta = phi * cosine + eta * sine, eta * cosine - phi * sine

    # quadrants counted counterclockwise from phi > 0, eta > 0; the first of equals
    left, down = phi <= 0, eta <= 0
    quadrant = np.where(down, 3 - left, left)
    heaviest = np.bincount(4 * jet + quadrant, pt, 4 * jets).reshape(jets, 4).argmax(axis=1)
    phi = phi * np.where((heaviest == 1) | (heaviest == 2), -1.0, 1.0)[jet]
    eta = eta * np.where(heaviest >= 2, -1.0, 1.0)[jet]
    return JetFrame(jet, phi, eta, pt)


def jet_images(
    constituents: NDArray[np.float64],
    *,
    size: int = SIZE,
    half_width: float = HALF_WIDTH,
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """pT images of jets: (..., slots, 3) of (pT, eta, phi) -> float32 (..., size, size), sum 1 each.

    First image axis phi, second eta, from -half_width to half_width each, pixels half-open except the last.
    Constituents outside are dropped. A jet with nothing inside gives an image of zeros (the
    original stops the conversion of all events there). mirrored: as for `jet_frame`.
    """
    flat = constituents.reshape(-1, *constituents.shape[-2:])
    images = np.zeros(len(flat) * size * size, np.float32)
    edges = np.linspace(-half_width, half_width, size + 1)
    sums = np.zeros(CHUNK * size * size)
    # as many jets at a time as stay in the processor's cache
    for first in range(0, len(flat), CHUNK):
        part = flat[first : first + CHUNK]
        frame = jet_frame(part, mirrored=mirrored)
        column, row = _pixel(frame.phi, edges), _pixel(frame.eta, edges)
        inside = (column >= 0) & (row >= 0)
        jet, pt = frame.jet[inside], frame.pt[inside]
        pixel = ((frame.jet * size + column) * size + row)[inside]
        total = np.bincount(jet, pt, len(part))
        # few pixels are filled: sums in double precision are kept of those alone
        np.add.at(sums, pixel, pt)
        images[first * size * size + pixel] = sums[pixel] / total[jet]
        sums[pixel] = 0.0
    return images.reshape(*constituents.shape[:-2], size, size)


def _wrap(phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles to (-pi, pi], by full turns."""
    wrapped: NDArray[np.float64] = phi - 2.0 * np.pi * np.ceil((phi - np.pi) / (2.0 * np.pi))
    return wrapped


def _pixel(coordinate: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pixel index along one axis of evenly spaced `edges`, half-open but the last; -1 outside."""
    size = len(edges) - 1
    guess = (coordinate - edges[0]) * (size / (edges[-1] - edges[0]))
    index = np.clip(guess, -1.0, size).astype(np.int64)
    # the guess may be off by rounding: the edges decide, as they would in a histogram
    below = np.clip(index, 0, size - 1)
    index = below + (coordinate >= edges[below + 1]) - (coordinate < edges[below])
    index[coordinate == edges[-1]] = size - 1
    return np.where((index < 0) | (index >= size), -1, index)
