"""An image becomes a PNG of pixels alone. Run by itself, as a program: `drawing.py count`, `drawing.py 2 1600`."""

from __future__ import annotations

import sys
from typing import Any

from PIL import Image, ImageOps

PIXELS = 60_000_000  # more than any scanner or camera gives; in four bytes each, thrice, it fits into the memory given


def main(words: list[str]) -> None:
    Image.MAX_IMAGE_PIXELS = PIXELS // 2  # Pillow refuses at twice the figure
    with Image.open(sys.stdin.buffer, formats=["PNG", "JPEG", "TIFF"]) as image:
        if words == ["count"]:
            print(getattr(image, "n_frames", 1))  # noqa: T201  (its answer)
            return
        number, longest = map(int, words)
        image.seek(number - 1)
        image.draft("RGB", (longest, longest))  # a photograph is not unfolded further than it is shown
        drawn = _plain(image)
        drawn.thumbnail((longest, longest))
        ImageOps.exif_transpose(drawn).save(sys.stdout.buffer, "PNG", exif=b"", icc_profile=None)


def _plain(image: Any) -> Any:
    """In colours a browser shows, on white; sixteen bits of grey become eight."""
    if image.mode.startswith(("I", "F")):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("1", "CMYK", "YCbCr"):
        return image.convert("L" if image.mode == "1" else "RGB")
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")


if __name__ == "__main__":
    main(sys.argv[1:])
