"""python3 -m idlc c|python|markdown|dictionary|check|compare ... (exit 1: a file is refused, or a
change breaks older peers; 2: wrong usage)."""

import argparse
import sys

from . import emit_c, emit_dictionary, emit_markdown, emit_python
from .compare import BREAKS, compare
from .diagnostics import render
from .load import load, load_all
from .model import Service


def _c(services: list[Service], options: argparse.Namespace) -> int:
    for service in services:
        emit_c.write(service, options.out)
    return 0


def _python(services: list[Service], options: argparse.Namespace) -> int:
    for service in services:
        emit_python.write(service, options.out)
    return 0


def _markdown(services: list[Service], options: argparse.Namespace) -> int:
    if options.update is None:
        sys.stdout.write(emit_markdown.emit(services))
        return 0
    with open(options.update, encoding="utf-8", newline="") as file:
        document = file.read()
    updated = emit_markdown.update(document, services)
    if updated is None:
        markers = f"one {emit_markdown.BEGIN} and one {emit_markdown.END} after it"
        print(f"{options.update}: needs {markers}", file=sys.stderr)
        return 1
    if updated != document:
        with open(options.update, "w", encoding="utf-8", newline="") as file:
            file.write(updated)
    return 0


def _dictionary(services: list[Service], _options: argparse.Namespace) -> int:
    sys.stdout.write(emit_dictionary.emit(services))
    return 0


def _check(services: list[Service], _options: argparse.Namespace) -> int:
    for service in services:
        count = len(service.methods)
        print(f"{service.number} {service.name}: {count} methods, {service.sha256.hex()}")
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="idlc",
        description="Compiles service contracts. What is wrong with a file is told on standard"
        " error, as FILE:LINE:COLUMN: error: WHY; then nothing is written, and the exit code is 1.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text):
        made = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("files", nargs="+", metavar="FILE.idl")
        made.set_defaults(run=run)
        return made

    command("c", _c, "Write NAME.h and NAME.c.").add_argument(
        "--out", required=True, metavar="DIR", help="folder to write to; made where it is missing"
    )
    command("python", _python, "Write NAME.py, for the package tacit.").add_argument(
        "--out", required=True, metavar="DIR", help="folder to write to; made where it is missing"
    )
    command("markdown", _markdown, "Print the tables of docs/PROTOCOL.md.").add_argument(
        "--update",
        metavar="DOCUMENT",
        help=f"rewrite what stands between {emit_markdown.BEGIN} and {emit_markdown.END} there",
    )
    command("dictionary", _dictionary, "Print a libFuzzer dictionary.")
    command("check", _check, "Check files, and that they fit together; print a line for each.")
    made = commands.add_parser(
        "compare",
        help="Say what a change does to older peers.",
        description="Says what a change does to older peers, as FILE:LINE:COLUMN: WEIGHT: WHY,"
        " where the weight is 'breaks', or 'care' for what older peers refuse once it is used."
        " Exit code 1: something breaks.",
        allow_abbrev=False,
    )
    made.add_argument("files", nargs=2, metavar="FILE.idl", help="the old contract, and the new one")
    made.set_defaults(run=None)
    return parser


def _compare(paths: list[str]) -> int:
    services = []
    for path in paths:
        service, errors = load(path)
        for error in errors:
            print(render(path, error), file=sys.stderr)
        if errors or service is None:
            return 1
        services.append(service)
    findings = compare(*services)
    for one in findings:
        place = f"{paths[1]}:{one.position.line}:{one.position.column}"
        print(f"{place}: {one.weight}: {one.message}")
    return 1 if any(one.weight == BREAKS for one in findings) else 0


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["--check"]:  # what comes first is a command, even where it looks like an option
        words[0] = "compare"
    options = _arguments().parse_args(words)
    try:
        if options.run is None:
            return _compare(options.files)
        services, refusals = load_all(options.files)
        if refusals:
            print("\n".join(refusals), file=sys.stderr)
            return 1
        return options.run(services, options)
    except OSError as error:
        print(f"idlc: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
