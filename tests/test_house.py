"""The rules of the house that no tool knows; each test lists every place that breaks one."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hpcml"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
# submit side; ranks
MAY_READ_ENVIRONMENT = {"jobfile/resolve.py", "jobfile/sites.py", "worker/allocation.py"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60
# words that belong to schedulers, physics and machine learning: no class of ours outside their rooms has one
RESERVED = re.compile(r"(Job(?!s?$|File|Ref|Record|State|Outcome|Output)|Task|Cluster|Batch|Event(?!Sample))")
OWNERS = ("schedulers/", "workloads/", "learning/", "numerics/", "plots/")
# what a non-native reader has to look up, and the word to write instead
WORDS = {
    "mend": "fix", "anew": "again", "told": "reported", "whole(?! number)": "complete", "cure": "remedy",
    "cures": "remedy", "judge": "evaluate", "stands twice": "duplicate", "takes along": "claims",
    "taken along": "claimed by another job", "somebody": "another process", "nobody": "no process",
    "curable": "", "is no number": "is not a number",
}  # fmt: skip


def environment_reads(tree: ast.AST) -> list[int]:
    """Lines that use os.environ or one of its relatives."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            lines += [node.lineno] if node.attr in ENVIRONMENT else []
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            lines += [node.lineno for name in node.names if name.name in ENVIRONMENT]
    return lines


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is not a docstring: what a person may read."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def test_the_checks_see_what_they_look_for() -> None:
    assert environment_reads(ast.parse("import os\nos.environ['A']\nos.getenv('B')\nos.path")) == [2, 3]
    assert environment_reads(ast.parse("from os import environ")) == [1]
    tree = ast.parse('"""doc"""\ndef f():\n    """doc"""\n    return f"a {1} b"')
    assert [text for _, text in texts(tree)] == ["a ", " b"]


def test_environment_is_read_in_few_places() -> None:
    found = [
        f"{name}:{line}"
        for name, tree in TREES.items()
        if name not in MAY_READ_ENVIRONMENT
        for line in environment_reads(tree)
    ]
    assert found == []


def test_no_path_from_the_source_file_but_in_share() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        if name != "share.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "__file__"
    ]
    assert found == []


def test_every_module_has_a_docstring() -> None:
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_files_and_functions_are_short() -> None:
    long = [
        f"{name}: {count} lines"
        for name in TREES
        if (count := len((PACKAGE / name).read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                count = node.end_lineno - node.lineno + 1
                if count > LONGEST_FUNCTION:
                    long.append(f"{name}:{node.lineno}: {node.name}: {count} lines")
    assert long == []


def test_files_that_docstrings_name_exist() -> None:
    """A pointer to another room is kept only where it is right."""
    names = {Path(name).name for name in TREES}
    wrong = []
    for name, tree in TREES.items():
        for pointer in re.findall(r"[\w/]+\.py\b", ast.get_docstring(tree) or ""):
            there = pointer in TREES if "/" in pointer else pointer in names
            if not there and pointer not in ("file.py",):  # the form `file.py:Class` of a workload
                wrong.append(f"{name}: {pointer}")
    assert wrong == []


def test_names_of_others_are_theirs() -> None:
    found = [
        f"{name}:{node.lineno}: {node.name}"
        for name, tree in TREES.items()
        if not name.startswith(OWNERS)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and RESERVED.search(node.name)
    ]
    assert found == []


def test_messages_name_the_campaign_directory() -> None:
    """`hpcml resume DIR` cannot be pasted into a shell."""
    found = [
        f"{name}:{line}: {text.strip()[:60]}"
        for name, tree in TREES.items()
        for line, text in texts(tree)
        if re.search(r"`hpcml [^`]*\bDIR\b", text)
    ]
    assert found == []


@pytest.mark.parametrize("word", WORDS)
def test_messages_are_in_plain_words(word: str) -> None:
    found = [
        f"{name}:{line}: {text.strip()[:60]!r}: write {WORDS[word]!r}"
        for name, tree in TREES.items()
        for line, text in texts(tree)
        if re.search(rf"(?<![\w-]){word}(?![\w-])", text)
    ]
    assert found == []


def test_the_contract_of_the_verbs_names_all_of_them() -> None:
    settings = configparser.ConfigParser()
    settings.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    listed = settings["importlinter:contract:verbs"]["modules"].split()
    verbs = {Path(name).stem for name in TREES if name.startswith("commands/")} - {"__init__", "run", "site"}
    assert set(listed) == {f"hpcml.commands.{verb}" for verb in verbs}
