"""Every complaint about a job or site file is one line with a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_jobs import one_step, prepared, refused

from hpcml.errors import JobFileError
from hpcml.jobfile.resolve import resolve


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return prepared(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "job.yaml:1: file: is empty"),
        ("# only a comment\n", "job.yaml:1: file: is empty"),
        ("- a\n- b\n", "job.yaml:1: file: must be a mapping"),
        ("just text", "job.yaml:1: file: must be a mapping"),
        ("a: 1\nb: [1, 2\n", "job.yaml:3: YAML: "),
        ("a: b: c\n", "job.yaml:1: YAML: mapping values are not allowed here"),
        ("a:\n\tb: 1\n", "job.yaml:2: YAML: has a tab"),
        ("a: 1\n---\nb: 2\n", "job.yaml:2: YAML: has a second document"),
        ("a: 1\nb: 2\na: 3\n", "job.yaml:3: file: duplicate key, found 'a'"),
        ("a: 1\nb: {c: 1, c: 2}\n", "job.yaml:2: b: duplicate key, found 'c'"),
        ("a: !!python/object:os.system 1\n", "job.yaml:1: a: tags are not allowed"),
        ("a: !mine [1]\n", "job.yaml:1: a: tags are not allowed"),
        ("a: !!int x\n", "job.yaml:1: a: is not a int"),
        ("a: !!bool x\n", "job.yaml:1: a: is not a bool"),
        ("a: &x [*x]\n", "job.yaml:1: a.0: an anchor that contains itself"),
        ("a: *x\n", "job.yaml:1: YAML: found undefined alias"),
        ("a:\n  <<: 3\n", "job.yaml:2: a: `<<` needs a mapping"),
        ("1: 2\n", "job.yaml:1: file: keys must be text"),
        ("? [a]\n: 2\n", "job.yaml:1: file: keys must be text"),
        ("a: \x07\n", "job.yaml:1: YAML: has a character that YAML forbids"),
    ],
)
def test_not_a_yaml_mapping(text: str, start: str) -> None:
    assert refused(text).message.startswith(start)


def test_not_a_readable_file(folder: Path) -> None:
    def message(path: str) -> str:
        with pytest.raises(JobFileError) as caught:
            resolve(Path(path), check_inputs=True)
        return caught.value.message

    assert message("nope.yaml") == "nope.yaml:1: file: no such file, found 'nope.yaml'"
    assert message("data") == "data:1: file: is a directory, not a file, found 'data'"
    (folder / "latin.yaml").write_bytes("a: 1\nb: é\n".encode("latin-1"))
    assert message("latin.yaml") == "latin.yaml:2: file: is not UTF-8 text, found b'\\xe9'"
    (folder / "bom.yaml").write_text(one_step(), encoding="utf-8-sig")
    assert resolve(Path("bom.yaml"), check_inputs=True)[0].campaign.name == "demo"


@pytest.mark.parametrize(
    ("text", "start", "hint"),
    [
        (one_step("sede: 3"), "job.yaml:8: sede: unknown key, found 3", "did you mean 'seed'?"),
        (one_step("zzz: 3"), "job.yaml:8: zzz: unknown key, found 3", "known keys: campaign, seed, site"),
        (
            one_step("resources: {rank: 3}"),
            "job.yaml:8: resources.rank: unknown key",
            "did you mean 'ranks'?",
        ),
        (
            one_step("  wher: here"),
            "job.yaml:8: steps.only.wher: unknown key, found 'here'",
            "did you mean 'where'?",
        ),
        (
            one_step("  where: hree"),
            "job.yaml:8: steps.only.where: must be 'here' or 'batch', found 'hree'",
            "did you mean 'here'?",
        ),
        (
            one_step("  compression: zip"),
            "job.yaml:8: steps.only.compression: must be 'none', 'gzip'",
            "gzip",
        ),
        (
            one_step("  max_attempts: 0"),
            "job.yaml:8: steps.only.max_attempts: must be at least 1, found 0",
            "",
        ),
        (
            one_step("resources: {ranks: two}"),
            "job.yaml:8: resources.ranks: must be a whole number, found 'two'",
            "",
        ),
        (
            one_step("resources: {ranks: 2.0}"),
            "job.yaml:8: resources.ranks: must be a whole number, found 2.0",
            "",
        ),
        (one_step("resources: {ranks: true}"), "job.yaml:8: resources.ranks: must be a whole number", ""),
        (one_step("resources: 3"), "job.yaml:8: resources: must be a mapping (key: value), found 3", ""),
        (one_step("notify: {male: x}"), "job.yaml:8: notify.male: unknown key", "did you mean 'mail'?"),
        (one_step("container: ''"), "job.yaml:8: container: must have at least 1 character", ""),
        (one_step("site: lokal"), "job.yaml:8: site: no such site, found 'lokal'", "did you mean 'local'?"),
        (one_step("site: ../local"), "job.yaml:8: site: must match", ""),
        (
            "campaign: a\nseed: -1\nsteps: []",
            "job.yaml:2: seed: must be at least 0, found -1 (and 1 more",
            "",
        ),
        ("campaign: A b\nseed: 1\nsteps: 3", "job.yaml:1: campaign: must match", "a name"),
        ("campaign: a\nseed: 1\nsteps: 3", "job.yaml:3: steps: must be a list, found 3", ""),
        ("campaign: a\nseed: 1\nsteps: [x]", "job.yaml:3: steps[0]: must be a mapping", ""),
        ("seed: 1", "job.yaml:1: campaign: the required key is missing, found ['seed'] (and 1 more", ""),
        ("campaign: 12\nseed: 1", "job.yaml:1: campaign: must be text, found 12", "put it in quotes: '12'"),
        (
            "campaign: a\nseed: 1\nsteps:\n- name: x\n  parameters: {}\n",
            "job.yaml:4: steps.x.workload: the required key is missing, found ['name', 'parameters']",
            "",
        ),
        (
            one_step("- name: only\n  workload: toy.py:Toy"),
            "job.yaml:8: steps.only.name: another step has this name, found 'only'",
            "",
        ),
    ],
)
def test_wrong_keys_and_values(text: str, start: str, hint: str) -> None:
    error = refused(text)
    assert error.message.startswith(start)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("parameters", "start", "hint"),
    [
        ("{clusters: 5, widht: 1}", "parameters.widht: unknown key, found 1", "did you mean 'width'?"),
        ("{width: 1}", "parameters.clusters: the required key is missing, found ['width']", ""),
        ("{clusters: '5'}", "parameters.clusters: must be a whole number, found '5'", ""),
        ("{clusters: 5.0}", "parameters.clusters: must be a whole number, found 5.0", ""),
        ("{clusters: 0}", "parameters.clusters: must be at least 1, found 0", ""),
        ("{clusters: 5, width: 11}", "parameters.width: must be at most 10.0, found 11", ""),
        ("{clusters: 5, mode: fats}", "parameters.mode: must be 'fast' or 'exact'", "did you mean 'fast'?"),
        ("{clusters: 5, radii: [1, x]}", "parameters.radii[1]: must be a number, found 'x'", ""),
        ("{clusters: 5, radii: 1}", "parameters.radii: must be a list, found 1", ""),
        ("{clusters: 5, label: 3}", "parameters.label: must be text, found 3", "quotes"),
        ("{clusters: 5, limit: []}", "parameters.limit: must be a whole number or text, found []", ""),
        ("{clusters: 5, verbose: 1}", "parameters.verbose: must be true or false, found 1", ""),
        ("{clusters: 5, window: {lo: 1}}", "parameters.window.lo: unknown key", "did you mean 'low'?"),
        ("{clusters: 5, window: 3}", "parameters.window: must be a mapping", ""),
        ("{clusters: 5, window: {low: 2}}", "parameters.window: low must be below high", ""),
        ("{clusters: 13, mode: exact}", "parameters: 13 clusters cannot be exact", ""),
        ("3", "parameters: must be a mapping (key: value), found 3", ""),
    ],
)
def test_wrong_parameters(parameters: str, start: str, hint: str) -> None:
    error = refused(one_step(parameters=parameters))
    assert error.message.startswith(f"job.yaml:6: steps.only.{start}")
    assert hint in error.hint


@pytest.mark.parametrize(
    ("sweep", "start", "hint"),
    [
        ("{clustres: [1]}", "sweep.clustres: not a parameter of the workload", "did you mean 'clusters'?"),
        ("{clusters: [1]}", "sweep.clusters: is in `sweep` and in `parameters`", "delete one"),
        ("{width: []}", "sweep.width: must have at least 1 value", ""),
        ("{width: 3}", "sweep.width: must be a list", ""),
        ("{width: [1, x]}", "sweep.width[1]: must be a number, found 'x'", ""),
        ("{width: [1, 2, 1.0]}", "sweep.width[2]: duplicate value, found 1.0", ""),
        ("{width: [1, 12, 13]}", "sweep.width[1]: must be at most 10.0, found 12 (and 1 more error)", ""),
        ("{window: [{low: 3}]}", "sweep.window[0]: low must be below high", ""),
    ],
)
def test_wrong_sweeps(sweep: str, start: str, hint: str) -> None:
    error = refused(one_step(f"  sweep: {sweep}"))
    assert error.message.startswith(f"job.yaml:8: steps.only.{start}")
    assert hint in error.hint


def test_a_rule_that_joins_two_swept_parameters() -> None:
    text = one_step("  sweep: {clusters: [5, 13], mode: [fast, exact]}", parameters="{}")
    assert "13 clusters cannot be exact, found {'clusters': 13, 'mode': 'exact'}" in refused(text).message


@pytest.mark.parametrize(
    ("workload", "words", "hint"),
    [
        ("jets.imagse", "unknown workload 'jets.imagse'", "did you mean 'jets.images'?"),
        ("toy.py:Tyo", "toy.py has no class 'Tyo'", "did you mean 'Toy'?"),
        ("none.py:Toy", "no workload file", ""),
        ("no_such_module:Toy", "needs the module 'no_such_module'", "PYTHONPATH"),
        ("toy.py:NotOne", "is not a subclass of hpcml.workload.Workload", ""),
        ("broken.py:Toy", "importing it raised SyntaxError", ""),
        ("toy.py:Unchecked", "its Parameters has a field that YAML cannot express", "nested frozen"),
        ("toy.py:Bare", "its Parameters is not a dataclass", "nested frozen"),
    ],
)
def test_wrong_workloads(folder: Path, workload: str, words: str, hint: str) -> None:
    (folder / "broken.py").write_text("def (:\n")
    error = refused(one_step().replace("toy.py:Toy", workload))
    assert error.message.startswith("job.yaml:5: steps.only.workload: ")
    assert words in error.message and hint in error.hint


@pytest.mark.parametrize(
    ("override", "start", "hint"),
    [
        ("seed", "--set: seed: must be key=value", ""),
        ("=3", "--set: key: must be key=value", ""),
        ("a..b=3", "--set: a..b: must be key=value", ""),
        ("sede=3", "--set: sede: unknown key, found 3", "did you mean 'seed'?"),
        ("seed=x", "--set: seed: must be a whole number, found 'x'", ""),
        ("seed.x=3", "--set: seed.x: seed has no keys below it, found 7", ""),
        ("steps.onyl.where=here", "--set: steps.onyl.where: no such step", "did you mean 'only'?"),
        ("steps.only.paramters.clusters=3", "--set: steps.only.paramters: unknown key", "'parameters'?"),
        ("steps.only.parameters.clutsers=3", "--set: steps.only.parameters.clutsers: unknown", "'clusters'?"),
        ("resources.rank=3", "--set: resources.rank: unknown key, found 3", "did you mean 'ranks'?"),
        ("seed=[1", "--set seed:1: YAML: ", ""),
    ],
)
def test_wrong_overrides(override: str, start: str, hint: str) -> None:
    error = refused(one_step(), override)
    assert error.message.startswith(start)
    assert hint in error.hint


def test_wrong_site_file(folder: Path) -> None:
    sites = folder / "xdg" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    (sites / "mine.yaml").write_text("scheduler: local\nlaunhcer: auto\n")
    error = refused(one_step(), site="mine")
    assert error.message == f"{sites}/mine.yaml:2: launhcer: unknown key, found 'auto'"
    assert error.hint == "did you mean 'launcher'?"
    assert refused(one_step(), site="nope").message == "--site: site: no such site, found 'nope'"


def test_the_first_error_of_the_file_is_reported() -> None:
    text = one_step("  where: x", parameters="{clusters: 5, q: 1, widht: 2}")
    assert refused(text).message.startswith("job.yaml:8: steps.only.where: ")  # shape before meaning
    message = refused(one_step(parameters="{clusters: 5, q: 1, widht: 2}", inputs="{}")).message
    assert message.startswith("job.yaml:6: steps.only.parameters.q: unknown key")
    assert message.endswith("(and 2 more errors)")
