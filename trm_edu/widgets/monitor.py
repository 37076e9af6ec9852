"""`TrainingMonitor` trains a recipe, shows how far it has come, and stops when it is told to."""

from __future__ import annotations

import html
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets

from trm_edu import plots
from trm_edu.forecast import duration
from trm_edu.logs import read_log
from trm_edu.recipes import Recipe
from trm_edu.train import Run, train
from trm_edu.widgets.frames import CARD, live_front_end

LINE_EVERY = 0.5  # seconds between two updates of the line alone: they are cheap, but every step would be too many
STOPPING = "stopping after this step; the best weights are kept"
MEASURING = "stopped; the weights that are kept are being measured"
LAST_MEASURE = "all steps are done and the last measurement is running: nothing is left to stop"
OVER = "the run is over: nothing is left to stop"
WITH_BUTTON = "the ■ of the toolbar stops the run too; its best weights are kept"
WITHOUT_BUTTON = "press the ■ of the toolbar once to stop the run; its best weights are kept"


def clicks_arrive() -> bool:
    """Whether the press of a button reaches the kernel while a cell runs.

    It does where the kernel has sub-shells (ipykernel 7) and the front end uses them (JupyterLab 4.4). Elsewhere it
    waits until the cell has ended.
    """
    from IPython import get_ipython

    if "JPY_SESSION_NAME" not in os.environ or "VSCODE_PID" in os.environ:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    return "kernel subshells" in getattr(kernel, "kernel_info", {}).get("supported_features", ())


def answer_beside_the_cell(widget: ipywidgets.Widget) -> None:
    """Let the front end choose the thread in which the kernel hears what is done to this widget.

    ipykernel 7.4 sends it to the shell that last sent something to the widget. This cell's shell has just made it, and
    is busy until the cell ends. Nothing may be sent to the widget between this and the end.
    """
    vars(widget.comm).pop("_reply_subshell_id", None)


class TrainingMonitor:
    """`TrainingMonitor(recipe).train(...)` is `train(recipe, ...)` that can be watched and stopped.

    It shows a progress line, the learning curves so far and a Stop button. The ■ of the toolbar does the same as the
    button; pressed a second time it interrupts, as it does everywhere. A stopped run keeps its best weights: see
    `trm_edu.train.train`. When the run is over, its line and one picture stay in the page, and no widget.

    every: least seconds between two pictures, each of which takes about a tenth of a second. live: force the controls
    (True) or the picture alone (False).
    """

    def __init__(self, recipe: Recipe, *, every: float = 3.0, live: bool | None = None):
        self.recipe, self.every = recipe, every
        self.live = live_front_end() if live is None else live
        self.box: ipywidgets.VBox | None = None
        self.button: ipywidgets.Button | None = None
        self.handle: Any = None
        self.lock = threading.Lock()  # a press comes in a thread of its own
        self.running = False
        self._forget(None)

    def train(
        self,
        folder: Path | str | None = None,
        *,
        progress: bool = False,
        on_row: Callable[[dict[str, Any]], None] | None = None,
        stop: Callable[[], bool] | None = None,
        **options: Any,
    ) -> Run:
        """Train the recipe. The arguments are those of `trm_edu.train.train`, which sees all of them.

        Each call is a run of its own, with an output of its own. What `train` raises goes on to the cell; the line
        says it too.
        """

        def each_row(row: dict[str, Any]) -> None:
            self._on_row(row)
            if on_row is not None:
                on_row(row)

        def asked() -> bool:
            self._on_step()
            if stop is not None and stop():
                self.stopping.set()
            if self.stopping.is_set():
                self._say(MEASURING)
            return self.stopping.is_set()

        self._forget(folder)
        self._open()
        try:
            with self._interrupts_stop():
                return train(self.recipe, folder, progress=progress, on_row=each_row, stop=asked, **options)
        except BaseException as error:
            self.failure = "interrupted" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
            raise
        finally:
            self._close()

    def press(self) -> None:
        """What the Stop button does: ask the run to end after the step it is at. More presses change nothing."""
        if not self.running:
            self._say(OVER)
        elif self.step >= self.recipe.steps:
            self._say(LAST_MEASURE)
        elif not self.stopping.is_set():
            self.stopping.set()
            self._say(STOPPING)

    # --- what it says -------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """How far the run has come, or what came of it, in one line."""
        recipe, last = self.recipe, self.rows[-1] if self.rows else {"kind": "start"}
        if last["kind"] == "end":
            low, high = last["interval"]
            exact = f"exact {last['exact'][-1]:.1%} [{low:.1%}, {high:.1%}] of {last['count']:,} unseen puzzles"
            if last.get("stopped"):
                where = f"stopped at step {last['step']:,} of {recipe.steps:,} after {last['train_seconds']:.0f} s"
                return f"{recipe.name}: {where}, weights of step {last['kept_step']:,} kept, {exact}"
            return f"{recipe.name}: {last['step']:,} steps in {last['train_seconds']:.0f} s, {exact}"
        scores = [(row["exact"][-1], row["step"]) for row in self.rows if row["kind"] == "eval"]
        line = f"{recipe.name}: step {self.step:,} of {recipe.steps:,}"
        if scores:
            best, step = max(scores, key=lambda score: score[0])
            line += f", exact {scores[-1][0]:.1%} (best {best:.1%} at step {step:,})"
        return f"{line}; {self.failure}" if self.failure else f"{line}{self.left()}"

    def left(self) -> str:
        """How long the steps that are left will take at the speed so far; "" if nobody knows."""
        spent, step = next(((row["seconds"], row["step"]) for row in reversed(self.rows) if "seconds" in row), (0.0, 0))
        if not step or self.stopping.is_set():
            return ""
        seconds = spent / step * (self.recipe.steps - self.step)
        if self.recipe.max_seconds is not None:
            seconds = min(seconds, max(0.0, self.recipe.max_seconds - spent))
        return f", about {duration(max(1, round(seconds)))} left"

    def head(self) -> str:
        """The line behind a bar, and below it what was said last and how to stop."""
        bar = f"<progress max='{self.recipe.steps}' value='{self.step}' style='width:200px'></progress>"
        lines = [f"<div>{bar} {html.escape(self.line())}</div>"]
        if self.note:
            lines.append(f'<div role="status"><b>{html.escape(self.note)}</b></div>')
        elif self.box is not None:
            lines.append(f"<div>{WITHOUT_BUTTON if self.button is None else WITH_BUTTON}</div>")
        return "".join(lines)

    def page(self) -> dict[str, str]:
        """Line and picture as they are without widgets: while the run goes on without a front end, and at its end."""
        text = f"{self.line()} ({self.note})" if self.note else self.line()
        return {"text/html": f'<div style="{CARD}">{self.head()}{self.picture}</div>', "text/plain": text}

    # --- a run --------------------------------------------------------------------------------------------------------

    def _forget(self, folder: Path | str | None) -> None:
        self.folder, self.rows, self.step = folder, [], 0
        self.note = self.failure = self.picture = ""
        self.drawn = self.told = -float("inf")
        self.stopping = threading.Event()

    def _open(self) -> None:
        """A new output, with the controls if somebody can press them."""
        from IPython.display import display

        self.running = True
        if not self.live:
            self.handle = display({"text/plain": "starting ..."}, raw=True, display_id=True)
            return
        self.text, self.curves = ipywidgets.HTML(), ipywidgets.HTML()
        self.button = None
        if clicks_arrive():
            place = ipywidgets.Layout(margin="4px 12px")
            # A page needs a moment to open its own way into the kernel: a press before that would wait for the cell.
            look = {"icon": "stop", "button_style": "warning", "layout": place, "disabled": True}
            self.button = ipywidgets.Button(description="Stop", **look)
            self.button.on_click(lambda _: self.press())
            answer_beside_the_cell(self.button)
        shown = [self.text, self.button, self.curves]
        self.box = ipywidgets.VBox([widget for widget in shown if widget is not None])
        self._say()
        self.handle = display(self.box, display_id=True)

    def _close(self) -> None:
        """Line and picture take the place of the controls. A widget that is closed leaves nothing in the notebook."""
        if self.rows:
            self._draw()
        with self.lock:
            self.running, self.note, box, self.box = False, "", self.box, None
            if box is not None:
                if self.button is not None:
                    self.button.disabled = True
                for widget in (*box.children, box):
                    for part in (getattr(widget, "style", None), widget.layout, widget):
                        if part is not None:
                            part.close()
        if self.handle is None:
            print(self.line())
        self._say()

    @contextmanager
    def _interrupts_stop(self) -> Iterator[None]:
        """The first ■ stops the run, a ■ while it is stopping interrupts. Python takes signals in its main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_interrupt(*_: object) -> None:
            if self.stopping.is_set():
                raise KeyboardInterrupt
            self.stopping.set()  # no more than that: a handler may cut in anywhere, even into a message to the page
            self.note, self.told = STOPPING if self.step < self.recipe.steps else LAST_MEASURE, -float("inf")

        before = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _on_row(self, row: dict[str, Any]) -> None:
        self.step = row["step"]
        if row["kind"] == "start":
            return
        if row["kind"] == "resume":
            self.rows = read_log(self.folder)  # what was before, and this row
        else:
            self.rows.append(row)
        if row["kind"] != "end" and time.perf_counter() - self.drawn >= self.every:
            self._draw()
            self._say()

    def _on_step(self) -> None:
        self.step += 1
        if self.box is not None and time.perf_counter() - self.told >= LINE_EVERY:
            self._say()
            if self.button is not None and self.button.disabled:
                self.button.disabled = False
                answer_beside_the_cell(self.button)

    def _draw(self) -> None:
        self.picture = plots.image_tag(
            plots.learning_curve(self.rows), f"{plots.learning_curve_text(self.rows)} {self.line()}."
        )
        self.drawn = time.perf_counter()
        if self.box is not None:
            self.curves.value = f'<div style="{CARD}">{self.picture}</div>'

    def _say(self, note: str | None = None) -> None:
        """Write the line anew, with a note below it."""
        with self.lock:
            self.note = self.note if note is None else note
            self.told = time.perf_counter()
            if self.box is not None:
                self.text.value = f'<div style="{CARD}">{self.head()}</div>'
            elif self.handle is not None:
                self.handle.update(self.page(), raw=True)
