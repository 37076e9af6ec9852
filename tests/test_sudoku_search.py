"""Sudoku: search and generator, against a plain solver written here from the definitions."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_reference import PUZZLE9, S4, S6, S9, made, units_of

import trm_edu
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks.sudoku import Sudoku

# --- references ---------------------------------------------------------------------------------------------------


def plain_solver(task: Sudoku, question) -> tuple[int, list[int] | None]:
    """(guesses until the first solution, solution) by the definition of the `guesses` column, with sets."""
    units = units_of(task)
    peers = [set().union(*(u for u in units if i in u)) - {i} for i in range(task.seq_len)]
    guesses = 0

    def settle(options: list[set[int]]) -> bool:
        while True:
            before = [len(o) for o in options]
            for i, o in enumerate(options):
                if len(o) == 1:
                    for p in peers[i]:
                        options[p] = options[p] - o
            for unit in units:
                for d in range(2, task.side + 2):
                    places = [i for i in unit if d in options[i]]
                    if not places:
                        return False
                    if len(places) == 1:
                        options[places[0]] = {d}
            if not all(options):
                return False
            if before == [len(o) for o in options]:
                return True

    def search(options: list[set[int]]) -> list[int] | None:
        nonlocal guesses
        if not settle(options):
            return None
        open_cells = [i for i, o in enumerate(options) if len(o) > 1]
        if not open_cells:
            return [next(iter(o)) for o in options]
        cell = min(open_cells, key=lambda i: (len(options[i]), i))
        digits = sorted(options[cell])
        for k, d in enumerate(digits):
            guesses += k < len(digits) - 1
            found = search([{d} if i == cell else set(o) for i, o in enumerate(options)])
            if found:
                return found
        return None

    solution = search([set(range(2, task.side + 2)) if t == 1 else {t} for t in question])
    return guesses, solution


def count_by_backtracking(task: Sudoku, question, limit: int) -> int:
    """Solutions up to `limit`, trying every digit in reading order."""
    peers = [set().union(*(u for u in units_of(task) if i in u)) - {i} for i in range(task.seq_len)]
    grid = list(question)
    if any(grid[i] > 1 and grid[i] in (grid[p] for p in peers[i]) for i in range(task.seq_len)):
        return 0

    def count(room: int) -> int:
        if 1 not in grid:
            return 1
        cell, found = grid.index(1), 0
        for d in set(range(2, task.side + 2)) - {grid[p] for p in peers[cell]}:
            grid[cell] = d
            found += count(room - found)
            grid[cell] = 1
            if found >= room:
                break
        return found

    return count(limit)


# --- search -------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32), keep=st.integers(0, 12), spoil=st.booleans())
@settings(max_examples=60, deadline=None)
def test_solution_counts_of_4x4(seed, keep, spoil):
    rng = np.random.default_rng(seed)
    question = made(S4, 30).answers[rng.integers(30)].copy()
    question[rng.permutation(16)[keep:]] = 1
    if spoil:
        question[rng.integers(16)] = rng.integers(2, 6)
    for limit in (1, 2, 10_000):
        expected = count_by_backtracking(S4, question.tolist(), limit)
        assert S4.solution_count(question, limit) == expected
    answer = S4.solve_by_search(question)
    assert (answer is None) == (expected == 0)
    assert answer is None or S4.is_solved(question, answer)


def test_all_grids_are_counted():
    assert S4.solution_count(np.ones(16, np.uint8), 10_000) == 288
    assert S9.solution_count(np.ones(81, np.uint8), 500) == 500


@pytest.mark.parametrize(
    ("task", "text", "guesses"),
    [
        (S9, PUZZLE9, 84),
        (S9, "..72..6.1....3........49...93.....2..2.4....77.1...5......6.4.2.....1..65......79", 31),
        (S9, "....2......5..36..64.....7...18.27...6...45....8.7........5............983...1..2", 21),
        (S9, "8...3.2..35.7....1..1..5..9.............74..2....623...69.8..2..4....5..7.....6.8", 11),
        (S6, "....3..4...6.32...5.......15..3...2.", 7),
        (S6, ".4....6.5..2....1..21..4.......6.1..", 6),
        (S6, "5....4...6....13...3..1...3.4..5....", 3),
        (S4, "....34...21.....", 0),
        # here a digit without a place ends a branch before a cell runs empty
        (S9, ".18..2.5.9.........7.....3......7.......6..7..2.8......9.61...7..5.....6..4.29..5", 9),
        (S6, ".....61...4...2...51.2...3..5.4.....", 1),
    ],
)
def test_guesses_of_known_puzzles(task, text, guesses):
    question = task.encode(text)
    assert task.guesses(question[None]).tolist() == [guesses]
    assert task.solution_count(question) == 1
    assert plain_solver(task, question.tolist()) == (guesses, task.solve_by_search(question).tolist())


@pytest.mark.parametrize("task", [S6, S9], ids=lambda task: task.name)
def test_guesses_follow_their_definition(task):
    # one clue missing: several solutions and cells with three or more candidates, so the order of digits counts
    questions = made(task).questions[:25].copy()
    questions[np.arange(25), np.argmax(questions > 1, axis=1)] = 1
    expected = [plain_solver(task, q.tolist()) for q in questions]
    assert task.guesses(questions).tolist() == [g for g, _ in expected]
    assert [task.solve_by_search(q).tolist() for q in questions] == [s for _, s in expected]
    assert any(g > 3 for g, _ in expected)
    assert all(task.solution_count(q) == 2 for q in questions)


def test_guesses_of_the_thousand_real_puzzles(data_dir):
    with gzip.open(data_dir / "sudoku" / "sudoku_extreme_1k_train.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    questions = np.stack([S9.encode(row["question"]) for row in rows])
    answers = np.stack([S9.encode_answer(row["answer"]) for row in rows])
    assert len(rows) == 1000
    assert S9.guesses(questions).tolist() == [int(row["guesses"]) for row in rows]
    assert S9.is_solved_batch(questions, answers).all()
    assert all(S9.solution_count(q) == 1 for q in questions)
    assert len(np.unique(S9.fingerprint(questions))) == len({row["question"] for row in rows})


def test_contradictions_have_no_solution():
    question = S9.encode("5" + PUZZLE9[1:])
    assert S9.solution_count(question) == 0 and S9.solve_by_search(question) is None


def test_a_search_without_end_is_stopped():
    # few clues, no solution: singles and branching need millions of guesses to see it
    endless = S9.encode(".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4.........")
    with pytest.raises(PuzzleError, match="did not finish within 10,000 guesses"):
        S9.solution_count(endless, budget=10_000)
    with pytest.raises(DataError, match="at least 1, got 0 and"):
        S9.solution_count(endless, 0)


# --- generator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [S4, S6, S9, Sudoku(3, 2), Sudoku(2, 4)], ids=repr)
def test_puzzles_are_unique_and_minimal(task):
    puzzles = made(task, 30)
    assert puzzles.extra["clues"].tolist() == (puzzles.questions > 1).sum(1).tolist()
    assert puzzles.extra["guesses"].tolist() == task.guesses(puzzles.questions).tolist()
    for question, answer in zip(puzzles.questions, puzzles.answers, strict=True):
        assert task.solution_count(question) == 1
        assert np.array_equal(task.solve_by_search(question), answer)
        for clue in np.flatnonzero(question > 1):
            fewer = question.copy()
            fewer[clue] = 1
            assert task.solution_count(fewer) == 2


def test_generated_puzzles_are_frozen():
    # experiments name their data by seed: the same seed must give these puzzles for ever
    text = [task.decode(q) for task in (S4, S6, S9) for q in task.generate(2, seed=0).questions]
    assert text == [
        "....3..2......14",
        "1.2..2..3.....1.",
        "..6...5.14...5..6.4....13....5......",
        ".35.......1..6..4...16......3.4..5..",
        "....2...3.21967....7.....91.3..9..8.8..5.2....16...3.......8.2..6....7.....7...3.",
        "..9.......1.8.....7..1..4.88......91.32.5......4.3.7.....42...7..3.....5........4",
    ]


def test_more_puzzles_begin_with_the_fewer():
    few, many = S6.generate(10, seed=4), S6.generate(5000, seed=4)
    assert np.array_equal(few.questions, many.questions[:10])
    assert len(np.unique(S6.fingerprint(many.questions))) == many.distinct == 5000
    assert len(S6.generate(0, seed=4)) == 0


def test_ordinary_puzzles_keep_more_clues():
    puzzles = S9.generate(50, seed=4, clues=32)
    assert (puzzles.extra["clues"] == 32).all() and "32 clues" in puzzles.source
    assert all(S9.solution_count(q) == 1 for q in puzzles.questions)


def test_too_many_puzzles_say_how_many_there_are():
    with pytest.raises(DataError, match=r"sudoku4: found 36 different puzzles of the 40 asked for \(0 excluded\)"):
        S4.generate(40, seed=0)
    ten = S4.fingerprint(S4.generate(10, seed=1).questions)
    with pytest.raises(DataError, match=r"found 26 different puzzles of the 27 asked for \(10 excluded\)"):
        S4.generate(27, seed=0, exclude=ten)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": -1, "seed": 0}, "count -1"),
        ({"count": 1, "seed": -3}, "seed -3"),
        ({"count": 1, "seed": 0, "clues": 0}, "clues is 0; it needs 1 to 36"),
        ({"count": 1, "seed": 0, "clues": 37}, "clues is 37"),
    ],
)
def test_generator_refuses(arguments, message):
    with pytest.raises(DataError, match=message):
        S6.generate(**arguments)


@pytest.mark.parametrize(("task", "count", "needed"), [(S9, 200, 200), (S6, 2000, 2000)], ids=["9x9", "6x6"])
def test_generator_is_fast_enough(task, count, needed):
    task.generate(1, seed=0)  # compiles
    start = time.process_time()  # processor time: a busy machine does not count
    task.generate(count, seed=123)
    assert count / (time.process_time() - start) > needed


@pytest.mark.parametrize("trouble", ["no folder", "full disk"])
def test_works_where_nothing_can_be_stored(tmp_path, trouble):
    """The compiled code has no place to stay: the package folder and the user's cache cannot be written."""
    source = Path(trm_edu.__file__).parent
    package = tmp_path / "trm_edu"
    for file in (*source.glob("tasks/*.py"), source / "errors.py"):
        target = package / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    (package / "__init__.py").touch()
    code = "import trm_edu.tasks as t; s = t.Sudoku(2, 2); print(s.solution_count(s.encode('.' * 16), 999))"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path / "home")}
    if trouble == "no folder":  # files where folders should be stop even the superuser
        (package / "tasks" / "__pycache__").touch()
        for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "IPYTHONDIR"):
            environment[name] = str(tmp_path / "file")
        (tmp_path / "file").touch()
    else:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); {code}"
        code = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {code}"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout.strip(), done.returncode) == ("288", 0), done.stderr
    assert not list(tmp_path.rglob("*.nb[ic]"))
