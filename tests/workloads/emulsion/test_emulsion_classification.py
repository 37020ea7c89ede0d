"""Which showers a forest knows, counts of segments, segments to compare."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpcml.learning.training import ForestSettings
from hpcml.workloads.emulsion.classification import (
    KINDS,
    TreeSettings,
    counts_by_shower,
    feature_edges,
    in_training,
    segments_to_compare,
)


def test_a_shower_is_known_by_its_injector_not_by_its_number():
    """Shower, brick, id, x, y: the second has the number and the brick of the first, and another injector."""
    showers = [
        np.array(column) for column in ([0, 0, 1], [0, 0, 0], [7, 8, 9], [1.5, 1.5, 2.0], [0.0, 0.0, 0.0])
    ]
    split = [np.array(column) for column in ([1, 0], [0, 0], [9, 7], [2.0, 1.5], [0.0, 0.0])]
    assert in_training(showers, split, np.array([1, 1])).tolist() == [True, False, True]
    assert in_training(showers, split, np.array([0, 1])).tolist() == [True, False, False]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=60))
def test_every_segment_is_of_one_kind(rows):
    shower, signal, predicted = np.array(rows, int).reshape(-1, 3).T
    found = counts_by_shower(shower, signal > 0, predicted > 0, showers=5)
    every = np.bincount(shower, minlength=5)
    assert sum(found[kind].astype(int) for kind in KINDS).tolist() == every.tolist()
    assert found["size"].tolist() == (found["true_positive"] + found["false_positive"]).tolist()
    assert found["true_positive"].sum() == (signal & predicted).sum()


def test_only_large_showers_that_are_new_to_the_forest_are_compared():
    predicted = np.array([1, 1, 0, 1, 1, 1, 1])
    showers, chosen = segments_to_compare(
        np.array([2, 1, 3]), np.array([0, 0, 1]), np.array([3, 1, 3]), predicted, least=2
    )
    assert showers == 1
    assert chosen.tolist() == [True, True, False, False, False, False, False]


def test_bins_of_compared_features():
    assert feature_edges("link_dty", np.array([3.0]))[[0, -1]].tolist() == [-0.22, 0.22]
    edges = feature_edges("cone_tan", np.array([0.02, 0.4]))
    assert len(edges) == 51
    assert edges[[0, -1]].tolist() == [0.0, 0.5]


def test_weights_of_trees():
    assert TreeSettings().forest(7) == ForestSettings(7, 200, None)
    assert TreeSettings(9, "signal_100").forest(1) == ForestSettings(1, 9, (1.0, 100.0))
