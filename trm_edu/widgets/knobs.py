"""`Knobs` turns what may be changed after training, and measures what each setting solves and costs."""

from __future__ import annotations

import copy
import html
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from trm_edu import plots
from trm_edu.data import as_tensor
from trm_edu.direct import Direct
from trm_edu.errors import DataError, RecipeError, TrmEduError
from trm_edu.evaluate import CostedEvaluation, evaluate_answers, ids_of
from trm_edu.inference import ONE_PASS, Answers, best_by_halting, best_by_rules, run_to_halt, turned_starts
from trm_edu.solve import check_fits
from trm_edu.tasks import PuzzleSet, Task
from trm_edu.variants import MultiScaleZ
from trm_edu.widgets.frames import CARD, live_front_end

STEPS = (1, 2, 4, 8, 16, 32, 64)
STARTS = (1, 2, 4, 8, 16)
AT_ONCE = 1024  # puzzles times starts that are held in memory
DRAWS = 8  # random symmetries after which a task that never moved anything counts as one without


class Superseded(Exception):
    """Another setting is wanted by now."""


class Setting(NamedTuple):
    """Where the knobs stand. `halting`: a start ends as soon as the network says that it is done."""

    T: int
    n: int
    n_supervision: int = ONE_PASS
    starts: int = 1
    halting: bool = False


@dataclass(frozen=True)
class Measured:
    """What a setting solves, and its `cost`: network evaluations a puzzle, those of all its starts."""

    setting: Setting
    score: CostedEvaluation
    cost: float


class Knobs:
    """T, n, N_sup, starts and halting as knobs; each setting is measured once, on the same puzzles, and drawn.

    The model is copied and stays as it is. A setting that is wanted while another is still being measured takes its
    place. More than one start of a puzzle: its image under random symmetries of the task, as in `trm_edu.solve`. What
    a model or a task does not have is no knob, and `missing` says why. starts_max: most starts that can be chosen.
    live: force the controls (True) or the picture of a few settings (False).
    """

    def __init__(
        self, model: nn.Module, task: Task, puzzles: PuzzleSet, *, starts_max: int = 8, live: bool | None = None
    ):
        self.task, self.puzzles = task, puzzles
        self.live = live_front_end() if live is None else live
        self.results: dict[Setting, Measured] = {}
        self.missing: list[str] = []
        self.problem = self.said = ""
        self.lock = threading.Lock()
        self.worker: threading.Thread | None = None
        self.shown: Setting | None = None
        try:
            check(model, task, puzzles, starts_max)
        except TrmEduError as error:
            self.problem = str(error)
        else:
            self.model = copy.deepcopy(model).eval()  # what was measured stays true while the caller trains on
            self.trained = Setting(getattr(model.config, "T", 1), getattr(model.config, "n", 1))
            self.wanted = self.trained
            self.starts = [count for count in STARTS if count <= starts_max]
            self._find_missing()
        if self.live:
            self._make_controls()

    # --- one setting --------------------------------------------------------------------------------------------------

    def measure(self, setting: Setting, superseded: Callable[[], bool] = lambda: False) -> Measured:
        """Measure a setting, or look it up. `superseded` is asked after each step: True raises Superseded."""
        if setting in self.results:
            return self.results[setting]
        network = copy.copy(self.model)  # shares the weights
        if self.has_depth:
            network.config = replace(self.model.config, T=setting.T, n=setting.n)
        device, rng = next(network.parameters()).device, np.random.default_rng(0)

        def ask(inputs: Tensor, tokens: Tensor, steps: Tensor) -> Tensor:
            if superseded():
                raise Superseded
            return torch.zeros(len(steps), dtype=torch.bool, device=steps.device)

        limits: dict[str, Any] = {"halt_above": 0.0 if setting.halting else math.inf, "hopeless": ask}
        limits |= {"n_supervision": setting.n_supervision}

        def answer(piece: PuzzleSet) -> Answers:
            if setting.starts == 1:
                inputs = as_tensor(piece.questions, device)
                return run_to_halt(network, inputs, puzzle_ids=ids_of(piece, device), **limits)
            answers = turned_starts(network, self.task, piece.questions, setting.starts, rng, **limits)
            return best_by_rules(self.task, piece.questions, answers) if self.has_rules else best_by_halting(answers)

        about = {"compute": self.regime(setting), "size": max(1, AT_ONCE // setting.starts)}
        score = evaluate_answers(network, self.puzzles, answer, **about)
        found = Measured(setting, score, score.steps * self.per_step(setting))
        self.results[setting] = found
        return found

    def per_step(self, setting: Setting) -> int:
        """Network evaluations of one supervision step of one start."""
        return setting.T * (setting.n + 1) if self.has_depth else 1

    def regime(self, setting: Setting) -> str:
        """What kind of answering this is, as `trm_edu.inference` tells them apart."""
        more = [f"{setting.starts} starts"] * (setting.starts > 1)
        more += [f"{setting.n_supervision} steps"] * (setting.n_supervision > ONE_PASS)
        other = (setting.T, setting.n) != (self.trained.T, self.trained.n)
        if more:
            return f"test-time compute ({' and '.join(more)})" + ", at another depth than trained" * other
        if other:
            return f"another depth than trained (T {self.trained.T}, n {self.trained.n}), one pass"
        return "the trained setting, one pass" if setting == self.trained else "the trained depth, a shorter pass"

    def line(self, found: Measured) -> str:
        """What was measured, in one line."""
        setting, score = found.setting, found.score
        low, high = score.interval
        factors = (
            f"{setting.starts} start{'s' if setting.starts > 1 else ''} x {score.steps / setting.starts:.3g} steps"
        )
        factors += f" x T(n+1) = {setting.T}({setting.n}+1)" if self.has_depth else ""
        picked = f"; {self.picked_by}" if setting.starts > 1 else ""
        return (
            f"exact {score.exact:.1%} [{low:.1%}, {high:.1%}] of {score.count:,} puzzles; {found.cost:,.4g} network "
            f"evaluations a puzzle = {factors}; {score.evaluation_seconds:.1f} s; {self.regime(setting)}{picked}"
        )

    def outcome(self, setting: Setting, superseded: Callable[[], bool] = lambda: False) -> str:
        """Measure a setting and say what came of it; what goes wrong becomes a line too. Raises Superseded."""
        try:
            return f"{self.label(setting)}: {self.line(self.measure(setting, superseded))}"
        except Superseded:
            raise
        except Exception as error:  # a network of the caller's own may raise anything at a depth it does not know
            return f"{self.label(setting)} cannot be measured: {type(error).__name__}: {error}"

    def label(self, setting: Setting) -> str:
        """A short name: how many steps, and in what it differs from the trained setting."""
        parts = [
            f"{name} {getattr(setting, name)}"
            for name in ("T", "n")
            if getattr(setting, name) != getattr(self.trained, name)
        ]
        parts += [f"{setting.n_supervision} step{'s' if setting.n_supervision > 1 else ''}"]
        parts += [f"{setting.starts} starts"] * (setting.starts > 1) + ["halting"] * setting.halting
        return ", ".join(parts)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def draw(self, chosen: Setting | None = None) -> tuple[Axes, str]:
        """Accuracy against cost of all that was measured so far, and the alternative text. A star: as trained."""
        found = list(self.results.values())
        points = [plots.CostPoint(self.label(m.setting), m.score.exact, *m.score.interval, m.cost) for m in found]
        index = None if chosen is None else [m.setting for m in found].index(chosen)
        ax = plots.accuracy_against_cost(points, chosen=index)
        text = plots.accuracy_against_cost_text(points, chosen=index)
        if (trained := self.results.get(self.trained)) is not None:
            star = {"color": plots.BLACK, "markeredgecolor": "white", "markersize": 11, "zorder": 6}
            ax.plot(trained.cost, trained.score.exact, "*", **star)
            ax.set_title("★ the trained setting", loc="left", fontsize=9)
            text += f" A star marks the trained setting: {self.label(self.trained)}."
        return ax, text

    def sweep(self) -> list[Setting]:
        """A few settings that show what each knob does: shorter passes, half and double n, halting, several starts.

        The starts halt, as those of `trm_edu.solve` do; else they alone would cost more than all the rest.
        """
        trained = self.trained
        settings = [trained._replace(n_supervision=steps) for steps in (1, 4, ONE_PASS)]
        if self.has_n:
            settings += [trained._replace(n=n) for n in (max(1, trained.n // 2), 2 * trained.n)]
        settings += [trained._replace(starts=count, halting=True) for count in (1, min(4, self.starts[-1]))]
        return list(dict.fromkeys(settings))

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if self.live:
            display(self.box)
            self._want()
            return
        if self.problem:
            print(self.problem)
            return
        lines = [self.outcome(setting) for setting in self.sweep()]
        if self.results:
            plots.show(*self.draw())
        print("\n".join([*lines, *self.missing]))
        print(f"Measured on {self.puzzles.describe()}.")
        print("(In JupyterLab knobs stand here.)")

    # --- controls -----------------------------------------------------------------------------------------------------

    def _find_missing(self) -> None:
        name = type(self.model).__name__
        self.has_depth = hasattr(self.model.config, "T") and not isinstance(self.model, Direct)
        self.has_n = self.has_depth and not isinstance(self.model, MultiScaleZ)
        self.has_rules = getattr(self.task, "judged_by", "rules") == "rules"
        by = "the rules pick the answer" if self.has_rules else "the answer with the highest halting score is picked"
        self.picked_by = f"{by} among the starts"
        if not self.has_depth:
            self.missing.append(f"T and n are no knobs here: {name} has no recursion.")
        elif not self.has_n:
            self.missing.append(
                f"n is no knob here: {name} has a latent state for each of its {self.trained.n} updates."
            )
        if self.puzzles.ids is not None and self.puzzles.ids.any():
            self.starts = [1]
            self.missing.append("Several starts are no knob here: a turned puzzle would need an id of its own.")
        elif not moves(self.task, self.puzzles.questions[0]):
            self.starts = [1]
            self.missing.append(f"Several starts are no knob here: no symmetry of {self.task.name} changes a puzzle.")

    def _make_controls(self) -> None:
        self.text, self.picture = ipywidgets.HTML(), ipywidgets.HTML()
        self.knobs: dict[str, ipywidgets.Widget] = {}
        if self.problem:
            self._say(self.problem)
        else:
            style: dict[str, Any] = {"continuous_update": False, "layout": ipywidgets.Layout(width="380px")}
            style["style"] = {"description_width": "60px"}
            if self.has_depth:
                T = self.trained.T
                self.knobs["T"] = ipywidgets.IntSlider(T, 1, max(8, 2 * T), description="T", **style)
            if self.has_n:
                n = self.trained.n
                self.knobs["n"] = ipywidgets.IntSlider(n, 1, max(12, 2 * n), description="n", **style)
            choose: dict[str, Sequence[int]] = {"n_supervision": STEPS, "starts": self.starts}
            for name, options in choose.items():
                if len(options) > 1:
                    shown = {"n_supervision": "N_sup"}.get(name, name)
                    value = getattr(self.trained, name)
                    self.knobs[name] = ipywidgets.SelectionSlider(
                        options=options, value=value, description=shown, **style
                    )
            self.knobs["halting"] = ipywidgets.Checkbox(
                value=False, description="stop when the network says so", indent=False
            )
            for knob in self.knobs.values():
                knob.observe(lambda _: self._want(), names="value")
        notes = "".join(f"<div>{html.escape(reason)}</div>" for reason in self.missing)
        self.notes = ipywidgets.HTML(f'<div style="{CARD}">{notes}</div>' if notes else "")
        self.box = ipywidgets.VBox([*self.knobs.values(), self.notes, self.text, self.picture])

    def setting(self) -> Setting:
        """Where the knobs stand now."""
        return self.trained._replace(**{name: knob.value for name, knob in self.knobs.items()})

    def wait(self, seconds: float | None = None) -> bool:
        """Until what is wanted is shown, or so many seconds have passed. Whether it is shown."""
        worker = self.worker
        if worker is not None:
            worker.join(seconds)
        return self.problem != "" or self.shown == self.wanted

    def _want(self) -> None:
        """Let a thread show where the knobs stand: a handler that takes long would let moves of the knobs pile up."""
        if self.problem:
            return
        with self.lock:
            self.wanted, self.shown = self.setting(), None
            if self.wanted not in self.results:
                self._say(f"measuring {self.label(self.wanted)} ...{self.expected(self.wanted)}")
            if self.worker is None:
                self.worker = threading.Thread(target=self._work, daemon=True, name="knobs")
                self.worker.start()

    def expected(self, setting: Setting) -> str:
        """How long a setting will take at the speed so far; "" before the first measurement."""
        spent = sum(found.score.evaluation_seconds for found in self.results.values())
        cost = sum(found.cost for found in self.results.values())
        if not cost:
            return ""
        seconds = spent / cost * setting.starts * setting.n_supervision * self.per_step(setting)
        return f" {'at most' if setting.halting else 'about'} {seconds:.1f} s"

    def _work(self) -> None:
        """Measure and show what is wanted until that stands there."""
        while True:
            with self.lock:
                setting = self.wanted
                if self.shown == setting:
                    self.worker = None
                    return
            try:
                line = self.outcome(setting, lambda setting=setting: self.wanted != setting)
            except Superseded:
                continue
            picture = plots.image_tag(*self.draw(setting)) if setting in self.results else ""
            with self.lock:
                if self.wanted == setting:
                    self.shown = setting
                    self._say(line)
                    if picture:
                        self.picture.value = f'<div style="{CARD}">{picture}</div>'

    def _say(self, line: str) -> None:
        self.said = line
        self.text.value = f'<div style="{CARD}" role="status">{html.escape(line)}</div>'


def check(model: nn.Module, task: Task, puzzles: PuzzleSet, starts_max: int) -> None:
    """Raise CheckpointError, DataError or RecipeError if nothing can be measured."""
    check_fits(model, task)
    if puzzles.task != task.name:
        raise DataError(f"these puzzles are of {puzzles.task}, not of {task.name}; give puzzles of the network's task")
    if not len(puzzles):
        raise DataError("there is no puzzle to measure on; give a set that holds at least one")
    if starts_max < 1:
        raise RecipeError(f"starts_max is {starts_max}; it must be at least 1")


def moves(task: Task, question: np.ndarray) -> bool:
    """Whether a random symmetry ever changes the question [L]: a task may have none but the identity."""
    rng = np.random.default_rng(0)
    return any((task.apply(task.random_symmetry(rng), question) != question).any() for _ in range(DRAWS))
