"""JSON to the data classes of answers."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members that were given."""
    return {name: value for name, value in body.items() if value is not None}


def decode(kind: type[T], value: Any) -> T:
    """An instance of a data class. Members that it does not have are left out: a newer region may send some.

    Raises ValueError if a member is missing.
    """
    return typing.cast(T, _decoder(typing.cast(Any, kind))(value))


@functools.cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    if dataclasses.is_dataclass(kind):
        make: Any = kind
        hints = typing.get_type_hints(kind)
        fields = {field.name.rstrip("_"): field.name for field in dataclasses.fields(kind)}

        def read(value: Any) -> Any:
            if not isinstance(value, dict):
                raise ValueError(f"a {make.__name__} is an object")
            members = {name: _decoder(hints[name])(value[key]) for key, name in fields.items() if key in value}
            try:
                return make(**members)
            except TypeError as error:
                raise ValueError(str(error)) from None

        return read
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType or origin is typing.Union:
        (inner,) = [argument for argument in arguments if argument is not types.NoneType]
        return lambda value: None if value is None else _decoder(inner)(value)
    if origin is list:
        return lambda value: [_decoder(arguments[0])(item) for item in value]
    if origin is dict:
        return lambda value: {name: _decoder(arguments[1])(item) for name, item in value.items()}
    return lambda value: value
