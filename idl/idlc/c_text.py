"""Pieces of C text, laid out as the project's .clang-format lays them out."""

import textwrap

COLUMNS = 100


def comment(lines: list[str], indent: str = "") -> list[str]:
    """A block comment around sentences, filled; nothing for no sentences."""
    text = " ".join(lines).replace("*/", "* /")
    if not text:
        return []
    filled = textwrap.wrap(
        text,
        width=COLUMNS - 4,
        initial_indent=f"{indent}/*  ",
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    filled[-1] += "  */"
    return filled


def heading(text: str) -> list[str]:
    start = f"/*  --- {text} "
    return [start.ljust(COLUMNS - 4, "-") + " */", ""]


def aligned(rows: list[tuple[str, str]], indent: str) -> list[str]:
    """Code with comments behind it, the comments in one column; indent stands in the code."""
    width = max((len(code) for code, remark in rows if remark), default=0)
    lines = []
    for code, remark in rows:
        remark = remark.replace("*/", "* /")
        line = f"{code.ljust(width)} /* {remark} */" if remark else code
        if remark and len(line) > COLUMNS:
            return _above(rows, indent)
        lines.append(line)
    return lines


def _above(rows: list[tuple[str, str]], indent: str) -> list[str]:
    """The same with every comment in front of its code, where one is too long."""
    lines = []
    for code, remark in rows:
        lines += comment([remark], indent) + [code]
    return lines


def define(rows: list[tuple[str, str, str]]) -> list[str]:
    """#define NAME value, the values in one column, each under its doc."""
    width = max((len(name) for name, _, _ in rows), default=0)
    lines = []
    for name, value, doc in rows:
        lines += comment([doc])
        lines.append(f"#define {name.ljust(width)} {value}")
    return lines


def signature(start: str, parameters: list[str], end: str) -> list[str]:
    """A prototype, its parameters under each other where they do not fit. Where they do not fit
    behind the name either, the name starts a line."""
    line = f"{start}({', '.join(parameters)}){end}"
    if len(line) <= COLUMNS:
        return [line]
    head, name = start.rsplit(" ", 1)
    if max(map(len, parameters)) + len(start) + 2 <= COLUMNS:
        return _filled(f"{start}(", parameters, f"){end}")
    return [head] + _filled(f"{name}(", parameters, f"){end}")


def _filled(opening: str, items: list[str], closing: str) -> list[str]:
    lines = [opening]
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else closing)
        space = "" if lines[-1].endswith("(") else " "
        if len(lines[-1] + space + piece) > COLUMNS:
            lines.append(" " * len(opening) + piece)
        else:
            lines[-1] += space + piece
    return lines


def braced(opening: str, items: list[str], closing: str) -> list[str]:
    """An initialiser, its items filled."""
    lines = [opening]
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else closing)
        space = "" if lines[-1].endswith("{") else " "
        if len(lines[-1] + space + piece) > COLUMNS:
            lines.append(" " * len(opening) + piece)
        else:
            lines[-1] += space + piece
    return lines


def string_literal(text: str) -> str:
    """Bytes of the text as a C string; octal escapes cannot run on into what follows."""
    out = []
    for byte in text.encode():
        character = chr(byte)
        if character in '"\\':
            out.append("\\" + character)
        elif character == "\n":
            out.append("\\n")
        elif character == "?":  # no trigraphs
            out.append("\\?")
        elif 0x20 <= byte < 0x7F:
            out.append(character)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'
