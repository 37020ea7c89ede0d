"""k-means: weights equal repeated rows, seeds decide everything, refusals."""

import numpy as np
import pytest

from hpcml import seeds
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.workloads.jet_scanning import kmeans


@pytest.fixture(scope="module")
def jets(simulated):
    return simulated.tables["images"]["image"][:1500].reshape(3000, 1600)


def fit(points, weights, **options):
    defaults = {"k": 10, "algorithm": "lloyd", "batch_size": 512, "seed": 1}
    return kmeans.fit(points, weights, **(defaults | options))


def test_weighted_lloyd_equals_repeated_rows(jets):
    weights = multinomial_weights(seeds.stream(1, "weights", 0), len(jets))
    centres = jets[:: len(jets) // 10][:10].copy()
    kept = weights > 0
    weighted = fit(jets[kept], weights[kept], centres=centres)
    rows = np.repeat(jets, weights, axis=0)
    repeated = fit(rows, np.ones(len(rows), np.uint16), centres=centres)
    difference = np.abs(weighted.model.cluster_centers_ - repeated.model.cluster_centers_).max()
    assert difference < 1e-6
    assert np.array_equal(kmeans.assign(weighted.model, jets), kmeans.assign(repeated.model, jets))
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-6)


@pytest.mark.parametrize("algorithm", ["lloyd", "minibatch"])
def test_equal_seeds_give_equal_centres(jets, algorithm):
    weights = np.ones(500, np.uint16)
    first, again, other = (fit(jets[:500], weights, algorithm=algorithm, seed=s) for s in (3, 3, 4))
    assert np.array_equal(first.model.cluster_centers_, again.model.cluster_centers_)
    assert first.inertia == again.inertia
    assert not np.array_equal(first.model.cluster_centers_, other.model.cluster_centers_)


def test_inertia_is_the_mean_squared_distance(jets):
    weights = np.arange(400, dtype=np.uint16) % 3 + 1
    found = fit(jets[:400], weights)
    labels = kmeans.assign(found.model, jets[:400])
    squared = ((jets[:400].astype(float) - found.model.cluster_centers_[labels]) ** 2).sum(axis=1)
    assert found.inertia == pytest.approx(np.average(squared, weights=weights), rel=1e-5)


def test_rows_of_a_mapped_sample(jets):
    images = jets.reshape(-1, 2, 40, 40)
    found = fit(jets[:400], np.ones(400, np.uint16))
    rows = np.array([0, 5, 700])
    labels = kmeans.assign_rows(found.model, images, rows=rows)
    assert np.array_equal(labels, kmeans.assign(found.model, jets).reshape(-1, 2)[rows])
    assert kmeans.assign_rows(found.model, images, rows=rows[:0]).shape == (0, 2)


def test_too_few_training_jets_are_refused(jets):
    with pytest.raises(ValueError, match="widen train_interval"):
        fit(jets[:5], np.ones(5, np.uint16))
