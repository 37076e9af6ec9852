"""Grids, curves and strips as SVG: a few kilobytes, made in a few milliseconds. matplotlib would need a hundred."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from trm_edu import plots
from trm_edu.inside import Update
from trm_edu.plots.style import DARK_GREEN, DARK_ORANGE, PALE_GREEN, PALE_ORANGE
from trm_edu.tasks import Task
from trm_edu.tasks.base import given_cells, lines_of, text_on

CELL, WIDEST = 34, 420  # side of a cell on the page, in pixels; of a whole grid, whose cells become smaller for it
BLOCK = "display:block;max-width:100%"
SMALL = 11  # pixels of the smallest letters: eight points
SURE, MOVED = (0, 72, 118), (112, 36, 84)  # the darkest blue and plum: each shades cells from white on


def side_of(task: Task, widest: int) -> int:
    """The side of a cell in pixels."""
    return min(CELL, max(8, widest // max(task.grid_shape)))


def square(x: int, y: int, side: int) -> str:
    """A cell as part of a path."""
    return f"M{x} {y}h{side}v{side}h-{side}z"


def open_svg(task: Task, side: int, letter: int, label: str) -> str:
    """The beginning of a grid's picture: its size, its label (escaped), a white ground."""
    rows, columns = task.grid_shape
    width, height = columns * side + 6, rows * side + 6  # room for the outer lines
    return (
        f'<svg role="img" aria-label="{label}" width="{width}" height="{height}" viewBox="-3 -3 {width} {height}" '
        f'style="{BLOCK};height:auto" font-family="sans-serif" font-size="{letter}" text-anchor="middle">'
        f'<rect x="-3" y="-3" width="{width}" height="{height}" fill="#fff"/>'
    )


def lines_svg(task: Task, side: int) -> list[str]:
    """The task's own lines, thin and thick."""
    lines, parts = lines_of(task), []
    for thick, stroke in ((False, 0.7), (True, 2.6)):
        strokes = [
            f"M{line.column * side} {line.row * side}L{line.to_column * side} {line.to_row * side}"
            for line in lines
            if line.thick == thick
        ]
        if strokes:
            parts.append(f'<path d="{"".join(strokes)}" stroke="#000" stroke-width="{stroke}"/>')
    return parts


def grid_svg(
    task: Task,
    tokens: np.ndarray,
    *,
    given: np.ndarray,
    changed: np.ndarray | None,
    wrong: np.ndarray | None,
    widest: int = WIDEST,
    label: str = "grid",
) -> str:
    """One grid [L] as SVG: clues (`given`, the question's tokens) bold, changed cells yellow, wrong ones crossed.

    widest: pixels of a whole grid, about. label: what it is, for a screen reader, who hears the marks counted as well.
    Needs the task's `look`; without it, the task's own `draw` makes a picture, which takes a hundred times longer.
    """
    changed = np.zeros(task.seq_len, bool) if changed is None else changed
    wrong = np.zeros(task.seq_len, bool) if wrong is None else wrong
    label = html.escape(f"{label}; {int(changed.sum())} cells changed, {int(wrong.sum())} wrong", quote=True)
    if not hasattr(task, "look"):
        picture = plots.grid(task, tokens, given=given, changed=changed, wrong=wrong)
        return plots.image_tag(picture, html.unescape(label))
    columns, side = task.grid_shape[1], side_of(task, widest)
    letter = round(max(0.56 * side, min(0.9 * side, SMALL)))
    parts = [open_svg(task, side, letter, label)]
    clues, looks = given_cells(task, given), {int(token): task.look(int(token)) for token in np.unique(tokens)}
    tints, crosses, texts = [], [], []
    arm, stroke = max(3, side * 7 // CELL), 2 if side >= 2 * SMALL else 1.2
    for cell, token in enumerate(tokens.tolist()):
        x, y, look = cell % columns * side, cell // columns * side, looks[token]
        if look.fill:
            parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{html.escape(look.fill)}"/>')
        if changed[cell] and look.fill:  # a tint would hide the colour
            inside = f'x="{x + 3}" y="{y + 3}" width="{side - 6}" height="{side - 6}"'
            parts.append(f'<rect {inside} fill="none" stroke="{plots.YELLOW}" stroke-width="3"/>')
        elif changed[cell]:
            tints.append(square(x, y, side))
        if wrong[cell]:
            crosses.append(f"M{x + side - arm - 3} {y + 3}l{arm} {arm}m0 -{arm}l-{arm} {arm}")
        if look.text.strip():
            is_clue = clues[cell] or look.bold
            colour = plots.BLACK if is_clue else plots.VERMILION if wrong[cell] else plots.BLUE
            colour = text_on(look.fill) if look.fill else colour
            weight = ' font-weight="bold"' if is_clue else ""
            place = f'x="{x + side / 2}" y="{y + side / 2 + letter * 0.36:.0f}"'
            texts.append(f'<text {place} fill="{colour}"{weight}>{html.escape(look.text)}</text>')
    # one path for all cells of a kind: a tenth of the text of an element for each
    if tints:
        parts.append(f'<path d="{"".join(tints)}" fill="{plots.YELLOW}" opacity="0.6"/>')
    if crosses:
        parts.append(f'<path d="{"".join(crosses)}" stroke="{plots.VERMILION}" stroke-width="{stroke}"/>')
    parts += texts
    parts += lines_svg(task, side)
    return "".join([*parts, "</svg>"])


@lru_cache(maxsize=1024)
def shade(share: float, darkest: tuple[int, int, int]) -> str:
    """A colour "#RRGGBB" from white (0) to the darkest one (1): the more, the darker."""
    share = min(max(share, 0.0), 1.0)
    return "#" + "".join(f"{round(255 + (end - 255) * share):02X}" for end in darkest)


def shades_svg(
    task: Task,
    values: Float[np.ndarray, " L"] | None,
    shown: Bool[np.ndarray, " L"],
    question: np.ndarray,
    *,
    darkest: tuple[int, int, int],
    widest: int,
    label: str,
) -> str:
    """A share for each `shown` cell [L] as a shade, with its percent where there is room; what is given is hatched.

    values: None leaves the shown cells white. Percents are cut to 100 in the shade, not in the text.
    """
    side = side_of(task, widest)
    columns, roomy = task.grid_shape[1], side >= 2.2 * SMALL
    parts = [open_svg(task, side, SMALL, html.escape(label, quote=True))]
    looks = {int(token): task.look(int(token)) for token in np.unique(question)} if hasattr(task, "look") else {}
    hatched = {token: bool(look.fill or look.text.strip()) for token, look in looks.items()}
    percents = np.full(task.seq_len, -1) if values is None else np.rint(values * 100).astype(int)
    squares: dict[str, list[str]] = {}
    hatch, glyphs = [], []
    for cell, percent in enumerate(percents.tolist()):
        x, y = cell % columns * side, cell // columns * side
        if shown[cell] and percent >= 0:
            colour = shade(percent / 100, darkest)
            squares.setdefault(colour, []).append(square(x, y, side))
            if roomy:
                place = f'x="{x + side / 2}" y="{y + side / 2 + 4}"'
                glyphs.append(f'<text {place} fill="{text_on(colour)}">{percent}</text>')
        elif not shown[cell] and hatched.get(int(question[cell])):
            half = side / 2
            hatch.append(f"M{x} {y + side}l{side} -{side}m0 {half}l-{half} {half}m0 -{side}l-{half} {half}")
    parts += [f'<path d="{"".join(cells)}" fill="{colour}"/>' for colour, cells in squares.items()]
    if hatch:
        parts.append(f'<path d="{"".join(hatch)}" stroke="#AAA" stroke-width="1"/>')
    return "".join([*parts, *glyphs, *lines_svg(task, side), "</svg>"])


def scale_svg(darkest: tuple[int, int, int], most: str) -> str:
    """What the shades of a grid mean: nothing to `most`."""
    boxes = "".join(
        f'<rect x="{26 + 6 * i}" y="1" width="6" height="11" fill="{shade(i / 10, darkest)}"/>' for i in range(11)
    )
    return (
        f'<svg aria-hidden="true" width="256" height="15" font-size="{SMALL}" font-family="sans-serif" '
        f'style="{BLOCK}">{boxes}<rect x="26" y="1" width="66" height="11" fill="none" '
        f'stroke="#000" stroke-width="0.5"/><text x="3" y="11">0%</text>'
        f'<text x="97" y="11">{html.escape(most)}</text></svg>'
    )


def halting_svg(said: Sequence[float], total: int, now: tuple[float, float] | None = None) -> str:
    """The halting probability after the steps so far, as a small curve over all `total` steps.

    now: a place between two steps and the probability there, if the heads were read there. The present one is marked.
    """
    left, top, width, height = 34, 8, 190, 62

    def at(step: float, share: float) -> str:
        return f"{left + 8 + (width - 16) * (step - 1) / max(total - 1, 1):.1f} {top + height * (1 - share):.1f}"

    places = [at(i, share) for i, share in enumerate(said, start=1)]
    points = [*places, *([at(*now)] if now else [])]
    curve = "M" + "L".join(points) if points else ""
    dots = "".join(f"M{place} m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0" for place in places)
    mark = f'<path d="M{points[-1]}m-6 0l6 -6l6 6l-6 6z" fill="{plots.ORANGE}" stroke="#000"/>' if points else ""
    shown = [f"{share:.0%}" for share in [*said, *([now[1]] if now else [])]]
    words = "nothing said yet" if not shown else shown[0] if len(shown) == 1 else f"from {shown[0]} to {shown[-1]} now"
    label = f"curve of the halting probability over {len(shown)} of {total} steps: {words}"
    labels = "".join(
        f'<text x="{left - 4}" y="{top + height * (1 - share) + 4:.0f}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.5, 1)
    )
    ends = f'<text x="{left + 8}" y="{top + height + 15}" text-anchor="middle">1</text>' + (
        f'<text x="{left + width - 8}" y="{top + height + 15}" text-anchor="middle">{total}</text>' if total > 1 else ""
    )
    return (
        f'<svg role="img" aria-label="{label}" width="230" height="90" font-size="{SMALL}" font-family="sans-serif" '
        f'style="{BLOCK}">'
        f'<path d="M{left} {top}v{height}h{width}" fill="none" stroke="#000" stroke-width="0.7"/>'
        f'<path d="M{left} {top + height / 2}h{width}" stroke="#767676" stroke-dasharray="3 3"/>'
        f'<path d="{curve}" fill="none" stroke="#000" stroke-width="1.2"/><path d="{dots}"/>{mark}{labels}{ends}'
        f'<text x="{left + width / 2}" y="{top + height + 15}" text-anchor="middle">supervision step</text></svg>'
    )


def strip_svg(updates: Sequence[Update], answer: str, reached: Sequence[bool], present: int) -> str:
    """Every update of a supervision step as a small box with the state that it renews; a row for each recursion.

    answer: the state that the heads read. reached: whether a gradient of the answer gets to it (solid frame).
    present: which one is shown, from 1 on: it is filled, those before are tinted.
    """
    wide = max(20, 7 * max(len(update.state) for update in updates) + 6)
    per_row = max(update.number for update in updates)
    rows = max(update.recursion for update in updates)
    width, height = 16 + per_row * (wide + 3), rows * 23
    parts = []
    for i, update in enumerate(updates, start=1):
        ink, tint = (DARK_GREEN, PALE_GREEN) if update.state == answer else (DARK_ORANGE, PALE_ORANGE)
        fill, letter = (ink, "#FFFFFF") if i == present else (tint if i < present else "#FFFFFF", ink)
        x, y = 16 + (update.number - 1) * (wide + 3), (update.recursion - 1) * 23 + 2
        frame = 'stroke="#000" stroke-width="2"' if reached[i - 1] else 'stroke="#767676" stroke-dasharray="2 2"'
        parts.append(
            f'<rect x="{x}" y="{y}" width="{wide}" height="18" rx="3" fill="{fill}" {frame}/>'
            f'<text x="{x + wide / 2}" y="{y + 13}" fill="{letter}" text-anchor="middle" font-weight="bold">'
            f"{html.escape(update.state)}</text>"
        )
    numbers = "".join(f'<text x="0" y="{row * 23 + 15}">{row + 1}</text>' for row in range(rows))
    solid = [i for i, flows in enumerate(reached, start=1) if flows]
    flows = f"a gradient reaches updates {solid[0]} to {solid[-1]}" if solid else "no gradient reaches any"
    now = updates[present - 1]
    label = f"update {present} of {len(updates)}: recursion {now.recursion} of {rows}, {now.state}; {flows}"
    return (
        f'<svg role="img" aria-label="{html.escape(label, quote=True)}" width="{width}" height="{height}" '
        f'font-size="{SMALL}" font-family="sans-serif" style="{BLOCK}">{numbers}{"".join(parts)}</svg>'
    )
