"""The commands in bin/ where the machine is not as one would like it: old Pythons, no ensurepip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import toy

ENVIRONMENT = toy.ROOT / "bin" / "environment.sh"


def shell(script: str, **variables: object) -> toy.Ended:
    """Bash that has sourced environment.sh."""
    done = subprocess.run(
        ["bash", "-c", f'. "{ENVIRONMENT}"; {script}'],
        env=toy.environment(**variables), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return toy.Ended(done.returncode, done.stdout, done.stderr)


def python(folder: Path, body: str) -> Path:
    """A Python that does something else first."""
    path = folder / "python"
    path.write_text(f'#!/bin/bash\n{body}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return path


def test_the_python_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    mine = python(tmp_path, "")
    found = shell("_base_python", HPCML_PYTHON=mine)
    assert found.code == 0 and found.stdout.strip() == sys.executable


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = python(tmp_path, '[[ "$*" != *version_info* ]] || exit 1')
    found = shell("_base_python", HPCML_PYTHON=old)
    assert found.code == 2
    assert f"no Python 3.11 or later (tried {old})" in found.stderr and "apt-get install" in found.stderr


def test_without_ensurepip_the_pip_of_the_system_puts_itself_there(tmp_path: Path) -> None:
    """Debian without python3-venv."""
    bare = python(tmp_path, '[[ "$*" != "-m venv "* || "$*" = *--without-pip* ]] || exit 1')
    made = tmp_path / "made"
    found = shell(f'_make_venv "{made}" "{bare}"')
    assert found.code == 0, found.stderr
    told = subprocess.run(
        [made / "bin" / "python", "-m", "pip", "--version"], capture_output=True, text=True, check=True
    )
    assert str(made) in told.stdout


def test_without_any_pip_it_says_what_to_install(tmp_path: Path) -> None:
    body = '[[ "$*" != "-m venv "* || "$*" = *--without-pip* ]] || exit 1\n[[ "$*" != "-m pip"* ]] || exit 1'
    found = shell(f'_make_venv "{tmp_path / "made"}" "{python(tmp_path, body)}"')
    assert found.code == 2
    assert "neither ensurepip nor pip" in found.stderr and "apt-get install python3-venv" in found.stderr


def test_an_environment_that_was_half_made_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "stamps").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "stamps" / "jets,test").write_text("key")
    ready = f'_ready "{tmp_path}" jets key && echo ready'
    assert shell(ready).stdout == "ready\n"
    assert shell(f'_ready "{tmp_path}" jets,emulsion key && echo ready').stdout == ""
    assert shell(f'_ready "{tmp_path}" jets other && echo ready').stdout == ""
    (tmp_path / "installing").touch()
    assert shell(ready).stdout == ""
