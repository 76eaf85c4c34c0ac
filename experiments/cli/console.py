"""Prints messages and tables, shows progress and ends the process.

It knows no case and no file.
"""

from __future__ import annotations

import contextlib
import functools
import shlex
import signal
import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from experiments.cases.errors import SuiteError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from rich.progress import Progress
    from rich.table import Table


class Interrupted(Exception):
    """The command was interrupted; Typer would drop the text of a `KeyboardInterrupt`."""


class Terminated(KeyboardInterrupt):
    """The process received SIGTERM."""


def exit_with(app: typer.Typer, arguments: Sequence[str] | None) -> NoReturn:
    """Runs a command and exits; a user's error becomes one line and an exit code.

    Args:
        app: The Typer application.
        arguments: The arguments after the command; those of the process if `None`.
    """
    for registered in app.registered_commands:
        registered.callback = _held(registered.callback)
    command = typer.main.get_command(app)
    try:
        with _noted_termination() as received:
            code = command.main(args=arguments, standalone_mode=False)
        if code == 130:
            # Before the command began: Typer handles the interruption and prints nothing.
            code = _stopped(Terminated() if received else KeyboardInterrupt())
    except SuiteError as error:
        code = _complain(error, 1)
    except Interrupted as error:
        code = _stopped(error.__cause__)
    except Exception as error:
        # An error of Typer's own; its class has moved between versions.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        code = _complain(message(), getattr(error, "exit_code", 1))
    sys.exit(code or 0)


@contextlib.contextmanager
def _noted_termination():
    """Turns SIGTERM into `Terminated` while the block runs; yields the list of those received."""
    received = []

    def end(*_):
        received.append(True)
        raise Terminated

    before = None
    with contextlib.suppress(ValueError):
        # Only the main thread may set signal handlers.
        before = signal.signal(signal.SIGTERM, end)
    try:
        yield received
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def _held(callback):
    @functools.wraps(callback)
    def held(*args, **options):
        try:
            return callback(*args, **options)
        except KeyboardInterrupt as error:
            raise Interrupted from error

    return held


def _stopped(error):
    """Prints what is kept and how to resume; returns the exit code of the signal."""
    words = str(error) or "stopped; what is finished is kept"
    _complain(f"{words}; go on with: {_command()}", 0)
    return 143 if Terminated in (type(error), type(error.__cause__)) else 130


def _command():
    """Returns the command that this process runs, as a user would type it."""
    words = list(sys.orig_argv[1:]) if sys.orig_argv else []
    return shlex.join(["python", *words])


def _complain(message, code):
    print(f"Error: {one_line(message)}", file=sys.stderr)
    return code


def print_note(words: str) -> None:
    """Prints a note to standard error."""
    print(words, file=sys.stderr, flush=True)


def rich_table(table: pd.DataFrame, title: str) -> Table:
    """Returns a table of text as a Rich table."""
    from rich.table import Table

    drawn = Table(*table.columns, title=title, title_justify="left")
    for row in table.to_numpy():
        drawn.add_row(*(str(cell) for cell in row))
    return drawn


@contextlib.contextmanager
def quiet_softmax() -> Iterator[None]:
    """Suppresses Keras's warning about a softmax over one unit."""
    # One softmax unit is the subject of a case; Keras warns of it at every trace.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        yield


@contextlib.contextmanager
def progress(wanted: bool) -> Iterator[Any]:
    """Yields a progress display: a bar for each run, or one that shows nothing.

    Args:
        wanted: Whether bars are shown.
    """
    from experiments.runs.blocks import SilentProgress

    if not wanted:
        yield SilentProgress()
        return
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TaskProgressColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, refresh_per_second=4) as bars:
        yield Bars(bars)


class Bars:
    """A progress bar for each run, in updates summed over seeds."""

    def __init__(self, bars: Progress) -> None:
        self._bars, self._tasks, self._last = bars, {}, None

    def start(self, name: str, total: int) -> None:
        """Adds a run's bar."""
        self._tasks[name] = self._last = self._bars.add_task(name, total=total)

    def advance(self, updates: int, name: str | None = None) -> None:
        """Advances the bar of a run, by default the last one."""
        self._bars.advance(self._tasks.get(name, self._last), updates)

    def log(self, words: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(words, markup=False)
