"""Logs: what was appended comes back; a tail torn anywhere loses only itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hpcml.errors import IntegrityError, StorageError
from hpcml.store import wal
from hpcml.store.schema import schema_from_json
from hpcml.store.wal import LogWriter

SCHEMA = schema_from_json(
    [
        {
            "name": "t", "kind": "rows", "materialise": True,
            "columns": [{"name": "x", "dtype": "<i4", "shape": [2], "unit": "", "meaning": ""}],
        }
    ]
)  # fmt: skip
ABOUT = {"campaign": "0" * 32, "fingerprint": "1" * 32, "shard": 0, "rank": 0, "token": "aa"}


def write_log(path: Path, frames: int) -> LogWriter:
    """Frame k holds unit k with k rows of value k."""
    log = LogWriter(path, SCHEMA, ABOUT)
    for number in range(frames):
        values = np.full((number, 2), number, "<i4")
        log.append(np.array([number], "<u4"), [np.array([number], "<u4")], [values.tobytes()], 0.5)
    return log


def numbers(path: Path, *, salvage: bool = False) -> list[int]:
    with path.open("rb") as file:
        frames = list(wal.read_frames(file.fileno(), SCHEMA, path, salvage=salvage))
    for _, frame in frames:
        (unit,) = frame.ids.tolist()
        assert frame.columns["t"]["x"].tolist() == [[unit, unit]] * unit
    return [int(frame.ids[0]) for _, frame in frames]


def test_frames_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wal"
    write_log(path, 6).close(remove=False)
    assert numbers(path) == [0, 1, 2, 3, 4, 5]
    with path.open("rb") as file:
        about, _ = wal.read_about(file.fileno(), path)
        ids, first, last, busy = wal.count_units(file.fileno(), path, checked=True)
    assert about == ABOUT and ids == [0, 1, 2, 3, 4, 5] and first <= last and busy == 3.0


def test_a_log_torn_at_any_byte_keeps_its_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.wal"
    log = write_log(path, 0)
    ends = [log.size]
    log.close(remove=False)
    path.unlink()
    for count in range(1, 5):
        log = write_log(path, count)
        ends.append(log.size)
        log.close(remove=False)
        whole = path.read_bytes()
        path.unlink()
    for length in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:length])
        expected = sum(end <= length for end in ends[1:])
        assert numbers(path) == list(range(expected))
        with path.open("rb") as file:
            assert wal.count_units(file.fileno(), path, checked=True)[0] == list(range(expected))


def test_every_flipped_byte_before_the_last_frame_is_noticed_and_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "a.wal"
    log = write_log(path, 3)
    start, last = log.size, log.size
    log.close(remove=False)
    whole = path.read_bytes()
    starts = [at for at in range(len(whole)) if whole.startswith(wal.FRAME_MAGIC, at)]
    start, last = starts[0], starts[-1]
    for offset in range(len(whole)):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << offset % 8
        path.write_bytes(damaged)
        if offset >= last:
            assert numbers(path) == [0, 1], "a damaged tail is cut off"
            continue
        with pytest.raises(IntegrityError):
            numbers(path)
        with path.open("rb") as file, pytest.raises(IntegrityError):
            wal.count_units(file.fileno(), path, checked=True)
        if offset >= start:
            assert numbers(path, salvage=True) == ([1, 2] if offset < starts[1] else [0, 2])


def test_a_short_write_is_cut_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a frame leaves the frames before it."""
    path = tmp_path / "a.wal"
    log = write_log(path, 3)
    real = os.writev

    def short(handle: int, views: list[memoryview]) -> int:
        real(handle, [memoryview(b"".join(views))[:10]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", short)
    with pytest.raises(StorageError, match="No space"):
        log.append(np.array([9], "<u4"), [np.array([0], "<u4")], [b""], 0.0)
    monkeypatch.undo()
    assert path.stat().st_size == log.size
    log.append(np.array([3], "<u4"), [np.array([0], "<u4")], [b""], 0.0)
    log.close(remove=False)
    assert len(path.read_bytes()) == log.size
    with path.open("rb") as file:
        assert wal.count_units(file.fileno(), path, checked=True)[0] == [0, 1, 2, 3]


def test_a_log_is_locked_from_the_moment_it_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    real = Path.replace

    def watched(self: Path, target: Path) -> Path:
        with self.open("rb") as other:
            seen.append(wal.try_lock(other.fileno()))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    log = write_log(tmp_path / "a.wal", 1)
    assert log.locked and seen == [False]
    with (tmp_path / "a.wal").open("rb") as other:
        assert not wal.try_lock(other.fileno())
        log.close(remove=True)
    assert not (tmp_path / "a.wal").exists()
