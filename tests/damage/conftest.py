"""Campaigns to damage: of three parts, and of the log of a killed rank."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import toy
from damaging import three_parts

from hpcml.directory.opened import OpenCampaign


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return toy.merge_here(toy.computed(tmp_path_factory.mktemp("wanted")))


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
