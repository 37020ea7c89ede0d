"""Site files: where they lie, which one a name means, and what it says of a cluster."""

from __future__ import annotations

import os
from pathlib import Path

from hpcml.campaign import Site
from hpcml.errors import JobFileError, UsageError, nearest
from hpcml.jobfile.layers import Layer, check
from hpcml.jobfile.models import SiteFile
from hpcml.jobfile.yaml_source import Document, Problem, read
from hpcml.share import resource_folder


def sites() -> list[tuple[str, Path]]:
    """(name, file) of every site that a job file can name; a user's file hides a shipped one."""
    found: dict[str, Path] = {}
    for folder, _ in reversed(_site_folders()):
        found.update({path.stem: path for path in folder.glob("*.yaml")})
    return sorted(found.items())


def load_site(name: str) -> Site:
    """The site called `name`, checked like in a job file."""
    known = dict(sites())
    if name not in known:
        raise UsageError(f"no site {name!r}", nearest(name, [*known]) or f"known: {', '.join(known)}")
    document = read(known[name], str(known[name]))
    return site_of(name, Layer(document, check(SiteFile, document)), {})


def site_document(name: str, job: Document) -> Document:
    """The site file called `name`; JobFileError at the line of the job file that names it."""
    for folder, label in _site_folders():
        path = folder / f"{name}.yaml"
        if path.is_file():
            return read(path, f"{label}/{path.name}")
    known = sorted({path.stem for folder, _ in _site_folders() for path in folder.glob("*.yaml")})
    hint = nearest(name, known) or f"known sites: {', '.join(known)}"
    raise JobFileError(job.line(Problem(("site",), "no such site", name)), hint)


def site_of(name: str, layer: Layer, origins: dict[str, str]) -> Site:
    """The layer of a site file as a Site; where each value came from goes into `origins`."""
    where: dict[str, str] = {}
    given = layer.given((), layer.entry, where)
    given.pop("resources", None)
    origins.update({f"site.{key}": mark for key, mark in where.items()})
    if "setup" in given:
        given["setup"] = tuple(given["setup"])
    return Site(name=name, **given)


def _site_folders() -> list[tuple[Path, str]]:
    """(folder, what to call it in messages), first found first: the user's, then the shipped."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    home = Path(configured) if configured else Path("~/.config").expanduser()
    own = home / "hpcml" / "sites"
    return [(own, str(own)), (resource_folder("config") / "sites", "config/sites")]
