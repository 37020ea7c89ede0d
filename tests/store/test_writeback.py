"""What was written is handed to the disk while more is written: all of it, in order, and as advice only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hpcml.store import writeback
from hpcml.store.writeback import WriteBack

Ranges = list[tuple[int, int]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Ranges:
    found: Ranges = []
    monkeypatch.setattr(writeback, "AHEAD", 100)
    monkeypatch.setattr(writeback, "GAP", 5)
    monkeypatch.setattr(
        os, "posix_fadvise", lambda handle, begin, length, advice: found.append((begin, length))
    )
    return found


def test_pieces_that_follow_each_other_are_handed_over_together_and_the_rest_at_the_end(told: Ranges) -> None:
    with WriteBack(0) as disk:
        for begin in range(10, 260, 30):
            disk.wrote(begin, 30)
    assert told == [(10, 120), (130, 120), (250, 30)]


def test_a_new_place_begins_a_new_range(told: Ranges) -> None:
    with WriteBack(0) as disk:
        disk.wrote(0, 30)
        disk.wrote(1000, 30)
        disk.wrote(1030, 10)
    assert told == [(0, 30), (1000, 40)]


def test_columns_that_start_at_pages_go_together(told: Ranges) -> None:
    with WriteBack(0) as disk:
        disk.wrote(0, 30)
        disk.wrote(35, 30)
        disk.wrote(71, 30)
    assert told == [(0, 65), (71, 30)]


def test_nothing_written_nothing_told(told: Ranges) -> None:
    with WriteBack(0):
        pass
    assert told == []


def test_a_refusal_is_no_error_and_the_file_may_be_closed_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ESPIPE, "no")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    with (tmp_path / "file").open("wb") as file, WriteBack(file.fileno()) as disk:
        file.write(b"x" * 10)
        disk.wrote(0, 10)
    assert (tmp_path / "file").read_bytes() == b"x" * 10
