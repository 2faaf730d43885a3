"""Long computations in steps, so that whoever runs one can do something else in between.

A generator that yields after each step and returns the result.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

__all__ = ["Steps", "finish"]

Part = TypeVar("Part")
Result = TypeVar("Result")
Steps: TypeAlias = Generator[Part, None, Result]


def finish(steps: Steps[Part, Result]) -> Result:
    """All steps at once; what they return.

    Example:
        >>> def total(numbers):
        ...     for i in range(len(numbers)):
        ...         yield i
        ...     return sum(numbers)
        >>> finish(total([1, 2, 3]))
        6
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
