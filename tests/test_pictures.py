"""The README's pictures exist, are small, and say what the shipped network does now."""

from __future__ import annotations

import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from trm_edu import plots
from trm_edu.errors import DataError
from trm_edu.solve import Attempt, Solution, Step

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "pictures"
LIMITS = {"thinking.gif": 400_000, "thinking.png": 150_000, "unrolled.png": 150_000}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trace(script: ModuleType) -> Any:
    return script.choose()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder into which the script ran as a user runs it, and what it printed."""
    folder = tmp_path_factory.mktemp("pictures") / "new"
    command = [sys.executable, str(PICTURES / "make.py"), "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def words_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


# --- the files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
@pytest.mark.parametrize("new", [False, True], ids=["committed", "made now"])
def test_each_picture_exists_is_small_and_has_a_white_margin(
    made: tuple[Path, str], name: str, limit: int, new: bool
) -> None:
    path = (made[0] if new else PICTURES) / name
    assert path.stat().st_size < limit
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        pixels = np.array(image.convert("RGB"))
    for edge in (pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]):
        assert (edge == 255).all()
    assert (pixels < 128).any(), "something is drawn"


@pytest.mark.parametrize("new", [False, True], ids=["committed", "made now"])
def test_the_animation_has_a_frame_for_the_question_and_each_step_and_never_ends(
    trace: Any, made: tuple[Path, str], new: bool
) -> None:
    with Image.open((made[0] if new else PICTURES) / "thinking.gif") as image:
        assert image.n_frames == len(trace.steps) + 1
        assert image.info["loop"] == 0
        assert 590 <= image.width <= 700, "as wide as the page shows it"
        times, frames = [], []
        for i in range(image.n_frames):
            image.seek(i)
            times.append(image.info["duration"])
            frames.append(image.convert("RGB").tobytes())
    assert times[0] > times[1] and set(times[1:-1]) == {times[1]} and times[-1] > 2 * times[0]
    assert len(set(frames)) == len(frames), "no frame is like another"


def test_the_pictures_were_made_of_what_the_network_does_now(script: ModuleType, trace: Any) -> None:
    for name, text in script.texts(trace).items():
        assert script.description(PICTURES / name) == text, "run python pictures/make.py"


def test_the_readme_says_what_the_network_does_now(script: ModuleType, trace: Any) -> None:
    assert script.differences(trace, ROOT / "README.md", PICTURES) == []


def test_the_script_writes_three_files_and_prints_the_lines_of_the_readme(
    script: ModuleType, trace: Any, made: tuple[Path, str]
) -> None:
    folder, printed = made
    assert {path.name for path in folder.iterdir()} == set(LIMITS), "whole files, nothing beside them"
    for name, text in script.texts(trace).items():
        assert f"![{text}](pictures/{name})" in printed.splitlines()
    assert script.caption(trace) in printed.splitlines()


def test_the_same_machine_makes_the_same_bytes(script: ModuleType, trace: Any, made: tuple[Path, str]) -> None:
    again = script.make(trace)
    assert {name: (made[0] / name).read_bytes() == content for name, content in again.items()} == dict.fromkeys(
        LIMITS, True
    )


# --- the puzzle and what is said of it ------------------------------------------------------------------------------


def test_the_network_solves_the_puzzle_and_takes_long_enough(trace: Any) -> None:
    assert 5 <= len(trace.steps) <= 16
    assert trace.task.violations(trace.question, trace.steps[-1].answer) == []
    assert trace.task.solution_count(trace.question, 2) == 1
    assert trace.wrong[-1] == 0 and trace.steps[-1].halt_probability > 0.5
    assert all(step.halt_probability < 0.5 for step in trace.steps[:-1])
    assert trace.wrong == [int((step.answer != trace.solution).sum()) for step in trace.steps]
    answers = [step.answer for step in trace.steps]
    moved = [int((a != b).sum()) for a, b in zip(answers, answers[1:], strict=False)]
    assert trace.changed == [0, *moved]
    assert (trace.solution[~trace.open] == trace.question[~trace.open]).all()
    assert (trace.question[trace.open] == 1).all() and (trace.question[~trace.open] > 1).all()


def attempt(trace: Any, count: int, *, right: bool = True, done: bool = True) -> Solution:
    """A solution of `count` steps that is right or not, and says so or not."""
    steps = [Step(i, trace.solution, np.ones(81, np.float32), 0.0) for i in range(1, count)]
    steps.append(Step(count, trace.solution, np.ones(81, np.float32), 0.9 if done else 0.1))
    return Solution(trace.question, [Attempt(1, steps, [] if right else ["row 1: 5 twice"])])


def test_the_rule_takes_the_longest_that_is_right_and_said_so_and_of_equals_the_first(
    script: ModuleType, trace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        attempt(trace, 6),
        attempt(trace, 16, right=False),
        attempt(trace, 9),
        attempt(trace, 9),
        attempt(trace, 16, done=False),
        *[attempt(trace, 3)] * 5,
    ]
    asked: list[dict[str, Any]] = []

    def solve(model: Any, task: Any, question: np.ndarray, **settings: Any) -> Solution:
        asked.append({"question": question} | settings)
        return made[len(asked) - 1]

    monkeypatch.setattr(script, "solve", solve)
    chosen = script.choose()
    assert chosen.steps is made[2].best.steps and chosen.solved == 8
    puzzles = trace.task.generate(10, seed=2025)
    assert (chosen.question == puzzles.questions[2]).all() and (chosen.solution == puzzles.answers[2]).all()
    assert len(asked) == 10
    assert all(call["starts"] == 1 and call["n_supervision"] == 16 for call in asked), "no turned puzzles"


@pytest.mark.parametrize(("count", "right"), [(4, True), (16, False)])
def test_too_quick_a_network_or_none_that_solves_it_is_an_error(
    script: ModuleType, trace: Any, monkeypatch: pytest.MonkeyPatch, count: int, right: bool
) -> None:
    monkeypatch.setattr(script, "solve", lambda *_, **__: attempt(trace, count, right=right))
    with pytest.raises(DataError, match="solves none of the 10 puzzles in 5 to 16 steps"):
        script.choose()


def test_the_texts_have_the_numbers_of_the_trace(script: ModuleType, trace: Any) -> None:
    texts, last = script.texts(trace), trace.steps[-1]
    assert f"Wrong cells after each step: {', '.join(map(str, trace.wrong))}." in texts["thinking.gif"]
    assert f"{len(trace.steps)} supervision steps" in texts["thinking.gif"]
    assert f"is {last.halt_probability:.1%} after it" in texts["thinking.gif"]
    highest = max(step.halt_probability for step in trace.steps[:-1])
    assert f"at or below {highest:.1%} before" in texts["thinking.gif"]
    clues = int((trace.question > 1).sum())
    for step in (1, 2, 4, len(trace.steps)):
        sure = trace.steps[step - 1].confidence[trace.question == 1].mean()
        said = f"after step {step}: {trace.wrong[step - 1]} wrong, mean confidence {sure:.0%}"
        assert said in texts["thinking.png"]
    for name in ("thinking.gif", "thinking.png"):
        assert f"a generated Sudoku with {clues} clues and {81 - clues} open cells" in texts[name]
    assert texts["unrolled.png"] == plots.unrolled_text(trace.model, n_supervision=16)
    assert "minimal clues and one solution" in script.caption(trace)
    assert f"solves {trace.solved} within 16 steps" in script.caption(trace)


class Seen:
    """Stands in for `plots.grid` and remembers what it was asked to draw."""

    def __init__(self) -> None:
        self.calls: list[tuple[np.ndarray, dict[str, Any]]] = []
        self.draw = plots.grid

    def __call__(self, task: Any, tokens: np.ndarray, ax: Any = None, **marks: Any) -> Any:
        self.calls.append((tokens, marks))
        return self.draw(task, tokens, ax, **marks)


def test_each_frame_shows_question_or_answer_with_what_changed_and_what_is_wrong(
    script: ModuleType, trace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    monkeypatch.setattr(script.plots, "grid", seen)
    count = len(trace.steps)
    figures = [script.frame(trace, i) for i in range(count + 1)]
    assert (seen.calls[0][0] == trace.question).all() and seen.calls[0][1] == {}
    for i, (tokens, marks) in enumerate(seen.calls[1:], start=1):
        step = trace.steps[i - 1]
        assert (tokens == step.answer).all() and (marks["given"] == trace.question).all()
        assert (marks["wrong"] == (step.answer != trace.solution)).all()
        assert int(marks["changed"].sum()) == trace.changed[i - 1]
        assert marks["confidence"] is step.confidence
        words = words_of(figures[i])
        assert f"after step {i} of {count}" in words and f"wrong cells: {trace.wrong[i - 1]}" in words
        assert f"says “done”: {step.halt_probability:.1%}" in words
        assert f"{trace.sure(step):.0%} sure on average" in words
        assert (f"changed cells: {trace.changed[i - 1]}" in words) == (i > 1)
        assert ("the first answer" in words) == (i == 1)
        assert ("solved: every rule holds" in words) == (i == count)
        bars = figures[i].axes[1].containers[0]
        assert [int(bar.get_height()) for bar in bars] == trace.wrong[:i]
        assert [bool(bar.get_hatch()) for bar in bars] == [False] * (i - 1) + [True]
    assert "the question" in words_of(figures[0])
    assert f"{int((trace.question > 1).sum())} clues, {int((trace.question == 1).sum())} open cells" in words_of(
        figures[0]
    )
    limits = {(ax.get_xlim(), ax.get_ylim()) for ax in (figure.axes[1] for figure in figures)}
    assert len(limits) == 1, "a chart that stretches would hide the fall"
    assert all(text.get_fontsize() >= 9 for text in figures[3].texts)


def test_the_row_shows_question_and_answers_after_1_2_4_and_the_last(script: ModuleType, trace: Any) -> None:
    figure = script.row(trace)
    count = len(trace.steps)
    shown = [f"after step {i}\nwrong cells: {trace.wrong[i - 1]}" for i in (1, 2, 4, count)]
    assert [ax.get_title() for ax in figure.axes] == [f"question\n{int((trace.question > 1).sum())} clues", *shown]
    crosses = [sum(line.get_marker() == "x" for line in ax.lines) for ax in figure.axes]
    assert crosses == [0, *(trace.wrong[i - 1] for i in (1, 2, 4, count))]
    bottoms = {round(ax.get_position().y0, 6) for ax in figure.axes}
    assert len(bottoms) == 1, "in one row"


# --- the check ------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(script: ModuleType, trace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A README that says what the network does; the script need not find that out for each test."""
    monkeypatch.setattr(script, "choose", lambda: trace)
    said = script.texts(trace)
    lines = [f"![{text}](pictures/{name})" for name, text in said.items()]
    path = tmp_path / "README.md"
    path.write_text("\n\n".join(["# a title", *lines, script.caption(trace)]), encoding="utf-8")
    return path


def check(script: ModuleType, page: Path, folder: Path = PICTURES) -> int:
    return script.main(["--check", "--readme", str(page), "--out", str(folder)])


def test_the_check_passes_a_page_that_is_right_however_its_lines_are_broken(
    script: ModuleType, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(script, page) == 0
    page.write_text(page.read_text(encoding="utf-8").replace(" cells", "\ncells"), encoding="utf-8")
    assert check(script, page) == 0
    assert "say what the network does" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("pattern", "other", "said"),
    [
        (r"step: 26,", "step: 27,", r"README.md says of pictures/thinking.gif:\n  .* 27, .*\nbut the network does:"),
        (r"\(pictures/thinking.png\)", "(pictures/x.png)", "README.md does not show pictures/thinking.png"),
        (r"the\s+last 3 of 6", "the last 2 of 6", "README.md says of pictures/unrolled.png"),
        (r"solves 9 within", "solves 10 within", "README.md lacks the caption of pictures/thinking.gif"),
    ],
)
def test_the_check_names_what_differs(
    script: ModuleType, page: Path, capsys: pytest.CaptureFixture[str], pattern: str, other: str, said: str
) -> None:
    text, count = re.subn(pattern, other, page.read_text(encoding="utf-8"))
    assert count >= 1
    page.write_text(text, encoding="utf-8")
    assert check(script, page) == 1
    assert re.search(said, capsys.readouterr().out)


def test_the_check_names_pictures_that_are_missing_or_of_another_network(
    script: ModuleType, page: Path, made: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("thinking.gif", "thinking.png"):
        (folder / name).write_bytes((made[0] / name).read_bytes())
    stale = script.as_png(Figure(figsize=(1, 1)), "another network's step")
    (folder / "thinking.png").write_bytes(stale)
    assert check(script, page, folder) == 1
    found = capsys.readouterr().out
    assert "pictures/unrolled.png does not exist; run python pictures/make.py" in found
    assert "pictures/thinking.png was made when the network did:\n  another network's step\nnow it does:" in found
    assert "thinking.gif" not in found
    assert {path.name for path in folder.iterdir()} == {"thinking.gif", "thinking.png"}, "a check writes nothing"


def test_a_png_has_few_colours_and_a_description_of_any_letters(script: ModuleType) -> None:
    with Image.open(io.BytesIO(script.as_png(Figure(figsize=(1, 1)), "é"))) as image:
        assert image.mode == "P" and image.info["Description"] == "é"
