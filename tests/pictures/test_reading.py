"""Every kind of picture comes out as upright RGB, and every hostile file as an UploadError. All files are made here."""

import io
import os
import random
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, features

from attention.pictures import reading
from attention.pictures.limits import Limits
from attention.pictures.reading import FORMATS, MESSAGES, NOTICES, UploadError, read_image

RED, GREEN, BLUE, YELLOW = (220, 20, 20), (20, 180, 20), (20, 20, 220), (220, 220, 20)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LOSSY = ("JPEG", "WEBP", "AVIF")


def encode(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def corners(width: int = 48, height: int = 32) -> Image.Image:
    """Four quarters: red, green over blue, yellow."""
    image = Image.new("RGB", (width, height))
    for index, colour in enumerate((RED, GREEN, BLUE, YELLOW)):
        left, top = index % 2 * width // 2, index // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


def noise(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def difference(image: Image.Image, other: Image.Image) -> int:
    """The largest difference of any channel, or 255 where the sizes differ."""
    if image.size != other.size:
        return 255
    return int(np.abs(np.asarray(image, np.int16) - np.asarray(other, np.int16)).max())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes = b"", depth: int = 8, colour: int = 0, *extra: bytes) -> bytes:
    """A PNG whose header says what it is told, whatever its pixels are."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_MAGIC + header + b"".join(extra) + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"")


def refusal(source) -> UploadError:
    """The error that a source is refused with, checked to be fit for a visitor."""
    with pytest.raises(UploadError) as caught:
        read_image(source)
    error = caught.value
    assert error.code in MESSAGES["en"]
    assert str(error) == error.message("en") and str(error).endswith(".") and "/" not in str(error)
    assert error.message("zh").endswith("。") and "/" not in error.message("zh")
    return error


# What is refused


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n0 0 9 9 rectfill\nshowpage\n%%EOF\n"
GIF_BOMB = b"\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"  # one frame of 65535 x 65535
REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"Not a picture at all.\n" * 20, "not-an-image"),
    "text that begins like a BMP": (b"BMW is a maker of cars.", "not-an-image"),
    "one byte": (b"\xff", "not-an-image"),
    "zeros": (bytes(5000), "not-an-image"),
    "zip": (b"PK\x03\x04" + bytes(100), "not-an-image"),
    "EPS": (EPS, "unsupported-format"),
    "EPS with a preview": (b"\xc5\xd0\xd3\xc6" + bytes(60), "unsupported-format"),
    "SVG": (SVG, "unsupported-format"),
    "PDF": (b"%PDF-1.7\n" + bytes(50), "unsupported-format"),
    "PSD": (b"8BPS\0\x01" + bytes(60), "unsupported-format"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(60), "unsupported-format"),
    "a format Pillow has, but not on the list": (encode(corners(), "ICO"), "not-an-image"),
    "PPM": (encode(corners(), "PPM"), "not-an-image"),
    "TGA": (encode(corners(), "TGA"), "not-an-image"),
    "PNG of no width": (png(0, 8), "zero-pixels"),
    "PNG of no height": (png(8, 0), "zero-pixels"),
    "GIF of no width": (b"GIF89a" + struct.pack("<HH", 0, 5) + bytes(3) + b";", "zero-pixels"),
    "PNG without pixels": (png(8, 8), "truncated"),
    "PNG of an unknown depth": (png(8, 8, depth=77), "truncated"),
    "PNG whose header's checksum is wrong": (png(8, 8).replace(b"IHDR\0\0\0\x08", b"IHDR\0\0\0\x09"), "truncated"),
    "PNG whose pixels are not zlib": (PNG_MAGIC + png(8, 8)[8:33] + png_chunk(b"IDAT", b"junk" * 9), "truncated"),
    "bomb of 120 megapixels": (png(12000, 10000), "too-many-pixels"),
    "bomb that Pillow lets by": (png(7200, 7200), "too-many-pixels"),
    "bomb that Pillow refuses itself": (png(60000, 60000), "too-many-pixels"),
    "GIF bomb": (b"GIF89a\xff\xff\xff\xff" + GIF_BOMB, "too-many-pixels"),
    "GIF whose frame is a bomb": (b"GIF89a\1\0\1\0" + GIF_BOMB, "too-many-pixels"),
}


@pytest.mark.parametrize("data, code", REFUSED.values(), ids=REFUSED)
def test_refused(data, code):
    assert refusal(data).code == code


@pytest.mark.parametrize("data, code", REFUSED.values(), ids=REFUSED)
def test_refused_under_any_name(data, code, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    assert refusal(path).code == code


@pytest.mark.parametrize("kind", ["HEIC", "PDF", "SVG"])
def test_a_refused_format_is_named(kind):
    assert str(refusal(REFUSED[kind][0])).startswith(f"{kind} files are not read here")


@pytest.mark.parametrize("pixels", [1000, 300_000_000])
def test_pillows_own_limit_is_never_below_ours(pixels, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90_000_000)
    before = reading.limits
    try:
        reading.set_limits(Limits(pixels=pixels))
        assert max(90_000_000, pixels) == Image.MAX_IMAGE_PIXELS and reading.limits.pixels == pixels
    finally:
        reading.set_limits(before)


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_where_its_warning_is_no_error():
    with pytest.warns(Image.DecompressionBombWarning):
        assert refusal(png(12000, 10000)).code == "too-many-pixels"


@pytest.mark.parametrize("size", [(12000, 10000), (7200, 7200)])
def test_a_bomb_is_never_decoded(size, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    refusal(png(*size, bytes(size[1] // 8 * size[0])))


def test_pixels_are_counted_exactly(monkeypatch):
    monkeypatch.setattr(reading, "limits", Limits(pixels=48 * 32))
    assert read_image(encode(corners(), "PNG")).image.size == (48, 32)
    assert "0.001536 million" in str(refusal(encode(corners(48, 34), "PNG")))


def test_too_many_bytes(monkeypatch, tmp_path):
    data = encode(noise(), "PNG")
    path = tmp_path / "big.png"
    path.write_bytes(data)
    monkeypatch.setattr(reading, "limits", Limits(bytes=len(data)))
    assert read_image(data).image.size == read_image(path).image.size == (64, 48)
    monkeypatch.setattr(reading, "limits", Limits(bytes=len(data) - 1))
    assert [refusal(source).code for source in (data, path, io.BytesIO(data))] == ["too-large"] * 3


def test_a_huge_file_is_not_read_whole(monkeypatch, tmp_path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(2**34)  # 16 GiB that take no space
    assert refusal(path).code == "too-large"


def test_a_long_stream_is_not_read_whole(monkeypatch):
    stream = io.BytesIO(bytes(5000))
    monkeypatch.setattr(reading, "limits", Limits(bytes=1000))
    assert refusal(stream).code == "too-large"
    assert stream.tell() == 1001


def test_a_refusal_names_the_limit(monkeypatch):
    """In the units of a visitor, whoever finds that the picture is beyond it: we or Pillow."""
    monkeypatch.setattr(reading, "limits", Limits(bytes=3_000_000, pixels=2_000_000))
    for size in ((1500, 1500), (60000, 60000)):
        assert "than 2 million pixels" in str(refusal(png(*size)))
    assert "than 3 MB" in str(refusal(bytes(3_000_001)))


def test_a_picture_that_is_too_demanding_gets_its_sentence(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(reading, "_normalise", full)
    assert refusal(encode(corners(), "PNG")).code == "too-demanding"


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("format", FORMATS)
def test_truncated(format, share):
    data = encode(noise(), format)
    assert refusal(data[: int(len(data) * share)]).code == "truncated"


@pytest.mark.parametrize("length", [3, 11, 20, 30])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_truncated_in_the_header(format, length):
    assert refusal(encode(noise(), format)[:length]).code in ("truncated", "not-an-image")


def closed_stream() -> io.BytesIO:
    stream = io.BytesIO(b"x")
    stream.close()
    return stream


def test_nothing_to_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ("", ".", "secret.png", "pipe", "loop", "null\0byte", "x" * 5000, "\ud800")
    paths = [str(tmp_path) + os.sep + name for name in names]
    for source in (*paths, tmp_path, "", "/dev/zero", None, closed_stream()):
        error = refusal(source)
        assert error.code == "missing" and "secret" not in str(error)


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", "/home/secret")

    path = tmp_path / "a.png"
    path.write_bytes(encode(corners(), "PNG"))
    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(path).code == "missing"


DECODER_ERRORS = (SyntaxError, struct.error, ValueError, OSError, EOFError, OverflowError, zlib.error)


@pytest.mark.parametrize("raised", DECODER_ERRORS)
def test_whatever_a_decoder_raises(raised, monkeypatch):
    def explode(_self):
        raise raised("/tmp/secret")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)
    assert refusal(encode(corners(), "PNG")).code == "truncated"


def test_a_decoder_that_runs_out_of_memory(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: bytearray(2**60))
    assert refusal(encode(corners(), "PNG")).code == "too-demanding"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # in the page, where a warning is no error
@pytest.mark.parametrize("format", FORMATS)
def test_mutations_are_read_or_refused(format):
    source, good = random.Random(format), encode(noise(32, 24), format)
    refused = 0
    for _ in range(200):
        data = bytearray(good)
        for _ in range(source.choice((1, 3, 20))):
            kind, place = source.randrange(3), source.randrange(len(data))
            if kind == 0:
                data[place] = source.randrange(256)
            elif kind == 1:
                del data[place : place + source.randrange(1, 9)]
            else:
                data[place:place] = source.randbytes(4)
        try:
            upload = read_image(bytes(data))
        except UploadError as error:
            refused += 1
            assert str(error).endswith(".") and "/" not in str(error)
        else:
            assert upload.image.mode == "RGB"
    assert refused


# What is read


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(format):
    upload = read_image(encode(corners(), format, **({"quality": 95} if format in LOSSY else {})))
    assert upload.image.mode == "RGB" and upload.notices == ()
    centres = [upload.image.getpixel(place) for place in ((8, 8), (40, 8), (8, 24), (40, 24))]
    assert np.abs(np.subtract(centres, (RED, GREEN, BLUE, YELLOW))).max() <= (12 if format in LOSSY else 0)


def test_every_kind_of_source(tmp_path):
    data = encode(corners(), "PNG")
    path = tmp_path / "a picture.gif"  # the name lies
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (data, path, str(path), io.BytesIO(data), file):
            upload = read_image(source)
            assert difference(upload.image, corners()) == 0 and upload.notices == ()


def test_avif_is_there_where_pillow_has_it():
    assert ("AVIF" in FORMATS) == features.check("avif")


def test_hidden_colours_stay_hidden():
    image = corners().convert("RGBA")
    image.putalpha(0)
    for format in ("PNG", "TIFF"):
        upload = read_image(encode(image, format))
        assert upload.image.getextrema() == ((255, 255),) * 3 and upload.notices == ("alpha",)
    image.putalpha(128)
    upload = read_image(encode(image, "PNG"))
    assert np.abs(np.subtract(upload.image.getpixel((0, 0)), (237, 137, 137))).max() <= 1


def test_an_alpha_that_hides_nothing_is_not_mentioned():
    upload = read_image(encode(corners().convert("RGBA"), "PNG"))
    assert difference(upload.image, corners()) == 0 and upload.notices == ()


def palette(transparency) -> bytes:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    return encode(image, "PNG", transparency=transparency)


GREY_ALPHA = Image.merge("LA", (Image.new("L", (4, 4), 90), Image.new("L", (4, 4), 0)))
TRANSPARENT = {  # data, colour at (0, 0), notices
    "palette, one index": (palette(0), (255, 255, 255), ("alpha",)),
    "palette, the other index": (palette(1), (255, 0, 0), ("alpha",)),
    "palette, bytes": (palette(bytes((0, 255))), (255, 255, 255), ("alpha",)),
    "palette, half": (palette(bytes((128, 255))), (255, 127, 127), ("alpha",)),
    "GIF": (encode(Image.open(io.BytesIO(palette(0))), "GIF"), (255, 255, 255), ("alpha",)),
    "LA": (encode(GREY_ALPHA, "PNG"), (255, 255, 255), ("alpha", "grey")),
    "grey with a key": (encode(Image.new("L", (4, 4), 7), "PNG", transparency=7), (255,) * 3, ("alpha", "grey")),
    "RGB with a key": (encode(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED), (255,) * 3, ("alpha",)),
    "1 bit with a key": (encode(Image.new("1", (4, 4), 0), "PNG", transparency=0), (255,) * 3, ("alpha", "grey")),
}


@pytest.mark.parametrize("data, colour, notices", TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparency(data, colour, notices):
    upload = read_image(data)
    assert np.abs(np.subtract(upload.image.getpixel((0, 0)), colour)).max() <= 1
    assert upload.notices == notices


def gradient(low: float, high: float, dtype, width: int = 256) -> np.ndarray:
    return np.linspace(low, high, width).astype(dtype)[None].repeat(4, axis=0)


DEEP = {  # array, format; its darkest pixel is to become 0 and its brightest 255
    "16-bit PNG": (gradient(0, 65535, np.uint16), "PNG"),
    "16-bit TIFF": (gradient(0, 65535, np.uint16), "TIFF"),
    "12 bits": (gradient(0, 4095, np.uint16), "PNG"),
    "8 bits in 16": (gradient(0, 255, np.uint16), "PNG"),
    "32-bit TIFF": (gradient(0, 2_000_000, np.int32), "TIFF"),
    "signed (a CT scan)": (gradient(-1024, 3071, np.int32), "TIFF"),
    "float 0-1": (gradient(0, 1, np.float32), "TIFF"),
    "float 0-255": (gradient(0, 255, np.float32), "TIFF"),
    "float 100-200": (gradient(100, 200, np.float32), "TIFF"),
    "float of any range": (gradient(-7, 1e6, np.float32), "TIFF"),
    "tiny floats": (gradient(-1e-44, 1e-44, np.float32), "TIFF"),
}


@pytest.mark.parametrize("array, format", DEEP.values(), ids=DEEP)
def test_deep_grey_is_scaled(array, format):
    upload = read_image(encode(Image.fromarray(array), format))
    row = np.asarray(upload.image)[0, :, 0].astype(int)
    assert row[0] == 0 and row[-1] == 255 and (np.diff(row) >= 0).all()
    assert upload.notices == ("16-bit", "grey")


def test_every_row_of_a_tall_deep_picture_is_scaled():
    array = np.linspace(0, 65535, 200).round().astype(np.uint16)[:, None].repeat(3, axis=1)
    column = np.asarray(read_image(encode(Image.fromarray(array), "PNG")).image)[:, 0, 0]
    assert np.abs(column - array[:, 0] / 257).max() <= 0.5


@pytest.mark.parametrize(
    ("dtype", "values", "levels"),
    [
        (np.uint16, [0, 1], [0, 255]),
        (np.uint16, [1, 2], [1, 2]),
        (np.uint16, [0, 4096], [0, 16]),
        (np.int32, [1000, 65536], [0, 255]),
        (np.int32, [-5, 65535], [0, 255]),
        (np.float32, [0.5, 0.5], [128, 128]),
        (np.float32, [5.0, 5.0], [0, 0]),
        (np.float32, [np.nan, np.nan], [0, 0]),
        (np.float32, [np.inf, np.inf], [255, 255]),
        (np.float32, [np.nan, 0.5], [0, 128]),
        (np.float32, [np.inf, 0.5], [255, 128]),
        (np.float32, [-np.inf, 0.5], [0, 128]),
        (np.float32, [-np.inf, np.nan, np.inf, 10, 20], [0, 0, 255, 0, 255]),
    ],
)
def test_where_black_and_white_lie(dtype, values, levels):
    upload = read_image(encode(Image.fromarray(np.array([values], dtype)), "TIFF"))
    assert np.asarray(upload.image)[0, :, 0].tolist() == levels


def test_big_endian_tiff():
    data = bytearray(b"MM\0*" + struct.pack(">I", 8))
    entries = [(256, 3, 4 << 16), (257, 3, 1 << 16), (258, 3, 16 << 16), (259, 3, 1 << 16), (262, 3, 1 << 16)]
    entries += [(273, 4, 8 + 2 + 8 * 12 + 4), (277, 3, 1 << 16), (279, 4, 8)]
    data += struct.pack(">H", len(entries))
    data += b"".join(struct.pack(">HHII", tag, kind, 1, value) for tag, kind, value in entries)
    data += struct.pack(">I4H", 0, 0, 257, 32896, 65535)
    row = np.asarray(read_image(bytes(data)).image)[0, :, 0]
    assert row.tolist() == [0, 1, 128, 255]


def test_dim_16_bit_stays_dim():
    upload = read_image(encode(Image.fromarray(gradient(0, 32767, np.uint16)), "PNG"))
    assert upload.image.getextrema() == ((0, 127),) * 3


def test_16_bit_grey_with_a_key():
    row = b"\0" + struct.pack(">3H", 500, 65535, 0)
    upload = read_image(png(3, 1, row, 16, 0, png_chunk(b"tRNS", struct.pack(">H", 500))))
    assert [upload.image.getpixel((x, 0))[0] for x in range(3)] == [255, 255, 0]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_odd_floats(odd):
    array = gradient(0, 1, np.float32)
    array[0, 0] = odd
    assert read_image(encode(Image.fromarray(array), "TIFF")).image.size == (256, 4)
    assert read_image(encode(Image.fromarray(np.full((2, 2), odd, np.float32)), "TIFF")).image.size == (2, 2)


def test_a_constant_is_no_division_by_zero():
    for value, level in ((0, 0), (255, 255), (65535, 255)):
        image = Image.fromarray(np.full((2, 2), value, np.uint16))
        assert read_image(encode(image, "PNG")).image.getpixel((0, 0)) == (level,) * 3


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    upload = read_image(encode(Image.new("CMYK", (16, 16), (0, 240, 240, 10)), format))
    red, green, blue = upload.image.getpixel((8, 8))
    assert red > 200 and green < 60 and blue < 60 and upload.notices == ("cmyk",)


MODES = {  # data, colour, notices
    "grey JPEG": (encode(Image.new("L", (16, 16), 100), "JPEG"), (100,) * 3, ("grey",)),
    "grey PNG": (encode(Image.new("L", (16, 16), 100), "PNG"), (100,) * 3, ("grey",)),
    "1 bit, black": (encode(Image.new("1", (16, 16), 0), "PNG"), (0,) * 3, ("grey",)),
    "1 bit, white": (encode(Image.new("1", (16, 16), 1), "TIFF"), (255,) * 3, ("grey",)),
    "1 bit, fax": (encode(Image.new("1", (16, 16), 1), "TIFF", compression="group4"), (255,) * 3, ("grey",)),
    "palette": (encode(Image.new("RGB", (16, 16), RED).quantize(4), "BMP"), RED, ()),
    "YCbCr": (encode(Image.new("RGB", (16, 16), RED).convert("YCbCr"), "TIFF", compression="jpeg"), RED, ()),
    "LAB": (encode(Image.new("LAB", (16, 16), (255, 128, 128)), "TIFF"), (255,) * 3, ()),
    "16-bit RGB": (png(1, 1, b"\0" + struct.pack(">3H", 65535, 0, 32768), 16, 2), (255, 0, 128), ()),
}


@pytest.mark.parametrize("data, colour, notices", MODES.values(), ids=MODES)
def test_modes(data, colour, notices):
    upload = read_image(data)
    assert upload.image.mode == "RGB" and upload.notices == notices
    assert np.abs(np.subtract(upload.image.getpixel((0, 0)), colour)).max() <= 2


STORED_AS = {  # EXIF orientation: how the upright picture is stored
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format, options", [
    ("JPEG", {"quality": 95, "subsampling": 0}), ("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
])  # fmt: skip
@pytest.mark.parametrize("orientation", STORED_AS)
def test_orientation(orientation, format, options):
    stored = corners() if orientation == 1 else corners().transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    upload = read_image(encode(stored, format, exif=exif, **options))
    assert upload.image.size == (48, 32)
    seen = [upload.image.getpixel(place) for place in ((0, 0), (47, 0), (0, 31), (47, 31))]
    assert np.abs(np.subtract(seen, (RED, GREEN, BLUE, YELLOW))).max() <= (6 if format == "JPEG" else 0)
    assert upload.notices == (("rotated",) if orientation > 1 else ())


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns, which is an error in tests alone
@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + bytes(8)])
def test_broken_exif_is_no_reason_to_refuse(exif):
    upload = read_image(encode(corners(), "JPEG", exif=exif))
    assert upload.image.size == (48, 32) and upload.notices == ()


def test_exif_that_cannot_be_read_turns_nothing(monkeypatch):
    def explode(_self):
        raise SyntaxError("not a TIFF file")

    data = encode(corners(), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.getexif", explode)
    upload = read_image(data)
    assert difference(upload.image, corners()) == 0 and upload.notices == ()


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    upload = read_image(encode(corners(), "PNG", exif=exif))
    assert difference(upload.image, corners()) == 0 and upload.notices == ()


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_place_where_it_was_taken_is_dropped(format, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "Somebody"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    data = encode(corners(), format, exif=exif)
    assert b"Somebody" in data
    image = read_image(data).image
    assert not image.info and not dict(image.getexif()) and not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert b"Somebody" not in encode(image, "JPEG")


FRAMES = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)]


@pytest.mark.parametrize("format, options", [
    ("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("AVIF", {"quality": 95}),
])  # fmt: skip
def test_the_first_frame(format, options):
    if format not in FORMATS:
        pytest.skip("this Pillow has no AVIF")
    upload = read_image(encode(FRAMES[0], format, save_all=True, append_images=FRAMES[1:], **options))
    assert np.abs(np.subtract(upload.image.getpixel((4, 4)), RED)).max() <= 6
    assert upload.notices == ("animated",)


def test_a_broken_second_frame_does_not_matter():
    data = encode(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])
    assert read_image(data[:-20]).image.getpixel((4, 4)) == RED


def test_a_phones_mpo_is_no_animation():
    data = encode(corners(), "MPO", save_all=True, append_images=[corners(24, 16)])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "MPO"
    upload = read_image(data)
    assert upload.image.size == (48, 32) and upload.notices == ()


# The words


@pytest.mark.parametrize("table, full_stop", [(MESSAGES, ".。"), (NOTICES, ".。")])
def test_both_languages_say_the_same(table, full_stop):
    assert list(table) == ["en", "zh"]
    assert list(table["en"]) == list(table["zh"])
    for code in table["en"]:
        english, chinese = table["en"][code], table["zh"][code]
        assert english.endswith(full_stop[0]) and english.count(".") == 1 and "/" not in english
        assert chinese.endswith(full_stop[1]) and "/" not in chinese
        assert re.findall(r"{.*?}", english) == re.findall(r"{.*?}", chinese)
