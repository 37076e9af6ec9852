"""Which machine and which versions is a figure from? Every result of benchmarks/ begins with what this prints.

python benchmarks/record.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trm_edu import __version__
from trm_edu.data import write_whole
from trm_edu.devices import device_name, pick_device

RESULTS = Path(__file__).parent / "results"


def header(script: str, argv: Sequence[str], device: torch.device) -> dict[str, Any]:
    """Command, machine and versions."""
    versions = {"torch": torch.__version__, "python": platform.python_version(), "trm_edu": __version__}
    if device.type == "cuda":
        versions["cuda"] = torch.version.cuda
    return {
        "command": " ".join(["python", f"benchmarks/{Path(script).name}", *argv]),
        "device": device_name(device),
        "cores": os.cpu_count(),
        "versions": versions,
    }


def write(path: Path, result: dict[str, Any]) -> None:
    """One JSON file, whole or not at all."""
    write_whole(path, (json.dumps(result, indent=1) + "\n").encode())


def earlier_runs(path: Path, result: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs that an earlier call of the same command left in this file. Ends with a line if they are others."""
    if not path.exists():
        return []
    earlier = json.loads(path.read_text(encoding="utf-8"))
    if any(earlier.get(key) != result[key] for key in ("recipe", "training", "held_out")):
        raise SystemExit(f"{path} holds runs of another recipe or of other puzzles; give another --out")
    return earlier["runs"]


def first_line(error: BaseException) -> str:
    """What went wrong, short enough for a row."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args(argv)
    print(json.dumps(header(__file__, [] if argv is None else argv, pick_device(args.device)), indent=1))


if __name__ == "__main__":
    main()
