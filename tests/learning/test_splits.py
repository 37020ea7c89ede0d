"""Splits: groups stay together, sizes are as asked for, streams decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml import seeds
from hpcml.learning import splits

labels = st.lists(st.integers(-5, 20), min_size=1, max_size=80).map(np.array)


@given(labels, st.floats(0.05, 0.95), st.integers(0, 9))
def test_no_group_is_divided(groups, share, stream):
    trained = splits.train_test_groups(groups, share, seeds.stream(1, "split", stream))
    names = np.unique(groups)
    assert not np.intersect1d(groups[trained], groups[~trained]).size
    tested = len(np.unique(groups[~trained]))
    assert tested == min(max(round(share * len(names)), 1), len(names) - 1)


@given(labels, st.integers(2, 6), st.integers(0, 9))
def test_folds_divide_no_group_and_are_as_equal_as_can_be(groups, folds, stream):
    names = np.unique(groups)
    if len(names) < folds:
        with pytest.raises(ValueError, match=f"{len(names)} groups cannot be divided into {folds} folds"):
            splits.group_folds(groups, folds, seeds.stream(1, "folds", stream))
        return
    found = splits.group_folds(groups, folds, seeds.stream(1, "folds", stream))
    assert all(len(np.unique(found[groups == name])) == 1 for name in names)
    sizes = [len(np.unique(groups[found == fold])) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("number", "tested"), [(1, 0), (2, 1), (10, 3), (100, 30)])
def test_a_single_group_is_trained_on(number, tested):
    trained = splits.train_test_groups(np.arange(number), 0.3, seeds.stream(1, "split"))
    assert (~trained).sum() == tested


def test_equal_streams_split_alike():
    groups = np.arange(50)
    first, again, other = (
        splits.train_test_groups(groups, 0.5, seeds.stream(1, "split", n)) for n in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
