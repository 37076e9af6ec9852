"""`LiveTraining` shows a training run while it runs."""

from __future__ import annotations

import html
import time
from typing import Any

from trm_edu import plots
from trm_edu.recipes import Recipe
from trm_edu.widgets.frames import CARD


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
