"""The Jinja2 environment of job files: its search path and its quoting filters.

Environment, render, and one filter for each place a value can stand in.

Python decides, templates lay out. A value without a filter is an error, so that no job file can be
written in which a path with a blank, a `$` or a quote changes the meaning of a line. A format that
cannot carry a character at all (a newline in a directive) is a UsageError that names the value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateNotFound,
    UndefinedError,
)
from jinja2.exceptions import TemplateSyntaxError
from markupsafe import Markup

from hpcml.errors import UsageError
from hpcml.share import resource_folder

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SBATCH_KEY = re.compile(r"[a-z][a-z0-9-]*")
_CONDOR_KEY = re.compile(r"\+?[A-Za-z_][A-Za-z0-9_.]*")
_DAG_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")


def environment(user_dirs: Sequence[Path] = ()) -> Environment:
    """Templates of `user_dirs` before the shipped ones.

    A user's `slurm/array.sbatch` replaces the shipped one, or changes single blocks of it when it
    begins with `{% extends "shipped/slurm/array.sbatch" %}`. A comment of a template is `{!-- ... --!}`.
    """
    home = FileSystemLoader(resource_folder("templates"))
    own = [FileSystemLoader(folder) for folder in user_dirs]
    result = Environment(
        loader=ChoiceLoader([*own, home, PrefixLoader({"shipped": home})]),
        undefined=StrictUndefined,
        finalize=_only_quoted,
        # Markup is what a filter returns and what super() of a block is: the mark of quoted text
        autoescape=True,
        # Jinja2's own {# is how bash counts: ${#words[@]}
        comment_start_string="{!--",
        comment_end_string="--!}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.filters = dict(FILTERS)
    return result


def render(env: Environment, template: str, values: Mapping[str, Any]) -> str:
    """The text of one file; UsageError when a template is missing or wrong."""
    try:
        return env.get_template(template).render(values)
    except TemplateNotFound as error:
        raise UsageError(f"no template {error.name!r}", "is the folder of your templates right?") from None
    except TemplateSyntaxError as error:
        raise UsageError(f"template {error.filename or template}:{error.lineno}: {error.message}") from None
    except UndefinedError as error:
        raise UsageError(f"template {template}: {error.message}") from None


def _only_quoted(value: Any) -> Markup:
    if not isinstance(value, Markup):
        raise UsageError(
            f"a template writes {str(value)[:60]!r} without saying how to quote it",
            f"write {{{{ value | sh }}}}; the filters are {', '.join(FILTERS)}",
        )
    return value


def _refuse(value: object, unwanted: str, where: str) -> str:
    """The value as text; UsageError when it holds one of the characters in `unwanted`."""
    text = str(value)
    for character in unwanted:
        if character in text:
            raise UsageError(f"{where} cannot carry the {_SPOKEN.get(character, character)} in {text!r}")
    return text


_SPOKEN = {"\n": "newline", "\r": "carriage return", "\0": "NUL byte", "\t": "tab", "'": "single quote"}
_LINE_ENDS = "\n\r\0"


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
        raise UsageError(f"a submit file cannot carry the blank at the end of {text!r}")
    if text.endswith("\\"):  # would continue on the next line
        raise UsageError(f"a submit file cannot carry the backslash at the end of {text!r}")
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
        raise UsageError(f"HTCondor cannot carry the '$$(' in {text!r}")
    return re.sub(r"\$(?=\$*[(A-Za-z])", "$(DOLLAR)", text)


def dag(value: object) -> Markup:
    """A node name or a relative file name in a DAG file, which knows no quotes."""
    if not _DAG_WORD.fullmatch(str(value)):
        raise UsageError(f"a DAG file cannot carry {str(value)!r}", "use letters, digits, '_', '-' and '.'")
    return Markup(str(value))


FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "sh": sh,
    "sh_words": sh_words,
    "name": name,
    "number": number,
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
