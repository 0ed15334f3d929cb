"""What a paired difference may be taken for, in a sentence.

In: the headline numbers of a pair, with adjusted p-values. Out: `Verdict`s. Better is said only where the test says so
after its correction; else what the difference could still be, and what a study of this size could have found.
"""

from __future__ import annotations

from typing import Final

from vlmeval.compare.families import is_headline
from vlmeval.records import Benchmark
from vlmeval.records.comparison import Outcome, PairCompared, PairedNumber, Verdict
from vlmeval.stats import metric_info

ALPHA: Final = 0.05
TINY: Final = 0.001


def verdicts(pair: PairCompared, card: Benchmark, tests: int) -> tuple[Verdict, ...]:
    """Return one verdict a headline metric; ``tests`` is how many Holm's correction is for."""
    metrics = card.headline_metrics
    numbers = sorted((n for n in pair.numbers if is_headline(n, metrics)), key=lambda n: metrics.index(n.metric))
    return tuple(_verdict(number, pair, card, tests) for number in numbers)


def better(number: PairedNumber, card: Benchmark) -> Outcome:
    """Say which side is better, as far as test (or, without one, interval) can tell."""
    if number.value is None:
        return "unknown"
    if number.p_adjusted is not None:
        clear = number.p_adjusted < ALPHA
    elif number.low is not None and number.high is not None:
        clear = not number.low <= 0 <= number.high
    else:
        return "unknown"
    lower = metric_info(number.metric, card.task).direction == "lower"
    return "not-separable" if not clear or number.value == 0 else "a" if (number.value > 0) != lower else "b"


def _verdict(number: PairedNumber, pair: PairCompared, card: Benchmark, tests: int) -> Verdict:
    outcome = better(number, card)
    if number.value is None:
        words = f"cannot be compared: {number.reason}"
    elif outcome == "unknown":
        words = f"{_signed(number.value)}: without draws and permutations nothing is known of chance"
    elif outcome == "not-separable":
        words = _not_separable(number, pair, card, tests)
    else:
        side = pair.a if outcome == "a" else pair.b
        words = f"{side.name} is better by {_size(number)}{_p(number, tests)}"
    return Verdict(metric=number.metric, averaging=number.averaging, outcome=outcome, words=words)


def _size(number: PairedNumber) -> str:
    """Return the difference without its sign, in the direction of the better side."""
    sign = -1 if number.value is not None and number.value < 0 else 1
    ends = sorted(sign * end for end in (number.low, number.high) if end is not None)
    between = f" ({_number(ends[0])} to {_number(ends[1])})" if len(ends) == 2 else ""
    return f"{abs(number.value or 0.0):.3f}{between}"


def _not_separable(number: PairedNumber, pair: PairCompared, card: Benchmark, tests: int) -> str:
    if number.value == 0 and number.low == number.high == 0:
        return f"not separable: {pair.a.name} and {pair.b.name} are equal in every draw{_p(number, tests)}"
    words = f"not separable: {_between(number, pair, card)}{_p(number, tests)}"
    if number.low is not None and number.high is not None and not number.low <= 0 <= number.high:
        words += ", though the interval leaves 0 out: the test, which decides, is not sure enough"
    if number.detectable is not None:
        units = f"{number.n_units:,} {_plural(card.unit.name)}"
        words += (
            f"; with these {units} only differences above {small(number.detectable)} would be found in 4 of 5 studies"
        )
    return words


def _between(number: PairedNumber, pair: PairCompared, card: Benchmark) -> str:
    """Say what the difference is, and what it could be."""
    if number.low is None or number.high is None:
        return _signed(number.value or 0.0)
    if max(abs(number.low), abs(number.high)) < TINY:
        return f"less than {TINY} apart"
    lower = metric_info(number.metric, card.task).direction == "lower"
    if round(number.low, 3) * round(number.high, 3) > 0:
        near, far = sorted((number.low, number.high), key=abs)
        ends = f"{abs(near):.3f} and {_toward(far, pair, lower)}"
    else:
        ends = f"{_toward(number.low, pair, lower)} and {_toward(number.high, pair, lower)}"
    return f"{_signed(number.value or 0.0)}, could be between {ends}"


def small(value: float) -> str:
    """Return a positive number with three decimals, or with one digit where that would be 0."""
    return f"{value:.3f}" if value >= TINY else f"{value:.1g}"


def _toward(value: float, pair: PairCompared, lower: bool) -> str:
    """Return an end of the interval as a gain of the side that it speaks for."""
    if round(value, 3) == 0:
        return "0"
    name = pair.a.name if (value > 0) != lower else pair.b.name
    return f"{abs(value):.3f} in favour of {name}"


def _p(number: PairedNumber, tests: int) -> str:
    if number.p is None:
        return ""
    raw = f", {p_text(number.p)}"
    if number.p_adjusted is None or tests < 2 or p_text(number.p) == p_text(number.p_adjusted):
        return raw
    return f"{raw} ({p_text(number.p_adjusted).removeprefix('p = ').removeprefix('p ')} corrected for {tests} tests)"


def p_text(p: float) -> str:
    """Return a p-value as people write it (``p = 0.21``, ``p = 0.002``, ``p < 0.001``), never rounded up to 0.05."""
    if p < 0.001:
        return "p < 0.001"
    if p < ALPHA <= round(p, 3):
        return f"p = {p:.4f}"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\u2212")


def _number(value: float) -> str:
    return f"{value:.3f}".replace("-", "\u2212")


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
