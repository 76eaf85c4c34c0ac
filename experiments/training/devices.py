"""Devices: a GPU where TensorFlow finds one, made ready to train as a CPU would.

Standard library only; asks the TensorFlow that is loaded, and loads none. Where there
is no GPU nothing is set, so that no bit of what a CPU trains can depend on this module.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys

# What the driver makes on Linux, and Windows for the Linux in it.
NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
TOOL = "nvidia-smi"
SECONDS = 20
SETTINGS = {
    # Else the first operation takes all memory, for as long as the process lives.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # Else the driver's tool counts GPUs in another order than TensorFlow.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}


def settle_environment():
    """Sets what has to stand in the environment before TensorFlow is imported.

    Only where a GPU may be found, and only what the user has not set.
    """
    if may_be_found():
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)


def may_be_found():
    """Returns whether this machine looks as if it had a GPU."""
    return any(map(os.path.exists, NODES)) or shutil.which(TOOL) is not None


def prepare():
    """Makes the GPU ready, before TensorFlow's first operation; without one does nothing.

    Memory is taken as it is needed. Products are taken in float32 throughout: TensorFloat-32
    keeps ten bits of a factor, too few to train as `fit` does on a CPU. Operations are
    deterministic, those that XLA compiles too, so that a seed trained twice gives the same bits.
    """
    if not gpus():
        return
    config = _tensorflow().config
    # TensorFlow that runs already keeps how it takes memory; the environment has asked it.
    with contextlib.suppress(RuntimeError):
        for gpu in gpus():
            config.experimental.set_memory_growth(gpu, True)
    config.experimental.enable_tensor_float_32_execution(False)
    config.experimental.enable_op_determinism()
    free_memory()


def _tensorflow():
    """Returns TensorFlow if this process has loaded it, else nothing."""
    return sys.modules.get("tensorflow")


def gpus():
    """Returns the GPUs that TensorFlow sees; none where it is not loaded."""
    config = getattr(_tensorflow(), "config", None)
    return [] if config is None else config.get_visible_devices("GPU")


def name():
    """Returns the name of the GPU that trains, `""` where a CPU does."""
    found = gpus()
    if not found:
        return ""
    details = _tensorflow().config.experimental.get_device_details(found[0])
    return details.get("device_name") or "a GPU without a name"


def free_memory():
    """Returns the bytes that were free on the GPU when first asked, 0 where nobody says.

    TensorFlow tells only what itself uses, and keeps what it has taken, which the driver
    then counts as used; so the driver is asked once, before anything is trained.
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


def on_cpu():
    """Returns a context whose operations run on the CPU, where a GPU would run them else.

    Initial weights are drawn there, so that they are to the bit those of any machine.
    """
    return _tensorflow().device("CPU:0") if gpus() else contextlib.nullcontext()


def description(width, block=None):
    """Returns on what is trained in words, `""` for a CPU.

    Args:
        width: Seeds trained at once.
        block: Seeds of one of the case's blocks, if it says.
    """
    if not gpus():
        return ""
    if block is None:
        return f"trained on {name()}, {width:,} seeds at a time"
    num_blocks = -(-width // block)
    blocks = f"{num_blocks:,} block" + "s" * (num_blocks > 1)
    return f"trained on {name()}, {blocks} of {block} seeds at a time"
