"""Parts of another campaign, and units that stand in two parts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import toy
from damaging import SHARDS, Capture, cured

from hpcml.directory.opened import OpenCampaign
from hpcml.store import sealed


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
