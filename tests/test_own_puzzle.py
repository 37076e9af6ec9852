"""A puzzle that lives outside the package is found, trained, evaluated, solved and shown; a broken one is named."""

from __future__ import annotations

import functools
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trm_edu import tasks, widgets
from trm_edu.cli import main
from trm_edu.data import BatchStream
from trm_edu.errors import DataError, PuzzleError
from trm_edu.interface import ModelConfig, Output
from trm_edu.solve import Step, check_input, solve
from trm_edu.tasks import FILES_VARIABLE, GridTask, get_task, task_names
from trm_edu.tasks.conformance import CHECKS, check_task

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "futoshiki.py"
TINY = ["--train-count", "16", "--eval-count", "8", "--eval-part", "8", "--hidden", "16", "--n-layers", "1", "--T", "1"]
TINY += ["--n", "1", "--batch-size", "4", "--steps", "2", "--warmup", "1", "--eval-every", "2", "--dtype", "float32"]


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with the library's own tasks and no file, and leaves them so."""
    monkeypatch.setattr(tasks, "_TASKS", {k: v for k, v in tasks._TASKS.items() if k != "futoshiki4"})
    monkeypatch.setattr(tasks, "_FILES", set())
    monkeypatch.delenv(FILES_VARIABLE, raising=False)


@pytest.fixture
def futoshiki(monkeypatch: pytest.MonkeyPatch) -> GridTask:
    monkeypatch.setenv(FILES_VARIABLE, str(EXAMPLE))
    return get_task("futoshiki4")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a package: site(distribution, module, source, entry points) writes it where Python looks."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution: str, module: str, source: str, points: str) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{tasks.ENTRY_POINTS}]\n{points}\n")
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def task_source(name: str) -> str:
    """A module with a task that is a 4x4 Sudoku of another name."""
    return f"from trm_edu.tasks import Sudoku, register_task\ntask = Sudoku(2, 2)\ntask.name = {name!r}\n"


# --- one file -------------------------------------------------------------------------------------------------------


def test_a_file_is_imported_once_when_its_task_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.py"
    file.write_text(task_source("own4") + "print('imported')\nregister_task(task)\n")
    monkeypatch.setenv(FILES_VARIABLE, os.pathsep.join([str(file), "", str(EXAMPLE)]))
    seen: list[str] = []
    monkeypatch.setattr("builtins.print", lambda *words, **_: seen.extend(map(str, words)))
    get_task("sudoku4")
    assert seen == [], "a known name needs no file"
    assert get_task("own4") is get_task("own4") and task_names()[-2:] == ["own4", "futoshiki4"]
    assert seen == ["imported"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("x = 1", "it registers no task; end it with register_task"),
        (task_source("sudoku6") + "register_task(task)", "A task named 'sudoku6' exists already"),
        (task_source("left") + "register_task(task)\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(source)
    monkeypatch.setenv(FILES_VARIABLE, str(file))
    for _ in range(2):  # and again: nothing of it is left behind
        with pytest.raises(DataError, match=f"broken.py .named in TRM_EDU_TASKS.: .*{message}"):
            get_task("own4")
        assert "left" not in tasks._TASKS
    assert get_task("sudoku6").name == "sudoku6", "what is known needs no file"


@pytest.mark.parametrize("name", ["nowhere.py", "."])
def test_a_file_that_is_none_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILES_VARIABLE, name)
    with pytest.raises(DataError, match=f"TRM_EDU_TASKS names {name!r}; that is no Python file"):
        task_names()


def test_a_file_may_ask_for_tasks_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from trm_edu.tasks import task_names\n" + task_source("own4") + "task_names()\nregister_task(task)\n"
    )
    monkeypatch.setenv(FILES_VARIABLE, str(file))
    assert get_task("own4").name == "own4"


# --- an installed package -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["task", "make", "Kind"],
)
def test_an_entry_point_may_be_a_task_or_make_one(value: str, site: Any) -> None:
    more = (
        "def make():\n    return task\nclass Kind(Sudoku):\n    def __init__(self):\n        super().__init__(2, 2)\n"
    )
    site(
        "far-puzzles",
        "far_puzzles",
        task_source("far4") + more + "        self.name = 'far4'\n",
        f"far4 = far_puzzles:{value}",
    )
    assert "far_puzzles" not in sys.modules
    assert "far4" in task_names() and "far_puzzles" not in sys.modules, "listing names imports nothing"
    assert get_task("far4").name == "far4" and get_task("far4") is get_task("far4")


def test_a_package_may_register_its_task_itself(site: Any) -> None:
    site("far-puzzles", "far_puzzles", task_source("far4") + "register_task(task)", "far4 = far_puzzles:task")
    assert get_task("far4").name == "far4"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError"),
        ("task = 5", "its task is named None"),
        (task_source("near4"), "its task is named 'near4'; the entry point must have the same name"),
        ("class task:\n    name = 'far4'", "task is no Task .*it lacks vocab_size"),
    ],
)
def test_a_broken_package_is_named_and_harms_no_other(source: str, message: str, site: Any) -> None:
    site("far-puzzles", "far_puzzles", source, "far4 = far_puzzles:task")
    site("good-puzzles", "good_puzzles", task_source("good4"), "good4 = good_puzzles:task")
    assert get_task("good4").name == "good4" and {"far4", "good4"} <= set(task_names())
    with pytest.raises(DataError, match=f"'far4' of the package far-puzzles .far_puzzles:task.: .*{message}"):
        get_task("far4")
    with pytest.raises(DataError, match="No task is named 'far5'.*far4.*Did you mean 'far4'"):
        get_task("far5")


def test_two_packages_with_one_name_are_both_named(site: Any) -> None:
    for name in ("far-puzzles", "wide-puzzles"):
        module = name.replace("-", "_")
        site(name, module, task_source("far4"), f"far4 = {module}:task")
    with pytest.raises(DataError, match="'far4' comes from (far|wide)-puzzles and (far|wide)-puzzles; remove all"):
        get_task("far4")


# --- the example ----------------------------------------------------------------------------------------------------


def test_the_example_keeps_every_promise(futoshiki: GridTask) -> None:
    assert check_task(futoshiki, count=6) == list(CHECKS)


@functools.cache
def latin_squares() -> list[np.ndarray]:
    """All 576 of side 4, by trying everything."""
    rows = itertools.product(itertools.permutations(range(1, 5)), repeat=4)
    return [np.array(square) for square in rows if all(len(set(column)) == 4 for column in zip(*square, strict=True))]


def solutions_of(text: str) -> int:
    """How many Latin squares fit a question, with signs read from characters."""
    cells, count = np.array(list(text)).reshape(7, 7), 0
    true = {"-": lambda a, b: True, "<": np.less, "^": np.less, ">": np.greater, "v": np.greater}
    for square in latin_squares():
        clues = all(cells[2 * r, 2 * c] in (".", str(square[r, c])) for r in range(4) for c in range(4))
        across = [(cells[2 * r, 2 * c + 1], square[r, c], square[r, c + 1]) for r in range(4) for c in range(3)]
        down = [(cells[2 * r + 1, 2 * c], square[r, c], square[r + 1, c]) for r in range(3) for c in range(4)]
        count += clues and all(true[sign](a, b) for sign, a, b in across + down)
    return count


def test_its_puzzles_have_one_solution(futoshiki: GridTask) -> None:
    """By a search that shares nothing with the example's own."""
    assert len(latin_squares()) == 576
    for question in futoshiki.generate(5, seed=4).questions:
        assert solutions_of(futoshiki.decode(question)) == futoshiki.solution_count(question, 9) == 1
        for clue in np.flatnonzero((question != futoshiki.blank) & (question != futoshiki.none)):
            thinner = question.copy()
            thinner[clue] = futoshiki.blank if question[clue] <= 4 else futoshiki.none
            assert solutions_of(futoshiki.decode(thinner)) > 1, "no clue and no sign is too much"


@pytest.mark.parametrize(
    "text",
    [
        ".<.-.>.v-----^.-.-.-.^---v--.-.<.-.-------.-.-.>.",
        ".-.-.-.^-^-^-^.-.-.-.-------.-.-.-.-------.-.-.-.",
        "1-.-.-.-------.-.-.-.-------.-1-.-.v-v----.-.-.-.",
        "1-.-.-.------v.-.-.-.-------.-.-.-.------v.-.-.-.",
    ],
)
def test_its_search_counts_all_solutions(futoshiki: GridTask, text: str) -> None:
    assert futoshiki.solution_count(futoshiki.encode(text), 1000) == solutions_of(text)


def test_its_signs_turn_with_the_square(futoshiki: GridTask) -> None:
    assert len(futoshiki.all_symmetries()) == 16
    square = "1<2-3-4-------2-1-4-3^------3-4-1-2-------4-3-2-1"
    images = {futoshiki.decode(futoshiki.apply(s, futoshiki.encode(square))) for s in futoshiki.all_symmetries()}
    assert "4>3-2-1-------3-4-1-2v------2-1-4-3-------1-2-3-4" in images, "the complement"
    assert "4-3-2>1-------3-4-1-2------^2-1-4-3-------1-2-3-4" in images, "the mirror"
    assert futoshiki.rules(futoshiki.encode(square), futoshiki.encode(square)) == []
    wrong = futoshiki.encode(square.replace("1<2", "1>2").replace("^", "v"))
    assert futoshiki.rules(wrong, wrong) == ["row 1 breaks a sign: 1 and 2", "column 1 breaks a sign: 2 and 3"]


def test_the_command_line_takes_it_unchanged(
    futoshiki: GridTask, tmp_path: Path, capsys: pytest.CaptureFixture[str], unchecked_types: None
) -> None:
    def run(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert not err and status == (1 if arguments[0] == "solve" else 0)
        return json.loads(out)

    run("train", "laptop-sudoku6", "--task", "futoshiki4", *TINY, "--out", tmp_path / "run")
    weights = tmp_path / "run" / "model.safetensors"
    score = run("evaluate", weights, "--count", 5)
    assert score["task"] == "futoshiki4" and score["count"] == 5 and "none is equivalent" in score["overlap"]
    question = futoshiki.decode(futoshiki.generate(1, 3).questions[0])
    answer = run("solve", question, "--task", "futoshiki4", "--weights", weights, "--starts", 3, "--steps", 2)
    assert answer["attempts"] == 3 and len(answer["answer"]) == 49 and answer["violations"]
    assert run("plot", tmp_path / "run", "--out", tmp_path / "curve.png")["runs"][0]["count"] == 8
    assert "futoshiki4" in run("data")["tasks"]


def test_batches_and_solve_take_it(futoshiki: GridTask) -> None:
    batch = next(BatchStream(futoshiki.generate(6, seed=1), 8, seed=0, device="cpu"))
    assert futoshiki.is_solved_batch(batch.inputs.numpy(), batch.labels.numpy()).all()
    empty = (".-" * 4)[:-1] + ("-------" + (".-" * 4)[:-1]) * 3
    with pytest.raises(PuzzleError, match="more than one solution"):
        check_input(futoshiki, futoshiki.encode(empty))
    puzzle = futoshiki.generate(1, seed=2)
    solution = solve(Known(futoshiki, puzzle.questions[0]), futoshiki, puzzle.questions[0], starts=3)
    assert len(solution.attempts) == 3 and not solution.solved


# --- widgets --------------------------------------------------------------------------------------------------------


class Known(torch.nn.Module):
    """A network that gives one answer to everything, from the first step on."""

    def __init__(self, task: GridTask, answer: np.ndarray):
        super().__init__()
        self.config = ModelConfig(vocab_size=task.vocab_size, seq_len=task.seq_len, hidden=8)
        self.weight, self.answer = torch.nn.Parameter(torch.zeros(1)), torch.from_numpy(answer).long()

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.zeros(1),)

    def forward(self, inputs: torch.Tensor, state: tuple[torch.Tensor], puzzle_ids: torch.Tensor) -> Any:
        logits = torch.nn.functional.one_hot(self.answer, self.config.vocab_size).float().expand(len(inputs), -1, -1)
        return state, Output(logits, torch.full((len(inputs),), 3.0), torch.zeros(len(inputs)))


def test_the_player_and_the_field_take_it(futoshiki: GridTask) -> None:
    puzzle = futoshiki.generate(1, seed=2)
    model = Known(futoshiki, puzzle.answers[0])
    player = widgets.Player(model, futoshiki, puzzle.questions[0], solution=puzzle.answers[0], live=True)
    assert "<svg" in player.picture.value and player.slider.max == 1
    player.slider.value = 1
    assert "solved: every rule holds" in player.picture.value and "0 cells wrong" in player.picture.value
    yours = widgets.YourPuzzle(model, futoshiki, futoshiki.decode(puzzle.questions[0]), live=True)
    assert yours.field.value == futoshiki.format_grid(puzzle.questions[0])
    assert yours.field.placeholder == "7 rows of 7 cells: 1234.<>^v- ('.' is open)"
    yours.button.click()
    assert "solved and verified" in yours.status.value


def test_a_frame_of_it_takes_a_few_milliseconds(futoshiki: GridTask) -> None:
    puzzle = futoshiki.generate(1, seed=2)
    frames = widgets.Frames(futoshiki, puzzle.questions[0], [Step(1, puzzle.answers[0], None, 0.5)], puzzle.answers[0])
    frames.html(1)
    started = time.perf_counter()
    for _ in range(10):
        frames.html(1)
    assert (time.perf_counter() - started) / 10 < 0.03


def test_a_task_judged_by_answers_is_not_said_to_keep_rules(futoshiki: GridTask) -> None:
    puzzle = futoshiki.generate(1, seed=2)
    question, answer = puzzle.questions[0], puzzle.answers[0]
    futoshiki.judged_by = "answers"
    assert widgets.verdict(futoshiki, question, answer) == (
        False,
        "no rules can judge this answer, and no solution is at hand",
    )
    assert widgets.verdict(futoshiki, question, answer, answer) == (True, "solved: every cell is right")
    wrong = int((question != answer).sum())
    assert widgets.verdict(futoshiki, question, question, answer) == (False, f"{wrong} cells differ from the solution")
    assert "answers: <b" in widgets.Frames(futoshiki, question, [Step(1, answer, None, 0.5)], answer).html(1)
