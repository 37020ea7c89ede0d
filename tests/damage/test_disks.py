"""Full and read-only disks, and two at work on one campaign: nothing is lost or half written."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy
from damaging import Capture


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
    assert "another run or resume is active" in ended[1].error()
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
