"""Pictures people send: from bytes that may be hostile to small squares that hold pixels and nothing else.

A file is first taken apart here: its type by its first bytes, its end, the number of its parts, and how the camera was
held. Pillow sees only what makes the pixels of the first frame, so its readers of metadata, whose cost a few bytes can
multiply, are never reached. Sources: OWASP ASVS 5.0, 5.2 and 5.3; ITU-T T.81; W3C PNG; GIF89a; RFC 9649.
"""

import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from profiles.errors import AvatarRefused, AvatarTooLarge

SIDES = (512, 96)
MAX_BYTES = 5 * 1024 * 1024
MAX_SIDE = 4096
# What real files stay far below, and what a file made to keep a reader busy needs.
MAX_FRAMES = 1000
MAX_PARTS = 50_000
MAX_SCANS = 64

Transpose = Image.Transpose
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is left of a file: its Pillow format, the bytes that make its first frame, its EXIF orientation (1 to 8)."""

    format: str
    data: bytes
    orientation: int = 1


def renditions(data: bytes) -> dict[int, bytes]:
    """The picture as square WebP files, by their side in pixels: the middle of it, upright, without metadata.

    Raises AvatarRefused for what is too large, is no JPEG, PNG, WebP or GIF, is broken, or hides something else.
    """
    if len(data) > MAX_BYTES:
        raise AvatarTooLarge
    picture = take_apart(data)
    try:
        with Image.open(io.BytesIO(picture.data), formats=[picture.format]) as image:
            if max(image.size) > MAX_SIDE:
                raise AvatarRefused(_("A picture has at most 4096 pixels a side."))
            square = _square(image, picture.orientation)
        return {side: _webp(square, side) for side in SIDES}
    except AvatarRefused:
        raise
    except Exception as error:  # A broken file leads Pillow's decoders to raise nearly anything.
        raise AvatarRefused from error


def take_apart(data: bytes) -> Picture:
    """The picture in `data`. Raises AvatarRefused for another type, a missing end, too many parts or foreign data."""
    for signature, reader in _READERS.items():
        if re.match(signature, data, re.DOTALL):
            try:
                return reader(data)
            except (struct.error, IndexError) as error:
                raise AvatarRefused from error
    raise AvatarRefused(_("A picture is a JPEG, PNG, WebP or GIF."))


def _square(image: Image.Image, orientation: int) -> Image.Image:
    """The middle of `image`, upright, of the largest of `SIDES`."""
    # A JPEG is decoded at a half or a quarter of its size where that is still enough.
    image.draft(None, (2 * SIDES[0], 2 * SIDES[0]))
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    square = ImageOps.fit(image, (SIDES[0], SIDES[0]), Image.Resampling.LANCZOS)
    return square.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else square


def _webp(square: Image.Image, side: int) -> bytes:
    resized = square if square.width == side else square.resize((side, side), Image.Resampling.LANCZOS)
    resized.info.clear()
    file = io.BytesIO()
    resized.save(file, "WEBP", quality=85)
    return file.getvalue()


def _jpeg(data: bytes) -> Picture:
    """Keep the tables and the scans; of the applications' segments only Adobe's, which tells how CMYK is stored."""
    kept, position, orientation, scans = [data[:2]], 2, 1, 0
    for _number in range(MAX_PARTS):
        while data[position + 1] == 0xFF:
            position += 1
        if data[position] != 0xFF:
            raise AvatarRefused
        marker = data[position + 1]
        if marker == 0xD9:
            _refuse_foreign(data[position + 2 :], known=_phone_trailer)
            return Picture("JPEG", b"".join([*kept, b"\xff\xd9"]), orientation)
        length = struct.unpack_from(">H", data, position + 2)[0]
        end = position + 2 + length
        if marker == 0xDA:
            scans += 1
            # A scan goes over every block of the picture and may be written in a few bytes.
            if scans > MAX_SCANS:
                raise AvatarRefused
            next_marker = _JPEG_MARKER.search(data, end)
            if next_marker is None:
                raise AvatarRefused
            end = next_marker.start()
        if marker == 0xE1 and data[position + 4 : position + 10] == b"Exif\0\0":
            orientation = _orientation(data[position + 10 : end])
        if not (0xE0 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept.append(data[position:end])
        position = end
    raise AvatarRefused


def _png(data: bytes) -> Picture:
    """Keep the header, the palette, the transparency and the pixels."""
    kept, position, orientation = [data[:8]], 8, 1
    for _number in range(MAX_PARTS):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[position:end])
        elif name == b"eXIf":
            orientation = _orientation(data[position + 8 : end - 4])
        elif name == b"acTL" and struct.unpack_from(">I", data, position + 8)[0] > MAX_FRAMES:
            raise AvatarRefused(_TOO_MANY_FRAMES)
        position = end
        if name == b"IEND":
            _refuse_foreign(data[position:])
            return Picture("PNG", b"".join(kept), orientation)
    raise AvatarRefused


def _gif(data: bytes) -> Picture:
    """Keep the screen, the colours and the first frame with its graphic control, which names the transparent colour."""
    position = 13 + _colours(data[10])
    head, control, first = data[:position], b"", b""
    frames = 0
    blocks = iter(range(MAX_PARTS))
    while data[position] != 0x3B:
        start = position
        if data[position] == 0x2C:
            frames += 1
            if frames > MAX_FRAMES:
                raise AvatarRefused(_TOO_MANY_FRAMES)
            position = _after_blocks(data, position + 11 + _colours(data[position + 9]), blocks)
            first = first or control + data[start:position]
        elif data[position] == 0x21:
            position = _after_blocks(data, position + 2, blocks)
            control = data[start:position] if data[start + 1] == 0xF9 else control
        else:
            raise AvatarRefused
    _refuse_foreign(data[position + 1 :])
    return Picture("GIF", head + first + b";")


def _webp_file(data: bytes) -> Picture:
    """Keep it whole, since libwebp does not read what it does not need; look at its parts."""
    end, position, frames, orientation = (8 + struct.unpack_from("<I", data, 4)[0], 12, 0, 1)
    if end > len(data):
        raise AvatarRefused
    for _number in range(MAX_PARTS):
        if position >= end:
            _refuse_foreign(data[end:])
            return Picture("WEBP", data, orientation)
        name, length = struct.unpack_from("<4sI", data, position)
        frames += name == b"ANMF"
        if frames > MAX_FRAMES:
            raise AvatarRefused(_TOO_MANY_FRAMES)
        if name == b"EXIF":
            orientation = _orientation(data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0"))
        position += 8 + length + length % 2
    raise AvatarRefused


def _orientation(exif: bytes) -> int:
    """The tag 0x0112 of the first directory of a TIFF structure; 1, as it lies, when that cannot be read."""
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        directory = struct.unpack_from(f"{order}I", exif, 4)[0]
        for entry in range(struct.unpack_from(f"{order}H", exif, directory)[0]):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, directory + 2 + 12 * entry)
            if (tag, kind, count) == (0x0112, 3, 1):
                return int(value)
    except (KeyError, struct.error):
        pass
    return 1


def _colours(flags: int) -> int:
    """The bytes of a GIF's colour table, by the flags that announce it."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int, blocks: Iterator[int]) -> int:
    """Where the chain of a GIF's sub-blocks that begins at `position` has ended. Draws one of `blocks` for each."""
    while length := data[position]:
        if next(blocks, None) is None:
            raise AvatarRefused
        position += 1 + length
    return position + 1


def _refuse_foreign(rest: bytes, known: Callable[[bytes], bool] = lambda rest: False) -> None:
    # Nothing of it would be stored. But who sends two files in one is told, not served.
    if rest.strip(b"\0") and not known(rest):
        raise AvatarRefused(_("There is something else behind the picture in this file."))


def _phone_trailer(rest: bytes) -> bool:
    """Whether a phone wrote `rest`: a second picture (CIPA MPO), a film (Motion Photo) or Samsung's trailer."""
    return rest.startswith(b"\xff\xd8") or rest[4:8] == b"ftyp" or rest.endswith(b"SEFT")


# A byte 0xFF within a scan is followed by 0; restart markers and fill bytes belong to it too.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_TOO_MANY_FRAMES = _("This picture has too many frames.")
_READERS: dict[bytes, Callable[[bytes], Picture]] = {
    rb"\xff\xd8\xff": _jpeg,
    rb"\x89PNG\r\n\x1a\n": _png,
    rb"GIF8[79]a": _gif,
    rb"RIFF....WEBP": _webp_file,
}
