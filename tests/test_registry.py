"""A family of workloads states its own extra and modules; nothing of it is loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from hpcml import provenance, registry
from hpcml.errors import MissingExtra

FAMILIES = sorted({name.partition(".")[0] for name in registry.BUILTIN if "." in name})
PACKAGE_OF = {"sklearn": "scikit-learn"}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_modules_of_a_family_come_with_its_extra(name: str) -> None:
    family = registry._family(f"{name}.something")
    wanted = [line for line in requires("hpcml") or [] if f'extra == "{family.EXTRA}"' in line]
    for module in family.REQUIRES:
        package = PACKAGE_OF.get(module, module)
        assert any(line.startswith(package) for line in wanted), f"{module} of {name}"
        assert module in registry.family_packages()
        assert module in registry.modules_of(f"{name}.something")


@pytest.mark.parametrize("name", ["probe", "file.py:Class", "jets.py:Class", "package.module:Class"])
def test_other_workloads_need_no_extra(name: str) -> None:
    assert not set(registry.modules_of(name)) & set(registry.family_packages())


def test_asking_what_a_family_needs_loads_nothing_of_it() -> None:
    script = (
        "import sys; from hpcml import registry; names = registry.family_packages();"
        "print(*(name for name in names if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_package_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILTIN, "jets.broken", "hpcml_nowhere.steps:Broken")
    with pytest.raises(MissingExtra) as caught:
        registry.load("jets.broken")
    assert "'hpcml_nowhere'" in caught.value.message
    assert (caught.value.hint, caught.value.exit_code) == ("pip install 'hpcml[jets]'", 2)


def test_a_module_of_a_user_that_is_not_there_names_no_extra(tmp_path: Path) -> None:
    (tmp_path / "jets.py").write_text("import hpcml_nowhere\n")
    with pytest.raises(MissingExtra) as caught:
        registry.load("jets.py:Mine", tmp_path)
    assert caught.value.hint == "is it on PYTHONPATH?"


def test_versions_of_what_results_depend_on_are_recorded() -> None:
    found = provenance.versions()
    assert {"python", "hpcml", "numpy", "h5py"} <= found.keys()
    assert "sklearn" not in found, "under the name that pip knows"
