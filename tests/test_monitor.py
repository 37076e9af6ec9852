"""A training run is shown while it runs."""

from __future__ import annotations

from typing import Any

import pytest
from stand_ins import log_rows

from trm_edu.recipes import Recipe
from trm_edu.widgets import LiveTraining


def test_live_training_writes_over_one_output(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handle:
        pages: list[str] = []

        def update(self, bundle: dict[str, str], **_: Any) -> None:
            self.pages.append(bundle["text/html"])

    monkeypatch.setattr("IPython.display.display", lambda *_, **options: Handle() if options["display_id"] else None)
    live = LiveTraining(Recipe(name="try", steps=40), every=0.0)
    for row in log_rows():
        live(row)
    assert len(Handle.pages) == 4
    assert "try: step 20 of 40, about 1 s left" in Handle.pages[0]
    assert "40 steps in 2 s, exact 90.0% of 1,000 unseen puzzles" in Handle.pages[-1]
    assert all('<img alt="Two curves' in page for page in Handle.pages)


def test_live_training_draws_no_more_often_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[Any] = []
    handle = type("Handle", (), {"update": lambda _, page, **__: pages.append(page)})()
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: handle)
    live = LiveTraining(Recipe(name="try", steps=40), every=1000.0)
    for row in log_rows():
        live(row)
    assert len(pages) == 2, "the first row and the last"
