"""Quoting: one function for each place of a job file in which a value can stand.

Each returns text that means exactly the value to whoever reads that place. A format that cannot hold a
character at all (a newline in a directive) is a UsageError that names the value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from markupsafe import Markup

from hpcml.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SBATCH_KEY = re.compile(r"[a-z][a-z0-9-]*")
_CONDOR_KEY = re.compile(r"\+?[A-Za-z_][A-Za-z0-9_.]*")
_DAG_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_SPOKEN = {"\n": "newline", "\r": "carriage return", "\0": "NUL byte", "\t": "tab", "'": "single quote"}
_LINE_ENDS = "\n\r\0"


def _refuse(value: object, unwanted: str, where: str) -> str:
    """The value as text; UsageError when it holds one of the characters in `unwanted`."""
    text = str(value)
    for character in unwanted:
        if character in text:
            raise UsageError(f"{where} must not contain a {_SPOKEN.get(character, character)}: {text!r}")
    return text


def sh(value: object) -> Markup:
    """One word of a shell command."""
    return Markup(shlex.quote(_refuse(value, "\0", "a shell script")))


def sh_words(values: Iterable[object]) -> Markup:
    """Several words of a shell command."""
    return Markup(" ").join(sh(value) for value in values)


def name(value: object) -> Markup:
    """The name of a shell variable."""
    if not _NAME.fullmatch(str(value)):
        raise UsageError(f"{str(value)!r} is not a name for an environment variable")
    return Markup(str(value))


def number(value: object) -> Markup:
    """A whole number, bare."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"a template wants a whole number here, found {value!r}")
    return Markup(str(value))


def case_numbers(values: Iterable[int]) -> Markup:
    """Whole numbers as a pattern of the shell's `case`: 1|5."""
    return Markup("|").join(number(value) for value in values)


def code(value: object) -> Markup:
    """Shell lines of the user's own (`setup:` of a site), as they are: they are code, not values."""
    return Markup(_refuse(value, "\0", "a shell script"))


def comment(value: object) -> Markup:
    """The rest of a line that begins with `#`."""
    return Markup(_refuse(value, _LINE_ENDS, "a comment"))


def sbatch_key(value: object) -> Markup:
    if not _SBATCH_KEY.fullmatch(str(value)):
        hint = "write it as sbatch's long option without the dashes: cpus-per-task"
        raise UsageError(f"{str(value)!r} is not the name of an sbatch option", hint)
    return Markup(str(value))


def sbatch(value: object) -> Markup:
    """The value of a `#SBATCH --key=` line; sbatch knows double quotes and backslashes, not `$`."""
    text = _refuse(value, _LINE_ENDS, "an #SBATCH line")
    if re.fullmatch(r"[A-Za-z0-9@%+=:,./_\[\]-]+", text):
        return Markup(text)
    return Markup('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')


def sbatch_path(value: object) -> str:
    """A folder as part of an output pattern, to be followed by the filter `sbatch`.

    A backslash anywhere turns sbatch's patterns off, and nothing escapes it.
    """
    return _refuse(value, "\\", "the output path of sbatch").replace("%", "%%")


def condor_key(value: object) -> Markup:
    if not _CONDOR_KEY.fullmatch(str(value)):
        raise UsageError(f"{str(value)!r} is not the name of a line of a submit file")
    return Markup(str(value))


def condor(value: object) -> Markup:
    """The value of a `key = value` line, literally: macros in it are not expanded."""
    text = _refuse(value, _LINE_ENDS, "a submit file")
    if text != text.strip():
        raise UsageError(f"a value of a submit file must not begin or end with a blank: {text!r}")
    if text.endswith("\\"):  # would continue on the next line
        raise UsageError(f"a value of a submit file must not end with a backslash: {text!r}")
    return Markup(_literal_dollars(text))


def condor_code(value: object) -> Markup:
    """A ClassAd expression or a macro of ours or of the site's, as it is."""
    return Markup(_refuse(value, _LINE_ENDS, "a submit file"))


def classad(value: object) -> Markup:
    """A ClassAd string literal, on the right of `+Name =` or inside an expression."""
    text = _refuse(value, _LINE_ENDS, "a ClassAd string")
    return Markup('"' + _literal_dollars(text.replace("\\", "\\\\").replace('"', '\\"')) + '"')


def condor_words(values: Iterable[object]) -> Markup:
    """Arguments or environment in HTCondor's quoted form: `"one 'two words' it''s"`."""
    return Markup('"' + " ".join(_condor_word(value) for value in values) + '"')


def condor_files(values: Iterable[object]) -> Markup:
    """A list of files with commas between them."""
    return condor(", ".join(_refuse(value, ",", "a list of files") for value in values))


def _condor_word(value: object) -> str:
    if isinstance(value, Markup):  # a macro such as $(shard), put there by Python on purpose
        return str(value)
    text = _refuse(value, _LINE_ENDS, "an argument of HTCondor").replace('"', '""')
    if text and not re.search(r"[\s']", text):
        return _literal_dollars(text)
    return "'" + _literal_dollars(text.replace("'", "''")) + "'"


def _literal_dollars(text: str) -> str:
    # $$(x) and $$([x]) are replaced at match time, in any string of the job, and nothing escapes them
    if re.search(r"\$\$\(", text):
        raise UsageError(f"a value for HTCondor must not contain '$$(': {text!r}")
    return re.sub(r"\$(?=\$*[(A-Za-z])", "$(DOLLAR)", text)


def dag(value: object) -> Markup:
    """A node name or a relative file name in a DAG file, which knows no quotes."""
    if not _DAG_WORD.fullmatch(str(value)):
        raise UsageError(
            f"{str(value)!r} cannot stand in a DAG file", "use letters, digits, '_', '-' and '.'"
        )
    return Markup(str(value))


FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "sh": sh,
    "sh_words": sh_words,
    "name": name,
    "number": number,
    "case_numbers": case_numbers,
    "code": code,
    "comment": comment,
    "sbatch_key": sbatch_key,
    "sbatch": sbatch,
    "sbatch_path": sbatch_path,
    "condor_key": condor_key,
    "condor": condor,
    "condor_code": condor_code,
    "classad": classad,
    "condor_words": condor_words,
    "condor_files": condor_files,
    "dag": dag,
}
