"""What a learner plays with: `Player` shows a recursion step by step, `YourPuzzle` takes a puzzle of your own.

`TrainingMonitor` trains and can be stopped, `Knobs` turns what may be changed after training.

Without a live front end (a code host, a test run, a printed page) each shows a picture with the same content instead.
Nothing here raises into the page: what is wrong stands in a line beside the puzzle.
"""

from trm_edu.widgets.frames import LIVE_VARIABLE, Frames, live_front_end, verdict
from trm_edu.widgets.knobs import Knobs
from trm_edu.widgets.monitor import TrainingMonitor
from trm_edu.widgets.player import Player
from trm_edu.widgets.puzzle import YourPuzzle
from trm_edu.widgets.svg import grid_svg

__all__ = [
    "LIVE_VARIABLE",
    "Frames",
    "Knobs",
    "Player",
    "TrainingMonitor",
    "YourPuzzle",
    "grid_svg",
    "live_front_end",
    "verdict",
]
