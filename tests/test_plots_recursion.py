"""The unrolled computation shows what a model was seen to do: network, state, what it reads and where gradients go."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from torch import nn

from trm_edu import ModelConfig, plots
from trm_edu.errors import RecipeError
from trm_edu.inside import Unrolled, unroll
from trm_edu.plots.recursion import GREY, groups_of, pale
from trm_edu.variants import MODELS, build_model

# What the updates of one recursion do (n latent ones, then the answer's), and how many of the last ones have gradient.
UPDATES = {
    "trm": ("z ← net(z + y + x)", "y ← net(y + z)", lambda n: n + 1),
    "hrm": ("z_L ← f_L(z_L + z_H + x)", "z_H ← f_H(z_H + z_L)", lambda n: 2),
    "one_step_gradient": ("z ← net(z + y + x)", "y ← net(y + z)", lambda n: 2),
    "separate_networks": ("z ← f_L(z + y + x)", "y ← f_H(y + z)", lambda n: n + 1),
    "single_z": ("z ← net(z + x)", "z ← net(z)", lambda n: n + 1),
    "multi_scale_z": ("pads{i} ← net(pads1…6 + y + x)", "y ← net(y + pads1…6)", lambda n: n + 1),
    "symmetric": ("z ← net(z + y + x)", "y ← net(y + z)", lambda n: n + 1),
}
PAPER = {"T": 3, "n": 6}
every_model = pytest.mark.parametrize("name", UPDATES)


def small(name: str, T: int = 3, n: int = 6, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    shape = {"vocab_size": 6, "seq_len": 16, "hidden": 16, "heads": 2, "swiglu_multiple": 8, "n_layers": 1}
    boxes = {"box_rows": 2, "box_cols": 2} if name == "symmetric" else {}
    return build_model(name, shape | boxes | {"T": T, "n": n} | settings)


@cache
def drawn(name: str, T: int = 3, n: int = 6) -> Axes:
    """The picture of a small model, for tests that only look at it."""
    return plots.unrolled(small(name, T, n))


def boxes_of(ax: Axes) -> dict[str, FancyBboxPatch]:
    """The box of each evaluation, by recursion.number, in the order of drawing."""
    return {p.get_gid(): p for p in ax.patches if re.fullmatch(r"\d+\.\d+", p.get_gid() or "")}


def plain(text: str) -> str:
    """A text of the picture as one writes it: z_L for the set letter, one line."""
    text = re.sub(r"\$\\mathrm\{(\w)\}_\\mathrm\{(\w)\}\$", r"\1_\2", text)
    return text.replace("\n(", "(").replace("\n", " ")


def words_of(ax: Axes) -> dict[str, str]:
    """What stands in each box."""
    return {t.get_gid().removeprefix("text "): plain(t.get_text()) for t in ax.texts if t.get_gid()}


def all_texts(ax: Axes) -> list[str]:
    return [plain(text.get_text()) for text in ax.texts]


def arrows_of(ax: Axes, name: str = "") -> list[FancyArrowPatch]:
    return [p for p in ax.patches if isinstance(p, FancyArrowPatch) and name in (p.get_gid() or "")]


def ends_of(arrow: FancyArrowPatch) -> tuple[tuple[float, float], tuple[float, float]]:
    return arrow._posA_posB  # matplotlib offers no other way to ask


# --- a box for each evaluation --------------------------------------------------------------------------------------


def test_every_model_but_direct_is_listed_here() -> None:
    assert {*UPDATES, "direct"} == set(MODELS)


@every_model
def test_every_evaluation_has_a_box_that_says_its_network_and_its_update(name: str) -> None:
    ax = drawn(name)
    think, answer, _ = UPDATES[name]
    expected = {f"{t}.{i}": think.format(i=i) if i <= 6 else answer for t in (1, 2, 3) for i in range(1, 8)}
    assert list(boxes_of(ax)) == list(expected)
    assert words_of(ax) == expected


@every_model
@pytest.mark.parametrize(("T", "n"), [(3, 6), (2, 2), (1, 1)])
def test_frames_and_brackets_say_where_a_gradient_arrives(name: str, T: int, n: int) -> None:
    ax = drawn(name, T, n)
    frames = list(boxes_of(ax).values())
    reached = UPDATES[name][2](n)
    assert len(frames) == T * (n + 1) and reached > 0
    for frame in frames[-reached:]:
        assert frame.get_linestyle() == "solid" and frame.get_linewidth() > 2
        assert to_hex(frame.get_edgecolor()).upper() in (plots.GREEN, plots.ORANGE)
    for frame in frames[:-reached]:
        assert frame.get_linestyle() != "solid" and frame.get_linewidth() <= 1
        assert np.mean(to_rgb(frame.get_edgecolor())) > 0.65, "pale"
    labels = [text for text in all_texts(ax) if "gradient" in text]
    expected = [f"recursion {t} of {T}: no gradient" for t in range(1, T)]
    whole = reached == n + 1
    expected += [f"recursion {T} of {T}: gradient"] if whole else [f"recursion {T} of {T}: no gradient", "gradient"]
    assert labels == expected


def test_a_bracket_ends_where_the_gradient_does() -> None:
    ax = drawn("hrm")
    boxes = boxes_of(ax)
    brackets = [line for line in ax.lines if len(line.get_xdata()) == 4 and line.get_color() in ("#000000", GREY)]
    reach = [(min(line.get_xdata()), max(line.get_xdata())) for line in brackets]

    def span(first: str, last: str) -> tuple[float, float]:
        return boxes[first].get_x(), boxes[last].get_x() + boxes[last].get_width()

    rows = [("1.1", "1.7"), ("2.1", "2.7"), ("3.1", "3.5"), ("3.6", "3.7")]
    np.testing.assert_allclose(reach, [span(*row) for row in rows])
    assert [line.get_linestyle() for line in brackets] == ["--", "--", "--", "-"]
    assert [line.get_color() for line in brackets] == [GREY, GREY, GREY, "#000000"]
    assert all(min(line.get_ydata()) > boxes[row[0]].get_y() + 0.5 for line, row in zip(brackets, rows, strict=True))
    (back,) = arrows_of(ax, "backward")
    assert ends_of(back)[1][0] < ends_of(back)[0][0], "a gradient runs backward"


@every_model
def test_the_answer_is_green_square_and_hatched_and_the_latent_orange_and_round(name: str) -> None:
    model = small(name)
    record = unroll(model, torch.ones(1, 16, dtype=torch.long), gradient=True)
    ax = plots.unrolled(record)
    hatched = [p.get_x() for p in ax.patches if isinstance(p, Rectangle) and p.get_hatch()]
    for frame, update in zip(boxes_of(ax).values(), record.updates, strict=True):
        answer = update.state == record.answer
        style = type(frame.get_boxstyle()).__name__
        assert style == ("Square" if answer else "Round")
        assert to_hex(frame.get_facecolor()).upper() == ("#E3F5EF" if answer else "#FFF6E0")
        colour = plots.GREEN if answer else plots.ORANGE
        edge = to_rgb(colour) if update.gradient else pale(colour)
        np.testing.assert_allclose(frame.get_edgecolor()[:3], edge)
    count = sum(update.state == record.answer for update in record.updates)
    assert len(hatched) == count
    labels = [plain(text.get_text()) for text in ax.get_legend().get_texts()]
    latent = "pads1…6" if name == "multi_scale_z" else next((s for s in record.start if s != record.answer), None)
    middle = [f"renews {latent} (latent)"] if latent else []
    assert labels == ["x, the question", *middle, f"renews {record.answer} (answer)", "gradient arrives", "no gradient"]
    handles = dict(zip(labels, ax.get_legend().legend_handles, strict=True))
    assert handles[f"renews {record.answer} (answer)"].get_hatch()
    dashes = [handles[label]._dash_pattern[1] for label in ("no gradient", "gradient arrives")]
    assert dashes[0] and not dashes[1], "a legend's copy of a patch keeps its dashes only here"


# --- lanes and arrows -----------------------------------------------------------------------------------------------


def test_rows_go_down_updates_to_the_right_and_each_state_keeps_its_lane() -> None:
    boxes = boxes_of(drawn("trm"))
    places = {name: (box.get_x(), box.get_y()) for name, box in boxes.items()}
    for t in (1, 2, 3):
        row = [places[f"{t}.{i}"] for i in range(1, 8)]
        assert [x for x, _ in row] == sorted({x for x, _ in row})
        assert len({y for _, y in row[:6]}) == 1 and row[6][1] < row[0][1]
        assert [x for x, _ in row] == [places[f"1.{i}"][0] for i in range(1, 8)]
    assert places["1.7"][1] > places["2.1"][1] > places["2.7"][1] > places["3.1"][1]


@every_model
def test_arrows_show_what_is_read_and_nothing_else(name: str) -> None:
    model = small(name)
    record = unroll(model, torch.ones(1, 16, dtype=torch.long), gradient=True)
    ax = plots.unrolled(record)
    boxes, lane = boxes_of(ax), {f"pads{i}": "pads1…6" for i in range(1, 7)}
    expected = {}
    for update in record.updates:
        to = f"{update.recursion}.{update.number}"
        own = lane.get(update.state, update.state)
        expected |= {f"{lane.get(read, read)} to {to}": to for read in update.reads if lane.get(read, read) != own}
    found = {arrow.get_gid(): arrow for arrow in arrows_of(ax, " to ")}
    assert set(found) == set(expected)
    for gid, to in expected.items():
        (x, start), (x_end, end) = ends_of(found[gid])
        box = boxes[to]
        assert x == x_end and box.get_x() < x < box.get_x() + box.get_width()
        bottom, top = box.get_y(), box.get_y() + box.get_height()
        assert end == pytest.approx(top if start > top else bottom), "the arrow ends at the frame"
        assert start > top or start < bottom
        colour = to_hex(found[gid].get_edgecolor()).upper()
        kind = gid.split(" to ")[0]
        assert colour == {"x": plots.BLUE, record.answer: plots.GREEN}.get(kind, plots.ORANGE)
    assert len(arrows_of(ax, "own state")) == 21


def test_x_runs_along_each_row_as_far_as_it_is_read() -> None:
    ax = drawn("trm")
    bars = [line for line in ax.lines if line.get_color() == plots.BLUE]
    boxes = boxes_of(ax)
    assert len(bars) == 3
    for t, bar in enumerate(bars, start=1):
        last = boxes[f"{t}.6"]
        (left, right), (y, same) = bar.get_xdata(), bar.get_ydata()
        assert y == same > last.get_y() + last.get_height()
        assert left < boxes[f"{t}.1"].get_x() and last.get_x() < right < boxes[f"{t}.7"].get_x()
        for arrow in arrows_of(ax, f"x to {t}."):
            assert ends_of(arrow)[0][1] == y and left < ends_of(arrow)[0][0] <= right
    assert all_texts(ax).count("x") == 3


def crossings(one: np.ndarray, other: np.ndarray) -> int:
    """How often two paths of upright and level segments cross."""
    count = 0
    for a, b in zip(one[:-1], one[1:], strict=True):
        for c, d in zip(other[:-1], other[1:], strict=True):
            (left, low), (right, high) = np.minimum(a, b), np.maximum(a, b)
            (left2, low2), (right2, high2) = np.minimum(c, d), np.maximum(c, d)
            count += left <= right2 and left2 <= right and low <= high2 and low2 <= high
    return count


@pytest.mark.parametrize("name", ["trm", "hrm", "multi_scale_z"])
def test_states_flow_from_row_to_row_without_crossing(name: str) -> None:
    ax = drawn(name)
    boxes = boxes_of(ax)
    flows: dict[str, list[np.ndarray]] = {plots.ORANGE: [], plots.GREEN: []}
    for line in ax.lines:
        if line.get_color() in flows and len(line.get_xdata()) == 5:
            flows[line.get_color()].append(line.get_xydata())
    for colour, last in ((plots.ORANGE, 1), (plots.GREEN, 7)):
        assert len(flows[colour]) == 2, "from each row but the last to the next"
        for t, path in enumerate(flows[colour], start=1):
            here, there = boxes[f"{t}.{last}"], boxes[f"{t + 1}.{last}"]
            middle = here.get_height() / 2
            np.testing.assert_allclose([path[0, 1], path[-1, 1]], [here.get_y() + middle, there.get_y() + middle])
            assert path[0, 0] == path[-1, 0] < boxes["1.1"].get_x()
            assert path[1, 0] > boxes["1.7"].get_x() + boxes["1.7"].get_width()
    for one in flows[plots.ORANGE]:
        assert [crossings(one, other) for other in flows[plots.GREEN]] == [0, 0]


# --- the foot -------------------------------------------------------------------------------------------------------


def test_after_the_last_row_come_heads_loss_and_the_way_back() -> None:
    ax = plots.unrolled(small("hrm"), n_supervision=9)
    texts = all_texts(ax)
    for expected in ("the heads read z_H", "answer of each cell", "stop? yes / no", "loss, step of the optimizer"):
        assert texts.count(expected) == 1
    assert "z_H and z_L are kept (detached): the next supervision step begins with them, up to 9 steps" in texts
    (down,) = arrows_of(ax, "to the heads")
    last = boxes_of(ax)["3.7"]
    assert ends_of(down)[0] == pytest.approx((last.get_x() + last.get_width() / 2, last.get_y()))
    assert ends_of(down)[0][1] - ends_of(down)[1][1] > 0.2, "long enough to be seen as an arrow"
    frames = [p for p in ax.patches if p.get_gid() == "heads"]
    assert ends_of(down)[1][1] == pytest.approx(max(p.get_y() + p.get_height() for p in frames))
    (loss,) = (p for p in ax.patches if p.get_gid() == "loss")
    (to_loss,) = arrows_of(ax, "to the loss")
    assert ends_of(to_loss)[1][0] == pytest.approx(loss.get_x() + loss.get_width())
    back = arrows_of(ax, "kept")
    lanes = sorted({box.get_y() + box.get_height() / 2 for n, box in boxes_of(ax).items() if n.startswith("1.")})
    assert sorted(ends_of(arrow)[1][1] for arrow in back) == pytest.approx(lanes), "into both lanes of the first row"
    dotted = [line for line in ax.lines if line.get_linestyle() not in ("-", "--") or line.get_color() == "#000000"]
    way = max(dotted, key=lambda line: np.ptp(line.get_xdata()) + np.ptp(line.get_ydata())).get_xydata()
    assert way[0, 0] > last.get_x() and way[-1, 1] == pytest.approx(lanes[-1])
    assert way[1:, 0].max() < boxes_of(ax)["1.1"].get_x()


def test_one_state_is_kept_and_a_single_step_keeps_nothing() -> None:
    said = "z is kept (detached): the next supervision step begins with it, up to 16 steps"
    assert said in all_texts(plots.unrolled(small("single_z", 2, 2)))
    ax = plots.unrolled(small("trm", 2, 2), n_supervision=1)
    assert "one supervision step only: nothing is kept" in all_texts(ax)
    assert not arrows_of(ax, "kept")
    assert "there is one supervision step only, so nothing is kept." in plots.unrolled_text(
        small("trm", 2, 2), n_supervision=1
    )


# --- to be read -----------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize(("T", "n"), [(3, 6), (2, 2), (1, 9)])
def test_letters_have_eight_points_and_lie_within_their_boxes_and_on_the_page(name: str, T: int, n: int) -> None:
    ax = drawn(name, T, n)
    figure = ax.figure
    if n == 6:
        assert figure.get_size_inches()[0] <= 10.01
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    page, boxes = figure.bbox, boxes_of(ax)
    extents = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in ax.texts]
    for text, (said, place) in zip(ax.texts, extents, strict=True):
        assert text.get_fontsize() >= 8
        assert page.x0 < place.x0 and place.x1 < page.x1 and page.y0 < place.y0 and place.y1 < page.y1, said
        if text.get_gid():
            box = boxes[text.get_gid().removeprefix("text ")].get_window_extent(canvas.get_renderer())
            assert box.x0 <= place.x0 and place.x1 <= box.x1 and box.y0 <= place.y0 and place.y1 <= box.y1, said
    for (one, a), (other, b) in combinations(extents, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r} lie over each other"
    legend = ax.get_legend().get_window_extent(canvas.get_renderer())
    assert page.x0 < legend.x0 and legend.x1 < page.x1
    assert all(text.get_fontsize() >= 8 for text in ax.get_legend().get_texts())
    lowest = min(place.y0 for _, place in extents)
    assert legend.y1 < lowest, "the legend stands below everything"


def test_letters_grow_where_there_is_room() -> None:
    few, many = drawn("trm", 2, 2), drawn("multi_scale_z")
    assert {text.get_fontsize() for text in few.texts if text.get_gid()} == {10}
    assert all("\n" not in text.get_text() for text in few.texts if text.get_gid())
    assert {text.get_fontsize() for text in many.texts if text.get_gid()} == {8}


def test_axes_of_one_s_own_are_drawn_on_and_a_small_one_gets_smaller_letters() -> None:
    small_one, large = (Figure(figsize=(width, 6)).add_axes((0, 0, 1, 1)) for width in (5, 12))
    model = small("trm", 2, 2)
    assert plots.unrolled(model, small_one) is small_one and plots.unrolled(model, large) is large

    def lines(ax: Axes) -> int:
        return max(text.get_text().count("\n") for text in ax.texts if text.get_gid())

    assert lines(small_one) > lines(large) == 0


def test_grey_letters_can_be_read_on_white() -> None:
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in to_rgb(GREY)]
    assert 1.05 / (np.dot(parts, (0.2126, 0.7152, 0.0722)) + 0.05) >= 4.5


# --- the alternative text -------------------------------------------------------------------------------------------


def test_the_alternative_text_names_networks_states_counts_and_gradients() -> None:
    assert plots.unrolled_text(small("trm"), n_supervision=8) == (
        "Diagram of one supervision step of TRM, T = 3 and n = 6: 21 evaluations. In each of the 3 recursions net "
        "renews z from z + y + x, 6 times; then net renews y from y + z, once. A gradient of the answer reaches the "
        "last 7 of 21 evaluations (solid, thick frames), not the others (dashed). After the last evaluation the heads "
        "read y: an answer for each cell, and whether to stop. Both go into the loss; y and z are kept, detached, for "
        "the next supervision step, up to 8 steps."
    )


@pytest.mark.parametrize(
    ("name", "n", "said"),
    [
        ("hrm", 6, "f_L renews z_L from z_L + z_H + x, 6 times; then f_H renews z_H from z_H + z_L, once. A gradient "
         "of the answer reaches the last 2 of 21 evaluations"),
        ("one_step_gradient", 2, "twice; then net renews y from y + z, once. A gradient of the answer reaches the last "
         "2 of 9 evaluations"),
        ("separate_networks", 1, "f_L renews z from z + y + x, once; then f_H renews y from y + z, once."),
        ("single_z", 6, "net renews z from z + x, 6 times; then net renews z from z, once."),
        ("single_z", 6, "z is kept, detached"),
        ("multi_scale_z", 6, "net renews pads1 to pads6 from pads1 + ... + pads6 + y + x, one after the other; then "
         "net renews y from y + pads1 + ... + pads6, once."),
        ("multi_scale_z", 6, "y and pads1 to pads6 are kept"),
        ("multi_scale_z", 2, "net renews pads1 from pads1 + y + pads2 + x, once; then net renews pads2 from pads2 + y "
         "+ pads1 + x, once; then net renews y from y + pads1 + pads2, once."),
        ("multi_scale_z", 2, "y and pads1 and pads2 are kept"),
        ("multi_scale_z", 1, "net renews pads from pads + y + x, once;"),
    ],
)  # fmt: skip
def test_the_alternative_text_of_other_models(name: str, n: int, said: str) -> None:
    assert said in plots.unrolled_text(small(name, n=n))


def record_of(name: str = "trm", T: int = 2, n: int = 2) -> Unrolled:
    return unroll(small(name, T, n), torch.ones(1, 16, dtype=torch.long), gradient=True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("111111", "reaches all of the 6 evaluations."),
        ("000000", "reaches none of the 6 evaluations."),
        ("000111", "reaches the last 3 of 6 evaluations (solid, thick frames), not the others (dashed)."),
        ("010001", "reaches 2 of 6 evaluations (solid, thick frames), numbers 2, 6, not the others."),
        ("110000", "reaches 2 of 6 evaluations (solid, thick frames), numbers 1, 2, not the others."),
    ],
)
def test_picture_and_text_follow_the_record_s_own_flags(flags: str, said: str) -> None:
    record = record_of()
    updates = [replace(update, gradient=flag == "1") for update, flag in zip(record.updates, flags, strict=True)]
    record = replace(record, updates=updates)
    assert said in plots.unrolled_text(record)
    solid = ["1" if box.get_linestyle() == "solid" else "0" for box in boxes_of(plots.unrolled(record)).values()]
    assert "".join(solid) == flags


def test_recursions_that_differ_are_told_one_by_one() -> None:
    record = record_of()
    updates = [replace(u, reads=("z", "x")) if (u.recursion, u.number) == (2, 1) else u for u in record.updates]
    text = plots.unrolled_text(replace(record, updates=updates))
    assert "Recursion 1: net renews z from z + y + x, twice; then" in text
    assert "Recursion 2: net renews z from z + x, once; then net renews z from z + y + x, once; then" in text
    assert "In the one recursion net renews z" in plots.unrolled_text(small("trm", 1, 2))


def test_only_numbered_latent_states_in_a_row_share_a_lane() -> None:
    record = record_of()
    state = record.start["y"]

    def lanes(*names: str) -> list[str]:
        return list(groups_of(replace(record, start=dict.fromkeys(names, state), answer=names[0])))

    assert lanes("y", "z1", "z2", "z3") == ["y", "z1…3"]
    assert lanes("state1", "state2", "state3") == ["state1", "state2…3"]
    assert lanes("y", "z1", "z3") == ["y", "z1", "z3"]
    assert lanes("y", "z", "z1", "w2") == ["y", "z", "z1", "w2"]
    assert lanes("y", "p9", "p10") == ["y", "p9…10"]


# --- what comes in --------------------------------------------------------------------------------------------------


def test_a_record_is_drawn_as_its_model_is() -> None:
    record = record_of("hrm", 3, 6)
    assert plots.unrolled_text(record) == plots.unrolled_text(small("hrm"))
    assert words_of(plots.unrolled(record)) == words_of(drawn("hrm"))


def test_a_model_keeps_its_modes_its_gradients_and_the_random_numbers() -> None:
    model = small("trm", 2, 2, puzzle_ids=3, puzzle_dim=16, prefix_len=1)
    model.train()
    model.heads.eval()
    model.network.requires_grad_(True)
    for number, weight in enumerate(model.parameters()):
        weight.grad = torch.full_like(weight, number)
    modes = [part.training for part in model.modules()]
    assert len(set(modes)) == 2
    before = torch.get_rng_state()
    plots.unrolled(model)
    plots.unrolled_text(model)
    assert [part.training for part in model.modules()] == modes
    assert all((weight.grad == number).all() for number, weight in enumerate(model.parameters()))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.embed.puzzle.taken is None, "no rows were taken out for an optimizer"


def test_modes_come_back_even_if_the_model_cannot_be_unrolled() -> None:
    model = small("direct").train()
    with pytest.raises(RecipeError, match="Direct has no recursion to unroll"):
        plots.unrolled(model)
    assert all(part.training for part in model.modules())


def test_a_model_of_the_paper_s_size_can_be_drawn() -> None:
    model = build_model("trm", ModelConfig(vocab_size=11, seq_len=81))
    assert len(boxes_of(plots.unrolled(model))) == 21


def test_a_record_without_gradients_and_no_supervision_step_are_refused() -> None:
    model = small("trm", 2, 2)
    blind = unroll(model, torch.ones(1, 16, dtype=torch.long))
    for draw in (plots.unrolled, plots.unrolled_text):
        with pytest.raises(ValueError, match=r"does not know where gradients arrive; make it with unroll\(..., grad"):
            draw(blind)
        with pytest.raises(ValueError, match="n_supervision is 0; it must be at least 1"):
            draw(model, n_supervision=0)


def test_the_whiteboard_holds_all_its_words() -> None:
    ax = plots.recursion_diagram()
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    assert {"n times", "again", "answer\ny ← net(y, z)"} <= {text.get_text() for text in ax.texts}
    for text in ax.texts:
        if text.get_text():
            place = text.get_window_extent(canvas.get_renderer())
            assert ax.figure.bbox.x0 < place.x0 and place.x1 < ax.figure.bbox.x1, text.get_text()
            assert text.get_fontsize() >= 8
