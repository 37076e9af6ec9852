"""The command line: exit statuses, one line for each wrong input, JSON for programs."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from trm_edu import __version__
from trm_edu.checkpoints import DEFAULT, load_model, save_model
from trm_edu.cli import main
from trm_edu.interface import ModelConfig
from trm_edu.losses import supervision_loss
from trm_edu.recipes import RECIPES, Recipe
from trm_edu.supervision import Batch, deep_supervision
from trm_edu.tasks import get_task
from trm_edu.variants import build_model

ROOT = Path(__file__).resolve().parent.parent
S4 = get_task("sudoku4")
PUZZLE4 = S4.generate(1, seed=0)
TEXT4 = S4.decode(PUZZLE4.questions[0])
TEXT9 = "...7..5...5.4.......7.1...2...8...7.....6..931....96..2.8..6...6..1.38.9........."
SIZES = ModelConfig(6, 16, hidden=16, n_layers=1, T=1, n=2, heads=2, swiglu_multiple=8)


pytestmark = pytest.mark.usefixtures("unchecked_types")


@dataclasses.dataclass
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse leaves in this way
            status = stop.code or 0
        return Answer(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4x4 network that has learned nothing."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("networks") / "random.safetensors"
    return save_model(path, build_model("trm", SIZES), task="sudoku4", metrics={"trained_on": "nothing"})


@pytest.fixture(scope="module")
def one_puzzle_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4x4 network that knows one puzzle by heart, and that it does."""
    torch.manual_seed(2)
    model = build_model("trm", SIZES)
    tokens = [torch.from_numpy(array).long() for array in (PUZZLE4.questions, PUZZLE4.answers)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(40):
        for output in deep_supervision(model, Batch(*tokens, torch.zeros(1, dtype=torch.long)), 2):
            optimizer.zero_grad()
            supervision_loss(output, tokens[1]).total.backward()
            optimizer.step()
    path = tmp_path_factory.mktemp("networks") / "one.safetensors"
    return save_model(path, model, task="sudoku4", metrics={"trained_on": "one puzzle"})


# --- solve ------------------------------------------------------------------------------------------------------------


def test_solve_shows_every_step_and_says_solved_and_verified(run: Any, one_puzzle_network: Path) -> None:
    answer = run("solve", TEXT4, "--weights", one_puzzle_network)
    solution = S4.decode(PUZZLE4.answers[0])
    assert answer.status == 0 and not answer.err
    assert "question\n" + S4.format_grid(PUZZLE4.questions[0]) in answer.out
    assert "step 1, sure to be done: " in answer.out and S4.format_grid(PUZZLE4.answers[0]) in answer.out
    assert f"solved and verified: {solution}\n" in answer.out and "  1 start, " in answer.out
    quiet = run("solve", TEXT4, "--weights", one_puzzle_network, "--quiet")
    assert quiet.status == 0 and quiet.out.splitlines()[0] == f"solved and verified: {solution}"


def test_solve_answers_programs(run: Any, one_puzzle_network: Path, random_network: Path) -> None:
    solved = run("solve", TEXT4, "--weights", one_puzzle_network, "--json")
    assert solved.status == 0 and solved.json["solved"] is True
    assert solved.json["answer"] == S4.decode(PUZZLE4.answers[0])
    assert solved.json["violations"] == [] and solved.json["attempts"] == 1 and solved.json["start"] == 1
    assert solved.json["trained_on"] == "one puzzle" and solved.json["steps"] == solved.json["supervision_steps"]
    failed = run("solve", TEXT4, "--weights", random_network, "--json", "--starts", 3, "--steps", 2)
    assert failed.status == 1 and failed.json["solved"] is False
    assert failed.json["attempts"] == 3 and failed.json["supervision_steps"] == 6 and failed.json["violations"]


def test_solve_says_honestly_when_it_has_not_solved(run: Any, random_network: Path) -> None:
    answer = run("solve", TEXT4, "--weights", random_network, "--starts", 2, "--steps", 3)
    assert answer.status == 1 and not answer.err
    assert "not solved: the best answer breaks " in answer.out and " rules, and the network " in answer.out
    assert "2 starts, 6 steps" in answer.out and "more starts may help: --starts 8" in answer.out


def test_solve_reads_a_file_or_standard_input(
    run: Any, one_puzzle_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "puzzle.txt"
    path.write_text(S4.format_grid(PUZZLE4.questions[0]) + "\n")
    assert run("solve", f"@{path}", "--weights", one_puzzle_network, "--quiet").status == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT4 + "\n"))
    assert run("solve", "-", "--weights", one_puzzle_network, "--quiet").status == 0
    path.write_bytes(b"\xff\xfe\x00")
    assert_refused(run("solve", f"@{path}"), "cannot be read as text")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    assert_refused(run("solve", "-"), "standard input cannot be read as text")


# --- wrong input ------------------------------------------------------------------------------------------------------


def assert_refused(answer: Answer, *words: str) -> None:
    assert answer.status == 2, answer
    assert answer.err.count("\n") == 1 and answer.err.endswith("\n"), answer.err
    for word in words:
        assert word in answer.err, answer.err


NO_SOLUTION4 = "123." + "...." * 2 + "...4"
WRONG_PUZZLES = {
    "empty": ("", "found 0 cells, need 81"),
    "short": (TEXT9[:-1], "found 80 cells, need 81"),
    "long": (TEXT9 + "1", "found 82 cells, need 81"),
    "letters": (TEXT9[:40] + "x" + TEXT9[41:], "character 'x' at position 41 is no cell"),
    "letters in 6x6": ("a" + "." * 35, "sudoku6: character 'a' at position 1"),
    "digit too large": ("9" + "." * 35, "sudoku6: character '9' at position 1 is no cell (digits are 1 to 6"),
    "row": ("55" + "." * 79, "row 1 holds 5 twice at columns 1 and 2"),
    "column": ("3" + "." * 26 + "3" + "." * 53, "column 1 holds 3 twice at rows 1 and 4"),
    "box": ("7........" + ".7......." + "." * 63, "box 1 holds 7 twice"),
    "no solution": (NO_SOLUTION4, "this puzzle has no solution"),
    "several solutions": ("." * 36, "this puzzle has more than one solution"),
    "missing file": ("@nowhere.txt", "nowhere.txt is not a file"),
}


@pytest.mark.parametrize("case", WRONG_PUZZLES)
def test_a_wrong_puzzle_gets_one_line_and_status_2(case: str, run: Any) -> None:
    text, words = WRONG_PUZZLES[case]
    for more in ([], ["--json"]):
        answer = run("solve", text, *more)
        assert_refused(answer, words)
        assert not answer.out


def test_a_wrong_network_gets_one_line_and_status_2(run: Any, random_network: Path, tmp_path: Path) -> None:
    def path(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    whole = random_network.read_bytes()
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(2)}, foreign)
    deeper = tmp_path / "deeper.safetensors"
    save_model(deeper, build_model("trm", SIZES), task="sudoku4")
    deeper.write_bytes(deeper.read_bytes().replace(b'\\"n_layers\\": 1', b'\\"n_layers\\": 2'))
    cases = {
        tmp_path / "none.safetensors": "none.safetensors is not a file",
        path("truncated.safetensors", whole[:-100]): "is damaged or no safetensors file",
        path("header.safetensors", whole[:100]): "is damaged or no safetensors file",
        path("empty.safetensors", b""): "is damaged or no safetensors file",
        path("text.safetensors", b"hello " * 50): "is damaged or no safetensors file",
        foreign: "has format 'unknown'",
        deeper: "does not hold what its metadata promises",
    }
    for weights, words in cases.items():
        assert_refused(run("solve", TEXT4, "--weights", weights), words, str(weights))
        assert_refused(run("evaluate", weights), words, str(weights))


def test_a_network_of_another_task_gets_one_line_and_status_2(run: Any, random_network: Path) -> None:
    words = "this network takes 16 cells and 6 tokens; sudoku9 has 81 and 11"
    assert_refused(run("solve", TEXT9, "--weights", random_network), "sudoku4: ", "need 16")
    assert_refused(run("solve", TEXT9, "--weights", random_network, "--task", "sudoku9"), words)
    assert_refused(run("evaluate", random_network, "--task", "sudoku9"), words)
    assert_refused(
        run("evaluate", random_network, "--data", "sx-proxy"), "sx-proxy holds puzzles of sudoku9, not of sudoku4"
    )
    assert_refused(run("solve", TEXT4), "no network is shipped for 'sudoku4'")
    assert_refused(run("evaluate", "--task", "sudoku4"), "no network is shipped for 'sudoku4'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "arguments are required: command"),
        (("fly",), "invalid choice: 'fly'"),
        (("solve",), "arguments are required: puzzle"),
        (("solve", TEXT9, "--fast"), "unrecognized arguments: --fast"),
        (("solve", TEXT9, "--starts", "0"), "--starts is 0; it must be at least 1"),
        (("solve", TEXT9, "--steps", "-3"), "--steps is -3; it must be at least 1"),
        (("solve", TEXT9, "--noise", "-1"), "--noise is -1.0; it must be at least 0"),
        (("evaluate", "--starts", "0"), "--starts is 0; it must be at least 1"),
        (("evaluate", "--symmetries", "-2"), "--symmetries is -2; it must be at least 1"),
        (("evaluate", "--batch", "0"), "--batch is 0; it must be at least 1"),
        (("evaluate", "--starts", "4", "--noise", "nan"), "--noise is nan; it must be at least 0"),
        (("evaluate", "--starts", "2", "--pick", "best"), "invalid choice: 'best'"),
        (("evaluate", "--pick", "vote"), "--pick vote needs something to pick from: give --starts or --symmetries"),
        (("evaluate", "--noise", "0.5"), "--noise is 0.5, but the only start is the network's own"),
        (("evaluate", "--count", "1", "--starts", "4", "--noise", "0"), "starts is 4 with noise 0"),
        (("evaluate", "--count", "1", "--starts", "4", "--symmetries", "2"), "starts is 4 and symmetries 2; one must"),
        (("solve", TEXT9, "--seed", "-1"), "--seed is -1; it must be at least 0"),
        (("solve", TEXT9, "--steps", "many"), "invalid int value: 'many'"),
        (("solve", TEXT9, "--task", "chess"), "No task is named 'chess'; known: sudoku4"),
        (("data", "nowhere.csv"), "'nowhere.csv' is neither a file nor a data set; known: generated"),
        (("data", "generated"), "generated puzzles need a count"),
        (("data", "generated", "--count", "0"), "--count is 0; it must be at least 1"),
        (("data", "generated", "--count", "40", "--task", "sudoku4"), "different puzzles of the 40 asked for"),
        (("verify",), "arguments are required: folder"),
        (("verify", "nowhere"), "nowhere is not a folder"),
        (("train",), "the name of a recipe is missing: trm-edu train NAME "),
        (("train", "laptop"), "no recipe is named 'laptop'; known: laptop-sudoku4, laptop-sudoku6"),
        (("train", "--steps", "3"), "the name of a recipe comes first, then options such as --steps"),
        (("train", "laptop-sudoku6", "--lr", "fast"), "could not convert string to float: 'fast'"),
        (("train", "laptop-sudoku6", "--depth", "3"), "Unrecognized options: --depth, 3"),
        (("train", "laptop-sudoku6", "--steps", "0"), "steps is 0; it must be at least 1"),
        (("train", "laptop-sudoku6", "--model", "gpt"), "model 'gpt' does not exist; choose one of trm, "),
        (("train", "laptop-sudoku6", "--optimizer", "sgd"), "invalid choice 'sgd' for argument '--optimizer'"),
        (("train", "laptop-sudoku6", "--steps"), "Missing value for argument '--steps'"),
        (("train", "laptop-sudoku6", "--task", "chess"), "is for the task 'chess', which is not there"),
        (("train", "laptop-sudoku6", "--train-data", "none.csv"), "'none.csv' is neither a file nor a data set"),
        (("train", "laptop-sudoku6", "--out"), "expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_arguments_get_one_line_and_status_2(arguments: tuple[str, ...], words: str, run: Any) -> None:
    answer = run(*arguments)
    assert_refused(answer, words)


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"COLUMNS": "30", "FORCE_COLOR": "1"}])
def test_one_line_whatever_the_terminal(environment: dict[str, str]) -> None:
    """tyro draws its frame in ASCII or Unicode, wide or narrow: none of it may be left."""
    command = [sys.executable, "-m", "trm_edu.cli", "train", "laptop-sudoku6", "--lr", "fast"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, cwd=ROOT, timeout=120)
    expected = "Error parsing --lr: could not convert string to float: 'fast' (see trm-edu train laptop-sudoku6 --help)"
    assert (done.returncode, done.stderr, done.stdout) == (2, f"trm-edu: {expected}\n", "")


def test_real_data_that_is_not_there_is_named(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRM_EDU_DATA", str(tmp_path))
    assert_refused(run("data", "sudoku-extreme-1k"), "holds no sudoku/sudoku_extreme_1k_train.csv.gz", "TRM_EDU_DATA")
    changes = ["--train-data", "sudoku-extreme-1k", "--task", "sudoku9", "--train-count", "None"]
    assert_refused(run("train", "laptop-sudoku6", *changes), "TRM_EDU_DATA")


def test_a_malformed_csv_is_named_with_its_line(run: Any, random_network: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"question,answer\n{TEXT4},oops\n")
    assert_refused(run("evaluate", random_network, "--data", path, "--count", 1), f"{path}, line 2: sudoku4: ")


def test_clues_belong_to_generated_puzzles(run: Any, random_network: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(f"question,answer\n{TEXT4},{S4.decode(PUZZLE4.answers[0])}\n")
    answer = run("evaluate", random_network, "--data", path, "--count", 1, "--clues", 8)
    assert_refused(answer, "clues is 8, but only generated puzzles can have it chosen")


# --- train, evaluate, data, doctor, help ------------------------------------------------------------------------------

TINY_FIELDS = {
    "task": "sudoku4", "train-count": 8, "eval-count": 10, "hidden": 8, "n-layers": 1, "T": 1, "n": 1,
    "dtype": "float32", "device": "cpu", "n-supervision": 2, "eval-supervision": 4, "batch-size": 4, "steps": 4,
    "warmup": 1, "eval-every": 2, "eval-part": 4,
}  # fmt: skip
TINY = [part for name, value in TINY_FIELDS.items() for part in (f"--{name}", str(value))]


def test_train_then_evaluate(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    answer = run("train", "laptop-sudoku6", *TINY, "--out", folder)
    assert answer.status == 0
    assert "training on generated (seed 0, minimal clues): 8 puzzles of sudoku4, 8 distinct" in answer.out
    assert "of 10 puzzles after 4 steps" in answer.out and "exact after step 1: " in answer.out
    assert f"weights and log in {folder}" in answer.out
    assert Recipe.from_dict(load_model(folder / "model.safetensors").recipe).hidden == 8
    assert (folder / "log.jsonl").read_text().count("\n") == 5

    scored = run("evaluate", folder / "model.safetensors", "--count", 10, "--steps", 4)
    assert scored.status == 0 and scored.out.startswith("exact ") and "trained on generated (seed 0" in scored.out
    assert "  after step  4: " in scored.out
    assert "none is equivalent to one of the 8 training puzzles" in scored.out
    as_json = run("evaluate", folder / "model.safetensors", "--count", 10, "--steps", 4, "--clues", 8, "--json").json
    assert (as_json["count"], as_json["n_supervision"], as_json["task"]) == (10, 4, "sudoku4")
    assert "down to 8 clues" in as_json["source"] and len(as_json["exact"]) == 4


def test_train_says_what_it_will_cost_before_it_starts(run: Any, tmp_path: Path) -> None:
    dry = run("train", "laptop-sudoku6", *TINY, "--out", tmp_path / "run", "--dry-run")
    assert dry.status == 0 and not (tmp_path / "run").exists() and len(dry.out.splitlines()) == 3
    value = run("train", "laptop-sudoku6", *TINY, "--dry-run", "--json").json
    assert f"{value['parameters']:,} weights" in dry.out and value["recipe"]["hidden"] == 8 and value["steps"] == 4
    assert "a step, " in dry.out and dry.out.strip().endswith("for 4 steps")
    real = run("train", "laptop-sudoku6", *TINY, "--out", tmp_path / "run")
    assert real.out.startswith(f"{value['parameters']:,} weights")
    missing = run("train", "sudoku-extreme", "--dry-run", "--device", "cpu")  # no data are needed to know the cost
    assert missing.status == 0 and missing.out.startswith("5,028,866 weights and 1 puzzle rows")


def test_train_takes_a_curriculum_and_writes_for_tensorboard(run: Any, tmp_path: Path) -> None:
    options = ("--depths", 0.5, 1, 1, 0.75, 1, 2, "--tensorboard")
    assert run("train", "laptop-sudoku6", *TINY, *options, "--out", tmp_path).status == 0
    recipe = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])["recipe"]
    assert recipe["depths"] == [[0.5, 1, 1], [0.75, 1, 2]]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_a_finished_run_is_not_trained_again(run: Any, tmp_path: Path) -> None:
    assert run("train", "laptop-sudoku6", *TINY, "--out", tmp_path).status == 0
    again = run("train", "laptop-sudoku6", *TINY, "--out", tmp_path)
    assert_refused(again, f"{tmp_path} holds a finished run (", "exact after 4 steps); choose another --out")


def test_a_task_that_does_not_exist_is_named(run: Any) -> None:
    answer = run("train", "maze-hard", "--task", "maze31")
    assert_refused(answer, "recipe maze-hard is for the task 'maze31', which is not there; known tasks: sudoku4")


def test_evaluate_with_halting_says_what_it_saves(run: Any, one_puzzle_network: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text(f"question,answer\n{TEXT4},{S4.decode(PUZZLE4.answers[0])}\n")
    fixed = run("evaluate", one_puzzle_network, "--data", path)
    assert fixed.status == 0 and "of 1 puzzles after 16 steps (one pass of fixed steps); file one.csv" in fixed.out
    answer = run("evaluate", one_puzzle_network, "--data", path, "--halt")
    assert answer.status == 0 and answer.out.startswith("exact 100.0% ")
    assert "(one pass with halting, at most 16 steps)" in answer.out
    counted = run("evaluate", one_puzzle_network, "--data", path, "--halt", "--json").json
    assert counted["evaluations"] < 16 and counted["ratio"] == counted["evaluations"] / 16
    saved = 1 - counted["ratio"]
    assert f"  {counted['evaluations']} evaluations, {saved:.0%} fewer than 16 fixed steps of each puzzle" in answer.out


def test_evaluate_with_several_answers_names_test_time_compute(run: Any, random_network: Path) -> None:
    short = ("--count", 5, "--steps", 10, "--batch", 3)
    answer = run("evaluate", random_network, *short, "--starts", 3)
    words = "(test-time compute: 3 starts with noise 1, picked by rules, at most 10 steps each); 30.0 steps a puzzle"
    assert answer.status == 0 and words in answer.out
    assert "150 evaluations, 88% more than 16 fixed steps of each puzzle" in answer.out
    for pick in ("halting", "first", "vote"):
        turned = run("evaluate", random_network, *short, "--symmetries", 2, "--pick", pick, "--json").json
        assert turned["compute"] == f"test-time compute: 2 symmetries, picked by {pick}, at most 10 steps each"
    loud = run("evaluate", random_network, *short, "--symmetries", 2, "--noise", 0.5, "--json").json
    assert "2 symmetries with noise 0.5, picked by rules" in loud["compute"]


def test_evaluate_streams_a_whole_file_and_draws_with_a_count(
    run: Any, random_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "three.csv"
    made = S4.generate(3, seed=1)
    rows = [f"{S4.decode(q)},{S4.decode(a)}" for q, a in zip(made.questions, made.answers, strict=True)]
    path.write_text("\n".join(["question,answer", *rows]))
    monkeypatch.setattr("trm_edu.data.read_csv", None)
    monkeypatch.setattr("trm_edu.data.whole", None)  # a file that is streamed is never put together
    answer = run("evaluate", random_network, "--data", path, "--steps", 2, "--json").json
    assert (answer["count"], answer["source"]) == (3, f"file three.csv: 3 {made.describe().partition(': 3 ')[2]}")
    assert run("evaluate", random_network, "--data", path, "--steps", 2, "--count", 2, "--json").json["count"] == 2
    path.write_text("\n".join(["question,answer", *rows, "1,2"]))
    assert_refused(run("evaluate", random_network, "--data", path), f"{path}, line 5: sudoku4: found 1 cells")


def test_evaluate_says_when_it_cannot_leave_training_puzzles_out(
    run: Any, random_network: Path, tmp_path: Path
) -> None:
    assert "the training puzzles are not known" in run("evaluate", random_network, "--count", 3, "--steps", 1).out
    checkpoint = load_model(random_network)
    recipe = {"train_data": str(tmp_path / "gone.csv"), "train_count": None}
    elsewhere = save_model(tmp_path / "elsewhere.safetensors", checkpoint.model, task=checkpoint.task, recipe=recipe)
    answer = run("evaluate", elsewhere, "--count", 3, "--steps", 1)
    assert answer.status == 0 and "not at hand, some of these may be among them" in answer.out
    assert "gone.csv" in run("evaluate", elsewhere, "--count", 3, "--steps", 1, "--json").json["overlap"]


def test_train_answers_programs_and_refuses_a_folder_that_cannot_be(run: Any, tmp_path: Path) -> None:
    answer = run("train", "laptop-sudoku6", *TINY, "--json", "--out", tmp_path / "run")
    assert answer.status == 0 and not answer.err
    assert answer.json["recipe"]["hidden"] == 8 and answer.json["count"] == 10
    (tmp_path / "file").write_text("")
    assert_refused(run("train", "laptop-sudoku6", *TINY, "--json", "--out", tmp_path / "file"), str(tmp_path / "file"))


def test_plot_draws_runs_and_tells_their_scores(run: Any, tmp_path: Path) -> None:
    folders = [tmp_path / f"seed{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        assert run("train", "laptop-sudoku6", *TINY, "--json", "--seed", seed, "--out", folder).status == 0
    picture = tmp_path / "new" / "curves.png"
    answer = run("plot", *folders, folders[0] / "log.jsonl", "--out", picture)
    assert answer.status == 0 and not answer.err
    *lines, alt = answer.out.splitlines()
    end = json.loads((folders[1] / "log.jsonl").read_text().splitlines()[-1])
    low, high = end["interval"]
    assert [line.split(" steps, ")[0] for line in lines] == [f"laptop-sudoku6, seed {seed}: 4" for seed in (0, 1)]
    assert lines[1].endswith(f", exact {end['exact'][-1]:.1%} [{low:.1%}, {high:.1%}] of 10 puzzles")
    with Image.open(picture) as image:
        assert image.size[0] > 800 and f"{picture}: {image.text['Description']}" == alt
    told = run("plot", *folders, "--out", picture, "--x", "seconds", "--json").json
    assert [row["seed"] for row in told["runs"]] == [0, 1] and "laptop-sudoku6, 2 seeds" in told["alt"]
    assert told["runs"][1]["exact"] == end["exact"][-1] and told["runs"][1]["seconds"] == end["train_seconds"]
    assert told["out"] == str(picture) and "against seconds of wall time" in told["alt"]


LOG9 = ROOT / "benchmarks" / "results" / "sudoku9.jsonl"


def test_plot_counts_a_run_that_is_given_twice_once(run: Any, tmp_path: Path) -> None:
    answer = run("plot", LOG9, os.path.relpath(LOG9), "--out", tmp_path / "a.svg", "--json")
    assert len(answer.json["runs"]) == 1 and "1 seed," in answer.json["alt"]


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
def test_plot_writes_by_suffix_with_the_text_inside(suffix: str, start: bytes, run: Any, tmp_path: Path) -> None:
    picture = tmp_path / f"a{suffix}"
    assert run("plot", LOG9, "--out", picture).status == 0
    content = picture.read_bytes()
    assert content.startswith(start) and b"Two charts against optimizer step" in content


def test_plot_writes_whole_or_not_at_all(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"the one before")

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    assert_refused(run("plot", LOG9, "--out", picture), "no space left")
    assert picture.read_bytes() == b"the one before" and [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_plot_refuses_what_it_cannot_draw(run: Any, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "a.png")
    begun, half = tmp_path / "begun.jsonl", tmp_path / "half.jsonl"
    lines = LOG9.read_text().splitlines(keepends=True)
    begun.write_text(lines[0])
    half.write_text(lines[0][:50])
    assert_refused(run("plot", LOG9, "--out", "a.gif"), "--out is a.gif; its name must end in .png, .svg, .pdf")
    assert_refused(run("plot", tmp_path / "nowhere", *out), "nowhere does not exist; give the folder of a run")
    assert_refused(run("plot", LOG9, tmp_path, *out), f"{tmp_path} is a folder without log.jsonl")
    assert_refused(run("plot", begun, *out), f"{begun} has no step in its log yet")
    assert_refused(run("plot", half, *out), f"{half} has no whole row")
    assert_refused(run("plot", LOG9, LOG9.with_name("sudoku6.jsonl"), *out), f"{LOG9} is a run on sudoku9, ")
    assert_refused(run("plot", LOG9, "--x", "epochs", *out), "invalid choice: 'epochs'")
    assert_refused(run("plot"), "arguments are required: RUN")
    assert not out[1].exists()


def test_only_plot_needs_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['matplotlib'] = None\nfrom trm_edu.cli import main\n"
        f"print(main(['data']), main(['plot', {str(LOG9)!r}, '--out', {str(tmp_path / 'a.png')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 2"
    assert done.stderr == 'trm-edu: matplotlib draws the picture and is not installed; pip install "trm-edu[course]"\n'


def test_a_run_that_is_not_finished_is_told_as_such(run: Any, tmp_path: Path) -> None:
    lines = LOG9.read_text().splitlines(keepends=True)
    resume = json.dumps({"kind": "resume", "step": 200, "recipe": {}}) + "\n"
    (tmp_path / "log.jsonl").write_text("".join([*lines[:11], resume, lines[11]]))
    answer = run("plot", tmp_path, "--out", tmp_path / "a.svg")
    line = answer.out.splitlines()[0]
    assert "220 steps" in line and line.endswith(", not measured yet, not finished, resumed at step 200")


def test_a_run_that_diverges_says_so(run: Any, tmp_path: Path) -> None:
    wild = ["--lr", "1e38", "--clip", "0", "--steps", "20", "--eval-every", "99", "--json", "--out", tmp_path / "wild"]
    assert_refused(run("train", "laptop-sudoku6", *TINY, *wild), "the loss is nan at step 20; try a smaller lr")


@pytest.mark.parametrize("name", RECIPES)
def test_train_help_lists_every_field_with_its_meaning(name: str, run: Any) -> None:
    answer = run("train", name, "--help")
    assert answer.status == 0 and not answer.err
    text = " ".join(answer.out.replace("│", " ").split())
    for field in dataclasses.fields(Recipe):
        assert f"--{field.name.replace('_', '-')}" in text
    for meaning in ("peak rate of Muon", "updates of z in one recursion", "gradient norm is cut to this (0: never)"):
        assert meaning in text


def test_help_and_version(run: Any) -> None:
    for arguments in (["--help"], ["train", "--help"], ["solve", "--help"], ["verify", "-h"], ["data", "-h"]):
        answer = run(*arguments)
        assert answer.status == 0 and not answer.err and "trm-edu" in answer.out
    assert "doctor" in run("--help").out and "laptop-sudoku6" in run("train", "--help").out
    assert run("--version").out.split() == ["trm-edu", __version__]


def test_data_lists_and_describes(run: Any, tmp_path: Path) -> None:
    listed = run("data")
    assert listed.status == 0 and "sudoku6: symmetries: " in listed.out and "sx-proxy" in listed.out
    assert set(run("data", "--json").json) == {"tasks", "data_sets", "arc_task_sets"}
    made = run("data", "generated", "--count", 3, "--show", 2, "--json").json
    assert made["count"] == made["distinct"] == 3 and len(made["puzzles"]) == 2 and len(made["puzzles"][0]) == 36
    shown = run("data", "generated", "--count", 3, "--task", "sudoku4", "--show", 0)
    assert shown.out.splitlines() == [
        "generated (seed 0, minimal clues): 3 puzzles of sudoku4, 3 distinct under its symmetries"
    ]


def test_data_describes_the_real_rows(run: Any, data_dir: Path) -> None:
    answer = run("data", "sudoku-extreme-1k", "--show", 0)
    assert answer.status == 0 and answer.out.startswith(
        "Sudoku-Extreme, one public draw of 1,000 training rows: 1,000 "
    )


# --- with the shipped networks ----------------------------------------------------------------------------------------


def test_solve_uses_the_shipped_networks(run: Any) -> None:
    six = get_task("sudoku6").generate(1, seed=3)
    answer = run("solve", get_task("sudoku6").decode(six.questions[0]), "--json")
    assert answer.status == 0 and answer.json["answer"] == get_task("sudoku6").decode(six.answers[0])
    nine = get_task("sudoku9").generate(1, seed=3, clues=40)
    answer = run("solve", get_task("sudoku9").decode(nine.questions[0]), "--json")
    assert answer.status == 0 and answer.json["answer"] == get_task("sudoku9").decode(nine.answers[0])


def test_doctor_runs_the_shipped_networks(run: Any) -> None:
    answer = run("doctor", "--json")
    assert answer.status == 0
    assert answer.json["packages"]["torch"] and set(answer.json["networks"]) == set(DEFAULT)
    assert answer.json["networks"]["sudoku6"]["solved_a_generated_puzzle"] is True
    told = run("doctor")
    assert told.status == 0 and "training here: `trm-edu train laptop-sudoku6`" in told.out
