"""Every check of the course accepts what is right and refuses what people get wrong, each mistake in its own words."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

from trm_edu.checks import WrongAnswer

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path.stem for path in (ROOT / "trm_edu" / "checks").glob("*.py") if path.stem not in ("__init__", "teacher")
)
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))


def checks(module: str) -> ModuleType:
    return importlib.import_module(f"trm_edu.checks.{module}")


def answers(module: str) -> dict[str, Any]:
    return importlib.import_module(f"answers.{module}").ANSWERS


EXERCISES = [(module, name) for module in MODULES for name in checks(module).__all__]
WRONG = [(m, name, mistake) for m, name in EXERCISES for mistake in answers(m)[name].wrong]
RIGHT = [(m, name, i) for m, name in EXERCISES for i in range(len(answers(m)[name].right))]


def refusal(module: str, name: str, answer: Any) -> WrongAnswer:
    with pytest.raises(WrongAnswer) as caught:
        getattr(checks(module), name)(answer)
    return caught.value


@pytest.mark.parametrize(("module", "name", "mistake"), WRONG, ids=["-".join(row) for row in WRONG])
def test_a_wrong_answer_is_refused_in_its_own_words(module: str, name: str, mistake: str) -> None:
    error = refusal(module, name, answers(module)[name].wrong[mistake])
    assert error.mistake == mistake, str(error)
    for line in (error.what, error.where):
        assert 15 <= len(line) <= 160 and "\n" not in line and line[-1] in ".?:", line
    values = str(error).splitlines()[3:]
    assert values and values[-1].strip(), "the learner's own value and the expected one are missing"


@pytest.mark.parametrize(("module", "name", "index"), RIGHT, ids=["-".join(map(str, row)) for row in RIGHT])
def test_a_right_answer_passes_and_says_what_was_tried(module: str, name: str, index: int, capsys) -> None:
    getattr(checks(module), name)(answers(module)[name].right[index])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}: right. ") and len(printed.strip()) > len(name) + 15


@pytest.mark.parametrize(("module", "name"), EXERCISES, ids=["-".join(row) for row in EXERCISES])
def test_each_mistake_has_a_message_of_its_own(module: str, name: str) -> None:
    """At least three mistakes an exercise, no two with the same first or second line, none of them unrecognised."""
    wrong = answers(module)[name].wrong
    assert len(wrong) >= 3 and answers(module)[name].right
    assert not {"other", "shape", "other-kind"} & set(wrong), "a mistake with a name needs words of its own"
    errors = [refusal(module, name, answer) for answer in wrong.values()]
    for said in ([e.what for e in errors], [e.where for e in errors]):
        assert len(set(said)) == len(said), said


@pytest.mark.parametrize("module", MODULES)
def test_no_answers_without_a_check(module: str) -> None:
    assert set(answers(module)) == set(checks(module).__all__)


# --- the notebooks that call them ------------------------------------------------------------------------------------


def called(notebook: Path) -> tuple[str, list[str]]:
    """The check module that a notebook imports, and the checks that its graded cells call."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    source = "\n".join(cell.source for cell in cells)
    (module,) = re.findall(r"^from trm_edu\.checks import (\w+) as check$", source, flags=re.MULTILINE)
    names = []
    for cell in cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
            names += [call.func.attr for call in calls if ast.unparse(call.func).startswith("check.")]
    return module, names


def test_no_check_without_a_notebook_and_no_notebook_without_checks() -> None:
    found = [called(notebook) for notebook in SOLUTIONS]
    assert sorted(module for module, _ in found) == MODULES
    for module, names in found:
        assert sorted(names) == sorted(checks(module).__all__), module


@pytest.mark.parametrize("notebook", SOLUTIONS, ids=lambda path: path.stem)
def test_a_graded_cell_calls_one_check_and_an_exercise_has_all_its_parts(notebook: Path) -> None:
    """Title with rating and minutes, stub with types and docstring, check, three steps of help: in this order."""
    cells = nbformat.read(notebook, as_version=4).cells
    kinds = {"grade": [], "solution": [], "title": [], "help": []}
    for i, cell in enumerate(cells):
        nbgrader = cell.metadata.get("nbgrader", {})
        for key in ("grade", "solution"):
            if nbgrader.get(key):
                kinds[key].append(i)
        if re.search(r"^## Exercise \d+: ", cell.source, flags=re.MULTILINE):
            kinds["title"].append(i)
        if "<!-- solution -->" in cell.source:
            kinds["help"].append(i)
    assert len({len(places) for places in kinds.values()}) == 1, kinds
    for number, (title, stub, graded, help_) in enumerate(
        zip(*(kinds[k] for k in ("title", "solution", "grade", "help")), strict=True), 1
    ):
        assert title < stub < graded < help_
        text = cells[title].source
        assert f"## Exercise {number}: " in text
        rating = r"\*Difficulty: [1-5] of 5 · Importance: [1-5] of 5 · Time: about \d+ minutes?\*"
        assert re.search(rating, text), text
        assert "Expected" in text, "a picture or number of what is expected"
        (call,) = re.findall(r"check\.(\w+)\(", cells[graded].source)
        assert cells[stub].metadata["nbgrader"]["grade_id"] == call
        assert cells[graded].metadata["nbgrader"]["grade_id"] == f"check_{call}"
        stubs = ast.parse(cells[stub].source).body
        assert any(ast.get_docstring(node) for node in stubs if isinstance(node, ast.FunctionDef | ast.ClassDef)), call
        assert re.findall(r"<summary>Help (\d)", cells[help_].source) == ["1", "2", "3"]


def test_the_course_holds_what_it_promises() -> None:
    """At least 60 exercises with at least 180 wrong answers, and as many as the README says."""
    assert len(EXERCISES) >= 60 and len(WRONG) >= 180
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{len(EXERCISES)} of them, in [exercises/]" in readme
    assert f"{len(WRONG):,} wrong answers" in readme and f"{len(RIGHT)} right ones in another style" in readme
