"""ARC's score: predictions under many augmentations vote for two attempts, as in the published evaluation.

    >>> voting = Voting(evaluation)
    >>> for piece in evaluation.chunks(size=768):
    ...     voting.add(piece.ids, piece.questions, predictions, halt_logit)
    >>> voting.pass_at([2])[2]

Each prediction is read as a grid (`crop`), its augmentation is undone, and equal grids are one answer. Answers are
ranked by their votes, equal votes by the mean halting probability; the first two are the attempts that ARC allows.

Letters in shapes: N predictions, L tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, Integer, UInt8

from trm_edu.arc import ArcSet
from trm_edu.arc_tasks import BLANK_NAME, ArcTask
from trm_edu.data import write_whole
from trm_edu.errors import DataError
from trm_edu.tasks.arc import (
    COLOURS,
    FIRST_COLOUR,
    INVERSE,
    MAX_SIDE,
    crop_sizes,
    grid_tokens,
    parse_name,
    place,
    turned_sizes,
)
from trm_edu.tasks.base import as_numpy

PASS_AT = (1, 2, 5, 10, 100, 1000)  # as the published evaluation reports them
ATTEMPTS = 2
NO_ANSWER = [[0]]  # stands in a submission where there is none: one black cell, which is an answer to nothing

Grid = UInt8[np.ndarray, "_ _"]  # rows, columns: each grid has its own


class Answer(NamedTuple):
    """One answer to a test input: its grid, how many predictions gave it, and their mean halting probability."""

    grid: Grid
    votes: int
    halt_probability: float


def _key(grid: Grid) -> bytes:
    """Size and cells of a grid as bytes: the form in which thousands of them are kept."""
    return bytes(grid.shape) + grid.tobytes()


def _grid(key: bytes) -> Grid:
    return np.frombuffer(key, np.uint8, offset=2).reshape(key[0], key[1])


class Voting:
    """Collects predictions and ranks them. evaluation: the tasks, or an ArcSet, whose ids `add` then understands.

    Raises DataError for a task that is there twice.
    """

    def __init__(self, evaluation: ArcSet | Sequence[ArcTask]) -> None:
        self.ids = evaluation.ids if isinstance(evaluation, ArcSet) else None
        tasks = evaluation.tasks if isinstance(evaluation, ArcSet) else evaluation
        self.tasks = {task.id: task for task in tasks}
        if len(self.tasks) < len(tasks):
            raise DataError(f"{len(tasks)} tasks share {len(self.tasks)} ids; every task needs an id of its own")
        # task -> test input -> answer -> votes, sum of halting probabilities. Two equal test inputs share their votes.
        self.votes: dict[str, dict[bytes, dict[bytes, list[Any]]]] = {
            task.id: {_key(question): {} for question, _ in task.test} for task in tasks
        }

    def _symmetries(self, names: Any, count: int) -> tuple[list[str | None], Int64[np.ndarray, " N"], np.ndarray]:
        """Task (None: blank), inverse transform [N] and inverse colour map [N, 10] of each row."""
        values = names if isinstance(names, (list, tuple)) else as_numpy(names).tolist()
        if len(values) != count:
            raise DataError(f"{count} predictions need as many names or ids, got {len(values)}")
        tasks: list[str | None] = []
        turns, colours = np.zeros(count, np.int64), np.tile(np.arange(COLOURS), (count, 1))
        for row, value in enumerate(values):
            if value in (0, BLANK_NAME):  # such rows only fill up a batch
                tasks.append(None)
                continue
            if isinstance(value, str):
                task_id, symmetry = parse_name(value)
            elif self.ids is None:
                raise DataError(f"id {value}: ids are understood only by Voting(evaluation set); give names")
            else:
                task_id, symmetry = self.ids.symmetry_of(int(value))
            if task_id not in self.tasks:
                raise DataError(f"task {task_id!r} is none of the {len(self.tasks)} tasks that are measured")
            tasks.append(task_id)
            turns[row] = INVERSE[symmetry.dihedral]
            colours[row] = np.argsort(symmetry.colours)
        return tasks, turns, colours

    def add(
        self,
        names: Any,
        inputs: Any,
        predictions: Any,
        halt_logit: Any,
    ) -> None:
        """Count predictions. numpy or torch, on any device.

        names: published names or puzzle ids, N of them; rows of id 0 or "<blank>" are skipped. inputs, predictions:
        tokens [N, L], untranslated, augmented as the name says; a prediction may be imperfect. halt_logit: [N].

        A prediction without any colour at the top left counts as an empty grid, which is never right. Raises DataError,
        before anything is counted, for an unknown task, or an input that is none of its task's test inputs.
        """
        inputs, predictions = (as_numpy(tokens).astype(np.int64) for tokens in (inputs, predictions))
        count = len(inputs)
        if inputs.shape != predictions.shape or inputs.ndim != 2 or np.shape(halt_logit) != (count,):
            shapes = f"{list(inputs.shape)}, {list(predictions.shape)} and {list(np.shape(halt_logit))}"
            raise DataError(f"inputs and predictions need tokens [N, L], the halt logit [N]; got {shapes}")
        tasks, turns, colours = self._symmetries(names, count)
        halting = torch.as_tensor(halt_logit).double().sigmoid().tolist()
        questions, answers = (_undone(tokens, turns, colours) for tokens in (inputs, predictions))
        for row, (task_id, question) in enumerate(zip(tasks, questions, strict=True)):
            if task_id is not None and question not in self.votes[task_id]:
                raise DataError(
                    f"row {row} of the inputs, once its augmentation is undone, is none of the test inputs of task "
                    f"{task_id}: a grid of {question[0]} x {question[1]} cells"
                )
        for task_id, question, answer, probability in zip(tasks, questions, answers, halting, strict=True):
            if task_id is not None:
                entry = self.votes[task_id][question].setdefault(answer, [0, 0.0])
                entry[0] += 1
                entry[1] += probability

    def merge(self, other: Voting) -> None:
        """Add what another Voting over the same tasks has counted, for example in another process.

        Raises DataError if the tasks or their test inputs are not the same.
        """
        mine, theirs = ({task: set(questions) for task, questions in each.votes.items()} for each in (self, other))
        if mine != theirs:
            raise DataError(f"cannot merge: {len(mine)} and {len(theirs)} tasks, or their test inputs, differ")
        for task_id, questions in other.votes.items():
            for question, answers in questions.items():
                for answer, (votes, probability) in answers.items():
                    entry = self.votes[task_id][question].setdefault(answer, [0, 0.0])
                    entry[0] += votes
                    entry[1] += probability

    def ranked(self, task_id: str, test_index: int) -> list[Answer]:
        """All answers to test input `test_index` (from 0), best first: most votes, then highest halting probability.

        Equal in both: in the order in which they were first given. Raises DataError for an unknown task or index.
        """
        if task_id not in self.tasks:
            raise DataError(f"task {task_id!r} is none of the {len(self.tasks)} tasks that are measured")
        test = self.tasks[task_id].test
        if not 0 <= test_index < len(test):
            raise DataError(f"task {task_id} has {len(test)} test inputs, 0 to {len(test) - 1}; got {test_index}")
        found = self.votes[task_id][_key(test[test_index][0])]
        answers = [Answer(_grid(key), votes, total / votes) for key, (votes, total) in found.items()]
        return sorted(answers, key=lambda answer: answer[1:], reverse=True)

    def pass_at(self, ks: Iterable[int] = PASS_AT) -> dict[int, float]:
        """For each k the score 0 to 1: mean over tasks of the share of test inputs with a right answer in the first k.

        ARC's own score is that of k = 2. A test input without any prediction counts as wrong. Raises DataError with the
        task if an output is not known.
        """
        ks = list(ks)
        if not self.tasks or any(k < 1 for k in ks):
            raise DataError(f"pass at {ks} of {len(self.tasks)} tasks: needs at least one task, and k of at least 1")
        scores = dict.fromkeys(ks, 0.0)
        for task in self.tasks.values():
            task.check_answered("for a score")
            ranks = [self._rank(task, index) for index in range(len(task.test))]
            for k in ks:
                scores[k] += sum(rank < k for rank in ranks) / len(ranks)
        return {k: score / len(self.tasks) for k, score in scores.items()}

    def _rank(self, task: ArcTask, test_index: int) -> float:
        """Place of the right answer among the ranked ones, from 0; infinite if it is not there."""
        answers = self.ranked(task.id, test_index)
        right = (rank for rank, answer in enumerate(answers) if np.array_equal(answer.grid, task.test[test_index][1]))
        return next(right, float("inf"))

    def submission(self) -> dict[str, list[dict[str, list[list[int]]]]]:
        """Two attempts for every test input in the official form {id: [{"attempt_1": grid, "attempt_2": grid}, ...]}.

        Where there is only one answer, it is given twice. Where there is no prediction, or an empty grid is ranked so
        high, [[0]] stands, one black cell: the published code leaves such a test input out, so that the next one would
        take its place.
        """

        def attempts(answers: list[Answer]) -> dict[str, list[list[int]]]:
            grids = [answer.grid.tolist() or NO_ANSWER for answer in answers[:ATTEMPTS]] or [NO_ANSWER]
            return {f"attempt_{i + 1}": grids[min(i, len(grids) - 1)] for i in range(ATTEMPTS)}

        return {
            task.id: [attempts(self.ranked(task.id, index)) for index in range(len(task.test))]
            for task in self.tasks.values()
        }

    def write_submission(self, path: str | Path) -> None:
        """The submission as a JSON file, which is there whole or not at all."""
        write_whole(Path(path), json.dumps(self.submission()).encode())


def _undone(
    tokens: Int64[np.ndarray, "N L"], turns: Int64[np.ndarray, " N"], colours: Integer[np.ndarray, "N 10"]
) -> list[bytes]:
    """The grid that is read in each row of tokens, transformed and recoloured, as `_key` writes it."""
    side = round(tokens.shape[1] ** 0.5)
    rows = torch.from_numpy(tokens)
    sizes = crop_sizes(rows, side)
    grids = (rows - FIRST_COLOUR).clamp(0, COLOURS - 1).unflatten(1, (side, side))
    image = place(grids, sizes, torch.from_numpy(turns), torch.from_numpy(colours), torch.zeros_like(sizes))
    image = (image - FIRST_COLOUR).numpy().astype(np.uint8).reshape(-1, side, side)
    turned = turned_sizes(sizes, torch.from_numpy(turns)).tolist()
    return [_key(square[:height, :width]) for square, (height, width) in zip(image, turned, strict=True)]


class CopyScore(NamedTuple):
    """What copying the input scores: pass@1, and the share of the answers' cells (end markers too) that are right."""

    pass_at_1: float
    cell_accuracy: float


def copying_the_input(tasks: Sequence[ArcTask]) -> CopyScore:
    """The score of answering every test input by itself: whatever was trained should be better than that.

    Cells are those that count in training: of the answer's grid and its end markers, wherever the copy has the same
    token. Raises DataError with the task if an output is not known, or if there are no tasks.
    """
    if not tasks:
        raise DataError("no tasks were given, so there is nothing to score")
    solved, same, cells = 0.0, 0, 0
    for task in tasks:
        task.check_answered("for a score")
        solved += sum(np.array_equal(question, answer) for question, answer in task.test) / len(task.test)
        for question, answer in task.test:
            copied, right = grid_tokens(question, MAX_SIDE), grid_tokens(answer, MAX_SIDE)
            same += int(((copied == right) & (right > 0)).sum())
            cells += int((right > 0).sum())
    return CopyScore(solved / len(tasks), same / cells)
