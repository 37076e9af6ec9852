"""What all pictures share: colours, styles, and the way into a notebook with an alternative text."""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

BLACK, ORANGE, GREEN, BLUE = "#000000", "#E69F00", "#009E73", "#0072B2"
YELLOW, VERMILION, PURPLE = "#F0E442", "#D55E00", "#CC79A7"
STYLES = ((ORANGE, ":", "o"), (GREEN, "--", "s"), (BLUE, "-", "D"), (PURPLE, "-.", "^"))
PALE_GREEN, PALE_ORANGE = "#E3F5EF", "#FFF6E0"  # behind what renews an answer, a latent state
DARK_GREEN, DARK_ORANGE, DARK_VERMILION = "#006B4E", "#8A5A00", "#A34700"  # dark enough for text
PLUM = "#8C3A6B"  # purple, dark enough for text
DPI = 130  # pixels in the file for an inch; the page shows 96 of them, so a sharp screen has some to spare
COLOURS = 64  # of a picture: enough for smooth letters, and a third of the size


def figure_of(drawn: Figure | Axes | Sequence[Axes] | np.ndarray) -> Figure:
    """The figure that axes, or the first of several axes, belong to."""
    if isinstance(drawn, Figure):
        return drawn
    return (drawn if isinstance(drawn, Axes) else np.asarray(drawn, dtype=object).flat[0]).figure


def image_tag(drawn: Figure | Axes | Sequence[Axes] | np.ndarray, alt_text: str) -> str:
    """The picture as one HTML element, PNG inside, with its alternative text. Raises ValueError if that is empty."""
    if not alt_text.strip():
        raise ValueError("alt_text is empty; say in a sentence or two what the picture shows")
    figure, buffer = figure_of(drawn), io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", pad_inches=0.08)
    with Image.open(buffer) as image:
        width = round(image.width * 96 / DPI)
        # Pillow's default would merge the colours of thin lines into one: they have few pixels.
        few = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
        few_colours = image.convert("RGB").quantize(COLOURS, **few)
    buffer = io.BytesIO()
    few_colours.save(buffer, format="png", optimize=True)
    if "matplotlib.pyplot" in sys.modules:  # else pyplot would show its own figures a second time
        sys.modules["matplotlib.pyplot"].close(figure)
    data, alt = base64.b64encode(buffer.getvalue()).decode(), html.escape(" ".join(alt_text.split()), quote=True)
    return f'<img alt="{alt}" width="{width}" style="max-width:100%" src="data:image/png;base64,{data}">'


def show(drawn: Figure | Axes | Sequence[Axes] | np.ndarray, alt_text: str) -> None:
    """Display a figure (or the figure of these axes) in a notebook; `alt_text` is what a screen reader says.

    An ordinary figure output has no place for such a text: JupyterLab draws it as an image without one. This one is
    HTML, with the text in the image's `alt`. Where no HTML can be shown, the text itself appears.
    """
    from IPython.display import display

    display({"text/html": image_tag(drawn, alt_text), "text/plain": " ".join(alt_text.split())}, raw=True)


def luminance(colour: Any) -> float:
    """Relative luminance, 0 black to 1 white, as defined for contrast ratios by WCAG 2."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def readable_on(colour: Any) -> str:
    """Black or white: what has more contrast, which is 4.5 to 1 or better on every colour."""
    return BLACK if luminance(colour) > 0.179 else "#FFFFFF"


def tidy(*axes: Axes) -> np.ndarray:
    """Take away the lines that say nothing."""
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
        ax.set_axisbelow(True)
    return np.array(axes, dtype=object)
