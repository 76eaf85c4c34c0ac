"""The suite's commands: `python -m reproductions`."""

from experiments.cli.app import suite

if __name__ == "__main__":
    suite()
