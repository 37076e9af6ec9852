"""Every picture and widget in one notebook, in a light and in a dark theme: to look at, and to see what a theme breaks.

The screenshots lie in test-artifacts/gallery/ afterwards.
"""

from __future__ import annotations

import ast
import inspect
import io
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
from lab import browser_page, button, choose_theme, errors, need_chromium, run_all, serve
from PIL import Image

from trm_edu import plots, widgets

GALLERY = Path(__file__).with_name("gallery.py")
NO_PICTURE = {"changed_cells", "figure_of", "image_tag", "show", "shown_steps", "CostPoint"}


def names_used(source: str) -> set[str]:
    """Every name and attribute in a text of Python."""
    nodes = list(ast.walk(ast.parse(source)))
    return {n.attr for n in nodes if isinstance(n, ast.Attribute)} | {n.id for n in nodes if isinstance(n, ast.Name)}


def test_every_picture_and_widget_is_in_the_gallery() -> None:
    pictures = {name for name in plots.__all__ if inspect.isfunction(getattr(plots, name))} - NO_PICTURE
    players = {name for name in widgets.__all__ if hasattr(getattr(widgets, name), "_ipython_display_")}
    assert {"unrolled", "ladder_text"} <= pictures and {"Player", "YourPuzzle", "Knobs"} <= players
    assert (pictures | players | {"TrainingMonitor"}) - names_used(GALLERY.read_text(encoding="utf-8")) == set()


def test_every_picture_takes_axes_and_has_a_text() -> None:
    """What draws takes `ax` or `axes`; its alternative text is made from the same data."""
    texts = {"recursion_diagram": "RECURSION_TEXT", "training_curves": "curves_text"}
    for name in set(plots.__all__) - NO_PICTURE:
        function = getattr(plots, name)
        if not inspect.isfunction(function) or name.endswith("_text"):
            continue
        assert {"ax", "axes"} & set(inspect.signature(function).parameters), f"{name} takes no axes"
        if name not in ("grid", "answer_row"):  # parts of others, whose text says what they show
            assert texts.get(name, f"{name}_text") in plots.__all__, f"{name} has no text"


def pixels(shot: bytes) -> np.ndarray:
    """The picture without its rim, where half a pixel of the page shines through."""
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=int)[2:-2, 2:-2]


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_dark_theme_changes_no_picture(repository: Path, tmp_path: Path) -> None:
    need_chromium()
    folder = repository / "test-artifacts" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    shots: dict[str, list[bytes]] = {}
    with serve(repository, tmp_path) as lab, browser_page(1400, 1000) as page:
        lab.open(page, lab.save("gallery.ipynb", jupytext.read(GALLERY)))
        run_all(page, 400)
        assert errors(page) == []
        for name, nth in (("step ▶", 0), ("step ▶", 0), ("look inside", 0), ("◀ step", 0), ("step ▶", 1), ("Solve", 0)):
            button(page, name, nth).click()
        page.locator(".trm-card").get_by_text("solved and verified").wait_for(timeout=60_000)
        assert page.evaluate("() => [...document.images].filter(i => !i.alt.trim()).length") == 0
        for theme in ("light", "dark"):
            choose_theme(page, theme)
            for kind, where in (
                ("picture", ".jp-OutputArea-output img"),
                ("widget", ".jp-OutputArea-output > .jupyter-widgets"),
            ):
                places = page.locator(f".jp-Notebook {where}")
                for i in range(places.count()):
                    shot = screenshot(places.nth(i))
                    (folder / f"{kind}_{i:02}_{theme}.png").write_bytes(shot)
                    shots.setdefault(f"{kind} {i}", []).append(shot)
    assert len([name for name in shots if name.startswith("picture")]) > 30
    for name, (light, dark) in shots.items():
        if name.startswith("picture"):
            assert np.abs(pixels(light) - pixels(dark)).max() < 24, f"{name} looks different in the dark"


def screenshot(place: Any) -> bytes:
    place.scroll_into_view_if_needed()
    return place.screenshot()
