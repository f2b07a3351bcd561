"""man_test.py - every program has a man page, and the two say the same.

Reads docs/man/*.scd and runs the built programs' --help: each option, command and exit code of
the one must be in the other. Then scdoc must accept every page and mandoc find no fault with it;
where either is missing the test says so and skips that part. Folders come from the environment:
TACIT_BIN (the programs) and TACIT_MAN (the pages' sources).
"""

import os
import re
import shutil
import subprocess
import unittest

BIN = os.environ["TACIT_BIN"]
MAN = os.environ["TACIT_MAN"]

# What scdoc's own layout brings about, whatever a page says.
LAYOUT = "skipping paragraph macro"


def programs():
    """The executables that users and services start; benchmarks have no page."""
    return sorted(
        name
        for name in os.listdir(BIN)
        if re.fullmatch(r"tacit-[a-z]+", name) and os.access(os.path.join(BIN, name), os.X_OK)
    )


def pages():
    return sorted(name for name in os.listdir(MAN) if name.endswith(".scd"))


def page_of(program):
    found = [page for page in pages() if page.split(".")[0] == program]
    if not found:
        raise AssertionError(f"{program} has no man page")
    with open(os.path.join(MAN, found[0]), encoding="utf-8") as file:
        return file.read().replace("\\_", "_")


def printed_help(*command):
    done = subprocess.run(
        [os.path.join(BIN, command[0]), *command[1:], "--help"],
        capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command} --help ends in {done.returncode}: {done.stderr}")
    return done.stdout


def help_of(*command):
    return re.sub(r"\n {12,}(?=\S)", " ", printed_help(*command))  # what was wrapped, in one line


def part(text, title):
    """The indented lines of a help text below `title:`, up to the next blank line."""
    found = re.search(rf"^{title}:\n((?:  .*\n)+)", text, re.MULTILINE)
    return found.group(1) if found else ""


def help_options(text):
    """Names, with their letters: {"--json", "-h"}."""
    lines = re.findall(r"^  +((?:-\w, +)?--[a-z-]+)", text, re.MULTILINE)
    return {name for line in lines for name in re.split(r", +", line)}


def section(page, level, title):
    """The body of a heading of that level, up to the next one of it or above."""
    pattern = rf"^{'#' * level} {title}\n(.*?)(?=^#{{1,{level}}} |\Z)"
    found = re.search(pattern, page, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def page_options(text):
    """Options that a list defines: lines that begin with one."""
    lines = re.findall(r"^(\*-.*)$", text, re.MULTILINE)
    return {name for line in lines for name in re.findall(r"\*(-[-\w]+)\*", line)}


class Pages(unittest.TestCase):
    def test_every_program_has_a_page_and_every_page_a_program(self):
        self.assertTrue(programs())
        self.assertEqual(programs(), sorted(page.split(".")[0] for page in pages()))

    def test_name_and_section_are_the_file_s(self):
        for name in pages():
            program, number, _ = name.split(".")
            with open(os.path.join(MAN, name), encoding="utf-8") as file:
                self.assertTrue(file.readline().startswith(f"{program}({number}) "), name)

    def test_help_fits_every_terminal(self):
        for program in programs():
            commands = re.findall(r"^  ([a-z]+) ", part(help_of(program), "Commands"), re.MULTILINE)
            for command in [[], *([command] for command in commands)]:
                with self.subTest(" ".join([program, *command])):
                    self.assertEqual([line for line in printed_help(program, *command).splitlines()
                                      if len(line) > 80], [])

    def test_options_agree(self):
        for program in programs():
            text = help_of(program)
            shown = help_options(part(text, "Options of every command") or text)
            with self.subTest(program):
                self.assertTrue(shown)
                self.assertEqual(shown, page_options(section(page_of(program), 1, "OPTIONS")))

    def test_commands_agree(self):
        for program in programs():
            page = section(page_of(program), 1, "COMMANDS")
            shown = re.findall(r"^  ([a-z]+) ", part(help_of(program), "Commands"), re.MULTILINE)
            with self.subTest(program):
                self.assertEqual(sorted(shown),
                                 sorted(re.findall(r"^## ([a-z]+)", page, re.MULTILINE)))
            for command in shown:
                text = part(help_of(program, command), "Options")
                with self.subTest(f"{program} {command}"):
                    self.assertEqual(help_options(text),
                                     page_options(section(page, 2, rf"{command}\b[^\n]*")))

    def test_exit_codes_agree(self):
        for program in programs():
            rows = re.findall(r"^ +(\d+)  (\w+) +(\S.*)$", part(help_of(program), "Exit codes"),
                              re.MULTILINE)
            if rows:
                page = section(page_of(program), 1, "EXIT STATUS")
                listed = re.findall(r"^\*(\d+)\* (\w+)\n\t(.*)$", page, re.MULTILINE)
                with self.subTest(program):
                    self.assertEqual(rows, listed)

    def test_pages_are_well_formed(self):
        scdoc = shutil.which("scdoc")
        mandoc = shutil.which("mandoc")
        if not scdoc or not mandoc:
            self.skipTest("no scdoc or no mandoc here")
        for name in pages():
            with open(os.path.join(MAN, name), "rb") as file:
                made = subprocess.run([scdoc], stdin=file, capture_output=True, timeout=30,
                                      check=False)
            with self.subTest(name):
                self.assertEqual(made.returncode, 0, made.stderr)
                lint = subprocess.run([mandoc, "-T", "lint", "-W", "warning"], input=made.stdout,
                                      capture_output=True, timeout=30, check=False)
                faults = [line for line in lint.stdout.decode().splitlines() if LAYOUT not in line]
                self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main()
