"""The documentation keeps its word: its example runs, its pages hold what they show."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_house import WORDS

import hpcml

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
# beside those that no message may have: words that a page must not need
PLAIN = {
    "said": "reported, called", "mended": "fixed", "judged": "evaluated", "typed again": "re-run",
    "in silence": "silently", "dealt": "assigned", "take along": "claim", "begun": "started, claimed",
}  # fmt: skip


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example's folder with a made-up input file; a real turn-on at 30 GeV."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    rng = np.random.default_rng(1)
    pt = rng.exponential(30.0, 20_000)
    with h5py.File(tmp_path / "events.h5", "w") as file:
        file["pt_gev"] = pt
        file["passed"] = rng.random(len(pt)) < 1.0 / (1.0 + np.exp(-(pt - 30.0) / 4.0))
    return tmp_path


def test_the_example_workload_runs_and_measures_the_turn_on(example: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "hpcml",
        "run",
        str(example / "turn_on.yaml"),
        "--dir",
        str(example / "c"),
    ]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    table = hpcml.open_table(example / "c", "curve")
    summary = table.summary()
    assert table.array("passed_fraction", "efficiency").shape == (40, 5)
    assert np.all(np.diff(summary["mean"]) > 0) and summary["mean"][-1] > 0.99
    assert np.all((summary["error"] > 0.0005) & (summary["error"][:4] < 0.05).all())
    sums = table.array("fraction", "sums")
    np.testing.assert_allclose(sums / 40, summary["mean"], rtol=1e-12)


def test_check_workload_accepts_the_example(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(example))
    from turn_on import TurnOn  # type: ignore[import-not-found]

    from hpcml.testing import check_workload

    results = check_workload(TurnOn, {"resamplings": 5}, {"events": [str(example / "events.h5")]})
    assert list(results) == ["boot-0000", "boot-0001", "boot-0002"]
    assert results["boot-0000"]["efficiency"]["passed_fraction"].shape == (1, 5)


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs" / "write-your-own-workload.md").read_text(encoding="utf-8")
    for name in ("turn_on.py", "turn_on.yaml"):
        assert (EXAMPLES / name).read_text(encoding="utf-8") in page


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_is_on_the_commands_page() -> None:
    from hpcml.cli.main import cli

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    missing = [name for name in cli.commands if f"`hpcml {name}" not in page]
    assert not missing


def rooms_on_the_page() -> dict[str, list[str]]:
    """{folder below hpcml/: the files that the architecture page lists for it}, each with a description."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {}
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        title, _, text = re.split(r"^## ", section, flags=re.MULTILINE)[0].partition("\n")
        heading = re.fullmatch(r"`([\w/]+)/`: .+", title)
        assert heading, f"no room: {title}"
        folder = heading[1].removeprefix("hpcml")
        rooms[folder] = re.findall(r"^(\w+\.py) {2,}\S", text, flags=re.MULTILINE)
    return rooms


def test_the_architecture_page_lists_every_file_once_under_its_room() -> None:
    package = ROOT / "hpcml"
    rooms = {
        path.parent.relative_to(package).as_posix().removeprefix("."): []
        for path in package.rglob("__init__.py")
    }
    for path in sorted(package.rglob("*.py")):
        if path.parent == package or path.name != "__init__.py":
            rooms[path.parent.relative_to(package).as_posix().removeprefix(".")].append(path.name)
    assert {room: sorted(files) for room, files in rooms_on_the_page().items()} == rooms


def test_paths_on_the_architecture_page_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:hpcml/)?[a-z_]+/[a-z_/]+\.py)`", page)
    assert len(named) > 5
    missing = [name for name in named if not (ROOT / "hpcml" / name.removeprefix("hpcml/")).is_file()]
    assert missing == []


def test_the_layers_on_the_architecture_page_are_those_of_the_contracts() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg", encoding="utf-8")
    layers = contracts["importlinter:contract:rooms"]["layers"].strip().splitlines()
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = page.partition("\n## Layers\n")[2].split("```\n")[1].splitlines()
    assert [re.split(r" {2,}", line)[0].split(", ") for line in shown] == [
        re.findall(r"\w+", line) for line in layers
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_are_in_plain_words(page: Path) -> None:
    printed = page.name == "measurements.md"  # its tables are what bin/bench prints
    found = [
        f"{page.name}:{number}: {word}: write {instead!r}"
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        for word, instead in {**WORDS, **PLAIN}.items()
        if not (printed and line.startswith("|"))
        and re.search(rf"(?<![\w-])(?i:{word})(?![\w-])", re.sub("`[^`]*`", "", line))
    ]
    assert found == []
