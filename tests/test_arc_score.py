"""ARC in a run: sets that a recipe names, ids right, blank and wrong, votes in an evaluation, rows learned alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from trm_edu import cli, tasks
from trm_edu.arc import arc_sets
from trm_edu.arc_score import ArcMeasure, drawn, load_arc_sets, tasks_named
from trm_edu.arc_tasks import ArcTask
from trm_edu.checkpoints import load_model
from trm_edu.errors import DataError, RecipeError
from trm_edu.evaluate import evaluate, evaluate_halting
from trm_edu.interface import Output
from trm_edu.recipes import Recipe
from trm_edu.tasks import register_task
from trm_edu.tasks.arc import Arc
from trm_edu.train import load_sets, train
from trm_edu.trainer import Trainer

SIDE = 4


@pytest.fixture(autouse=True)
def arc4(monkeypatch) -> Arc:
    """A square of 4 x 4, registered for this test only."""
    monkeypatch.setattr(tasks, "_TASKS", dict(tasks._TASKS))
    return register_task(Arc(SIDE))


def made_task(name: str, seed: int, shift: int, pairs: int = 3) -> ArcTask:
    """A task whose rule is: every colour goes up by `shift`, black stays."""
    rng = np.random.default_rng(seed)
    grids = rng.integers(0, 4, size=(pairs + 1, 3, 3))
    made = [(g, np.where(g > 0, (g + shift - 1) % 9 + 1, 0)) for g in grids]
    return ArcTask(name, made[:-1], made[-1:])


TASKS = [made_task("aaa", 0, 1), made_task("bbb", 1, 2), made_task("ccc", 2, 3)]


def write_kaggle(folder: Path, given: list[ArcTask], name: str = "arc-agi_x_challenges.json") -> Path:
    """The tasks in the official form, test outputs in a file of their own."""
    pair = lambda question, answer: {"input": question.tolist(), "output": answer.tolist()}  # noqa: E731
    challenges = {
        t.id: {"train": [pair(*p) for p in t.train], "test": [{"input": q.tolist()} for q, _ in t.test]} for t in given
    }
    (folder / name).write_text(json.dumps(challenges))
    solutions = {t.id: [a.tolist() for _, a in t.test] for t in given}
    (folder / name.replace("challenges", "solutions")).write_text(json.dumps(solutions))
    return folder / name


class Start(NamedTuple):
    """The state that a model of the course would have."""

    y: torch.Tensor


class Knows(nn.Module):
    """Answers every question that it has been told, under its right id; any other with padding."""

    def __init__(self, measure: ArcMeasure, *, slips: int = 0):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.book = {}
        for k, piece in enumerate(ArcMeasure(measure.pairs, measure.augmentations)):
            for i, (name, question, answer) in enumerate(zip(piece.ids, piece.questions, piece.answers, strict=True)):
                wrong = k == 0 and i < slips
                self.book[int(name), question.tobytes()] = np.where(answer > 2, 2, answer) if wrong else answer

    def initial_state(self, count: int) -> Start:
        return Start(torch.zeros(count, 1))

    def forward(self, inputs: Any, state: Any, puzzle_ids: Any) -> tuple[Any, Output]:
        nothing = np.zeros(inputs.shape[1], np.uint8)
        keys = zip(puzzle_ids.tolist(), inputs.byte().numpy(), strict=True)
        answers = np.stack([self.book.get((name, row.tobytes()), nothing) for name, row in keys])
        logits = nn.functional.one_hot(torch.from_numpy(answers).long(), 12).float() + self.weight
        return state, Output(logits, torch.full((len(inputs),), 1.0), torch.zeros(len(inputs)))


# --- sets -----------------------------------------------------------------------------------------------------------


def test_sets_are_named_joined_and_drawn(tmp_path: Path) -> None:
    path = write_kaggle(tmp_path, TASKS[:2])
    other = write_kaggle(tmp_path, TASKS[2:], "arc-agi_y_challenges.json")
    assert [task.id for task in tasks_named(f"{path}+{other}", SIDE)] == ["aaa", "bbb", "ccc"]
    assert tasks_named(f"{path}", 2) == [] and tasks_named("none", SIDE) == []
    assert [task.id for task in drawn(TASKS, 2, 0, "x")] == [task.id for task in drawn(TASKS, 2, 0, "x")]
    assert len({tuple(t.id for t in drawn(TASKS, 2, seed, "x")) for seed in range(20)}) == 3
    with pytest.raises(DataError, match="x holds 3 tasks that fit, 4 were asked for"):
        drawn(TASKS, 4, 0, "x")
    with pytest.raises(DataError, match="holds no task whose grids fit into 2 x 2"):
        load_arc_sets("none", str(path), side=2, augmentations=1, eval_augmentations=1)


def test_a_task_that_is_trained_and_measured_is_refused(tmp_path: Path) -> None:
    path = str(write_kaggle(tmp_path, TASKS))
    with pytest.raises(DataError, match="3 of 3 training tasks are evaluation tasks too"):
        load_arc_sets(path, path, side=SIDE, augmentations=0, eval_augmentations=0)
    names = ("aaa", "bbb", "ccc")
    with pytest.raises(DataError, match="task aaa is there twice"):
        load_arc_sets(path, path, side=SIDE, augmentations=0, eval_augmentations=0, allow=names)


def recipe_for(path: Path, **changes: Any) -> Recipe:
    settings = {
        "task": "arc4",
        "train_data": "none",
        "eval_data": str(path),
        "train_count": None,
        "eval_count": None,
        "augmentations": 3,
        "eval_augmentations": 3,
        "hidden": 16,
        "n": 1,
        "T": 1,
        "mixer": "mlp",
        "prefix_len": 2,
        "puzzle_ids": 13,
        "batch_size": 8,
        "n_supervision": 2,
        "eval_supervision": 2,
        "steps": 4,
        "eval_every": 2,
        "save_every": 2,
        "warmup": 0,
        "dtype": "float32",
    }
    return Recipe(**settings | changes)


def test_a_recipe_names_its_sets(tmp_path: Path) -> None:
    trained, measured = load_sets(recipe_for(write_kaggle(tmp_path, TASKS)))
    assert trained.puzzle_ids == measured.pairs.puzzle_ids == 13  # 3 tasks x (1 + 3), and the blank one
    assert len(trained) == 9 and len(measured) == 3
    assert "up to 3 augmentations vote" in measured.describe()


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    recipe = recipe_for(write_kaggle(tmp_path, TASKS), puzzle_ids=12)
    with pytest.raises(RecipeError, match="puzzle_ids is 12, but these puzzles have 13 ids; give --puzzle-ids 13"):
        Trainer(recipe, load_sets(recipe)[0])


# --- measuring ------------------------------------------------------------------------------------------------------


def measure_of(augmentations: int = 5, **options: Any) -> ArcMeasure:
    return ArcMeasure(arc_sets([], TASKS, side=SIDE, augmentations=augmentations)[1], **options)


def test_right_answers_pass() -> None:
    measure = measure_of()
    score = evaluate(Knows(measure), measure, n_supervision=1, batch_size=5)  # ids and pieces stay together
    assert score.count == 18 and score.exact == [1.0] and score.cells == [1.0]
    assert score.scores["pass@1"][0] == score.scores["pass@2"][0] == 1.0
    assert 0.3 < score.scores["pass@2"][1] < 0.5  # three tasks prove little
    assert "; pass@1 100.0% [" in score.describe()


def test_votes_outnumber_a_slip() -> None:
    """Of the first task, 2 of 6 predictions are wrong, in two ways: exact falls, pass@1 does not."""
    measure = measure_of()
    score = evaluate(Knows(measure, slips=2), measure, n_supervision=1)
    assert score.exact == [pytest.approx(16 / 18)] and score.scores["pass@1"][0] == 1.0
    alone = measure_of(augmentations=5, **{})
    first_only = ArcMeasure(alone.pairs, 1)
    assert len(list(first_only)[0]) == 6
    assert evaluate(Knows(measure, slips=2), first_only, n_supervision=1).scores["pass@1"][0] == pytest.approx(2 / 3)


@pytest.mark.parametrize("ids", ["blank", "wrong"])
def test_blank_and_wrong_ids_are_shown_but_votes_count_for_the_right_task(ids: str) -> None:
    measure = measure_of(ids=ids)
    right = np.concatenate([piece.extra["votes_for"] for piece in measure])
    shown = np.concatenate([piece.ids for piece in measure])
    assert np.array_equal(right, np.concatenate([piece.ids for piece in measure_of()]))
    if ids == "blank":
        assert not shown.any()
    else:
        first = measure.pairs.ids.first
        owner = [np.searchsorted(first, each, "right") - 1 for each in (right, shown)]
        assert np.array_equal(owner[1], (owner[0] + 1) % 3)
        assert np.array_equal(shown - first[owner[1]], right - first[owner[0]])  # the same augmentation
    score = evaluate(Knows(measure), measure, n_supervision=1)  # it knows only the right ids
    assert score.exact == [0.0] and score.scores["pass@2"][0] == 0.0
    assert f"shown under {ids} ids" in score.source


@pytest.mark.usefixtures("unchecked_types")
def test_ids_that_do_not_exist_are_refused() -> None:
    with pytest.raises(DataError, match="ids is 'none'; it must be right, blank or wrong"):
        measure_of(ids="none")
    one = arc_sets([], TASKS[:1], side=SIDE, augmentations=1)[1]
    with pytest.raises(DataError, match="a wrong id needs at least two tasks"):
        ArcMeasure(one, ids="wrong")


def test_some_of_the_tasks() -> None:
    measure = measure_of(ids="blank").take(slice(2))
    assert [task.id for task in measure.pairs.tasks] == ["aaa", "bbb"] and measure.ids == "blank" and len(measure) == 2


def test_answers_that_halt_vote_too() -> None:
    measure = measure_of()
    score = evaluate_halting(Knows(measure), measure, n_supervision=4)
    assert score.exact == 1.0 and score.scores["pass@2"][0] == 1.0 and score.steps == 1.0
    assert evaluate_halting(Knows(measure), list(measure), n_supervision=4).scores == {}  # pieces alone have no judge


# --- in a run -------------------------------------------------------------------------------------------------------


def test_a_run_trains_votes_and_resumes(tmp_path: Path) -> None:
    recipe = recipe_for(write_kaggle(tmp_path, TASKS))
    whole = train(recipe, tmp_path / "whole", progress=False)
    assert set(whole.evaluation.scores) == {"pass@1", "pass@2"}
    rows = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [len(row["scores"]) for row in rows if row["kind"] in ("eval", "end")] == [2, 2]
    table = whole.model.embed.puzzle.weight
    assert not table[0].any() and (table[1:].abs().sum(1) > 0).sum() >= 6  # blank is never trained
    train(recipe.replace(max_seconds=0.0), tmp_path / "part", progress=False)
    resumed = train(recipe, tmp_path / "part", progress=False)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_rows_are_learned_alone(tmp_path: Path) -> None:
    """Test-time adaptation: new tasks, a table of their own, and a network that stays as it is."""
    first = train(recipe_for(write_kaggle(tmp_path, TASKS[:2]), puzzle_ids=9), tmp_path / "first", progress=False)
    new = write_kaggle(tmp_path, TASKS[2:], "arc-agi_y_challenges.json")
    recipe = recipe_for(new, puzzle_ids=5, start_from=str(first.path), only_ids=True, steps=6)
    run = train(recipe, tmp_path / "second", progress=False)
    before, after = first.model.state_dict(), load_model(run.path).model.state_dict()
    assert after["embed.puzzle.weight"].shape[0] == 5 and after["embed.puzzle.weight"][1:].any(1).all()
    for name, value in before.items():
        if name != "embed.puzzle.weight":
            assert torch.equal(value, after[name]), name


def test_rows_of_other_tasks_are_not_taken_over(tmp_path: Path) -> None:
    """As many ids, and every one of them means another task: the old rows would be wrong ids in disguise."""
    recipe = recipe_for(write_kaggle(tmp_path, TASKS[:1]), puzzle_ids=5)
    first = train(recipe, tmp_path / "first", progress=False)
    assert first.model.embed.puzzle.weight.any()
    again = Trainer(recipe.replace(start_from=str(first.path)), load_sets(recipe)[0])
    assert torch.equal(again.model.embed.puzzle.weight, first.model.embed.puzzle.weight)
    other = recipe_for(write_kaggle(tmp_path, TASKS[1:2], "arc-agi_y_challenges.json"), puzzle_ids=5)
    fresh = Trainer(other.replace(start_from=str(first.path)), load_sets(other)[0])
    assert not fresh.model.embed.puzzle.weight.any()
    assert torch.equal(fresh.model.embed.tokens.weight, first.model.embed.tokens.weight)


def test_learning_rows_alone_needs_a_network_and_rows(tmp_path: Path) -> None:
    for changes in ({"start_from": None}, {"start_from": "x.safetensors", "prefix_len": 0}):
        with pytest.raises(RecipeError, match="only_ids needs a puzzle embedding and a trained network"):
            recipe_for(tmp_path, only_ids=True, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augmentations": -1}, "augmentations is -1; it must be at least 0"),
        ({"augmentations": 2}, "eval_augmentations is 3; it can be at most augmentations, which is 2"),
        ({"puzzle_ids": 0}, "puzzle_ids is 0; it must be at least 1"),
    ],
)
def test_recipes_that_cannot_be_are_refused(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_for(tmp_path, **changes)


# --- command line ---------------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network that has seen four batches, on three tasks."""
    run = train(recipe_for(write_kaggle(tmp_path, TASKS)), tmp_path / "run", progress=False)
    return run.path


def test_evaluate_votes_and_writes_a_submission(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "submission.json"
    common = ["evaluate", str(weights), "--steps", "2", "--json"]
    assert cli.main([*common, "--submission", str(out), "--augmentations", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 6 and set(found["scores"]) == {"pass@1", "pass@2"}
    assert found["copying_the_input"]["pass_at_1"] == 0.0
    submission = json.loads(out.read_text())
    assert {name: len(tests) for name, tests in submission.items()} == {"aaa": 1, "bbb": 1, "ccc": 1}
    assert all(set(test) == {"attempt_1", "attempt_2"} for tests in submission.values() for test in tests)
    assert cli.main([*common[:-1], "--submission", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"two attempts for every test input: {out}" in told and "copying the input: pass@1 0.0%" in told
    assert cli.main([*common, "--ids", "wrong"]) == 0
    assert "shown under wrong ids" in json.loads(capsys.readouterr().out)["source"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "other.json"], "this network has ids for the tasks of "),
        (["--starts", "2"], "--starts is for puzzles with rules; ARC votes over --augmentations"),
        (["--augmentations", "-1"], "--augmentations is -1; it must be at least 0"),
    ],
)
def test_what_arc_cannot_do_is_one_line(
    arguments: list[str], words: str, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(weights), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_grid_alone_cannot_be_solved(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["solve", "12/34", "--weights", str(weights)]) == 2
    assert "its id says which task it belongs to" in capsys.readouterr().err


def test_options_of_arc_are_for_arc(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--task", "sudoku6", "--count", "5", "--ids", "wrong"]) == 2
    assert "--ids is for ARC tasks, not for sudoku6" in capsys.readouterr().err


def test_data_describes_a_set_of_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "arc-agi-2-evaluation"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == (
        "ARC-AGI-2 evaluation (Kaggle 2025: 172 test pairs; the repository's head has 167): 120 tasks, "
        "358 demonstrations, 172 test pairs"
    )
    assert rest[1].startswith("task ") and rest[2] == "input"
