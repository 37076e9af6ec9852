"""The player: a timeline over supervision steps and over the updates inside; every mistake ends in a line."""

from __future__ import annotations

import gc
import html
import re
import threading
import time
import weakref
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from stand_ins import ANSWER, OPEN, QUESTION, TASK, Oracle, answer_with_wrong, steps_of

from trm_edu import ModelConfig, get_task, plots
from trm_edu.checkpoints import shipped_model
from trm_edu.errors import DataError, PuzzleError, RecipeError
from trm_edu.inside import unroll
from trm_edu.interface import Output
from trm_edu.plots import style
from trm_edu.solve import Step, recursion_trace
from trm_edu.variants import build_model
from trm_edu.widgets import Frames, Player, frames, svg
from trm_edu.widgets.frames import Inside, inputs_of, trace_steps
from trm_edu.widgets.svg import shade

SETTINGS = {"vocab_size": 8, "seq_len": 36, "hidden": 16, "T": 3, "n": 2, "n_layers": 1}
STEPS, UPDATES = 4, 9  # of the networks here: never done, T(n + 1) updates


def network(name: str = "trm", **settings: Any) -> torch.nn.Module:
    """A random network. Its states move much, so nothing in a frame is zero by chance."""
    torch.manual_seed(1)
    return build_model(name, SETTINGS | settings)


def player_of(model: Any = None, **more: Any) -> Player:
    model = network() if model is None else model
    return Player(model, TASK, QUESTION, solution=ANSWER, n_supervision=STEPS, live=True, **more)


def shown_frame(player: Player) -> int:
    (frame,) = re.findall(r'data-frame="(\d+)"', player.picture.value)
    return int(frame)


def words(picture: str) -> str:
    """What a reader sees of a frame: its text without markup."""
    return html.unescape(re.sub(r"<svg.*?</svg>", " ", picture, flags=re.DOTALL).replace("</div>", "\n"))


def plain(picture: str) -> str:
    return re.sub(r"<[^>]+>", "", words(picture))


def labels(picture: str) -> list[str]:
    return [html.unescape(label) for label in re.findall(r'role="img" aria-label="([^"]*)"', picture)]


def texts(picture: str, number: int) -> list[str]:
    """The letters of the number-th picture of a frame."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", re.findall(r"<svg.*?</svg>", picture, flags=re.DOTALL)[number])


# --- the steps and their states ------------------------------------------------------------------------------------


def test_the_steps_are_those_of_the_recursion_and_keep_the_state_before_each() -> None:
    model = network()
    steps = trace_steps(model, TASK, QUESTION, STEPS)
    trace = recursion_trace(model, QUESTION[None], STEPS)
    assert [step.number for step in steps] == [1, 2, 3, 4]
    state = model.initial_state(1)
    for step, (answer, sure, halt) in zip(steps, trace, strict=True):
        assert (step.answer == answer[0]).all() and np.allclose(step.confidence, sure[0], atol=1e-5)
        assert step.halt_probability == pytest.approx(halt[0], abs=1e-5)
        assert not any(part.requires_grad for part in step.before)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(step.before, state, strict=True))
        state, _ = model(inputs_of(model, QUESTION), state)


def test_the_steps_end_where_the_network_says_that_it_is_done() -> None:
    assert len(trace_steps(Oracle(2), TASK, QUESTION, 16)) == 3
    assert len(trace_steps(Oracle(5), TASK, QUESTION, 2)) == 2
    with pytest.raises(RecipeError, match="n_supervision is 0; it must be at least 1"):
        trace_steps(Oracle(2), TASK, QUESTION, 0)


# --- one frame ------------------------------------------------------------------------------------------------------


def test_a_frame_has_two_grids_a_curve_and_words_and_is_well_formed() -> None:
    sure = np.linspace(0.905, 0.105, 36).astype(np.float32)
    steps = [Step(1, answer_with_wrong(*OPEN[:3]), sure, 0.2), Step(2, answer_with_wrong(OPEN[0]), sure, 0.75)]
    picture = Frames(TASK, QUESTION, steps, ANSWER).html(2)
    ElementTree.fromstring(picture)  # every element is closed, every attribute quoted
    said = plain(picture)
    assert "supervision step 2 of 2" in said and "2 cells changed (yellow)" in said and "1 cell wrong (crossed)" in said
    assert "done with probability 0.75" in said and "value='0.750'" in picture
    assert f"{sure[OPEN].mean():.0%} sure on average" in said and "rules: " in said
    answer, confidence, curve = labels(picture)
    assert answer.startswith("the answer after step 2, rows ") and answer.endswith("; 2 cells changed, 1 wrong")
    rows = TASK.decode(answer_with_wrong(OPEN[0]))
    assert ", ".join(rows[i : i + 6] for i in range(0, 36, 6)) in answer
    least = OPEN[-1]
    assert confidence == (
        f"how sure it is of each cell: {sure[OPEN].mean():.0%} on average, "
        f"least {sure[least]:.0%} in row {least // 6 + 1}, column {least % 6 + 1}"
    )
    assert curve == "curve of the halting probability over 2 of 2 steps: from 20% to 75% now"
    before = labels(Frames(TASK, QUESTION, steps).html(1))
    assert before[2] == "curve of the halting probability over 1 of 2 steps: 20%", "the steps so far, no later one"


def test_the_second_grid_shades_open_cells_and_writes_their_percent() -> None:
    sure = np.full(36, 0.5, np.float32)
    sure[OPEN[0]], sure[OPEN[1]] = 0.0, 1.0
    picture = Frames(TASK, QUESTION, [Step(1, ANSWER, sure, 0.2)]).html(1)
    assert texts(picture, 1) == [str(round(100 * sure[cell])) for cell in OPEN]
    second = re.findall(r"<svg.*?</svg>", picture, flags=re.DOTALL)[1]
    assert shade(1.0, svg.SURE) == "#004876" and shade(0.0, svg.SURE) == "#FFFFFF"
    squares = {colour: path.count("z") for path, colour in re.findall(r'<path d="([^"]*)" fill="(#\w+)"/>', second)}
    assert squares == {"#FFFFFF": 1, "#004876": 1, shade(0.5, svg.SURE): len(OPEN) - 2}
    row, column = divmod(int(OPEN[1]), 6)
    assert f'<path d="M{column * 34} {row * 34}h34v34h-34z" fill="#004876"/>' in second
    (hatch,) = re.findall(r'<path d="([^"]*)" stroke="#AAA"', second)
    assert hatch.count("M") == 36 - len(OPEN)


def test_shades_become_darker_without_exception() -> None:
    for darkest in (svg.SURE, svg.MOVED):
        colours = [shade(i / 100, darkest) for i in range(101)]
        light = [sum(w * int(c[i : i + 2], 16) for w, i in ((0.299, 1), (0.587, 3), (0.114, 5))) for c in colours]
        assert all(a > b for a, b in zip(light, light[1:], strict=False))
        assert shade(-1.0, darkest) == colours[0] and shade(7.0, darkest) == colours[-1]


def test_before_the_first_step_nothing_is_said() -> None:
    picture = Frames(TASK, QUESTION, steps_of(ANSWER)).html(0)
    assert "1 supervision step follows" in picture and "2 supervision steps follow" in Frames(
        TASK, QUESTION, steps_of(ANSWER, ANSWER)
    ).html(0)
    assert labels(picture)[1:] == [
        "how sure it is of each cell: nothing is said yet",
        "curve of the halting probability over 0 of 1 steps: nothing said yet",
    ]
    assert texts(picture, 1) == []


def test_where_the_puzzle_was_turned_a_line_says_why_no_confidence_is_shown() -> None:
    steps = [Step(1, ANSWER, None, 0.9)]
    picture = Frames(TASK, QUESTION, steps).html(1)
    assert "this start was a turned puzzle" in picture and len(labels(picture)) == 2
    assert "sure on average" not in picture


def test_the_curve_ends_at_the_present_step() -> None:
    def points(picture: str) -> list[tuple[float, float]]:
        (curve,) = re.findall(r'<path d="(M[^"]*)" fill="none" stroke="#000" stroke-width="1.2"/>', picture)
        return [tuple(map(float, point.split())) for point in curve[1:].split("L")]

    three = points(svg.halting_svg([0.0, 0.5, 1.0], 5))
    assert len(three) == 3 and [y for _, y in three] == sorted((y for _, y in three), reverse=True)
    whole = points(svg.halting_svg([0.0] * 5, 5))
    assert three[2][0] == whole[2][0] and whole[4][0] > three[2][0], "the axis does not depend on the present step"
    between = points(svg.halting_svg([0.0, 0.5], 5, (2.5, 1.0)))
    assert between[2] == (pytest.approx((whole[1][0] + whole[2][0]) / 2, abs=0.1), three[2][1])
    mark = re.search(r'<path d="M([\d.]+) ([\d.]+)m-6', svg.halting_svg([0.0, 0.5, 1.0], 5))
    assert (float(mark[1]), float(mark[2])) == three[2]
    assert "over 1 of 1 steps: 30%" in svg.halting_svg([0.3], 1)


def test_padding_around_an_answer_counts_neither_as_changed_nor_as_wrong_nor_as_unsure() -> None:
    task = get_task("arc30")
    question, solution = np.zeros(900, np.uint8), np.zeros(900, np.uint8)
    inside = np.zeros((30, 30), bool)
    inside[:2, :2] = True
    solution[inside.reshape(-1)] = 5
    question[inside.reshape(-1)] = 4
    first, second = solution.copy(), solution.copy()
    first[0], first[500], second[600] = 6, 7, 8
    sure = np.where(solution > 0, 0.5, 0.9).astype(np.float32)
    found = Frames(task, question, [Step(1, first, sure, 0.1), Step(2, second, sure, 0.1)], solution)
    assert found.changed(2).sum() == 1 and "0 cells wrong" in found.html(2) and "1 cell wrong" in found.html(1)
    assert "50% sure on average" in found.html(2) and "solved: every cell is right" in found.html(2)
    assert "1 cell differs from the solution" in found.html(1)


def test_frames_refuse_what_does_not_fit() -> None:
    with pytest.raises(PuzzleError, match="one puzzle has shape"):
        Frames(TASK, QUESTION, steps_of(ANSWER), ANSWER[:35])
    with pytest.raises(DataError, match="there is no step to show"):
        Frames(TASK, QUESTION, [])


def test_a_large_grid_has_small_cells_readable_letters_and_no_percents() -> None:
    task = get_task("maze30")
    puzzle = task.generate(1, seed=1)
    sure = np.full(900, 0.5, np.float32)
    picture = Frames(task, puzzle.questions[0], [Step(1, puzzle.answers[0], sure, 0.5)], puzzle.answers[0]).html(1)
    assert picture.count(' width="366" height="366" viewBox') == 2 and texts(picture, 1) == []
    assert 'font-size="11"' in picture and "rows" not in labels(picture)[0]
    assert min(map(float, re.findall(r'font-size="?:?([\d.]+)', picture))) >= 11


def test_a_task_without_look_has_its_frames_too() -> None:
    class Plain:
        def __getattr__(self, name: str) -> Any:
            if name in ("look", "lines"):
                raise AttributeError(name)
            return getattr(TASK, name)

    picture = Frames(Plain(), QUESTION, steps_of(ANSWER), ANSWER).html(1)
    assert '<img alt="the answer after step 1; 0 cells changed, 0 wrong"' in picture
    assert texts(picture, 0) == ["50"] * 36 and "hatched" not in picture and "solved: every rule holds" in picture


def test_numbers_that_are_none_do_no_harm() -> None:
    """A network whose training went astray says nothing but NaN."""
    model = network()
    with torch.no_grad():
        model.heads.answer.weight.fill_(float("nan"))
    player = player_of(model)
    player.unfold.value = True
    for _ in range(12):
        player.forward.click()
        assert player.note.value == "" and player.problem == ""
    assert shown_frame(player) == 12


# --- inside ---------------------------------------------------------------------------------------------------------


def test_inside_shows_each_update_in_words_and_in_the_strip() -> None:
    player = player_of()
    shown = player.frames
    assert (shown.updates, shown.closed) == (UPDATES, "")
    places = [shown.inside(3).place(update) for update in range(1, UPDATES + 1)]
    assert places[:3] == [
        "recursion 1 of 3 · z, update 1 of 2",
        "recursion 1 of 3 · z, update 2 of 2",
        "recursion 1 of 3 · y, update 1 of 1",
    ]
    assert places[-1] == "recursion 3 of 3 · y, update 1 of 1"
    picture = shown.inside_html(3, 5)
    ElementTree.fromstring(picture)
    said = plain(picture)
    assert "supervision step 3 · recursion 2 of 3 · z, update 2 of 2" in said and "z ← network(z + y + x)" in said
    assert f'data-frame="{2 * UPDATES + 5}"' in picture
    strip = labels(picture)[2]
    assert strip == "update 5 of 9: recursion 2 of 3, z; a gradient reaches updates 7 to 9"
    assert texts(picture, 3) == ["1", "2", "3", *["z", "z", "y"] * 3]


def test_the_strip_fills_the_present_box_and_frames_what_has_a_gradient() -> None:
    updates = player_of().frames.inside(1).updates
    strip = svg.strip_svg(updates, "y", [False] * 7 + [True, False], 5)
    boxes = re.findall(r'<rect x="(\d+)" y="(\d+)"[^>]* fill="(#\w+)" (stroke[^/]*)/>', strip)
    assert [box[2] for box in boxes] == [
        *(style.PALE_ORANGE, style.PALE_ORANGE, style.PALE_GREEN, style.PALE_ORANGE, style.DARK_ORANGE),
        *["#FFFFFF"] * 4,
    ]
    assert [i for i, box in enumerate(boxes, start=1) if "dasharray" not in box[3]] == [8]
    assert [box[1] for box in boxes] == [y for y in ("2", "25", "48") for _ in range(3)]
    assert len({box[0] for box in boxes}) == 3
    assert "a gradient reaches updates 8 to 8" in strip


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("trm", [False] * 6 + [True] * 3),
        ("hrm", [False] * 7 + [True] * 2),
        ("one_step_gradient", [False] * 7 + [True] * 2),
    ],
)
def test_where_the_gradient_flows_is_found_out_by_the_model_itself_once(
    name: str, reached: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, calls = player_of(network(name)).frames, []
    monkeypatch.setattr(frames, "unroll", lambda *given, **more: calls.append(more) or unroll(*given, **more))
    assert shown.reached == reached and shown.reached == reached
    assert calls == [{"gradient": True}]


def test_the_answer_between_two_renewals_is_what_it_would_be_if_written_now() -> None:
    model = network()
    shown = player_of(model).frames
    unrolled = unroll(model, inputs_of(model, QUESTION), shown.steps[1].before)
    inside = shown.inside(2)
    for update in range(1, UPDATES + 1):
        written = update % 3 == 0
        output = unrolled.read(update) if written else unrolled.answer_now(update)
        answer, sure, halt = inside.says(update)
        assert (answer == output.logits[0, :, 1:].argmax(-1).numpy() + 1).all()
        assert np.allclose(sure, output.logits[0].softmax(-1)[:, 1:].max(-1).values.numpy(), atol=1e-5)
        assert halt == pytest.approx(float(output.halt_logit.sigmoid()), abs=1e-6)
        title = "the answer, written by this update" if written else "the answer if it were written now"
        picture = shown.inside_html(2, update)
        assert labels(picture)[0].startswith(title) and f">{title}<" in picture
        before = inside.says(update - 1)[0] if update > 1 else shown.steps[0].answer
        changed = int((before != answer).sum())
        assert f"; {changed} cells changed, {int((answer != ANSWER).sum())} wrong" in labels(picture)[0]
    assert (inside.says(UPDATES)[0] == shown.steps[1].answer).all()
    assert "the first answer" in shown.inside_html(1, 1) and "the first answer" not in shown.inside_html(1, 2)


def test_the_curve_inside_marks_the_place_between_two_steps() -> None:
    shown = player_of().frames
    said = [step.halt_probability for step in shown.steps]
    _, _, halt = shown.inside(3).says(6)
    picture = shown.inside_html(3, 6)
    assert svg.halting_svg(said[:2], STEPS, (2 + 6 / UPDATES, halt)) in picture
    assert svg.halting_svg(said[:2], STEPS, (3.0, shown.inside(3).says(UPDATES)[2])) in shown.inside_html(3, UPDATES)


def test_the_second_grid_inside_shows_how_far_the_renewed_state_moved() -> None:
    model = network()
    shown = player_of(model).frames
    unrolled = unroll(model, inputs_of(model, QUESTION), shown.steps[0].before)
    for update, state in ((2, "z"), (3, "y")):
        old, new = unrolled.states(update - 1)[state][0], unrolled.states(update)[state][0]
        expected = ((new - old).norm(dim=-1) / old.norm(dim=-1)).numpy()
        moved = shown.inside(1).moved(update)
        assert np.allclose(moved, expected, atol=1e-5) and moved.min() > 0
        picture = shown.inside_html(1, update)
        assert texts(picture, 1) == [str(round(100 * float(share))) for share in moved]
        most = int(moved.argmax())
        assert labels(picture)[1] == (
            f"how far {state} moved in each cell: {moved.mean():.0%} of its length on average, "
            f"most {moved[most]:.0%} in row {most // 6 + 1}, column {most % 6 + 1}"
        )


def test_a_prefix_is_no_cell() -> None:
    model = network(prefix_len=2, puzzle_ids=1, puzzle_dim=32)
    shown = player_of(model).frames
    unrolled = unroll(model, inputs_of(model, QUESTION), shown.steps[0].before)
    old, new = unrolled.states(0)["z"][0, 2:], unrolled.states(1)["z"][0, 2:]
    assert np.allclose(shown.inside(1).moved(1), ((new - old).norm(dim=-1) / old.norm(dim=-1)).numpy(), atol=1e-5)


def test_several_positions_of_a_cell_move_together() -> None:
    task = get_task("sudoku9")
    puzzle = task.generate(1, seed=1)
    model = build_model("symmetric", {"vocab_size": 11, "seq_len": 81, "hidden": 8, "T": 1, "n": 1, "n_layers": 1})
    player = Player(model, task, puzzle.questions[0], n_supervision=1, live=True)
    assert player.frames.closed == "" and player.frames.inside(1).moved(1).shape == (81,)
    player.slider.value = 1
    player.unfold.value = True
    assert "y, update 1 of 1" in player.picture.value


@pytest.mark.parametrize("name", ["single_z", "separate_networks", "multi_scale_z", "hrm"])
def test_other_models_can_be_unfolded_too(name: str) -> None:
    player = player_of(network(name))
    player.unfold.value = True
    player.slider.value = 1
    for update in range(1, UPDATES + 1):
        player.inside.value = update
        assert shown_frame(player) == update and player.note.value == ""


def test_only_the_step_that_is_looked_at_is_kept_unrolled() -> None:
    shown = player_of().frames
    first = weakref.ref(shown.inside(1))
    assert shown.inside(1) is first()
    shown.inside_html(2, 1)
    gc.collect()
    assert first() is None


# --- the timeline ---------------------------------------------------------------------------------------------------


def test_steps_go_forward_and_back_and_say_where_they_end() -> None:
    player = player_of()
    player.back.click()
    assert shown_frame(player) == 0 and "this is the question: nothing comes before it" in player.note.value
    for step in range(1, STEPS + 1):
        player.forward.click()
        assert shown_frame(player) == player.slider.value == step and player.note.value == ""
        assert player.play.value == step * UPDATES
    player.forward.click()
    assert shown_frame(player) == STEPS and "this is the last step" in player.note.value
    assert player.note.layout.display is None
    player.back.click()
    assert shown_frame(player) == STEPS - 1 and player.note.layout.display == "none"


def test_play_runs_over_the_steps_and_unfolded_over_every_update() -> None:
    player = player_of()
    assert (player.play.min, player.play.max, player.play.step) == (0, STEPS * UPDATES, UPDATES)
    seen = []
    for place in range(UPDATES, player.play.max + 1, player.play.step):
        player.play.value = place
        seen.append((shown_frame(player), player.slider.value))
    assert seen == [(step, step) for step in range(1, STEPS + 1)]
    player.play.value = 0  # stop
    assert shown_frame(player) == 0
    player.unfold.value = True
    assert player.play.step == 1 and shown_frame(player) == 0
    places = []
    for place in range(1, player.play.max + 1):
        player.play.value = place
        assert shown_frame(player) == place
        places.append((player.slider.value, player.inside.value))
    assert places == [(step, update) for step in range(1, STEPS + 1) for update in range(1, UPDATES + 1)]


def test_play_leaves_no_frame_out_when_the_page_counts_faster_than_frames_are_made() -> None:
    player = player_of()
    player.unfold.value = True
    player.play.playing = True
    for said, shown in ((1, 1), (4, 2), (9, 3), (3, 3), (2, 3), (4, 4)):
        player.play.value = said
        assert shown_frame(player) == player.play.value == shown
    player.play.value = 0  # from the end, play begins again
    assert shown_frame(player) == 0
    player.unfold.value, player.play.playing = False, True
    player.play.value = 3 * UPDATES
    assert shown_frame(player) == 1 and player.play.value == UPDATES


def test_going_in_and_out_keeps_the_place() -> None:
    player = player_of()
    player.slider.value = 3
    answer = labels(player.picture.value)[0].split(", rows ")[1].split(";")[0]
    player.unfold.value = True
    assert (player.slider.value, player.inside.value, player.inside.layout.display) == (3, UPDATES, None)
    assert answer in labels(player.picture.value)[0], "the end of the step: the same answer"
    player.inside.value = 4
    assert shown_frame(player) == 2 * UPDATES + 4 == player.play.value
    player.unfold.value = False
    assert shown_frame(player) == player.slider.value == 3 and player.play.value == 3 * UPDATES
    assert player.inside.layout.display == "none"
    player.unfold.value = True
    assert (player.slider.value, player.inside.value) == (3, 4), "where one was before"
    player.slider.value = 2
    assert (player.inside.value, shown_frame(player)) == (4, UPDATES + 4), "the same update of another step"
    player.unfold.value = False
    player.slider.value = 1
    player.unfold.value = True
    assert player.inside.value == UPDATES
    player.back.click()
    assert (player.slider.value, player.inside.value) == (1, UPDATES - 1)


def test_inside_steps_carry_on_into_the_next_supervision_step() -> None:
    player = player_of()
    player.unfold.value = True
    assert shown_frame(player) == 0
    player.inside.value = 2
    assert (player.slider.value, shown_frame(player)) == (1, 2)
    player.inside.value = UPDATES
    player.forward.click()
    assert (player.slider.value, player.inside.value, shown_frame(player)) == (2, 1, UPDATES + 1)
    player.back.click()
    assert (player.slider.value, player.inside.value) == (1, UPDATES)
    for _ in range(UPDATES):
        player.back.click()
    assert shown_frame(player) == player.slider.value == 0


@pytest.mark.parametrize(("speed", "pause"), [(1, 1000), (2, 500), (4, 250), (10, 100), (20, 50)])
def test_the_speed_is_the_pause_between_two_frames(speed: int, pause: int) -> None:
    player = player_of()
    assert (player.play.interval, player.speed.value) == (250, 4)
    player.speed.value = speed
    assert player.play.interval == pause
    assert [value for _, value in player.speed.options] == [1, 2, 4, 10, 20]


def test_buttons_say_what_they_do() -> None:
    player = player_of()
    assert (player.back.description, player.back.tooltip) == ("◀ step", "one step back")
    assert (player.forward.description, player.forward.tooltip) == ("step ▶", "one step forward")
    assert player.unfold.description == "look inside" and player.unfold.tooltip


def test_a_new_puzzle_begins_folded_at_its_question_or_its_end() -> None:
    player = player_of()
    player.unfold.value = True
    player.play.playing = True
    player.inside.value = 5
    player.run(QUESTION)
    assert (shown_frame(player), player.slider.value, player.play.value) == (0, 0, 0)
    assert not player.unfold.value and not player.play.playing and player.inside.layout.display == "none"
    assert (player.play.step, player.play.max, player.inside.max) == (UPDATES, STEPS * UPDATES, UPDATES)
    player.show_steps(QUESTION, steps_of(ANSWER, ANSWER), at_end=True)
    assert (shown_frame(player), player.slider.value, player.slider.max) == (2, 2, 2)
    assert (player.play.step, player.play.max, player.play.value) == (1, 2, 2)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("player", "why"),
    [
        (lambda: player_of(network("direct")), "Direct has no recursion"),
        (lambda: player_of(Oracle(2)), "this network cannot be unrolled (AttributeError"),
        (lambda: handed_over(None), "only the answers of these steps are at hand"),
    ],
)
def test_where_one_cannot_look_inside_a_line_says_why(player: Any, why: str) -> None:
    made = player()
    assert made.unfold.disabled and html.escape(why) in made.note.value and made.problem == ""
    made.forward.click()
    assert shown_frame(made) == 1 and html.escape(why) in made.note.value, "the steps can be played all the same"
    made.unfold.value = True  # as a page that lags behind may still do
    made.forward.click()
    assert shown_frame(made) in (1, 2)


def handed_over(model: Any) -> Player:
    player = Player(model, TASK, live=True)
    player.show_steps(QUESTION, steps_of(ANSWER, ANSWER, ANSWER))
    return player


def test_steps_without_states_cannot_be_unfolded_even_with_their_network() -> None:
    shown = Frames(TASK, QUESTION, steps_of(ANSWER), None, network())
    shown.try_inside()
    assert (shown.updates, shown.closed) == (0, "the states of the network before these steps were not kept")


def test_weights_that_changed_since_are_noticed() -> None:
    model = network()
    player = player_of(model)
    player.unfold.value = True
    player.slider.value = 2
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.5)
    player.play.playing = True
    player.slider.value = 3
    assert "the weights of the network have changed" in player.note.value
    assert shown_frame(player) == 2 * UPDATES and player.slider.value == 2, "the controls stay with the picture"
    assert not player.play.playing


class Failing(torch.nn.Module):
    """A network with a mistake."""

    config = ModelConfig(vocab_size=8, seq_len=36, hidden=8)

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (self.weight,)

    def forward(self, inputs: Any, state: Any, puzzle_ids: Any) -> Any:
        raise IndexError("no <such> row")


@pytest.mark.parametrize("live", [True, False])
def test_a_network_that_fails_becomes_a_line(live: bool) -> None:
    player = Player(Failing(), TASK, QUESTION, live=live)
    assert player.problem == "IndexError: no <such> row" and player.frames is None
    assert not live or "IndexError: no &lt;such&gt; row" in player.picture.value


def test_a_network_that_fails_later_is_told_beside_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    player = player_of(network("trm", hidden=24))
    monkeypatch.setattr(frames, "reached_updates", lambda *_: 1 / 0)
    player.slider.value = 1
    player.unfold.value = True
    assert "ZeroDivisionError: division by zero" in player.note.value
    assert not player.unfold.value and shown_frame(player) == player.slider.value == 1
    assert player.play.step == UPDATES


def test_a_task_that_cannot_be_drawn_is_told_beside_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    player = player_of()
    player.slider.value = 2
    monkeypatch.setattr(frames, "verdict", lambda *_: {}["rules"])
    player.slider.value = 3
    assert "KeyError" in player.note.value and shown_frame(player) == player.slider.value == 2
    player.show_steps(QUESTION, steps_of(ANSWER), at_end=True)
    assert "KeyError" in player.problem


@pytest.mark.parametrize("control", ["back", "forward", "play", "slider", "inside", "unfold"])
@pytest.mark.parametrize("said", ["", "no puzzle"])
def test_controls_without_a_puzzle_do_no_harm(control: str, said: str) -> None:
    player = Player(network(), TASK, said or None, live=True)
    expected = "found 8 cells" if said else "no puzzle yet"
    press = getattr(player, control)
    if isinstance(press, ipywidgets.Button):
        press.click()
        assert "there is no step to go to" in player.note.value
    else:
        press.value = True if control == "unfold" else 1
    assert expected in player.picture.value or "is no cell" in player.picture.value
    assert player.unfold.disabled


@pytest.mark.parametrize(
    ("question", "solution", "said"),
    [
        ([300] * 36, None, "300"),
        (QUESTION, ANSWER[:5], "one puzzle has shape [36], got [5]"),
        (None, None, "TypeError"),
        (np.zeros((6, 6), np.uint8), None, "shape"),
    ],
)
def test_what_is_no_puzzle_becomes_a_line(question: Any, solution: Any, said: str, unchecked_types: None) -> None:
    player = player_of()
    player.slider.value = 2
    player.run(question, solution)
    assert said in player.problem and player.frames is None and player.slider.max == player.play.max == 0
    assert html.escape(player.problem) in player.picture.value
    player.run(QUESTION, ANSWER)
    assert player.problem == "" and shown_frame(player) == 0 and player.slider.max == STEPS


def test_no_steps_become_a_line() -> None:
    player = player_of()
    player.show_steps(QUESTION, [])
    assert "there is no step to show" in player.problem


def test_a_player_without_a_network_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    player = Player(None, TASK, live=False)
    player._ipython_display_()
    assert "no puzzle yet" in capsys.readouterr().out
    player.run(QUESTION)
    assert "this player has no network" in player.problem


def test_run_and_display_twice_change_nothing(shown: list[Any]) -> None:
    player = player_of()
    before = len(ipywidgets.widgets.widget._instances)
    picture = player.picture.value
    player.run(QUESTION, ANSWER)
    player.run(QUESTION, ANSWER)
    player._ipython_display_()
    player._ipython_display_()
    assert shown == [player.box, player.box] and player.picture.value == picture
    assert len(ipywidgets.widgets.widget._instances) == before


def test_presses_may_overlap_with_a_running_cell() -> None:
    """JupyterLab handles presses in one thread while a cell, which shows new steps, runs in another."""
    player, failures, said = player_of(), [], set()
    model_steps = [trace_steps(player.model, TASK, QUESTION, count) for count in (1, 2, 4)]

    def press() -> None:
        try:
            for i in range(150):
                (player.forward if i % 3 else player.back).click()
                player.unfold.value = i % 2 == 0
                player.slider.value = min(i % 5, player.slider.max)
                said.add(player.note.value)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=press)
    thread.start()
    for i in range(60):
        player.show_steps(QUESTION, model_steps[i % 3])
        if i % 5 == 0:
            player.run(QUESTION)
    thread.join(60)
    assert not thread.is_alive() and failures == []
    assert not [line for line in said if "Error" in line]
    player.run(QUESTION)
    assert shown_frame(player) == player.slider.value == 0 and player.slider.max == STEPS and not player.moving


# --- what it costs --------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes in memory; 0 where that cannot be read."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * 4096 if statm.exists() else 0


def test_two_hundred_presses_leave_nothing_behind() -> None:
    player = player_of()

    def press(count: int) -> None:
        for i in range(count):
            (player.forward, player.back, player.forward)[i % 3].click()
            if i % 10 == 0:
                player.unfold.value = not player.unfold.value
            if i % 40 == 0:
                player.run(QUESTION, ANSWER)

    press(200)  # what is filled once, such as the table of shades, is filled now
    widgets_before = len(ipywidgets.widgets.widget._instances)
    gc.collect()
    objects, memory = len(gc.get_objects()), resident()
    press(200)
    gc.collect()
    assert len(ipywidgets.widgets.widget._instances) == widgets_before
    assert len(gc.get_objects()) - objects < 100
    assert resident() - memory < 8 * 2**20


def test_a_player_of_the_shipped_network_opens_in_a_second() -> None:
    task, model = get_task("sudoku9"), shipped_model("sudoku9").model
    puzzles = task.generate(8, seed=5)
    model.heads.halt.bias.data[0] = -50.0  # never done: all 16 steps are made
    Player(model, task, puzzles.questions[0], live=True)
    seconds = []
    for question, answer in zip(puzzles.questions[1:4], puzzles.answers[1:4], strict=True):
        started = time.process_time()  # what other programs take meanwhile does not count
        player = Player(model, task, question, solution=answer, live=True)
        seconds.append(time.process_time() - started)
        assert len(player.frames.steps) == 16 and player.frames.updates == 6
    assert min(seconds) < 1.0


@pytest.mark.parametrize(("name", "limit"), [("sudoku9", 0.02), ("maze10", 0.02), ("maze30", 0.08)])
def test_frames_are_made_fast_enough(name: str, limit: float) -> None:
    """Twice what is aimed at: other programs run on a test machine too."""
    task = get_task(name)
    puzzle = task.generate(1, seed=5)
    sure = np.linspace(0, 1, task.seq_len, dtype=np.float32)
    steps = [Step(i, puzzle.answers[0], sure, 0.5) for i in range(1, 4)]
    shown, seconds = Frames(task, puzzle.questions[0], steps, puzzle.answers[0]), []
    for i in range(12):
        started = time.process_time()
        shown.html(i % 4)
        seconds.append(time.process_time() - started)
    assert np.median(seconds) < limit


# --- without a front end --------------------------------------------------------------------------------------------


def test_without_a_front_end_a_picture_shows_the_same_and_the_verdict(shown: list[Any], monkeypatch: Any) -> None:
    drawn: list[Any] = []
    show = plots.show
    monkeypatch.setattr(plots, "show", lambda axes, text: drawn.append((axes, text)) or show(axes, text))
    steps = steps_of(answer_with_wrong(*OPEN[:2]), answer_with_wrong(OPEN[0]))
    player = Player(None, TASK, live=False)
    player.show_steps(QUESTION, steps, ANSWER)
    player._ipython_display_()
    ((axes, text),) = drawn
    assert text == plots.thinking_text(TASK, QUESTION, steps, solution=ANSWER)
    (verdict,) = [t.get_text() for t in axes[0].figure.texts if t.get_text().startswith("after step 2: ")]
    assert "rules broken, first: " in verdict
    assert shown[0]["text/plain"] == " ".join(text.split())


def test_one_inside_needs_no_player() -> None:
    model = network()
    inside = Inside(unroll(model, inputs_of(model, QUESTION)), TASK.seq_len)
    assert len(inside) == UPDATES and not inside.renews_answer(1) and inside.renews_answer(3)
    assert isinstance(inside.unrolled.output, Output)
