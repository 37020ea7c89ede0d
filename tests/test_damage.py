"""What goes wrong on disks and by accident: one clear line, the right exit code, nothing lost, a cure.

What lives here: damaged, foreign and contradicting files, full and read-only disks, two at once, changed
inputs and plans. What does not: kills (test_kills.py), every byte of a file (store/test_sealed.py).
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from hpcml.opening import OpenCampaign
from hpcml.store import sealed, wal

Capture = pytest.CaptureFixture[str]
SHARDS = 3


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return toy.merge_here(toy.computed(tmp_path_factory.mktemp("wanted")))


def three_parts(folder: Path) -> OpenCampaign:
    made = toy.planned(folder, toy.step(resources={"shards": SHARDS}))
    for shard in range(SHARDS):
        assert toy.work_here(made, shard=shard) == 0
    return made


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three parts, not merged; and one log of a killed rank, one unit a frame: u00000 to u00011."""
    folder = tmp_path_factory.mktemp("campaigns")
    three_parts(folder / "parts")
    logged = toy.planned(folder / "log")
    ended = toy.hpcml("work", logged.root, "--step", "toy", TOY_WRITE_SECONDS=0, TOY_KILL="u00012")
    assert ended.code == -9 and len(toy.logs(logged)) == 1 and toy.parts(logged) == []
    return folder


@pytest.fixture
def opened(campaigns: Path, tmp_path: Path) -> OpenCampaign:
    shutil.copytree(campaigns / "parts", tmp_path, dirs_exist_ok=True)
    return OpenCampaign(tmp_path / "campaign")


@pytest.fixture
def logged(campaigns: Path, tmp_path: Path) -> OpenCampaign:
    shutil.copytree(campaigns / "log", tmp_path / "log")
    return OpenCampaign(tmp_path / "log" / "campaign")


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def cured(capsys: Capture, opened: OpenCampaign, wanted: dict[str, str]) -> toy.Ended:
    """The documented cure ends in the right digests; what `verify --set-aside` said."""
    ended = toy.hpcml_here(capsys, "verify", opened.root, "--set-aside")
    assert ended.code == 0, ended.stderr
    for shard in range(opened.step("toy").plan.resources.shards):  # what resume does, in this process
        assert toy.work_here(opened, shard=shard) == 0
    toy.merge_here(opened)
    assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in wanted.items()}
    return ended


# ---------------------------------------------------------------- a damaged part


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


# ---------------------------------------------------------------- a damaged log


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


# ---------------------------------------------------------------- foreign and doubled


def test_a_part_of_another_campaign_is_refused(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str], tmp_path: Path
) -> None:
    """Equal job file and seed, another campaign: it stays a stranger."""
    other = toy.computed(tmp_path / "other")
    stranger = toy.parts(other)[0]
    shutil.copy(stranger, opened.step("toy").layout.parts)
    for verb in ("merge", "verify"):
        ended = toy.hpcml_here(capsys, verb, opened.root)
        assert ended.code == 5 and stranger.name in ended.error() and "another campaign" in ended.error()
    cured(capsys, opened, wanted)


def test_a_log_of_another_campaign_is_refused(
    opened: OpenCampaign, logged: OpenCampaign, capsys: Capture, wanted: dict[str, str], tmp_path: Path
) -> None:
    other = toy.computed(tmp_path / "other")
    (stranger,) = toy.logs(logged)
    other.step("toy").layout.logs.mkdir(exist_ok=True)
    shutil.copy(stranger, other.step("toy").layout.logs)
    for verb in ("merge", "verify"):
        ended = toy.hpcml_here(capsys, verb, other.root)
        assert ended.code == 5 and stranger.name in ended.error()
    cured(capsys, other, wanted)


def test_doubled_units_that_agree_are_normal(
    opened: OpenCampaign, capsys: Capture, wanted: dict[str, str]
) -> None:
    path = toy.parts(opened)[1]
    shutil.copy(path, path.with_name(path.name.replace(".h5", "00.h5")))
    assert toy.merge_here(opened) == wanted
    assert toy.reopened(opened.step("toy")).table().about["doubled"] == sealed.read_header(path).n_units


@pytest.fixture
def contradicting(opened: OpenCampaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenCampaign:
    """Shard 1 computed twice, the second time with other rows."""
    layout = opened.step("toy").layout
    kept = layout.parts.rename(layout.root / "kept")
    monkeypatch.setenv("TOY_LIE", "0.5")
    assert toy.work_here(opened, shard=1) == 0
    monkeypatch.delenv("TOY_LIE")
    for path in kept.iterdir():
        path.rename(layout.parts / path.name)
    kept.rmdir()
    assert len(toy.parts(opened)) == SHARDS + 1
    return opened


def test_doubled_units_that_contradict_are_refused_by_name(
    contradicting: OpenCampaign, capsys: Capture
) -> None:
    ended = toy.hpcml_here(capsys, "merge", contradicting.root)
    assert ended.code == 5
    message = ended.error()
    names = [path.name for path in toy.parts(contradicting) if ".s0001." in path.name]
    assert len(names) == 2 and all(name in message for name in names), "both files"
    assert "u0000" in message or "u0001" in message, "the units"
    assert message.count(os.uname().nodename) == 2, "both hosts"
    assert not contradicting.step("toy").layout.table.exists()


def test_on_conflict_first_lists_the_conflict_in_the_table(
    contradicting: OpenCampaign, capsys: Capture
) -> None:
    import h5py

    ended = toy.hpcml_here(capsys, "merge", contradicting.root, "--on-conflict", "first")
    assert ended.code == 0, ended.stderr
    first, second = (path.name for path in toy.parts(contradicting) if ".s0001." in path.name)
    with h5py.File(contradicting.step("toy").layout.table) as file:
        keys = [key.decode() for key in file["conflicts/key"][:]]
        assert set(file["conflicts/kept"][:].tolist()) == {first.encode()}
        assert set(file["conflicts/other"][:].tolist()) == {second.encode()}
    # only units with rows contradict: others have nothing that could differ
    index = toy.reopened(contradicting.step("toy")).table().index("samples")
    assert keys == [f"u{number:05d}" for number in range(8, 16) if index[number, 1]]
    assert toy.hpcml_here(capsys, "merge", contradicting.root).code == 5, "refused again without the option"


# ---------------------------------------------------------------- full and read-only disks


def test_a_disk_that_fills_up_while_working_costs_nothing_recorded(tmp_path: Path, capsys: Capture) -> None:
    """Units of 100 kB on 2 MB; the log cannot grow; then there is room again."""
    job = toy.step(workload="Plain", parameters={"n": 60, "width": 12500})
    wanted = toy.merge_here(toy.computed(tmp_path / "wanted", job))
    with toy.small_disk(tmp_path / "disk", "2m") as disk:
        opened = toy.planned(tmp_path, job, root=disk.path / "campaign")
        ended = toy.hpcml("work", opened.root, "--step", "toy")
        assert ended.code == 3
        assert "No space left" in ended.error() and str(opened.root) in ended.error()
        recorded = toy.done_units(opened)
        assert recorded
        disk.remount("size=40m")
        assert toy.done_units(opened) == recorded
        assert toy.hpcml("resume", opened.root).code == 0
        assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in wanted.items()}


def test_a_disk_too_full_to_seal_keeps_the_log(tmp_path: Path) -> None:
    """4 MB of log on 6 MB: the part has no room; the log has all results, and is sealed later."""
    job = toy.step(workload="Plain", parameters={"n": 40, "width": 12500})
    wanted = toy.merge_here(toy.computed(tmp_path / "wanted", job))
    log = tmp_path / "toy.log"
    with toy.small_disk(tmp_path / "disk", "6m") as disk:
        opened = toy.planned(tmp_path, job, root=disk.path / "campaign")
        ended = toy.hpcml("work", opened.root, "--step", "toy", TOY_LOG=log)
        assert ended.code == 3
        assert "No space left" in ended.error() and ".h5" in ended.error()
        assert len(toy.done_units(opened)) == 40
        assert list(opened.root.rglob("*.tmp")) == []
        again = toy.hpcml("work", opened.root, "--step", "toy", TOY_LOG=log)
        assert again.code == 3, "still full"
        disk.remount("size=40m")
        assert toy.hpcml("resume", opened.root, TOY_LOG=log).code == 0
        assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in wanted.items()}
    assert len(toy.said(log, "end")) == 40, "nothing was computed again"


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_disk_too_full_to_merge_leaves_no_half_table(tmp_path: Path, compression: str) -> None:
    import numpy as np

    job = toy.step(parameters={"n": 400, "width": 1000}, compression=compression)
    wanted = toy.merge_here(toy.computed(tmp_path / "wanted", job))
    with toy.small_disk(tmp_path / "disk", "40m") as disk:
        opened = toy.computed(tmp_path, job, root=disk.path / "campaign")
        used = sum(path.stat().st_size for path in toy.parts(opened)) + (1 << 20)
        disk.remount(f"size={int(np.ceil(used / 4096)) * 4}k")
        ended = toy.hpcml("merge", opened.root)
        assert ended.code == 3, ended.stderr
        assert "No space left" in ended.error() and "table.h5" in ended.error()
        assert list(opened.root.rglob("*table*")) == []
        disk.remount("size=40m")
        assert toy.hpcml("merge", opened.root).code == 0
        assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in wanted.items()}


def test_a_full_disk_does_not_plan_half_a_campaign(tmp_path: Path, capsys: Capture) -> None:
    with toy.small_disk(tmp_path / "disk", "64k") as disk:
        job = toy.write_job(tmp_path, toy.step(parameters={"n": 3000}))
        ended = toy.hpcml_here(capsys, "plan", job, "--dir", disk.path / "campaign")
        assert ended.code == 3 and "No space left" in ended.error()
        disk.remount("size=4m")
        assert toy.hpcml_here(capsys, "plan", job, "--dir", disk.path / "campaign").code == 0


def test_a_read_only_disk_is_said_in_one_line(tmp_path: Path, capsys: Capture) -> None:
    with toy.small_disk(tmp_path / "disk", "8m") as disk:
        opened = toy.computed(tmp_path, root=disk.path / "campaign")
        digests = toy.merge_here(opened)
        fresh = toy.planned(tmp_path, root=disk.path / "fresh")
        disk.remount("ro")
        for words in (
            ("work", fresh.root, "--step", "toy"),
            ("run", fresh.root),
            ("resume", fresh.root),
            ("plan", toy.write_job(tmp_path), "--dir", disk.path / "third"),
        ):
            ended = toy.hpcml(*words)
            assert ended.code == 3, (words, ended.stderr)
            assert "read-only" in ended.error().lower()
        # what only reads goes on
        assert toy.hpcml_here(capsys, "status", opened.root).code == 0
        assert toy.hpcml_here(capsys, "units", opened.root).code == 0
        assert toy.verified(opened) == {f"toy/{name}": digest for name, digest in digests.items()}


# ---------------------------------------------------------------- two at once


def test_two_workers_on_one_shard_end_in_one_table(tmp_path: Path, wanted: dict[str, str]) -> None:
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path)
    words = [*toy.Launcher("serial").words(1), "work", opened.root, "--step", "toy"]
    both = [toy.start(words, TOY_LOG=log, TOY_SLEEP=0.05) for _ in range(2)]
    assert [toy.finish(one).code for one in both] == [0, 0]
    assert len({line.pid for line in toy.said(log)}) == 2, "both were at work"
    assert toy.merge_here(opened) == wanted
    assert toy.reopened(opened.step("toy")).table().about["doubled"] > 0


def test_a_worker_that_starts_later_leaves_the_living_one_its_log(
    tmp_path: Path, wanted: dict[str, str]
) -> None:
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path)
    words = [*toy.Launcher("serial").words(1), "work", opened.root, "--step", "toy"]
    first = toy.start(words, TOY_LOG=log, TOY_SLEEP=0.1)
    toy.wait_until(lambda: len(toy.done_units(opened)) >= 4)
    second = toy.start(words, TOY_LOG=log, TOY_SLEEP=0.1)
    assert [toy.finish(first).code, toy.finish(second).code] == [0, 0]
    again = len(toy.said(log, "end")) - 24
    assert again <= 20, "what the first had recorded was not computed again"
    assert toy.merge_here(opened) == wanted


def test_of_two_resumes_one_is_told(tmp_path: Path, wanted: dict[str, str]) -> None:
    opened = toy.planned(tmp_path)
    words = [*toy.Launcher("serial").words(1), "resume", opened.root]
    both = [toy.start(words, TOY_SLEEP=0.1) for _ in range(2)]
    ended = sorted((toy.finish(one) for one in both), key=lambda one: one.code)
    assert [one.code for one in ended] == [0, 2]
    assert "another run or resume is at work" in ended[1].error()
    assert toy.merge_here(opened) == wanted


def test_a_merge_beside_living_workers_says_what_is_not_ready(tmp_path: Path, wanted: dict[str, str]) -> None:
    log = tmp_path / "toy.log"
    opened = toy.planned(tmp_path)
    words = [*toy.Launcher("serial").words(1), "work", opened.root, "--step", "toy"]
    worker = toy.start(words, TOY_LOG=log, TOY_SLEEP=0.1)
    toy.wait_until(lambda: len(toy.done_units(opened)) >= 4)
    ended = toy.hpcml("merge", opened.root)
    assert ended.code == 3 and "still at work" in ended.error()
    assert toy.finish(worker).code == 0
    assert toy.merge_here(opened) == wanted


# ---------------------------------------------------------------- changed inputs and plans


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"0123456789" * 100)
    return path


def test_a_changed_input_file_is_noticed_and_a_touch_is_not(
    tmp_path: Path, data: Path, capsys: Capture
) -> None:
    job = toy.step(inputs={"data": "data.bin"})
    opened = toy.planned(tmp_path, job)
    work = ("work", opened.root, "--step", "toy")
    data.write_bytes(b"0123456789" * 99)
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "990 bytes, 1000" in ended.error()
    data.write_bytes(b"9876543210" * 100)
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "other content" in ended.error()
    data.write_bytes(b"0123456789" * 100)
    os.utime(data, (1, 1))
    assert toy.hpcml_here(capsys, *work).code == 0
    data.unlink()
    ended = toy.hpcml_here(capsys, *work)
    assert ended.code == 2 and "data.bin" in ended.error()


def test_a_plan_over_a_changed_input_is_refused_with_a_diff(
    tmp_path: Path, data: Path, capsys: Capture
) -> None:
    job = toy.step(inputs={"data": "data.bin"})
    opened = toy.computed(tmp_path, job)
    data.write_bytes(b"longer than before" * 100)
    ended = toy.hpcml_here(capsys, "plan", tmp_path / "job.yaml", "--dir", opened.root)
    assert ended.code == 2
    assert (
        "steps.toy.inputs.data" in ended.error() and "1000 B" in ended.error() and "1800 B" in ended.error()
    )


@pytest.mark.parametrize(
    ("change", "diff"),
    [
        ({"parameters": {"scale": 2.0}}, "steps.toy.parameters.scale: 1.0 -> 2.0"),
        ({"parameters": {"width": 5}}, "steps.toy.parameters.width: 4 -> 5"),
        ({"workload": f"{toy.WORKLOADS}:Kept"}, "steps.toy.workload: "),
        ({"sweep": {"scale": [1.0]}}, "steps.toy.swept parameters: [] -> "),
        ({"name": "other"}, "steps.toy: there -> (absent)"),
    ],
)
def test_a_changed_plan_is_refused_with_a_diff(
    tmp_path: Path, capsys: Capture, wanted: dict[str, str], change: dict[str, object], diff: str
) -> None:
    opened = toy.computed(tmp_path)
    job = toy.write_job(tmp_path, {**toy.step(), **change})
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and diff in ended.error()
    assert toy.merge_here(opened) == wanted, "nothing happened"


def test_a_changed_seed_is_refused_and_changed_resources_are_not(tmp_path: Path, capsys: Capture) -> None:
    opened = toy.computed(tmp_path)
    job = toy.write_job(tmp_path, seed=8)
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and "seed: 7 -> 8" in ended.error()
    job = toy.write_job(tmp_path, toy.step(resources={"shards": 9, "memory": "3 GB"}), seed=7)
    assert toy.hpcml_here(capsys, "plan", job, "--dir", opened.root).code == 0


def test_another_version_of_the_workload_is_refused(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = toy.planned(tmp_path)
    monkeypatch.setenv("TOY_VERSION", "2")
    for words in (
        ("work", opened.root, "--step", "toy"),
        ("plan", tmp_path / "job.yaml", "--dir", opened.root),
    ):
        ended = toy.hpcml_here(capsys, *words)
        assert ended.code == 2 and "version" in ended.error()


def test_a_step_whose_input_has_results_behind_it_cannot_grow(tmp_path: Path, capsys: Capture) -> None:
    behind = toy.step("behind", "Behind", inputs={"samples": "toy"})
    opened = toy.computed(tmp_path, toy.step(), behind)
    toy.merge_here(opened)
    assert toy.work_here(opened, "behind") == 0
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 30}), behind)
    ended = toy.hpcml_here(capsys, "plan", job, "--dir", opened.root)
    assert ended.code == 2 and "'behind' has results" in ended.error()


# ---------------------------------------------------------------- the list of units


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
