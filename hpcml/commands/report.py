"""Merged tables -> plots and one self-contained HTML page.

Collecting the figures of all steps and writing them.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping
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


def report(opened: OpenCampaign) -> Path | None:
    """Write report/*.png, *.pdf and report/index.html; None when no workload draws anything."""
    merged = [step for step in opened.steps if step.layout.table.is_file()]
    tables = {step.name: step.table() for step in merged}
    sections: list[str] = []
    written: set[str] = set()
    for step in merged:
        earlier = {one.name: tables[one.name] for one in merged[: merged.index(step)]}
        workload = step.instance(step.combinations()[0])
        for figure, images in draw_figures(workload, step.plan.workload, tables[step.name], earlier):
            for suffix, image in images.items():
                name = f"{step.name}-{figure.name}.{suffix}"
                with replacing(opened.layout.report / name) as path:
                    path.write_bytes(image)
                written.add(name)
            text = base64.b64encode(images["png"]).decode()
            caption = html.escape(figure.caption)
            sections.append(
                f'<figure><img alt="{caption}" src="data:image/png;base64,{text}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )
    if not sections:
        return None
    _remove_earlier(opened, written)
    page = opened.layout.report / "index.html"
    name = html.escape(opened.campaign.name)
    rows = "".join(
        f"<tr><td>{html.escape(step)}</td><td>{html.escape(table)}</td><td><code>{digest}</code></td></tr>"
        for step, found in tables.items()
        for table, digest in found.digests.items()
    )
    write_text(
        page,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><style>{STYLE}</style>'
        f"<h1>{name}</h1>{''.join(sections)}<h2>Tables</h2><table>"
        f"<tr><th>step</th><th>table</th><th>content digest</th></tr>{rows}</table></html>\n",
    )
    return page


def _remove_earlier(opened: OpenCampaign, written: set[str]) -> None:
    """Figures of a report before this one that are not drawn any more."""
    for step in opened.steps:
        for path in opened.layout.report.glob(f"{step.name}-*"):
            if path.suffix in (".png", ".pdf") and path.name not in written:
                path.unlink(missing_ok=True)


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
