"""What the exercises say is expected: (lesson, exercise) -> [(compute from the solution, value, words of the text)]."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

EXPECTED: dict = {}
for path in sorted(Path(__file__).parent.glob("lesson*.py")):
    EXPECTED |= import_module(f"expected.{path.stem}").EXPECTED
