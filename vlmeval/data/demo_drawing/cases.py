"""The people and lesions of the demonstration: what a case is and what its raters wrote down.

In: a series name ("bench", "train", ...), a case's number and its morphology. Out: `DrawnCase`, with true skin tone,
body site, and answers with the gaps that real tables have: questions left open, raters who differ by a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vlmeval.data.demo_drawing.chance import Chance

VERSION: Final = "1"
"""Changes with anything that changes a picture or a table cell; part of every seed and of the drawing's digest."""

TONE_WEIGHTS: Final = (7, 10, 12, 13, 12, 11, 11, 10, 8, 6)
SITES: Final = ("arm", "leg", "torso-front", "back", "hand", "head-or-neck")
SITE_WEIGHTS: Final = (24, 22, 17, 15, 10, 12)
AGES: Final = ("18-29", "30-39", "40-49", "50-59", "60-69", "70-79")
AGE_WEIGHTS: Final = (22, 22, 18, 16, 14, 8)
NOT_GRADABLE: Final = "not-gradable"
FST_OF_MONK: Final = (1.2, 1.7, 2.3, 3.0, 3.6, 4.2, 4.8, 5.3, 5.8, 6.1)
"""Centre of Fitzpatrick answers for each Monk tone. Made for the demonstration: the two scales measure different
things and no table turns one into the other."""


@dataclass(frozen=True)
class DrawnCase:
    """One synthetic person with one morphology, and what was recorded of them.

    ``tone`` is the drawn Monk tone (1 to 10, continuous), known only because it is drawn; ``answers`` is what the
    table holds: column name -> text, empty where nothing was recorded.
    """

    case_id: str
    seed: str
    morphology: str
    tone: float
    site: str
    hair: int
    photos: int
    answers: dict[str, str]


def make_case(series: str, number: int, morphology: str, tones: tuple[float, ...] = TONE_WEIGHTS) -> DrawnCase:
    """Return case ``number`` of a series; the same arguments give the same case everywhere.

    Parameters
    ----------
    series
        Cases of different series share no seed.
    number
        Counts from 0.
    morphology
        A key of `photo.MORPHOLOGIES`.
    tones
        How often each of the ten Monk tones comes.
    """
    seed = f"derm-demo/{VERSION}/{series}/{number}"
    chance = Chance(seed, "person")
    step = chance.pick(tuple(range(1, 11)), tones)
    tone = min(10.0, max(1.0, step + chance.uniform(-0.45, 0.45)))
    sex = chance.pick(("female", "male", "other-or-unspecified", ""), (46, 42, 4, 8))
    site = chance.pick(SITES, SITE_WEIGHTS)
    hairy = chance.yes(0.40 if sex == "male" else 0.20)
    answers = {
        "age_band": chance.pick((*AGES, "unknown"), (*AGE_WEIGHTS, 18)),
        "sex": sex,
        "body_site": site if chance.yes(0.95) else "",
        **_fitzpatrick(chance, step),
        **_monk(chance, tone),
    }
    return DrawnCase(
        case_id=f"{series}-{number:04d}",
        seed=seed,
        morphology=morphology,
        tone=tone,
        site=site,
        hair=chance.integer(6, 34) if hairy and site != "hand" else 0,
        photos=chance.pick((1, 2, 3), (50, 32, 18)),
        answers=answers,
    )


def _fitzpatrick(chance: Chance, step: int) -> dict[str, str]:
    centre = FST_OF_MONK[step - 1]
    own = _between(round(centre + chance.uniform(-0.9, 0.9)), 1, 6)
    asked = chance.uniform()
    answers = {"fst_self": "" if asked < 0.22 else "NONE_IDENTIFIED" if asked < 0.27 else f"FST{own}"}
    for rater in (1, 2, 3):
        seen = _between(round(centre + chance.uniform(-0.8, 0.8)), 1, 6)
        # The third dermatologist was asked about half of the cases; now and then a picture cannot be graded.
        asked_too, can_tell = rater < 3 or chance.yes(0.5), chance.yes(0.93)
        answers[f"fst_dermatologist_{rater}"] = (f"FST{seen}" if can_tell else NOT_GRADABLE) if asked_too else ""
    return answers


def _monk(chance: Chance, tone: float) -> dict[str, str]:
    answers = {}
    for place, shift in (("us", -0.15), ("india", 0.35)):
        seen = _between(round(tone + shift + chance.uniform(-0.9, 0.9)), 1, 10)
        answers[f"monk_{place}"] = chance.pick((str(seen), NOT_GRADABLE, ""), (92, 5, 3))
    return answers


def _between(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
