"""Verbs that only read: the same answer on a read-only mount, and nothing in the campaign changes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import toy

from hpcml.store.journal import Journal

VERBS = (
    ("status",),
    ("status", "--json"),
    ("status", "--efficiency"),
    ("explain",),
    ("units",),
    ("units", "--state", "missing"),
    ("logs",),
)


def content(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def answers(root: Path) -> dict[str, str]:
    found = {}
    for verb, *options in VERBS:
        ended = toy.hpcml(verb, root, *options)
        assert ended.code == 0, ended.stderr
        # times that pass while the test runs
        found[" ".join((verb, *options))] = re.sub(r"\d+\.\d+ lost", "lost", ended.stdout)
    return found


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """One step merged, one with a failure, a log whose rank is gone, and what a job printed."""
    steps = [
        toy.step("first", parameters={"n": 6}),
        toy.step("second", parameters={"n": 5}, inputs={"data": "first"}),
    ]
    opened = toy.planned(tmp_path / "made", *steps)
    assert toy.hpcml("run", opened.root, "--step", "first").code == 0
    assert toy.hpcml("run", opened.root, TOY_FAIL="u00001").code == 3
    Journal(opened.layout.journal).write("planned", what="unchanged", revision=1)
    return opened.root


def test_reading_verbs_change_nothing(half_done: Path) -> None:
    before = content(half_done)
    first = answers(half_done)
    assert content(half_done) == before
    assert answers(half_done) == first
    assert "failed" in first["status"] and "first" in first["units"]


def test_a_report_of_a_campaign_that_cannot_be_written(tmp_path: Path) -> None:
    with toy.small_disk(tmp_path / "disk", "64m") as disk:
        last = toy.step("last", "Drawn", toy.COLUMNS, inputs={"samples": "first"})
        opened = toy.planned(disk.path, toy.step("first", parameters={"n": 3}), last)
        assert toy.hpcml("run", opened.root).code == 0
        reports = [tmp_path / name for name in ("writable", "read-only")]
        assert toy.hpcml("report", opened.root, "--to", reports[0]).code == 0
        before = content(opened.root)
        disk.remount("ro")
        ended = toy.hpcml("report", opened.root, "--to", reports[1])
        assert (ended.code, ended.stdout) == (0, f"{reports[1] / 'index.html'}\n"), ended.stderr
        assert content(reports[0]).keys() == content(reports[1]).keys() >= {"index.html", "last-nothing.png"}
        assert {name: raw for name, (_, raw) in content(reports[0]).items()} == {
            name: raw for name, (_, raw) in content(reports[1]).items()
        }
        assert content(opened.root) == before


def test_a_read_only_mount_gives_the_same_answers(half_done: Path, tmp_path: Path) -> None:
    with toy.small_disk(tmp_path / "disk", "64m") as disk:
        root = disk.path / "campaign"
        shutil.copytree(half_done, root, symlinks=True)
        writable = answers(root)
        disk.remount("ro")
        assert answers(root) == writable
