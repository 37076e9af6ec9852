"""The registry and `PuzzleSet`. What every task must do: tests/test_conformance.py."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from trm_edu import tasks
from trm_edu.errors import DataError
from trm_edu.tasks import PuzzleSet, Sudoku, get_task, register_task, task_names


@pytest.fixture
def registry(monkeypatch):
    """A copy of the registry, so that a test may add to it."""
    monkeypatch.setattr(tasks, "_TASKS", dict(tasks._TASKS))


# --- registry -----------------------------------------------------------------------------------------------------


def test_known_tasks():
    assert {"sudoku4", "sudoku6", "sudoku9"} <= set(task_names())
    sizes = {name: (get_task(name).vocab_size, get_task(name).seq_len) for name in ("sudoku4", "sudoku6", "sudoku9")}
    assert sizes == {"sudoku4": (6, 16), "sudoku6": (8, 36), "sudoku9": (11, 81)}


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match=r"'sudoku99'.*sudoku4, sudoku6, sudoku9.*Did you mean 'sudoku9'"):
        get_task("sudoku99")


def test_register_a_new_size(registry):
    task = register_task(Sudoku(2, 4))
    assert task.name == "sudoku2x4" and get_task("sudoku2x4") is task and "sudoku2x4" in task_names()


def test_a_taken_name_needs_replace(registry):
    with pytest.raises(DataError, match="'sudoku6' exists already"):
        register_task(Sudoku(2, 3))
    other = Sudoku(2, 3)
    assert register_task(other, replace=True) is get_task("sudoku6") is other


def test_an_incomplete_task_is_refused(registry):
    class Half:
        name = "half"
        vocab_size = 3
        seq_len = 4
        grid_shape = (2, 2)

        def encode(self, text):
            return np.zeros(4, np.uint8)

    with pytest.raises(DataError, match="Half is no Task.*lacks encode_answer, decode.*draw"):
        register_task(Half())
    assert "half" not in task_names()


def test_importing_tasks_stays_light():
    code = "import sys, trm_edu.tasks; print([m for m in ('numba', 'matplotlib', 'IPython') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- puzzle sets --------------------------------------------------------------------------------------------------


def small_set(**changes) -> PuzzleSet:
    arrays = {"questions": np.full((3, 16), 1, np.uint8), "answers": np.full((3, 16), 2, np.uint8)}
    fields = {"task": "sudoku4", "source": "made up", "distinct": 1, "extra": {"rating": np.arange(3)}}
    return PuzzleSet(**{**arrays, **fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"questions": np.ones((3, 16), np.int64)}, r"questions: needs uint8 \[N, L\], got int64 \[3, 16\]"),
        ({"answers": np.ones(16, np.uint8)}, r"answers: needs uint8 \[N, L\], got uint8 \[16\]"),
        ({"answers": np.ones((2, 16), np.uint8)}, r"one shape, got \[3, 16\] and \[2, 16\]"),
        ({"distinct": 4}, "distinct is 4, but the set holds 3"),
        ({"extra": {"rating": np.arange(2)}}, "'rating' has 2 rows, the set has 3"),
        ({"ids": np.arange(2)}, r"sudoku4 ids: needs int64 \[3\], got int64 \[2\]"),
        ({"ids": np.arange(3.0)}, r"sudoku4 ids: needs int64 \[3\], got float64 \[3\]"),
    ],
)
def test_puzzle_set_refuses_what_does_not_fit(changes, message):
    with pytest.raises(DataError, match=message):
        small_set(**changes)


def test_take_keeps_rows_together():
    puzzles = get_task("sudoku6").generate(20, seed=1)
    for indices in (np.array([7, 3, 11]), slice(2, 5), np.arange(20) % 2 == 0):
        part = puzzles.take(indices)
        assert np.array_equal(part.questions, puzzles.questions[indices])
        assert np.array_equal(part.answers, puzzles.answers[indices])
        assert np.array_equal(part.extra["clues"], puzzles.extra["clues"][indices])
        assert part.distinct == len(part) and part.source == puzzles.source


def test_take_keeps_ids() -> None:
    puzzles = get_task("sudoku6").generate(5, seed=1)
    named = dataclasses.replace(puzzles, ids=np.arange(10, 15))
    assert named.take(np.array([3, 0])).ids.tolist() == [13, 10] and puzzles.take(slice(2)).ids is None


def test_take_counts_distinct_anew():
    task = get_task("sudoku6")
    puzzles = task.generate(2, seed=1)
    assert puzzles.take(np.array([0, 0, 1])).distinct == 2
    symmetry = task.random_symmetry(np.random.default_rng(0))
    questions = np.concatenate([puzzles.questions, task.apply(symmetry, puzzles.questions)])
    answers = np.concatenate([puzzles.answers, task.apply(symmetry, puzzles.answers)])
    both = PuzzleSet("sudoku6", questions, answers, "two and their images", 2)
    assert both.take(np.array([0, 2])).distinct == 1
    assert both.take(np.array([0, 1, 2])).distinct == 2


def test_describe_says_source_and_regime():
    assert small_set().describe() == "made up: 3 puzzles of sudoku4, 1 distinct under its symmetries"
