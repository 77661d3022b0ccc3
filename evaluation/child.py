"""``python -m evaluation.child module folder seconds``: runs a module, and ends with its parent."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

NICENESS = 10
"""How much less of the processor than the service, in the units of ``nice``."""

_ORPHANED = 3
_MARGIN_SECONDS = 5


def tell(share: float) -> None:
    """Tell the parent how much of the work is done, from 0 to 1."""
    print(f"{share:.4f}", flush=True)


def main() -> None:
    """Run the module that the arguments name, as if it had been started by itself."""
    _, module, folder, seconds = sys.argv
    # Ctrl-C, and whoever ends a service, may reach all of its processes: when to stop is for the
    # parent to say, which would take a child that is gone for one that has failed. A session of its
    # own would keep signals away as well, and cost it its niceness: Linux weighs by sessions first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(NICENESS)
        # Native code that hangs lets no thread of Python's look at anything: the kernel ends it.
        signal.alarm(int(float(seconds)) + _MARGIN_SECONDS)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    sys.argv = [module, folder]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    # Past Python's own buffers, which a thread must not hold when the process ends.
    while os.read(0, 1):
        pass
    os._exit(_ORPHANED)


if __name__ == "__main__":
    main()
