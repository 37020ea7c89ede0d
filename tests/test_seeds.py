"""Random streams are fixed by names, for ever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.seeds import label_words, stream

many = st.lists(st.one_of(st.integers(-(10**9), 10**9), st.text(max_size=6)), min_size=1, max_size=4)


@given(many, many)
def test_different_labels_are_different_streams(one: list[int | str], other: list[int | str]) -> None:
    same = [(type(item), item) for item in one] == [(type(item), item) for item in other]
    assert (label_words(tuple(one)) == label_words(tuple(other))) is same


def test_labels_are_not_glued_together() -> None:
    words = {
        label_words(item) for item in [("a", 1), ("a", "1"), ("a1",), ("a", 1, ""), (1, "a"), ("", "a1")]
    }
    assert len(words) == 6


@given(st.integers(0, 2**64), many)
def test_a_stream_depends_on_nothing_else(seed: int, words: list[int | str]) -> None:
    np.random.seed(0)
    first = stream(seed, *words).integers(0, 2**63, 4)
    np.random.seed(1)
    assert np.array_equal(stream(seed, *words).integers(0, 2**63, 4), first)
    assert not np.array_equal(stream(seed + 1, *words).integers(0, 2**63, 4), first)


def test_the_construction_is_frozen() -> None:
    """These numbers are in published tables: a change of them is a change of STREAM_VERSION."""
    found = stream(7, "toy", "u00000").integers(0, 2**32, 4).tolist()
    assert found == FROZEN
    assert label_words(("weights", 3)) == WORDS


FROZEN = [1180363966, 3692054792, 2815241112, 1128018175]
WORDS = (731917080, 2834750221, 2518459939, 1377787461)


def test_a_stream_needs_a_label() -> None:
    with pytest.raises(ValueError, match="label"):
        stream(1)
