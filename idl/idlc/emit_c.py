"""C from a service: NAME.h and NAME.c."""

import os

from . import c_header, c_source
from .model import Service


def emit(service: Service) -> dict[str, str]:
    """Text by file name."""
    return {
        f"{service.name}.h": c_header.emit(service),
        f"{service.name}.c": c_source.emit(service),
    }


def write(service: Service, folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    for name, text in emit(service).items():
        with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
