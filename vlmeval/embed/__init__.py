"""From pictures and prompts to vectors: decoded in worker processes, encoded on the device, kept by content.

`embed` is the way in; `Cache` is what `vlmeval cache` shows. See `pipeline.py` for the whole way, `images.py` for why a
killed run resumes bit for bit, `drawer.py` for the files.
"""

from vlmeval.embed.cache import Cache, DrawerInfo, VerifyReport
from vlmeval.embed.options import Embedded, EmbedOptions
from vlmeval.embed.pipeline import embed

__all__ = ["Cache", "DrawerInfo", "EmbedOptions", "Embedded", "VerifyReport", "embed"]
