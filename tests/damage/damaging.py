"""Making parts and damaging them, and the documented cure."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from hpcml.directory.opened import OpenCampaign

Capture = pytest.CaptureFixture[str]


SHARDS = 3


def three_parts(folder: Path) -> OpenCampaign:
    made = toy.planned(folder, toy.step(resources={"shards": SHARDS}))
    for shard in range(SHARDS):
        assert toy.work_here(made, shard=shard) == 0
    return made


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
