"""Pictures of the lessons. Every function draws on matplotlib axes (its own if none are given) and returns them.

Colours are those of Okabe and Ito, which all eyes can tell apart; markers and line styles say the same in grey. The
background is white, so that a dark theme changes nothing. `show` puts a picture into a notebook with the alternative
text that a screen reader reads out.
"""

from trm_edu.plots.grids import answer_row, changed_cells, grid, shown_steps
from trm_edu.plots.recursion import RECURSION_TEXT, recursion_diagram
from trm_edu.plots.runs import curves_text, learning_curve, training_curves
from trm_edu.plots.scores import accuracy_by_step, solved_by_guesses
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
    "GREEN",
    "ORANGE",
    "PURPLE",
    "RECURSION_TEXT",
    "VERMILION",
    "YELLOW",
    "accuracy_by_step",
    "answer_row",
    "changed_cells",
    "curves_text",
    "figure_of",
    "grid",
    "image_tag",
    "learning_curve",
    "recursion_diagram",
    "show",
    "shown_steps",
    "solved_by_guesses",
    "training_curves",
]
