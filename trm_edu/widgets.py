"""What a learner plays with: `Player` shows a recursion step by step, `YourPuzzle` takes a puzzle of your own.

A frame is a few kilobytes of SVG, made in a millisecond: matplotlib would need a hundred. Without a live front end (a
code host, a test run, a printed page) each shows a picture with the same content instead. Nothing here raises into the
page: what is wrong stands in a line beside the puzzle.
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import ipywidgets
import numpy as np
from torch import nn

from trm_edu import plots
from trm_edu.errors import PuzzleError, TrmEduError
from trm_edu.recipes import Recipe
from trm_edu.solve import Step, check_fits, check_input, recursion_trace, solve
from trm_edu.tasks import Task
from trm_edu.tasks.base import given_cells, lines_of, text_on

CELL, WIDEST = 34, 420  # side of a cell on the page, in pixels; of a whole grid, whose cells become smaller for it
CARD = "background:#fff;color:#000;padding:8px 12px;border-radius:6px;font:14px/1.5 sans-serif"
LIVE_VARIABLE = "TRM_EDU_WIDGETS"  # 1 or 0 overrules what `live_front_end` finds


def live_front_end() -> bool:
    """Whether somebody can press a button: JupyterLab, Notebook, VS Code and Colab leave a trace in the kernel."""
    if (told := os.environ.get(LIVE_VARIABLE)) in ("0", "1"):
        return told == "1"
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ or "google.colab" in sys.modules


# --- one frame ------------------------------------------------------------------------------------------------------


def grid_svg(
    task: Task, tokens: np.ndarray, *, given: np.ndarray, changed: np.ndarray | None, wrong: np.ndarray | None
) -> str:
    """One grid [L] as SVG: clues (`given`, the question's tokens) bold, changed cells yellow, wrong ones crossed.

    Needs the task's `look`; without it, the task's own `draw` makes a picture, which takes a hundred times longer.
    """
    changed = np.zeros(task.seq_len, bool) if changed is None else changed
    wrong = np.zeros(task.seq_len, bool) if wrong is None else wrong
    label = f"grid; {int(changed.sum())} cells changed, {int(wrong.sum())} wrong"
    if not hasattr(task, "look"):
        return plots.image_tag(plots.grid(task, tokens, given=given, changed=changed, wrong=wrong), label)
    rows, columns = task.grid_shape
    side = min(CELL, max(8, WIDEST // max(rows, columns)))
    width, height = columns * side + 6, rows * side + 6  # room for the outer lines
    parts = [
        f'<svg role="img" aria-label="{label}" width="{width}" height="{height}" viewBox="-3 -3 {width} {height}" '
        f'font-family="sans-serif" font-size="{side * 0.56:.0f}" text-anchor="middle">'
        f'<rect x="-3" y="-3" width="{width}" height="{height}" fill="#fff"/>'
    ]
    clues, looks = given_cells(task, given), {int(token): task.look(int(token)) for token in np.unique(tokens)}
    for cell, token in enumerate(tokens.tolist()):
        x, y, look = cell % columns * side, cell // columns * side, looks[token]
        if look.fill:
            parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{html.escape(look.fill)}"/>')
        if changed[cell] and look.fill:  # a tint would hide the colour
            inside = f'x="{x + 3}" y="{y + 3}" width="{side - 6}" height="{side - 6}"'
            parts.append(f'<rect {inside} fill="none" stroke="{plots.YELLOW}" stroke-width="3"/>')
        elif changed[cell]:
            parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{plots.YELLOW}" opacity="0.6"/>')
        if wrong[cell]:
            arm = max(3, side * 7 // CELL)
            path = f"M{x + side - arm - 3} {y + 3}l{arm} {arm}m0 -{arm}l-{arm} {arm}"
            parts.append(f'<path d="{path}" stroke="{plots.VERMILION}" stroke-width="2"/>')
        if look.text.strip():
            is_clue = clues[cell] or look.bold
            colour = plots.BLACK if is_clue else plots.VERMILION if wrong[cell] else plots.BLUE
            colour = text_on(look.fill) if look.fill else colour
            weight = ' font-weight="bold"' if is_clue else ""
            place = f'x="{x + side / 2}" y="{y + side * 0.7:.0f}"'
            parts.append(f'<text {place} fill="{colour}"{weight}>{html.escape(look.text)}</text>')
    lines = lines_of(task)
    for thick, stroke in ((False, 0.7), (True, 2.6)):
        strokes = [
            f"M{line.column * side} {line.row * side}L{line.to_column * side} {line.to_row * side}"
            for line in lines
            if line.thick == thick
        ]
        if strokes:
            parts.append(f'<path d="{"".join(strokes)}" stroke="#000" stroke-width="{stroke}"/>')
    return "".join([*parts, "</svg>"])


def verdict(
    task: Task, question: np.ndarray, answer: np.ndarray, solution: np.ndarray | None = None
) -> tuple[bool, str]:
    """What the rule checker says of an answer [L], in one line. It knows the rules and no solution.

    A task that is judged by answers has no rules: then the solution says it, if it is at hand.
    """
    if getattr(task, "judged_by", "rules") == "answers":
        if solution is None:
            return False, "no rules can judge this answer, and no solution is at hand"
        wrong = int(plots.changed_cells(solution, answer).sum())
        return wrong == 0, f"{wrong} cells differ from the solution" if wrong else "solved: every cell is right"
    broken = task.violations(question, answer)
    if not broken:
        return True, "solved: every rule holds"
    return False, f"{len(broken)} rule{'s' if len(broken) > 1 else ''} broken, first: {broken[0]}"


def trace_steps(model: nn.Module, task: Task, question: np.ndarray, n_supervision: int) -> list[Step]:
    """Run the recursion once; the steps up to the one at which the network says that it is done."""
    check_fits(model, task)
    trace = recursion_trace(model, question[None], n_supervision)
    return [Step(i, answer[0], sure[0], float(halt[0])) for i, (answer, sure, halt) in enumerate(trace, start=1)]


class Frames:
    """The steps of one recursion as HTML frames. Frame 0 is the question, frame k the answer after step k."""

    def __init__(self, task: Task, question: np.ndarray, steps: Sequence[Step], solution: np.ndarray | None = None):
        self.task, self.question, self.steps, self.solution = task, question, list(steps), solution

    def __len__(self) -> int:
        return len(self.steps) + 1

    def changed(self, frame: int) -> np.ndarray:
        """Bool [L]: cells that differ from the frame before. In frames 0 and 1 none is marked: all would be new."""
        if frame < 2:
            return np.zeros(self.task.seq_len, bool)
        return plots.changed_cells(self.steps[frame - 2].answer, self.steps[frame - 1].answer)

    def html(self, frame: int) -> str:
        """One frame: the grid, and beside it what the network and the rule checker say."""
        tokens = self.question if frame == 0 else self.steps[frame - 1].answer
        changed = self.changed(frame)
        wrong = None if frame == 0 or self.solution is None else plots.changed_cells(self.solution, tokens)
        judge = getattr(self.task, "judged_by", "rules")
        if frame == 0:
            lines = ["<b>the question</b>", f"{len(self.steps)} supervision steps follow"]
        else:
            halt = self.steps[frame - 1].halt_probability
            solved, said = verdict(self.task, self.question, tokens, self.solution)
            lines = [
                f"<b>supervision step {frame}</b> of {len(self.steps)}",
                "the first answer" if frame == 1 else f"{int(changed.sum())} cells changed (yellow)",
                *([] if wrong is None else [f"{int(wrong.sum())} cells wrong (crossed)"]),
                f"network: done with probability {halt:.2f} <meter min='0' max='1' value='{halt:.3f}'></meter>",
                f"{judge}: <b style='color:{'#006B4E' if solved else '#A34700'}'>{html.escape(said)}</b>",
            ]
        grid = grid_svg(self.task, tokens, given=self.question, changed=changed, wrong=wrong)
        text = "".join(f"<div>{line}</div>" for line in lines)
        return (
            f'<div style="{CARD};display:flex;gap:20px;flex-wrap:wrap;align-items:flex-start">'
            f'{grid}<div style="min-width:220px;max-width:340px">{text}</div></div>'
        )

    def show_static(self) -> None:
        """The same as one picture: the question and the answers after steps 1, 2, 4 and the last."""
        chosen = plots.shown_steps(len(self.steps))
        titles = [f"step {step}: done {self.steps[step - 1].halt_probability:.0%}" for step in chosen]
        answers = [step.answer for step in self.steps]
        axes = plots.answer_row(self.task, self.question, answers, chosen, solution=self.solution, titles=titles)
        _, said = verdict(self.task, self.question, answers[-1], self.solution)
        axes[0].figure.text(0.01, -0.06, f"rule checker after step {len(self.steps)}: {said}", fontsize=10)
        plots.show(axes, f"The question and the answers after steps {', '.join(map(str, chosen))}. Last: {said}.")


# --- widgets --------------------------------------------------------------------------------------------------------


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


class LiveTraining:
    """A progress line and a growing learning curve: give it to `train` as `on_row`.

    It writes over one output of the page, so a finished run leaves one picture. Drawing costs about a tenth of a
    second, hence the pause of `every` seconds between two pictures.
    """

    def __init__(self, recipe: Recipe, *, every: float = 3.0):
        from IPython.display import display

        self.recipe, self.every = recipe, every
        self.rows: list[dict[str, Any]] = []
        self.drawn = -every
        self.handle = display({"text/plain": "starting ..."}, raw=True, display_id=True)

    def __call__(self, row: dict[str, Any]) -> None:
        if row["kind"] == "start":
            return
        self.rows.append(row)
        now = time.perf_counter()
        if self.handle is not None and (row["kind"] == "end" or now - self.drawn >= self.every):
            line = self.line()
            self.handle.update({"text/html": self.html(line), "text/plain": line}, raw=True)
            self.drawn = time.perf_counter()

    def line(self) -> str:
        """How far the run has come, in one line."""
        last, name, total = self.rows[-1], self.recipe.name, self.recipe.steps
        scores = [row["exact"][-1] for row in self.rows if "exact" in row]
        exact = f", exact {scores[-1]:.1%}" if scores else ""
        if last["kind"] == "end":
            seconds, count = last["train_seconds"], last["count"]
            return f"{name}: {last['step']:,} steps in {seconds:.0f} s{exact} of {count:,} unseen puzzles"
        left = last["seconds"] / max(last["step"], 1) * (total - last["step"])
        return f"{name}: step {last['step']:,} of {total:,}{exact}, about {left:.0f} s left"

    def html(self, line: str) -> str:
        """The line behind a bar, and the curve so far."""
        step = self.rows[-1]["step"]
        bar = f"<progress max='{self.recipe.steps}' value='{step}' style='width:200px'></progress>"
        alt = f"Two curves over the optimizer steps, loss and share of unseen puzzles solved. {line}."
        picture = plots.image_tag(plots.learning_curve(self.rows), alt)
        return f'<div style="{CARD}"><div>{bar} {html.escape(line)}</div>{picture}</div>'
