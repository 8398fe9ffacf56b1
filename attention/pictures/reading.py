"""Reads pictures from outside: page, API and command line read every image through `read_image`.

The file name is ignored. The format is detected from the content and must be on a list; the size in bytes and in pixels
is checked before anything is decoded. Whatever Pillow raises becomes an UploadError that says what to do. Decoding has
limits on time and memory after a call of `workers.guard`, as on the page.
"""

import io
import os
import re
import stat
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps

from attention.core.words import sentences
from attention.pictures.limits import Limits

limits = Limits()  # set_limits changes it
_decode_elsewhere: "Callable[[bytes], Upload] | None" = None

_ROWS = 64  # of 16- or 32-bit grey that are scaled at once

Image.init()  # registers every plugin, so that FORMATS names only those that this Pillow has
FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF") if name in Image.OPEN)
# JPEG includes phones' MPO files: Pillow opens both under that name.

MESSAGES = sentences("uploads")
NOTICES = sentences("notices")

_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF.{4}WEBP|GIF8|BM.{4}\0{4}|II\*\0|MM\0\*|.{4}ftypavi", re.DOTALL)
_SIZES = {b"\x89PNG": (">II", 16), b"GIF8": ("<HH", 6), b"BM": ("<ii", 18)}  # format, offset of width and height
_REFUSED = {  # formats worth naming in the refusal; nothing here decodes them
    "HEIC": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "PDF": rb"%PDF",
    "Photoshop": rb"8BPS",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "SVG": rb".{0,1000}<svg\b",
}


class UploadError(ValueError):
    """A picture was refused. `code` is a key of MESSAGES; the text is one sentence and never contains a path."""

    def __init__(self, code: str, **fields):
        self.code, self.fields = code, fields
        super().__init__(self.message())

    def message(self, language: str = "en") -> str:
        return MESSAGES[language][self.code].format(**self.fields)


@dataclass(frozen=True)
class Upload:
    """`image` is RGB, upright, loaded and without metadata; `notices` are keys of NOTICES: what was done to it."""

    image: Image.Image
    notices: tuple[str, ...] = ()


def set_limits(new: Limits, decode: Callable[[bytes], Upload] | None = None) -> None:
    """Sets the limits for all pictures from now on; `decode`, if given, decodes the bytes elsewhere (workers.guard)."""
    global limits, _decode_elsewhere
    limits, _decode_elsewhere = new, decode
    if Image.MAX_IMAGE_PIXELS:  # Pillow's own check must accept what is allowed here
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, new.pixels)


def read_image(source: str | os.PathLike | bytes | BinaryIO) -> Upload:
    """A path, the bytes of a file, or a binary stream -> Upload. Raises UploadError and nothing else."""
    data = _read_bytes(source)
    return _decode_elsewhere(data) if _decode_elsewhere else _decode(data)


def _decode(data: bytes) -> Upload:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_pixels(*image.size)
            return _normalise(image)
    except UploadError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UploadError("too-many-pixels", megapixels=limits.pixels / 1e6) from error
    except MemoryError as error:
        raise UploadError("too-demanding") from error
    except Exception as error:  # decoders raise nearly anything: SyntaxError, struct.error, zlib.error, EOFError ...
        raise _diagnose(data) from error


def _read_bytes(source: str | os.PathLike | bytes | BinaryIO) -> bytes:
    """All bytes of a source. Stops one byte after limits.bytes, which is enough to refuse it. Raises UploadError."""
    try:
        if isinstance(source, bytes):
            data = source
        elif hasattr(source, "read"):
            data = source.read(limits.bytes + 1)
        elif stat.S_ISREG(os.stat(source).st_mode):  # opening a pipe or a device could wait for ever
            with Path(source).open("rb") as file:
                data = file.read(limits.bytes + 1)
        else:
            raise UploadError("missing")
    except (OSError, ValueError, TypeError) as error:  # nothing there, a null byte in the path, a closed stream, None
        raise UploadError("missing") from error
    if not data:
        raise UploadError("empty")
    if len(data) > limits.bytes:
        raise UploadError("too-large", megabytes=limits.bytes / 1e6)
    return data


def _check_pixels(width: int, height: int) -> None:
    if width * height > limits.pixels:
        raise UploadError("too-many-pixels", megapixels=limits.pixels / 1e6)
    if width * height == 0:
        raise UploadError("zero-pixels")


def _diagnose(data: bytes) -> UploadError:
    """The UploadError for bytes that Pillow could not read: what is wrong with them."""
    for magic, (layout, offset) in _SIZES.items():
        with suppress(struct.error):  # too short to hold a size
            if data.startswith(magic) and 0 in struct.unpack_from(layout, data, offset):
                return UploadError("zero-pixels")
    if _SIGNATURES.match(data):
        return UploadError("truncated")
    for kind, pattern in _REFUSED.items():
        if re.match(pattern, data, re.DOTALL):
            return UploadError("unsupported-format", kind=kind)
    return UploadError("not-an-image")


def _normalise(image: Image.Image) -> Upload:
    """The first frame of an opened image as 8-bit RGB, upright, on white."""
    turn = _orientation(image) if image.format == "TIFF" else 1  # Pillow turns a TIFF itself as it loads
    image.load()
    notices = {"16-bit": image.mode[0] in "IF", "cmyk": image.mode == "CMYK"}
    notices["grey"] = image.mode in ("1", "L", "LA") or notices["16-bit"]
    pixels = _eight_bits(image) if notices["16-bit"] else image
    canvas = Image.new("RGB", pixels.size, "white")  # a new image, so that no metadata comes along
    if pixels.has_transparency_data:
        pixels = pixels.convert("RGBA")
        alpha = pixels.getchannel("A")
        canvas.paste(pixels, mask=alpha)
        notices["alpha"] = alpha.getextrema()[0] < 255
    else:
        canvas.paste(pixels)  # also converts, without a copy of what is RGB already
    remaining_turn = _orientation(image)
    if remaining_turn != 1:
        canvas.getexif()[ExifTags.Base.Orientation] = remaining_turn
        ImageOps.exif_transpose(canvas, in_place=True)  # takes the tag away again
    notices["rotated"] = (turn, remaining_turn) != (1, 1)
    with suppress(Exception):  # a later frame may be broken; an MPO's is a preview or a depth map, not an animation
        notices["animated"] = image.format != "MPO" and getattr(image, "is_animated", False)
    return Upload(canvas, tuple(code for code in NOTICES["en"] if notices.get(code)))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where there is none, or none that makes sense."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
        return value if value in range(2, 9) else 1
    except MemoryError:  # tags that claim to be huge
        raise
    except Exception:
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, 32 bits or floats -> mode L.

    White is the smallest usual maximum that no pixel exceeds: 1, and for integers also 255, 4095 (12 bits) and 65535.
    Other ranges are stretched from their own minimum to their maximum. NaN turns black.
    """
    values = np.asarray(image)
    low, high = _range(values)
    usual = (1, 255, 4095, 65535) if image.mode != "F" else (1,)
    if low >= 0 and high <= usual[-1]:
        low, high = 0.0, float(next(white for white in usual if high <= white))
    levels = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):  # a few rows at a time: a copy of all as floats takes 200 MB
        part = values[top : top + _ROWS].astype(np.float32)
        with np.errstate(all="ignore"):  # floats near the ends of their range
            part -= low
            part *= 255 / (high - low) if high > low else 0.0
        levels[top : top + _ROWS] = np.nan_to_num(part.clip(0, 255)).round()
    if isinstance(key := image.info.get("transparency"), int):  # a PNG may name one grey as transparent
        levels[values == key] = 255
    return Image.fromarray(levels)


def _range(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest number among pixels; (inf, -inf) where none is finite."""
    if values.dtype.kind != "f":
        return float(values.min()), float(values.max())
    finite = np.isfinite(values)
    return float(values.min(where=finite, initial=np.inf)), float(values.max(where=finite, initial=-np.inf))
