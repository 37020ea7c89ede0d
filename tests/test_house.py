"""The rules of the house that no tool knows: who reads the environment, how long a file is, what it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hpcml"
FILES = sorted(PACKAGE.rglob("*.py"))
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
MAY_READ_ENVIRONMENT = {"jobfile/resolve.py", "worker/allocation.py"}  # submit side, rank side

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def environment_reads(tree: ast.AST) -> list[int]:
    """Lines that use os.environ or one of its relatives."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            lines += [node.lineno] if node.attr in ENVIRONMENT else []
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for name in node.names if name.name in ENVIRONMENT]
    return lines


def test_the_check_sees_what_it_looks_for() -> None:
    assert environment_reads(ast.parse("import os\nos.environ['A']\nos.getenv('B')\nos.path")) == [2, 3]
    assert environment_reads(ast.parse("from os import environ")) == [1]


@each_file
def test_environment_is_read_in_two_places(path: Path) -> None:
    if str(path.relative_to(PACKAGE)) not in MAY_READ_ENVIRONMENT:
        assert environment_reads(ast.parse(path.read_text())) == []


@each_file
def test_no_path_from_the_source_file_but_in_share(path: Path) -> None:
    names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert "__file__" not in names or path == PACKAGE / "share.py"


@each_file
def test_every_module_says_what_lives_there(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@each_file
def test_a_file_is_one_thing(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
