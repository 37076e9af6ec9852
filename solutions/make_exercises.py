"""Make exercises/ from solutions/: the same notebooks, with stubs in place of the solutions.

    python solutions/make_exercises.py           # write every exercise
    python solutions/make_exercises.py --check   # write nothing, and fail if one is stale

A solution notebook is an nbgrader source: nbgrader's own ClearSolutions cuts what stands between BEGIN SOLUTION and
END SOLUTION, here and in a graded class alike. In the exercises that everybody can open, the last step of the help
shows the solution as well: it is put where the mark `<!-- solution -->` stands. In a graded class the mark stays
empty. Outputs of cells that do not need the learner's code are kept, the others go.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS, EXERCISES = ROOT / "solutions", ROOT / "exercises"
MARK = "<!-- solution -->"
NEEDS_ANSWER = "needs-answer"  # tag of a cell, besides the checks, that calls what the learner writes
REGION = re.compile(r"^[ \t]*# BEGIN SOLUTION\n|^[ \t]*# END SOLUTION(\n|$)", re.MULTILINE)


def is_answer(cell: NotebookNode) -> bool:
    """A cell that the learner fills in."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def is_check(cell: NotebookNode) -> bool:
    """A cell that a check runs in, and that nbgrader gives points for."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def needs_answer(cell: NotebookNode) -> bool:
    """A cell that cannot work before the learner has written something."""
    return is_check(cell) or NEEDS_ANSWER in cell.metadata.get("tags", [])


def solution_code(cell: NotebookNode) -> str:
    """The source of a solved cell without the two lines that mark the solution."""
    return REGION.sub("", cell.source).rstrip("\n")


def make_exercise(solved: NotebookNode) -> NotebookNode:
    """The exercise of a solution notebook. ValueError if a help has no solution before it, or a solution no help."""
    exercise = nbformat.from_dict(solved)  # a deep copy
    waiting: list[str] = []
    for cell in exercise.cells:
        if is_answer(cell):
            waiting.append(solution_code(cell))
        elif cell.cell_type == "markdown" and MARK in cell.source:
            if cell.source.count(MARK) != 1 or not waiting:
                raise ValueError(f"a help needs one {MARK} and a solution before it: {cell.source[:80]!r}")
            code = "\n\n\n".join(waiting)
            cell.source = cell.source.replace(MARK, f"```python\n{code}\n```")
            waiting = []
        if cell.cell_type == "code" and (is_answer(cell) or needs_answer(cell)):
            cell.outputs = []
        if cell.cell_type == "code":
            cell.execution_count = None
    if waiting:
        raise ValueError(f"no help shows this solution: {waiting[0][:80]!r}")
    exercise, _ = ClearSolutions().preprocess(exercise, {})
    return exercise


def as_text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def stale(solutions: Path = SOLUTIONS, exercises: Path = EXERCISES) -> dict[Path, str | None]:
    """Every exercise that is not what its solution says, with the text that it should hold (None: nothing)."""
    wanted = {
        exercises / source.name: as_text(make_exercise(nbformat.read(source, as_version=4)))
        for source in sorted(solutions.glob("*.ipynb"))
    }
    found = {path: path.read_text(encoding="utf-8") for path in sorted(exercises.glob("*.ipynb"))}
    return {path: wanted.get(path) for path in sorted({*wanted, *found}) if wanted.get(path) != found.get(path)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say what is stale and exit with 1")
    args = parser.parse_args(argv)
    changes = stale()
    for path, text in changes.items():
        name = path.relative_to(ROOT)
        if args.check:
            print(f"{name} is not what solutions/ makes of it: run `make exercises`")
        elif text is None:
            path.unlink()
            print(f"{name} removed: it has no solution")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{name} written")
    return 1 if args.check and changes else 0


if __name__ == "__main__":
    sys.exit(main())
