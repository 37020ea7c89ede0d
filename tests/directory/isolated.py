"""The scratch folder of a job that does not see the campaign."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hpcml.commands.sandbox import make_sandbox
from hpcml.commands.work import work
from hpcml.directory.opened import OpenCampaign
from hpcml.store import output_archive as archive
from hpcml.store.layout import Layout
from hpcml.store.sandbox import read_sandbox_note
from hpcml.worker.assignment import ShardRequest


@contextmanager
def away(*paths: Path) -> Iterator[None]:
    """Nothing of these can be read meanwhile."""
    for path in paths:
        path.rename(path.with_name(path.name + ".away"))
    yield
    for path in paths:
        path.with_name(path.name + ".away").rename(path)


def parts_in(path: Path) -> set[str]:
    with tarfile.open(path) as tar:
        return {name for name in tar.getnames() if name.startswith("parts/")}


class Elsewhere:
    """The scratch folder of one shard's job."""

    def __init__(self, folder: Path, opened: OpenCampaign, step: str, shard: int = 0) -> None:
        self.sandbox, self.incoming = folder / "sandbox", folder / "incoming"
        self.step, self.shard, self.home = step, shard, opened.layout.incoming
        home = make_sandbox(OpenCampaign(opened.root), OpenCampaign(opened.root).step(step), 1)
        shutil.copytree(home, self.sandbox)  # follows links, as the transfer does
        self.incoming.mkdir()
        (self.sandbox / "incoming").symlink_to("../incoming")

    def start(self, shards: int = 0) -> Path:
        """What rank.sh does; the archive."""
        self.code = work(ShardRequest(self.sandbox, self.step, self.shard, shards, 1))
        note = read_sandbox_note(self.sandbox)
        assert note is not None
        return archive.pack(Layout(self.sandbox), note, self.shard)

    def send(self) -> list[Path]:
        self.home.mkdir(exist_ok=True)
        return [
            Path(shutil.copy(path, self.home / path.name)) for path in sorted(self.incoming.glob("*.tar"))
        ]
