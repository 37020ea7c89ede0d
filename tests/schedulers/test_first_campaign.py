"""The pages "your first campaign on ..." are followed, line by line, on the real schedulers.

Reading the console blocks of a page and doing what they say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy
import yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
pytest.importorskip("sklearn", reason="the pages need hpcml[jets]")


def console_lines(page: str) -> list[str]:
    """Commands of the page's console blocks, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that all nodes share and DAGMan accepts, with the page's job file."""
    path = Path(tempfile.mkdtemp(prefix="hpcml-page-", dir="/var/tmp"))
    shutil.copy(ROOT / "jobs" / "first-campaign.yaml", path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def follow(page: str, place: Path) -> dict[str, str]:
    """Type every command of the page; what each printed."""
    environment = toy.environment(
        **{name: os.environ[name] for name in ("SLURM_CONF", "CONDOR_CONFIG", "PATH") if name in os.environ},
        XDG_CONFIG_HOME=place / "config",
    )
    printed = {}
    for line in console_lines(page):
        words = line.split()
        assert words[0] == "hpcml", f"{page} says {line!r}, which this test cannot follow"
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{line}: {done.stderr}\n{done.stdout}"
        printed[line] = done.stdout
    return printed


def check(printed: dict[str, str], place: Path) -> None:
    root = place / "campaigns" / "first-campaign"
    tables = json.loads(toy.hpcml("verify", root, "--json").stdout)["digests"]
    assert {"events/images", "scan/statistics", "scan/counts"} < set(tables)
    verified = next(text for line, text in printed.items() if line.startswith("hpcml verify"))
    assert all(digest in verified for digest in tables.values())
    assert list((root / "report").glob("*.png"))
    assert "nothing to resume" in next(text for line, text in printed.items() if " resume " in line)


def test_the_slurm_page(real_slurm: None, place: Path) -> None:
    check(follow("first-campaign-slurm.md", place), place)


def test_the_lxplus_page(real_htcondor: None, place: Path) -> None:
    site = yaml.safe_load((ROOT / "config" / "sites" / "lxplus.yaml").read_text())
    del site["options"]["private_paths"]  # one machine is the whole cluster here: its /var/tmp is seen by all
    sites = place / "config" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    (sites / "lxplus.yaml").write_text(yaml.safe_dump(site))
    check(follow("first-campaign-lxplus.md", place), place)
