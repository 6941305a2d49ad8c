"""Pictures for tests, the honest ones and the others."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Black above, white below."""
    return Image.linear_gradient("L").resize(size).convert(mode)


def quarters() -> Image.Image:
    """Red and green above, blue and white below."""
    image = Image.new("RGB", (200, 200), "white")
    for colour, corner in (("red", (0, 0)), ("lime", (100, 0)), ("blue", (0, 100))):
        image.paste(colour, (*corner, corner[0] + 100, corner[1] + 100))
    return image


def png(size: tuple[int, int], *chunks: tuple[bytes, bytes], header: bytes = b"\x08\x06\x00\x00\x00") -> bytes:
    """A PNG of any size on paper, with the given chunks behind its header."""
    parts = [(b"IHDR", struct.pack(">II", *size) + header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(size: tuple[int, int] = (50_000, 50_000)) -> bytes:
    """A PNG whose few bytes would unfold to `size`."""
    return png(size, (b"IDAT", zlib.compress(bytes(1_000_000))))


def gif(frames: int, size: tuple[int, int] = (16, 16)) -> bytes:
    """An animation of that many frames."""
    one = encoded(Image.new("P", size), "GIF")
    head = 13 + 3 * 2 ** ((one[10] & 7) + 1) * bool(one[10] & 0x80)
    frame = one[one.index(b"\x2c", head) : -1]
    return one[:head] + frame * frames + b";"


def exif(orientation: int, *, entries: int = 1) -> bytes:
    """A TIFF directory that says how the camera was held, and `entries - 1` others that each point at everything."""
    others = b"".join(struct.pack("<HHII", 0x0200 + number, 7, 4_000_000, 0) for number in range(1, entries))
    told = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, entries) + told + others + bytes(4)


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
