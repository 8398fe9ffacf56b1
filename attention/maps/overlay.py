"""Maps and masks as pixels, to lay over a photo. NumPy and Pillow alone."""

import numpy as np
from PIL import Image, ImageDraw

SCALES = {  # colours in equal steps, interpolated linearly; figures.ramp takes the same from plotly, by these names
    "inferno": "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4",
    "RdBu_r": "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
}
SCALE_NAME = "inferno"
DIFFERENCE_SCALE = "RdBu_r"  # blue below 0, red above, everywhere on the page


def colour_table(scale_name: str) -> np.ndarray:
    """The colours of a scale from low to high: (256, 3) uint8."""
    stops = np.array([list(bytes.fromhex(colour)) for colour in SCALES[scale_name].split()])  # (stops, 3)
    steps, places = np.linspace(0, 1, 256), np.linspace(0, 1, len(stops))
    return np.column_stack([np.interp(steps, places, channel) for channel in stops.T]).round().astype(np.uint8)


_ALPHA = (np.linspace(0, 1.25, 256).clip(0, 1) * 255).round().astype(np.uint8)  # the opacity grows with the value
_PALETTE = np.column_stack([colour_table(SCALE_NAME), _ALPHA]).tobytes()
_SIGNED_ALPHA = (np.abs(np.linspace(-1.5, 1.5, 256)).clip(0, 1) * 255).round().astype(np.uint8)
_SIGNED_ALPHA[127:129] = 0  # the two steps beside 0
_SIGNED = np.column_stack([colour_table(DIFFERENCE_SCALE), _SIGNED_ALPHA]).tobytes()
MASK_COLOUR = (86, 180, 233)  # Okabe-Ito's sky blue
LAYER_PIXELS = 160  # the longer side of a layer: the study's models see no more, and a browser enlarges as smoothly


def upsample(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w) -> (height, width) float32, smooth between positions and never outside the map's own range."""
    resized = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def heat_layer(values: np.ndarray, top: float, width: int, height: int) -> Image.Image:
    """A map (h, w) -> an RGBA picture to lay over the photo: 0 is transparent, `top` and above is the brightest.

    The opacity grows with the value, so that the photo stays visible where nothing is looked at.
    """
    return _indexed(values, top, width, height).convert("RGBA")


def heat_tile(values: np.ndarray, top: float, width: int, height: int) -> Image.Image:
    """Like heat_layer, but a palette picture of at most LAYER_PIXELS, to stretch over a photo of (width, height)."""
    return _indexed(values, top, *tile_size(width, height))


def tile_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) in the same proportions, the longer side at most LAYER_PIXELS."""
    factor = min(1.0, LAYER_PIXELS / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _indexed(values: np.ndarray, top: float, width: int, height: int) -> Image.Image:
    if not np.isfinite(values).all():
        raise ValueError("The map holds values that are not finite")
    share = np.clip(upsample(values, width, height) / max(top, 1e-12), 0, 1)
    return coloured(share, _PALETTE)


def coloured(share: np.ndarray, palette: bytes) -> Image.Image:
    """Shares (h, w) of 0 to 1 -> a palette picture in 256 steps of RGBA."""
    image = Image.fromarray((share * 255).round().astype(np.uint8), "L").convert("P")
    image.putpalette(palette, "RGBA")
    return image


def overlay(photo: Image.Image, values: np.ndarray, top: float, opacity: float = 0.65) -> Image.Image:
    """The photo with a map over it, at the photo's own size."""
    layer = heat_layer(values, top, *photo.size)
    layer.putalpha(layer.getchannel("A").point(lambda alpha: round(alpha * opacity)))
    return Image.alpha_composite(photo.convert("RGBA"), layer).convert("RGB")


def difference_layer(values: np.ndarray, top: float, width: int, height: int) -> Image.Image:
    """Signed values (h, w) -> a palette picture to stretch over a photo.

    0 is transparent; from -top and top on, the colour is full. Raises ValueError for values that are not finite.
    """
    if not np.isfinite(values).all():
        raise ValueError("The difference holds values that are not finite")
    signed = np.clip(upsample(values, *tile_size(width, height)) / max(top, 1e-12), -1, 1)
    return coloured((signed + 1) / 2, _SIGNED)


def mask_layer(mask: np.ndarray) -> Image.Image:
    """(H, W) bool -> an RGBA picture: half transparent where it is true, nothing elsewhere."""
    colour = np.array([*MASK_COLOUR, 150], np.uint8)
    return Image.fromarray(mask[..., None] * colour, "RGBA")


def mark_cell(photo: Image.Image, cell: tuple[int, int], grid: tuple[int, int]) -> Image.Image:
    """The photo with one position (row, column) of a grid (h, w) framed, white in black: visible on any background."""
    (row, column), (height, width) = cell, grid
    box = [
        column * photo.width / width,
        row * photo.height / height,
        (column + 1) * photo.width / width - 1,
        (row + 1) * photo.height / height - 1,
    ]
    marked = photo.copy()
    draw = ImageDraw.Draw(marked)
    draw.rectangle(box, outline="black", width=6)
    draw.rectangle([box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2], outline="white", width=3)
    return marked
