"""The recursion itself: on a whiteboard."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from trm_edu.plots.style import BLACK, BLUE, GREEN, ORANGE, PLUM

RECURSION_TEXT = (
    "Diagram. The question x and the states y and z go into one network. Inner loop: the network renews z from z, y "
    "and x, n times; then it renews y from y and z, once. That is one latent recursion. It is done T times, the last "
    "time with gradient: one supervision step. After it the heads read y: an answer for each cell, and whether to "
    "stop. The outer loop repeats supervision steps, up to 16."
)


def recursion_diagram(ax: Axes | None = None) -> Axes:
    """TRM on a whiteboard: the three nested loops. `RECURSION_TEXT` is its alternative text."""
    if ax is None:
        ax = Figure(figsize=(8, 3.5)).add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 16), ylim=(0, 7))
    ax.set_axis_off()

    def box(x: float, y: float, width: float, height: float, text: str, colour: str, **style: Any) -> None:
        shape = FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.05,rounding_size=0.2", edgecolor=colour)
        shape.set(facecolor=style.get("face", "white"), linewidth=1.8, linestyle=style.get("line", "-"))
        ax.add_patch(shape)
        ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=11)

    def arrow(start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
        props = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.4, "connectionstyle": f"arc3,rad={bend}"}
        ax.annotate("", end, start, arrowprops=props)

    frames = (
        (2.3, 0.35, 13.4, 6.3, "supervision step, up to 16 times: loss, optimizer step, y and z are kept", BLACK, ":"),
        (2.7, 0.7, 9.1, 5.1, "latent recursion, T times: only the last one with gradient", PLUM, "--"),
    )
    for x, y, width, height, text, colour, line in frames:
        box(x, y, width, height, "", colour, line=line)
        ax.text(x + 0.2, y + height - 0.18, text, ha="left", va="top", fontsize=9.5, color=colour)
    box(0.2, 2.3, 1.3, 1.3, "x\nquestion", BLUE)
    box(3.9, 2.1, 3.2, 1.7, "think\nz ← net(z, y + x)", ORANGE, face="#FFF6E0")
    box(8.2, 2.1, 3.1, 1.7, "answer\ny ← net(y, z)", GREEN, face="#E3F5EF")
    box(12.6, 3.3, 2.7, 1.1, "digit of each cell", BLACK)
    box(12.6, 1.5, 2.7, 1.1, "stop? yes / no", BLACK)
    arrow((1.6, 2.95), (3.8, 2.95))
    arrow((7.2, 2.95), (8.1, 2.95))
    arrow((11.4, 3.1), (12.5, 3.8))
    arrow((11.4, 2.8), (12.5, 2.1))
    arrow((6.4, 3.9), (4.6, 3.9), 1.1)
    ax.text(5.5, 4.98, "n times", ha="center", va="bottom", fontsize=10, color="#8A5A00")
    arrow((9.75, 2.0), (5.5, 2.0), -0.25)
    ax.text(7.6, 1.0, "again", ha="center", fontsize=10, color=PLUM)
    return ax
