"""Values: immutable records that are cheap to make.

A frozen dataclass refuses assignment at run time and pays for it at every construction: its
`__init__` goes through `object.__setattr__` once a field, four times the cost of a plain one. What
is made for every request is a `value` instead: the type checker refuses assignment, the interpreter
does not check it. What is made once (configuration, tables) stays a frozen dataclass.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(kind: type[T]) -> type[T]:
    """Make a class a slotted, comparable, hashable record; frozen to the type checker."""
    return dataclass(slots=True, unsafe_hash=True)(kind)
