"""The puzzles. A task knows its tokens, symmetries, generator, rules and drawing, and nothing of models.

    >>> from trm_edu.tasks import get_task
    >>> task = get_task("sudoku6")
    >>> puzzles = task.generate(100, seed=0)

A new puzzle is one file with a class that has the methods of `Task`, and one call of `register_task`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from trm_edu.errors import DataError
from trm_edu.tasks.base import PuzzleSet, Task
from trm_edu.tasks.sudoku import Sudoku

__all__ = ["PuzzleSet", "Sudoku", "Task", "get_task", "register_task", "task_names"]

_TASKS: dict[str, Task] = {}


def register_task(task: Any, *, replace: bool = False) -> Task:
    """Make `task` known under `task.name` and return it.

    Raises DataError if something is missing from the `Task` protocol, or if the name is taken and not `replace`.
    """
    members = [name for name in (*Task.__annotations__, *vars(Task)) if not name.startswith("_")]
    missing = [name for name in members if not hasattr(task, name)]
    if missing:
        raise DataError(f"{type(task).__name__} is no Task (see trm_edu.tasks): it lacks {', '.join(missing)}.")
    if task.name in _TASKS and not replace:
        raise DataError(f"A task named {task.name!r} exists already; pass replace=True to put another in its place.")
    _TASKS[task.name] = task
    return task


def get_task(name: str) -> Task:
    """The task of that name. Raises DataError with the known names if there is none."""
    if name not in _TASKS:
        close = get_close_matches(str(name), _TASKS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise DataError(f"No task is named {name!r}; known: {', '.join(task_names())}.{hint}")
    return _TASKS[name]


def task_names() -> list[str]:
    """Names of all known tasks in the order of their registration."""
    return list(_TASKS)


for _task in (Sudoku(2, 2), Sudoku(2, 3), Sudoku(3, 3)):
    register_task(_task)
