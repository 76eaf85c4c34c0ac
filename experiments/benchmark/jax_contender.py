"""The same training written by hand in JAX: `vmap` over seeds, `scan` over steps.

This is the only module that imports JAX, and only the benchmark runs it. Forward pass, loss and
both optimizers are plain formulas; the process imports neither Keras nor TensorFlow.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import itertools
import time
from typing import TYPE_CHECKING, Any

from experiments.cases.errors import SuiteError
from experiments.training.engine import Chunk
from experiments.training.streams import Batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np

    from experiments.benchmark.contenders import Start
    from experiments.benchmark.workers import Job

# Widths of blocks besides all seeds at once, unrolled steps, most threads.
PLAIN = (128,), (1,), 1
TUNED = (8, 32, 128), (1, 4), 2
TRIAL_SECONDS = 0.3


def check_jax() -> None:
    """Makes sure that JAX is installed; does not import it.

    Raises:
        SuiteError: It is not installed.
    """
    if importlib.util.find_spec("jax") is None:
        raise SuiteError("the benchmark needs JAX; install it with: pip install -e '.[benchmark]'")


def load_jax() -> Any:
    """Imports and returns JAX; see `check_jax`."""
    check_jax()
    import jax

    return jax


def activate(name: str, x: Any) -> Any:
    """Applies the activation with a Keras name to an array."""
    import jax

    known = {"linear": lambda x: x, "relu": jax.nn.relu, "tanh": jax.numpy.tanh}
    return (known | {"sigmoid": jax.nn.sigmoid})[name](x)


def forward(weights: Sequence[Any], x: Any, activations: Sequence[str]) -> Any:
    """Returns the outputs of the network of one seed.

    Args:
        weights: Kernel and bias of each layer in turn.
        x: Array `(batch_size, num_inputs)`.
        activations: The name of each layer's activation.
    """
    for place, name in enumerate(activations):
        x = activate(name, x @ weights[2 * place] + weights[2 * place + 1])
    return x


def losses(name: str, y: Any, outputs: Any) -> Any:
    """Returns the loss `mse` or `hinge` (labels -1 and +1) of each sample."""
    import jax.numpy as jnp

    parts = {"mse": lambda: (outputs - y) ** 2, "hinge": lambda: jnp.maximum(1 - y * outputs, 0)}
    return jnp.mean(parts[name](), axis=-1)


def sgd(
    weights: Sequence[Any],
    slots: Any,
    step: Any,
    gradients: Sequence[Any],
    settings: Mapping[str, float],
) -> tuple[list[Any], Any]:
    """Returns weights and slots after one update of plain stochastic gradient descent."""
    pairs = zip(weights, gradients, strict=True)
    return [w - settings["learning_rate"] * g for w, g in pairs], slots


def adam(
    weights: Sequence[Any],
    slots: Any,
    step: Any,
    gradients: Sequence[Any],
    settings: Mapping[str, float],
) -> tuple[list[Any], Any]:
    """Returns weights and slots after one update of Adam.

    As in Keras, epsilon is added to the root of the uncorrected second moment.
    """
    import jax.numpy as jnp

    one, two = settings["beta_1"], settings["beta_2"]
    rate = settings["learning_rate"] * jnp.sqrt(1 - two**step) / (1 - one**step)
    means = [m + (g - m) * (1 - one) for m, g in zip(slots[0], gradients, strict=True)]
    squares = [v + (g * g - v) * (1 - two) for v, g in zip(slots[1], gradients, strict=True)]
    moved = [
        w - rate * m / (jnp.sqrt(v) + settings["epsilon"])
        for w, m, v in zip(weights, means, squares, strict=True)
    ]
    return moved, (means, squares)


OPTIMIZERS = {"SGD": sgd, "Adam": adam}


def make_pass(program: Mapping[str, Any], unroll: int = 1) -> Callable[..., Any]:
    """Returns the compiled function that trains a block of seeds on one pass of batches.

    Args:
        program: Dict of `activations`, `loss`, `optimizer` and `settings`.
        unroll: Steps in one iteration of the loop.

    Returns:
        Function `(state, x, y, share) -> (state, losses)`; the state is donated.
    """
    import jax

    update = OPTIMIZERS[program["optimizer"]]

    def batch_loss(weights, x, y, share):
        outputs = forward(weights, x, program["activations"])
        return (losses(program["loss"], y, outputs) * share).sum()

    def step(state, batch):
        weights, slots, number = state
        loss, gradients = jax.value_and_grad(batch_loss)(weights, *batch)
        moved = update(weights, slots, number + 1.0, gradients, program["settings"])
        return (*moved, number + 1.0), loss

    def one_seed(state, x, y, share):
        return jax.lax.scan(step, state, (x, y, share), unroll=unroll)

    state = (0, 0, None)  # All seeds are at the same step.
    stacked = jax.vmap(one_seed, in_axes=(state, 1, 1, None), out_axes=(state, 1))
    return jax.jit(stacked, donate_argnums=0)


class Jax:
    """The JAX loop as a contender, in the fastest of its forms.

    A form is the width of a block, the unrolled steps of the loop, and the number of Python
    threads, one or two. Each is tried before anything is timed. The plain forms are all seeds
    at once and blocks of about 128; the others need more than `vmap` and `scan`.

    Args:
        job: The training to time.
        tuned: Whether forms other than the plain ones are tried too.
    """

    # Width, unrolled steps and threads, set by `prepare`.
    form: tuple[int, int, int]

    def __init__(self, job: Job, tuned: bool = False):
        self._job, self._jax = job, load_jax()
        self._limits = TUNED if tuned else PLAIN

    def prepare(self, start: Start) -> tuple[float, int]:
        """Compiles all forms, and chooses the fastest.

        Args:
            start: `(program, weights)` as `Engine.start` returns them.

        Returns:
            `(seconds, updates)` of compilation and first pass of the chosen form.
        """
        self._program, self._weights = start
        firsts, tried = {}, {}
        widths, unrolls, most_workers = self._limits
        widths = even_widths(self._job.num_seeds, widths)
        for width, unroll in itertools.product(widths, unrolls):
            self._train_pass = make_pass(self._program, unroll)
            begin = time.perf_counter()
            self._train_block(self._block(0, width), 1)
            first = time.perf_counter() - begin
            for workers in range(1, min(most_workers, self._job.num_seeds // width) + 1):
                form = (width, unroll, workers)
                firsts[form] = (first, width * self._job.steps_per_pass)
                tried[form] = self._trial(form), self._train_pass
        self.form = min(tried, key=lambda form: tried[form][0])
        self._train_pass = tried[self.form][1]
        return firsts[self.form]

    def _trial(self, form):
        """Returns the seconds of a pass, over enough passes to tell forms apart."""
        one = self.run(1, form)
        passes = min(self._job.passes, int(TRIAL_SECONDS / one) + 1)
        return min(self.run(passes, form) / passes for _ in range(2))

    def describe(self) -> str:
        """Returns the chosen form as text."""
        width, unroll, workers = self.form
        return f"{width} at once, unroll {unroll}, {workers} Python thread{'s' * (workers > 1)}"

    def run(self, passes: int | None = None, form: tuple[int, int, int] | None = None) -> float:
        """Trains all seeds from their initial weights; returns seconds."""
        width, _, workers = form or self.form
        passes = passes or self._job.passes
        blocks = [self._block(first, width) for first in range(0, self._job.num_seeds, width)]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            begin = time.perf_counter()
            list(pool.map(lambda block: self._train_block(block, passes), blocks))
            return time.perf_counter() - begin

    def weights(self, passes: int) -> list[np.ndarray]:
        """Returns the stacked weights of the first block after a number of passes."""
        trained, *_ = self._train_block(self._block(0, self.form[0]), passes)
        return [self._jax.device_get(values) for values in trained]

    def _block(self, first, width):
        """Returns the streams of some seeds, and their state on the device."""
        job, put = self._job, self._jax.numpy.array
        seeds = range(first, first + width)
        weights = [put(values[first : first + width]) for values in self._weights]
        slots = ([], [])
        if self._program["optimizer"] == "Adam":
            slots = [[0 * values for values in weights] for _ in range(2)]
        state = weights, tuple(slots), put(0.0)
        self._jax.block_until_ready(state)
        return [Batches(job.case, job.setup, seed) for seed in seeds], state

    def _train_block(self, block, passes):
        streams, state = block
        for _ in range(passes):
            # JAX is asynchronous: the next pass is drawn while it computes.
            chunk = Chunk(streams, [[] for _ in streams], self._job.setup.batch_size)
            state, _ = self._train_pass(state, chunk.x, chunk.y, chunk.share[:, 0])
        return self._jax.block_until_ready(state)


def even_widths(num_seeds: int, widths: Iterable[int]) -> list[int]:
    """Returns the number of seeds, and widths that divide it evenly.

    Args:
        num_seeds: Integer of at least 1.
        widths: Upper bounds; for each of them the largest divisor within it is returned.
    """
    even = [n for n in range(1, num_seeds + 1) if num_seeds % n == 0]
    return sorted({max(n for n in even if n <= width) for width in (*widths, num_seeds)})
