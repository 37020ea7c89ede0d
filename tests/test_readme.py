"""The README keeps its word: its job file runs on real events, its Python reads the result."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import toy

pytest.importorskip("fastjet", reason="the README's job file needs hpcml[jets]")
README = (toy.ROOT / "README.md").read_text(encoding="utf-8")
SMALLER = ("k=8", "resamplings=4", "initialisations=2", "train_interval=[2800,3200]", "batch_size=64")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README's job file and real events where it expects them."""
    folder = Path(os.environ.get("HPCML_TEST_DATA") or toy.ROOT.parent / "shared" / "data")
    events = folder / "jets" / "lhco_rnd_tiny.h5"
    if not events.is_file():
        pytest.skip(f"no real jet data in {folder}: set HPCML_TEST_DATA to their folder")
    (tmp_path / "data").mkdir()
    shutil.copy(events, tmp_path / "data" / "events_anomalydetection.h5")
    (tmp_path / "job.yaml").write_text(blocks("yaml")[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_campaign(place: Path) -> None:
    options = [word for one in SMALLER for word in ("--set", f"steps.scan.parameters.{one}")]
    options += ["--set", "steps.scan.sweep.injected=[0,20]", "--set", "resources.shards=2"]
    assert toy.hpcml("validate", "job.yaml", *options).code == 0
    done = toy.hpcml("run", "job.yaml", *options, limit=300)
    assert done.code == 0, done.stdout + done.stderr
    python = [block for block in blocks("python") if "campaigns/my-scan" in block]
    assert len(python) >= 2
    seen: dict[str, object] = {}
    for block in python:
        exec(compile(block, "README.md", "exec"), seen)
    statistic, first_and_rows = seen["statistic"], seen["first_and_rows"]
    assert statistic.shape == (20,)  # type: ignore[attr-defined]
    assert first_and_rows[:, 1].tolist() == [2] * 10  # type: ignore[index]
