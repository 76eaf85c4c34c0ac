"""The GPU that TensorFlow finds, configured so that it trains as a CPU does.

Standard library only. The module uses TensorFlow if the process has imported it, and never imports
it. Without a GPU it sets nothing, so that results from a CPU cannot depend on it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# Device files of the drivers on Linux, and on Linux under Windows.
NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
TOOL = "nvidia-smi"
SECONDS = 20
SETTINGS = {
    # Otherwise the first operation takes all memory for the life of the process.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # Otherwise the driver's tool numbers GPUs in another order than TensorFlow.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}


def settle_environment() -> None:
    """Sets the environment variables that TensorFlow reads when it is imported.

    They are set only where a GPU may be found, and only if the user has not set them.
    """
    if may_be_found():
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)


def may_be_found() -> bool:
    """Returns whether this machine seems to have a GPU."""
    return any(map(os.path.exists, NODES)) or shutil.which(TOOL) is not None


def prepare() -> None:
    """Configures the GPU before TensorFlow's first operation; does nothing without a GPU.

    Memory is allocated as needed. Matrix products use float32 throughout: TensorFloat-32 keeps
    ten bits of a factor, too few to train as `fit` does on a CPU. Operations are deterministic,
    including those that XLA compiles, so that a seed trained twice gives the same bits.
    """
    if not gpus():
        return
    config = _tensorflow().config
    # Once TensorFlow runs this cannot be set; the environment variable has set it.
    with contextlib.suppress(RuntimeError):
        for gpu in gpus():
            config.experimental.set_memory_growth(gpu, True)
    config.experimental.enable_tensor_float_32_execution(False)
    config.experimental.enable_op_determinism()
    free_memory()


def _tensorflow() -> Any:
    """Returns TensorFlow if this process has imported it, else `None`."""
    return sys.modules.get("tensorflow")


def gpus() -> list[Any]:
    """Returns the GPUs that TensorFlow sees; none if it is not imported."""
    config = getattr(_tensorflow(), "config", None)
    return [] if config is None else config.get_visible_devices("GPU")


def name() -> str:
    """Returns the name of the first GPU, or `""` without a GPU."""
    found = gpus()
    if not found:
        return ""
    details = _tensorflow().config.experimental.get_device_details(found[0])
    return details.get("device_name") or "a GPU without a name"


def free_memory() -> int:
    """Returns the bytes free on the GPU at the first call, or 0 if they are unknown.

    TensorFlow reports only its own use, and keeps memory that it has allocated, which the
    driver counts as used. So the driver is queried once, before anything is trained.
    """
    if not gpus():
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return _reported_by_driver(visible[0].strip() or "0")


@functools.cache
def _reported_by_driver(place):
    query = ["--query-gpu=memory.free", "--format=csv,noheader,nounits", f"--id={place}"]
    try:
        reported = subprocess.run(
            [TOOL, *query], capture_output=True, text=True, timeout=SECONDS, check=True
        )
        return int(reported.stdout.split()[0]) * 2**20
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return 0


def on_cpu() -> AbstractContextManager[Any]:
    """Returns a context whose operations run on the CPU even if there is a GPU.

    Initial weights are drawn in it, so that they are the same to the bit on any machine.
    """
    return _tensorflow().device("CPU:0") if gpus() else contextlib.nullcontext()


def description(width: int, block: int | None = None) -> str:
    """Returns a text that names the GPU and the seeds trained at once; `""` for a CPU.

    Args:
        width: Seeds trained at once.
        block: The `block_width` of the case, if it has one.
    """
    if not gpus():
        return ""
    if block is None:
        return f"trained on {name()}, {width:,} seeds at a time"
    num_blocks = -(-width // block)
    blocks = f"{num_blocks:,} block" + "s" * (num_blocks > 1)
    return f"trained on {name()}, {blocks} of {block} seeds at a time"
