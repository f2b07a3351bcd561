"""Text to tokens. `#` comments vanish; `##` lines become the doc of the token after them."""

import re
from dataclasses import dataclass, field
from typing import Optional

from .diagnostics import IdlError, Position

NUMBER_MAX = 2**64 - 1

_RULES = re.compile(
    r"""
    (?P<space>[ \n]+)
  | (?P<doc>\#\#[^\x00-\x1f\x7f]*)
  | (?P<comment>\#[^\x00-\x1f\x7f]*)
  | (?P<string>"[^"\x00-\x1f\x7f]*")
  | (?P<word>[A-Za-z0-9_]+)
  | (?P<punctuation>->|\.\.|[()\[\]{}:,])
    """,
    re.VERBOSE,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_NUMBER = re.compile(r"(0|[1-9][0-9]*)\Z")
_DURATION = re.compile(r"([1-9][0-9]*)(ms|s)\Z")


@dataclass
class Token:
    kind: str  # name, number, duration, string, punctuation, end
    text: str
    position: Position
    value: int = 0  # of numbers; of durations in milliseconds
    doc: list[str] = field(default_factory=list)
    doc_position: Optional[Position] = None


def tokenize(text: str) -> list[Token]:
    """All tokens of the file, an `end` token last."""
    tokens: list[Token] = []
    doc: list[str] = []
    doc_position: Optional[Position] = None
    offset, line, line_start = 0, 1, 0
    while offset < len(text):
        position = Position(line, offset - line_start + 1)
        match = _RULES.match(text, offset)
        if match is None:
            raise IdlError(position, _why_unreadable(text[offset]))
        kind, lexeme = match.lastgroup, match.group()
        if kind == "doc":
            doc.append(lexeme[2:].strip())
            doc_position = doc_position or position
        elif kind not in ("space", "comment"):
            token = _token(kind, lexeme, position)
            token.doc, token.doc_position = doc, doc_position
            tokens.append(token)
            doc, doc_position = [], None
        newlines = lexeme.count("\n")
        if newlines:
            line += newlines
            line_start = offset + lexeme.rfind("\n") + 1
        offset = match.end()
    end = Token("end", "end of file", Position(line, offset - line_start + 1))
    end.doc, end.doc_position = doc, doc_position
    return tokens + [end]


def _why_unreadable(character: str) -> str:
    if character == '"':
        return "the string does not end on its line"
    return f"unexpected character {ascii(character)}"


def _token(kind: str, lexeme: str, position: Position) -> Token:
    if kind == "string":
        return Token("string", lexeme[1:-1], position)
    if kind == "punctuation":
        return Token("punctuation", lexeme, position)
    if _NAME.match(lexeme):
        return Token("name", lexeme, position)
    if _NUMBER.match(lexeme):
        value = int(lexeme) if len(lexeme) <= 20 else NUMBER_MAX + 1
        if value > NUMBER_MAX:
            raise IdlError(position, "the number is above 2^64 - 1")
        return Token("number", lexeme, position, value)
    duration = _DURATION.match(lexeme)
    if duration and len(lexeme) <= 12:
        scale = 1000 if duration.group(2) == "s" else 1
        return Token("duration", lexeme, position, int(duration.group(1)) * scale)
    raise IdlError(
        position, f"'{lexeme}' is no name (a-z, 0-9, _), no number and no duration (5s, 500ms)"
    )
