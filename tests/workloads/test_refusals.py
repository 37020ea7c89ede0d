"""Refusals of pure functions arrive as one line with a remedy; what is complete already stays as it is."""

import pytest

from hpcml.errors import UsageError
from hpcml.workloads.refusals import refusal, reported


def test_a_refusal_keeps_its_remedy():
    with pytest.raises(UsageError) as caught, reported("components"):
        raise refusal("too many", "ask for fewer")
    assert (caught.value.message, caught.value.hint) == ("components: too many", "ask for fewer")


def test_a_plain_value_error_has_no_hint():
    with pytest.raises(UsageError) as caught, reported():
        raise ValueError("too many")
    assert (caught.value.message, caught.value.hint) == ("too many", "")


def test_a_usage_error_and_other_errors_pass():
    complete = UsageError("file.h5: no column", "add it")
    with pytest.raises(UsageError) as caught, reported("subject"):
        raise complete
    assert caught.value is complete
    with pytest.raises(KeyError), reported():
        raise KeyError("name")
