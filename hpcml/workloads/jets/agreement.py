"""k-means in principal components against k-means in all pixels, on the same jets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hpcml.numerics.components import reconstruct
from hpcml.workloads.jets import kmeans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hpcml.numerics.components import Basis


class Comparison(NamedTuple):
    """labels_equal: share of jets whose nearest centre is the same in components and in pixels, for the
    centres that were found in components. inertia_components: of these centres, inertia_pixels: of those
    that were found in pixels from the same streams; both in pixels, over training jets."""

    labels_equal: float
    inertia_components: float
    inertia_pixels: float


def compare(
    pixels: NDArray[np.float32],
    features: NDArray[np.float32],
    training: NDArray[np.bool_],
    *,
    basis: Basis,
    k: int,
    batch_size: int,
    streams: Sequence[np.random.Generator],
    samples: Sequence[np.random.Generator],
) -> Comparison:
    """Train on the jets `training` (n,) of `pixels` (n, pixels) and of their components (n, components).

    streams, samples: two equal generators each, for the two fits. ValueError for fewer than k training jets.
    """
    weights = np.ones(int(training.sum()), np.uint16)
    fits = [
        kmeans.fit(
            kmeans.training(points[training], weights),
            k=k, algorithm="minibatch", batch_size=batch_size, sample=sample, streams=[stream],
        )[0]
        for points, sample, stream in zip((features, pixels), samples, streams, strict=True)
    ]  # fmt: skip
    restored = reconstruct(fits[0].centres, basis)[None]
    equal = kmeans.assign(fits[0].centres[None], features) == kmeans.assign(restored, pixels)
    exact = kmeans.training(pixels[training], weights)
    return Comparison(float(equal.mean()), float(kmeans.inertia(exact, restored)[0]), fits[1].inertia)
