"""Where something stands in an IDL file, and what is wrong with it."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """Line and column, both from 1; the column counts characters."""

    line: int
    column: int


class IdlError(Exception):
    """The file is refused. Lexer and parser raise the first; the checks collect all."""

    def __init__(self, position: Position, message: str):
        super().__init__(message)
        self.position = position
        self.message = message


def render(path: str, error: IdlError) -> str:
    position = error.position
    return f"{path}:{position.line}:{position.column}: error: {error.message}"
