"""The recursion itself: on a whiteboard, and unrolled from what a model was seen to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from torch import nn

from trm_edu.inside import Unrolled, Update, unroll
from trm_edu.plots.style import BLACK, BLUE, DARK_GREEN, DARK_ORANGE, GREEN, ORANGE, PALE_GREEN, PALE_ORANGE, PLUM

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
    box(0.1, 2.3, 1.7, 1.3, "x\nquestion", BLUE)
    box(3.9, 2.1, 3.2, 1.7, "think\nz ← net(z, y + x)", ORANGE, face=PALE_ORANGE)
    box(8.2, 2.1, 3.1, 1.7, "answer\ny ← net(y, z)", GREEN, face=PALE_GREEN)
    box(12.6, 3.3, 2.7, 1.1, "digit of each cell", BLACK)
    box(12.6, 1.5, 2.7, 1.1, "stop? yes / no", BLACK)
    arrow((1.9, 2.95), (3.8, 2.95))
    arrow((7.2, 2.95), (8.1, 2.95))
    arrow((11.4, 3.1), (12.5, 3.8))
    arrow((11.4, 2.8), (12.5, 2.1))
    arrow((6.4, 3.9), (4.6, 3.9), 1.1)
    ax.text(5.5, 4.98, "n times", ha="center", va="bottom", fontsize=10, color=DARK_ORANGE)
    arrow((9.75, 2.0), (5.5, 2.0), -0.25)
    ax.text(7.6, 1.0, "again", ha="center", fontsize=10, color=PLUM)
    return ax


# --- unrolled -------------------------------------------------------------------------------------------------------

LEFT, RIGHT, PITCH, NARROWEST = 1.25, 0.63, 1.16, 8.0  # margins, least width of a column and of the page, in inches
HEADER, LANE, BOX = 0.8, 0.66, 0.5  # from a row's top to its first lane, between lanes, height of a box, in inches
TITLE, FOOT = 0.36, 1.52  # above the first row and below the last one, in inches
GREY = "#6E6E6E"  # of what has no gradient; dark enough for text
LARGEST, SMALLEST = 10.0, 8.0  # text, in points
HATCH = "////"
DARK = {GREEN: DARK_GREEN, ORANGE: DARK_ORANGE}  # the same hues, dark enough for text


def unrolled(model_or_unrolled: nn.Module | Unrolled, ax: Axes | None = None, *, n_supervision: int = 16) -> Axes:
    """One supervision step as the paper draws it: a row for each recursion, a box for each evaluation of a network.

    Drawn from what `trm_edu.inside.unroll` saw the model do: which state is renewed, what is read, where a gradient of
    the answer arrives. A model is run once, on a random question of its size; its mode and its gradients stay as they
    are. n_supervision: how many supervision steps there are at most. `unrolled_text` is the alternative text.
    Axes of one's own should be 8 inches wide, and 10 for 7 evaluations a recursion. Raises ValueError for a record
    that does not know its gradients, RecipeError for a model without recursion.
    """
    record = record_of(model_or_unrolled, n_supervision)
    return Sheet(record, ax).draw(n_supervision)


def unrolled_text(model_or_unrolled: nn.Module | Unrolled, *, n_supervision: int = 16) -> str:
    """The alternative text of `unrolled`, from the same record. Raises what that raises."""
    record = record_of(model_or_unrolled, n_supervision)
    rows, groups, total = rows_of(record), groups_of(record), len(record)
    said = ["; then ".join(renewals(row, groups)) for row in rows]
    if len(set(said)) == 1:
        many = f"In each of the {len(rows)} recursions " if len(rows) > 1 else "In the one recursion "
        work = f"{many}{said[0]}."
    else:
        work = " ".join(f"Recursion {i}: {one}." for i, one in enumerate(said, start=1))
    reached = [i for i, update in enumerate(record.updates, start=1) if update.gradient]
    if len(reached) in (0, total):
        gradient = f"{'all' if reached else 'none'} of the {total} evaluations"
    elif reached == list(range(total - len(reached) + 1, total + 1)):
        gradient = f"the last {len(reached)} of {total} evaluations (solid, thick frames), not the others (dashed)"
    else:
        numbers = ", ".join(map(str, reached))
        gradient = f"{len(reached)} of {total} evaluations (solid, thick frames), numbers {numbers}, not the others"
    names = joined([spoken(lane, groups) for lane in groups])
    if n_supervision > 1:
        verb = "is" if len(record.start) == 1 else "are"
        kept = f"{names} {verb} kept, detached, for the next supervision step, up to {n_supervision} steps"
    else:
        kept = "there is one supervision step only, so nothing is kept"
    return (
        f"Diagram of one supervision step of {type(record.model).__name__}, {settings(record)}. {work} A gradient of "
        f"the answer reaches {gradient}. After the last evaluation the heads read {record.answer}: an answer for each "
        f"cell, and whether to stop. Both go into the loss; {kept}."
    )


def record_of(model_or_unrolled: nn.Module | Unrolled, n_supervision: int) -> Unrolled:
    """The record to draw. A model is unrolled on one random question; nothing of it changes."""
    if n_supervision < 1:
        raise ValueError(f"n_supervision is {n_supervision}; it must be at least 1")
    if isinstance(model_or_unrolled, Unrolled):
        record = model_or_unrolled
    else:
        model, generator = model_or_unrolled, torch.Generator().manual_seed(0)
        config, device = model.config, next(model.parameters()).device
        question = torch.randint(1, config.vocab_size, (1, config.seq_len), generator=generator).to(device)
        modes = [(part, part.training) for part in model.modules()]
        model.eval()  # in training mode an embedding of puzzles keeps what it was asked for
        try:
            record = unroll(model, question, gradient=True)
        finally:
            for part, training in modes:
                part.training = training
    if any(update.gradient is None for update in record.updates):
        raise ValueError("this record does not know where gradients arrive; make it with unroll(..., gradient=True)")
    return record


def rows_of(record: Unrolled) -> list[list[Update]]:
    """The updates of each recursion."""
    return [list(row) for _, row in groupby(record.updates, key=lambda update: update.recursion)]


def groups_of(record: Unrolled) -> dict[str, list[str]]:
    """Names of states that share a lane, by what the lane is called: pads1 to pads6 are `pads1…6`, others alone.

    The answer state comes first and has a lane of its own.
    """
    groups: list[tuple[str, list[str]]] = []
    for name in record.start:
        stem = "" if name == record.answer else name.rstrip("0123456789")
        known, names = groups[-1] if groups else ("", [])
        if stem and stem == known and name == f"{stem}{int(names[-1].removeprefix(stem) or -2) + 1}":
            names.append(name)
        else:
            groups.append((stem, [name]))
    return {
        names[0] if len(names) == 1 else f"{names[0]}…{names[-1].removeprefix(stem)}": names for stem, names in groups
    }


def summed(reads: Sequence[str], groups: dict[str, list[str]]) -> list[str]:
    """What was summed up, with the name of a group in place of all its members if these are more than two."""
    large = {group: names for group, names in groups.items() if len(names) > 2 and set(names) <= set(reads)}
    whole = {name: group for group, names in large.items() for name in names}
    return list(dict.fromkeys(whole.get(name, name) for name in reads))


def network_name(name: str) -> str:
    """The paper's name of a network."""
    return "net" if name == "network" else name


def renewals(row: Sequence[Update], groups: dict[str, list[str]]) -> list[str]:
    """What the updates of a recursion do, in words; those that do the same together."""
    lane_of = {name: lane for lane, names in groups.items() for name in names}
    parts = []
    alike = groupby(row, key=lambda update: (update.network, lane_of[update.state], summed(update.reads, groups)))
    for (network, lane, reads), same in alike:
        states = [update.state for update in same]
        if len(set(states)) == 1:
            what, times = states[0], {1: "once", 2: "twice"}.get(len(states), f"{len(states)} times")
        else:
            what, times = spoken(lane, groups), "one after the other"
        total = " + ".join(spoken(name, groups, " + ... + ") for name in reads)
        parts.append(f"{network_name(network)} renews {what} from {total}, {times}")
    return parts


def spoken(lane: str, groups: dict[str, list[str]], between: str = " to ") -> str:
    """A lane's name for those who hear it: its first state and its last."""
    names = groups.get(lane, [lane])
    return joined(names) if len(names) < 3 else f"{names[0]}{between}{names[-1]}"


def settings(record: Unrolled) -> str:
    """T, n and how many evaluations they make."""
    config = record.model.config
    return f"T = {config.T} and n = {config.n}: {len(record)} evaluations"


def joined(names: Sequence[str]) -> str:
    """Names with commas, and `and` before the last one."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def as_math(text: str) -> str:
    """z_H and f_L with their letters lowered, as the papers set them."""
    return re.sub(r"\b([A-Za-z])_([A-Za-z0-9])\b", r"$\\mathrm{\1}_\\mathrm{\2}$", text)


@cache  # letters are measured slowly, and rows repeat each other
def text_width(text: str, points: float) -> float:
    """Width of a line of text in inches."""
    return TextPath((0, 0), text, size=points).get_extents().width / 72


def pale(colour: str) -> tuple[float, float, float]:
    """The colour, half way to white."""
    return tuple((1 + part) / 2 for part in to_rgb(colour))


class Sheet:
    """The page on which one record is drawn. Places are inches from the lower left corner."""

    def __init__(self, record: Unrolled, ax: Axes | None):
        self.record, self.rows, self.groups = record, rows_of(record), groups_of(record)
        self.lane_of = {name: lane for lane, names in self.groups.items() for name in names}
        answer, *others = self.groups
        self.lanes = [*others[::-1], answer]  # from top to bottom: what is thought falls into the answer
        columns = max(update.number for update in record.updates)
        self.row_height = HEADER + LANE * (len(self.lanes) - 1) + BOX / 2 + 0.1 * len(self.lanes) + 0.16
        self.width = max(NARROWEST, LEFT + RIGHT + PITCH * columns)
        self.height = TITLE + self.row_height * len(self.rows) + FOOT
        self.pitch = (self.width - LEFT - RIGHT) / columns
        self.box_width = min(self.pitch - 0.18, 2.0)
        if ax is None:
            ax = Figure(figsize=(self.width, self.height)).add_axes((0, 0, 1, 1))
        self.ax = ax
        self.scale = ax.get_window_extent().width / ax.figure.dpi / self.width  # of the axes against the page
        ax.set(xlim=(0, self.width), ylim=(0, self.height))
        ax.set_axis_off()

    # --- places

    def top(self, row: int) -> float:
        return self.height - TITLE - self.row_height * row

    def lane_y(self, row: int, lane: str) -> float:
        return self.top(row) - HEADER - LANE * self.lanes.index(lane)

    def column_x(self, number: int) -> float:
        return LEFT + self.pitch * (number - 0.5)

    def enters(self, lane: str) -> float:
        """Where a lane comes down on the left: the lower the lane, the further out, so that none crosses another."""
        return 0.6 - 0.12 * self.lanes.index(lane)

    def leaves(self, lane: str) -> float:
        """Where a lane goes down on the right: the higher the lane, the further out."""
        return self.width - RIGHT + 0.2 + 0.12 * (len(self.lanes) - 1 - self.lanes.index(lane))

    def colour(self, lane: str) -> str:
        return GREEN if lane == self.lanes[-1] else ORANGE

    def flow(self, lane: str) -> dict[str, Any]:
        """How a lane looks: one that several states share is wider."""
        return {"color": self.colour(lane), "linewidth": 1.8 if len(self.groups[lane]) == 1 else 3.4}

    # --- marks

    def write(self, x: float, y: float, text: str, points: float = 9.0, **style: Any) -> Text:
        return self.ax.text(x, y, as_math(text), fontsize=points, **({"ha": "center", "va": "center"} | style))

    def line(self, *points: tuple[float, float], **style: Any) -> None:
        style = {"color": BLACK, "linewidth": 1.6, "solid_joinstyle": "round", "zorder": 1} | style
        self.ax.plot(*zip(*points, strict=True), **style)

    def arrow(self, start: tuple[float, float], end: tuple[float, float], name: str, **style: Any) -> None:
        look = {"arrowstyle": "-|>", "mutation_scale": 9, "color": BLACK, "linewidth": 1.1, "zorder": 2}
        self.ax.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, gid=name, **(look | style)))

    # --- parts

    def draw(self, n_supervision: int) -> Axes:
        name = type(self.record.model).__name__
        title = f"one supervision step of {name}: {settings(self.record)}"
        self.write(LEFT, self.height - 0.17, title, 11, ha="left", weight="bold")
        for row, updates in enumerate(self.rows):
            self.brackets(row, updates)
            self.bar(row, updates)
            for lane in self.lanes:
                self.lane(row, lane)
            for update in updates:
                self.box(row, update)
                self.arrows(row, update)
        self.foot(n_supervision)
        self.legend()
        return self.ax

    def brackets(self, row: int, updates: Sequence[Update]) -> None:
        """Above a row: from where to where a gradient arrives. It runs backward, hence the head of its arrow."""
        y = self.top(row) - 0.14
        for gradient, same in groupby(updates, key=lambda update: update.gradient):
            run = list(same)
            left = self.column_x(run[0].number) - self.box_width / 2
            right = self.column_x(run[-1].number) + self.box_width / 2
            said = "gradient" if gradient else "no gradient"
            colour = BLACK if gradient else GREY
            line = {"linewidth": 2.2} if gradient else {"linewidth": 1.0, "linestyle": (0, (4, 3))}
            self.line((left, y - 0.07), (left, y), (right, y), (right, y - 0.07), color=colour, **line)
            if gradient:
                self.arrow((left + 0.01, y), (left - 0.09, y), "backward", color=colour, mutation_scale=12)
            label = f"recursion {row + 1} of {len(self.rows)}: {said}" if run[0] is updates[0] else said
            points = 9.0 if text_width(label, 9) < (right - left) * self.scale - 0.3 else SMALLEST
            style = {"color": colour, "weight": "bold" if gradient else "normal"}
            space = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            self.write((left + right) / 2, y, label, points, **style, bbox=space, zorder=4)

    def bar(self, row: int, updates: Sequence[Update]) -> None:
        """x, the same for all evaluations of a row that read it."""
        readers = [update.number for update in updates if "x" in update.reads]
        if not readers:
            return
        y, start = self.bar_y(row), LEFT - 0.1
        self.line((start, y), (self.column_x(readers[-1]), y), color=BLUE, linewidth=4, solid_capstyle="butt")
        self.write(start - 0.1, y, "x", 10, color=BLUE, weight="bold")

    def bar_y(self, row: int) -> float:
        return self.top(row) - 0.37

    def lane(self, row: int, lane: str) -> None:
        """A state flows from the left to the right, and on to the next row."""
        y, index = self.lane_y(row, lane), self.lanes.index(lane)
        path = [(self.enters(lane), y), (self.leaves(lane), y)]
        if row + 1 < len(self.rows):
            gutter = self.top(row + 1) + 0.04 + 0.1 * index
            path += [(self.leaves(lane), gutter), (self.enters(lane), gutter)]
            path += [(self.enters(lane), self.lane_y(row + 1, lane))]
        self.line(*path, **self.flow(lane))
        self.write(LEFT - 0.28, y + 0.1, lane, 9, weight="bold", color=DARK[self.colour(lane)])

    def box(self, row: int, update: Update) -> None:
        """One evaluation: its network and what it does to which state."""
        lane = self.lane_of[update.state]
        x, y, colour = self.column_x(update.number), self.lane_y(row, lane), self.colour(lane)
        is_answer = lane == self.lanes[-1]
        corners = (x - self.box_width / 2, y - BOX / 2)
        rounding = "square,pad=0" if is_answer else "round,pad=0,rounding_size=0.1"
        frame = FancyBboxPatch(corners, self.box_width, BOX, boxstyle=rounding, zorder=3)
        frame.set(facecolor=PALE_GREEN if is_answer else PALE_ORANGE, gid=f"{update.recursion}.{update.number}")
        if update.gradient:
            frame.set(edgecolor=colour, linewidth=2.6)
        else:
            frame.set(edgecolor=pale(colour), linewidth=1.0, linestyle=(0, (4, 2.5)))
        self.ax.add_patch(frame)
        strip = 0.1 if is_answer else 0.0
        if is_answer:  # a hatch behind letters would hide them: it stands at the edge
            place, size = (corners[0] + 0.02, corners[1] + 0.02), (strip - 0.02, BOX - 0.04)
            style = {"facecolor": "white", "edgecolor": colour, "hatch": HATCH, "linewidth": 0, "zorder": 3.1}
            self.ax.add_patch(Rectangle(place, *size, **style))
        self.arrow((corners[0] - 0.1, y), (corners[0], y), "own state", color=colour, linewidth=0, mutation_scale=12)
        points, lines = self.fitted(update, self.box_width - strip - 0.12)
        text = self.write(x + strip / 2, y, "\n".join(lines), points, linespacing=1.15, zorder=5)
        text.set_gid(f"text {update.recursion}.{update.number}")

    def fitted(self, update: Update, width: float) -> tuple[float, list[str]]:
        """The update in the paper's words, in as large letters and as few lines as the width of a box allows."""
        head, total = f"{update.state} ← {network_name(update.network)}", summed(update.reads, self.groups)
        room = width * self.scale
        choices = [[f"{head}({' + '.join(total)})"], [head, f"({' + '.join(total)})"]]
        for cut in range(1, len(total)):
            choices.append([head, f"({' + '.join(total[:cut])} +", f"{' + '.join(total[cut:])})"])
        for points in (LARGEST, 9.0, SMALLEST):
            for lines in choices[: 2 if points > SMALLEST else None]:
                if max(text_width(as_math(line), points) for line in lines) <= room:
                    return points, lines
        return SMALLEST, choices[1]

    def arrows(self, row: int, update: Update) -> None:
        """What is read beside the state that is renewed: x from its bar, other states from their lanes."""
        own = self.lane_of[update.state]
        y, x = self.lane_y(row, own), self.column_x(update.number)
        if "x" in update.reads:
            place = x - self.box_width * 0.25
            name = f"x to {update.recursion}.{update.number}"
            self.arrow((place, self.bar_y(row)), (place, y + BOX / 2), name, color=BLUE, linewidth=1.6)
        others = dict.fromkeys(self.lane_of[name] for name in update.reads if name != "x")
        for lane in others:
            if lane != own:
                there = self.lane_y(row, lane)
                end = y + BOX / 2 if there > y else y - BOX / 2
                name = f"{lane} to {update.recursion}.{update.number}"
                place = x + self.box_width * (0.2 - 0.08 * self.lanes.index(lane))
                self.arrow((place, there), (place, end), name, color=self.colour(lane), linewidth=1.6)

    def foot(self, n_supervision: int) -> None:
        """The heads, the loss, and the way back to the first row."""
        last, answer = len(self.rows) - 1, self.lanes[-1]
        below = self.lane_y(last, answer) - BOX / 2
        top, right = below - 0.28, self.width - RIGHT + 0.02
        width, height = 3.1, 0.74
        self.frame(right - width, top - height, width, height, f"the heads read {answer}", where="top")
        half = (width - 0.3) / 2
        self.frame(right - width + 0.1, top - height + 0.09, half, 0.4, "answer of each cell")
        self.frame(right - half - 0.1, top - height + 0.09, half, 0.4, "stop? yes / no")
        final = self.record.updates[-1]
        x = self.column_x(final.number)
        start = below if self.lane_of[final.state] == answer else below + BOX / 2
        self.arrow((x, start), (x, top), "to the heads", color=GREEN, linewidth=1.8)
        middle = top - height / 2
        self.frame(right - width - 1.95, middle - 0.26, 1.5, 0.52, "loss,\nstep of the optimizer", name="loss")
        self.arrow((right - width, middle), (right - width - 0.45, middle), "to the loss")
        floor, wall = top - height - 0.2, 0.14
        one = len(self.record.start) == 1
        if n_supervision == 1:
            self.write(LEFT, floor - 0.15, "one supervision step only: nothing is kept", 9, ha="left")
            return
        dotted = {"linestyle": (0, (1, 1.6)), "linewidth": 1.6}
        for lane in self.lanes:
            y = self.lane_y(last, lane)
            self.line((self.leaves(lane), y), (self.leaves(lane), floor), **self.flow(lane))
            begin = self.lane_y(0, lane)
            self.line((wall, begin), (self.enters(lane) - 0.06, begin), **dotted)
            self.arrow((self.enters(lane) - 0.08, begin), (self.enters(lane) + 0.06, begin), "kept", linewidth=1.6)
        self.line((self.leaves(self.lanes[0]), floor), (wall, floor), (wall, self.lane_y(0, self.lanes[0])), **dotted)
        said = (
            f"{joined(list(self.groups))} {'is' if one else 'are'} kept (detached): the next supervision step begins "
        )
        said += f"with {'it' if one else 'them'}, up to {n_supervision} steps"
        self.write(LEFT, floor - 0.15, said, 9, ha="left")

    def frame(
        self, x: float, y: float, width: float, height: float, text: str, *, where: str = "middle", name: str = "heads"
    ) -> None:
        """A black box of the foot."""
        style = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": "white", "edgecolor": BLACK}
        self.ax.add_patch(FancyBboxPatch((x, y), width, height, linewidth=1.2, zorder=3, gid=name, **style))
        self.write(x + width / 2, y + height - 0.13 if where == "top" else y + height / 2, text, 9, zorder=5)

    def legend(self) -> None:
        """What colours, hatches and frames mean."""
        answer = as_math(f"renews {self.lanes[-1]} (answer)")
        handles = [
            Line2D([], [], color=BLUE, linewidth=4, label="x, the question"),
            Patch(facecolor=PALE_GREEN, edgecolor=GREEN, hatch=HATCH, label=answer),
            Patch(facecolor="white", edgecolor=BLACK, linewidth=2.6, label="gradient arrives"),
            Patch(facecolor="white", edgecolor=GREY, linestyle="--", label="no gradient"),
        ]
        if len(self.lanes) > 1:
            latent = joined(self.lanes[-2::-1])
            label = as_math(f"renews {latent} (latent)")
            handles.insert(1, Patch(facecolor=PALE_ORANGE, edgecolor=ORANGE, label=label))
        style = {"fontsize": 8.5, "frameon": False, "columnspacing": 1.4, "handlelength": 2.2, "borderaxespad": 0.2}
        self.ax.legend(handles=handles, loc="lower center", ncols=len(handles), **style)
