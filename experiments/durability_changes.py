"""Changes of bytes: what disks, editors, networks and people do to files.

Room 1: bytes in, other bytes out, by chance.
"""

import re

WORDS = (b"NaN", b"Infinity", b"-inf", b"null", b"1e999", b"9" * 5000, b"-0", b"true", b'"', b"")
LONG = 10_000_000


def _spot(rng, data):
    return rng.randrange(len(data) + 1)


def _flip(rng, data):
    """One bit is another."""
    if not data:
        return b"\x01"
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _delete(rng, data):
    place = _spot(rng, data)
    return data[:place] + data[place + rng.choice((1, 2, 10, 100)) :]


def _insert(rng, data):
    place = _spot(rng, data)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 10, 100))) + data[place:]


def _duplicate(rng, data):
    place, size = _spot(rng, data), rng.choice((1, 10, 100, 1000))
    return data[: place + size] + data[place:]


def _swap(rng, data):
    """Two blocks change places."""
    a, b, c = sorted(_spot(rng, data) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _zero(rng, data):
    place, size = _spot(rng, data), rng.choice((1, 16, 512, 4096))
    return data[:place] + bytes(len(data[place : place + size])) + data[place + size :]


def _append(rng, data):
    return data + rng.choice((b"\n", b"x", data, data[-200:], b"\n,,,,\n", b"}", b"\x00" * 100))


def _line(rng, data):
    """A line is missing, or there twice, or in another place."""
    lines = data.split(b"\n")
    line = lines.pop(rng.randrange(len(lines)))
    return b"\n".join(lines[:1] + [line] * rng.choice((0, 2)) + lines[1:])


def _number(rng, data):
    """A number is another number, or the word for one."""
    found = list(re.finditer(rb"\d+(?:\.\d+)?", data))
    if not found:
        return _flip(rng, data)
    place = rng.choice(found)
    other = rng.choice((str(rng.randrange(1000)).encode(), b"0.5", *WORDS))
    return data[: place.start()] + other + data[place.end() :]


def _letters(rng, data):
    """The text is in another alphabet, or in none."""
    kinds = (
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data.replace(b"\n", b"\r\n"),
        lambda: data.replace(b"\n", b"\r"),
        lambda: data.replace(b",", b";"),
        lambda: data.replace(b".", b","),
        lambda: data.decode("latin-1").encode("utf-16"),
        lambda: data[: len(data) // 2] + b"\xff\xfe\xed\xa0\x80" + data[len(data) // 2 :],
        lambda: data.upper(),
    )
    return rng.choice(kinds)()


def _whole(rng, data):
    """The file is another thing altogether."""
    kinds = (
        lambda: b"",
        lambda: b"\x00" * len(data),
        lambda: b"[" * 200_000,
        lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        lambda: rng.randbytes(len(data)),
        lambda: data + b"x" * LONG,
        lambda: data.replace(b",", b"," + b"y" * 200_000, 1),
        lambda: b"<<<<<<< HEAD\n" + data + b"=======\n" + data + b">>>>>>> other\n",
        lambda: b"version 1\noid sha256:0\nsize 12\n",
        lambda: b"null",
        lambda: b"PK\x05\x06" + bytes(18),
    )
    return rng.choice(kinds)()


CHANGES = {
    "a bit flipped": _flip,
    "bytes deleted": _delete,
    "bytes inserted": _insert,
    "bytes twice": _duplicate,
    "blocks swapped": _swap,
    "a block zeroed": _zero,
    "something appended": _append,
    "a line lost or moved": _line,
    "a number replaced": _number,
    "other letters": _letters,
    "another file": _whole,
}
