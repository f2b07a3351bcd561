"""python3 -m idlc c|markdown|dictionary|check ... ; exit 1: a file is refused, 2: wrong usage."""

import argparse
import sys

from . import emit_c
from .load import load_all


def _c(services, options) -> None:
    for service in services:
        emit_c.write(service, options.out)


def _check(services, options) -> None:
    for service in services:
        print(f"{service.name}: {len(service.methods)} methods, {service.sha256.hex()}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="idlc", description="Compiles service contracts (*.idl).", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text):
        made = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("files", nargs="+", metavar="FILE.idl")
        made.set_defaults(run=run)
        return made

    command("c", _c, "Write NAME.h and NAME.c.").add_argument(
        "--out", required=True, metavar="DIR", help="folder to write to"
    )
    command("check", _check, "Check files, and that they fit together; print a line for each.")
    return parser


def main() -> int:
    options = _arguments().parse_args()
    try:
        services, refusals = load_all(options.files)
        if refusals:
            print("\n".join(refusals), file=sys.stderr)
            return 1
        options.run(services, options)
    except OSError as error:
        print(f"idlc: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
