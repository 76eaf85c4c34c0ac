"""Encodes pictures as an animation: GIF, MP4, or PNG of the last picture.

It reads no table. With one set of versions, the same pictures give the same bytes.
"""

from __future__ import annotations

import io
import itertools
import pathlib
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.cases.errors import SuiteError
from experiments.runs.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = ("gif", "mp4", "png")
NUM_COLOURS, NUM_EXACT = 255, 192
# Index of transparency, outside the palette.
CLEAR = 255
# Of the MP4: a picture lasts a whole number of frames.
FRAMES_A_SECOND = 5
# Compression of x264; on flat colours and thin lines this much is not visible.
QUALITY = 22


def write(
    pictures: Sequence[np.ndarray],
    milliseconds: Sequence[int],
    path_without_suffix: str | pathlib.Path,
    formats: Sequence[str] = ("gif", "mp4"),
) -> list[pathlib.Path]:
    """Writes an animation in several formats.

    Args:
        pictures: List of uint8 arrays `(height, width, 3)`, all of one even size.
        milliseconds: Duration of each, a multiple of 200.
        path_without_suffix: Path of the files without their suffix.
        formats: Some of `FORMATS`; `"png"` is the last picture.

    Returns:
        The paths written, in the order of `formats`.

    Raises:
        SuiteError: A format is unknown, or its encoder is not installed.
    """
    unknown = [suffix for suffix in formats if suffix not in FORMATS]
    if unknown:
        raise SuiteError(f"A film's format is one of {FORMATS}. Received: {unknown[0]!r}")
    encode = {"gif": gif, "mp4": mp4, "png": lambda pictures, _: png(pictures[-1])}
    paths = [pathlib.Path(f"{path_without_suffix}.{suffix}") for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, encode[suffix](pictures, milliseconds))
    return paths


def gif(pictures: Sequence[np.ndarray], milliseconds: Sequence[int]) -> bytes:
    """Returns the bytes of a GIF that loops for ever, all pictures in one palette."""
    palette = _palette(pictures)
    found = [_places(picture, palette) for picture in pictures]
    # Pixels that do not change are transparent, which compresses far better.
    pairs = itertools.pairwise(found)
    changes = [np.where(old == new, CLEAR, new).astype(np.uint8) for old, new in pairs]
    frames = [_image(frame, palette) for frame in (found[0], *changes)]
    settings = dict(duration=list(milliseconds), loop=0, disposal=1, transparency=CLEAR)
    rest = dict(save_all=True, append_images=frames[1:], optimize=False)
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", **settings, **rest)
    return buffer.getvalue()


def png(picture: np.ndarray) -> bytes:
    """Returns the bytes of one picture as PNG."""
    buffer, palette = io.BytesIO(), _palette([picture])
    _image(_places(picture, palette), palette).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def mp4(pictures: Sequence[np.ndarray], milliseconds: Sequence[int]) -> bytes:
    """Returns the bytes of an MP4 (H.264, which every browser plays)."""
    height, width, _ = pictures[0].shape
    raw = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {FRAMES_A_SECOND} -i -"
    coded = f"-c:v libx264 -preset medium -crf {QUALITY} -pix_fmt yuv420p -threads 1"
    # No time stamps or encoder names, and the index first, for streaming.
    plain = "-map_metadata -1 -fflags +bitexact -flags:v +bitexact -movflags +faststart"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film.mp4"
        words = [encoder(), "-v", "error", *f"{raw} {coded} {plain}".split(), str(path)]
        _run(words, b"".join(_repeated(pictures, milliseconds)))
        return path.read_bytes()


def encoder() -> str:
    """Returns the path of an ffmpeg.

    Raises:
        SuiteError: No ffmpeg is installed.
    """
    found = shutil.which("ffmpeg")
    try:
        import imageio_ffmpeg

        # The package's own comes first: the package manager pins its version.
        found = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        pass
    if not found:
        raise SuiteError(
            'An MP4 is written by ffmpeg; install it with: pip install -e ".[animation]". '
            "Received: no ffmpeg on this machine"
        )
    return found


def _palette(pictures):
    """Returns one palette for all pictures, `(at most 255, 3)`, made from three of them."""
    from PIL import Image

    chosen = np.vstack([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    numbers, counts = np.unique(_numbers(chosen), return_counts=True)
    colours = _colours(numbers)
    # Flat areas keep their exact colour; edges of text and lines share the others.
    exact = colours[np.argsort(-counts, kind="stable")[:NUM_EXACT]]
    rest: Any = Image.fromarray(colours[None]).quantize(NUM_COLOURS - NUM_EXACT).getpalette()
    return np.vstack([exact, np.reshape(rest, (-1, 3))]).astype(np.uint8)


def _places(picture, palette):
    """Returns each pixel's nearest colour of the palette; Pillow's own search is approximate."""
    numbers, nearest = _numbers(picture), np.zeros(256**3, np.uint8)
    # Each colour is looked up once: a picture has far fewer of them than pixels.
    nearest[numbers.ravel()] = 1
    found = np.flatnonzero(nearest).astype(np.uint32)
    gaps = _colours(found)[:, None].astype(int) - palette[None].astype(int)
    nearest[found] = np.argmin((gaps**2).sum(axis=-1), axis=1)
    return nearest[numbers]


def _numbers(picture):
    return picture.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)


def _colours(numbers):
    return (numbers[:, None] >> np.array([16, 8, 0], np.uint32)).astype(np.uint8)


def _image(places, palette):
    from PIL import Image

    image = Image.fromarray(places)
    image.putpalette(palette.ravel().tolist())
    return image


def _repeated(pictures, milliseconds):
    """Yields each picture's bytes once for each frame of its duration."""
    for picture, time in zip(pictures, milliseconds, strict=True):
        yield picture.tobytes() * max(1, round(time * FRAMES_A_SECOND / 1000))


def _run(words, data):
    done = subprocess.run(words, input=data, capture_output=True, check=False)
    if done.returncode:
        raise SuiteError(
            "ffmpeg could not write the film; install the tested one with: pip install -e "
            f'".[animation]". Received: {done.stderr.decode(errors="replace").strip()[:200]}'
        )
