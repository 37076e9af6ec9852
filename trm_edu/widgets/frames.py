"""What a player shows, frame by frame, in HTML.

`Frames` holds the supervision steps of one puzzle; `Inside` holds one of them, unrolled into its updates.
"""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from trm_edu import plots
from trm_edu.data import as_tensor
from trm_edu.errors import DataError, RecipeError, TrmEduError
from trm_edu.inside import Unrolled, unroll
from trm_edu.plots.grids import cells, cells_in_play, open_cells
from trm_edu.plots.style import DARK_GREEN, DARK_VERMILION
from trm_edu.solve import Step, check_fits, read_output, recursion_trace
from trm_edu.tasks import Task
from trm_edu.tasks.base import cells_of
from trm_edu.widgets.svg import MOVED, SURE, grid_svg, halting_svg, scale_svg, shades_svg, strip_svg

BESIDE, BESIDE_LARGE, LARGE = 258, 360, 12  # of a grid that has another one beside it; of one with many rows
GOOD, BAD, QUIET = DARK_GREEN, DARK_VERMILION, "#595959"
CARD = "color-scheme:light;background:#fff;color:#000;padding:8px 12px;border-radius:6px;font:14px/1.5 sans-serif"
LIVE_VARIABLE = "TRM_EDU_WIDGETS"  # 1 or 0 overrules what `live_front_end` finds


def live_front_end() -> bool:
    """Whether somebody can press a button: JupyterLab, Notebook, VS Code and Colab leave a trace in the kernel."""
    if (told := os.environ.get(LIVE_VARIABLE)) in ("0", "1"):
        return told == "1"
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ or "google.colab" in sys.modules


# --- what is said of an answer --------------------------------------------------------------------------------------


def wrong_cells(task: Task, answer: np.ndarray, solution: np.ndarray) -> Bool[np.ndarray, " L"]:
    """Which cells of an answer [L] are not those of the solution; padding of the solution does not count."""
    return plots.changed_cells(solution, answer) & cells_in_play(task, answer, solution)


def verdict(
    task: Task, question: np.ndarray, answer: np.ndarray, solution: np.ndarray | None = None
) -> tuple[bool, str]:
    """What the rule checker says of an answer [L], in one line. It knows the rules and no solution.

    A task that is judged by answers has no rules: then the solution says it, if it is at hand.
    """
    if getattr(task, "judged_by", "rules") == "answers":
        if solution is None:
            return False, "no rules can judge this answer, and no solution is at hand"
        wrong = int(wrong_cells(task, answer, solution).sum())
        differ = f"{cells(wrong)} differ{'s' if wrong == 1 else ''} from the solution"
        return wrong == 0, differ if wrong else "solved: every cell is right"
    broken = task.violations(question, answer)
    if not broken:
        return True, "solved: every rule holds"
    return False, f"{len(broken)} rule{'s' if len(broken) > 1 else ''} broken, first: {broken[0]}"


# --- steps ----------------------------------------------------------------------------------------------------------


def trace_steps(model: nn.Module, task: Task, question: np.ndarray, n_supervision: int) -> list[Step]:
    """Run the recursion once; the steps up to the one at which the network says that it is done.

    Raises CheckpointError for a network of another task, RecipeError for no step at all.
    """
    check_fits(model, task)
    if n_supervision < 1:
        raise RecipeError(f"n_supervision is {n_supervision}; it must be at least 1")
    befores: list[tuple[Tensor, ...]] = []
    trace = recursion_trace(model, question[None], n_supervision, befores=befores)
    return [
        Step(number, answer, sure, float(halt), before)
        for number, (((answer,), (sure,), (halt,)), before) in enumerate(zip(trace, befores, strict=True), start=1)
    ]


def inputs_of(model: nn.Module, question: np.ndarray) -> Tensor:
    """A question [L] as a batch of one, where the network is."""
    return as_tensor(question[None], next(model.parameters()).device)


# --- inside one supervision step ------------------------------------------------------------------------------------

_REACHED: WeakKeyDictionary[nn.Module, list[bool]] = WeakKeyDictionary()  # by model: `unroll` finds it out, once


def reached_updates(model: nn.Module, question: np.ndarray) -> list[bool]:
    """Which updates of a supervision step a gradient of the answer reaches. It belongs to the model, not the puzzle."""
    if model not in _REACHED:
        unrolled = unroll(model, inputs_of(model, question), gradient=True)
        _REACHED[model] = [bool(update.gradient) for update in unrolled.updates]
    return _REACHED[model]


class Inside:
    """One supervision step, unrolled: what the heads say after each of its updates 1 to U, computed when asked for."""

    def __init__(self, unrolled: Unrolled, cells: int):
        self.unrolled, self.cells, self.updates = unrolled, cells, unrolled.updates
        self.said: dict[int, tuple[UInt8[np.ndarray, " L"], Float[np.ndarray, " L"], float]] = {}

    def __len__(self) -> int:
        return len(self.updates)

    def renews_answer(self, update: int) -> bool:
        return self.updates[update - 1].state == self.unrolled.answer

    def says(self, update: int) -> tuple[UInt8[np.ndarray, " L"], Float[np.ndarray, " L"], float]:
        """Answer [L], probability of each chosen token [L], halting probability, after an update.

        If the update did not renew the answer: what they would be if it were renewed at once.
        """
        if update not in self.said:
            read = self.unrolled.read if self.renews_answer(update) else self.unrolled.answer_now
            (answer,), (sure,), (halt,) = read_output(read(update))
            self.said[update] = answer, sure, float(halt)
        return self.said[update]

    def moved(self, update: int) -> Float[np.ndarray, " L"]:
        """How far an update moved the state that it renewed, in each cell: length of the change / length before."""
        done = self.updates[update - 1]
        old, new = self.unrolled.states(update - 1)[done.state], done.value
        prefix = self.unrolled.model.config.prefix_len
        # a network may have several positions for a cell: the cell's state is all of them
        old, new = (state[0, prefix:].float().reshape(self.cells, -1) for state in (old, new))
        return ((new - old).norm(dim=-1) / old.norm(dim=-1).clamp(min=1e-9)).cpu().numpy()

    def place(self, update: int) -> str:
        """Where that is, in words: which recursion, which state, and which of its updates."""
        done = self.updates[update - 1]
        alike = [u.number for u in self.updates if (u.recursion, u.state) == (done.recursion, done.state)]
        number = f"update {alike.index(done.number) + 1} of {len(alike)}"
        return f"recursion {done.recursion} of {self.updates[-1].recursion} · {done.state}, {number}"


# --- all frames of a puzzle -----------------------------------------------------------------------------------------


class Frames:
    """The steps of one recursion as HTML frames. Frame 0 is the question, frame k the answer after step k.

    model: the network that made the steps (`trace_steps`), if one should be able to look inside them. Only the step
    looked at last is kept unrolled. Raises PuzzleError for a question or solution of another size, DataError
    for no step.
    """

    def __init__(
        self,
        task: Task,
        question: np.ndarray,
        steps: Sequence[Step],
        solution: np.ndarray | None = None,
        model: nn.Module | None = None,
    ):
        self.task, self.question, self.steps, self.model = task, cells_of(task, question), list(steps), model
        self.solution = None if solution is None else cells_of(task, solution)
        if not self.steps:
            raise DataError("there is no step to show; give the steps of an attempt, from the first on")
        self.current: tuple[int, Inside] | None = None
        self.updates, self.closed = 0, ""

    def __len__(self) -> int:
        return len(self.steps) + 1

    def changed(self, frame: int) -> np.ndarray:
        """Bool [L]: cells that differ from the frame before. In frames 0 and 1 none is marked: all would be new."""
        if frame < 2:
            return np.zeros(self.task.seq_len, bool)
        return self.differ(self.steps[frame - 2].answer, self.steps[frame - 1].answer)

    def differ(self, before: np.ndarray, after: np.ndarray) -> Bool[np.ndarray, " L"]:
        """Which cells changed; those outside the answer, where the task has such, do not count."""
        return plots.changed_cells(before, after) & cells_in_play(self.task, after, self.solution)

    def to_fill(self, answer: np.ndarray) -> Bool[np.ndarray, " L"]:
        """The cells that the network has to fill."""
        return open_cells(self.task, self.question, cells_in_play(self.task, answer, self.solution))

    # --- inside ---

    def try_inside(self) -> None:
        """Find out whether one can look inside: `updates` is how many each step has, or else `closed` says why not."""
        self.updates, self.closed = 0, ""
        try:
            self.updates = len(self.inside(1))
        except TrmEduError as error:
            self.closed = str(error)
        except Exception as error:  # a network of one's own may do anything
            self.closed = f"this network cannot be unrolled ({type(error).__name__}: {error})"

    def inside(self, step: int) -> Inside:
        """A supervision step, unrolled. Raises RecipeError if its states are not known or the network has changed."""
        if self.current is not None and self.current[0] == step:
            return self.current[1]
        if self.model is None:
            raise RecipeError("only the answers of these steps are at hand, not the network and the states behind them")
        traced = self.steps[step - 1]
        if traced.before is None:
            raise RecipeError("the states of the network before these steps were not kept")
        if not traced.before:
            raise RecipeError(f"{type(self.model).__name__} has no recursion: it keeps no state")
        unrolled = unroll(self.model, inputs_of(self.model, self.question), traced.before)
        _, (sure,), _ = read_output(unrolled.output)
        if not np.allclose(sure, traced.confidence, atol=0.02, equal_nan=True):
            raise RecipeError("the weights of the network have changed since these steps were made; run it once more")
        inside = Inside(unrolled, self.task.seq_len)
        self.current = step, inside
        return inside

    @property
    def reached(self) -> list[bool]:
        """Which updates a gradient reaches, in training."""
        return reached_updates(self.model, self.question)

    # --- drawing ---

    def html(self, frame: int) -> str:
        """One frame: the answer, how sure the network is of each cell, and what it and the rule checker say."""
        task, total = self.task, len(self.steps)
        halting = [step.halt_probability for step in self.steps[:frame]]
        widest = widest_of_two(task)
        if frame == 0:
            grid = grid_svg(
                task, self.question, given=self.question, changed=None, wrong=None, widest=widest, label="the question"
            )
            follow = f"{total} supervision step{'' if total == 1 else 's'} follow{'s' if total == 1 else ''}"
            lines = ["<b>the question</b>", follow, halting_svg([], total)]
            grids = [figure(grid, "the question"), self.sure_figure(None, widest)]
            return card(frame, grids, lines, "the question")
        step, changed = self.steps[frame - 1], self.changed(frame)
        lines = [
            f"<b>supervision step {frame}</b> of {total}",
            "the first answer" if frame == 1 else f"{cells(int(changed.sum()))} changed (yellow)",
            *self.judged(step.answer, step.confidence, step.halt_probability, halting_svg(halting, total)),
        ]
        title = f"the answer after step {frame}"
        grids = [figure(self.answer_svg(step.answer, changed, title, widest), title)]
        if step.confidence is None:
            lines.append(quiet("How sure it was of each cell is not known: this start was a turned puzzle."))
        else:
            grids.append(self.sure_figure(step, widest))
        return card(frame, grids, lines, f"supervision step {frame} of {total}")

    def inside_html(self, step: int, update: int) -> str:
        """One frame inside a supervision step, after one of its updates: the answer, and how far the state moved."""
        inside, widest = self.inside(step), widest_of_two(self.task)
        done = inside.updates[update - 1]
        answer, sure, halt = inside.says(update)
        before = inside.says(update - 1)[0] if update > 1 else self.steps[step - 2].answer if step > 1 else answer
        changed, first = self.differ(before, answer), (step, update) == (1, 1)
        moved = inside.moved(update)
        written = inside.renews_answer(update)
        title = "the answer, written by this update" if written else "the answer if it were written now"
        place = f"supervision step {step} · {inside.place(update)}"
        reads = " + ".join(done.reads)
        reached = self.reached
        gradient = "solid frames: with gradient, in training"
        if not any(reached):
            gradient = "no gradient: the weights are frozen"
        now = step - 1 + update / len(inside), halt
        curve = halting_svg([earlier.halt_probability for earlier in self.steps[: step - 1]], len(self.steps), now)
        lines = [
            f"<b>{html.escape(place)}</b>",
            html.escape(f"{done.state} ← {done.network}({reads})"),
            strip_svg(inside.updates, inside.unrolled.answer, reached, update),
            quiet(gradient),
            "the first answer" if first else f"{cells(int(changed.sum()))} changed (yellow)",
            *self.judged(answer, sure, halt, curve),
        ]
        what = f"how far {done.state} moved in each cell"
        label = f"{what}: {moved.mean():.0%} of its length on average, most {self.where(moved, moved.argmax())}"
        svg = shades_svg(
            self.task,
            moved,
            np.ones(self.task.seq_len, bool),
            self.question,
            darkest=MOVED,
            widest=widest,
            label=label,
        )
        grids = [
            figure(self.answer_svg(answer, changed, title, widest), title),
            figure(svg, what, scale_svg(MOVED, "100% of its length, or more")),
        ]
        return card((step - 1) * len(inside) + update, grids, lines, place)

    def answer_svg(self, answer: np.ndarray, changed: np.ndarray, title: str, widest: int) -> str:
        wrong = None if self.solution is None else wrong_cells(self.task, answer, self.solution)
        marks = {"given": self.question, "changed": changed, "wrong": wrong}
        label = title + rows_in_words(self.task, answer)
        return grid_svg(self.task, answer, **marks, widest=widest, label=label)

    def judged(self, answer: np.ndarray, sure: Float[np.ndarray, " L"] | None, halt: float, curve: str) -> list[str]:
        """What the solution, the network and the rule checker say of an answer, as far as each is there."""
        solved, said = verdict(self.task, self.question, answer, self.solution)
        judge, lines = getattr(self.task, "judged_by", "rules"), []
        if self.solution is not None:
            lines.append(f"{cells(int(wrong_cells(self.task, answer, self.solution).sum()))} wrong (crossed)")
        if sure is not None:
            lines.append(f"{sure[self.to_fill(answer)].mean():.0%} sure on average")
        lines.append(f"network: done with probability {halt:.2f}")
        lines.append(f"<meter min='0' max='1' value='{halt:.3f}' style='width:224px'></meter>")
        lines.append(curve)
        lines.append(f"{judge}: <b style='color:{GOOD if solved else BAD}'>{html.escape(said)}</b>")
        return lines

    def sure_figure(self, step: Step | None, widest: int) -> str:
        """How sure the network is of each cell that it has to fill; before the first step, nothing."""
        title = "how sure it is of each cell"
        if step is None:
            to_fill, sure, label = self.to_fill(self.question), None, f"{title}: nothing is said yet"
        else:
            to_fill, sure = self.to_fill(step.answer), step.confidence
            least = np.flatnonzero(to_fill)[sure[to_fill].argmin()]
            label = f"{title}: {sure[to_fill].mean():.0%} on average, least {self.where(sure, least)}"
        svg = shades_svg(self.task, sure, to_fill, self.question, darkest=SURE, widest=widest, label=label)
        return figure(svg, title, scale_svg(SURE, "100%" if to_fill.all() else "100%; hatched: given"))

    def where(self, values: Float[np.ndarray, " L"], cell: int | np.integer) -> str:
        row, column = divmod(int(cell), self.task.grid_shape[1])
        return f"{values[cell]:.0%} in row {row + 1}, column {column + 1}"

    def show_static(self) -> None:
        """The same as one picture: question, answers, halting and confidence over the steps, and the verdict."""
        drawn = plots.thinking(self.task, self.question, self.steps, solution=self.solution)
        text = plots.thinking_text(self.task, self.question, self.steps, solution=self.solution)
        _, said = verdict(self.task, self.question, self.steps[-1].answer, self.solution)
        drawn[0].figure.text(0.01, -0.02, f"after step {len(self.steps)}: {said}", fontsize=10, va="top")
        plots.show(drawn, text)


def widest_of_two(task: Task) -> int:
    """Pixels of a grid that has another one beside it."""
    return BESIDE if max(task.grid_shape) <= LARGE else BESIDE_LARGE


def rows_in_words(task: Task, tokens: np.ndarray) -> str:
    """The rows of a grid for a screen reader; nothing for a large grid, which nobody could listen to."""
    if task.seq_len > LARGE**2 or not hasattr(task, "look"):
        return ""
    looks = [task.look(token) for token in tokens.tolist()]
    cells = [look.text.strip() or ("#" if look.fill else ".") for look in looks]
    columns = task.grid_shape[1]
    return ", rows " + ", ".join("".join(cells[i : i + columns]) for i in range(0, len(cells), columns))


def figure(picture: str, title: str, below: str = "") -> str:
    """A grid with its title, and what its shades mean."""
    return f'<div style="max-width:100%"><div style="font-size:13px">{html.escape(title)}</div>{picture}{below}</div>'


def quiet(text: str) -> str:
    return f'<span style="color:{QUIET};font-size:12px">{html.escape(text)}</span>'


def card(frame: int, grids: Sequence[str], lines: Sequence[str], label: str) -> str:
    """Grids and words side by side on white, so that a dark page changes nothing; they wrap where there is no room."""
    text = "".join(f'<div style="break-inside:avoid">{line}</div>' for line in lines)
    return (
        f'<div class="trm-edu-frame" data-frame="{frame}" role="group" aria-label="{html.escape(label, quote=True)}" '
        f'style="{CARD};display:flex;gap:18px;flex-wrap:wrap;align-items:flex-start">{"".join(grids)}'
        f'<div style="min-width:220px;max-width:640px;flex:1 1 220px;columns:220px">{text}</div></div>'
    )
