"""Jet constituents -> jet images: centre, rotate, flip, pixelate, normalise.

What lives here: the geometry of one jet, vectorised over a block of jets. What does not: finding
jets (clustering.py), powers and smearing of finished images (reprocessing.py).

Every operation acts on the 200 slots of one jet alone, in a fixed order, so an image is bit for
bit the same in whatever block of jets it is computed. The procedure is that of arXiv:2402.17714,
with the usual sign of eta and phi measured from the constituent of most pT. The `original` convention has
minus eta and the constituent of most energy instead: the flip removes the mirror image and the centring
the origin, so images differ by rounding alone, and where more than 200 constituents were cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 40
HALF_WIDTH = 0.8


class JetFrame(NamedTuple):
    """Constituents in the frame of their jet; all float64 (jets, slots).

    phi: along the major axis of the pT distribution. eta: across it. pt: GeV, 0 in empty slots.
    """

    phi: NDArray[np.float64]
    eta: NDArray[np.float64]
    pt: NDArray[np.float64]


def jet_frame(constituents: NDArray[np.float64]) -> JetFrame:
    """Centre, rotate and flip jets: float64 (jets, slots, 3) of (pT, eta, phi) -> JetFrame.

    The pT-weighted centroid goes to the origin, the major axis of the pT-weighted second moments
    to the phi axis, the quadrant with most pT to phi > 0, eta > 0. Empty slots have pT = 0; the first
    slot is what phi is measured from before anything is averaged.
    """
    pt, eta, phi = (np.ascontiguousarray(constituents[..., column]) for column in range(3))
    total = _per_jet(pt)
    total = np.where(total > 0, total, 1.0)

    # phi has no origin: measure it from one constituent before averaging anything
    phi = _wrap(phi - phi[:, :1])
    eta = eta - eta[:, :1]
    phi = _wrap(phi - _per_jet(pt * phi) / total)
    phi = phi - _per_jet(pt * phi) / total
    eta = eta - _per_jet(pt * eta) / total

    # the major axis of a symmetric 2x2 tensor has this angle in closed form
    along, across, mixed = _per_jet(pt * phi * phi), _per_jet(pt * eta * eta), _per_jet(pt * phi * eta)
    angle = 0.5 * np.arctan2(2.0 * mixed, along - across)
    cosine, sine = np.cos(angle), np.sin(angle)
    phi, eta = phi * cosine + eta * sine, eta * cosine - phi * sine

    right, up = phi > 0, eta > 0
    quadrants = [_per_jet(pt * mask) for mask in (right & up, ~right & up, ~right & ~up, right & ~up)]
    heaviest = np.argmax(np.concatenate(quadrants, axis=1), axis=1)[:, None]
    phi = np.where((heaviest == 1) | (heaviest == 2), -phi, phi)
    eta = np.where((heaviest == 2) | (heaviest == 3), -eta, eta)
    return JetFrame(phi, eta, pt)


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
    original stops the whole conversion there). mirrored: minus eta, as the original has it.
    """
    leading = constituents.shape[:-2]
    flat = constituents.reshape(-1, *constituents.shape[-2:])
    frame = jet_frame(flat * np.array([1.0, -1.0, 1.0]) if mirrored else flat)
    edges = np.linspace(-half_width, half_width, size + 1)
    column, row = _pixel(frame.phi, edges), _pixel(frame.eta, edges)
    inside = (column >= 0) & (row >= 0) & (frame.pt > 0)
    jet = np.broadcast_to(np.arange(len(flat))[:, None], inside.shape)
    pixel = (jet * size + column) * size + row
    number = len(flat) * size * size
    filled = np.bincount(pixel[inside], weights=frame.pt[inside], minlength=number).astype(np.float64)
    images = filled.reshape(len(flat), size * size)
    total = _per_jet(images)
    shares = images / np.where(total > 0, total, 1.0)
    return shares.reshape(*leading, size, size).astype(np.float32)


def _per_jet(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the last axis, kept. Contiguous rows of fixed length are summed in one fixed order."""
    summed: NDArray[np.float64] = np.ascontiguousarray(values).sum(axis=-1, keepdims=True)
    return summed


def _wrap(phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles to (-pi, pi], by whole turns."""
    wrapped: NDArray[np.float64] = phi - 2.0 * np.pi * np.ceil((phi - np.pi) / (2.0 * np.pi))
    return wrapped


def _pixel(coordinate: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pixel index along one axis; -1 outside."""
    last = len(edges) - 2
    index = np.searchsorted(edges, coordinate, side="right").astype(np.int64) - 1
    index[coordinate == edges[-1]] = last
    index[index > last] = -1
    return index
