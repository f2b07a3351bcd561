"""Files to checked services."""

import hashlib
from typing import Optional

from .checks import check, check_together
from .diagnostics import IdlError, Position, render
from .model import Service
from .parser import parse


def load(path: str) -> tuple[Optional[Service], list[IdlError]]:
    """The service of a file, and what is wrong with it. OSError where it cannot be read."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        service = parse(_decode(content))
    except IdlError as error:
        return None, [error]
    service.text = content.decode()
    service.sha256 = hashlib.sha256(content).digest()
    return service, check(service, path)


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode()) + 1
        raise IdlError(
            Position(before.count(b"\n") + 1, column), "the file is not UTF-8"
        ) from None


def load_all(paths: list[str]) -> tuple[list[Service], list[str]]:
    """The services of all files, by number, and the refusals, one line each."""
    loaded: list[tuple[str, Service]] = []
    refusals: list[str] = []
    for path in paths:
        service, errors = load(path)
        refusals += [render(path, error) for error in errors]
        if service:
            loaded.append((path, service))
    refusals += [render(path, error) for path, error in check_together(loaded)]
    return sorted((service for _, service in loaded), key=lambda one: one.number), refusals
