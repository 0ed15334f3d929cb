"""Small products on one thread: handing them to several costs more than they take, above all on a machine that is busy.

Measured on two cores: two threads made small fits up to nine times slower than one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

WORTH: Final = 2**26
"""Multiplications of one product from which on several threads pay."""


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """Let torch use one thread inside where its typical product has fewer than `WORTH` multiplications."""
    import torch

    before = torch.get_num_threads()
    if work >= WORTH or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
