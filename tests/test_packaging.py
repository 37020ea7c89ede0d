"""Wheel, editable install and bare checkout all find templates and config, and hold every module."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROBE = """
import json, pkgutil, sys
import hpcml, hpcml.share
shared = {}
for kind in hpcml.share.KINDS:
    folder = hpcml.share.resource_folder(kind)
    shared[kind] = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
modules = sorted(m.name for m in pkgutil.walk_packages(hpcml.__path__, "hpcml.") if "_share" not in m.name)
print(json.dumps({"home": hpcml.__path__[0], "shared": shared, "modules": modules}))
"""


def expected(root: Path) -> dict[str, object]:
    """What the probe has to see, from the tree itself."""
    shared = {
        kind: sorted(
            str(path.relative_to(root / kind)) for path in (root / kind).rglob("*") if path.is_file()
        )
        for kind in ("templates", "config")
    }
    files = [path.relative_to(root) for path in (root / "hpcml").rglob("*.py")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files}
    return {"shared": shared, "modules": sorted(names - {"hpcml", "hpcml._share"})}


def probe(python: Path, path: Path | None, cwd: Path) -> dict[str, object]:
    """Run the probe far from the tree, with `path` alone on PYTHONPATH."""
    environment = {"PATH": "/usr/bin:/bin", **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [python, "-W", "error", "-c", PROBE],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads: building leaves files beside setup.cfg."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("hpcml", "templates", "config"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


def pip(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_listed() -> None:
    """Packages are listed by hand, so one that is forgotten would be missing in a wheel only."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "hpcml").rglob("__init__.py")}
    assert listed == there | {"hpcml._share.templates", "hpcml._share.config"}


def test_bare_checkout(tree: Path, tmp_path: Path) -> None:
    found = probe(Path(sys.executable), tree, tmp_path)
    assert found.pop("home") == str(tree / "hpcml")
    assert found == expected(tree)


@pytest.mark.slow
def test_wheel(tree: Path, tmp_path: Path) -> None:
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tree)
    (wheel,) = tmp_path.glob("hpcml-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry,) = [name for name in names if name.endswith("entry_points.txt")]
        assert b"hpcml = hpcml.cli.main:main" in archive.read(entry)
    assert not [name for name in names if name.startswith(("tests", "jobs", "config/", "templates/"))]
    assert any(name.endswith("/LICENSE") for name in names)
    pip("install", "--no-deps", "--target", tmp_path / "site", wheel)
    found = probe(Path(sys.executable), tmp_path / "site", tmp_path)
    assert found.pop("home") == str(tmp_path / "site" / "hpcml")
    assert found == expected(tree)


@pytest.mark.slow
def test_editable_install(tree: Path, tmp_path: Path) -> None:
    """Into an environment of its own, which borrows the build tools and dependencies of this one."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True, with_pip=False)
    python = home / "bin" / "python"
    site = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip("--python", python, "install", "--no-deps", "--no-build-isolation", "--editable", tree)
    found = probe(python, None, tmp_path)
    assert found.pop("home") == str(tree / "hpcml")
    assert found == expected(tree)
    # what is edited is what runs
    (tree / "config" / "new.yaml").write_text("a: 1\n")
    try:
        assert "new.yaml" in probe(python, None, tmp_path)["shared"]["config"]  # type: ignore[index]
    finally:
        (tree / "config" / "new.yaml").unlink()
