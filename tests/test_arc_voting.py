"""Voting over augmented predictions: the published numbers, and what each rule does."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trm_edu.arc import arc_sets
from trm_edu.arc_tasks import ArcTask, load_tasks
from trm_edu.errors import DataError
from trm_edu.tasks.arc import Arc, grid_tokens
from trm_edu.voting import Voting, copying_the_input

SIDE = 5
IN, OUT = [[1, 2], [3, 0]], [[4, 4, 5]]
NO_TRAIN = [([[0]], [[0]])]


def task_of(*tests: tuple[Any, Any], name: str = "a") -> ArcTask:
    return ArcTask(name, NO_TRAIN, tests)


def tokens(grid: Any) -> np.ndarray:
    return grid_tokens(np.array(grid, np.uint8), SIDE)


def voted(task: ArcTask, *votes: tuple[Any, float], question: Any = IN) -> Voting:
    """A voting with predictions (grid, halt logit) of the task itself."""
    voting = Voting([task])
    predictions = np.stack([tokens(grid) for grid, _ in votes])
    logits = np.array([logit for _, logit in votes])
    voting.add([task.id] * len(votes), np.stack([tokens(question)] * len(votes)), predictions, logits)
    return voting


@pytest.fixture(scope="module")
def golden(repository: Path) -> dict[str, Any]:
    with gzip.open(repository / "tests" / "golden" / "arc.json.gz") as file:
        return json.load(file)["voting"]


@pytest.fixture
def golden_tasks(golden: dict[str, Any]) -> list[ArcTask]:
    puzzles = golden["test_puzzles"].items()
    return [ArcTask(name, NO_TRAIN, [(p["input"], p["output"]) for p in puzzle["test"]]) for name, puzzle in puzzles]


def golden_rows(golden: dict[str, Any]) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    names = [golden["identifier_map"][i] for i in golden["puzzle_identifiers"]]
    return names, np.array(golden["inputs"]), np.array(golden["preds"]), np.array(golden["q_halt_logits"])


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_the_published_votes_attempts_and_scores(
    kind: str, golden: dict[str, Any], golden_tasks: list[ArcTask]
) -> None:
    names, *rows = golden_rows(golden)
    voting = Voting(golden_tasks)
    voting.add(names, *(torch.from_numpy(row) if kind == "torch" else row for row in rows))
    assert voting.submission() == golden["submission"]
    expected = {int(name.removeprefix("ARC/pass@")): score for name, score in golden["result"].items()}
    assert voting.pass_at() == expected and list(expected) == [1, 2, 5, 10, 100, 1000]


def test_many_processes_count_as_one(golden: dict[str, Any], golden_tasks: list[ArcTask]) -> None:
    names, *rows = golden_rows(golden)
    parts = []
    for part in (slice(0, 8), slice(8, 8), slice(8, None)):
        voting = Voting(golden_tasks)
        voting.add(names[part], *(row[part] for row in rows))
        parts.append(voting)
    for other in parts[1:]:
        parts[0].merge(other)
    assert parts[0].submission() == golden["submission"]
    assert sum(answer.votes for answer in parts[0].ranked("p0", 0)) == 5
    with pytest.raises(DataError, match="cannot merge"):
        parts[0].merge(Voting(golden_tasks[:1]))


def test_votes_come_first_then_the_halting_probability_then_who_was_first() -> None:
    task = task_of((IN, OUT))
    votes = [([[7]], 0.0), ([[8]], 3.0), ([[9]], 3.0), ([[1]], 1.0), (OUT, -5.0), (OUT, -5.0), ([[6]], 0.0)]
    ranked = voted(task, *votes).ranked("a", 0)
    assert [answer.grid.tolist() for answer in ranked] == [OUT, [[8]], [[9]], [[1]], [[7]], [[6]]]
    assert [answer.votes for answer in ranked] == [2, 1, 1, 1, 1, 1]
    assert ranked[1].halt_probability == pytest.approx(1 / (1 + math.exp(-3)))
    assert ranked[0].halt_probability == pytest.approx(1 / (1 + math.exp(5)))


def test_the_mean_probability_counts_not_the_sum() -> None:
    better, worse = [[7]], [[8]]
    votes = [(worse, 0.0), (worse, 0.0), (better, 2.0), (better, -1.0)]
    assert voted(task_of((IN, OUT)), *votes).ranked("a", 0)[0].grid.tolist() == better
    mean = voted(task_of((IN, OUT)), (worse, 0.0), (worse, 2.0)).ranked("a", 0)[0].halt_probability
    assert mean == pytest.approx((0.5 + 1 / (1 + math.exp(-2))) / 2)


def test_a_score_is_the_mean_over_tasks_of_the_share_of_their_test_inputs() -> None:
    tasks = [task_of((IN, OUT), ([[9]], [[9]]), name="a"), task_of((IN, [[2]]), name="b")]
    voting = Voting(tasks)
    assert voting.pass_at([1]) == {1: 0.0}  # no prediction at all is wrong
    wrong, right = tokens([[3]]), tokens(OUT)
    rows = [("a", right, 0.0), ("b", wrong, 3.0), ("b", tokens([[2]]), 1.0), ("b", tokens([[1]]), 2.0)]
    for name, prediction, logit in rows:
        voting.add([name], tokens(IN)[None], prediction[None], np.array([logit]))
    assert voting.pass_at([1, 2, 3]) == {1: 0.25, 2: 0.25, 3: 0.75}
    for bad in (voting, Voting([])):
        with pytest.raises(DataError, match="at least one task, and k of at least 1"):
            bad.pass_at([0, 1])


def test_augmented_predictions_of_a_real_set_come_home() -> None:
    rng = np.random.default_rng(0)

    def grid() -> np.ndarray:
        return rng.integers(0, 10, rng.integers(1, SIDE + 1, 2))

    evaluation = [ArcTask(f"e{i}", [(grid(), grid())], [(grid(), grid()) for _ in range(i + 1)]) for i in range(3)]
    _, measured = arc_sets([], evaluation, side=SIDE, augmentations=11)
    voting, named = Voting(measured), Voting(evaluation)
    for piece in measured.chunks(size=10):
        logits = torch.zeros(len(piece))
        voting.add(piece.ids, piece.questions, piece.answers, logits)
        named.add([measured.name_of(i) for i in piece.ids], piece.questions, piece.answers, logits)
    for task in evaluation:
        for index, (_, answer) in enumerate(task.test):
            for each in (voting, named):
                ranked = each.ranked(task.id, index)
                assert len(ranked) == 1 and ranked[0].votes == 12 and np.array_equal(ranked[0].grid, answer)
    assert voting.pass_at([1, 2]) == {1: 1.0, 2: 1.0}


def test_blank_rows_are_skipped() -> None:
    _, measured = arc_sets([], [task_of((IN, OUT))], side=SIDE, augmentations=0)
    voting = Voting(measured)
    rows = np.stack([tokens(IN), np.zeros(SIDE * SIDE, np.uint8)])
    voting.add(np.array([1, 0]), rows, np.stack([tokens(OUT)] * 2), np.zeros(2))
    voting.add(["<blank>"], rows[1:], rows[1:], np.zeros(1))
    assert voting.ranked("a", 0)[0].votes == 1


def test_two_attempts_for_every_test_input() -> None:
    task = task_of((IN, OUT), ([[9]], [[8]]))
    assert voted(task, (OUT, 0.0)).submission() == {
        "a": [{"attempt_1": OUT, "attempt_2": OUT}, {"attempt_1": [[0]], "attempt_2": [[0]]}]
    }
    three = voted(task, ([[1]], 1.0), ([[2]], 3.0), ([[3]], 2.0)).submission()["a"][0]
    assert three == {"attempt_1": [[2]], "attempt_2": [[3]]}


def test_an_empty_prediction_votes_and_is_never_right() -> None:
    task = task_of((IN, OUT))
    voting = Voting([task])
    rows = np.stack([tokens(IN)] * 3)
    empty = np.ones(SIDE * SIDE, np.uint8)
    voting.add(["a"] * 3, rows, np.stack([empty, empty, tokens(OUT)]), np.zeros(3))
    ranked = voting.ranked("a", 0)
    assert ranked[0].grid.shape == (0, 0) and ranked[0].votes == 2
    assert voting.pass_at([1, 2]) == {1: 0.0, 2: 1.0}
    assert voting.submission()["a"][0] == {"attempt_1": [[0]], "attempt_2": OUT}


def test_equal_test_inputs_share_their_votes() -> None:
    voting = voted(task_of((IN, OUT), (IN, [[1]])), (OUT, 0.0))
    assert voting.ranked("a", 0)[0].votes == voting.ranked("a", 1)[0].votes == 1
    assert voting.pass_at([1]) == {1: 0.5}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["b"]}, "task 'b' is none of the 1 tasks"),
        ({"names": ["a|||t9"]}, "name 'a|||t9'"),
        ({"names": ["a", "a"]}, "1 predictions need as many names or ids, got 2"),
        ({"names": np.array([3])}, "id 3: ids are understood only by"),
        ({"inputs": tokens([[1]])[None]}, "row 0 of the inputs.*none of the test inputs of task a: a grid of 1 x 1"),
        ({"names": ["a|||t1|||0123456789"]}, "none of the test inputs of task a"),
        ({"predictions": np.zeros((2, 25), int)}, r"tokens \[N, L\].*got \[1, 25\], \[2, 25\] and \[1\]"),
        ({"halt_logit": np.zeros((1, 1))}, r"and \[1, 1\]"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_counted(change: dict[str, Any], words: str) -> None:
    voting = Voting([task_of((IN, OUT))])
    rows = {"names": ["a"], "inputs": tokens(IN)[None], "predictions": tokens(OUT)[None], "halt_logit": np.zeros(1)}
    with pytest.raises(DataError, match=words.replace("|||", r"\|\|\|")):
        voting.add(**{**rows, **change})
    assert voting.ranked("a", 0) == []
    with pytest.raises(DataError, match="0 to 0; got 1"):
        voting.ranked("a", 1)
    with pytest.raises(DataError, match="'z' is none"):
        voting.ranked("z", 0)


def test_tasks_are_needed_once_and_with_their_answers() -> None:
    with pytest.raises(DataError, match="2 tasks share 1 ids"):
        Voting([task_of((IN, OUT)), task_of((IN, OUT))])
    voting = voted(task_of((IN, None)), (OUT, 0.0))
    assert voting.submission()["a"][0]["attempt_1"] == OUT  # predictions do not need the answers
    with pytest.raises(DataError, match="task a: the output of test pair 1 is not known.*for a score"):
        voting.pass_at()
    with pytest.raises(DataError, match="task a: the output"):
        copying_the_input([task_of((IN, None))])


def test_a_submission_is_a_file_of_the_official_form(tmp_path: Path) -> None:
    voting = voted(task_of((IN, OUT)), (OUT, 0.0))
    path = tmp_path / "submission.json"
    voting.write_submission(path)
    assert json.loads(path.read_text()) == voting.submission()
    assert [file.name for file in tmp_path.iterdir()] == ["submission.json"]


def test_copying_the_input_is_what_to_beat() -> None:
    same, other = task_of((IN, IN), name="a"), task_of((IN, [[1, 2], [3, 3]]), ([[1]], [[1]]), name="b")
    # 4 cells and 4 end markers of each 2 x 2 grid, 1 and 2 of the small one; one cell differs
    assert copying_the_input([same, other]) == (0.75, pytest.approx(18 / 19))
    assert copying_the_input([task_of(([[1]], OUT))]) == (0.0, pytest.approx(1 / 7))  # one end marker of 7 cells
    real = copying_the_input(load_tasks("arc-agi-1-evaluation"))
    assert real.pass_at_1 == 0 and 0.7 < real.cell_accuracy < 0.8
    with pytest.raises(DataError, match="no tasks"):
        copying_the_input([])


def test_tokens_of_a_prediction_are_read_as_arc_reads_them() -> None:
    task = Arc(SIDE)
    torn = np.array([[6, 6, 7, 1, 0], [1, 1, 1, 3, 0], [9, 9, 9, 9, 9], [0] * 5, [0] * 5]).reshape(-1)
    voting = Voting([task_of((IN, OUT))])
    voting.add(["a"], tokens(IN)[None], torn[None], np.zeros(1))
    assert "".join(map(str, voting.ranked("a", 0)[0].grid[0])) == task.decode(torn) == "445"
