"""Pictures become squares without a past; what is no picture is refused before it costs anything."""

import io
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from profiles import images
from profiles.errors import AvatarRefused, AvatarTooLarge
from profiles.tests.pictures import bomb, encoded, exif, gif, gradient, jpeg_segment, png, png_chunk, quarters

pytestmark = pytest.mark.once

SECONDS = 1.0


def squares(data: bytes) -> dict[int, Image.Image]:
    """What `data` becomes, opened."""
    return {side: Image.open(io.BytesIO(file)) for side, file in images.renditions(data).items()}


def pixel(image: Image.Image, point: tuple[int, int]) -> tuple[int, ...]:
    """Red, green, blue and how opaque it is."""
    return cast("tuple[int, ...]", image.convert("RGBA").getpixel(point))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_type_and_mode_becomes_two_squares(format: str, mode: str) -> None:
    if (format, mode) in {
        ("JPEG", "LA"),
        ("JPEG", "P"),
        ("JPEG", "RGBA"),
        ("JPEG", "I;16"),
        ("PNG", "CMYK"),
        ("GIF", "CMYK"),
    }:
        pytest.skip("there are none")
    if mode == "I;16" and format != "PNG":
        pytest.skip("Pillow writes it as something else")
    picture = gradient("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else None
    picture = picture or (Image.merge("LA", (gradient("L"), gradient("L"))) if mode == "LA" else gradient(mode))
    found = squares(encoded(picture, format))
    assert {side: (file.format, file.size) for side, file in found.items()} == {
        512: ("WEBP", (512, 512)),
        96: ("WEBP", (96, 96)),
    }
    # Dark above, light below, whatever the mode: no inverted CMYK, no clipped sixteen bits.
    for file in found.values():
        rows = file.convert("L").resize((16, 16), Image.Resampling.BOX)
        top, middle, bottom = (pixel(rows, (8, row))[0] for row in (0, 8, 15))
        assert top < 40
        assert 90 < middle < 165
        assert bottom > 215


@pytest.mark.parametrize("size", [(1, 1), (4096, 1), (3, 4096), (100, 300)], ids=str)
def test_any_shape_becomes_a_square(size: tuple[int, int]) -> None:
    assert [file.size for file in squares(encoded(Image.new("RGB", size, "red"), "PNG")).values()] == [
        (512, 512),
        (96, 96),
    ]


def test_the_middle_is_what_stays() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    large = squares(encoded(wide, "PNG"))[512]
    assert all(pixel(large, point)[2] > 200 for point in [(4, 4), (507, 507), (256, 256)])


FOUR = quarters().quantize(4)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG"), id="png"),
        pytest.param(encoded(FOUR, "PNG", transparency=FOUR.getpixel((150, 150))), id="palette"),
        pytest.param(encoded(Image.new("P", (50, 50), 3), "GIF", transparency=3), id="gif"),
        pytest.param(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "WEBP", lossless=True), id="webp"),
        pytest.param(encoded(Image.new("RGB", (50, 50), (1, 2, 3)), "PNG", transparency=(1, 2, 3)), id="colour key"),
    ],
)
def test_what_was_transparent_is(data: bytes) -> None:
    for file in squares(data).values():
        assert file.mode == "RGBA"
        assert pixel(file, (3 * file.width // 4, 3 * file.height // 4))[3] == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corners"),
    [
        (1, "rgbw"),
        (2, "grwb"),
        (3, "wbgr"),
        (4, "bwrg"),
        (5, "rbgw"),
        (6, "brwg"),
        (7, "wgbr"),
        (8, "gwrb"),
        (0, "rgbw"),
        (9, "rgbw"),
    ],
)
def test_a_picture_stands_upright(format: str, orientation: int, corners: str) -> None:
    header = b"Exif\0\0" if format == "JPEG" else b""
    picture = encoded(quarters(), format, exif=header + exif(orientation))
    colours: dict[tuple[int, ...], str] = {(255, 0, 0): "r", (0, 255, 0): "g", (0, 0, 255): "b", (255, 255, 255): "w"}
    for side, file in squares(picture).items():
        points = [(x, y) for y in (side // 4, 3 * side // 4) for x in (side // 4, 3 * side // 4)]
        seen = [tuple(round(value / 255) * 255 for value in pixel(file, point)[:3]) for point in points]
        assert "".join(colours[colour] for colour in seen) == corners


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order_is_read(order: str) -> None:
    tag = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 3, 0)
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1) + tag + bytes(4)
    assert images.take_apart(encoded(quarters(), "PNG", exif=tiff)).orientation == 3


@pytest.mark.parametrize("tiff", [b"", b"II*\0", b"XX*\0\0\0\0\0", b"II*\0\xff\xff\xff\xff", exif(3)[:12]], ids=repr)
def test_an_unreadable_orientation_is_none(tiff: bytes) -> None:
    picture = png((1, 1), (b"eXIf", tiff), (b"IDAT", b"x"))
    assert images.take_apart(picture).orientation == 1


def test_nothing_but_pixels_is_kept() -> None:
    secret = b"59.9375N 30.3086E SECRET"
    comment = {"comment": secret, "exif": b"Exif\0\0" + exif(1) + secret, "icc_profile": secret * 10, "xmp": secret}
    picture = Image.new("RGB", (64, 64), "red")
    files = [
        encoded(picture, "JPEG", **comment),
        encoded(picture, "PNG", exif=exif(1) + secret, icc_profile=secret),
        encoded(picture, "WEBP", exif=exif(1) + secret, icc_profile=secret, xmp=secret),
        encoded(picture, "GIF", comment=secret),
        png((1, 1), (b"tEXt", b"k\0" + secret), (b"IDAT", b"x\x9cc`\x00\x00\x00\x05\x00\x01"), header=b"\x08\0\0\0\0"),
    ]
    for data in files[:-1]:
        for file in images.renditions(data).values():
            assert secret not in file
            chunks = {file[12:16]}
            assert chunks <= {b"VP8 ", b"VP8L"}
    assert secret not in images.take_apart(files[-1]).data


def animated_webp() -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50)


def animated_gif() -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def animated_png() -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "lime")]
    return encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=50)


@pytest.mark.parametrize("data", [animated_webp(), animated_gif(), animated_png()], ids=["webp", "gif", "apng"])
def test_of_an_animation_the_first_frame_is_taken(data: bytes) -> None:
    for file in squares(data).values():
        assert getattr(file, "n_frames", 1) == 1
        red, green, blue, _ = pixel(file, (10, 10))
        assert (red > 240, green < 15, blue < 15) == (True, True, True)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return file.getvalue()


JPEG, PNG = encoded(gradient(), "JPEG"), encoded(gradient(), "PNG")
GIF, WEBP = encoded(gradient(), "GIF"), encoded(gradient(), "WEBP")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SCAN = JPEG[JPEG.index(b"\xff\xda") : -2]

HOSTILE = {
    "nothing": b"",
    "one byte": b"\x89",
    "svg": SVG,
    "svg with a declaration": b'<?xml version="1.0"?>' + SVG,
    "html": b"<!doctype html><script>alert(1)</script>",
    "bmp": encoded(gradient(), "BMP"),
    "tiff": encoded(gradient(), "TIFF"),
    "ico": encoded(gradient(size=(64, 64)), "ICO"),
    "avif": encoded(gradient(), "AVIF"),
    "jpeg 2000": encoded(gradient(), "JPEG2000"),
    "eps": encoded(gradient(), "EPS"),
    "pdf": encoded(gradient(), "PDF"),
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "50 000 px png": bomb(),
    "4097 px png": encoded(Image.new("1", (4097, 1)), "PNG"),
    "4097 px gif": encoded(Image.new("1", (1, 4097)), "GIF"),
    "4097 px webp": encoded(Image.new("RGB", (4097, 1)), "WEBP"),
    "65 500 px jpeg": encoded(Image.new("L", (65_500, 8)), "JPEG"),
    "png without pixels": png((10, 10)),
    "png of 0 px": png((0, 0), (b"IDAT", b"")),
    "gif with a frame larger than its screen": GIF[:6] + b"\x01\0\x01\0" + gif(1, (5000, 2))[10:],
    "gif of 10 000 frames": gif(10_000),
    "gif without a frame": GIF[:13] + b";",
    "apng of 10 000 frames": png((8, 8), (b"acTL", struct.pack(">II", 10_000, 0)), (b"IDAT", b"x")),
    "webp of 10 000 frames": WEBP[:4] + struct.pack("<I", 4 + 8 * 10_000) + b"WEBP" + b"ANMF\0\0\0\0" * 10_000,
    "half a jpeg": JPEG[: len(JPEG) // 2],
    "half a png": PNG[: len(PNG) // 2],
    "half a gif": GIF[: len(GIF) // 2],
    "half a webp": WEBP[: len(WEBP) // 2],
    "png with a broken checksum": PNG[:-30] + bytes(10) + PNG[-20:],
    "jpeg and zip": JPEG + zipped(),
    "jpeg and php": JPEG + b"<?php system($_GET['c']); ?>",
    "png and html": PNG + b"<script>alert(1)</script>",
    "gif and zip": GIF + zipped(),
    "gif and javascript": b"GIF89a=1;alert(1)//" + bytes(100),
    "webp and zip": WEBP + zipped(),
    "zip with the signature of a png": b"\x89PNG\r\n\x1a\n" + zipped(),
    "jpeg of 100 000 scans": JPEG[:-2] + SCAN[:20] * 100_000 + b"\xff\xd9",
    "jpeg of a million segments": JPEG[:2] + jpeg_segment(0xFE, b"") * 1_000_000 + JPEG[2:],
    "png of 400 000 chunks": PNG[:33] + png_chunk(b"teXt", b"") * 400_000 + PNG[33:],
    "gif with a comment of a million blocks": GIF[:-1] + b"!\xfe" + b"\x01a" * 1_000_000 + b"\0;",
    "11 MB": PNG + bytes(11_000_000),
    "12 MB of picture": encoded(Image.new("RGB", (2000, 2000)), "PNG", compress_level=0),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_honest_picture_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    tracemalloc.start()
    with pytest.raises(AvatarRefused) as refusal:
        images.renditions(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refusal.value.field == "avatar"
    assert time.process_time() - started < SECONDS
    assert peak < 100_000_000


COSTLY = {
    "bomb": bomb(),
    "bomb just within the limit of a side": bomb((4096, 4096)),
    "exif of 4 MB with 60 000 entries that all point at it": png(
        (1, 1), (b"eXIf", exif(3, entries=60_000) + bytes(3_500_000)), (b"IDAT", b"x")
    ),
    "jpeg with such exif": JPEG[:2]
    + jpeg_segment(0xE1, b"Exif\0\0" + exif(3, entries=5000) + bytes(1000)) * 60
    + JPEG[2:-1000]
    + b"\xff\xd9",
    "10 000 frames": gif(10_000),
    "text that unfolds": png((1, 1), *[(b"zTXt", b"k\0\0" + bomb()[41:1000])] * 200, (b"IDAT", b"x")),
}


# A first picture loads the decoders, so that only the second one is measured; in KiB, as Linux counts.
MEASURE = """
import resource, sys
from pathlib import Path
from profiles import images
from profiles.errors import AvatarRefused
honest, hostile = (Path(name).read_bytes() for name in sys.argv[1:])
images.renditions(honest)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    images.renditions(hostile)
except AvatarRefused:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("data", COSTLY.values(), ids=COSTLY)
def test_a_refusal_needs_little_memory(data: bytes, tmp_path: Path) -> None:
    """In a process of its own, by the peak the system has counted: Pillow's memory is not Python's."""
    (tmp_path / "honest").write_bytes(PNG)
    (tmp_path / "hostile").write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "honest"), str(tmp_path / "hostile")]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    assert int(printed) < 150 * 1024


def test_the_limits_themselves_are_accepted() -> None:
    assert len(images.renditions(encoded(Image.new("1", (4096, 4096)), "PNG"))) == 2
    assert len(images.renditions(gif(images.MAX_FRAMES))) == 2
    assert len(images.renditions(PNG + bytes(100))) == 2


@pytest.mark.parametrize(
    "trailer",
    [
        pytest.param(JPEG, id="a second picture"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(500) + b"film", id="a film"),
        pytest.param(b"Image_UTC_Data1700000000000SEFH" + bytes(20) + b"SEFT", id="Samsung's"),
        pytest.param(bytes(4096), id="zeros"),
    ],
)
def test_what_phones_write_behind_a_photo_is_left_out(trailer: bytes) -> None:
    kept = images.take_apart(JPEG + trailer).data
    assert kept.endswith(b"\xff\xd9")
    assert len(kept) <= len(JPEG)
    assert len(images.renditions(JPEG + trailer)) == 2


def test_the_size_is_asked_before_anything_else() -> None:
    with pytest.raises(AvatarTooLarge):
        images.renditions(PNG + bytes(images.MAX_BYTES))
