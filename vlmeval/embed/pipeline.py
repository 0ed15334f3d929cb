"""`embed`: from a model, samples and prompts to their vectors, computing only what the cache does not hold.

In: a model handle (not loaded), samples, prompts. Out: `Embedded`. The way of a picture: hash (`hashing`), look-up
(`drawer`), decode in workers (`decode`), forward (`forward`), shard (`images`). Prompts: `texts`. When everything is in
the cache, neither torch nor the model is touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from vlmeval.embed.cache import Cache
from vlmeval.embed.decode import Picture
from vlmeval.embed.device import place
from vlmeval.embed.hashing import STAGE as HASH_STAGE
from vlmeval.embed.hashing import content_hashes, forget
from vlmeval.embed.images import STAGE as IMAGE_STAGE
from vlmeval.embed.images import fill_images
from vlmeval.embed.model import CachedModel
from vlmeval.embed.options import Embedded, EmbedOptions
from vlmeval.embed.precomputed import given_images
from vlmeval.embed.texts import STAGE as TEXT_STAGE
from vlmeval.embed.texts import fill_texts, text_key, truncated_texts
from vlmeval.embed.timer import Timer
from vlmeval.embed.worker import CHANGED
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.progress import Progress, silent
from vlmeval.records import Embeddings, Samples


def embed(
    handle: ModelHandle,
    samples: Samples,
    texts: Iterable[str],
    cache: Cache | None = None,
    options: EmbedOptions | None = None,
    progress: Progress = silent,
) -> Embedded:
    """Return the vectors of all samples and prompts, computing and keeping what is not cached yet.

    Parameters
    ----------
    handle
        The model; loaded only if something is missing.
    samples
        Whose pictures to embed; each distinct content is embedded once.
    texts
        Prompts; repeats are embedded once.
    cache
        Where vectors are kept; None for the user's cache folder.
    options
        Device, dtype, batch size, workers, and whether pooled vectors are wanted too.
    progress
        Told of the stages ``hash``, ``load model``, ``embed images``, ``embed texts``.

    Raises
    ------
    ModelUnavailableError
        The model cannot be loaded, does not fit into memory, or gives NaN or infinity.
    UsageError
        The device is not there, the cache cannot be written, a decoding process died, or the model has no pooled
        vectors.
    DataError
        Precomputed embeddings do not match the samples.
    """
    cache = Cache() if cache is None else cache
    options = EmbedOptions() if options is None else options
    prompts = tuple(dict.fromkeys(texts))
    timer = Timer()
    model = CachedModel(handle, cache, place(options, cache.devices_file), timer, progress)
    pooled_dim = model.pooled_dim() if options.pooled else None
    if handle.precomputed:
        embedded = given_images(model, handle, samples, with_texts=bool(prompts))
    else:
        embedded = _images(model, samples, cache, options, progress)
    if pooled_dim is not None:
        embedded = _with_pooled(embedded, model, pooled_dim)
    if prompts:
        embedded = _with_texts(embedded, model, prompts, progress)
    model.touch()
    return replace(embedded, damaged=model.damaged, timings=dict(timer.seconds))


def _images(model: CachedModel, samples: Samples, cache: Cache, options: EmbedOptions, progress: Progress) -> Embedded:
    with model.timer(HASH_STAGE):
        found = content_hashes(samples.images, cache.memo_folder, progress)
    keys: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    pictures: dict[bytes, Picture] = {}
    for sample_id, ref, key in zip(samples.ids.tolist(), samples.images, found, strict=True):
        if isinstance(key, str):
            unreadable[sample_id] = key
        else:
            keys[sample_id] = key
            pictures.setdefault(key, Picture(ref, key))
    with model.timer(IMAGE_STAGE):
        filled = fill_images(model, list(pictures.values()), options, progress)
    unreadable |= {sample_id: filled.failures[key].reason for sample_id, key in keys.items() if key in filled.failures}
    forget((pictures[key].ref for key, f in filled.failures.items() if f.reason == CHANGED), cache.memo_folder)
    readable = np.array([sample_id not in unreadable for sample_id in samples.ids.tolist()], dtype=np.bool_)
    ids = samples.ids[readable]
    known = model.facts()
    return Embedded(
        images=Embeddings(ids, model.images.gather([keys[i] for i in ids.tolist()], known.dim), model.key),
        texts={},
        unreadable={i: unreadable[i] for i in samples.ids[~readable].tolist()},
        hashes={sample_id: key.hex() for sample_id, key in keys.items()},
        score_rule=known.score_rule,
        facts=known.facts,
        truncated=(),
        device=model.placement.device,
        dtype=model.placement.dtype,
        computed_images=filled.computed,
    )


def _with_pooled(embedded: Embedded, model: CachedModel, dim: int) -> Embedded:
    ids = embedded.images.ids
    keys = [bytes.fromhex(embedded.hashes[i]) for i in ids.tolist()]
    return replace(embedded, pooled=Embeddings(ids, model.pooled.gather(keys, dim), model.pooled_key))


def _with_texts(embedded: Embedded, model: CachedModel, prompts: tuple[str, ...], progress: Progress) -> Embedded:
    with model.timer(TEXT_STAGE):
        computed = fill_texts(model, prompts, progress)
        vectors = model.texts.gather([text_key(text) for text in prompts], model.facts().dim)
    return replace(
        embedded,
        texts=dict(zip(prompts, vectors, strict=True)),
        truncated=truncated_texts(model.texts, prompts),
        computed_texts=computed,
    )
