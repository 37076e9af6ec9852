"""The solutions are nbgrader assignments, for real: released, handed in, graded by nbgrader's own commands."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
GRADED = "01_puzzles_as_tokens"
MODULE = "puzzles_as_tokens"
CONFIG = """c = get_config()
c.CourseDirectory.course_id = "trm"
c.Execute.timeout = 120
"""


@pytest.fixture(scope="module", autouse=True)
def programs_of_this_environment() -> Iterator[None]:
    """nbgrader calls `alembic` by name: the environment's programs must be found, as they are once it is activated."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield


def nbgrader(course: Path, *arguments: str) -> str:
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(course / "none"), "HOME": str(course)}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def answer_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells that a student fills in, by the name of their exercise."""
    marked = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {cell.metadata["nbgrader"]["grade_id"]: cell for cell in marked}


def points(notebook: NotebookNode) -> dict[str, float]:
    """Points of each exercise."""
    marked = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {cell["grade_id"].removeprefix("check_"): cell["points"] for cell in marked if cell.get("grade")}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with two assignments: "all" holds every solution notebook, the other one alone. Both are released."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "nbgrader_config.py").write_text(CONFIG)
    for assignment, paths in {"all": SOLUTIONS, GRADED: [ROOT / "solutions" / f"{GRADED}.ipynb"]}.items():
        source = folder / "source" / assignment
        source.mkdir(parents=True)
        for path in paths:
            shutil.copy(path, source)
        nbgrader(folder, "generate_assignment", assignment, "--create")
    return folder


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_what_nbgrader_releases_is_the_exercise(path: Path, course: Path) -> None:
    """Cell by cell the same notebook that lies in exercises/, but for the solution in the last help."""
    released = nbformat.read(course / "release" / "all" / path.name, as_version=4)
    exercise = nbformat.read(ROOT / "exercises" / path.name, as_version=4)
    without_solution = re.compile(r"(Help 3: .*?</summary>\n\n)```python\n.*?\n```", re.DOTALL)
    ours = [without_solution.sub(r"\1<!-- solution -->", cell.source) for cell in exercise.cells]
    assert [cell.source for cell in released.cells] == ours
    assert "BEGIN SOLUTION" not in str(released) and "```python" not in "".join(ours)


def hand_in(course: Path, student: str, notebook: NotebookNode) -> None:
    folder = course / "submitted" / student / GRADED
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{GRADED}.ipynb")


def test_a_perfect_an_empty_and_a_partly_wrong_submission_get_their_scores(course: Path) -> None:
    released = course / "release" / GRADED / f"{GRADED}.ipynb"
    solved = nbformat.read(ROOT / "solutions" / f"{GRADED}.ipynb", as_version=4)
    worth = points(solved)
    wrong, unfinished = list(worth)[:2]

    hand_in(course, "empty", nbformat.read(released, as_version=4))
    perfect = nbformat.read(released, as_version=4)
    for name, cell in answer_cells(perfect).items():
        cell.source = answer_cells(solved)[name].source
    hand_in(course, "perfect", perfect)

    stub = answer_cells(nbformat.read(released, as_version=4))[unfinished].source
    answer_cells(perfect)[unfinished].source = stub
    mistake = next(iter(importlib.import_module(f"answers.{MODULE}").ANSWERS[wrong].wrong.values()))
    source = inspect.getsource(mistake).replace(f"def {mistake.__name__}(", f"def {wrong}(")
    answer_cells(perfect)[wrong].source = source
    for cell in perfect.cells:  # a student who makes the check easier gains nothing: nbgrader puts the cell back
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"check_{wrong}":
            cell.source = "pass"
    hand_in(course, "partly", perfect)

    nbgrader(course, "autograde", GRADED, "--create")
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        scores = {}
        for student in ("perfect", "empty", "partly"):
            submission = book.find_submission(GRADED, student)
            assert submission.max_score == sum(worth.values()) and not submission.needs_manual_grade
            scores[student] = submission.score
            graded = {g.name.removeprefix("check_"): g.score for g in submission.notebooks[0].grades}
            if student == "partly":
                assert graded == worth | {wrong: 0, unfinished: 0}
    assert scores == {
        "perfect": sum(worth.values()),
        "empty": 0,
        "partly": sum(worth.values()) - worth[wrong] - worth[unfinished],
    }

    nbgrader(course, "generate_feedback", GRADED)
    feedback = (course / "feedback" / "partly" / GRADED / f"{GRADED}.html").read_text(encoding="utf-8")
    assert "Not yet." in feedback and "NotImplementedError" in feedback
