"""Pictures of the lessons. Every function draws on matplotlib axes (its own if none are given) and returns them.

Colours are those of Okabe and Ito, which all eyes can tell apart; markers and line styles say the same in grey. The
background is white, so that a dark theme changes nothing. `show` puts a picture into a notebook with the alternative
text that a screen reader reads out.
"""

from trm_edu.plots.comparisons import (
    CostPoint,
    accuracy_against_cost,
    accuracy_against_cost_text,
    depth_map,
    depth_map_text,
    ladder,
    ladder_text,
)
from trm_edu.plots.grids import (
    answer_row,
    changed_cells,
    grid,
    shown_steps,
    thinking,
    thinking_text,
)
from trm_edu.plots.latents import latent_trajectories, latent_trajectories_text, step_sizes, step_sizes_text
from trm_edu.plots.maps import attention_on_grid, attention_on_grid_text, grid_map, grid_map_text
from trm_edu.plots.recursion import RECURSION_TEXT, recursion_diagram, unrolled, unrolled_text
from trm_edu.plots.runs import curves_text, learning_curve, learning_curve_text, training_curves
from trm_edu.plots.scores import (
    accuracy_by_step,
    accuracy_by_step_text,
    halting_calibration,
    halting_calibration_text,
    solved_by_guesses,
    solved_by_guesses_text,
)
from trm_edu.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    YELLOW,
    figure_of,
    image_tag,
    show,
)

__all__ = [
    "BLACK",
    "BLUE",
    "CostPoint",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "RECURSION_TEXT",
    "VERMILION",
    "YELLOW",
    "accuracy_against_cost",
    "accuracy_against_cost_text",
    "accuracy_by_step",
    "accuracy_by_step_text",
    "answer_row",
    "attention_on_grid",
    "attention_on_grid_text",
    "changed_cells",
    "curves_text",
    "depth_map",
    "depth_map_text",
    "figure_of",
    "grid",
    "grid_map",
    "grid_map_text",
    "halting_calibration",
    "halting_calibration_text",
    "image_tag",
    "ladder",
    "ladder_text",
    "latent_trajectories",
    "latent_trajectories_text",
    "learning_curve",
    "learning_curve_text",
    "recursion_diagram",
    "show",
    "shown_steps",
    "solved_by_guesses",
    "solved_by_guesses_text",
    "step_sizes",
    "step_sizes_text",
    "thinking",
    "thinking_text",
    "training_curves",
    "unrolled",
    "unrolled_text",
]
