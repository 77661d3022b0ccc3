"""The worlds that can be simulated: each module of this package holds one, under its name."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import iter_modules

from cli.world import World


def names() -> list[str]:
    """Names of all worlds, sorted.

    >>> names()
    ['coffee', 'news', 'shop']
    """
    return sorted(module.name for module in iter_modules(__path__))


def load(name: str) -> type[World]:
    """The world of a name that ``names`` gives.

    >>> load("coffee").__name__
    'Coffee'
    """
    module = import_module(f"{__name__}.{name}")
    [world] = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, World)
        and member.__module__ == module.__name__
    ]
    return world
