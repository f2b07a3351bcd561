"""Pieces of C text, laid out as the project's .clang-format lays them out."""

import textwrap

COLUMNS = 100


def harmless(text: str) -> str:
    """Text that neither ends nor begins a comment."""
    return text.replace("*/", "* /").replace("/*", "/ *")


def comment(lines: list[str], indent: str = "") -> list[str]:
    """A block comment around sentences, filled; nothing for no sentences."""
    text = harmless(" ".join(lines))
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
    """Code with comments behind it, those of lines that follow each other in one column; a comment
    that is too long for that stands before its code."""
    lines: list[str] = []
    run: list[tuple[str, str]] = []
    for code, remark in rows:
        if len(f"{code} /* {remark} */") > COLUMNS:
            lines += _run(run) + comment([remark], indent) + [code]
            run = []
        elif remark:
            run.append((code, harmless(remark)))
        else:
            lines += _run(run) + [code]
            run = []
    return lines + _run(run)


def _run(rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(code) for code, _ in rows), default=0)
    lines = [f"{code.ljust(width)} /* {remark} */" for code, remark in rows]
    if any(len(line) > COLUMNS for line in lines):
        return [f"{code} /* {remark} */" for code, remark in rows]
    return lines


def define(rows: list[tuple[str, str]]) -> list[str]:
    """#define NAME value, the values in one column."""
    width = max((len(name) for name, _ in rows), default=0)
    return [f"#define {name.ljust(width)} {value}" for name, value in rows]


def signature(start: str, parameters: list[str], end: str, indent: str = "") -> list[str]:
    """A prototype or a call: on one line, or its parameters under each other, behind the name or
    behind the name on a line of its own, or, where that is too wide, indented."""
    widest = max(map(len, parameters)) + len(end) + 2
    start = indent + start
    if len(f"{start}({', '.join(parameters)}){end}") <= COLUMNS:
        return [f"{start}({', '.join(parameters)}){end}"]
    if len(start) + widest <= COLUMNS:
        return _filled(f"{start}(", parameters, f"){end}", len(start) + 1)
    head, name = start.rsplit(" ", 1)
    behind = [head] + _filled(f"{name}(", parameters, f"){end}", len(name) + 1)
    below = [f"{start}("] + _filled(indent + "    ", parameters, f"){end}", len(indent) + 4)
    fits = not indent and len(name) + widest <= COLUMNS
    return behind if fits and len(behind) <= len(below) + 1 else below


def _filled(opening: str, items: list[str], closing: str, column: int) -> list[str]:
    """Items with commas between them, as many on a line as fit, continued at the column."""
    lines = [opening]
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else closing)
        space = "" if len(lines[-1]) <= column else " "
        if len(lines[-1] + space + piece) > COLUMNS:
            lines.append(" " * column + piece)
        else:
            lines[-1] += space + piece
    return lines


def braced(opening: str, items: list[str], closing: str) -> list[str]:
    """An initialiser: on one line, or one item a line."""
    one_line = f"{opening}{', '.join(items)}{closing}"
    if len(one_line) <= COLUMNS:
        return [one_line]
    column = " " * len(opening)
    lines = [column + item + "," for item in items]
    lines[0] = opening + items[0] + ","
    lines[-1] = lines[-1][:-1] + closing
    return lines


def numbers(opening: str, items: list[str], closing: str) -> list[str]:
    """An initialiser of numbers, filled."""
    return _filled(opening, items, closing, len(opening))


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
