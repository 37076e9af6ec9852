"""How long does each lesson run, and how much memory does it take? The same for the solved exercises.

    python benchmarks/notebooks.py                        # all of them
    python benchmarks/notebooks.py 05_one_step_gradient   # this lesson and its exercises; the others keep their figures

Every notebook runs once, alone, in a fresh kernel. Seconds: from the kernel's start to its last cell. Memory: the most
that the kernel ever held (resident set, in MB of 10^6 bytes). Results go to benchmarks/results/notebooks.json, those of
the lessons not named here are kept; README.md shows them, and a test holds the two together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from record import RESULTS, header, write

from trm_edu.devices import pick_device

ROOT = Path(__file__).resolve().parents[1]
# The last cell: the most memory that the kernel ever held, in bytes. ru_maxrss counts kilobytes, on a Mac bytes.
PEAK = """import resource, sys
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))"""


def measure(path: Path) -> dict[str, float]:
    """Run a notebook and return its seconds and its peak memory. A cell that fails is an error."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}})
    started = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 1), "peak_mb": round(int(notebook.cells[-1].outputs[0].text) / 1e6)}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="names without .ipynb (default: all)")
    parser.add_argument("--out", type=Path, default=RESULTS / "notebooks.json")
    args = parser.parse_args(argv)
    paths = [path for folder in ("notebooks", "solutions") for path in sorted((ROOT / folder).glob("*.ipynb"))]
    if unknown := sorted(set(args.lessons) - {path.stem for path in paths}):
        parser.error(f"there is no lesson {', '.join(unknown)}; there are {', '.join(sorted({p.stem for p in paths}))}")
    result = header(__file__, sys.argv[1:] if argv is None else argv, pick_device("cpu"))
    measured = json.loads(args.out.read_text(encoding="utf-8"))["notebooks"] if args.out.exists() else {}
    names = {path.relative_to(ROOT).as_posix(): path for path in paths}
    measured = {name: figures for name, figures in measured.items() if name in names}
    for name, path in names.items():
        if args.lessons and path.stem not in args.lessons:
            continue
        measured[name] = measure(path)
        print(f"{name}: {measured[name]['seconds']} s, {measured[name]['peak_mb']} MB", flush=True)
        write(args.out, result | {"notebooks": dict(sorted(measured.items()))})


if __name__ == "__main__":
    main()
