"""`python -m cli`: what people do with a service from the command line."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from cli import doctor, keys, loops, simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = ArgumentParser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser(
        "simulate",
        help="play customers against a running service and draw how it learns",
        description=simulate.__doc__,
    )
    simulate.add_arguments(command)
    command.set_defaults(run=simulate.run)
    command = commands.add_parser(
        "loops", help="make, list and remove learning loops", description=loops.__doc__
    )
    loops.add_arguments(command)
    command = commands.add_parser(
        "keys", help="show and rotate the keys of a loop", description=keys.__doc__
    )
    keys.add_arguments(command)
    command = commands.add_parser(
        "doctor",
        help="say what is wrong with a loop, and what to do about it",
        description=doctor.__doc__,
    )
    doctor.add_arguments(command)
    command.set_defaults(run=doctor.run)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
