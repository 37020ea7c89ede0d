"""Checks of columns of others: types, finite values, and how refusals read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.errors import InputError
from hpcml.readers.checks import as_type, require_finite, unreadable

PATH = Path("events.h5")


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1))
def test_integers_keep_their_values_from_any_type(numbers):
    for given_dtype in (np.int64, np.float64, object):
        found = as_type(np.array(numbers, given_dtype), "int32", "a")
        assert found.dtype == np.int32
        assert found.tolist() == numbers


def test_empty_cells_of_integers_are_what_is_missing():
    assert as_type(np.array([1.0, np.nan]), "int32", "a", missing=-999).tolist() == [1, -999]
    assert np.isnan(as_type(np.array([1.0, np.nan]), "float32", "a", missing=-999)[1])


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        ([0.5], "int32", "contains 0.5, not an integer of type int32"),
        ([2**31], "int32", "contains 2147483648, not an integer of type int32"),
        ([-1], "uint8", "contains -1, not an integer of type uint8"),
        ([1e30], "int64", r"contains 1e\+30, not an integer of type int64"),
        (["oops"], "float32", "contains a value that is not a number: could not convert"),
    ],
)
def test_values_that_are_not_of_the_type_are_named(values, dtype, message):
    with pytest.raises(InputError, match=f"FILE: column a {message}") as caught:
        as_type(np.array(values), dtype, "FILE: column a")
    assert caught.value.hint == "fix or drop these rows"


@given(st.integers(0, 5), st.integers(0, 100))
def test_the_first_row_that_is_not_finite_is_named(row, first):
    values = np.zeros((8, 2, 3))
    require_finite(PATH, values, first)
    values[row:, 1, 2] = np.inf
    with pytest.raises(
        InputError, match=f"events.h5: event {first + row} contains a value that is not finite"
    ):
        require_finite(PATH, values, first, row="event")


def test_an_unreadable_file_says_what_is_expected():
    error = unreadable(PATH, "a CSV file", OSError("no such file"))
    assert error.message == "events.h5 cannot be read: no such file"
    assert error.hint == "a CSV file"
