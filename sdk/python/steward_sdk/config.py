"""The configuration of the deployed function. A key must be declared in `steward.toml`, where it can have a default."""

from collections.abc import Callable
from typing import Optional, TypeVar

from componentize_py_types import Err
from wit_world.imports import steward_config_config_0_1_0 as wit

from .errors import PluginError

T = TypeVar("T")


def get(key: str) -> Optional[str]:
    """The value of a key: what the deployment sets, else the default of the manifest, else None."""
    try:
        return wit.get(key)
    except Err as error:
        if isinstance(error.value, wit.Error_Undeclared):
            message = f"`{key}`: steward.toml does not declare it; add `[config.{key}]`"
            raise PluginError("invalid-config", message) from None
        raise PluginError("other", str(error.value.value)) from None


def integer(key: str, otherwise: int) -> int:
    """A key that holds a whole number, not below zero."""
    return _parsed(key, otherwise, "a whole number", _integer)


def number(key: str, otherwise: float) -> float:
    """A key that holds a number."""
    return _parsed(key, otherwise, "a number", float)


def boolean(key: str, otherwise: bool) -> bool:
    """A key that holds `true` or `false`."""
    return _parsed(key, otherwise, "`true` or `false`", {"true": True, "false": False}.__getitem__)


def _integer(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(value)
    return int(value)


def _parsed(key: str, otherwise: T, kind: str, read: Callable[[str], T]) -> T:
    value = get(key)
    if value is None:
        return otherwise
    try:
        return read(value.strip())
    except (ValueError, KeyError):
        raise PluginError("invalid-config", f"`{key} = {value}`: not {kind}") from None
