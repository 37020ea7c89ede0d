"""Where the shipped templates and site files are: in a wheel, an editable install, a bare checkout.

The only path computed from `__file__`.
"""

from __future__ import annotations

from pathlib import Path

KINDS = ("templates", "config")


def resource_folder(kind: str) -> Path:
    """The folder `templates` or `config`.

    A wheel holds them inside the package (setup.cfg maps them there); an editable install and a
    checkout have them beside it.
    """
    if kind not in KINDS:
        raise ValueError(f"nothing called {kind!r} is shipped, only {', '.join(KINDS)}")
    package = Path(__file__).resolve().parent
    for folder in (package / "_share" / kind, package.parent / kind):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the installation of hpcml in {package} lacks its {kind}")
