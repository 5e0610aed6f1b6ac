"""Plain data out of pickle files, such as CIFAR's batches, without running them.

A pickle is a program. Here it is never run: its instructions are read one by one, those that only hold numbers, text,
lists, dictionaries and numpy arrays are understood, and every other one is refused by name. What is read takes memory
and time in proportion to the file: docs/adr/0016-libraries-not-taken.md has what the standard library's reader takes.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelaudit.core.errors import DataError

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_KINDS = "biuf"  # of arrays: whole numbers, numbers and truth values; never Python objects


class _Name(NamedTuple):
    """What a pickle calls by name; only looked at, never called."""

    module: str
    name: str


class _Array:
    """An array whose content the pickle tells later."""

    value: NDArray[Any] | None = None


class _Type:
    """A numpy type, whose byte order the pickle tells later."""

    def __init__(self, code: str) -> None:
        self.value = np.dtype(code)


def read_plain_pickle(path: Path) -> Any:
    """Return the plain data of a pickle file: text keys, numbers, lists, tuples, dictionaries, numpy arrays.

    Raises:
        DataError: the file is damaged, or holds anything that would have to be called.
    """
    try:
        with path.open("rb") as file:
            return _read(pickletools.genops(file))
    except _Refused as error:
        raise DataError(
            f"{path} cannot be read without running code in it: it asks for {error}.",
            hint="Where you trust it, convert it: load it with pickle, and write plain arrays with numpy.savez.",
        ) from error
    except RecursionError as error:
        raise DataError(f"{path} cannot be read: its lists are nested too deeply.") from error
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError) as error:
        raise DataError(f"{path} is no pickle file, or damaged: {error}.", hint="Fetch it again.") from error


class _Refused(Exception):  # noqa: N818  (becomes a DataError)
    """Something that is not plain data."""


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "MARK": _MARK}
_NEW: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_VALUES = {
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _read(operations: Any) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for operation, argument, _ in operations:
        code = operation.name
        if code in _VALUES:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _NEW:
            stack.append(_NEW[code]())
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif code == "STOP":
            return _plain(stack.pop(), {})
        elif code not in ("PROTO", "FRAME"):
            _build(code, argument, stack)
    raise ValueError("it ends too early")


def _build(code: str, argument: Any, stack: list[Any]) -> None:
    """Carry out an instruction that puts values together."""
    if code in _TUPLES:
        stack.append(tuple(_popped(stack, _TUPLES[code])))
    elif code == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif code == "LIST":
        stack.append(_since_mark(stack))
    elif code == "DICT":
        stack.append(_pairs(_since_mark(stack)))
    elif code in ("APPEND", "APPENDS"):
        values = _popped(stack, 1) if code == "APPEND" else _since_mark(stack)
        _require(stack[-1], list).extend(values)
    elif code in ("SETITEM", "SETITEMS"):
        values = _popped(stack, 2) if code == "SETITEM" else _since_mark(stack)
        _require(stack[-1], dict).update(_pairs(values))
    elif code == "POP":
        stack.pop()
    elif code == "GLOBAL":
        stack.append(_Name(*argument.split(" ")))
    elif code == "STACK_GLOBAL":
        stack.append(_Name(*_popped(stack, 2)))
    elif code == "REDUCE":
        name, arguments = _popped(stack, 2)
        stack.append(_made(name, arguments))
    elif code == "BUILD":
        (state,) = _popped(stack, 1)
        _fill_(stack[-1], state)
    else:
        raise _Refused(f"the instruction {code}")


def _made(name: Any, arguments: Any) -> Any:
    """Return the value that a call of one of the few known names stands for."""
    if not isinstance(name, _Name):
        raise _Refused("a call of what is no name")
    if name.module in _MULTIARRAY and name.name == "_reconstruct":
        return _Array()
    if name == ("numpy", "dtype"):
        return _Type(_code(arguments[0]))
    if name.module in _MULTIARRAY and name.name == "scalar":
        return np.frombuffer(_raw(arguments[1]), _require(arguments[0], _Type).value)[0].item()
    if name.module in _NUMERIC and name.name == "_frombuffer":
        buffer, kind, shape, order = arguments
        return np.frombuffer(buffer, _require(kind, _Type).value).reshape(shape, order=order)
    if name == ("_codecs", "encode") and arguments[1] == "latin1":
        return arguments[0].encode("latin-1")
    raise _Refused(f"{name.module}.{name.name}")


def _fill_(made: Any, state: Any) -> None:
    """Tell an array its content, or a type its byte order."""
    if isinstance(made, _Type):
        made.value = made.value.newbyteorder(">" if _text(state[1]) == ">" else "<")  # of one byte, neither matters
    elif isinstance(made, _Array):
        _, shape, kind, is_fortran, raw = state
        values = np.frombuffer(_raw(raw), _require(kind, _Type).value)
        made.value = values.reshape(_require(shape, tuple), order="F" if is_fortran else "C")
    else:
        raise _Refused("a state of what is no array")


def _code(value: Any) -> str:
    """Return the code of a type of numbers, such as "u1"."""
    text = _text(value)
    if text[:1] not in _KINDS or not text[1:].isdecimal():
        raise _Refused(f"arrays of type {text!r}")
    return text


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _raw(value: Any) -> bytes:
    """Return the bytes of what Python 2 wrote as text."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if not isinstance(value, bytes | bytearray):
        raise _Refused("an array of objects")
    return bytes(value)


def _popped(stack: list[Any], n: int) -> list[Any]:
    if len(stack) < n:
        raise ValueError("it takes more values than it has")
    values = stack[-n:]
    del stack[-n:]
    return values


def _since_mark(stack: list[Any]) -> list[Any]:
    place = len(stack) - 1
    while stack[place] is not _MARK:  # IndexError where there is none
        place -= 1
    values = stack[place + 1 :]
    del stack[place:]
    return values


def _pairs(values: list[Any]) -> dict[Any, Any]:
    unfit = [key for key in values[::2] if not isinstance(key, str | bytes | int | float | None)]
    if unfit:  # the hash of nested tuples takes exponential time
        raise _Refused(f"a key of type {type(unfit[0]).__name__}")
    return dict(zip(values[::2], values[1::2], strict=True))


def _require(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__.strip('_')} should be")
    return value


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """Return the value with arrays in place of what stood for them; what is shared stays shared.

    Args:
        value: what the instructions built.
        done: by the identity of a list, tuple or dictionary, what it became; None while it is being looked at.
    """
    if isinstance(value, _Array):
        if value.value is None:
            raise ValueError("an array without content")
        return value.value
    if isinstance(value, _Type | _Name):
        raise _Refused("a value that is no plain data")
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) not in done:
        done[id(value)] = None
        if isinstance(value, dict):
            done[id(value)] = {
                _text(key) if isinstance(key, bytes) else key: _plain(each, done) for key, each in value.items()
            }
        else:
            done[id(value)] = type(value)(_plain(each, done) for each in value)
    elif done[id(value)] is None:
        raise _Refused("a value that holds itself")
    return done[id(value)]
