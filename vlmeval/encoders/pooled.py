"""The pooled vector of an image tower: what its projection into the space shared with text is given.

In: a loaded model's tower. Out: a `Projection`, which embeds a batch once and gives both vectors, or None where pooling
and projection are one step (SigLIP's attention pooling, CLIP's ResNets). Linear probes of CLIP's own paper use the
pooled vector (Radford et al. 2021, appendix A.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

Embed = Callable[[], "torch.Tensor"]


class Projection(Protocol):
    """The last step of an image tower."""

    @property
    def dim(self) -> int:
        """Dimension p of the pooled vector."""

    def both(self, embed: Embed) -> tuple[torch.Tensor, torch.Tensor]:
        """Run ``embed`` (pixels to the projected vectors) once; return projected [B, d] and pooled [B, p].

        The projected vectors are bit for bit what ``embed`` alone returns.
        """


@dataclass(frozen=True)
class ModuleProjection:
    """A projection that is a module of its own: its input is the pooled vector."""

    module: Any
    dim: int

    def both(self, embed: Embed) -> tuple[torch.Tensor, torch.Tensor]:
        """Watch what the module is given."""
        given: list[torch.Tensor] = []
        hook = self.module.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        try:
            projected = embed()
        finally:
            hook.remove()
        if len(given) != 1 or tuple(given[0].shape) != (len(projected), self.dim):
            raise RuntimeError(f"the projection was given {[tuple(g.shape) for g in given]}, expected [B, {self.dim}]")
        return projected, given[0]


@dataclass(frozen=True)
class ParameterProjection:
    """A projection that is a matrix ``tower.proj`` [p, d], skipped where it is None (open_clip's VisionTransformer)."""

    tower: Any

    @property
    def dim(self) -> int:
        """Dimension p of the pooled vector."""
        return int(self.tower.proj.shape[0])

    def both(self, embed: Embed) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the tower without the matrix, then multiply by it, as the tower does."""
        matrix = self.tower.proj
        self.tower.proj = None
        try:
            pooled = embed()
        finally:
            self.tower.proj = matrix
        return pooled @ matrix, pooled


def hf_projection(model: Any) -> Projection | None:
    """Return the projection of a transformers model: CLIP's ``visual_projection``; SigLIP has none."""
    return _linear(getattr(model, "visual_projection", None))


def open_clip_projection(model: Any) -> Projection | None:
    """Return the projection of an open_clip model whose vectors are the image tower's output as it is.

    That leaves out CoCa, which normalises its vectors, and the ResNets of CLIP, whose attention pooling projects.
    """
    import open_clip
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if not isinstance(model, open_clip.CLIP | open_clip.CustomTextCLIP):
        return None
    tower = model.visual
    if isinstance(tower, VisionTransformer) and tower.proj is not None:
        return ParameterProjection(tower)
    return _timm_projection(tower) if isinstance(tower, TimmModel) else None


def _timm_projection(tower: Any) -> Projection | None:
    """Return the adapter's own projection (linear or mlp), or the trunk's classifier where that serves as one (EVA)."""
    if hasattr(tower.head, "mlp"):
        return ModuleProjection(tower.head.mlp, int(tower.head.mlp.fc1.in_features))
    if hasattr(tower.head, "proj"):
        return _linear(tower.head.proj)
    return None if len(tower.head) else _linear(tower.trunk.get_classifier())


def _linear(module: Any) -> ModuleProjection | None:
    import torch

    return ModuleProjection(module, module.in_features) if isinstance(module, torch.nn.Linear) else None
