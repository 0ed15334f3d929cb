"""The model's side of the pipeline: fixed-shape batches in, float32 vectors out, the device kept busy.

Out of one pass come the projected vectors alone, or the pooled ones with them.

On CUDA a batch goes through pinned memory to the device without waiting, and its vectors come back one step behind:
while batch i computes, the vectors of batch i-1 are read. When memory runs out, the same batch is done again in
halves, and all later ones as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from vlmeval.embed.decode import Decoded
from vlmeval.embed.device import Placement
from vlmeval.embed.worker import Pixels
from vlmeval.encoders.protocol import Encoder
from vlmeval.errors import ModelUnavailableError

if TYPE_CHECKING:
    import torch

Vectors = npt.NDArray[np.float32]
T = TypeVar("T")


class Forward:
    """Runs an encoder over decoded batches.

    Parameters
    ----------
    encoder, placement
        The loaded model and where it is.
    rows
        Pictures a forward pass to begin with; divides the batch size.
    pooled
        Whether the pooled vectors are wanted too.

    Attributes
    ----------
    rows
        Pictures a forward pass now: fewer than at the beginning if memory ran out.
    """

    def __init__(self, encoder: Encoder, placement: Placement, rows: int, *, pooled: bool = False) -> None:
        self._encoder = encoder
        self._pooled = pooled
        self._device = placement.device
        self._staging = _Staging() if placement.is_cuda else None
        self.rows = rows

    def run(self, stream: Iterable[Decoded]) -> Iterator[tuple[Decoded, tuple[Vectors, ...]]]:
        """Yield each batch with its vectors, in order; only the first ``len(pictures)`` rows count.

        The vectors are projected float32 [B, d] and, where wanted, pooled float32 [B, p]. The pixels of a batch are not
        valid any more when it is yielded.
        """
        before: tuple[Decoded, _OnTheWay] | None = None
        for decoded in stream:
            after = decoded, self._launch(decoded.pixels)
            if before is not None:
                yield before[0], before[1].wait()
            before = after
        if before is not None:
            yield before[0], before[1].wait()

    def _launch(self, pixels: Pixels) -> _OnTheWay:
        result, self.rows = halving(lambda rows: self._try(pixels, rows), len(pixels), self.rows)
        return result

    def _try(self, pixels: Pixels, rows: int) -> _OnTheWay:
        import torch

        on_the_way = _OnTheWay()
        with torch.inference_mode():
            whole = torch.from_numpy(pixels)
            if self._staging is not None:
                whole = self._staging.put(whole, self._device)
            for first in range(0, len(pixels), rows):
                part = whole[first : first + rows]
                if self._staging is None and self._device != "cpu":
                    part = part.to(self._device)
                on_the_way.add(self._encode(part))
        return on_the_way

    def _encode(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self._encoder.encode_images_both(pixels) if self._pooled else (self._encoder.encode_images(pixels),)


def halving(attempt: Callable[[int], T], total: int, rows: int) -> tuple[T, int]:
    """Call ``attempt(rows)`` with ever fewer rows until memory suffices; return its result and the rows that did.

    Rows always divide ``total``, so that every forward pass has the same shape.

    Raises
    ------
    ModelUnavailableError
        Memory does not suffice for a single row.
    """
    while True:
        try:
            return attempt(rows), rows
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if rows <= 1:
                raise ModelUnavailableError(
                    "there is not enough memory to run this model on a single input",
                    found=str(error).splitlines()[0] if str(error) else type(error).__name__,
                    hint="free memory, choose a smaller model, or try --device cpu or --dtype bfloat16",
                ) from None
        rows = max(n for n in range(1, rows // 2 + 1) if total % n == 0)
        _release()


def first_not_finite(vectors: Vectors) -> int | None:
    """Return the first row with a NaN or infinity, or None."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1, keepdims=True))
    return int(bad[0]) if len(bad) else None


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "AcceleratorOutOfMemoryError"):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class _Staging:
    """Two pinned host buffers in turn, so that copying to the device never waits for the batch being computed."""

    def __init__(self) -> None:
        self._buffers: list[tuple[torch.Tensor, torch.cuda.Event]] = []
        self._turn = 0

    def put(self, pixels: torch.Tensor, device: str) -> torch.Tensor:
        import torch

        if not self._buffers:
            self._buffers = [
                (torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True), torch.cuda.Event())  # type: ignore[no-untyped-call]
                for _ in range(2)
            ]
        pinned, copied = self._buffers[self._turn]
        self._turn = 1 - self._turn
        copied.synchronize()  # the copy of two batches ago: long done
        pinned.copy_(pixels)
        on_device = pinned.to(device, non_blocking=True)
        copied.record(torch.cuda.current_stream(torch.device(device)))
        return on_device


@dataclass
class _OnTheWay:
    """Vectors being computed and copied back; ``wait`` is the only place that waits for the device."""

    parts: list[tuple[torch.Tensor, ...]] = field(default_factory=list)
    done: Any = None

    def add(self, vectors: tuple[torch.Tensor, ...]) -> None:
        import torch

        if not vectors[0].is_cuda:
            self.parts.append(tuple(one.float().cpu() for one in vectors))
            return
        self.parts.append(tuple(map(_start_copy, vectors)))
        self.done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.done.record(torch.cuda.current_stream(vectors[0].device))

    def wait(self) -> tuple[Vectors, ...]:
        if self.done is not None:
            self.done.synchronize()
        return tuple(np.concatenate([one.numpy() for one in column]) for column in zip(*self.parts, strict=True))


def _start_copy(vectors: torch.Tensor) -> torch.Tensor:
    import torch

    host = torch.empty(vectors.shape, dtype=torch.float32, pin_memory=True)
    host.copy_(vectors.float(), non_blocking=True)
    return host
