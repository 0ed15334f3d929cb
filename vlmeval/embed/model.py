"""A model as the pipeline sees it: its drawers of the cache, its facts, and the encoder if it must be loaded.

The facts (dimensions, score rule, what the encoder says of itself) are written to the manifest at the first load, so
that a fully cached run needs neither the weights nor torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from vlmeval.embed.cache import Cache, encoder_key, pooled_key
from vlmeval.embed.device import Placement, check, let_idle_threads_sleep
from vlmeval.embed.drawer import Drawer
from vlmeval.embed.options import Facts
from vlmeval.embed.timer import Timer
from vlmeval.encoders.protocol import Encoder, ModelHandle, ScoreRule
from vlmeval.errors import UsageError
from vlmeval.progress import Progress

SCHEMA: Final = 1
STAGE: Final = "load model"


@dataclass(frozen=True)
class ModelFacts:
    """What must be known of a model when nothing is computed."""

    dim: int
    score_rule: ScoreRule
    facts: Facts


class CachedModel:
    """A model in one precision on one device, loaded at most once and only when something is missing."""

    def __init__(
        self, handle: ModelHandle, cache: Cache, placement: Placement, timer: Timer, progress: Progress
    ) -> None:
        self.placement = placement
        self.timer = timer
        self.key = encoder_key(handle.key, placement.dtype)
        self.pooled_key = pooled_key(handle.key, placement.dtype)
        self.images: Drawer = cache.drawer("images", self.key)
        self.cache = cache
        self._handle = handle
        self._progress = progress
        self._encoder: Encoder | None = None

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded on first use; raises ModelUnavailableError."""
        if self._encoder is None:
            with self.timer(STAGE):
                self._progress(STAGE, 0, None)
                self._handle.fetch()
                check(self.placement, self.cache.devices_file)
                let_idle_threads_sleep()
                self._encoder = self._handle.load(self.placement.device, self.placement.dtype)
                self._keep_facts(self._encoder)
                self._progress(STAGE, 1, 1)
        return self._encoder

    @cached_property
    def pooled(self) -> Drawer:
        """The drawer of the pictures' pooled vectors."""
        return self.cache.drawer("pooled", self.pooled_key)

    @cached_property
    def texts(self) -> Drawer:
        """The drawer of prompts; raises UsageError for given image vectors without a text model."""
        return self.cache.drawer("texts", encoder_key(self._handle.text_key, self.placement.dtype))

    @property
    def damaged(self) -> tuple[str, ...]:
        """Names of the cache files that were set aside."""
        return tuple(name for drawer in self._used() for name in drawer.damaged)

    def touch(self) -> None:
        """Note that the drawers were used now."""
        for drawer in self._used():
            drawer.touch()

    def _used(self) -> list[Drawer]:
        return [self.images, *(vars(self)[name] for name in ("pooled", "texts") if name in vars(self))]

    def facts(self) -> ModelFacts:
        """Return the facts; loads the model if it was never loaded under this key."""
        manifest = self.images.read_manifest()
        known = None if manifest is None else _read_facts(manifest)
        return known or _facts_of(self.encoder)

    def pooled_dim(self) -> int:
        """Return the dimension p of the pooled vectors; loads the model if it never told under this key.

        Raises
        ------
        UsageError
            The model has no pooled vectors, or its vectors are given.
        """
        if self._handle.precomputed:
            raise UsageError(
                f"pooled vectors were asked for, and the image vectors of {self._handle.spec} are given",
                hint="given vectors are used as they are, pooled or projected: leave the choice of embedding out",
            )
        manifest = self.images.read_manifest() or {}
        told = "pooled_dim" in manifest and (manifest["pooled_dim"] is None or self.pooled.read_manifest() is not None)
        dim: int | None = manifest["pooled_dim"] if told else self._pooled_dim_of_encoder()
        if dim is None:
            raise UsageError(
                f"{self._handle.spec} has no pooled vectors apart from its projected ones",
                expected="a model whose image tower ends in a projection, such as CLIP's vision transformers",
                found=f"{self._handle.card.title}: its projected embedding is its pooled one",
                hint="use the projected embedding of this model",
            )
        return dim

    def _pooled_dim_of_encoder(self) -> int | None:
        self.pooled  # noqa: B018  (its manifest is written when the model is loaded)
        return self.encoder.pooled_dim

    def _keep_facts(self, encoder: Encoder) -> None:
        # No lock: the file is replaced whole, and every process would write the same.
        facts = _facts_of(encoder)
        manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "spec": self._handle.spec,
            "title": self._handle.card.title,
            "dtype": self.placement.dtype,
            "dim": facts.dim,
            "score": asdict(facts.score_rule),
            "facts": dict(facts.facts),
            "pooled_dim": encoder.pooled_dim,
        }
        for drawer in (self.images, self.texts):
            drawer.write_manifest(manifest)
        if "pooled" in vars(self) and encoder.pooled_dim is not None:
            self.pooled.write_manifest({**manifest, "dim": encoder.pooled_dim})


def _facts_of(encoder: Encoder) -> ModelFacts:
    return ModelFacts(encoder.dim, encoder.score_rule, dict(encoder.describe()))


def _read_facts(manifest: dict[str, Any]) -> ModelFacts | None:
    """Return the facts of a manifest, or None when another version of vlmeval wrote it."""
    if manifest.get("schema") != SCHEMA:
        return None
    try:
        return ModelFacts(int(manifest["dim"]), ScoreRule(**manifest["score"]), dict(manifest["facts"]))
    except (KeyError, TypeError, ValueError):
        return None
