"""`--units GLOB`: some units first; what is not complete is not merged, and the rest is computed later."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from hpcml.directory.opened import OpenCampaign


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> toy.Ended:
    return toy.hpcml_here(capsys, *words)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two steps, planned: 12 units u00000 to u00011, and those that read them."""
    last = toy.step("last", "Behind", inputs={"samples": "toy"})
    return toy.planned(tmp_path, toy.step(parameters={"n": 12}), last, resources={"shards": 3}).root


def test_only_units_that_match_are_computed_and_nothing_is_merged(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run(capsys, "run", root, "--units", "u0000[13]")
    assert ended.code == 0
    assert "hpcml: toy: 10 other units are left" in ended.stderr
    opened = OpenCampaign(root)
    assert toy.done_units(opened) == {"u00001", "u00003"}
    assert not opened.step("toy").layout.table.exists()
    assert not opened.step("last").listed()


def test_one_more_glob_keeps_what_is_done(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "run", root, "--units", "u0000[0-4]")
    ended = run(capsys, "resume", root, "--units", "u0000*")
    assert ended.code == 0 and "2 other units are left" in ended.stderr
    assert len(toy.done_units(OpenCampaign(root))) == 10


def test_units_that_complete_a_step_merge_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "run", root, "--units", "u0000*")
    ended = run(capsys, "resume", root, "--units", "*u0001?")
    assert ended.code == 0 and "last: 10 other units are left" in ended.stderr
    opened = OpenCampaign(root)
    assert opened.step("toy").finished()
    assert toy.done_units(opened, "last") == {"of-u00010", "of-u00011"}


def test_the_result_is_that_of_one_run(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "run", root, "--units", "u0000[7-9]")
    run(capsys, "run", root)
    assert run(capsys, "run", tmp_path / "job.yaml", "--dir", tmp_path / "straight").code == 0
    assert toy.verified(OpenCampaign(root)) == toy.verified(OpenCampaign(tmp_path / "straight"))


def test_a_glob_that_matches_nothing_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "run", root, "--units", "boot-*")
    assert ended.code == 2
    assert ended.error() == "no unit matches 'boot-*'"
    assert "toy begins with u00000, u00001, u00002; the units of last are not listed yet" in ended.stderr
    assert toy.done_units(OpenCampaign(root)) == set()


def test_a_chosen_unit_that_fails_is_an_error(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAIL", "u00002")
    ended = run(capsys, "run", root, "--units", "u0000[0-3]")
    assert ended.code == 3
    assert ended.error().startswith("step 'toy': 1 of the 4 chosen units are missing: u00002 (")
    assert "toy failure of u00002" in ended.error()
    assert len(toy.done_units(OpenCampaign(root))) == 3
    assert run(capsys, "run", root, "--units", "u0000[01]").code == 0, "another unit's failure"


def test_it_does_not_go_with_allow_missing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "run", root, "--units", "u*", "--allow-missing")
    assert ended.code == 2 and "--allow-missing" in ended.stderr
