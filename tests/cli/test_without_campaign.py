"""What a person sees of the commands that need no campaign: help, sites, workloads, completion."""

from __future__ import annotations

import json
import re

import pytest

from hpcml import registry
from hpcml.cli.main import ORDER

from .conftest import Terminal


def test_version(terminal: Terminal) -> None:
    assert terminal("--version") == ["hpcml, version VERSION"]


def test_help_lists_commands_in_the_order_of_a_campaign(terminal: Terminal) -> None:
    lines = terminal("--help")
    commands = lines[lines.index("Commands:") + 1 :]
    assert tuple(line.split()[0] for line in commands) == ORDER
    assert not [line for line in commands if not line.endswith(".") or line.endswith("...")], "cut off"
    assert "  explain     Why a campaign is not done." in commands


def test_a_wrong_name_answers_with_the_right_one(terminal: Terminal) -> None:
    assert terminal("stauts CAMPAIGN") == [
        "hpcml: error: no command 'stauts'",
        "hpcml: hint: did you mean 'status'?",
        "exit code 2",
    ]
    assert terminal("xyz") == [
        "hpcml: error: no command 'xyz'",
        "hpcml: hint: `hpcml --help` lists the commands",
        "exit code 2",
    ]


def test_not_a_campaign(terminal: Terminal) -> None:
    assert terminal("status CAMPAIGN") == [
        "hpcml: error: CAMPAIGN is not a campaign directory (no campaign.json)",
        "hpcml: hint: `hpcml plan JOB` makes one",
        "exit code 2",
    ]


def test_sites(terminal: Terminal) -> None:
    own = terminal.folder / "config" / "hpcml" / "sites"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("scheduler: slurm\n")
    lines = terminal("site list")
    assert "mine                 FOLDER/config/hpcml/sites/mine.yaml" in lines
    assert "local                PROJECT/config/sites/local.yaml" in lines
    shown = json.loads("\n".join(terminal("site show mine")))
    assert (shown["name"], shown["scheduler"], shown["options"]) == ("mine", "slurm", {})
    assert terminal("site show lcal") == [
        "hpcml: error: no site 'lcal'",
        "hpcml: hint: did you mean 'local'?",
        "exit code 2",
    ]


def test_completion(terminal: Terminal) -> None:
    lines = terminal("completion bash")
    assert lines[0] == "_hpcml_completion() {"
    assert "    complete -o nosort -F _hpcml_completion hpcml" in lines


def test_workloads_are_listed_with_their_purpose(terminal: Terminal) -> None:
    lines = terminal("workloads")
    listed = dict(line.split(maxsplit=1) for line in lines)
    assert list(listed) == sorted(listed) and set(listed) >= set(registry.BUILTIN)
    assert len({len(line) - len(line.split(maxsplit=1)[1]) for line in lines}) == 1, "purposes are aligned"
    assert listed["probe"] == "Host, Python and importable modules, as seen by a worker."
    assert all(purpose.endswith(".") for purpose in listed.values()), "complete sentences"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("probe", ["parameters:", "  modules: (str, ...) = ()", "table looks (rows):",
                   "  host: S256  where the unit was computed"]),
        ("jets.evaluate", ["  k: int = 50", "  evaluation.threshold: float = 3.0", "inputs:",
                           "  scan: a step jets.scan or jets.rebin", "table statistics (rows):",
                           "  n_rich: uint32  clusters labelled signal-rich"]),
        ("emulsion.folds", ["  split: 'showers' or 'rows' = 'showers'", "inputs:",
                            "  showers: a step emulsion.showers", "table folds (rows):",
                            "  recall: float64  of the signal class"]),
    ],
)  # fmt: skip
def test_a_workload_is_described(terminal: Terminal, name: str, lines: list[str]) -> None:
    shown = terminal(f"workloads {name}")
    assert re.fullmatch(rf"{re.escape(name)} \(version \d+\)", shown[0])
    assert [line for line in shown if line in lines] == lines, "in this order"
    assert not [line for line in shown if "object at 0x" in line or line != line.rstrip()]


def test_an_unknown_workload(terminal: Terminal) -> None:
    assert terminal("workloads jets.scna") == [
        "hpcml: error: unknown workload 'jets.scna'",
        "hpcml: hint: did you mean 'jets.scan'?",
        "exit code 2",
    ]


def test_a_missing_argument_is_named_in_full(terminal: Terminal) -> None:
    assert terminal("run") == [
        "hpcml: error: Missing argument 'JOB|DIRECTORY'.",
        "hpcml: hint: `hpcml run --help`",
        "exit code 2",
    ]
    assert terminal("merge") == [
        "hpcml: error: Missing argument 'DIRECTORY'.",
        "hpcml: hint: `hpcml merge --help`",
        "exit code 2",
    ]


@pytest.mark.parametrize("command", [*ORDER, "site list", "site show", "site check"])
def test_help_of_each_command(terminal: Terminal, command: str) -> None:
    """Plain words of the house; no placeholder that is not an argument or an option."""
    lines = terminal(f"{command} --help")
    assert lines[0].startswith(f"Usage: hpcml {command} ")
    text = " ".join(lines)
    assert not re.search(r"\b(DIR|told|said|mend|mended|cure|anew|judge|whole)\b", text)
