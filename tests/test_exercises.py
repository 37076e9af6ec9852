"""The exercises are what the solutions make of them, and wait for the learner at exactly the right cells."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = sorted((ROOT / "exercises").glob("*.ipynb"))


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_exercises", ROOT / "solutions" / "make_exercises.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_exercise_is_fresh(maker: ModuleType) -> None:
    assert [path.name for path in maker.stale()] == [], "run `make exercises`"


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_untouched_exercise_fails_at_its_checks_alone(path: Path, maker: ModuleType) -> None:
    """Run every cell: those that need the learner's code say NotImplementedError, and no other fails."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=240, allow_errors=True, resources={"metadata": {"path": path.parent}}).execute()
    for cell in notebook.cells:
        errors = [output.ename for output in cell.get("outputs", []) if output.output_type == "error"]
        wanted = ["NotImplementedError"] if cell.cell_type == "code" and maker.needs_answer(cell) else []
        assert errors == wanted, cell.source
