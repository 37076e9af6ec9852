"""The rules of the lessons, as far as a machine can hold them: length, parts, sources of figures, alternative texts."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
FIGURES = ROOT / "tests" / "figures"
# Percentages, decimals, and numbers with a thousands comma: what a reader may want to check.
FIGURE = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+\.\d+(?!\.)|\d+)(?: ?%)?(?![\w,]*\d)")
NO_FIGURE = re.compile(r"```.*?```|`[^`]*`|\$[^$]*\$|arXiv[\s:]+\d+\.\d+|\]\([^)]*\)", re.DOTALL)
# An absolute path, or a file of an installed package: it would tell on which machine a lesson was run.
PLACE = re.compile(r"""(?:^|[\s"'(=])(?:/\w[\w.-]*){2,}|[A-Z]:\\|site-packages""", re.MULTILINE)
SOURCES = ("paper: ", "cell", "log: ", "hand: ", "web: ")

lessons = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def figures(path: Path) -> set[str]:
    """Every figure in the prose that somebody must have measured, counted or read somewhere."""
    found = FIGURE.findall(NO_FIGURE.sub(" ", prose(path)))
    return {figure for figure in found if "%" in figure or "." in figure or "," in figure}


def printed(path: Path) -> str:
    """Everything that the cells of a lesson print or show as text."""
    parts = []
    for output in (output for cell in cells(path, "code") for output in cell.outputs):
        data = output.get("data", {})
        parts += [
            output.get("text", ""),
            data.get("text/plain", ""),
            data.get("text/markdown", ""),
            data.get("text/html", ""),
        ]
    return "\n".join(parts)


@lessons
def test_length(path: Path) -> None:
    """40 to 60 cells, at most 2,000 words, code cells short, the file small enough to read on a code host."""
    code = [len(cell.source.splitlines()) for cell in cells(path, "code")]
    assert 40 <= len(code) + len(cells(path, "markdown")) <= 62
    assert len(re.findall(r"\S+", prose(path))) <= 2000
    assert statistics.median(code) <= 6 and max(code) <= 40
    assert path.stat().st_size < 400_000


@lessons
def test_parts(path: Path) -> None:
    """Opening: question, what you will be able to do, what you need, minutes, map. Closing: what we know, questions."""
    text = cells(path, "markdown")[0].source
    number = path.stem[:2]
    assert text.startswith(f"# {number} · ")
    for part in ("**Question: ", "*You will be able to*", "*You need*", "*Time*: ", "*The course*: "):
        assert part in text, part
    whole = prose(path)
    for part in ("## What we now know", "**Check yourself**", "<summary>Answers</summary>", "**Read on.**"):
        assert part in whole, part
    assert "**Predict:**" in whole


@lessons
def test_at_least_one_picture_and_all_have_words(path: Path) -> None:
    """A picture made by a cell goes through `plots.show(axes, text)`, which gives it an alternative text."""
    source = "\n".join(cell.source for cell in cells(path, "code"))
    assert "plots.show(" in source
    assert "plt.show(" not in source
    for tag in re.findall(r"<img [^>]*>", prose(path)):
        assert re.search(r'alt="[^"]{20,}"', tag), tag
    assert not re.findall(r"!\[\]\(", prose(path))


@pytest.mark.parametrize(
    "text",
    ["see /opt/course/x.py", '"/home/me/run"', "File /a/b:3", "x=/var/data", "lib/site-packages/torch", r"C:\course"],
)
def test_the_search_for_places_finds_them(text: str) -> None:
    assert PLACE.search(text)


@pytest.mark.parametrize(
    "text", ["../tests/golden/x.npz", "1 / 4", "full / one step", "|J'g|/|g|", "a </div> b", "9/9"]
)
def test_the_search_for_places_lets_other_strokes_be(text: str) -> None:
    assert not PLACE.search(text)


@pytest.mark.parametrize("path", [*LESSONS, *SOLUTIONS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_error_and_no_place_of_a_machine_in_the_outputs(path: Path) -> None:
    outputs = [output for cell in cells(path, "code") for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    assert not PLACE.search(printed(path)), PLACE.search(printed(path))
    assert all(cell.outputs or cell.execution_count for cell in cells(path, "code"))


@lessons
def test_every_figure_has_a_source(path: Path) -> None:
    """tests/figures/NN_slug.json says for each figure of the prose where it is from, and for nothing else.

    "cell": a cell of the lesson prints it. "log: FILE": a committed result holds it. "paper: ..." and "web: ...": read
    there. "hand: ...": it follows from what stands beside it.
    """
    sources = json.loads((FIGURES / f"{path.stem}.json").read_text(encoding="utf-8"))
    assert set(sources) == figures(path)
    for figure, source in sources.items():
        assert source.startswith(SOURCES), f"{figure}: {source!r} is none of {SOURCES}"
        if source == "cell":
            assert figure in printed(path), f"no cell prints {figure}"
        if source.startswith("log: "):
            assert (ROOT / source[5:].split(":")[0]).exists(), source
