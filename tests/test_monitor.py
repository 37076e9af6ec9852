"""A training run is shown while it runs, can be stopped by hand, and leaves one picture and no widget."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest
from stand_ins import log_rows

from trm_edu import widgets
from trm_edu.recipes import Recipe
from trm_edu.tasks import PuzzleSet
from trm_edu.train import Run, load_sets
from trm_edu.trainer import Diverged
from trm_edu.widgets import TrainingMonitor, monitor

TINY = Recipe(
    name="tiny", task="sudoku4", train_count=8, eval_count=10, hidden=8, n_layers=1, T=1, n=1, heads=2, dtype="float32",
    n_supervision=3, eval_supervision=3, batch_size=4, steps=30, warmup=2, eval_every=5, eval_part=4, device="cpu",
)  # fmt: skip
Sets = tuple[PuzzleSet, PuzzleSet]
INSTANCES = ipywidgets.widgets.widget._instances


class Page:
    """Stands in for the page: the outputs that were begun, each with what was written over it."""

    def __init__(self) -> None:
        self.outputs: list[list[Any]] = []

    def display(self, shown: Any, **options: Any) -> Any:
        assert options["display_id"] is True
        output = [shown]
        self.outputs.append(output)
        return SimpleNamespace(update=lambda page, raw: output.append(page))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    page = Page()
    monkeypatch.setattr("IPython.display.display", page.display)
    return page


@pytest.fixture(scope="module")
def sets() -> Sets:
    return load_sets(TINY)


@pytest.fixture
def with_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "clicks_arrive", lambda: True)


@pytest.fixture(autouse=True)
def handler_stays() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def fed(recipe: Recipe, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, **options: Any) -> TrainingMonitor:
    """A monitor whose training hands out these rows."""

    def train(_: Recipe, folder: Any, *, on_row: Callable, **__: Any) -> Any:
        for row in rows:
            on_row(row)
        return Run.__new__(Run)

    monkeypatch.setattr(monitor, "train", train)
    watched = TrainingMonitor(recipe, **options)
    watched.train()
    return watched


def rows_of_a_run() -> list[dict[str, Any]]:
    rows = [{"step": 0, **row} for row in log_rows()]
    return [{**row, "interval": (0.88, 0.92)} if row["kind"] in ("eval", "end") else row for row in rows]


def at_step(step: int, do: Callable[[], Any]) -> Callable[[], bool]:
    """A `stop` that never stops, but does something when it is asked for the `step`th time."""
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        if len(asked) == step:
            do()
        return False

    return stop


# --- without a front end ----------------------------------------------------------------------------------------------


def test_it_writes_over_one_output_and_leaves_one_picture(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(INSTANCES)
    fed(Recipe(name="try", steps=40), rows_of_a_run(), monkeypatch, every=0.0, live=False)
    (output,) = page.outputs
    assert output[0] == {"text/plain": "starting ..."} and len(INSTANCES) == before
    assert output[1]["text/plain"] == "try: step 20 of 40, about 1 s left"
    assert output[2]["text/plain"] == "try: step 20 of 40, exact 90.0% (best 90.0% at step 20), about 1 s left"
    assert output[-1]["text/plain"] == "try: 40 steps in 2 s, exact 90.0% [88.0%, 92.0%] of 1,000 unseen puzzles"
    for shown in output[1:]:
        assert shown["text/html"].count("<img ") == 1 and "value='" in shown["text/html"]
    assert "from 1.50 to 0.50. Right" in output[-1]["text/html"] and "from 90.0% to 90.0%" in output[-1]["text/html"]
    assert "value='40'" in output[-1]["text/html"] and "value='20'" in output[1]["text/html"]


def test_it_draws_no_more_often_than_asked(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    fed(Recipe(name="try", steps=40), rows_of_a_run(), monkeypatch, every=1000.0, live=False)
    assert len(page.outputs[0]) == 3, "the beginning, the first row and the end"


def test_the_best_so_far_is_not_the_last(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of_a_run()[:3]
    later = {**rows[2], "step": 30, "exact": [0.4] * 16}
    watched = fed(Recipe(name="try", steps=1000), [*rows, later], monkeypatch, live=False)
    assert watched.line() == "try: step 30 of 1,000, exact 40.0% (best 90.0% at step 20), about 39 s left"
    timed = fed(Recipe(name="try", steps=1000, max_seconds=5.2), [*rows, later], monkeypatch, live=False)
    assert timed.line().endswith("about 4 s left")


def test_a_run_in_a_script_prints_its_line(
    sets: Sets, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    TrainingMonitor(TINY, live=False).train(sets=sets)
    assert capsys.readouterr().out.startswith("tiny: 30 steps in ")


def test_the_arguments_are_those_of_train(page: Page, sets: Sets, tmp_path: Path) -> None:
    rows: list[str] = []
    run = TrainingMonitor(TINY, live=False).train(tmp_path, sets=sets, on_row=lambda row: rows.append(row["kind"]))
    assert run.path == tmp_path / "model.safetensors" and not run.stopped
    assert rows == [row["kind"] for row in run.log] and rows[-1] == "end"
    stopped = TrainingMonitor(TINY, live=False).train(sets=sets, stop=lambda: True)
    assert stopped.stopped and stopped.log[-1]["step"] == 1


def test_a_run_that_goes_on_shows_what_was_before(page: Page, sets: Sets, tmp_path: Path) -> None:
    TrainingMonitor(TINY, live=False).train(tmp_path, sets=sets, stop=at_step(12, lambda: None), on_row=None)
    for path in tmp_path.iterdir():
        path.unlink()
    watched = TrainingMonitor(TINY, live=False)
    watched.train(tmp_path, sets=sets, stop=at_step(12, watched.press))
    assert "stopped at step 12 of 30" in watched.line()
    watched.train(tmp_path, sets=sets)
    assert [row["step"] for row in watched.rows if row["kind"] == "eval"] == [5, 10, 12, 15, 20, 25]
    assert watched.line().startswith("tiny: 30 steps in ")


# --- with a front end -------------------------------------------------------------------------------------------------


def test_the_controls_give_way_to_line_and_picture(page: Page, sets: Sets, with_clicks: None) -> None:
    before, seen = set(INSTANCES), {}
    watched = TrainingMonitor(TINY, every=1000.0, live=True)

    def look() -> None:
        seen["button"], seen["text"], seen["picture"] = watched.button, watched.text.value, watched.curves.value
        seen["children"] = watched.box.children

    watched.train(sets=sets, stop=at_step(22, look))
    (output,) = page.outputs
    assert isinstance(output[0], ipywidgets.VBox) and len(output) == 2
    assert seen["button"].description == "Stop" and seen["button"] in seen["children"]
    assert " of 30" in seen["text"] and monitor.WITH_BUTTON in seen["text"] and "<img " in seen["picture"]
    assert set(INSTANCES) == before and seen["button"].disabled and watched.box is None
    assert output[1]["text/html"].count("<img ") == 1 and "■" not in output[1]["text/html"]
    assert output[1]["text/plain"] == watched.line()


def test_the_line_moves_between_the_rows_of_the_log(page: Page, sets: Sets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "LINE_EVERY", 0.0)
    texts: list[str] = []
    watched = TrainingMonitor(TINY.replace(eval_every=100), every=1000.0, live=True)
    watched.train(sets=sets, stop=at_step(7, lambda: texts.append(watched.text.value)))
    assert "step 7 of 30" in texts[0] and "value='7'" in texts[0]


def test_a_press_stops_the_run_and_a_second_one_changes_nothing(page: Page, sets: Sets, with_clicks: None) -> None:
    said: list[str] = []
    watched = TrainingMonitor(TINY, live=True)

    def click() -> None:
        for _ in range(2):
            thread = threading.Thread(target=watched.button.click)  # as a sub-shell does
            thread.start()
            thread.join()
            said.append(watched.text.value)

    run = watched.train(sets=sets, stop=at_step(12, click))
    assert run.stopped and run.log[-1]["step"] == 12
    assert all(monitor.STOPPING in text for text in said) and "s left" not in said[0]
    assert watched.line().startswith("tiny: stopped at step 12 of 30 after ")
    assert f" s, weights of step {run.kept_step} kept, exact " in watched.line()
    watched.press()
    assert page.outputs[0][-1]["text/plain"] == f"{watched.line()} ({monitor.OVER})"
    assert monitor.OVER in page.outputs[0][-1]["text/html"]


def test_while_the_stopped_run_is_measured_the_page_says_so(page: Page, sets: Sets) -> None:
    said: list[str] = []
    watched = TrainingMonitor(TINY, live=True)
    row_said = lambda row: said.append(watched.text.value) if row["kind"] == "eval" else None  # noqa: E731
    watched.train(sets=sets, stop=at_step(3, watched.press), on_row=row_said)
    assert monitor.MEASURING in said[0]


def test_a_press_during_the_last_measurement_stops_nothing(page: Page, sets: Sets) -> None:
    watched = TrainingMonitor(TINY, live=True)
    said: list[str] = []

    def on_row(row: dict[str, Any]) -> None:
        if row["kind"] == "step" and row["step"] == 30:
            watched.press()
            said.append(watched.text.value)

    run = watched.train(sets=sets, on_row=on_row)
    assert not run.stopped and monitor.LAST_MEASURE in said[0]


def test_running_twice_makes_a_second_output_and_leaves_the_first(page: Page, sets: Sets, with_clicks: None) -> None:
    watched = TrainingMonitor(TINY, live=True)
    first = watched.train(sets=sets, stop=at_step(3, watched.press))
    left = list(page.outputs[0])
    second = watched.train(sets=sets)
    assert first.stopped and not second.stopped and len(page.outputs) == 2
    assert page.outputs[0] == left and page.outputs[1][-1]["text/plain"].startswith("tiny: 30 steps")


@pytest.mark.parametrize("live", [True, False])
def test_an_error_is_said_and_goes_on_to_the_cell(live: bool, page: Page, sets: Sets, with_clicks: None) -> None:
    before = set(INSTANCES)
    watched = TrainingMonitor(TINY.replace(lr=1e38, clip=0.0, warmup=0, eval_every=10), live=live)
    with pytest.raises(Diverged):
        watched.train(sets=sets)
    assert "step 10 of 30; Diverged: the loss is nan at step 10" in page.outputs[0][-1]["text/plain"]
    assert set(INSTANCES) == before and not watched.running and "s left" not in watched.line()
    assert watched.button is None or watched.button.disabled


def test_what_an_error_says_is_text_and_not_markup(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: Any, **__: Any) -> Any:
        raise ValueError("<b>")

    monkeypatch.setattr(monitor, "train", train)
    with pytest.raises(ValueError, match="<b>"):
        TrainingMonitor(TINY, live=False).train()
    assert "ValueError: &lt;b&gt;" in page.outputs[0][-1]["text/html"]


# --- the square of the toolbar ----------------------------------------------------------------------------------------


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("live", [True, False])
def test_the_first_interrupt_stops_and_keeps(live: bool, page: Page, sets: Sets) -> None:
    run = TrainingMonitor(TINY, live=live).train(sets=sets, stop=at_step(7, interrupt))
    assert run.stopped and run.log[-1]["step"] == 7


def test_the_second_interrupt_interrupts(page: Page, sets: Sets) -> None:
    watched = TrainingMonitor(TINY, live=True)

    def on_row(row: dict[str, Any]) -> None:
        if row["kind"] == "eval":
            interrupt()

    before = set(INSTANCES)
    with pytest.raises(KeyboardInterrupt):
        watched.train(
            sets=sets, stop=at_step(7, interrupt), on_row=lambda row: on_row(row) if row["step"] == 7 else None
        )
    assert watched.line().endswith("; interrupted") and set(INSTANCES) == before
    assert page.outputs[0][-1]["text/plain"].endswith("; interrupted")


def test_an_interrupt_after_the_last_step_says_what_is_running(page: Page, sets: Sets) -> None:
    watched, said = TrainingMonitor(TINY, live=False), []

    def on_row(row: dict[str, Any]) -> None:
        if row["kind"] == "step" and row["step"] == 30:
            interrupt()
            said.append(watched.note)

    assert not watched.train(sets=sets, on_row=on_row).stopped
    assert said == [monitor.LAST_MEASURE]


def test_in_another_thread_no_signal_is_touched(page: Page, sets: Sets) -> None:
    found: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    watched = TrainingMonitor(TINY, live=False)
    handler = at_step(2, lambda: found.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=lambda: found.append(watched.train(sets=sets, stop=handler).stopped))
    thread.start()
    thread.join()
    assert found == [before, False]


# --- whether a click arrives ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "name", "arrives"),
    [
        (["kernel subshells", "debugger"], "JPY_SESSION_NAME", True),
        (["debugger"], "JPY_SESSION_NAME", False),
        (["kernel subshells"], "VSCODE_PID", False),
        (None, "JPY_SESSION_NAME", False),
    ],
)
def test_a_click_arrives_where_the_kernel_has_sub_shells(
    features: list[str] | None, name: str, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "1")
    kernel = None if features is None else SimpleNamespace(kernel_info={"supported_features": features})
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert monitor.clicks_arrive() == arrives


def test_the_kernel_that_is_installed_says_whether_it_has_sub_shells() -> None:
    from ipykernel.kernelbase import Kernel

    kernel = SimpleNamespace(
        _supports_kernel_subshells=True, implementation="", implementation_version="", language_info={}, banner="",
        help_links=[],
    )  # fmt: skip
    if not hasattr(Kernel, "_supports_kernel_subshells"):
        pytest.skip("this ipykernel has no sub-shells")
    assert "kernel subshells" in Kernel.kernel_info.fget(kernel)["supported_features"]


def test_without_sub_shells_there_is_no_button_but_the_square(page: Page, sets: Sets) -> None:
    texts: list[str] = []
    watched = TrainingMonitor(TINY, live=True)
    watched.train(sets=sets, stop=at_step(2, lambda: texts.append(watched.text.value)))
    assert watched.button is None and monitor.WITHOUT_BUTTON in texts[0]


def test_the_front_end_chooses_where_a_click_is_heard(page: Page, sets: Sets, with_clicks: None) -> None:
    """A kernel that has noted a thread for the button's messages must forget it."""
    noted: list[bool] = []
    real = ipywidgets.Button

    def button(**options: Any) -> Any:
        made = real(**options)
        made.comm._reply_subshell_id = None
        return made

    watched = TrainingMonitor(TINY, live=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor.ipywidgets, "Button", button)
        look = at_step(2, lambda: noted.append(hasattr(watched.button.comm, "_reply_subshell_id")))
        watched.train(sets=sets, stop=look)
    assert noted == [False]


def test_live_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for told in ("0", "1"):
        monkeypatch.setenv(widgets.LIVE_VARIABLE, told)
        assert TrainingMonitor(TINY).live == (told == "1")


def test_pictures_do_not_pile_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    row = rows_of_a_run()[1]
    counts: list[int] = []

    def train(_: Recipe, folder: Any, *, on_row: Callable, **__: Any) -> Any:
        for i in range(25):
            on_row({**row, "step": i})
            if i in (4, 24):
                gc.collect()
                counts.append(len(gc.get_objects()))
        return Run.__new__(Run)

    monkeypatch.setattr(monitor, "train", train)
    TrainingMonitor(TINY, every=0.0, live=True).train()
    assert counts[1] - counts[0] < 500, "one figure has thousands of objects"


def test_the_button_can_be_pressed_once_the_page_has_a_way_into_the_kernel(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[Any] = []
    monkeypatch.setattr(monitor, "clicks_arrive", lambda: True)
    monkeypatch.setattr(monitor, "answer_beside_the_cell", freed.append)
    watched = TrainingMonitor(Recipe(name="try", steps=40), live=True)
    watched._open()
    button = watched.button
    assert button.disabled and freed == [button]
    watched._on_step()
    assert button.disabled, "not at once"
    watched.told -= monitor.LINE_EVERY
    watched._on_step()
    assert not button.disabled and freed == [button, button], "what was just sent must not lead a press astray"
    watched._close()
