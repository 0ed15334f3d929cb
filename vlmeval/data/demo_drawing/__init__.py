"""The demonstration's pictures: eight skin morphologies drawn on the ten Monk tones. Synthetic, every pixel of it.

Comes in: a series name, a number, a morphology. Goes out: a `DrawnCase` and its photos as uint8 arrays, equal on every
machine. chance.py is where numbers come from, fields.py and canvas.py are the tools, skin.py, spots.py and rashes.py
what is drawn, photo.py how it is seen, cases.py what was written down. `vlmeval.data.demo` makes a benchmark of it.
"""

from vlmeval.data.demo_drawing.cases import TONE_WEIGHTS, VERSION, DrawnCase, make_case
from vlmeval.data.demo_drawing.chance import Chance
from vlmeval.data.demo_drawing.photo import MORPHOLOGIES, SIZE, draw

__all__ = ["MORPHOLOGIES", "SIZE", "TONE_WEIGHTS", "VERSION", "Chance", "DrawnCase", "draw", "make_case"]
