r"""Names of files as ids: text that every table can hold and every terminal can show, and still the name of one file.

Bytes that are no UTF-8 (which Python keeps as lone surrogates) and control characters become `\x` and two digits; a
backslash that would then be ambiguous is doubled. No two names become one id, and `name_of` finds the name again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPELLED = "[\x00-\x1f\x7f\ud800-\udfff]"
_NEEDS = re.compile(rf"{_SPELLED}|\\(?=[\\]|x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|{_SPELLED})")
_IS = re.compile(r"\\\\|\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")


def id_of(name: str) -> str:
    """Return the id of a file's or a folder's name; most names are their own."""
    return _NEEDS.sub(lambda found: _spelled(found[0]), name)


def ids_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of many names; the same tuple where all are their own."""
    text = "\n".join(names)
    if _NEEDS.search(text.replace("\n", "")) is None and text.count("\n") == max(0, len(names) - 1):
        return names if isinstance(names, tuple) else tuple(names)
    return tuple(map(id_of, names))


def name_of(sample_id: str) -> str:
    """Return the name whose id this is."""
    return _IS.sub(_original, sample_id)


def unicode_of(text: str) -> str:
    """Return text without lone surrogates, as people's words and names may hold them: they are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _spelled(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def _original(found: re.Match[str]) -> str:
    if found[1]:
        code = int(found[1], 16)
        return chr(code if code < 0x80 else 0xDC00 + code)
    return chr(int(found[2], 16)) if found[2] else "\\"
