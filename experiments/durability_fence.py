"""A fence: what this process writes, removes and starts is heard, and stays inside.

Room 1: standard library only. Python tells its audit hook of each file that is opened,
moved or removed, before that is done; so nothing needs to be searched for afterwards.
"""

import functools
import os
import pathlib
import sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Event to the places of its paths among what is told of it.
CHANGES = {
    "os.mkdir": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.utime": (0,),
}
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
# What Python itself keeps beside the code, and the screen.
HARMLESS = ("__pycache__", os.devnull)
_standing = []


class Fence:
    """While it stands, nothing may be written but below some folders, and nothing started.

    Args:
        *folders: Paths of the folders.

    Attributes:
        crossed: What was tried all the same, in words; each try got a `PermissionError`.
    """

    def __init__(self, *folders):
        self.folders, self.crossed = [os.path.realpath(folder) for folder in folders], []

    def __enter__(self):
        _listen()
        _standing.append(self)
        return self

    def __exit__(self, *_):
        _standing.remove(self)

    def hear(self, event, told):
        """Takes one event, and refuses what leads outside."""
        if event in STARTS:
            self._refuse(f"{event} {told[0]}")
        for path in _changed(event, told):
            place = os.path.realpath(path)
            inside = any(pathlib.Path(place).is_relative_to(one) for one in self.folders)
            if not inside and not any(word in place for word in HARMLESS):
                self._refuse(f"{event} {place!r}")

    def _refuse(self, words):
        self.crossed.append(words)
        raise PermissionError(13, "outside the fence")


def _changed(event, told):
    """The paths that an event changes."""
    if event == "open" and isinstance(told[2], int) and told[2] & WRITING:
        found = told[:1]
    else:
        found = [told[place] for place in CHANGES.get(event, ())]
    # A number is a file that is open already.
    return [os.fsdecode(path) for path in found if isinstance(path, (str, bytes, os.PathLike))]


def _hook(event, told):
    for fence in _standing:
        fence.hear(event, told)


@functools.cache
def _listen():
    """Adds the hook once: Python never takes one away again."""
    sys.addaudithook(_hook)
