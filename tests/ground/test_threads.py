"""Small products get one thread, large ones all; afterwards everything is as before."""

import pytest
import torch

from vlmeval.threads import WORTH, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("work", "threads"), [(WORTH - 1, 1), (WORTH, 2), (float("inf"), 2)])
def test_threads_inside_and_after(work, threads):
    with threads_for(work):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2


def test_threads_come_back_after_an_error():
    with pytest.raises(ValueError, match="inside"), threads_for(1):
        raise ValueError("inside")
    assert torch.get_num_threads() == 2
