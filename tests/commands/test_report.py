"""The page of a report: captions, digests, and what an earlier report left behind."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import toy

from hpcml.commands.report import report
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import UsageError


@pytest.fixture
def drawn(tmp_path: Path) -> OpenCampaign:
    """Two steps, merged; the second draws one figure."""
    last = toy.step("last", "Drawn", toy.COLUMNS, inputs={"samples": "first"})
    opened = toy.planned(tmp_path, toy.step("first", parameters={"n": 3}), last, campaign="a-b")
    for name in ("first", "last"):
        toy.work_here(OpenCampaign(opened.root), name)
        toy.merge_here(opened, name)
    return OpenCampaign(opened.root)


def test_one_page_that_needs_no_other_file(drawn: OpenCampaign) -> None:
    path = report(drawn)
    assert path == drawn.layout.report / "index.html"
    page = path.read_text()
    assert "<title>a-b</title>" in page
    assert re.findall('src="([^,]{0,40})', page) == ["data:image/png;base64"]
    caption = "drawn of 3 rows, before it: first"
    assert page.count(html.escape(caption)) == 2, "below the figure, and for those who do not see it"
    rows = re.findall("<tr><td>(.*?)</td><td>(.*?)</td><td><code>(.*?)</code></td></tr>", page)
    digests = toy.verified(drawn)
    assert {f"{step}/{table}": digest for step, table, digest in rows} == digests


def test_typing_it_again_writes_the_same_bytes(drawn: OpenCampaign) -> None:
    report(drawn)
    names = ["index.html", "last-nothing.pdf", "last-nothing.png"]
    before = {path.name: path.read_bytes() for path in drawn.layout.report.iterdir()}
    assert sorted(before) == names
    report(OpenCampaign(drawn.root))
    assert {path.name: path.read_bytes() for path in drawn.layout.report.iterdir()} == before


def test_figures_that_are_not_drawn_any_more_go_and_other_files_stay(drawn: OpenCampaign) -> None:
    report(drawn)
    for name in ("last-old.png", "last-old.pdf", "last-notes.txt", "mine.png"):
        (drawn.layout.report / name).write_text("")
    report(drawn)
    assert {path.name for path in drawn.layout.report.iterdir()} == {
        "index.html", "last-nothing.png", "last-nothing.pdf", "last-notes.txt", "mine.png"
    }  # fmt: skip


@pytest.fixture
def documented(tmp_path: Path) -> OpenCampaign:
    """Two steps, merged; the second writes documents."""
    last = toy.step("last", "Documented", toy.COLUMNS, inputs={"samples": "first"})
    opened = toy.planned(tmp_path, toy.step("first", parameters={"n": 3}), last)
    for name in ("first", "last"):
        toy.work_here(OpenCampaign(opened.root), name)
        toy.merge_here(opened, name)
    return OpenCampaign(opened.root)


def test_documents_are_written_and_linked(documented: OpenCampaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_DOCUMENTS", "points.csv,fit.tex")
    page = report(documented)
    assert page is not None
    assert (page.parent / "last-points.csv").read_bytes() == b"\xff\x00"
    assert (page.parent / "last-fit.tex").read_text(encoding="utf-8") == "\u00b5"
    text = page.read_text()
    assert re.findall(r'href="([^"]+)">([^<]+)</a> ([^<]+)<', text) == [
        ("last-points.csv", "last-points.csv", "number 0 of &lt;3 rows&gt;"),
        ("last-fit.tex", "last-fit.tex", "number 1 of &lt;3 rows&gt;"),
    ]


def test_a_document_that_is_not_made_any_more_goes_and_other_files_stay(
    documented: OpenCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = documented.layout.report
    monkeypatch.setenv("TOY_DOCUMENTS", "points.csv,fit.tex")
    report(documented)
    (folder / "last-notes.txt").write_text("")
    monkeypatch.setenv("TOY_DOCUMENTS", "fit.tex")
    report(documented)
    assert {path.name for path in folder.iterdir()} == {"index.html", "last-fit.tex", "last-notes.txt"}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("points", "a document cannot be called 'points' (a name with a suffix)"),
        ("../points.csv", "a document cannot be called '../points.csv'"),
        ('a".csv', "a document cannot be called"),
        ("a.csv,a.csv", "two files of the report are called 'a.csv'"),
    ],
)
def test_a_bad_name_of_a_document_is_refused(
    documented: OpenCampaign, monkeypatch: pytest.MonkeyPatch, names: str, words: str
) -> None:
    monkeypatch.setenv("TOY_DOCUMENTS", names)
    with pytest.raises(UsageError) as caught:
        report(documented)
    assert words in caught.value.message
    assert not documented.layout.report.exists()
