"""`YourPuzzle` takes a puzzle of your own."""

from __future__ import annotations

import contextlib
import html
import threading
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
from torch import nn

from trm_edu.errors import DataError, PuzzleError, TrmEduError
from trm_edu.solve import check_input, solve
from trm_edu.tasks import Task
from trm_edu.widgets.frames import BAD, CARD, GOOD
from trm_edu.widgets.grid_field import GridField
from trm_edu.widgets.player import Player

WORKING = "working ..."
SAME_PRESS = 0.3  # seconds: nobody sees an answer and presses again so soon


class YourPuzzle:
    """A grid and a text field for a puzzle of your own: checked against the rules at every change, solved at a press.

    text: what stands there at first; nothing: an empty grid. The network gets `starts` starts (`trm_edu.solve`); the
    best one is played. A task whose cells are not single characters has the text field alone (`grid` is None).

    What goes wrong at a press or a key becomes the line `said`, since an exception in a callback would vanish in a log.
    `error` keeps the last one that is no TrmEduError. The methods raise it, if a program calls them.
    """

    def __init__(
        self, model: nn.Module | None, task: Task, text: str = "", *, starts: int = 16, live: bool | None = None
    ) -> None:
        self.model, self.task, self.text, self.starts = model, task, text, starts
        self.player = Player(None, task, live=live)
        self.live = self.player.live
        self.said, self.solvable = "", False
        self.error: Exception | None = None
        self.grid: GridField | None = None
        self._solving, self._editing = threading.Lock(), threading.RLock()  # callbacks run beside a cell, in a thread
        self._filling = False  # while the grid follows the text
        self._last = ("", 0.0)  # the text that was solved last, and when that ended
        if not self.live:
            return
        with contextlib.suppress(DataError):
            self.grid = GridField(task)
        with contextlib.suppress(PuzzleError):  # rows and boxes, if it is a puzzle; else as it was given
            given = text.strip() or self.grid is None
            text = task.format_grid(task.encode(text) if given else self.grid.empty)
        self.first = text
        rows, columns = task.grid_shape
        lines = max(rows, text.count("\n") + 1)
        size = ipywidgets.Layout(width=f"{max(260, 9 * columns + 30)}px", height=f"{min(30 + 16 * lines, 320)}px")
        hint = getattr(task, "hint", f"{rows} rows of {columns} cells")
        self.field = ipywidgets.Textarea(value=text, placeholder=hint, layout=size)
        self.status = ipywidgets.HTML()
        self.button, self.clear_button, self.again_button = (
            ipywidgets.Button(description=name, tooltip=tooltip, button_style=style, layout={"width": "100px"})
            for name, tooltip, style in (
                ("Solve", "let the network solve it, and the rules check it", "primary"),
                ("Clear", "all cells blank", ""),
                ("Start again", "the first puzzle", ""),
            )
        )
        self.answer = ipywidgets.VBox([self.player.box], layout=ipywidgets.Layout(display="none"))
        self.field.observe(self._on_text, names="value")
        self.button.on_click(self._on_solve)
        self.clear_button.on_click(self._on_clear)
        self.again_button.on_click(self._on_again)
        buttons = ipywidgets.HBox([self.button, self.clear_button, self.again_button])
        # the line last, in a box that it cannot widen: what it says moves nothing
        room = ipywidgets.Layout(flex="1 1 320px", min_width="0", margin="0 0 0 16px")
        beside = ipywidgets.VBox([self.field, buttons, self.status], layout=room)
        fields = [beside]
        if self.grid is not None:
            self.grid.observe(self._on_cells, names="cells")
            fields = [self.grid, beside]
        card = ipywidgets.HBox(fields, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start"))
        card.add_class("trm-card")
        self.box = ipywidgets.VBox([card, self.answer])
        self.check()

    # --- the puzzle -----------------------------------------------------------------------------------------------

    def check(self) -> np.ndarray | None:
        """The tokens in the field, or None with the reason in the status line. The grid shows what the text says.

        Text that is no puzzle leaves the grid as it is.
        """
        with self._editing:
            self.solvable = False
            try:
                tokens = self.task.encode(self.field.value if self.live else self.text)
                self._fill(tokens)
                if getattr(self.task, "judged_by", "rules") == "answers":
                    raise PuzzleError(
                        f"{self.task.name} has no rules by which an answer could be checked, so nothing is solved here"
                    )
                self.task.check_question(tokens)
            except TrmEduError as error:
                self._cross(getattr(error, "cells", ()))
                self._say(str(error), good=False)
                return None
            self.solvable = True
            self._cross(())
            self._say("a puzzle without contradictions", good=True)
            return tokens

    def _fill(self, tokens: np.ndarray) -> None:
        """Let the grid follow the text, which stays as it was typed."""
        if self.grid is not None:
            self._filling = True
            try:
                self.grid.cells = tokens.tolist()
            finally:
                self._filling = False

    def _cross(self, cells: tuple[int, ...]) -> None:
        if self.grid is not None:
            self.grid.bad = list(cells)

    def solve(self) -> None:
        """Solve what stands in the field, show the best start in the player, and say honestly what came of it.

        Does nothing while another call of it is running.
        """
        if not self._solving.acquire(blocking=False):
            return
        try:
            self._solve()
        finally:
            self._solving.release()
            if self.said == WORKING:
                self._say("stopped before there was an answer", good=False)
            self._show_button()

    def _solve(self) -> None:
        with self._editing:  # no edit comes in between
            tokens, text = self.check(), self.field.value if self.live else self.text
        if tokens is None:
            return
        self._say(WORKING, good=True)
        try:
            if self.model is None:
                raise PuzzleError("no network is here to solve it; give one to YourPuzzle")
            check_input(self.task, tokens)
            solution = solve(self.model, self.task, tokens, starts=self.starts, checked=True)
        except TrmEduError as error:
            self._say(str(error), good=False)
            return
        best = solution.best
        self.player.show_steps(tokens, best.steps, at_end=True, model=self.model)
        if self.live:
            self.answer.layout.display = None
        spent = f"start {best.start} of {len(solution.attempts)}, {solution.seconds:.1f} s"
        said = f"{'solved and verified' if solution.solved else 'not solved'} ({spent})"
        if self.live and self.field.value != text:  # a callback of another thread
            said += "; the puzzle above has been changed since"
        self._say(said, good=solution.solved)

    # --- what a press or a key does: nothing here raises into the page ---------------------------------------------

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        self.error = None
        try:
            yield
        except KeyboardInterrupt:
            self._say("interrupted", good=False)
        except TrmEduError as error:
            self._say(str(error), good=False)
        except Exception as error:  # a task or a network of somebody else can raise anything
            self.error = error
            self._say(f"{type(error).__name__}: {error}", good=False)

    def _on_text(self, _: Any) -> None:
        with self._told():
            self.check()

    def _on_cells(self, change: dict[str, Any]) -> None:
        with self._told(), self._editing:
            if not self._filling:
                self.field.value = self.task.format_grid(np.array(change["new"], np.uint8))

    def _on_solve(self, _: Any) -> None:
        with self._told():
            text, ended = self._last
            if text == self.field.value and time.monotonic() - ended < SAME_PRESS:
                return  # pressed while the first press was at work, and kept waiting by the kernel
            try:
                self.solve()
            finally:
                self._last = (self.field.value, time.monotonic())

    def _on_clear(self, _: Any) -> None:
        with self._told():
            if self.grid is None:
                self.field.value = ""
            else:
                self.field.value = self.task.format_grid(self.grid.empty)

    def _on_again(self, _: Any) -> None:
        with self._told():
            self.field.value = self.first

    # --- the page ---------------------------------------------------------------------------------------------------

    def _say(self, text: str, *, good: bool) -> None:
        self.said = text
        if self.live:
            mark, colour = ("✓", GOOD) if good else ("✗", BAD)
            line = f'<span style="color:{colour}"><b>{mark}</b> {html.escape(text)}</span>'
            self.status.value = f'<div style="{CARD};padding:4px 2px" role="status">{line}</div>'
            self._show_button()

    def _show_button(self) -> None:
        if self.live:
            working = self._solving.locked()
            self.button.description = "Solving ..." if working else "Solve"
            self.button.disabled = working or not self.solvable

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.live:
            display(self.box)
            return
        self.solve()
        if self.player.frames is not None:
            self.player.frames.show_static()
        print(self.said)
        print("(In JupyterLab a field for your own puzzle stands here.)")
