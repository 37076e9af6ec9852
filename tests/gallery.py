"""Every picture and widget of the library in one notebook, to look at. tests/test_gallery.py shows it in two themes.

Cells are separated by `# %%`, as in the lessons' text twins. Numbers that a picture needs and no network here can give
are made up, and say so.
"""

# %% [markdown]
# # Every picture and every widget
#
# To look at, in a light and in a dark theme. Not a lesson.

# %%
import os
from dataclasses import replace

os.environ["TRM_EDU_TASKS"] = "examples/futoshiki.py"

import numpy as np
import torch

from trm_edu import TRM, ModelConfig, get_task, plots
from trm_edu.checkpoints import shipped_model
from trm_edu.data import as_tensor
from trm_edu.hrm import HRM, HRMConfig
from trm_edu.inference import noisy_state
from trm_edu.inside import influence, latent_path, unroll
from trm_edu.logs import RunLog
from trm_edu.recipes import RECIPES
from trm_edu.solve import Step, recursion_trace
from trm_edu.variants import MultiScaleZ
from trm_edu.widgets import Knobs, Player, TrainingMonitor, YourPuzzle

sudoku6, sudoku9, maze10, arc10 = (get_task(name) for name in ("sudoku6", "sudoku9", "maze10", "arc10"))
small, large = shipped_model("sudoku6").model, shipped_model("sudoku9").model
hard, easy = sudoku9.generate(60, seed=2025), sudoku6.generate(100, seed=5)
maze, futoshiki = maze10.generate(1, seed=3), get_task("futoshiki4")


def think(model, question, n_supervision=16):
    """The steps of one puzzle."""
    trace = recursion_trace(model, question[None], n_supervision)
    return [Step(i, a[0], c[0], float(h[0])) for i, (a, c, h) in enumerate(trace, start=1)]


def untrained(task, **settings):
    """A network of a task's size that has learned nothing."""
    torch.manual_seed(0)
    sizes = {"vocab_size": task.vocab_size, "seq_len": task.seq_len, "hidden": 32, "heads": 4} | settings
    return TRM(ModelConfig(**sizes)).eval()


# %% [markdown]
# ## Grids: Sudoku, maze, ARC, a puzzle of one's own

# %%
plots.show(plots.grid(sudoku9, hard.questions[0]), "A 9x9 Sudoku.")
plots.show(plots.grid(maze10, maze.answers[0], given=maze.questions[0]), "A maze with its path.")
colours = arc10.encode("\n".join("0123456789"[i:] + "0123456789"[:i] for i in range(10)))
plots.show(plots.grid(arc10, colours), "All ten colours of ARC.")
plots.show(plots.grid(futoshiki, futoshiki.generate(1, seed=1).questions[0]), "A futoshiki.")

# %% [markdown]
# ## The answer after each supervision step

# %%
steps = think(large, hard.questions[1])
answers = [step.answer for step in steps]
row = plots.answer_row(sudoku9, hard.questions[1], answers, solution=hard.answers[1])
plots.show(row, "Question and answers in a row.")

# %%
picture = plots.thinking(sudoku9, hard.questions[1], steps, solution=hard.answers[1])
plots.show(picture, plots.thinking_text(sudoku9, hard.questions[1], steps, solution=hard.answers[1]))

# %%
steps_maze = think(untrained(maze10, mixer="conv", grid_cols=10), maze.questions[0], 4)
picture = plots.thinking(maze10, maze.questions[0], steps_maze, solution=maze.answers[0])
plots.show(picture, plots.thinking_text(maze10, maze.questions[0], steps_maze, solution=maze.answers[0]))

# %%
steps_arc = think(untrained(arc10), colours, 3)
plots.show(plots.thinking(arc10, colours, steps_arc), plots.thinking_text(arc10, colours, steps_arc))

# %% [markdown]
# ## Maps on the grid: confidence, influence, attention

# %%
open_cells = np.where(hard.questions[1] == 1, steps[0].confidence, 0)
options = {"question": hard.questions[1], "answer": steps[0].answer, "label": "confidence after step 1"}
ax = plots.grid_map(sudoku9, open_cells, **options)
plots.show(ax, plots.grid_map_text(sudoku9, open_cells, **options))

# %%
cell = int(np.flatnonzero(hard.questions[1] == 1)[20])
seen = influence(large, as_tensor(hard.questions[1][None], torch.device("cpu")), cell)
options = {"question": hard.questions[1], "cell": cell, "label": "influence on the framed cell"}
plots.show(plots.grid_map(sudoku9, seen, **options), plots.grid_map_text(sudoku9, seen, **options))

# %%
looker = untrained(sudoku6, mixer="attention", prefix_len=2, puzzle_dim=64, puzzle_ids=1)
inside = unroll(looker, as_tensor(easy.questions[:1], torch.device("cpu")))
axes = plots.attention_on_grid(sudoku6, inside, 5, 8, question=easy.questions[0])
plots.show(axes, plots.attention_on_grid_text(sudoku6, inside, 5, 8, question=easy.questions[0]))

# %%
walker = untrained(maze10, mixer="conv", grid_cols=10)
seen = influence(walker, as_tensor(maze.questions, torch.device("cpu")), 44)
options = {"question": maze.questions[0], "cell": 44, "label": "influence on the framed cell"}
plots.show(plots.grid_map(maze10, seen, **options), plots.grid_map_text(maze10, seen, **options))

# %% [markdown]
# ## Scores

# %%
trace = recursion_trace(large, hard.questions, 16)
right = np.array([sudoku9.is_solved_batch(hard.questions, answers) for answers, _, _ in trace])
exact, halting = right.mean(axis=1), np.array([halt.mean() for _, _, halt in trace])
plots.show(plots.accuracy_by_step(exact, halting=halting), plots.accuracy_by_step_text(exact, halting=halting))
made_up = np.clip(exact + np.array([[-0.06], [0.02], [0.05]]), 0, 1)
plots.show(plots.accuracy_by_step(runs=made_up), plots.accuracy_by_step_text(runs=made_up))

# %%
stated = trace[-1][2]
plots.show(plots.halting_calibration(stated, right[-1]), plots.halting_calibration_text(stated, right[-1]))
rng = np.random.default_rng(0)
spread = rng.beta(0.4, 0.3, 2000)
so = rng.random(2000) < spread**1.5
plots.show(plots.halting_calibration(spread, so), plots.halting_calibration_text(spread, so))

# %%
guesses = hard.extra["guesses"]
plots.show(plots.solved_by_guesses(guesses, right[-1]), plots.solved_by_guesses_text(guesses, right[-1]))

# %% [markdown]
# Made-up numbers, to look at the two pictures.

# %%
depths = {
    (T, n): np.clip(0.5 + 0.09 * T + 0.04 * n + rng.normal(0, 0.02, 3), 0, 1)
    for T in (1, 2, 3, 4)
    for n in (1, 2, 4, 6)
    if T * n < 20
}
depths[3, 6] = depths[3, 6][:1]
cost = {(T, n): T * (n + 1) for T, n in depths}
plots.show(plots.depth_map(depths, cost=cost), plots.depth_map_text(depths, cost=cost))

# %%
rungs = {
    "HRM as published": [0.52, 0.55, 0.57, 0.50, 0.56],
    "plain halting": [0.54, 0.55, 0.58, 0.53, 0.55],
    "full gradient": [0.78, 0.80, 0.83, 0.79, 0.81],
    "one network": [0.86, 0.84, 0.87, 0.85, 0.88],
    "EMA": [0.90],
}
plots.show(plots.ladder(rungs), plots.ladder_text(rungs))

# %%
points = [
    plots.CostPoint(
        f"N={steps}, {starts} starts", 0.5 + 0.05 * np.log2(steps * starts), 0.45, 0.95, steps * starts * 6.0
    )
    for steps in (1, 4, 16)
    for starts in (1, 2, 4)
]
points = [point._replace(low=point.exact - 0.05, high=min(1.0, point.exact + 0.05)) for point in points]
ax = plots.accuracy_against_cost(points, chosen=4)
plots.show(ax, plots.accuracy_against_cost_text(points, chosen=4))

# %% [markdown]
# ## Runs

# %%
settings = replace(RECIPES["laptop-sudoku6"], steps=60).as_dict()
rows = [{"kind": "start", "step": 0, "recipe": settings, "training": "some", "held_out": "others", "device": "this"}]
for i in range(1, 4):
    share = {"exact": [0.1 * i, 0.2 * i, 0.3 * i], "interval": [0.3 * i - 0.05, 0.3 * i + 0.05], "count": 100}
    place = {"step": 20 * i, "seconds": 2.0 * i}
    rows += [{"kind": "step", **place, "loss": 2.0 / i}, {"kind": "end" if i == 3 else "eval", **place, **share}]
plots.show(plots.learning_curve(rows), plots.learning_curve_text(rows))
run = RunLog.of(rows)
plots.show(plots.training_curves(run), plots.curves_text(run))

# %% [markdown]
# ## What happens in there

# %%
plots.show(plots.recursion_diagram(), plots.RECURSION_TEXT)

# %%
paper = untrained(sudoku9, T=3, n=6)
plots.show(plots.unrolled(paper), plots.unrolled_text(paper))

# %%
hrm = HRM(HRMConfig(vocab_size=11, seq_len=81, hidden=32, heads=4, T=2, n=2))
plots.show(plots.unrolled(hrm), plots.unrolled_text(hrm))

# %%
pads = MultiScaleZ(ModelConfig(vocab_size=11, seq_len=81, hidden=32, heads=4, T=2, n=3))
plots.show(plots.unrolled(pads), plots.unrolled_text(pads))

# %%
six = as_tensor(hard.questions[:6], torch.device("cpu"))
paths, last, _ = latent_path(large, six, 16)
solved = sudoku9.is_solved_batch(hard.questions[:6], last[-1])
plots.show(plots.latent_trajectories(paths, solved=solved), plots.latent_trajectories_text(paths, solved=solved))
plots.show(plots.step_sizes(paths, solved=solved), plots.step_sizes_text(paths, solved=solved))

# %%
many = as_tensor(np.repeat(hard.questions[2:3], 24, axis=0), torch.device("cpu"))
paths, last, _ = latent_path(large, many, 16, state=noisy_state(large, 24, 1.0, torch.Generator().manual_seed(0)))
solved = sudoku9.is_solved_batch(np.repeat(hard.questions[2:3], 24, axis=0), last[-1])
plots.show(plots.latent_trajectories(paths, solved=solved), plots.latent_trajectories_text(paths, solved=solved))

# %% [markdown]
# ## Widgets

# %%
Player(large, sudoku9, hard.questions[1], solution=hard.answers[1])

# %%
Player(untrained(maze10, mixer="conv", grid_cols=10), maze10, maze.questions[0], solution=maze.answers[0])

# %%
YourPuzzle(large, sudoku9, "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79")

# %%
YourPuzzle(untrained(maze10, mixer="conv", grid_cols=10), maze10, maze10.decode(maze.questions[0]))

# %%
YourPuzzle(untrained(futoshiki), futoshiki, futoshiki.decode(futoshiki.generate(1, seed=1).questions[0]))

# %%
Knobs(small, sudoku6, easy)

# %%
recipe = replace(RECIPES["laptop-sudoku6"], steps=60, eval_every=20, eval_count=100, eval_part=50)
monitor = TrainingMonitor(recipe, every=0.5)
run = monitor.train()
