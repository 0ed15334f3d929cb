"""Given image vectors (``embeddings:FILE``) in the place of computed ones; prompts still go through a text model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vlmeval.embed.model import CachedModel
from vlmeval.embed.options import Embedded, Facts
from vlmeval.encoders.precomputed import read_vectors
from vlmeval.encoders.protocol import Joined, ModelHandle, ScoreRule
from vlmeval.errors import DataError
from vlmeval.records import Embeddings, Samples

# What `Encoder.describe` would say, where there is no encoder.
NO_MODEL: Final[Facts] = {
    "text_rules": "none: no text model",
    "revision": None,
    "score_rule": "none",
    "scale": None,
    "bias": None,
}


def given_images(model: CachedModel, handle: ModelHandle, samples: Samples, *, with_texts: bool) -> Embedded:
    """Match given vectors to the samples.

    Without prompts no model is needed at all; with prompts its text vectors must have the same dimension.

    Raises
    ------
    DataError
        Nothing matches, a vector is not finite, or the dimensions differ.
    """
    joined = handle.vectors().join(samples.ids.tolist(), image_names(samples))
    dim = joined.vectors.shape[1]
    rule, facts = ScoreRule(handle.card.score), dict(NO_MODEL)
    if with_texts:
        known = model.facts()
        if known.dim != dim:
            raise DataError(
                "the given image vectors and the text model have different dimensions",
                file=handle.spec,
                expected=f"{known.dim} (the text model's)",
                found=str(dim),
                hint="name the text side of the model that made the vectors; vectors from before its projection "
                "(pooled) have none, and serve probes without a text model",
            )
        rule, facts = known.score_rule, dict(known.facts)
    missing = samples.ids[~joined.found].tolist()
    return Embedded(
        images=Embeddings(samples.ids[joined.found], joined.vectors[joined.found], handle.key),
        texts={},
        unreadable=dict.fromkeys(missing, "no vector in the file of given embeddings"),
        hashes={},
        score_rule=rule,
        facts={**facts, "dim": dim, "preprocessing": "image vectors were given, not computed here" + joined.made},
        truncated=(),
        device=model.placement.device,
        dtype=model.placement.dtype,
        account=joined.account,
        missing=joined.missing,
        unused=joined.unused,
    )


def join_file(file: Path, samples: Samples) -> Joined:
    """Match a file of given vectors to samples; raises DataError as `given_images` does."""
    return read_vectors(file).join(samples.ids.tolist(), image_names(samples))


def image_names(samples: Samples) -> list[str]:
    """Return the path of each sample's image, or its path inside its archive: what given vectors may be named by."""
    return [ref.path.as_posix() if ref.member is None else ref.member for ref in samples.images]
