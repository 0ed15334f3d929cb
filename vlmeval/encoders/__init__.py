"""Models under one small protocol: pictures and strings in, vectors out, each by its model's own contract.

`resolve.py` turns what a person wrote (``--model ...``) into a `ModelHandle` without importing torch; the handle's
``load`` gives an `Encoder`. `preprocess.py` and `text.py` hold the contracts, `cards/` the known models.
"""

from vlmeval.encoders.protocol import Encoder, ImageTransform, Joined, ModelHandle, ScoreRule, VectorSource

__all__ = ["Encoder", "ImageTransform", "Joined", "ModelHandle", "ScoreRule", "VectorSource"]
