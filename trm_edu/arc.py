"""ARC-AGI: the sets that a network is trained and measured on, made of the tasks of `trm_edu.arc_tasks`.

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

import itertools
import math
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8, UInt64
from torch import Tensor

from trm_edu.arc_tasks import BLANK_NAME, ArcTask, Pair, check_leak, largest_grid, leaked
from trm_edu.data import labels_of
from trm_edu.errors import DataError, RecipeError
from trm_edu.supervision import Batch
from trm_edu.tasks import PuzzleSet
from trm_edu.tasks.arc import (
    COLOURS,
    INVERSE,
    MAX_SIDE,
    MOVES,
    Arc,
    ArcSymmetry,
    below,
    dihedral,
    mix,
    parse_name,
    place,
)

ENUMERATED = 5_040  # up to so many symmetries of a task, all are looked at

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
        largest, size = largest_grid(task)
        if largest > side:
            raise DataError(
                f"task {task.id} has a grid of {size} cells, {name} holds {side} x {side}; leave such tasks out with "
                f"trm_edu.arc_tasks.fits(tasks, {side})"
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
        return Batch(inputs, labels_of(answers), ids)
