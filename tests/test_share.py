"""resource_folder() finds what is shipped, from a checkout here; the three installed forms:
test_packaging.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hpcml import share


def test_checkout() -> None:
    root = Path(share.__file__).resolve().parent.parent
    assert share.resource_folder("config") == root / "config"
    assert share.resource_folder("templates") == root / "templates"
    assert (share.resource_folder("config") / "defaults.yaml").is_file()


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="templates, config"):
        share.resource_folder("docs")


def test_broken_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "__file__", str(tmp_path / "hpcml" / "share.py"))
    with pytest.raises(FileNotFoundError, match="lacks its config"):
        share.resource_folder("config")
