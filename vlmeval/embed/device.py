"""Which device and precision to compute with, known without importing torch when this machine was asked before.

In: `EmbedOptions`. Out: `Placement` (device, dtype). Asking torch costs seconds; the answer is kept in the cache under
everything it depends on (torch's version, the visible-device variables, the driver's device files).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vlmeval import atomic
from vlmeval.embed.options import EmbedOptions
from vlmeval.errors import ModelUnavailableError, UsageError
from vlmeval.records import digest_of

VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Placement:
    """Where (a torch device) and in what precision a model computes."""

    device: str
    dtype: str

    @property
    def is_cuda(self) -> bool:
        """Whether CUDA's streams and pinned memory are to be used."""
        return self.device.startswith("cuda")


def let_idle_threads_sleep() -> None:
    """Keep the model's idle threads from spinning, which takes processors from the decoding workers.

    OpenMP reads this when torch is imported; who sets it has the last word. Measured with `tests/perf/bench_embed.py`
    on two cores and a tiny model: about half as many pictures a second again.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def place(options: EmbedOptions, memory: Path) -> Placement:
    """Return device and dtype, importing torch only if ``auto`` was asked for and this machine is not known yet."""
    if options.device == "cpu":
        return _complete("cpu", options.dtype, bf16=False)
    if options.device != "auto" and options.dtype != "auto":
        return _complete(options.device, options.dtype, bf16=False)
    known = _recall(memory)
    if known is None:
        known = _ask_torch()
        _remember(memory, known)
    device = str(known["device"]) if options.device == "auto" else options.device
    return _complete(device, options.dtype, bf16=bool(known["bf16"]))


def check(placement: Placement, memory: Path) -> None:
    """Make sure that the device is there, now that torch is needed anyway.

    Raises
    ------
    UsageError
        There is no such device here.
    """
    known = _ask_torch()
    _remember(memory, known)
    kind = placement.device.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise UsageError(f"unknown device {placement.device!r}", expected="auto, cpu, cuda, cuda:N or mps")
    if kind != "cpu" and known["device"] != kind:
        raise UsageError(
            f"there is no device {placement.device!r} here",
            found=f"{known['device']} only",
            hint="choose --device auto, or check the driver with `vlmeval doctor`; "
            "if a GPU has just been removed, running again is enough",
        )


def name_of(placement: Placement) -> str:
    """Return the device with the GPU's model name: ``cpu``, ``cuda (NVIDIA H100 80GB HBM3)``."""
    if not placement.is_cuda:
        return placement.device
    import torch

    return f"{placement.device} ({torch.cuda.get_device_name(placement.device)})"


def _complete(device: str, dtype: str, *, bf16: bool) -> Placement:
    if dtype == "auto":
        kind = device.partition(":")[0]
        dtype = {"cuda": "bfloat16" if bf16 else "float16", "mps": "float16"}.get(kind, "float32")
    return Placement(device, dtype)


def _ask_torch() -> dict[str, Any]:
    let_idle_threads_sleep()
    try:
        import torch
    except ImportError as error:
        raise ModelUnavailableError(
            "torch is not installed", found=str(error), hint="pip install torch torchvision"
        ) from None
    if torch.cuda.is_available():
        return {"device": "cuda", "bf16": torch.cuda.is_bf16_supported(including_emulation=False)}
    return {"device": "mps" if torch.backends.mps.is_available() else "cpu", "bf16": False}


def _recall(memory: Path) -> dict[str, Any] | None:
    known = _read(memory).get(_fingerprint())
    return known if isinstance(known, dict) and known.keys() == {"device", "bf16"} else None


def _remember(memory: Path, answer: dict[str, Any]) -> None:
    content, fingerprint = _read(memory), _fingerprint()
    if content.get(fingerprint) != answer:
        try:
            atomic.write_text(memory, json.dumps({**content, fingerprint: answer}, indent=1))
        except OSError:  # a read-only cache: torch is asked again next time
            return


def _read(memory: Path) -> dict[str, Any]:
    try:
        content = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _fingerprint() -> str:
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        version = "none"
    drivers = sorted(str(path) for pattern in ("nvidia*", "kfd", "dxg") for path in Path("/dev").glob(pattern))
    variables = {name: os.environ.get(name) for name in VARIABLES}
    return digest_of([version, platform.node(), platform.platform(), variables, drivers])
