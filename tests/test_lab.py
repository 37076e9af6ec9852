"""A student's page: real JupyterLab, real browser. Lessons run, widgets are played with, and mistakes are told.

What the page showed lies in test-artifacts/ afterwards, to look at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from lab import Lab, browser_page, button, errors, need_chromium, run_all, serve, wait_until_idle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
LESSON = "notebooks/00_start_here.ipynb"
FRAME = ".trm-edu-frame"
EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
HEADER = """from trm_edu import get_task
from trm_edu.checkpoints import shipped_model
from trm_edu.widgets import *
task, model = get_task("sudoku9"), shipped_model("sudoku9").model"""


@pytest.fixture(scope="module")
def lab(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    need_chromium()
    with serve(repository, tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def page(lab: Lab) -> Iterator[Any]:
    with browser_page() as opened:
        yield opened
    lab.stop_kernels()  # the next test needs the processor


@pytest.fixture(scope="module")
def artifacts(repository: Path) -> Path:
    folder = repository / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder


def first_heading(notebook: Path) -> str:
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown" and (match := re.search(r"^# +(.+)$", cell.source, flags=re.MULTILINE)):
            return re.sub(r"[*_`]", "", match[1]).strip()
    pytest.fail(f"{notebook.name} has no heading of the first level")


def frame_shown(page: Any, number: int, nth: int = 0) -> None:
    """Wait until the nth player shows this frame."""
    page.wait_for_function(
        f"() => document.querySelectorAll('{FRAME}')[{nth}]?.dataset.frame === '{number}'", timeout=15_000
    )


def press_key_on_slider(page: Any, name: str, key: str, nth: int = 0) -> None:
    """Scrub with the keyboard: the handle of an ipywidgets slider takes the arrow keys."""
    handle = page.locator(f'.widget-slider:has(label:text-is("{name}")) .noUi-handle').nth(nth)
    handle.focus()
    handle.press(key)


def quiet(lab: Lab) -> None:
    """No callback of a widget may have raised: the page does not show it, the server's log does."""
    log = lab.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]


@pytest.mark.parametrize(("promised", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_browser_that_was_promised_and_is_missing_is_a_failure(
    promised: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.find_chromium", lambda: None)
    monkeypatch.setenv("TRM_EDU_BROWSER", promised)
    with pytest.raises(outcome, match="no Chromium here"):
        need_chromium()


# --- lesson 00 ------------------------------------------------------------------------------------------------------


def test_make_lab_shows_lesson_00_and_calls_nobody(lab: Lab, page: Any, repository: Path, artifacts: Path) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(lab.address, timeout=60_000)
    heading = page.locator(".jp-Notebook h1").first
    try:
        heading.wait_for(state="visible", timeout=60_000)
        page.wait_for_timeout(2_000)  # an offer of news or updates would come now
    finally:
        page.screenshot(path=artifacts / "lab_00_start_here.png")
    assert first_heading(repository / LESSON) in heading.inner_text()
    assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []
    menus = page.locator(".lm-MenuBar-itemLabel").all_inner_texts()
    assert "Kernel" in menus and "Nbgrader" not in menus, "a grader's tools are not for students"
    log = lab.log.read_text()
    assert "SOURCE from" not in log, "the student's server should know of no text twins"
    assert not re.search(r"nbgrader\S* \| extension was successfully loaded", log)
    # None: addresses such as data: and blob: that stay inside the page
    assert hosts - {"localhost", "127.0.0.1", None, ""} == set()


def test_lesson_00_runs_and_is_played_with(lab: Lab, page: Any, artifacts: Path) -> None:
    lab.open(page, LESSON)
    run_all(page)
    assert errors(page) == []

    # step, scrub and play
    frame = page.locator(FRAME).first
    frame.scroll_into_view_if_needed()
    assert "the question" in frame.inner_text()
    button(page, "step ▶").click()
    frame_shown(page, 1)
    assert "supervision step 1 of" in frame.inner_text()
    press_key_on_slider(page, "step", "End")
    page.wait_for_function(f"() => !document.querySelector('{FRAME}').innerText.includes('step 1 of')", timeout=15_000)
    last = int(frame.get_attribute("data-frame"))
    assert last > 1 and "solved: every rule holds" in frame.inner_text()
    button(page, "◀ step").click()
    frame_shown(page, last - 1)
    press_key_on_slider(page, "step", "Home")
    frame_shown(page, 0)
    page.locator(".widget-play button").first.click()
    frame_shown(page, last)
    page.screenshot(path=artifacts / "lesson_00_played.png")

    # look inside
    button(page, "look inside").click()
    page.wait_for_function(f"() => document.querySelector('{FRAME}').innerText.includes('recursion')", timeout=15_000)
    page.screenshot(path=artifacts / "lesson_00_inside.png")
    press_key_on_slider(page, "inside", "Home")
    page.wait_for_function(f"() => document.querySelector('{FRAME}').innerText.includes('z, update 1')", timeout=15_000)
    assert f"supervision step {last} · recursion 1 of" in frame.inner_text()

    # a puzzle of one's own: a second 5 in the first row, a letter, then the right one again
    cell = page.get_by_role("gridcell", name="row 1 column 3: blank").first
    cell.scroll_into_view_if_needed()
    cell.click()
    cell = page.locator(".trm-grid-field").first.locator("[role=gridcell]").nth(2)
    cell.press("5")
    page.locator(".trm-card").first.get_by_text("row 1 holds 5 twice").wait_for(timeout=15_000)
    assert "contradicts" in cell.get_attribute("aria-label")
    board, text = (page.locator(where).first.bounding_box() for where in (".trm-board", ".jp-Notebook textarea"))
    assert text["x"] > board["x"] + board["width"], "what is said pushes the text below the grid"
    page.screenshot(path=artifacts / "lesson_00_contradiction.png")
    cell.press("x")
    page.get_by_text("'x' is no cell of sudoku9").first.wait_for(timeout=15_000)
    cell.press("Backspace")
    page.locator(".trm-card").first.get_by_text("a puzzle without contradictions").wait_for(timeout=15_000)
    button(page, "Solve").click()
    page.locator(".trm-card").first.get_by_text("solved and verified").wait_for(timeout=60_000)
    page.screenshot(path=artifacts / "lesson_00_solved.png")
    quiet(lab)


# --- the player -----------------------------------------------------------------------------------------------------


def test_play_shows_ten_steps_a_second_and_opens_in_a_second(lab: Lab, page: Any, artifacts: Path) -> None:
    """Inside a recursion, where there is most to draw: 16 supervision steps of 6 updates."""
    opened = "started = time.perf_counter(); player = Player(model, task, question); player"
    name = lab.write(
        "play.ipynb",
        f"""import time\n{HEADER}
from trm_edu.widgets.frames import trace_steps
questions = task.generate(10, seed=2025).questions
question = max(questions, key=lambda question: len(trace_steps(model, task, question, 16)))""",
        opened,
        "print('opened in', time.perf_counter() - started)",
    )
    lab.open(page, name)
    run_all(page)
    seconds = float(re.search(r"opened in ([\d.]+)", page.locator(".jp-OutputArea").last.inner_text())[1])
    assert seconds < 1, f"opening the player took {seconds:.2f} s"
    button(page, "look inside").click()
    page.wait_for_function(f"() => !document.querySelector('{FRAME}').parentElement.hidden", timeout=15_000)
    page.locator(".widget-dropdown select").first.select_option("20 a second")
    page.evaluate(
        f"""() => {{
            window.seen = [];
            const place = document.querySelector('{FRAME}').closest('.widget-html-content');
            const look = () => {{
                const frame = place.querySelector('{FRAME}');
                if (frame) window.seen.push([performance.now(), frame.dataset.frame]);
            }};
            new MutationObserver(look).observe(place, {{childList: true, subtree: true}});
        }}"""
    )
    page.locator(".widget-play button").first.click()
    page.wait_for_timeout(4_000)
    page.locator(".widget-play button").first.click()
    page.wait_for_timeout(500)
    seen = page.evaluate("() => window.seen")
    page.wait_for_timeout(1_000)
    assert page.evaluate("() => window.seen.length") == len(seen), "the second press pauses"
    changes = [(at, frame) for (at, frame), (_, before) in zip(seen[1:], seen, strict=False) if frame != before]
    rate = (len(changes) - 1) / (changes[-1][0] - changes[0][0]) * 1000
    print(f"play shows {rate:.1f} frames a second, the player opens in {seconds:.2f} s")
    assert len(changes) > 30 and rate >= 10, f"play shows {rate:.1f} frames a second"
    page.screenshot(path=artifacts / "player_inside.png")
    quiet(lab)


def test_two_hundred_presses_leave_no_growing_memory(lab: Lab, page: Any) -> None:
    """In the kernel and in the page: 200 presses and 20 solves, after 100 and 10 for what is made once."""
    # Both in one cell: JupyterLab 4.6 itself keeps a tenth of a megabyte whenever another cell becomes the active one.
    name = lab.write(
        "presses.ipynb", HEADER, f"display(Player(model, task, {EASY!r}), YourPuzzle(model, task, {EASY!r}))"
    )
    lab.open(page, name)
    run_all(page)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    (kernel,) = lab.kernels()[-1:]

    def used() -> tuple[float, float, int]:
        """Megabytes of the kernel, megabytes of the page's objects, and nodes of the page, after a clean-up."""
        page.wait_for_timeout(500)
        session.send("HeapProfiler.collectGarbage")
        nodes = page.evaluate("() => document.querySelectorAll('*').length")
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        return kernel.memory_info().rss / 2**20, heap / 2**20, nodes

    def press(times: int) -> None:
        for i in range(times):
            button(page, "◀ step" if i % 4 >= 2 else "step ▶").click()
            if i % 10 == 0:
                button(page, "Solve").click()
                page.wait_for_function(
                    "() => [...document.querySelectorAll('.jp-Notebook button')].some(b => b.innerText === 'Solve')",
                    timeout=30_000,
                )

    press(100)
    before = used()
    press(200)
    after = used()
    print(f"kernel {before[0]:.1f} -> {after[0]:.1f} MB, page {before[1]:.2f} -> {after[1]:.2f} MB, nodes {after[2]}")
    assert after[0] - before[0] < 5 and after[1] - before[1] < 2 and abs(after[2] - before[2]) < 50
    quiet(lab)


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_mistakes_are_told_beside_the_grid(lab: Lab, page: Any, artifacts: Path) -> None:
    name = lab.write(
        "mistakes.ipynb",
        HEADER,
        "Player(model, task, 'abc')",
        "YourPuzzle(model, task)",
        "Player(model, get_task('sudoku6'), '.' * 36)",
    )
    lab.open(page, name)
    run_all(page)
    run_all(page)  # every cell twice
    assert errors(page) == []
    page.get_by_text("character 'a' at position 1 is no cell").first.wait_for()
    page.get_by_text("this network takes 81 cells").first.wait_for()
    button(page, "step ▶").click()  # there is nothing to step through
    page.get_by_text("there is no step to go to").first.wait_for()
    button(page, "Solve").click()  # an empty grid
    page.get_by_text("this puzzle has more than one solution").first.wait_for(timeout=30_000)
    text = page.locator(".jp-Notebook textarea").first
    for typed, said in (("hello", "is no cell"), ("12", "found 2 cells, need 81"), ("55" + "." * 79, "5 twice")):
        text.fill(typed)
        page.locator(".trm-card").first.get_by_text(said).wait_for(timeout=15_000)
        assert button(page, "Solve").is_disabled()
    page.screenshot(path=artifacts / "mistakes.png")
    quiet(lab)


# --- training and knobs ---------------------------------------------------------------------------------------------

TRAINING = """from dataclasses import replace
from trm_edu.recipes import RECIPES
from trm_edu.widgets import TrainingMonitor
recipe = replace(RECIPES["laptop-sudoku6"], steps=100_000, eval_every=40, eval_count=64, eval_part=64, train_count=500)
monitor = TrainingMonitor(recipe, every=1.0)"""


def test_a_training_run_is_stopped_with_its_best_weights(lab: Lab, page: Any, artifacts: Path) -> None:
    name = lab.write(
        "training.ipynb",
        TRAINING,
        "run = monitor.train()",
        "end = run.log[-1]\nprint('kept', end['kept_step'], 'stopped', end['stopped'], 'of', run.evaluation.count)",
    )
    lab.open(page, name)
    run_all(page, wait=False)
    stop = button(page, "Stop")
    stop.wait_for(timeout=60_000)
    page.get_by_text(re.compile(r"exact [\d.]+% \(best")).first.wait_for(timeout=120_000)
    page.screenshot(path=artifacts / "training.png")
    pressed = time.monotonic()
    stop.click()
    stop.click(timeout=5_000, force=True, no_wait_after=True)  # twice
    wait_until_idle(page, 120)
    seconds = time.monotonic() - pressed
    page.screenshot(path=artifacts / "training_stopped.png")
    assert errors(page) == []
    assert "stopped at step" in page.locator(".jp-Notebook").inner_text()
    assert re.search(r"kept \d+ stopped True of 64", page.locator(".jp-OutputArea").last.inner_text())
    assert button(page, "Stop").count() == 0, "no dead button stays in the page"
    print(f"stopped {seconds:.1f} s after the press, last measurement included")

    run_all(page, wait=False)  # the cell runs twice
    stop = button(page, "Stop")
    stop.wait_for(timeout=60_000)
    stop.click()
    wait_until_idle(page, 120)
    assert errors(page) == []
    quiet(lab)


def test_knobs_are_turned(lab: Lab, page: Any, artifacts: Path) -> None:
    name = lab.write(
        "knobs.ipynb",
        HEADER.replace("sudoku9", "sudoku6"),
        "Knobs(model, task, task.generate(64, seed=5))",
    )
    lab.open(page, name)
    run_all(page)
    page.get_by_text(re.compile(r"exact [\d.]+%")).first.wait_for(timeout=60_000)
    before = page.locator(".jp-OutputArea").last.inner_text()
    press_key_on_slider(page, "T", "ArrowRight")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.jp-OutputArea')].at(-1).innerText !== before", arg=before
    )
    page.wait_for_timeout(3_000)
    page.screenshot(path=artifacts / "knobs.png")
    assert errors(page) == []
    quiet(lab)


# --- exercises ------------------------------------------------------------------------------------------------------

EXERCISE = "exercises/01_puzzles_as_tokens.ipynb"
CHECK = ".jp-Notebook .jp-CodeCell:has-text('check.encode_sudoku(encode_sudoku)')"
STUB = ".jp-Notebook .jp-CodeCell:has-text('def encode_sudoku')"
WRONG = "def encode_sudoku(text):\n    return np.array([0 if c in '.0' else int(c) + 1 for c in text])"
RIGHT = "def encode_sudoku(text):\n    return np.array([1 if c in '.0' else int(c) + 1 for c in text])"


def write_and_check(page: Any, code: str) -> str:
    """Replace the stub by this code, run it and its check, and return what the check's output shows."""
    page.locator(STUB).first.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    wait_until_idle(page)
    return page.locator(CHECK).first.locator(".jp-OutputArea").inner_text()


def test_an_exercise_is_done_in_the_browser(lab: Lab, page: Any, artifacts: Path) -> None:
    """A stub waits, a wrong answer is told what is wrong and where to look, a right one passes, help unfolds."""
    lab.open(page, EXERCISE)
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    page.keyboard.press("Shift+Enter")
    wait_until_idle(page)
    page.locator(STUB).first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    wait_until_idle(page)
    assert "NotImplementedError" in page.locator(CHECK).first.locator(".jp-OutputArea").inner_text()

    said = write_and_check(page, WRONG)
    assert said.startswith("Not yet. A blank became 0, and 0 is padding.")
    assert "yours" in said and "expected" in said and "Traceback" not in said
    page.locator(CHECK).first.scroll_into_view_if_needed()
    page.screenshot(path=artifacts / "lab_exercise_wrong.png")

    assert write_and_check(page, RIGHT).startswith("encode_sudoku: right. ")
    nudge, _, last = (page.locator(f".jp-RenderedMarkdown summary:has-text('Help {step}')").first for step in (1, 2, 3))
    solution = page.locator(".jp-RenderedMarkdown details:has-text('Help 3') pre").first
    assert not solution.is_visible()
    nudge.click()
    last.click()
    solution.wait_for(state="visible")
    assert "def encode_sudoku" in solution.inner_text()
    nudge.scroll_into_view_if_needed()
    page.screenshot(path=artifacts / "lab_exercise_help.png")
    quiet(lab)
