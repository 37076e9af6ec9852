"""The checks that learners call, one module a lesson: `from trm_edu.checks import puzzles_as_tokens as check`.

Each check takes the learner's answer and tries it on small cases. It prints what was tried if all is well, and raises
`WrongAnswer` if not: what is wrong, where to look, and the learner's own value beside the expected one. It knows the
mistakes that people make; tests/answers/ holds those wrong answers and proves that each gets a message of its own.
"""

from trm_edu.checks.teacher import WrongAnswer

__all__ = ["WrongAnswer"]
