"""The suite's commands: `python -m reproductions`."""

from experiments.cli import suite

if __name__ == "__main__":
    suite()
