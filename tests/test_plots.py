"""Pictures mark what they should, and have alternative texts that reach the page."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image, ImageColor
from stand_ins import ANSWER, OPEN, QUESTION, TASK, answer_with_wrong

from trm_edu import plots


def alternative_texts(page: str) -> list[str | None]:
    """The `alt` of every image, as a browser reads it."""
    found: list[str | None] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "img":
                found.append(dict(attributes).get("alt"))

    Reader().feed(page)
    return found


# --- pictures -------------------------------------------------------------------------------------------------------


def test_the_alternative_text_reaches_the_page_and_nbconvert(shown: list[Any]) -> None:
    plots.show(plots.grid(TASK, QUESTION), 'A grid, "hard",\n  with <few> clues')
    (bundle,) = shown
    assert bundle["text/plain"] == 'A grid, "hard", with <few> clues'
    cell = new_code_cell("show", outputs=[new_output("display_data", bundle)])
    page, _ = HTMLExporter().from_notebook_node(new_notebook(cells=[cell]))
    assert alternative_texts(page) == ['A grid, "hard", with <few> clues']
    assert 'src="data:image/png;base64,iVBOR' in page


def test_thin_lines_keep_their_colours_in_the_page(shown: list[Any]) -> None:
    """A picture has few colours, but each line of a chart must keep its own."""
    rows = [
        {"kind": "step", "step": 20, "loss": 2.0},
        {"kind": "step", "step": 40, "loss": 1.8},
        {"kind": "eval", "step": 40, "exact": [0.0, 0.1, 0.2, 0.3, 0.3]},
    ]
    plots.show(plots.learning_curve(rows), "curves")
    data = re.search(r"base64,([^\"]+)", shown[0]["text/html"])[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        found = np.asarray(image.convert("RGB"), dtype=int)
    for name in ("ORANGE", "GREEN", "BLUE", "VERMILION"):
        wanted = ImageColor.getrgb(getattr(plots, name))
        assert np.abs(found - wanted).max(-1).min() < 16, f"{name} is lost"


def test_an_empty_alternative_text_is_refused() -> None:
    with pytest.raises(ValueError, match="alt_text is empty"):
        plots.show(plots.grid(TASK, QUESTION), "  ")


def test_a_shown_pyplot_figure_is_closed(shown: list[Any]) -> None:
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    plots.show(ax, "empty axes")
    assert not pyplot.fignum_exists(figure.number)


def test_changed_cells() -> None:
    after = answer_with_wrong(OPEN[0], OPEN[3])
    assert np.flatnonzero(plots.changed_cells(ANSWER, after)).tolist() == [OPEN[0], OPEN[3]]


class Recorder:
    """Stands in for a task and remembers what it is asked to draw."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(TASK, name)

    def draw(self, ax: Any, tokens: Any, **marks: Any) -> Any:
        self.calls.append(marks)
        return TASK.draw(ax, tokens, **marks)


def test_answer_row_marks_what_changed_since_the_picture_before_and_what_is_wrong() -> None:
    answers = [answer_with_wrong(*OPEN[:3]), answer_with_wrong(*OPEN[:2]), answer_with_wrong(OPEN[0]), ANSWER]
    recorder = Recorder()
    axes = plots.answer_row(recorder, QUESTION, answers, [1, 3, 4], solution=ANSWER)
    assert [ax.get_title() for ax in axes] == ["question", "after step 1", "after step 3", "after step 4"]
    _, *drawn = recorder.calls
    assert drawn[0]["changed"] is None
    assert [np.flatnonzero(call["changed"]).tolist() for call in drawn[1:]] == [OPEN[1:3].tolist(), [OPEN[0]]]
    assert [int(call["wrong"].sum()) for call in drawn] == [3, 1, 0]


def test_answer_row_takes_axes_and_refuses_a_step_that_does_not_exist() -> None:
    axes = Figure().subplots(1, 2)
    assert plots.answer_row(TASK, QUESTION, [ANSWER], axes=axes)[1] is axes[1]
    with pytest.raises(ValueError, match="no answer after step 2; there are steps 1 to 1"):
        plots.answer_row(TASK, QUESTION, [ANSWER], [2])


@pytest.mark.parametrize(("count", "chosen"), [(1, [1]), (3, [1, 2, 3]), (16, [1, 2, 4, 16])])
def test_shown_steps(count: int, chosen: list[int]) -> None:
    assert plots.shown_steps(count) == chosen
