"""Paths of the latent states and the sizes of their steps: what is drawn is what the numbers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from trm_edu import plots
from trm_edu.errors import DataError
from trm_edu.inside import principal_components
from trm_edu.plots import latents


def walks(steps: int = 4, puzzles: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """Paths of y and z [steps + 1, puzzles, 2 positions, 3 wide]: they begin in one place."""
    rng = np.random.default_rng(seed)
    moves = (
        rng.normal(size=(2, steps, puzzles, 2, 3)).astype(np.float32)
        * np.array([4, 2, 1, 0.5] * 20)[:steps, None, None, None]
    )
    start = np.broadcast_to(rng.normal(size=(2, 1, 1, 2, 3)), (2, 1, puzzles, 2, 3))
    y, z = np.concatenate([start, start + moves.cumsum(1)], axis=1)
    return {"y": y, "z": z}


def paths_of(ax: Any) -> list[Any]:
    """The lines that are paths: all but those of the legend."""
    return list(ax.lines)


def marks_of(ax: Any, width: float) -> list[tuple[list[float], str]]:
    """Single marks whose edge has this width, as (place, colour)."""
    found = [c for c in ax.collections if np.allclose(c.get_linewidth(), width) and len(c.get_offsets()) == 1]
    return [(np.asarray(c.get_offsets())[0].tolist(), to_hex(c.get_facecolor()[0])) for c in found]


# --- trajectories ---------------------------------------------------------------------------------------------------


def test_a_line_for_each_puzzle_runs_through_its_points_in_the_two_first_directions() -> None:
    paths = walks()
    axes = plots.latent_trajectories(paths)
    assert [ax.get_title() for ax in axes] == ["state y, the answer", "state z, the latent reasoning"]
    for ax, path in zip(axes, paths.values(), strict=True):
        points, shares = principal_components(path.reshape(5, 3, 6))
        drawn = np.stack([line.get_xydata() for line in paths_of(ax)], axis=1)
        assert drawn == pytest.approx(points)
        assert ax.get_xlabel() == f"first direction, {shares[0]:.0%} of the variance"
        assert ax.get_ylabel() == f"second direction, {shares[1]:.0%} of the variance"
        starts, ends = marks_of(ax, 1.2), marks_of(ax, 0.7)
        assert np.array([place for place, _ in starts]) == pytest.approx(points[0])
        assert {colour for _, colour in starts} == {"#ffffff"}, "the start is hollow"
        assert np.array([place for place, _ in ends]) == pytest.approx(points[-1])
        assert "#ffffff" not in {colour for _, colour in ends}, "the end is filled"
        assert ax.get_aspect() == 1, "a distance is as long in both directions"
    assert len({line.get_linestyle() for line in paths_of(axes[0])}) == 3, "told apart in grey too"


def test_dots_on_the_way_grow_from_step_to_step() -> None:
    ax = plots.latent_trajectories(walks(steps=6, puzzles=1))[0]
    (dots,) = [c for c in ax.collections if len(c.get_offsets()) > 1]
    assert np.asarray(dots.get_offsets()) == pytest.approx(paths_of(ax)[0].get_xydata()[1:-1])
    assert (np.diff(dots.get_sizes()) > 0).all()


def test_solved_and_other_puzzles_differ_in_colour_line_and_mark() -> None:
    ax = plots.latent_trajectories(walks(), solved=[True, False, True])[0]
    looks = [(to_hex(line.get_color()).upper(), line.get_linestyle()) for line in paths_of(ax)]
    good, bad = (plots.GREEN, "-"), (plots.VERMILION, "--")
    assert looks == [good, bad, good]
    ends = [c for c in ax.collections if np.allclose(c.get_linewidth(), 0.7) and len(c.get_offsets()) == 1]
    shapes = [len(c.get_paths()[0].vertices) for c in ends]
    assert shapes[0] == shapes[2] != shapes[1], "a circle and a cross"
    assert [text.get_text() for text in ax.get_legend().texts] == [
        "start",
        "after 4 steps: solved (2)",
        "after 4 steps: not solved (1)",
    ]
    ax = plots.latent_trajectories(walks(), solved=np.ones(3, bool))[0]
    assert len(ax.get_legend().texts) == 2, "nothing that is not there"


def test_few_paths_bear_their_names_and_many_are_thin() -> None:
    names = [f"puzzle {i}" for i in range(12)]
    few = plots.latent_trajectories(walks(puzzles=12), labels=names)[0]
    assert [text.get_text() for text in few.texts] == names
    assert np.array([text.xy for text in few.texts]) == pytest.approx(
        np.array([line.get_xydata()[-1] for line in few.lines])
    )
    many = plots.latent_trajectories(walks(puzzles=13), labels=[*names, "one more"])[0]
    assert not many.texts and not [c for c in many.collections if len(c.get_offsets()) > 1]
    assert many.lines[0].get_linewidth() < few.lines[0].get_linewidth()


def test_names_stand_on_the_inner_side() -> None:
    path = np.zeros((2, 2, 2))
    path[1] = [[-10, 0], [10, 1]]
    ax = plots.latent_trajectories({"y": path}, labels=["left", "right"])[0]
    sides = {text.xy[0] > 0: text.get_ha() for text in ax.texts}
    assert sides == {False: "left", True: "right"}


def test_one_path_bears_the_numbers_of_its_steps_where_there_is_room() -> None:
    path = np.zeros((6, 1, 2))
    path[:, 0] = [[0, 0], [10, 0], [10, 8], [10.01, 8.01], [0, 8], [0, 16]]
    ax = plots.latent_trajectories({"z": path})[0]
    points = paths_of(ax)[0].get_xydata()
    assert sorted(int(text.get_text()) for text in ax.texts) == [0, 1, 2, 4, 5]
    assert all(tuple(text.xy) == tuple(points[int(text.get_text())]) for text in ax.texts)


def test_one_puzzle_and_plain_vectors_are_enough() -> None:
    path = np.random.default_rng(1).normal(size=(3, 1, 7))
    (ax,) = plots.latent_trajectories({"memory": path})
    assert ax.get_title() == "state memory" and len(paths_of(ax)) == 1
    plots.figure_of(ax).canvas.draw()
    one_step = np.random.default_rng(1).normal(size=(2, 2, 7))
    text = plots.latent_trajectories_text({"y": one_step})
    assert "after 1 step," in text and text.endswith("the first step is 100% of a path's length.")


def test_trajectories_take_axes_and_refuse_another_number() -> None:
    given = Figure().subplots(1, 2)
    assert plots.latent_trajectories(walks(), given).tolist() == given.tolist()
    with pytest.raises(ValueError, match="the states y, z need 2 axes, got 1"):
        plots.latent_trajectories(walks(), given[:1])


@pytest.mark.parametrize("draw", [plots.latent_trajectories, plots.latent_trajectories_text])
def test_paths_that_make_no_sense_are_refused(draw: Any, unchecked_types: None) -> None:
    walk = walks()
    bad = walk["y"].copy()
    bad[1, 0] = np.nan
    for paths, words in (
        ({}, "there is no path to draw"),
        ({"y": np.zeros((4, 3))}, r"the path of y has shape \[4, 3\]; it needs \[steps \+ 1, B, F\]"),
        ({"y": walk["y"][:1]}, "the path of y has 1 points of 3 puzzles"),
        ({"y": walk["y"][:, :0]}, "the path of y has 5 points of 0 puzzles"),
        ({"y": bad}, "the path of y holds numbers that are not finite"),
        ({"y": walk["y"], "z": walk["z"][:4]}, r"got y \[5, 3\], z \[4, 3\]"),
        ({"y": walk["y"][:2, :1]}, "the path of y has 2 points; two directions need at least 3"),
        ({"y": np.ones((3, 2, 4))}, "the path of y cannot be drawn: all points lie in one place"),
        ({"y": walk["y"][..., :1, :1]}, "the path of y cannot be drawn: 15 points of 1 numbers"),
    ):
        with pytest.raises(DataError, match=words):
            draw(paths)
    with pytest.raises(DataError, match="solved has 2 entries, but there are 3 puzzles"):
        draw(walk, solved=[True, False])
    with pytest.raises(DataError, match="labels has 1 entries, but there are 3 puzzles"):
        draw(walk, labels=["a"])


def test_trajectories_text_says_how_much_is_seen_and_how_long_the_steps_are() -> None:
    path = np.zeros((4, 2, 2))
    path[:, 0, 0] = 0, 6, 8, 10  # steps 6, 2, 2
    path[:, 1, 1] = 0, 2, 4, 8  # steps 2, 2, 4
    _, shares = principal_components(path)
    text = plots.latent_trajectories_text({"y": path}, solved=[True, False], labels=["easy", "hard"])
    assert text.startswith("Paths of 2 puzzles: easy, hard, 1 of them solved, from a hollow circle at the start")
    assert "after 3 steps" in text
    assert f"state y, two directions that hold {shares[0]:.0%} and {shares[1]:.0%} of the variance" in text
    assert "; solved: the first step is 60% of a path's length, the last one 20.0%" in text
    assert "; not solved: the first step is 25% of a path's length, the last one 50.0%." in text
    assert "; the first step is 42% of a path's length, the last one 35.0%." in plots.latent_trajectories_text(
        {"y": path}
    )
    still = np.concatenate([path, np.zeros((4, 1, 2))], axis=1)
    assert "the first step is 25%" in plots.latent_trajectories_text({"y": still}), (
        "a path of no length does not divide"
    )
    names = [str(i) for i in range(13)]
    assert "Paths of 13 puzzles, from" in plots.latent_trajectories_text(walks(puzzles=13), labels=names)


# --- step sizes -----------------------------------------------------------------------------------------------------


def lengths(*by_puzzle: list[float]) -> np.ndarray:
    """Paths along a line [steps + 1, B, 1, 2]: each point's distance from the origin."""
    path = np.zeros((len(by_puzzle[0]), len(by_puzzle), 1, 2))
    path[..., 0, 0] = np.array(by_puzzle).T
    return path


def named_lines(ax: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_the_size_of_a_step_is_its_length_over_that_of_the_state_after_it() -> None:
    paths = {"y": lengths([1, 2, 4], [1, 4, 5], [2, 1, 10]), "z": lengths([1, 2, 2.5], [1, 2, 2.5], [1, 2, 2.5])}
    ax = plots.step_sizes(paths)
    lines = named_lines(ax)
    assert lines["y"] == pytest.approx(np.array([[1, 0.75], [2, 0.5]]))
    assert lines["z"] == pytest.approx(np.array([[1, 0.5], [2, 0.2]]))
    assert ax.get_yscale() == "log" and ax.get_xlabel() == "supervision step"
    styles = {(line.get_color(), line.get_marker()) for line in ax.lines}
    assert len(styles) == 2
    band = ax.collections[0].get_paths()[0].vertices
    assert sorted(set(band[band[:, 0] == 2][:, 1].round(6))) == [0.35, 0.7], "the middle half of 0.2, 0.5 and 0.9"


def test_solved_and_other_puzzles_have_lines_of_their_own() -> None:
    paths = {"y": lengths([1, 2, 2.1], [1, 2, 4], [1, 2, 4])}
    ax = plots.step_sizes(paths, solved=[True, False, False])
    lines = named_lines(ax)
    assert lines["y, solved (1)"][:, 1] == pytest.approx([0.5, 0.1 / 2.1])
    assert lines["y, not solved (2)"][:, 1] == pytest.approx([0.5, 0.5])
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    assert [c.get_hatch() for c in ax.collections] == [None, "///"]
    assert list(named_lines(plots.step_sizes(paths, solved=[True] * 3))) == ["y, solved (3)"]


def test_a_state_at_rest_stands_at_the_foot() -> None:
    ax = plots.step_sizes({"y": lengths([1, 2, 2, 2], [1, 2, 2, 2])})
    lines = named_lines(ax)
    assert np.isnan(lines["y"][:, 1]).tolist() == [False, True, True]
    foot = ax.get_ylim()[0]
    assert lines["y: at rest"].tolist() == [[2, foot], [3, foot]] and 0 < foot < 0.5
    plots.figure_of(ax).canvas.draw()
    assert "y: 0.5 in step 1, 0 in step 3 (middle half 0 to 0), smallest 0 in step 2" in plots.step_sizes_text(
        {"y": lengths([1, 2, 2, 2], [1, 2, 2, 2])}
    )


def test_step_sizes_take_axes_and_one_step() -> None:
    given = Figure().subplots()
    assert plots.step_sizes({"y": lengths([1, 2])}, given) is given
    plots.figure_of(given).canvas.draw()
    text = plots.step_sizes_text({"y": lengths([1, 2])})
    assert text.endswith("median over 1 puzzle. y: 0.5 in step 1.")


@pytest.mark.parametrize("draw", [plots.step_sizes, plots.step_sizes_text])
def test_step_sizes_refuse_what_has_none(draw: Any) -> None:
    with pytest.raises(DataError, match="state y of puzzle 1 is all 0 after step 2; its step has no size"):
        draw({"y": lengths([1, 2, 3], [1, 2, 0])})
    with pytest.raises(DataError, match="no state ever moves"):
        draw({"y": lengths([1, 1, 1])})
    with pytest.raises(DataError, match="solved has 1 entries, but there are 2 puzzles"):
        draw({"y": lengths([1, 2], [1, 2])}, solved=[True])


def test_step_sizes_text_says_whether_it_settles() -> None:
    paths = {"y": lengths([1, 2, 2.5, 5], [1, 2, 2.5, 5]), "z": lengths([1, 2, 4, 5], [1, 2, 4, 5])}
    text = plots.step_sizes_text(paths, solved=[True, False])
    assert "median over 2 puzzles" in text and "logarithmic axis" in text
    assert "y, solved (1): 0.5 in step 1, 0.5 in step 3 (middle half 0.5 to 0.5), smallest 0.2 in step 2" in text
    assert "z, not solved (1): 0.5 in step 1, 0.2 in step 3" in text


def test_a_state_that_the_course_does_not_know_keeps_its_name() -> None:
    assert set(latents.MEANING) == {"y", "z"}
    axes = plots.latent_trajectories({"pads1": walks()["y"]})
    assert axes[0].get_title() == "state pads1"
