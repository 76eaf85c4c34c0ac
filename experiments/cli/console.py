"""The screen: what every command prints, how it shows progress, and how it ends.

Prints and exits; knows no case and no file.
"""

import contextlib
import functools
import shlex
import signal
import sys
import warnings

import typer

from experiments.cases.errors import SuiteError, one_line


class Interrupted(Exception):
    """Ctrl-C or a request to end, kept from Typer, which would drop its words."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end."""


def exit_with(app, arguments):
    """Runs a command; what the user can mend becomes one line and an exit code."""
    for registered in app.registered_commands:
        registered.callback = _held(registered.callback)
    command = typer.main.get_command(app)
    try:
        with _noted_termination() as received:
            code = command.main(args=arguments, standalone_mode=False)
        if code == 130:
            # Before the command began: Typer takes the interruption, and says nothing.
            code = _stopped(Terminated() if received else KeyboardInterrupt())
    except SuiteError as error:
        code = _complain(error, 1)
    except Interrupted as error:
        code = _stopped(error.__cause__)
    except Exception as error:
        # What Typer says of its own; its class has changed place between versions.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        code = _complain(message(), getattr(error, "exit_code", 1))
    sys.exit(code or 0)


@contextlib.contextmanager
def _noted_termination():
    """Lets a request to end be heard while the block runs; yields a list of those."""
    received = []

    def end(*_):
        received.append(True)
        raise Terminated

    before = None
    with contextlib.suppress(ValueError):
        # Outside the main thread signals are somebody else's.
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
    """Says what is kept and how to go on; returns the exit code of the signal."""
    words = str(error) or "stopped; what is finished is kept"
    _complain(f"{words}; go on with: {_command()}", 0)
    return 143 if Terminated in (type(error), type(error.__cause__)) else 130


def _command():
    """Returns the command that this process runs, as a person would write it again."""
    words = list(sys.orig_argv[1:]) if sys.orig_argv else []
    return shlex.join(["python", *words])


def _complain(message, code):
    print(f"Error: {one_line(message)}", file=sys.stderr)
    return code


def print_note(words):
    """Says something on the way, beside what a command is asked for."""
    print(words, file=sys.stderr, flush=True)


def rich_table(table, title):
    """Returns a table of text as Rich draws it."""
    from rich.table import Table

    drawn = Table(*table.columns, title=title, title_justify="left")
    for row in table.to_numpy():
        drawn.add_row(*(str(cell) for cell in row))
    return drawn


@contextlib.contextmanager
def quiet_softmax():
    """Holds back Keras's warning of a softmax over one unit."""
    # One softmax unit is what a case is about; Keras warns of it at every trace.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using a softmax over axis")
        yield


@contextlib.contextmanager
def progress(wanted):
    """Shows a bar for each run, or nothing.

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

    def __init__(self, bars):
        self._bars, self._tasks, self._last = bars, {}, None

    def start(self, name, total):
        """Begins a run's bar."""
        self._tasks[name] = self._last = self._bars.add_task(name, total=total)

    def advance(self, updates, name=None):
        """Moves the bar of a run, or the last."""
        self._bars.advance(self._tasks.get(name, self._last), updates)

    def log(self, words):
        """Prints a line above the bars."""
        self._bars.console.print(words, markup=False)
