"""Draws the figures of all merged steps, and writes them and their documents with one HTML page.

`collect` and `page_of` only read; `write` gets the folder.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError
from hpcml.store.atomic import replacing, write_text
from hpcml.user_code import calling_user_code

if TYPE_CHECKING:
    from hpcml.workload import Input, Workload

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_WITH_SUFFIX = re.compile(NAME.pattern + r"\.[A-Za-z0-9]+")
LINK = re.compile(r'<a class="document" href="([^"/]+)">')  # as page_of writes it
HINT = "all steps are merged: fix report() and make the report again"
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
class Written:
    """One document. name: of its file, with suffix."""

    name: str
    caption: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What the merged steps of a campaign have to show. digests: {step: {table: content digest}}."""

    campaign: str
    figures: tuple[Drawn, ...]
    documents: tuple[Written, ...]
    digests: Mapping[str, Mapping[str, str]]


def report(opened: OpenCampaign, folder: Path | None = None) -> Path | None:
    """Write *.png, *.pdf, documents and index.html; None when no workload has anything to show.

    folder: where, by default `report/` in the campaign directory, which is then the only place that changes.
    """
    found = collect(opened)
    if not (found.figures or found.documents):
        return None
    return write(found, folder or opened.layout.report, [step.name for step in opened.steps])


def collect(opened: OpenCampaign) -> Report:
    """Draw the figures of all merged steps. Nothing in the campaign is written."""
    merged = [step for step in opened.steps if step.layout.table.is_file()]
    tables = {step.name: step.table() for step in merged}
    figures: list[Drawn] = []
    documents: list[Written] = []
    for number, step in enumerate(merged):
        earlier = {before.name: tables[before.name] for before in merged[:number]}
        workload = step.instance(step.combinations()[0])
        for one in draw(workload, step.plan.workload, tables[step.name], earlier):
            named = replace(one, name=f"{step.name}-{one.name}")
            if isinstance(named, Drawn):
                figures.append(named)
            else:
                documents.append(named)
    digests = {name: table.digests for name, table in tables.items()}
    return Report(opened.campaign.name, tuple(figures), tuple(documents), digests)


def write(found: Report, folder: Path, steps: Sequence[str]) -> Path:
    """The files of a report in `folder`; its page. Figures and documents of these steps that an earlier
    report left there and this one does not make are removed."""
    files = {document.name: document.content for document in found.documents}
    for figure in found.figures:
        files |= {f"{figure.name}.{suffix}": image for suffix, image in figure.images.items()}
    for name, content in files.items():
        with replacing(folder / name) as path:
            path.write_bytes(content)
    page = folder / "index.html"
    linked = _linked_documents(page)
    for step in steps:
        for path in folder.glob(f"{step}-*"):
            ours = path.suffix in (".png", ".pdf") or path.name in linked
            if ours and path.name not in files:
                path.unlink(missing_ok=True)
    write_text(page, page_of(found))
    return page


def page_of(found: Report) -> str:
    """The report as one HTML page that needs no other file; documents are linked."""
    name = html.escape(found.campaign)
    sections = []
    for figure in found.figures:
        image, caption = base64.b64encode(figure.images["png"]).decode(), html.escape(figure.caption)
        sections.append(
            f'<figure><img alt="{caption}" src="data:image/png;base64,{image}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    if found.documents:
        links = "".join(
            f'<li><a class="document" href="{html.escape(document.name)}">{html.escape(document.name)}</a>'
            f" {html.escape(document.caption)}</li>"
            for document in found.documents
        )
        sections.append(f"<h2>Documents</h2><ul>{links}</ul>")
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


def draw(workload: Workload, name: str, table: Input, earlier: Mapping[str, Input]) -> list[Drawn | Written]:
    """What report() of the workload called `name` gives: figures as images, documents as bytes."""
    from hpcml.workload import Document

    found: list[Drawn | Written] = []
    with calling_user_code(name, "report()", hint=HINT):
        for one in workload.report(table, earlier):
            if isinstance(one, Document):
                content = one.content.encode() if isinstance(one.content, str) else bytes(one.content)
                found.append(Written(one.name, one.caption, content))
            else:
                found.append(Drawn(one.name, one.caption, _images(one.figure)))
    _check_names(name, found)
    return found


def _check_names(workload: str, found: Sequence[Drawn | Written]) -> None:
    taken = {f"{one.name}.{suffix}" for one in found if isinstance(one, Drawn) for suffix in one.images}
    for one in found:
        if isinstance(one, Drawn):
            if not NAME.fullmatch(one.name):
                raise UsageError(f"workload {workload!r}: a figure cannot be called {one.name!r}", HINT)
            continue
        if not NAME_WITH_SUFFIX.fullmatch(one.name):
            what = "a document cannot be called"
            raise UsageError(f"workload {workload!r}: {what} {one.name!r} (a name with a suffix)", HINT)
        if one.name in taken:
            raise UsageError(f"workload {workload!r}: two files of the report are called {one.name!r}", HINT)
        taken.add(one.name)


def _linked_documents(page: Path) -> set[str]:
    """Names of the documents that the page of an earlier report links."""
    try:
        return set(LINK.findall(page.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return set()


def _images(figure: Any) -> dict[str, bytes]:
    """A figure for screens and for papers: {suffix: content}, without the date of today in it."""
    images = {}
    for suffix, metadata in (("png", {}), ("pdf", {"CreationDate": None})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=140, metadata=metadata)
        images[suffix] = buffer.getvalue()
        figure.set_layout_engine("none")  # where things stand is known now
    return images
