"""A flipped byte, a torn tail, a short file: one clear line, the right exit code, nothing lost, a cure."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import toy
from damaging import Capture, cured, flip

from hpcml.directory.opened import OpenCampaign
from hpcml.store import sealed, wal


def _after_header(header: sealed.Header) -> int:
    return sealed.FIXED + len(header.run_bytes)


def _padding(header: sealed.Header) -> int:
    used = _after_header(header) + _json_size(header) + 8 * len(header.blocks)
    assert used < header.user_block
    return (used + header.user_block) // 2


def _json_size(header: sealed.Header) -> int:
    return int(sealed.PREFIX.unpack(header.path.read_bytes()[: sealed.PREFIX.size])[5])


REGIONS: dict[str, Callable[[sealed.Header], int]] = {
    "magic": lambda header: 2,
    "number of units": lambda header: 44,
    "fingerprint": lambda header: sealed.PREFIX.size - 20,
    "campaign": lambda header: sealed.PREFIX.size - 2,
    "checksums of the header": lambda header: sealed.PREFIX.size + 3,
    "runs": lambda header: sealed.FIXED + 1,
    "directory": lambda header: _after_header(header) + 20,
    "block checksums": lambda header: _after_header(header) + _json_size(header) + 3,
    "padding": _padding,
    "HDF5 superblock": lambda header: header.user_block + 9,
    "HDF5 object headers": lambda header: header.user_block + 120,
    "unit keys": lambda header: header.directory["extents"]["units/key"][0] + 1,
    "index": lambda header: header.directory["extents"]["index/samples"][0],
    "column": lambda header: header.directory["extents"]["samples/value"][0] + 11,
    "last byte": lambda header: header.file_size - 1,
}


@pytest.mark.parametrize("region", REGIONS)
def test_a_flipped_byte_of_a_part_is_found_and_cured(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str], region: str
) -> None:
    path = toy.parts(opened)[1]
    flip(path, REGIONS[region](sealed.read_header(path, full=True)))
    ended = toy.hpcml_here(capsys, "verify", opened.root)
    assert ended.code == 5
    assert path.name in ended.error()
    merged = toy.hpcml_here(capsys, "merge", opened.root)
    if region == "padding":
        assert merged.code == 0, "no result is read from there"
    else:
        assert merged.code == 5 and path.name in merged.error()
        assert "--set-aside" in merged.stderr, "the hint names the cure"
    assert path.name in cured(capsys, opened, wanted).stderr
    assert (opened.step("toy").layout.set_aside / path.name).is_file(), "moved, not deleted"


@pytest.mark.parametrize("length", [0, 10, 4000, -1])
def test_a_truncated_part_is_found_and_cured(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str], length: int
) -> None:
    path = toy.parts(opened)[0]
    os.truncate(path, length if length >= 0 else path.stat().st_size - 1)
    for verb in ("verify", "merge"):
        ended = toy.hpcml_here(capsys, verb, opened.root)
        assert ended.code == 5 and path.name in ended.error()
    status = toy.hpcml_here(capsys, "status", opened.root)
    assert status.code == 0 and path.name in status.stdout, "status goes on and names it"
    assert toy.hpcml_here(capsys, "verify", opened.root, "--set-aside").code == 0
    assert toy.hpcml("resume", opened.root).code == 0
    assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in wanted.items()}


def test_work_computes_the_units_of_a_damaged_part_again(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    path = toy.parts(opened)[2]
    lost = sealed.read_header(path).n_units
    flip(path, 20)
    assert toy.work_here(opened, shard=2) == 0
    assert len(toy.said(tmp_path / "toy.log", "end")) == lost
    cured(capsys, opened, wanted)


def test_a_damaged_table_is_found_and_merged_again(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str]
) -> None:
    toy.merge_here(opened)
    path = opened.step("toy").layout.table
    header = sealed.read_header(path, full=True)
    flip(path, header.directory["extents"]["samples/value"][0])
    ended = toy.hpcml_here(capsys, "verify", opened.root)
    assert ended.code == 5 and "table.h5" in ended.error()
    cured(capsys, opened, wanted)


def test_a_damaged_campaign_file_is_refused(opened: OpenCampaign, capsys: Capture) -> None:
    text = opened.layout.campaign.read_text()
    opened.layout.campaign.write_text(text.replace('"seed": 7', '"seed": 8'))
    for verb in ("status", "merge", "verify"):
        ended = toy.hpcml_here(capsys, verb, opened.root)
        assert ended.code == 5 and "campaign.json" in ended.error()
    shutil.copy(opened.layout.plan(1), opened.layout.campaign)
    assert toy.hpcml_here(capsys, "merge", opened.root).code == 0


def frame_starts(path: Path) -> list[int]:
    raw = path.read_bytes()
    _, size, _ = wal.FILE_HEADER.unpack_from(raw)
    starts, at = [], wal.FILE_HEADER.size + size
    while at < len(raw):
        starts.append(at)
        at += wal.FRAME.size + wal.FRAME.unpack_from(raw, at)[2]
    return starts


LOG_REGIONS: dict[str, tuple[int, int]] = {  # frame (-1: the file's own header), byte in it
    "magic of the file": (-1, 1),
    "length of the file header": (-1, 9),
    "what the log says of itself": (-1, wal.FILE_HEADER.size + 30),
    "magic of a frame": (3, 0),
    "length of a frame": (3, 9),
    "checksum of a frame": (3, wal.FRAME.size - 1),
    "unit numbers": (3, wal.FRAME.size),
    "rows": (3, wal.FRAME.size + 5),
    "columns": (3, wal.FRAME.size + 30),
}


@pytest.mark.parametrize("region", LOG_REGIONS)
def test_a_flipped_byte_of_a_log_is_found_and_cured(
    logged: OpenCampaign, capsys: Capture, wanted: dict[str, str], region: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (path,) = toy.logs(logged)
    starts = frame_starts(path)
    assert len(starts) == 12
    frame, byte = LOG_REGIONS[region]
    flip(path, byte if frame < 0 else starts[frame] + byte)
    for verb in ("verify", "merge"):
        ended = toy.hpcml_here(capsys, verb, logged.root)
        assert ended.code == 5 and path.name in ended.error(), ended.stderr
    status = toy.hpcml_here(capsys, "status", logged.root)
    assert status.code == 0 and path.name in status.stdout
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "toy.log"))
    cured(capsys, logged, wanted)
    again = {line.key for line in toy.said(tmp_path / "toy.log", "end")}
    missing = 24 if frame < 0 else 13
    assert len(again) == missing, "what is whole in the log was kept"


@pytest.mark.parametrize("byte", [0, 9, wal.FRAME.size, -1])
def test_a_torn_tail_of_a_log_is_cut_off(
    logged: OpenCampaign, capsys: Capture, wanted: dict[str, str], byte: int
) -> None:
    """Damage in the last frame is what a node that died leaves: no error, its units are computed again."""
    (path,) = toy.logs(logged)
    flip(path, frame_starts(path)[-1] + byte if byte >= 0 else path.stat().st_size - 1)
    assert len(toy.done_units(logged)) == 11
    assert toy.hpcml_here(capsys, "verify", logged.root).code == 0
    ended = toy.hpcml_here(capsys, "merge", logged.root)
    assert ended.code == 3 and "13 of 24" in ended.error()
    cured(capsys, logged, wanted)


@pytest.mark.parametrize("keep", [0, 5, -20])
def test_a_truncated_log_keeps_its_whole_frames(
    logged: OpenCampaign, capsys: Capture, wanted: dict[str, str], keep: int
) -> None:
    (path,) = toy.logs(logged)
    os.truncate(path, keep if keep >= 0 else path.stat().st_size + keep)
    assert len(toy.done_units(logged)) == (0 if keep >= 0 else 11)
    assert toy.hpcml_here(capsys, "merge", logged.root).code == 3
    cured(capsys, logged, wanted)


def test_a_log_with_a_number_that_no_unit_has_is_damage(
    logged: OpenCampaign, capsys: Capture, wanted: dict[str, str]
) -> None:
    """A frame whose checksum is right and whose unit does not exist comes from elsewhere."""
    import xxhash

    (path,) = toy.logs(logged)
    raw = bytearray(path.read_bytes())
    start = frame_starts(path)[2]
    struct.pack_into("<I", raw, start + wal.FRAME.size, 10**6)
    length = wal.FRAME.unpack_from(raw, start)[2]
    digest = xxhash.xxh3_64(bytes(raw[start : start + wal.FRAME.size - 8]) + b"\0" * 8)
    digest.update(bytes(raw[start + wal.FRAME.size : start + wal.FRAME.size + length]))
    struct.pack_into("<Q", raw, start + wal.FRAME.size - 8, digest.intdigest())
    path.write_bytes(raw)
    for verb in ("merge", "verify"):
        ended = toy.hpcml_here(capsys, verb, logged.root)
        assert ended.code == 5 and path.name in ended.error(), ended.stderr
    cured(capsys, logged, wanted)


@pytest.mark.parametrize("name", ["units.h5", "units.copy.h5"])
def test_a_damaged_list_of_units_is_put_back_from_the_other(
    opened: OpenCampaign, wanted: dict[str, str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = opened.step("toy").layout.root / name
    before = path.read_bytes()
    flip(path, len(before) // 2)
    found = toy.hpcml_here(capsys, "verify", opened.root)
    assert found.code == 5 and name in found.stderr
    cured(capsys, opened, wanted)
    assert path.read_bytes() == before


def test_two_damaged_lists_of_units_are_told_to_be_past_cure(
    opened: OpenCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = opened.step("toy").layout
    for path in (layout.units, layout.units_copy):
        flip(path, path.stat().st_size // 2)
    ended = toy.hpcml_here(capsys, "verify", opened.root, "--set-aside")
    assert ended.code == 5 and "units.h5: damaged, and so is its copy" in ended.stderr
    assert layout.units.is_file(), "nothing is moved away that nothing replaces"
