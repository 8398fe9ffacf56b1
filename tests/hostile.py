"""Hostile and unusual picture files, made here byte by byte, and what has to become of each.

python -m tests.hostile prints the table of docs/security.md: each file goes through the page's door, with its limits;
--unbounded what a few of them take without.
"""

import io
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
RED, BLUE, WHITE = (220, 20, 20), (20, 20, 220), (255, 255, 255)
HUGE = 7000  # 49 million pixels: the most that is let by


@dataclass(frozen=True)
class Case:
    """A file and its outcome: `code` of the refusal, or None where it is read, as `colour` at (2, 2) and with `notices`.

    A `slow` file would take minutes or gigabytes; only the limits on time and memory stop it.
    """

    kind: str
    make: Callable[[], bytes]
    code: str | None = None
    colour: tuple[int, int, int] | None = None
    notices: tuple[str, ...] = ()
    slow: bool = False


def encode(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def plain(colour=RED, mode: str = "RGB", size=(16, 12)) -> Image.Image:
    return Image.new("RGB", size, colour).convert(mode)


def deep(array: np.ndarray, format: str) -> bytes:
    return encode(Image.fromarray(array), format)


# PNG


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, pixels: bytes = b"", depth: int = 8, colour: int = 0, *extra: bytes) -> bytes:
    """A PNG whose header says what it is told, whatever its pixels are."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return PNG_MAGIC + header + b"".join(extra) + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"")


def png_of_empty_chunks(count: int) -> bytes:
    return png(8, 8, bytes(72), 8, 0, png_chunk(b"abCd", b"") * count)


def png_text_bomb(megabytes: int) -> bytes:
    return png(8, 8, bytes(72), 8, 0, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(megabytes * 10**6))))


def png_profile_bomb(megabytes: int) -> bytes:
    return png(8, 8, bytes(72), 8, 0, png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(megabytes * 10**6))))


# JPEG


def jpeg_scans(data: bytes) -> tuple[bytes, list[bytes]]:
    """The bytes before EOI, and the scans among them, header and entropy-coded data."""
    scans, at = [], 2
    while data[at + 1] != 0xD9:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] == 0xDA:
            while not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8), 0xFF)):
                end += 1
            scans.append(data[at:end])
        at = end
    return data[:at], scans


def jpeg_of_many_scans(count: int, pixels: int = HUGE) -> bytes:
    """Progressive: each scan of 75 bytes makes the decoder walk over all blocks of the picture once more."""
    body, scans = jpeg_scans(encode(Image.new("L", (pixels, pixels), 128), "JPEG", progressive=True))
    return body + scans[-1] * count + b"\xff\xd9"


def jpeg_with(segment: bytes, marker: int = 0xFE) -> bytes:
    data = encode(plain(), "JPEG", quality=95)
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def jpeg_of_padding(count: int) -> bytes:
    data = encode(plain(), "JPEG", quality=95)
    return data[:2] + b"\xff" * count + data[2:]


def jpeg_with_size(width: int, height: int) -> bytes:
    data = bytearray(encode(plain(), "JPEG"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def without_adobe(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :]


# GIF, BMP, WebP, TIFF


def gif(*blocks: bytes, width: int = 4, height: int = 4) -> bytes:
    """Two colours, red and blue, then the given blocks."""
    palette = bytes(RED) + bytes(BLUE)
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0" + palette + b"".join(blocks) + b";"


def gif_frame(width: int, height: int) -> bytes:
    return b",\0\0\0\0" + struct.pack("<HH", width, height) + b"\0\2\2D\1\0"


def gif_of_comment(count: int) -> bytes:
    """A comment in blocks of one byte: Pillow appends each to all before it."""
    return gif(b"!\xfe" + b"\1a" * count + b"\0", gif_frame(1, 1), width=1, height=1)


def bmp_of_short_runs(width: int, height: int) -> bytes:
    """RLE8 in runs of one pixel, which Pillow decodes in Python."""
    pixels = (b"\1\1" * width + b"\0\0") * height + b"\0\1"
    offset = 14 + 40 + 8
    head = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 2, 0)
    return head + info + b"\0\0\0\0" + bytes(RED[::-1]) + b"\0" + pixels


def webp_canvas(width: int, height: int) -> bytes:
    """Animated, for a canvas may be larger than its frames: one of 16 x 12."""
    frame = _24(0) * 2 + _24(15) + _24(11) + _24(100) + b"\0" + encode(plain(), "WEBP", quality=95)[12:]
    chunks = _chunk(b"VP8X", b"\2\0\0\0" + _24(width - 1) + _24(height - 1)) + _chunk(b"ANIM", bytes(6))
    chunks += _chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body


def _24(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def tiff(
    *extra: tuple[int, int, int, int], width: int = 1, height: int = 1, following: int = 0, size: int = 0
) -> bytes:
    """Grey, 8 bits, little-endian; `extra` are entries (tag, type, count, value or offset); `size` pads the file."""
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(277, 3, 1, 1)]
    if not any(tag in (273, 324) for tag, *_ in extra):
        entries += [(273, 4, 1, 8), (279, 4, 1, width * height)]
    entries = sorted([*entries, *extra])
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    data += struct.pack("<I", following)
    return data + bytes(max(0, size - len(data)))


def tiff_of_tags(count: int, megabytes: int) -> bytes:
    """Each tag says that the same megabytes are its value, and Pillow copies them for each."""
    size = megabytes * 10**6
    return tiff(*[(40000 + number, 7, size - 8, 8) for number in range(count)], size=size)


def exif_of_tags(count: int) -> bytes:
    """The same in the EXIF chunk of a PNG."""
    return png(8, 8, bytes(72), 8, 0, png_chunk(b"eXIf", tiff_of_tags(count, 10)))


# Pictures that are right


def palette(transparency=None) -> bytes:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *BLUE])
    return encode(image, "PNG", **({} if transparency is None else {"transparency": transparency}))


def frames(format: str, **options) -> bytes:
    return encode(plain(), format, save_all=True, append_images=[plain(BLUE)], **options)


def turned(format: str) -> bytes:
    """Stored on its side, red on the left and blue on the right once upright; with the place where it was taken."""
    upright = plain(RED, size=(16, 12))
    upright.paste(BLUE, (8, 0, 16, 12))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
    return encode(upright.transpose(Image.Transpose.ROTATE_90), format, exif=exif, **options)


def hidden(format: str) -> bytes:
    image = plain(RED, "RGBA")
    image.putalpha(0)
    return encode(image, format)


def zipped(name: str = "a.txt", data: bytes = b"text") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


SCRIPT = b"<script>alert(1)</script>"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n0 0 9 9 rectfill\nshowpage\n%%EOF\n"
GREY16 = np.full((12, 16), 32768, np.uint16)


def cut(format: str, share: float = 0.5) -> bytes:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    data = encode(noise, format)
    return data[: int(len(data) * share)]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


CASES = [
    # no pictures, whatever their names
    Case("empty file", lambda: b"", "empty"),
    Case("one byte", lambda: b"\xff", "not-an-image"),
    Case("text", lambda: b"No picture.\n" * 20, "not-an-image"),
    Case("5,000 zeros", lambda: bytes(5000), "not-an-image"),
    Case("random bytes", lambda: np.random.default_rng(0).bytes(5000), "not-an-image"),
    Case("a program (ELF)", lambda: b"\x7fELF\2\1\1" + bytes(500), "not-an-image"),
    Case("a pickle", lambda: b"\x80\4c__builtin__\neval\n(S'1'\ntR.", "not-an-image"),
    Case("a zip", zipped, "not-an-image"),
    Case("HTML with a script", lambda: b"<html>" + SCRIPT, "not-an-image"),
    Case("SVG with a script", lambda: SVG, "unsupported-format"),
    Case("EPS (Pillow would run Ghostscript)", lambda: EPS, "unsupported-format"),
    Case("PDF", lambda: b"%PDF-1.7\n" + encode(plain(), "JPEG"), "unsupported-format"),
    Case("Photoshop", lambda: b"8BPS\0\1" + bytes(60), "unsupported-format"),
    Case("HEIC", lambda: b"\0\0\0\x18ftypheic" + bytes(60), "unsupported-format"),
    Case("ICO, which Pillow reads", lambda: encode(plain(), "ICO"), "not-an-image"),
    Case("PPM, which Pillow reads", lambda: encode(plain(), "PPM"), "not-an-image"),
    # cut off, altered
    *(Case(f"{format}, half of it", lambda f=format: cut(f), "truncated") for format in
      ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")),
    Case("PNG, its signature alone", lambda: PNG_MAGIC, "truncated"),
    Case("PNG, a byte of its pixels altered", lambda: flipped(encode(plain(), "PNG"), 45), "truncated"),
    Case("PNG without pixels", lambda: png(8, 8), "truncated"),
    Case("PNG of 77 bits", lambda: png(8, 8, depth=77), "truncated"),
    Case("TIFF whose directory lies outside it", lambda: b"II*\0\xff\xff\xff\x7f", "truncated"),
    Case("TIFF whose pixels lie outside it", lambda: tiff((273, 4, 1, 10**9), (279, 4, 1, 1)), "truncated"),
    Case("TIFF whose next page is itself", lambda: tiff(following=8), None, None, ("grey",)),
    Case("GIF without a picture", lambda: gif(), "truncated"),
    # sizes that lie, and bombs
    Case("PNG of no width", lambda: png(0, 8), "zero-pixels"),
    Case("GIF of no height", lambda: gif(height=0), "zero-pixels"),
    Case("BMP of no height", lambda: encode(plain(), "BMP")[:22] + bytes(4) + bytes(50), "zero-pixels"),
    Case("JPEG of no width", lambda: jpeg_with_size(0, 12), "truncated"),
    Case("PNG, 14 kB for 120 million pixels", lambda: png(12000, 10000, bytes(1501 * 10000), 1), "too-many-pixels"),
    Case("PNG, header of 2^31 x 2^31", lambda: png(2**31 - 1, 2**31 - 1), "too-many-pixels"),
    Case("JPEG, header of 65,500 x 65,500", lambda: jpeg_with_size(65500, 65500), "too-many-pixels"),
    Case("JPEG, header of 6,000 x 6,000 over 16 x 12: the rest is grey", lambda: jpeg_with_size(6000, 6000), None, RED),
    Case("GIF, a frame of 65,535 x 65,535 in 1 x 1", lambda: gif(gif_frame(65535, 65535), width=1, height=1),
         "too-many-pixels"),
    Case("WebP, canvas of 12,000 x 10,000", lambda: webp_canvas(12000, 10000), "too-many-pixels"),
    Case("WebP, canvas of 7,000 x 7,000 under a frame of 16 x 12", lambda: webp_canvas(HUGE, HUGE), None, RED),
    Case("TIFF, 2^32 - 1 pixels wide", lambda: tiff(width=2**32 - 1), "too-many-pixels"),
    Case("TIFF, tiles of 2^20 x 2^20", lambda: tiff((322, 4, 1, 2**20), (323, 4, 1, 2**20), (324, 4, 1, 8), (325, 4, 1, 1)),
         None, None, ("grey",)),
    Case("AVIF, header of 65,535 x 65,535", lambda: avif_with_size(65535, 65535), "truncated"),
    Case("larger than 20 MB", lambda: encode(plain(), "JPEG") + bytes(20_000_000), "too-large"),
    Case("PNG, text that unpacks to 500 MB", lambda: png_text_bomb(500), "truncated"),
    Case("PNG, profile that unpacks to 500 MB", lambda: png_profile_bomb(500), "truncated"),
    # within bytes and pixels, but not within time or memory
    Case("JPEG, 49 million pixels in 100,000 passes", lambda: jpeg_of_many_scans(100_000), "too-demanding", slow=True),
    Case("GIF, a comment in 9 million blocks", lambda: gif_of_comment(9_000_000), "too-demanding", slow=True),
    Case("TIFF, 2,000 tags of 10 MB each", lambda: tiff_of_tags(2000, 10), "too-demanding", slow=True),
    Case("PNG, EXIF of 2,000 tags of 10 MB each", lambda: exif_of_tags(2000), "too-demanding", slow=True),
    Case("JPEG, 5 million bytes of padding", lambda: jpeg_of_padding(5_000_000), None, RED),
    Case("PNG, 200,000 empty chunks", lambda: png_of_empty_chunks(200_000), None, (0, 0, 0), ("grey",)),
    Case("BMP, a million runs of one pixel", lambda: bmp_of_short_runs(1000, 1000), None, RED),
    # two things at once
    Case("JPEG with a zip behind it", lambda: encode(plain(), "JPEG", quality=95) + zipped(), None, RED),
    Case("PNG with a page behind it", lambda: encode(plain(), "PNG") + SCRIPT, None, RED),
    Case("JPEG with a script in its comment", lambda: jpeg_with(SCRIPT), None, RED),
    Case("GIF that is a script too", lambda: b"GIF89a/*" + b"*/=1;alert(1)//" * 4, "truncated"),
    # odd, but right
    Case("grey JPEG", lambda: encode(plain((90,) * 3, "L"), "JPEG"), None, (90,) * 3, ("grey",)),
    Case("1 bit, black on white", lambda: encode(plain((0,) * 3, "1"), "PNG"), None, (0, 0, 0), ("grey",)),
    Case("1 bit, fax (TIFF group 4)", lambda: encode(plain(WHITE, "1"), "TIFF", compression="group4"), None, WHITE, ("grey",)),
    Case("palette", palette, None, RED),
    Case("palette, transparent", lambda: palette(0), None, WHITE, ("alpha",)),
    Case("RGBA, hidden colours", lambda: hidden("PNG"), None, WHITE, ("alpha",)),
    Case("WebP with alpha", lambda: hidden("WEBP"), None, WHITE, ("alpha",)),
    Case("grey with alpha (LA)", lambda: encode(plain((90,) * 3, "LA"), "PNG"), None, (90,) * 3, ("grey",)),
    Case("palette with alpha (PA)", lambda: encode(plain().convert("P").convert("PA"), "TIFF"), None, (204, 51, 51)),
    Case("CMYK JPEG, inverted as Adobe does", lambda: encode(Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "JPEG"),
         None, (254, 0, 0), ("cmyk",)),
    Case("CMYK JPEG with a profile", lambda: encode(Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "JPEG",
         icc_profile=b"no profile that could be used"), None, (254, 0, 0), ("cmyk",)),
    Case("CMYK JPEG without Adobe's mark", lambda: without_adobe(encode(Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "JPEG")),
         None, (254, 0, 0), ("cmyk",)),
    Case("CMYK TIFF", lambda: encode(Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "TIFF"), None, (255, 0, 0), ("cmyk",)),
    Case("YCbCr TIFF", lambda: encode(plain().convert("YCbCr"), "TIFF", compression="jpeg"), None, RED),
    Case("16-bit grey PNG", lambda: deep(GREY16, "PNG"), None, (128,) * 3, ("16-bit", "grey")),
    Case("16-bit RGB PNG", lambda: png(4, 4, (b"\0" + struct.pack(">3H", 65535, 0, 32768) * 4) * 4, 16, 2), None, (255, 0, 128)),
    Case("32-bit TIFF", lambda: deep(GREY16.astype(np.int32), "TIFF"), None, (128,) * 3, ("16-bit", "grey")),
    Case("float TIFF, 0 to 1", lambda: deep(np.full((12, 16), 0.5, np.float32), "TIFF"), None, (128,) * 3, ("16-bit", "grey")),
    Case("float TIFF, all NaN", lambda: deep(np.full((12, 16), np.nan, np.float32), "TIFF"), None, (0, 0, 0), ("16-bit", "grey")),
    *(Case(f"animated {format}", lambda f=format, o=options: frames(f, **o), None, RED, ("animated",)) for format, options in
      (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 95}))),
    Case("TIFF of two pages", lambda: frames("TIFF"), None, RED, ("animated",)),
    Case("a phone's MPO", lambda: frames("MPO", quality=95), None, RED),
    *(Case(f"{format} on its side, with a place", lambda f=format: turned(f), None, RED, ("rotated",)) for format in
      ("JPEG", "PNG", "TIFF", "WEBP")),
    Case("JPEG with EXIF that is junk", lambda: jpeg_with(b"Exif\0\0II*\0\xff\xff\xff\xff", 0xE1), None, RED),
]  # fmt: skip


def avif_with_size(width: int, height: int) -> bytes:
    data = bytearray(encode(plain(), "AVIF"))
    struct.pack_into(">II", data, data.index(b"ispe") + 8, width, height)
    return bytes(data)


def outcome(data: bytes) -> str:
    """What a visitor is told: the sentence of the refusal, or the picture's size and the notices."""
    from attention.pictures.reading import NOTICES, UploadError, read_image

    try:
        upload = read_image(data)
    except UploadError as error:
        return str(error)
    return " ".join(
        [f"Read, {upload.image.width} x {upload.image.height}.", *(NOTICES["en"][n] for n in upload.notices)]
    )


def table() -> None:
    """Every case through the page's door, with its limits."""
    from attention.pictures.limits import MAX_SECONDS, Limits
    from attention.pictures.workers import guarded

    print("| file | size | outcome |\n|---|---|---|")
    with guarded(Limits(seconds=MAX_SECONDS)):
        for case in CASES:
            data = case.make()
            size = f"{len(data) / 1e6:.1f} MB" if len(data) > 1e5 else f"{len(data):,} B"
            print(f"| {case.kind} | {size} | {outcome(data)} |", flush=True)


def unbounded() -> None:
    """What small ones of the slow kinds take where nothing but bytes and pixels is bounded."""
    import resource

    from attention.pictures.limits import Limits
    from attention.pictures.reading import set_limits

    set_limits(Limits())
    print("| file | size | seconds of the processor | memory so far |\n|---|---|---|---|")
    for kind, make in (
        ("JPEG, 49 million pixels in 10 passes", lambda: jpeg_of_many_scans(4)),
        ("JPEG, 49 million pixels in 206 passes", lambda: jpeg_of_many_scans(200)),
        ("GIF, a comment in 200,000 blocks", lambda: gif_of_comment(200_000)),
        ("GIF, a comment in 400,000 blocks", lambda: gif_of_comment(400_000)),
        ("TIFF, 50 tags of 10 MB each", lambda: tiff_of_tags(50, 10)),
        ("TIFF, 100 tags of 10 MB each", lambda: tiff_of_tags(100, 10)),
    ):
        data, began = make(), time.process_time()
        outcome(data)
        seconds, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(f"| {kind} | {len(data) / 1e6:.1f} MB | {seconds:.1f} | {peak:,.0f} MB |", flush=True)


if __name__ == "__main__":
    unbounded() if "--unbounded" in sys.argv[1:] else table()
