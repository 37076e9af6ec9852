"""The puzzles. A task knows its tokens, symmetries, generator, rules and drawing, and nothing of models.

    >>> from trm_edu.tasks import get_task
    >>> task = get_task("sudoku6")
    >>> puzzles = task.generate(100, seed=0)

A puzzle of your own is one file with a class that has the methods of `Task` (`GridTask` has most of them already), and
one call of `register_task`. Tasks that live outside this package are found, when a name is asked for that is not known
yet or names are listed, in two places:

- Python files named in the environment variable TRM_EDU_TASKS (several are separated as in PATH), which call
  `register_task`;
- installed packages with an entry point of the group "trm_edu.tasks", whose name is the task's and whose value is a
  task or something that makes one when called.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_edu.errors import DataError
from trm_edu.tasks.arc import Arc
from trm_edu.tasks.base import Line, Look, PuzzleSet, Task
from trm_edu.tasks.grid import GridSymmetry, GridTask, group_of
from trm_edu.tasks.maze import Maze
from trm_edu.tasks.sudoku import Sudoku

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "Arc",
    "FILES_VARIABLE",
    "ENTRY_POINTS",
    "GridSymmetry",
    "GridTask",
    "Line",
    "Look",
    "Maze",
    "PuzzleSet",
    "Sudoku",
    "Task",
    "get_task",
    "group_of",
    "register_task",
    "task_names",
]

FILES_VARIABLE = "TRM_EDU_TASKS"
ENTRY_POINTS = "trm_edu.tasks"

_TASKS: dict[str, Task] = {}
_FILES: set[Path] = set()  # of TRM_EDU_TASKS, those that were imported


def protocol_members() -> list[str]:
    """Names of everything that a `Task` must have."""
    return [name for name in (*Task.__annotations__, *vars(Task)) if not name.startswith("_")]


def register_task(task: Any, *, replace: bool = False) -> Task:
    """Make `task` known under `task.name` and return it.

    Raises DataError if something is missing from the `Task` protocol, or if the name is taken and not `replace`.
    """
    missing = [name for name in protocol_members() if not hasattr(task, name)]
    if missing:
        raise DataError(f"{type(task).__name__} is no Task (see trm_edu.tasks): it lacks {', '.join(missing)}.")
    if task.name in _TASKS and not replace:
        raise DataError(f"A task named {task.name!r} exists already; pass replace=True to put another in its place.")
    _TASKS[task.name] = task
    return task


def get_task(name: str) -> Task:
    """The task of that name. Raises DataError with the known names if there is none.

    A name that is not known yet is looked for in the files of TRM_EDU_TASKS, then among installed packages. Raises
    DataError with the file or the package if that is broken.
    """
    if name not in _TASKS:
        _import_files()
    if name not in _TASKS and (found := _entry_points().get(name)):
        _load(found)
    if name not in _TASKS:
        known = task_names()
        close = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise DataError(f"No task is named {name!r}; known: {', '.join(known)}.{hint}")
    return _TASKS[name]


def task_names() -> list[str]:
    """Names of all tasks: the registered ones in their order, then those of installed packages (not loaded yet)."""
    _import_files()
    return list(dict.fromkeys([*_TASKS, *_entry_points()]))


def _import_files() -> None:
    """Import the files of TRM_EDU_TASKS, each once. Raises DataError with the file that cannot be imported."""
    for name in filter(None, os.environ.get(FILES_VARIABLE, "").split(os.pathsep)):
        path = Path(name).expanduser().resolve()
        if path in _FILES:
            continue
        if path.suffix != ".py" or not path.is_file():
            raise DataError(f"{FILES_VARIABLE} names {name!r}; that is no Python file (looked for {path}).")
        before = dict(_TASKS)
        _FILES.add(path)  # first, because the file may ask for tasks itself
        spec = importlib.util.spec_from_file_location(f"trm_edu_tasks_file_{len(_FILES)}_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look there for the names in their annotations
        try:
            spec.loader.exec_module(module)
            if before == _TASKS:
                raise DataError("it registers no task; end it with register_task(...)")
        except Exception as error:  # a file of somebody else can raise anything
            _FILES.discard(path)
            del sys.modules[spec.name]
            _TASKS.clear()
            _TASKS.update(before)
            raise DataError(f"{path} (named in {FILES_VARIABLE}): {_said(error)}") from error


def _entry_points() -> dict[str, list[EntryPoint]]:
    """The tasks that installed packages offer, by name; normally one for a name. Nothing of them is imported."""
    from importlib.metadata import entry_points  # a look at every installed package: only when it is needed

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        if point not in found.setdefault(point.name, []):
            found[point.name].append(point)
    return found


def _load(points: list[EntryPoint]) -> None:
    """Register the task of an entry point. Raises DataError with the package's name if it is broken."""
    packages = " and ".join(point.dist.name if point.dist else "an unknown package" for point in points)
    name, value = points[0].name, points[0].value
    if len(points) > 1:
        raise DataError(f"The task {name!r} comes from {packages}; remove all of these packages but one.")
    try:
        task = points[0].load()
        if isinstance(task, type) or (callable(task) and not hasattr(task, "encode")):
            task = task()
        if (given := getattr(task, "name", None)) != name:
            raise DataError(f"its task is named {given!r}; the entry point must have the same name")
        if name not in _TASKS:  # the package may have registered it when it was imported
            register_task(task)
    except Exception as error:  # a package of somebody else can raise anything
        raise DataError(f"The task {name!r} of the package {packages} ({value}): {_said(error)}") from error


def _said(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, DataError) else f"{type(error).__name__}: {text}"


for _task in (Sudoku(2, 2), Sudoku(2, 3), Sudoku(3, 3), Maze(7), Maze(10), Maze(30), Arc(7), Arc(10), Arc(30)):
    register_task(_task)
