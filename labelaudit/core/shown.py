"""Words of a stranger in outputs of ours: one function for each kind of output, and nothing goes out without it.

Names of files, classes and columns come from data that anybody may have made. A terminal obeys control characters, a
log of GitHub obeys lines that begin with two colons, a page obeys tags, a spreadsheet obeys cells that begin as
formulas. What would be obeyed is spelled out, so that people still see what is there.
"""

from __future__ import annotations

import html
import re
import shlex

# Control characters (C0 but for line ends and tabs, DEL, C1), separators of lines and paragraphs, marks that turn the
# direction of writing, blanks without width, tags, and halves of surrogate pairs.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_COMMAND = re.compile(r"##\[|^(\s*)::", re.MULTILINE)
_BEGINS = re.compile("[\t\r]|\\s*[=+\\-@＝＋－＠]")  # a formula; https://owasp.org/www-community/attacks/CSV_Injection
_FOLLOWS = re.compile("([;,|\t\n\r]\\s*[\"']*)([=+\\-@＝＋－＠])")  # where such a mark is taken for a separator
_FOLLOWED = re.compile(_FOLLOWS.pattern.replace(")(", ")'("))
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$@&])")
_LINKED = re.compile(r"(:)(?=//)|(\bwww)(?=\.)|(\\@)|(\\#)(?=\d)", re.IGNORECASE)


def on_terminal(text: object) -> str:
    r"""Return text that a terminal shows and does not obey: what it would obey is spelled out, as \x1b or \u202e."""
    return _OBEYED.sub(lambda found: _spelled(found[0]), str(text))


def in_log(text: object) -> str:
    """Return lines that neither a terminal nor the log of a workflow on GitHub obeys."""
    return _COMMAND.sub(lambda found: "# #[" if found[0] == "##[" else f"{found[1]}: :", on_terminal(text))


def in_json(text: str) -> str:
    """Return a JSON text with the same meaning, safe to be printed."""
    spelled = _OBEYED.sub(lambda found: "".join(f"\\u{unit:04x}" for unit in _units(found[0])), text)
    return spelled.replace("##[", "#\\u0023[")


def in_markdown(text: object) -> str:
    """Return text that Markdown shows as it is, in one line: no markup, HTML, table border, link or mention."""
    escaped = _MARKDOWN.sub(r"\\\1", " ".join(on_terminal(text).split()))
    return _LINKED.sub(lambda found: f"{found[0]}\u200b", escaped)


def in_html(text: object) -> str:
    """Return text for the content or a quoted attribute of a page."""
    return html.escape(on_terminal(text), quote=True)


def in_cell(text: str) -> str:
    """Return text that a spreadsheet runs as no formula, also where it takes another separator for that of the file."""
    first = "'" if _BEGINS.match(text.lstrip("'")) else ""
    return first + _FOLLOWS.sub(r"\1'\2", text)


def out_of_cell(cell: str) -> str:
    """Return the text that `in_cell` made a cell of."""
    text = _FOLLOWED.sub(r"\1\2", cell)
    return text[1:] if text.startswith("'") and _BEGINS.match(text.lstrip("'")) else text


def in_sarif(text: object) -> str:
    """Return text of a SARIF message: no link, no control character."""
    return on_terminal(re.sub(r"([\\\[\]])", r"\\\1", str(text)))


def in_shell(text: object) -> str:
    """Return one word of a command that people copy."""
    return shlex.quote(str(text))


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _units(character: str) -> list[int]:
    """Return the 16-bit units that JSON spells a character by."""
    code = ord(character)
    return [code] if code < 0x10000 else [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)]
