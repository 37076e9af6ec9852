"""`Player` shows a recursion step by step."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
from torch import nn

from trm_edu.errors import PuzzleError, TrmEduError
from trm_edu.solve import Step
from trm_edu.tasks import Task
from trm_edu.widgets.frames import CARD, Frames, live_front_end, trace_steps


class Player:
    """Runs a network on one puzzle and plays what it did: a play button, a slider over the supervision steps, a grid.

    question: tokens [L] or text. solution: tokens [L], if wrong cells should be crossed out. interval: milliseconds a
    frame. live: force the controls (True) or the picture (False). Text that is no puzzle, or a network of another task,
    becomes a line of text in `problem`.
    """

    def __init__(
        self,
        model: nn.Module | None,
        task: Task,
        question: np.ndarray | str | None = None,
        *,
        solution: np.ndarray | None = None,
        n_supervision: int = 16,
        interval: int = 300,
        live: bool | None = None,
    ):
        self.model, self.task, self.n_supervision = model, task, n_supervision
        self.live = live_front_end() if live is None else live
        self.frames: Frames | None = None
        self.problem = ""
        if self.live:  # a widget that nobody shows would still be stored in the notebook
            self.picture = ipywidgets.HTML()
            self.play = ipywidgets.Play(value=0, min=0, max=0, interval=interval, show_repeat=False)
            self.slider = ipywidgets.IntSlider(value=0, min=0, max=0, description="step")
            self.link = ipywidgets.jslink((self.play, "value"), (self.slider, "value"))
            self.slider.observe(self._on_frame, names="value")
            self.box = ipywidgets.VBox([ipywidgets.HBox([self.play, self.slider]), self.picture])
        if question is not None:
            self.run(question, solution)

    def run(self, question: np.ndarray | str, solution: np.ndarray | None = None) -> None:
        """Run the network on a puzzle and show it. What cannot be run becomes `problem`."""
        try:
            tokens = self.task.encode(question) if isinstance(question, str) else np.asarray(question, np.uint8)
            self.task.check_question(tokens)
            if self.model is None:
                raise PuzzleError("this player has no network; give one, or give it steps with show_steps")
            self.show_steps(tokens, trace_steps(self.model, self.task, tokens, self.n_supervision), solution)
        except TrmEduError as error:
            self.say(str(error))

    def show_steps(
        self, question: np.ndarray, steps: Sequence[Step], solution: np.ndarray | None = None, *, at_end: bool = False
    ) -> None:
        """Show steps that are at hand already, from the question on or (`at_end`) the last one.

        The widgets stay the same, so nothing piles up.
        """
        self.frames, self.problem = Frames(self.task, question, steps, solution), ""
        if self.live:
            self.play.playing = False
            self.slider.max = self.play.max = len(steps)
            self.slider.value = self.play.value = len(steps) if at_end else 0
            self._draw(self.slider.value)

    def say(self, problem: str) -> None:
        """Show a line of text instead of a grid."""
        self.frames, self.problem = None, problem
        if self.live:
            self.picture.value = f'<div style="{CARD}">{html.escape(problem)}</div>'

    def _on_frame(self, change: dict[str, Any]) -> None:
        self._draw(change["new"])

    def _draw(self, frame: int) -> None:
        if self.frames is not None and 0 <= frame < len(self.frames):
            self.picture.value = self.frames.html(frame)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.live:
            display(self.box)
        elif self.frames is None:
            print(self.problem)
        else:
            self.frames.show_static()
