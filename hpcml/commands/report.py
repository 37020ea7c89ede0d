"""Draws the figures of all merged steps, and writes them with one self-contained HTML page.

`collect` and `page_of` only read; `write` gets the folder.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError
from hpcml.store.atomic import replacing, write_text
from hpcml.user_code import calling_user_code

if TYPE_CHECKING:
    from hpcml.workload import Figure, Input, Workload

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "figure{margin:2rem 0}img{max-width:100%}figcaption{color:#444}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "code{font-size:90%}"
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One figure. name: of its files, without suffix. images: content by suffix, png and pdf."""

    name: str
    caption: str
    images: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Report:
    """What the merged steps of a campaign have to show. digests: {step: {table: content digest}}."""

    campaign: str
    figures: tuple[Drawn, ...]
    digests: Mapping[str, Mapping[str, str]]


def report(opened: OpenCampaign, folder: Path | None = None) -> Path | None:
    """Write *.png, *.pdf and index.html; None when no workload draws anything.

    folder: where, by default `report/` in the campaign directory, which is then the only place that changes.
    """
    found = collect(opened)
    if not found.figures:
        return None
    return write(found, folder or opened.layout.report, [step.name for step in opened.steps])


def collect(opened: OpenCampaign) -> Report:
    """Draw the figures of all merged steps. Nothing in the campaign is written."""
    merged = [step for step in opened.steps if step.layout.table.is_file()]
    tables = {step.name: step.table() for step in merged}
    figures = []
    for number, step in enumerate(merged):
        earlier = {before.name: tables[before.name] for before in merged[:number]}
        workload = step.instance(step.combinations()[0])
        for figure, images in draw_figures(workload, step.plan.workload, tables[step.name], earlier):
            figures.append(Drawn(f"{step.name}-{figure.name}", figure.caption, images))
    digests = {name: table.digests for name, table in tables.items()}
    return Report(opened.campaign.name, tuple(figures), digests)


def write(found: Report, folder: Path, steps: Sequence[str]) -> Path:
    """The files of a report in `folder`; its page. Figures of these steps that an earlier report left
    there and this one does not draw are removed."""
    written = set()
    for figure in found.figures:
        for suffix, image in figure.images.items():
            name = f"{figure.name}.{suffix}"
            with replacing(folder / name) as path:
                path.write_bytes(image)
            written.add(name)
    for step in steps:
        for path in folder.glob(f"{step}-*"):
            if path.suffix in (".png", ".pdf") and path.name not in written:
                path.unlink(missing_ok=True)
    page = folder / "index.html"
    write_text(page, page_of(found))
    return page


def page_of(found: Report) -> str:
    """The report as one HTML page that needs no other file."""
    name = html.escape(found.campaign)
    sections = []
    for figure in found.figures:
        image, caption = base64.b64encode(figure.images["png"]).decode(), html.escape(figure.caption)
        sections.append(
            f'<figure><img alt="{caption}" src="data:image/png;base64,{image}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    rows = "".join(
        f"<tr><td>{html.escape(step)}</td><td>{html.escape(table)}</td><td><code>{digest}</code></td></tr>"
        for step, tables in found.digests.items()
        for table, digest in tables.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><style>{STYLE}</style>'
        f"<h1>{name}</h1>{''.join(sections)}<h2>Tables</h2><table>"
        f"<tr><th>step</th><th>table</th><th>content digest</th></tr>{rows}</table></html>\n"
    )


def draw_figures(
    workload: Workload, name: str, table: Input, earlier: Mapping[str, Input]
) -> list[tuple[Figure, dict[str, bytes]]]:
    """Figures of report() of the workload called `name`, each with its images by file suffix."""
    hint = "all steps are merged: fix report() and make the report again"
    with calling_user_code(name, "report()", hint=hint):
        drawn = [(figure, _written(figure.figure)) for figure in workload.report(table, earlier)]
    for figure, _ in drawn:
        if not NAME.fullmatch(figure.name):
            raise UsageError(f"workload {name!r}: a figure cannot be called {figure.name!r}", hint)
    return drawn


def _written(figure: Any) -> dict[str, bytes]:
    """A figure for screens and for papers: {suffix: content}, without the date of today in it."""
    images = {}
    for suffix, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=140, metadata=metadata)
        images[suffix] = buffer.getvalue()
        figure.set_layout_engine("none")  # where things stand is known now
    return images
