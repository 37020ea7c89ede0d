"""A sealed file: HDF5 behind a user block that says what is in it and checks every byte.

Parts, tables and unit lists are sealed files. Any HDF5 reader opens them; hpcml reads the header
(one `read`, no HDF5) to know which units a file holds, whether it is whole, and where each column's
bytes lie. The header has two halves, each with a checksum, so that a scan of 10,000 parts needs
only the first:

    prefix | runs of unit numbers | directory (JSON) | one xxh3-64 per block of the whole file
"""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from hpcml.errors import IntegrityError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"HPCMLSF1"
# magic, user block, block size, runs, blocks, JSON bytes, file size, units, fingerprint, campaign
PREFIX = struct.Struct("<8s5I4xQQ16s16s")
CHECKSUMS = struct.Struct("<QQ")
FIXED = PREFIX.size + CHECKSUMS.size
FIRST_READ = 4096
CURE = "`hpcml verify --set-aside` moves it away; `hpcml resume` computes its units again"
UNIT_RANGE = np.dtype([("first", "<u4"), ("count", "<u4")])


def fingerprint_bytes(text: str) -> bytes:
    """The 16 bytes of a 32-digit hexadecimal fingerprint or identity."""
    return bytes.fromhex(text).ljust(16, b"\0")[:16]


def runs_of(ids: NDArray[Any]) -> NDArray[Any]:
    """Sorted unit numbers as runs (first, count)."""
    if len(ids) == 0:
        return np.empty(0, UNIT_RANGE)
    breaks = np.flatnonzero(np.diff(ids) != 1) + 1
    starts = np.concatenate(([0], breaks))
    runs = np.empty(len(starts), UNIT_RANGE)
    runs["first"] = ids[starts]
    runs["count"] = np.diff(np.concatenate((starts, [len(ids)])))
    return runs


def ids_of(runs: NDArray[Any]) -> NDArray[np.int64]:
    """The inverse of `runs_of`; also for the runs of many files one after the other."""
    return expand(runs["first"], runs["count"])


def expand(first: NDArray[Any], count: NDArray[Any]) -> NDArray[np.int64]:
    """first[0], first[0]+1, ... (count[0] of them), first[1], ...: ranges as numbers."""
    count = count.astype(np.int64)
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    numbers: NDArray[np.int64] = np.arange(total, dtype=np.int64)
    numbers += np.repeat(first.astype(np.int64) - (ends - count), count)
    return numbers


NO_BLOCKS: NDArray[np.uint64] = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Header:
    """What a sealed file says of itself. `blocks` and `directory` are empty after a quick read."""

    place: Path | str
    user_block: int
    block_size: int
    file_size: int
    n_units: int
    fingerprint: bytes
    campaign: bytes
    run_bytes: bytes
    directory: dict[str, Any]
    blocks: NDArray[np.uint64]

    @property
    def path(self) -> Path:
        return Path(self.place)  # made when asked for: of 10,000 headers that takes as long as reading them

    @property
    def runs(self) -> NDArray[Any]:
        return np.frombuffer(self.run_bytes, UNIT_RANGE)

    @property
    def ids(self) -> NDArray[np.int64]:
        return ids_of(self.runs)


def user_block_size(n_runs: int, json_size: int, n_blocks: int) -> int:
    """The smallest user block (a power of two, at least 512) that holds such a header.

    Files of several blocks get two pages at least, so that their columns can start at pages.
    """
    needed = FIXED + n_runs * UNIT_RANGE.itemsize + json_size + 8 * n_blocks
    return max(512 if n_blocks < 8 else 8192, 1 << (needed - 1).bit_length())


def write_header(
    path: Path,
    *,
    user_block: int,
    block_size: int,
    ids: NDArray[Any],
    fingerprint: str,
    campaign: str,
    directory: dict[str, Any],
    known: dict[int, int] | None = None,
) -> None:
    """Fill the user block of a closed HDF5 file. `known` gives checksums of blocks already hashed.

    Block 0 starts behind the user block, so that the header can be written last.
    """
    known = known or {}
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        count = -(-(size - user_block) // block_size)
        blocks = np.empty(count, np.uint64)
        buffer = bytearray(block_size)
        for number in range(count):
            if number in known:
                blocks[number] = known[number]
                continue
            got = read_exactly(file.fileno(), buffer, user_block + number * block_size, size)
            blocks[number] = xxhash.xxh3_64_intdigest(memoryview(buffer)[:got])
        runs = runs_of(ids).tobytes()
        text = json.dumps(directory, separators=(",", ":")).encode()
        prefix = PREFIX.pack(
            MAGIC, user_block, block_size, len(runs) // UNIT_RANGE.itemsize, count, len(text), size, len(ids),
            fingerprint_bytes(fingerprint), fingerprint_bytes(campaign),
        )  # fmt: skip
        rest = text + blocks.tobytes()
        sums = CHECKSUMS.pack(xxhash.xxh3_64_intdigest(prefix + runs), xxhash.xxh3_64_intdigest(rest))
        header = prefix + sums + runs + rest
        if len(header) > user_block:
            raise AssertionError(f"header of {len(header)} bytes in a user block of {user_block}")
        os.pwrite(file.fileno(), header.ljust(user_block, b"\0"), 0)


def read_exactly(handle: int, buffer: bytearray | memoryview, offset: int, size: int) -> int:
    """Fill `buffer` from `offset`, or up to the end of a file of `size` bytes; the bytes read."""
    wanted = min(len(buffer), size - offset)
    got = 0
    view = memoryview(buffer)
    while got < wanted:
        step = os.preadv(handle, [view[got:wanted]], offset + got)
        if step == 0:
            raise IntegrityError(f"file ends at {offset + got} of {size} bytes")
        got += step
    return got


def read_header(path: Path | str, *, full: bool = False) -> Header:
    """Read and check the header; `full` also reads the directory and the block checksums.

    Raises IntegrityError naming the file when it is truncated, damaged or no sealed file.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        raw = os.read(handle, FIRST_READ)
        if len(raw) < FIXED or raw[:8] != MAGIC:
            raise IntegrityError(
                f"{path}: not a complete hpcml file (the header is missing or damaged)", CURE
            )
        (_, user_block, block_size, n_runs, n_blocks, n_json, size, n_units, fingerprint, campaign) = (
            PREFIX.unpack_from(raw)
        )
        first_sum, rest_sum = CHECKSUMS.unpack_from(raw, PREFIX.size)
        runs_end = FIXED + n_runs * UNIT_RANGE.itemsize
        end = runs_end + n_json + 8 * n_blocks if full else runs_end
        actual = os.fstat(handle).st_size
        if end > user_block or user_block > actual:
            raise IntegrityError(f"{path}: the header is damaged", CURE)
        while len(raw) < end:
            more = os.pread(handle, end - len(raw), len(raw))
            if not more:
                raise IntegrityError(f"{path}: the header is damaged", CURE)
            raw += more
    finally:
        os.close(handle)
    runs = raw[FIXED:runs_end]
    if xxhash.xxh3_64_intdigest(raw[: PREFIX.size] + runs) != first_sum:
        raise IntegrityError(f"{path}: the header is damaged", CURE)
    if actual != size:
        raise IntegrityError(f"{path}: truncated: {actual} bytes of {size}", CURE)
    directory: dict[str, Any] = {}
    blocks = NO_BLOCKS
    if full:
        rest = raw[runs_end:end]
        if xxhash.xxh3_64_intdigest(rest) != rest_sum:
            raise IntegrityError(f"{path}: the header is damaged", CURE)
        directory = json.loads(rest[:n_json])
        blocks = np.frombuffer(rest[n_json:], np.uint64)
    return Header(
        place=path,
        user_block=user_block,
        block_size=block_size,
        file_size=size,
        n_units=n_units,
        fingerprint=fingerprint,
        campaign=campaign,
        run_bytes=runs,
        directory=directory,
        blocks=blocks,
    )


def verify_blocks(header: Header) -> None:
    """Re-read the whole file and check every block; IntegrityError names the damaged bytes."""
    with header.path.open("rb", buffering=0) as file:
        buffer = bytearray(header.block_size)
        padding = os.pread(file.fileno(), header.user_block, 0)
        used = FIXED + len(header.run_bytes) + len(header.blocks) * 8 + _json_size(padding)
        if padding[used:].strip(b"\0"):
            raise IntegrityError(f"{header.path}: damaged in the unused part of its header", CURE)
        for number, expected in enumerate(header.blocks.tolist()):
            start = header.user_block + number * header.block_size
            got = read_exactly(file.fileno(), buffer, start, header.file_size)
            if xxhash.xxh3_64_intdigest(memoryview(buffer)[:got]) != expected:
                raise IntegrityError(f"{header.path}: damaged between byte {start} and {start + got}", CURE)


def _json_size(raw: bytes) -> int:
    return int(PREFIX.unpack_from(raw)[5])
