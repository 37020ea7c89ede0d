"""Sealed files: every byte is covered, runs round-trip, abandoned temporaries go."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpcml.errors import IntegrityError, StorageError
from hpcml.store import atomic, newfile, sealed
from hpcml.store.blocks import BlockHasher, SealedReader, read_checked
from hpcml.store.parts import Identity, write_sealed

IDENTITY = Identity("ab" * 16, "cd" * 16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file.h5"
    arrays = {"a/x": np.arange(300.0), "a/y": np.array([b"one", b"two"]), "b": np.empty((0, 3))}
    write_sealed(made, arrays, ids=np.array([1, 2, 5]), identity=IDENTITY, about={"host": "here"})
    return made


def check(path: Path) -> None:
    sealed.verify_blocks(sealed.read_header(path, full=True))


def test_every_single_byte_is_covered(path: Path) -> None:
    check(path)
    whole = path.read_bytes()
    missed = []
    with path.open("r+b", buffering=0) as file:
        for offset, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << offset % 8]), offset)
            try:
                check(path)
                missed.append(offset)
            except IntegrityError as error:
                assert str(path) in error.message
            os.pwrite(file.fileno(), bytes([byte]), offset)
    assert missed == []


def test_every_truncation_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for length in [*range(600), *range(600, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(IntegrityError):
            sealed.read_header(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(IntegrityError):
        sealed.read_header(path)


def test_the_header_says_what_is_inside_without_hdf5(path: Path) -> None:
    header = sealed.read_header(path)
    assert header.ids.tolist() == [1, 2, 5] and header.n_units == 3
    assert header.campaign == bytes.fromhex(IDENTITY.campaign)
    with SealedReader(path) as reader:
        assert reader.about == {"host": "here"}
        assert reader.array("a/x").tolist() == list(range(300))
        assert reader.array("b").shape == (0, 3)
    with h5py.File(path) as file:
        assert file["a/y"][:].tolist() == [b"one", b"two"] and file.attrs["host"] == "here"


@given(st.sets(st.integers(0, 300)))
def test_runs_and_numbers_are_inverse(numbers: set[int]) -> None:
    ids = np.array(sorted(numbers), np.int64)
    runs = sealed.runs_of(ids)
    assert sealed.ids_of(runs).tolist() == ids.tolist()
    assert (runs["count"] > 0).all() and len(runs) <= max(1, len(ids))


@given(st.data())
def test_any_range_is_read_and_checked(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    made = tmp_path_factory.getbasetemp() / "range.h5"
    if not made.exists():
        numbers = np.random.default_rng(1).integers(0, 255, 400_000).astype("u1")
        write_sealed(made, {"x": numbers}, ids=np.arange(1), identity=IDENTITY, about={})
    with SealedReader(made) as reader:
        extent = reader.extent("x")
        start = data.draw(st.integers(0, extent.nbytes - 1))
        length = data.draw(st.integers(1, extent.nbytes - start))
        out = bytearray(length)
        read_checked(reader, extent.offset + start, memoryview(out))
        assert out == made.read_bytes()[extent.offset + start :][:length]


@given(st.integers(0, 5000), st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_blocks_hashed_on_the_way_are_those_of_the_file(offset: int, pieces: list[int]) -> None:
    import xxhash

    block, user = 1024, 512
    content = np.random.default_rng(2).integers(0, 255, sum(pieces)).astype("u1").tobytes()
    hasher = BlockHasher(block, user)
    hasher.start(user + offset)
    at = 0
    for piece in pieces:
        hasher.update(memoryview(content)[at : at + piece])
        at += piece
    whole = bytes(offset) + content
    full = [n for n in range(len(whole) // block) if n * block >= offset]
    assert sorted(hasher.known) == full
    for number, digest in hasher.known.items():
        assert digest == xxhash.xxh3_64_intdigest(whole[number * block : (number + 1) * block])


# ---------------------------------------------------------------- names come whole or not at all


def test_a_failing_write_leaves_no_name(tmp_path: Path) -> None:
    place = tmp_path / "new" / "file"
    with pytest.raises(RuntimeError, match="no"), atomic.replacing(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError("no")
    assert list(place.parent.iterdir()) == []


def test_create_once_has_one_winner(tmp_path: Path) -> None:
    assert atomic.create_once(tmp_path / "x", "first")
    assert not atomic.create_once(tmp_path / "x", "second")
    assert (tmp_path / "x").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "Read-only"),
        (errno.EACCES, "denied"),
    ],
)
def test_errors_of_the_disk_name_the_place(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(StorageError, match=words) as caught, atomic.storage_errors(tmp_path / "x"):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path / "x") in caught.value.message and caught.value.hint


def test_only_old_unlocked_temporaries_are_removed(tmp_path: Path) -> None:
    names = ["kept.h5", ".young.tmp", ".locked.tmp", ".old.tmp"]
    for name in names:
        (tmp_path / name).write_text("x")
        if name != ".young.tmp":
            os.utime(tmp_path / name, (1, 1))
    with (tmp_path / ".locked.tmp").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        atomic.remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".locked.tmp", ".young.tmp", "kept.h5"]
    atomic.remove_abandoned(tmp_path / "absent")


def test_a_write_that_fails_inside_hdf5_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 itself would crash the process later; see newfile.py."""
    real = os.pwrite

    def full(handle: int, data: memoryview, offset: int) -> int:
        if offset > 20_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"), newfile.create(tmp_path / "x.h5", 512) as file:
        for number in range(50):
            file.create_dataset(f"group/{number}", data=np.zeros(1000))
