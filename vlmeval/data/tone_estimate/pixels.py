"""The individual typology angle of the skin in one picture: pixels in, one angle out. Pure arrays.

    sRGB -> CIE L*a*b* (D65) -> skin-coloured pixels away from the middle -> median of arctan((L* - 50) / b*) in degrees

The angle is Chardon et al. 1991 (Int J Cosmet Sci 13:191-208); larger is lighter. Which pixels count:

- outside the ellipse with `MIDDLE` of the picture's width and height, for a lesion usually lies in the middle;
- neither black (frame, hair) nor overexposed;
- of a hue of skin: the union of the ranges of Sobottka & Pitas 1998 (0 to 50 degrees; Signal Processing: Image
  Communication 12:263-281) and Tsekeridou & Pitas 1998 (335 to 25 degrees; EUSIPCO). Their lower limits of brightness
  and saturation are not used: they leave out dark skin and very light skin. The same hue counts at any brightness;
- with b* above 0, without which the angle means nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

VERSION: Final = "1"
"""Changes with anything that changes an angle; kept angles of another version are not used."""

LONGEST_SIDE: Final = 200
"""Pictures are averaged down to this, which also takes out noise and fine hair."""

MIDDLE: Final = 0.72
LEAST_SHARE: Final = 1 / 3
"""Of the pixels outside the middle; where less looks like skin, what is left may well be a lesion or a rim."""

BLACK, OVEREXPOSED = 20, 252
HUES: Final = (335.0, 50.0)
LEAST_SATURATION: Final = 0.05

TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE: Final = np.array([0.95047, 1.0, 1.08883])
"""Linear sRGB to XYZ and the white point D65 (IEC 61966-2-1)."""

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def typology_angle(rgb: Pixels) -> float | None:
    """Return the median individual typology angle of the skin in a picture, in degrees from -90 to 90.

    Parameters
    ----------
    rgb
        uint8 [H, W, 3], sRGB; best averaged down to `LONGEST_SIDE` before.

    Returns
    -------
    float or None
        None where fewer than `LEAST_SHARE` of the pixels outside the middle can be taken for skin.
    """
    lab = to_lab(rgb)
    outside = around(rgb.shape[0], rgb.shape[1])
    counted = skin_coloured(rgb) & outside & (lab[..., 2] > 0)
    if counted.sum() < max(1.0, LEAST_SHARE * outside.sum()):
        return None
    return float(np.median(angles(lab[counted])))


def angles(lab: Floats) -> Floats:
    """Return the typology angle in degrees of L*a*b* colours [..., 3] with b* above 0."""
    found: Floats = np.degrees(np.arctan2(lab[..., 0] - 50, lab[..., 2]))
    return found


def to_lab(rgb: Pixels) -> Floats:
    """Return CIE L*a*b* [..., 3] (D65, 2 degree observer) of sRGB colours uint8 [..., 3]."""
    value = rgb / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = linear @ TO_XYZ.T / WHITE
    edge = 6 / 29
    f = np.where(ratio > edge**3, np.cbrt(ratio), ratio / (3 * edge**2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def skin_coloured(rgb: Pixels) -> Bools:
    """Return bool [...]: which colours [..., 3] are of a hue of skin, and neither black nor overexposed."""
    high, low = rgb.max(axis=-1).astype(np.float64), rgb.min(axis=-1).astype(np.float64)
    chroma = high - low
    hue = _hue(rgb.astype(np.float64), high, chroma)
    of_skin = (hue >= HUES[0]) | (hue <= HUES[1])
    found: Bools = (
        of_skin & (chroma >= LEAST_SATURATION * high) & (chroma > 0) & (high >= BLACK) & (high <= OVEREXPOSED)
    )
    return found


def _hue(rgb: Floats, high: Floats, chroma: Floats) -> Floats:
    """Return the hue in degrees from 0 to 360; where there is no chroma it means nothing."""
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    divisor = np.where(chroma > 0, chroma, 1.0)
    sixth = np.where(
        high == r, (g - b) / divisor % 6, np.where(high == g, (b - r) / divisor + 2, (r - g) / divisor + 4)
    )
    found: Floats = 60 * sixth
    return found


def around(height: int, width: int) -> Bools:
    """Return bool [height, width]: the pixels outside the ellipse in the middle."""
    y = (2 * np.arange(height) - height + 1) / height
    x = (2 * np.arange(width) - width + 1) / width
    found: Bools = y[:, None] ** 2 + x[None, :] ** 2 > MIDDLE**2
    return found
