"""Mini-batches: rows are drawn by weight, centres are means, forgotten centres come back."""

import numpy as np
import pytest

from hpcml import seeds
from hpcml.numerics.bootstrap import multinomial_weights
from hpcml.workloads.jets import kmeans, minibatch


@pytest.fixture(scope="module")
def jets(simulated):
    return simulated.tables["images"]["image"][:1500].reshape(3000, 1600)


def fit(points, weights, start, batch_size=256):
    points, start = np.asarray(points, np.float32), np.asarray(start, np.float32)
    rng = seeds.stream(1, "init")
    copies = np.repeat(np.arange(len(points)), np.asarray(weights))
    norms = (points**2).sum(axis=1)
    return minibatch.fit_minibatch(points, start, copies=copies, norms=norms, batch_size=batch_size, rng=rng)


def test_rows_are_drawn_by_weight():
    found = fit([[0.0], [1.0], [5.0]], [1000, 8000, 1000], [[3.0]], batch_size=4000)
    assert found.centres[0, 0] == pytest.approx((8 + 5) / 10, abs=0.05)


def test_centres_are_the_means_of_what_they_were_given():
    cloud = seeds.stream(1, "cloud").normal(size=(400, 3)) * 0.1
    points = np.concatenate([cloud, cloud + 10])
    found = fit(points, np.ones(800, int), [[1, 1, 1], [8, 8, 8]])
    assert found.centres == pytest.approx(np.array([[0, 0, 0], [10, 10, 10]]) + cloud.mean(axis=0), abs=0.02)
    assert found.iterations > minibatch.PATIENCE


def test_a_centre_that_no_jet_chose_starts_anew():
    points = np.concatenate([np.zeros((300, 1)), np.ones((300, 1))])
    found = fit(points, np.ones(600, int), [[0.5], [1e6]])
    assert sorted(found.centres[:, 0]) == pytest.approx([0, 1], abs=0.01)


def test_it_is_as_good_as_scikit_learn_on_repeated_rows(jets):
    from sklearn.cluster import MiniBatchKMeans

    weights = multinomial_weights(seeds.stream(1, "weights", 0), len(jets))
    kept, repeated = weights > 0, np.repeat(jets, weights, axis=0)
    ours, theirs = [], []
    for seed in range(6):
        ours.append(
            kmeans.fit(
                kmeans.training(jets[kept], weights[kept]), k=20, algorithm="minibatch", batch_size=512,
                sample=seeds.stream(seed, "seeding"), streams=[seeds.stream(seed, "init")],
            )[0].inertia
        )  # fmt: skip
        model = MiniBatchKMeans(20, n_init=1, batch_size=512, random_state=seed).fit(repeated)
        label = model.predict(repeated)
        theirs.append(((repeated - model.cluster_centers_[label]) ** 2).sum(axis=1, dtype=float).mean())
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.03)
