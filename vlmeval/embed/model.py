"""A model as the pipeline sees it: its two drawers of the cache, its facts, and the encoder if it must be loaded.

The facts (dimension, score rule, what the encoder says of itself) are written to the manifest at the first load, so
that a fully cached run needs neither the weights nor torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

from vlmeval.embed.cache import Cache, encoder_key
from vlmeval.embed.device import Placement, check, let_idle_threads_sleep
from vlmeval.embed.drawer import Drawer
from vlmeval.embed.options import Facts
from vlmeval.embed.timer import Timer
from vlmeval.encoders.protocol import Encoder, ModelHandle, ScoreRule
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
        self.images: Drawer = cache.drawer("images", self.key)
        self._handle = handle
        self._cache = cache
        self._progress = progress
        self._encoder: Encoder | None = None

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded on first use; raises ModelUnavailableError."""
        if self._encoder is None:
            with self.timer(STAGE):
                self._progress(STAGE, 0, None)
                self._handle.fetch()
                check(self.placement, self._cache.devices_file)
                let_idle_threads_sleep()
                self._encoder = self._handle.load(self.placement.device, self.placement.dtype)
                self._keep_facts(self._encoder)
                self._progress(STAGE, 1, 1)
        return self._encoder

    @cached_property
    def texts(self) -> Drawer:
        """The drawer of prompts; raises UsageError for given image vectors without a text model."""
        return self._cache.drawer("texts", encoder_key(self._handle.text_key, self.placement.dtype))

    @property
    def damaged(self) -> tuple[str, ...]:
        """Names of the cache files that were set aside."""
        return tuple(self.images.damaged + (self.texts.damaged if "texts" in vars(self) else []))

    def touch(self) -> None:
        """Note that the drawers were used now."""
        self.images.touch()
        if "texts" in vars(self):
            self.texts.touch()

    def facts(self) -> ModelFacts:
        """Return the facts; loads the model if it was never loaded under this key."""
        manifest = self.images.read_manifest()
        known = None if manifest is None else _read_facts(manifest)
        return known or _facts_of(self.encoder)

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
        }
        for drawer in (self.images, self.texts):
            drawer.write_manifest(manifest)


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
