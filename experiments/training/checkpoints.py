"""Training checkpoints as bytes, so that training can be resumed later.

NumPy and the standard library; the module knows arrays and JSON values, and no trainer. A
checkpoint is an .npz file without compression and without pickles. It holds each array, and the
other values as JSON. The comment of the archive names the format and a checksum of all bytes
before it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.cases.setups import Setup
    from experiments.training.streams import Batches, DropoutMasks

    Masks = Sequence[tuple[DropoutMasks, int]]

# Arrays by name, and values that JSON holds exactly.
State = tuple[dict[str, np.ndarray], dict[str, Any]]

FORMAT = 1
FACTS = "facts"
SUFFIX = ".npy"
# Booleans, whole numbers, floating point: nothing that would need a pickle.
KINDS = "biuf"
NUM_DIGITS = 8
SEAL = re.compile(rb"saved state of format (\d{1,9}), checksum $")


class CheckpointError(ValueError):
    """A saved state is damaged, or belongs to another run."""


def pack(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> bytes:
    """Returns a state as bytes; equal states give equal bytes.

    Args:
        arrays: `{name: array}` of numbers or booleans. The name `facts` is reserved.
        facts: A dict that JSON holds exactly: strings, integers of any size, lists.

    Raises:
        ValueError: An array or a fact has another type.
    """
    text = json.dumps(facts, allow_nan=False)
    if json.loads(text) != facts or FACTS in arrays:
        raise ValueError(f"Facts must be what JSON gives back. Received: {facts}")
    held = arrays | {FACTS: np.frombuffer(text.encode(), np.uint8)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in held.items():
            archive.writestr(zipfile.ZipInfo(name + SUFFIX), _as_bytes(array))
        archive.comment = b"saved state of format %d, checksum " % FORMAT + NUM_DIGITS * b"0"
    body = buffer.getvalue()[:-NUM_DIGITS]
    return body + _checksum(body)


def unpack(data: bytes) -> State:
    """Returns the state that `pack` turned into bytes.

    Nothing is decompressed, and no array is larger than `data`.

    Args:
        data: Bytes, which need not be trusted.

    Returns:
        `(arrays, facts)`.

    Raises:
        CheckpointError: The bytes are damaged, incomplete, or no state of this format.
    """
    body, seal = data[:-NUM_DIGITS], SEAL.search(data[-100:-NUM_DIGITS])
    if not seal:
        raise CheckpointError("These bytes are no saved state, or their end is missing.")
    if int(seal[1]) != FORMAT:
        raise CheckpointError(
            f"The saved state is of another format. Received: {int(seal[1])}, expected {FORMAT}"
        )
    if _checksum(body) != data[-NUM_DIGITS:]:
        raise CheckpointError("The saved state is damaged: its checksum does not fit.")
    try:
        return _read(data)
    except Exception as error:
        # What is forged can make zipfile, NumPy and JSON raise nearly anything.
        raise CheckpointError(
            f"The saved state cannot be read. Received: {type(error).__name__}: {error}"
        ) from None


def _checksum(body):
    return b"%08x" % zlib.crc32(body)


def _as_bytes(array):
    array = np.asarray(array, order="C")
    if array.dtype.kind not in KINDS:
        raise ValueError(f"A state holds arrays of numbers. Received: {array.dtype}")
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _read(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        _check_directory(members, len(data))
        arrays = {m.filename.removesuffix(SUFFIX): _as_array(archive.read(m)) for m in members}
    facts = json.loads(arrays.pop(FACTS).tobytes())
    if not isinstance(facts, dict):
        raise ValueError(f"facts are a {type(facts).__name__}")
    return arrays, facts


def _check_directory(members, num_bytes):
    """Refuses members that would grow on reading, before any is read."""
    names = [member.filename for member in members]
    if len(set(names)) < len(names) or not all(name.endswith(SUFFIX) for name in names):
        raise ValueError(f"members {names}")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("a compressed member")
    if sum(member.file_size for member in members) > num_bytes:
        raise ValueError("members larger than the whole")


def _as_array(data):
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of NumPy's format")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if is_fortran or dtype.kind not in KINDS:
        raise ValueError(f"an array of {dtype}")
    # The length of the data bounds the array, whatever shape its header claims.
    return np.frombuffer(data[stream.tell() :], dtype).reshape(shape).copy()


def named(kind: str, arrays: Sequence[Any]) -> dict[str, np.ndarray]:
    """Returns a list of arrays as `{"<kind> <place>": array}`."""
    return {f"{kind} {place}": np.asarray(array) for place, array in enumerate(arrays)}


def taken(
    kind: str, arrays: Mapping[str, np.ndarray], like: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Returns the list of arrays that `named` stored under a kind.

    Args:
        kind: The `kind` that `named` received.
        arrays: `{name: array}` of a state.
        like: Arrays of the expected shapes and types.

    Raises:
        CheckpointError: An array is missing, or has another shape or type.
    """
    for name, now in named(kind, like).items():
        saved = arrays.get(name, np.zeros(0, bool))
        if (saved.shape, saved.dtype) != (now.shape, now.dtype):
            raise CheckpointError(
                f"The saved state does not fit what is trained. Received: {name} of shape "
                f"{saved.shape} in {saved.dtype}, expected {now.shape} in {now.dtype}"
            )
    return [arrays[name] for name in named(kind, like)]


def identity(
    trainer: str, setup: Setup, seeds: Sequence[int], checkpoints: Sequence[int]
) -> dict[str, Any]:
    """Returns the facts that identify a run: trainer, setup, seeds and length."""
    return {
        "trainer": trainer,
        "setup": setup.to_json(),
        "seeds": [int(seed) for seed in seeds],
        "updates in all": int(checkpoints[-1]),
    }


def saved_step(facts: Mapping[str, Any], expected: Mapping[str, Any], steps_per_pass: int) -> int:
    """Returns the number of updates after which a state was saved.

    Args:
        facts: The facts of the state.
        expected: The `identity` of the present run.
        steps_per_pass: Updates in a pass. States are saved between passes only.

    Raises:
        CheckpointError: The state belongs to another run, or was not saved between passes.
    """
    for name, value in expected.items():
        if facts.get(name) != value:
            raise CheckpointError(
                f"The saved state is of another run: its {name} is another. "
                f"Received: {facts.get(name)!r}, expected {value!r}"
            )
    step, stop = facts.get("step"), expected["updates in all"]
    if type(step) is not int or not 0 < step < stop or step % steps_per_pass:
        raise CheckpointError(
            f"A state is saved between passes of {steps_per_pass} updates, before update "
            f"{stop}. Received: {step!r}"
        )
    return step


def draws(streams: Sequence[Batches], masks: Sequence[Masks]) -> dict[str, Any]:
    """Returns the states of the random generators of some seeds, as facts.

    Args:
        streams: One `streams.Batches` for each seed.
        masks: The result of `networks.dropout_masks` for each seed.
    """
    return {
        "batches": [stream.state() for stream in streams],
        "masks": [[mask.state() for mask, _ in layers] for layers in masks],
    }


def restore_draws(
    facts: Mapping[str, Any], streams: Sequence[Batches], masks: Sequence[Masks]
) -> None:
    """Sets the random generators of some seeds to the states that `draws` returned.

    Raises:
        CheckpointError: The facts hold no such generator states.
    """
    try:
        for stream, state in zip(streams, facts["batches"], strict=True):
            stream.restore(state)
        for layers, states in zip(masks, facts["masks"], strict=True):
            for (mask, _), state in zip(layers, states, strict=True):
                mask.restore(state)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"The saved state holds no such draws. Received: {error}") from None
