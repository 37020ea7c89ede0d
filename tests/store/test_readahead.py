"""Reading ahead: the same windows in the same order, errors in their place, no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.store.readahead import WINDOWS, read_ahead


def windows(pieces: list[bytes], fail_at: int = -1) -> Iterator[memoryview]:
    """`pieces` through as few buffers as a maker of windows may use."""
    buffers = [bytearray(16) for _ in range(WINDOWS)]
    for number, piece in enumerate(pieces):
        if number == fail_at:
            raise OSError("the disk is gone")
        buffer = buffers[number % WINDOWS]
        buffer[: len(piece)] = piece
        yield memoryview(buffer)[: len(piece)]


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hpcml-read-ahead"]


@given(st.lists(st.binary(min_size=1, max_size=16), max_size=40))
def test_every_window_once_and_in_order_though_buffers_are_used_again(pieces: list[bytes]) -> None:
    assert [bytes(window) for window in read_ahead(windows(pieces))] == pieces
    assert readers() == []


@given(st.integers(0, 6))
def test_an_error_comes_behind_the_windows_before_it(fail_at: int) -> None:
    pieces = [bytes([number]) for number in range(7)]
    seen: list[bytes] = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(bytes(window) for window in read_ahead(windows(pieces, fail_at)))
    assert seen == pieces[: len(seen)] and len(seen) == fail_at
    assert readers() == []


def test_a_caller_that_stops_early_leaves_no_thread() -> None:
    ahead = read_ahead(windows([b"a"] * 1000))
    next(ahead)
    ahead.close()
    assert readers() == []
