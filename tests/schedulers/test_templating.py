"""Quoting: what goes in comes out, through the real reader of each format, or is refused with its name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpcml.errors import UsageError
from hpcml.schedulers.quoting import (
    FILTERS,
    case_numbers,
    classad,
    condor,
    condor_code,
    condor_words,
    dag,
    sbatch,
    sbatch_path,
    sh,
)
from hpcml.schedulers.templating import environment, render
from hpcml.share import resource_folder

NASTY = [
    "plain", "", "two words", "it's", 'say "hi"', "$HOME",
    "${HOME}", "$(date)", "`date`", "100%", "%j", "a\\b",
    "back\\", "semi;colon", "a|b", "#no comment", "tab\there",
    "new\nline", "*", "~", "ümlaut", "$$(Memory)", "a,b",
    "'; rm -rf /; '", '"', "'", "''", '""', "$", "$$", "\\$", "=", "  ends  ",
]  # fmt: skip
nasty = st.one_of(st.sampled_from(NASTY), st.text(st.sampled_from(" \"'$%\\\n`#a(){}[];&|*"), max_size=12))


def condor_arguments(text: str) -> list[str]:
    """Split `"..."` as HTCondor's manual describes its arguments: an independent reading of the format."""
    assert text[0] == text[-1] == '"'
    inside = re.sub(r'""', "\0", text[1:-1])
    assert '"' not in inside
    words, word, quoted, some = [], "", False, False
    at = 0
    while at < len(inside):
        character = inside[at]
        if quoted and inside[at : at + 2] == "''":
            word += "'"
            at += 1
        elif character == "'":
            quoted, some = not quoted, True
        elif character.isspace() and not quoted:
            words += [word] if some else []
            word, some = "", False
        else:
            word, some = word + character, True
        at += 1
    assert not quoted
    words += [word] if some else []
    return [word.replace("\0", '"').replace("$(DOLLAR)", "$") for word in words]


@settings(max_examples=60, deadline=None)
@given(st.lists(nasty, max_size=4))
def test_shell_words_survive_bash(values: list[str]) -> None:
    words = " ".join(sh(value) for value in values)
    script = f"printf '%s\\0' x {words}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"{value}\0" for value in ["x", *values])


@settings(max_examples=200, deadline=None)
@given(st.lists(nasty, max_size=4))
def test_condor_arguments_survive_its_reader(values: list[str]) -> None:
    try:
        text = condor_words(values)
    except UsageError as error:
        assert any("\n" in value or "$$(" in value for value in values)
        assert "\n" not in error.message
        return
    assert condor_arguments(str(text)) == values
    # whatever the macro processor would expand must be one of ours
    assert re.sub(r"\$\(DOLLAR\)", "", text).count("$(") == 0


@pytest.mark.parametrize("quote", [sbatch, condor, classad, condor_code, condor_words, dag])
def test_a_newline_is_refused_where_the_format_has_none(quote: object) -> None:
    value = ["first\nsecond"] if quote is condor_words else "first\nsecond"
    with pytest.raises(UsageError, match=r"first\\nsecond"):
        quote(value)  # type: ignore[operator]


def test_a_nul_byte_is_refused_in_a_shell_script() -> None:
    with pytest.raises(UsageError, match="NUL byte"):
        sh("a\0b")


def test_values_of_sbatch_lines() -> None:
    assert sbatch("B:USR1@120") == "B:USR1@120"
    assert sbatch("my job") == '"my job"'
    assert sbatch('a "b" \\c $d') == '"a \\"b\\" \\\\c $d"'
    assert sbatch(f"{sbatch_path('/a%b')}/%A_%a.log") == "/a%%b/%A_%a.log"
    with pytest.raises(UsageError, match="output path"):
        sbatch_path("a\\b")


def test_values_of_submit_files() -> None:
    assert condor("/a b/$(HOME)/x") == "/a b/$(DOLLAR)(HOME)/x"
    assert condor("costs 5$") == "costs 5$"
    assert classad('a "b" \\') == '"a \\"b\\" \\\\"'
    for value in (" blank", "blank ", "back\\", "$$(Memory)"):
        with pytest.raises(UsageError, match=re.escape(repr(value))):
            condor(value)


@given(st.lists(st.integers(0, 255), min_size=1, unique=True), st.integers(0, 255))
@settings(max_examples=30, deadline=None)
def test_a_pattern_of_numbers_matches_those_and_no_other(numbers: list[int], code: int) -> None:
    script = f"case {code} in {case_numbers(numbers)}) echo yes ;; *) echo no ;; esac"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ("yes" if code in numbers else "no")


def test_names_of_dag_nodes() -> None:
    assert dag("scan-array") == "scan-array"
    for value in ("a b", "a+b", "", "a#b"):
        with pytest.raises(UsageError):
            dag(value)


def test_a_value_without_a_filter_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "careless.sh").write_text("echo {{ value }}\n")
    with pytest.raises(UsageError, match="without saying how to quote it"):
        render(environment([tmp_path]), "careless.sh", {"value": "x"})


def test_an_unknown_value_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "careless.sh").write_text("echo {{ valeu | sh }}\n")
    with pytest.raises(UsageError, match="valeu"):
        render(environment([tmp_path]), "careless.sh", {"value": "x"})


def test_mistakes_in_a_template_name_the_line(tmp_path: Path) -> None:
    (tmp_path / "broken.sh").write_text("one\n{% if %}\n")
    with pytest.raises(UsageError, match=r"broken\.sh:2"):
        render(environment([tmp_path]), "broken.sh", {})
    with pytest.raises(UsageError, match=r"no template 'absent\.sh'"):
        render(environment(), "absent.sh", {})


def test_a_user_changes_one_block(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "run.sh").write_text(
        '{% extends "shipped/common/run.sh" %}\n{% block stop %}# mine\n{{ super() }}{% endblock %}\n'
    )
    values = {"campaign": "toys", "attempt": 1, "steps": [{"folder": "/a b", "shards": [3]}]}
    theirs = render(environment(), "common/run.sh", values)
    mine = render(environment([tmp_path]), "common/run.sh", values)
    assert "'/a b'/rank.sh 3" in mine
    assert "# mine" in mine and "# mine" not in theirs
    assert "stopped()" in mine


def shipped_templates() -> list[Path]:
    return [
        path for path in resource_folder("templates").rglob("*") if path.is_file() and path.suffix != ".pyc"
    ]


@pytest.mark.parametrize("path", shipped_templates(), ids=lambda path: path.name)
def test_shipped_templates_lay_out_and_decide_nothing(path: Path) -> None:
    text = path.read_text()
    tags = set(re.findall(r"{%-?\s*(\w+)", text))
    assert tags <= {"if", "elif", "else", "endif", "for", "endfor", "block", "endblock", "extends"}
    for expression in re.findall(r"{{(.*?)}}", text):
        filters = re.findall(r"\|\s*(\w+)", expression)
        assert filters and filters[-1] in FILTERS, f"{path.name}: {expression}"
