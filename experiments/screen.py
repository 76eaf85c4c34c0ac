"""The screen: what every command prints, how it shows progress, and how it ends.

Room 14: prints and exits; knows no case and no file.
"""

import contextlib
import sys
import warnings

import typer

from experiments.case import SuiteError


def exit_with(app, arguments):
    """Runs a command; what the user can mend becomes one line and an exit code."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except SuiteError as error:
        code = _complain(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("stopped; finished blocks are kept, run again to go on", 130)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        code = _complain(error.format_message(), error.exit_code)
    sys.exit(code or 0)


def _complain(message, code):
    print(f"Error: {' '.join(str(message).split())}", file=sys.stderr)
    return code


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
    from experiments.runner import Quiet

    if not wanted:
        yield Quiet()
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
        self._bars, self._task = bars, None

    def start(self, name, total):
        """Begins a run's bar."""
        self._task = self._bars.add_task(name, total=total)

    def advance(self, updates):
        """Moves the bar."""
        self._bars.advance(self._task, updates)
