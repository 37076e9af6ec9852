"""What an exercise says is expected is what its solution gives: the numbers under "Expected" are computed again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest
from expected import EXPECTED

from trm_edu.checks.teacher import same

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[tuple[str, str], tuple[Any, str]]]:
    """Every exercise's solution, as its notebook defines it, and the title cell above it."""
    backend = matplotlib.get_backend()
    matplotlib.use("agg")
    found: dict[tuple[str, str], tuple[Any, str]] = {}
    for path in sorted((ROOT / "solutions").glob("*.ipynb")):
        namespace: dict[str, Any] = {"display": print}
        title = ""
        for cell in nbformat.read(path, as_version=4).cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            if re.search(r"^## Exercise", cell.source, flags=re.MULTILINE):
                title = " ".join(cell.source.split())
            if cell.cell_type == "code" and not nbgrader.get("grade"):
                exec(cell.source, namespace)
            if nbgrader.get("solution"):
                name = nbgrader["grade_id"]
                found[path.name[:2], name] = namespace[name], title
    yield found
    matplotlib.use(backend)


@pytest.mark.parametrize(("lesson", "name"), EXPECTED, ids=["-".join(key) for key in EXPECTED])
def test_what_is_expected_is_what_the_solution_gives(lesson: str, name: str, solved: Any) -> None:
    solution, text = solved[lesson, name]
    for compute, value, words in EXPECTED[lesson, name]:
        assert words in text.partition("Expected")[2], f"{words!r} is not what the exercise says"
        result = compute(solution)
        assert same(result, value, tolerance=6e-5), f"{words!r}: the solution gives {result}"


def test_no_exercise_is_left_out(solved: Any) -> None:
    assert set(EXPECTED) == set(solved)
