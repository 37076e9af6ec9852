"""`YourPuzzle` takes a puzzle of your own."""

from __future__ import annotations

import contextlib
import html

import ipywidgets
import numpy as np
from torch import nn

from trm_edu.errors import PuzzleError, TrmEduError
from trm_edu.solve import check_input, solve
from trm_edu.tasks import Task
from trm_edu.widgets.frames import CARD
from trm_edu.widgets.player import Player


class YourPuzzle:
    """A field for a puzzle of your own, checked against the rules while you type, and a button that solves it.

    text: what stands in the field at first. The network gets `starts` starts (`trm_edu.solve`); the best one is played.
    """

    def __init__(
        self, model: nn.Module, task: Task, text: str = "", *, starts: int = 16, live: bool | None = None
    ) -> None:
        self.model, self.task, self.text, self.starts = model, task, text, starts
        self.player = Player(None, task, live=live)
        self.live = self.player.live
        if not self.live:
            return
        with contextlib.suppress(PuzzleError):  # rows and boxes, if it is a puzzle; else as it was given
            text = task.format_grid(task.encode(text))
        rows, columns = task.grid_shape
        lines = max(rows, text.count("\n") + 1)
        size = ipywidgets.Layout(width=f"{max(260, 9 * columns + 30)}px", height=f"{30 + 16 * lines}px")
        hint = getattr(task, "hint", f"{rows} rows of {columns} cells")
        self.field = ipywidgets.Textarea(value=text, placeholder=hint, layout=size)
        self.status = ipywidgets.HTML()
        self.button = ipywidgets.Button(description="Solve", button_style="primary")
        self.answer = ipywidgets.VBox([self.player.box], layout=ipywidgets.Layout(display="none"))
        self.field.observe(lambda _: self.check(), names="value")
        self.button.on_click(lambda _: self.solve())
        beside = ipywidgets.VBox([self.status, self.button])
        self.box = ipywidgets.VBox([ipywidgets.HBox([self.field, beside]), self.answer])
        self.check()

    def check(self) -> np.ndarray | None:
        """The tokens in the field, or None with the reason in the status line."""
        if getattr(self.task, "judged_by", "rules") == "answers":
            said = f"{self.task.name} has no rules by which an answer could be checked, so nothing is solved here"
            self._say(said, good=False, solvable=False)
            return None
        try:
            tokens = self.task.encode(self.text if not self.live else self.field.value)
            self.task.check_question(tokens)
        except TrmEduError as error:
            self._say(str(error), good=False, solvable=False)
            return None
        self._say("a puzzle without contradictions", good=True)
        return tokens

    def solve(self) -> None:
        """Solve what stands in the field, show the best start in the player, and say honestly what came of it."""
        tokens = self.check()
        if tokens is None:
            return
        self._say("working ...", good=True, solvable=False)
        try:
            check_input(self.task, tokens)
            solution = solve(self.model, self.task, tokens, starts=self.starts, checked=True)
        except TrmEduError as error:
            self._say(str(error), good=False)
            return
        best = solution.best
        self.player.show_steps(tokens, best.steps, at_end=True)
        if self.live:
            self.answer.layout.display = None
        spent = f"start {best.start} of {len(solution.attempts)}, {solution.seconds:.1f} s"
        self._say(f"{'solved and verified' if solution.solved else 'not solved'} ({spent})", good=solution.solved)

    def _say(self, text: str, *, good: bool, solvable: bool = True) -> None:
        self.said = text
        if self.live:
            mark, colour = ("✓", "#006B4E") if good else ("✗", "#A34700")
            line = f'<span style="color:{colour}"><b>{mark}</b> {html.escape(text)}</span>'
            self.status.value = f'<div style="{CARD};max-width:380px" role="status">{line}</div>'
            self.button.disabled = not solvable

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
