"""Renders templates of job files: where they are searched, and that every value is quoted.

Python decides, templates lay out. A value without a filter is an error, so that no job file can be
written in which a path with a blank, a `$` or a quote changes the meaning of a line. This is the one module
that loads jinja2: a command that renders nothing starts without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from hpcml.schedulers.quoting import FILTERS
from hpcml.share import resource_folder


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
