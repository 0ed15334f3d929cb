"""The two kinds of `ModelHandle`: a model that computes its vectors, and a file of given vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from vlmeval.encoders.checkpoint import ImageContract
from vlmeval.encoders.fingerprint import file_fingerprint
from vlmeval.encoders.preprocess import implementation_identity
from vlmeval.encoders.protocol import Encoder, ModelHandle, VectorSource
from vlmeval.encoders.sources import OpenClipTag, Source
from vlmeval.errors import UsageError
from vlmeval.records import ImagePipeline, ModelCard, digest_of

# Raise when the encoders' own computing changes in a way that changes vectors.
_SCHEME: Final = 1


@dataclass(frozen=True)
class WeightsHandle:
    """A model by name, not loaded.

    ``pipeline`` is the image pipeline that the card (or the chosen variant) prescribes; None where the checkpoint's own
    files rule. ``carded`` tells a real card from one made up for a model without.
    """

    spec: str
    card: ModelCard
    source: Source
    pipeline: ImagePipeline | None
    carded: bool
    variant: str | None = None

    @property
    def precomputed(self) -> bool:
        """False: this model computes its vectors."""
        return False

    @property
    def has_text(self) -> bool:
        """True: every model that is loaded has a text tower."""
        return True

    @cached_property
    def key(self) -> str:
        """SHA-256 over weights, image pipeline and the versions of what computes it."""
        return digest_of({**self._identity(), "image": self._image_identity()})

    @cached_property
    def text_key(self) -> str:
        """SHA-256 over weights and text rules."""
        rules = None if self.card.text is None else self.card.text.model_dump(mode="json")
        return digest_of({**self._identity(), "text": rules})

    def fetch(self) -> Path:
        """Make sure that the weights are on this machine."""
        return self.source.fetch()

    def look(self) -> None:
        """Raise ModelUnavailableError when the weights are neither here nor to be had; downloads nothing."""
        self.source.look()

    def load(self, device: str, dtype: str) -> Encoder:
        """Load on ``device`` in ``dtype``."""
        from vlmeval.encoders.towers import Wanted

        card = self.card
        image = None if self.pipeline is None else ImageContract.of(self.pipeline, card.library)
        wanted = Wanted(image, card.text, card.score if self.carded else None, self.source.revision)
        if isinstance(self.source, OpenClipTag):
            from vlmeval.encoders import openclip

            return openclip.load_tag(self.source, wanted, device, dtype)
        folder = self.fetch()
        if card.library == "open_clip":
            from vlmeval.encoders import openclip

            return openclip.load_folder(folder, wanted, device, dtype)
        from vlmeval.encoders import hf

        return hf.load_folder(folder, wanted, device, dtype)

    def vectors(self) -> VectorSource:
        """Refuse: there are no given vectors."""
        raise UsageError(f"{self.spec} computes its vectors; only embeddings:FILE has given ones")

    def _identity(self) -> dict[str, Any]:
        return {"scheme": _SCHEME, "library": _library_version(self.card.library), "weights": self.source.identity()}

    def _image_identity(self) -> dict[str, Any]:
        if self.pipeline is None:
            # The checkpoint's own files are part of its identity; what resizes is Pillow, always.
            return {"pipeline": "checkpoint", "implementation": implementation_identity("pil")}
        pipeline = self.pipeline.model_dump(mode="json", exclude={"source"})
        return {"pipeline": pipeline, "implementation": implementation_identity(self.pipeline.implementation)}


@dataclass(frozen=True)
class VectorsHandle:
    """Given image vectors (``embeddings:FILE``), with the text side of ``text_model`` where one is named."""

    spec: str
    card: ModelCard
    file: Path
    text_model: ModelHandle | None

    @property
    def precomputed(self) -> bool:
        """True: image vectors are given."""
        return True

    @property
    def has_text(self) -> bool:
        """Whether a text model was named."""
        return self.text_model is not None

    @cached_property
    def key(self) -> str:
        """SHA-256 over the file's content."""
        return digest_of({"scheme": _SCHEME, "vectors": file_fingerprint(self.file)})

    @property
    def text_key(self) -> str:
        """The text model's; without one, of nothing."""
        return digest_of({"text": None}) if self.text_model is None else self.text_model.text_key

    def fetch(self) -> Path | None:
        """Make sure that the text model's weights are here; the vectors are."""
        return None if self.text_model is None else self.text_model.fetch()

    def look(self) -> None:
        """Look for the text model's weights; the vectors are here."""
        if self.text_model is not None:
            self.text_model.look()

    def load(self, device: str, dtype: str) -> Encoder:
        """Load the text model; raises UsageError when none was named."""
        return self._text_side().load(device, dtype)

    def vectors(self) -> VectorSource:
        """Read the file; raises DataError when it is not what it should be."""
        from vlmeval.encoders.precomputed import read_vectors

        return read_vectors(self.file)

    def _text_side(self) -> ModelHandle:
        if self.text_model is None:
            raise UsageError(
                "given image vectors have no text side, and zero-shot needs one",
                file=self.file,
                hint=f"name the model that made them: --model {self.spec}::MODEL (its text tower embeds the prompts)",
            )
        return self.text_model


def _library_version(library: str) -> str:
    distribution = {"open_clip": "open_clip_torch"}.get(library, library)
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return f"{distribution} absent"
