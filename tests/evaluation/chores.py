"""What children of the tests do: the folder that they are given says which of it."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path

from evaluation.child import tell

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    chore = (folder / "chore").read_text()
    if chore == "report":
        print("none of it a number")
        for share in (0.25, 0.5, 7.0):
            tell(share)
        (folder / "nice").write_text(str(os.nice(0)))
    elif chore == "fail":
        raise ValueError("the milk is sour")
    elif chore == "crash":
        ctypes.string_at(0)
    elif chore == "chatter":
        for _ in range(20_000):
            print("x" * 100, file=sys.stderr)
            print("y" * 100)
        sys.exit("the last word")
    elif chore == "hang":
        import fcntl

        with (folder / "alive").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            (folder / "began").touch()
            threading.Event().wait()
