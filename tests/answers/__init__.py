"""Answers of learners, right and wrong, by which the checks of the course are proven: one module a lesson.

Each module has `ANSWERS`: the name of a check -> what people hand in. tests/test_checks.py demands that every wrong
answer is refused as the mistake under whose name it stands, and that every right one passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answers:
    """right: valid answers, written in another way than the solution. wrong: mistake -> an answer that makes it."""

    right: list[Any]
    wrong: dict[str, Any]
