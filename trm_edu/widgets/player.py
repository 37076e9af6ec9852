"""`Player` shows a recursion step by step, and unfolds a step into its updates."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np
from torch import nn

from trm_edu.errors import PuzzleError, TrmEduError
from trm_edu.solve import Step
from trm_edu.tasks import Task
from trm_edu.widgets.frames import CARD, Frames, live_front_end, trace_steps

SPEEDS = (1, 2, 4, 10, 20)  # frames a second
NO_PUZZLE = "no puzzle yet; give one to run"


class Player:
    """Runs a network on one puzzle and plays what it did, supervision step by supervision step.

    question: tokens [L] or text. solution: tokens [L], if wrong cells should be crossed out. live: force the controls
    (True) or the picture (False). Play, step and slide over the supervision steps; "look inside" unfolds each into its
    T(n + 1) updates, and the same controls then go from update to update.
    Nothing raises into the page: text that is no puzzle, a network of another task or one that fails becomes a line of
    text in `problem`.
    """

    def __init__(
        self,
        model: nn.Module | None,
        task: Task,
        question: np.ndarray | str | None = None,
        *,
        solution: np.ndarray | None = None,
        n_supervision: int = 16,
        live: bool | None = None,
    ):
        self.model, self.task, self.n_supervision = model, task, n_supervision
        self.live = live_front_end() if live is None else live
        self.frames: Frames | None = None
        self.problem = NO_PUZZLE
        # JupyterLab may handle a press in one thread while a cell runs in another
        self.lock = threading.RLock()
        self.moving = False  # whether it is the player itself that moves its controls
        self.updates, self.closed = 1, ""  # of each step; why one cannot look inside
        self.at = self.left = (0, 0)  # step and update that are shown; those at which the inside was left
        if self.live:  # a widget that nobody shows would still be stored in the notebook
            self._make_controls()
        if question is not None:
            self.run(question, solution)

    def _make_controls(self) -> None:
        wide = ipywidgets.Layout(width="min(440px, 95%)")
        self.play = ipywidgets.Play(value=0, min=0, max=0, interval=250, show_repeat=False)
        self.back = ipywidgets.Button(description="◀ step", tooltip="one step back")
        self.forward = ipywidgets.Button(description="step ▶", tooltip="one step forward")
        self.speed = ipywidgets.Dropdown(
            options=[(f"{speed} a second", speed) for speed in SPEEDS],
            value=4,
            description="speed",
            style={"description_width": "50px"},
            tooltip="how many steps a second play shows",
        )
        self.unfold = ipywidgets.ToggleButton(
            description="look inside", tooltip="unfold each supervision step into its updates", disabled=True
        )
        self.slider = ipywidgets.IntSlider(value=0, min=0, max=0, description="step", layout=wide)
        self.inside = ipywidgets.IntSlider(value=1, min=1, max=1, description="inside", layout=wide)
        self.inside.layout = ipywidgets.Layout(width=wide.width, display="none")
        self.note = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self.picture = ipywidgets.HTML(value=self._card(self.problem))
        for button in (self.back, self.forward, self.unfold):
            button.layout.width = "auto"
        self.speed.layout.width = "180px"
        self.back.on_click(lambda _: self._safely(lambda: self._step(-1)))
        self.forward.on_click(lambda _: self._safely(lambda: self._step(1)))
        for control, action in (
            (self.play, self._on_play),
            (self.slider, self._on_slider),
            (self.inside, self._on_inside),
            (self.unfold, self._on_unfold),
        ):
            control.observe(lambda change, do=action: self._safely(lambda: do(change["new"])), names="value")
        self.speed.observe(lambda change: setattr(self.play, "interval", 1000 // change["new"]), names="value")
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        buttons = [self.play, self.back, self.forward, self.speed, self.unfold]
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HBox(buttons, layout=wrap),
                ipywidgets.HBox([self.slider, self.inside], layout=wrap),
                self.note,
                self.picture,
            ]
        )

    # --- what to show -----------------------------------------------------------------------------------------------

    def run(self, question: np.ndarray | str, solution: np.ndarray | None = None) -> None:
        """Run the network on a puzzle and show it. What cannot be run becomes `problem`."""
        try:
            tokens = self.task.encode(question) if isinstance(question, str) else np.asarray(question, np.uint8)
            self.task.check_question(tokens)
            if self.model is None:
                raise PuzzleError("this player has no network; give one, or give it steps with show_steps")
            steps = trace_steps(self.model, self.task, tokens, self.n_supervision)
            self._show(Frames(self.task, tokens, steps, solution, self.model), at_end=False)
        except Exception as error:  # a network of one's own may do anything
            self.say(in_words(error))

    def show_steps(
        self,
        question: np.ndarray,
        steps: Sequence[Step],
        solution: np.ndarray | None = None,
        *,
        at_end: bool = False,
        model: nn.Module | None = None,
    ) -> None:
        """Show steps that are at hand already, from the question on or (`at_end`) the last one.

        model: the network that made them, if one should be able to look inside those that keep their state.
        The widgets stay the same, so nothing piles up. A cell may call this while somebody presses a button.
        """
        try:
            self._show(Frames(self.task, question, steps, solution, model), at_end)
        except Exception as error:
            self.say(in_words(error))

    def say(self, problem: str) -> None:
        """Show a line of text instead of a grid."""
        with self.lock:
            self.frames, self.problem = None, problem
            if self.live:
                self._set_range(0, 1, "")
                self.picture.value = self._card(problem)

    def _show(self, frames: Frames, at_end: bool) -> None:
        if self.live:
            frames.try_inside()
        with self.lock:
            self.frames, self.problem = frames, ""
            if self.live:
                closed = f"look inside is not offered here: {frames.closed}" if frames.closed else ""
                self._set_range(len(frames.steps), max(frames.updates, 1), closed)
                self._go(len(frames.steps) if at_end else 0)

    def _set_range(self, steps: int, updates: int, closed: str) -> None:
        """Bring all controls to the question of a puzzle with so many steps, each of so many updates, folded."""
        with Moving(self):
            self.updates, self.closed, self.at, self.left = updates, closed, (0, 0), (0, 0)
            self.play.playing, self.unfold.value = False, False
            self.unfold.disabled = bool(closed) or not steps
            self.inside.layout.display = "none"
            self.slider.value, self.play.value, self.inside.value = 0, 0, 1
            self.slider.max, self.play.max, self.inside.max = steps, steps * updates, updates
            self.play.step = updates
            self._say_beside("")

    # --- the timeline -----------------------------------------------------------------------------------------------

    def _place(self, step: int, update: int) -> int:
        """Where that is on the timeline of all updates, on which Play runs: 0 is the question."""
        return (step - 1) * self.updates + update if step else 0

    def _go(self, step: int, update: int | None = None) -> None:
        """Show the answer after a step (and an update of it), and let every control follow.

        A press may come late, after other steps have come: a place that is there no more becomes the last one.
        """
        step = min(step, len(self.frames.steps))
        unfolded = self.unfold.value and step > 0
        update = min(update, self.updates) if unfolded and update else self.updates
        try:
            if unfolded:
                picture = self.frames.inside_html(step, update)
            else:
                picture = self.frames.html(step)
            self.at = step, update
            self._say_beside("")
        finally:  # a frame that cannot be drawn leaves the controls where the picture is
            with Moving(self):
                step, update = self.at
                self.slider.value, self.play.value = step, self._place(step, update)
                self.inside.value = update if step else 1
        self.picture.value = picture

    def _step(self, by: int) -> None:
        if self.frames is None:
            self._say_beside("there is no step to go to")
            return
        stride = 1 if self.unfold.value else self.updates
        place, last = self._place(*self.at) + by * stride, len(self.frames.steps) * self.updates
        if 0 <= place <= last:
            self._go(*self._step_and_update(place))
        else:
            self._say_beside("this is the question: nothing comes before it" if by < 0 else "this is the last step")

    def _step_and_update(self, place: int) -> tuple[int, int]:
        return ((place - 1) // self.updates + 1, (place - 1) % self.updates + 1) if place else (0, 0)

    def _on_play(self, place: int) -> None:
        if self.frames is None:
            return
        if self.play.playing and place:  # the page counts on while a frame is made here: leave none out
            now = self._place(*self.at)
            place = min(max(place, now), now + self.play.step)
        self._go(*self._step_and_update(place))

    def _on_slider(self, step: int) -> None:
        if self.frames is not None:
            self._go(step, self.at[1])

    def _on_inside(self, update: int) -> None:
        if self.frames is not None:
            self._go(max(self.at[0], 1), update)

    def _on_unfold(self, unfolded: bool) -> None:
        """In and out: both keep the place. From outside one sees the end of a step, unless one was inside it before."""
        step, _ = self.at
        if unfolded and (self.frames is None or self.closed):  # a page that lags behind
            with Moving(self):
                self.unfold.value = False
            return
        if unfolded:
            self._say_beside("looking inside ...")
            try:
                _ = self.frames.reached  # the first time, this takes some steps' time
            except Exception:
                with Moving(self):
                    self.unfold.value = False
                raise
        elif self.frames is None:
            return
        else:
            self.left = self.at
        self.play.step = 1 if unfolded else self.updates
        self.inside.layout.display = None if unfolded else "none"
        self._go(step, self.left[1] if self.left[0] == step else None)

    # --- words ------------------------------------------------------------------------------------------------------

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what a press asks for; what goes wrong is said beside the grid."""
        with self.lock:
            if self.moving:
                return
            try:
                action()
            except Exception as error:
                self.play.playing = False  # else it would fail again at every tick
                self._say_beside(in_words(error))

    def _say_beside(self, text: str) -> None:
        """A line above the picture; if there is nothing to say: why one cannot look inside."""
        text = text or self.closed
        self.note.value = self._card(text) if text else ""
        self.note.layout.display = None if text else "none"

    @staticmethod
    def _card(text: str) -> str:
        return f'<div style="{CARD}" role="status">{html.escape(text)}</div>'

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.live:
            display(self.box)
        elif self.frames is None:
            print(self.problem)
        else:
            self.frames.show_static()


class Moving:
    """While it lasts, controls move because the player moves them, and not because somebody did."""

    def __init__(self, player: Player):
        self.player = player

    def __enter__(self) -> None:
        self.before, self.player.moving = self.player.moving, True

    def __exit__(self, *_: Any) -> None:
        self.player.moving = self.before


def in_words(error: Exception) -> str:
    """What went wrong, in a line: the course's own errors say it themselves, others begin with their name."""
    return str(error) if isinstance(error, TrmEduError) else f"{type(error).__name__}: {error}"
