"""One frame of a player: a few kilobytes of SVG, made in a millisecond. matplotlib would need a hundred."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence

import numpy as np
from torch import nn

from trm_edu import plots
from trm_edu.solve import Step, check_fits, recursion_trace
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
