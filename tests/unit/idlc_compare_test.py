"""idlc compare: every rule by one change of a small contract, and what exactly is said of it.

Each case is the text to replace, what with, and the lines that come out; a case whose lines break
nothing must end in exit code 0."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "idl"))
sys.dont_write_bytecode = True

from idlc import __main__ as idlc  # noqa: E402

OLD = """service shop 77 "Sells"

error gone 77001 "it is gone"
error dear 77002 "it is too dear"

enum colour { red 1, green 2 }

struct thing {
    1 name: string[1..20],
    2 colour: colour,
    3 note: bytes[..10] optional
}

method buy (1 name: string[1..20], 2 count: u16) -> (1 things: list[..8] thing)
    bulk in[..100]   bulk out[..100]   caller user   deadline 5s   errors gone

method look (1 owner: bytes[32]) -> (1 price: u32)
    caller owner(owner)   deadline 5s   idempotent

method stock () -> ()
    caller enclave(worker)   deadline 5s

method sell () -> ()
    caller anyone   deadline 7s   limit 8, 2 per caller   queue 9
"""

CASES = {
    "a stream that goes on": (
        "method stock () -> ()\n", "method stock () -> () stream in[..4, ..8] resumable\n",
        "20:8: breaks: stream in of stock is new"),
    "nothing changed": (None, None, ""),
    "a comment": ("service shop", "# words\nservice shop", ""),
    "service renamed": ("service shop 77", "service store 77",
                        "1:9: breaks: service shop is called store"),
    "idempotent no longer": (
        "   idempotent", "",
        "17:8: breaks: look was idempotent and is not: older clients send it again"),
    "keyed now": (
        "method stock () -> ()\n", "method stock () -> () keyed durable\n",
        "20:8: breaks: stock is keyed: newer clients send it again to services that keep nothing"),
    "idempotent now": ("errors gone\n", "errors gone   idempotent\n", ""),
    "a limit that was not there": (
        "errors gone\n", "errors gone   limit 4\n",
        "15:88: care: the limit of buy is narrower: more calls of older clients are busy"),
    "a limit that is there no more": ("   limit 8, 2 per caller   queue 9", "", 
        "23:8: care: the queue of sell is narrower: more calls of older clients are busy"),
    "a smaller limit": (
        "limit 8", "limit 7",
        "24:41: care: the limit of sell is narrower: more calls of older clients are busy"),
    "a smaller limit per caller": (
        "2 per", "1 per",
        "24:41: care: the limit of sell is narrower: more calls of older clients are busy"),
    "a limit for each and all": (
        "limit 8, 2", "limit 2",
        ""),
    "a larger limit": ("limit 8, 2", "limit 9, 3", ""),
    "no limit per caller": ("limit 8, 2 per caller", "limit 8", ""),
    "a shorter queue": (
        "queue 9", "queue 8",
        "24:65: care: the queue of sell is narrower: more calls of older clients are busy"),
    "a queue with less for each": (
        "queue 9", "queue 9, 8 per caller",
        "24:65: care: the queue of sell is narrower: more calls of older clients are busy"),
    "a longer queue": ("queue 9", "queue 10, 9 per caller", ""),
    "off the thread": ("deadline 7s", "deadline 7s   blocking", ""),
    "an optional field more": ("3 note: bytes[..10] optional",
                               "3 note: bytes[..10] optional,\n    4 size: u8 optional", ""),
    "a required field more": (
        "2 count: u16)", "2 count: u16, 3 size: u8)",
        "14:52: breaks: buy arguments has the new field 3 size, which older peers do not send:"
        " make it optional"),
    "a required field less": (
        ", 2 count: u16)", ")",
        "14:8: breaks: buy arguments lost the field 2 count, without which older peers refuse it"),
    "an optional field less": (",\n    3 note: bytes[..10] optional", "", ""),
    "required to optional": (
        "2 count: u16)", "2 count: u16 optional)",
        "14:38: breaks: buy arguments.count became optional: older peers require it"),
    "optional to required": (
        "bytes[..10] optional", "bytes[..10]",
        "11:7: breaks: thing.note became required: older peers may omit it"),
    "field renamed": (
        "1 price: u32", "1 cost: u32",
        "17:40: care: field 1 was called price: only right if it means the same"),
    "another kind": (
        "3 note: bytes[..10]", "3 note: string[..10]",
        "11:7: breaks: thing.note was bytes[..10] and is string[..10]"),
    "a list of it": (
        "1 price: u32", "1 price: list[..4] u32",
        "17:40: breaks: look result.price was u32 and is list[..4] u32"),
    "integer narrower": (
        "1 price: u32", "1 price: u16",
        "17:40: breaks: look result.price is narrower: older peers may send more than is taken"),
    "integer wider": (
        "2 count: u16", "2 count: u32",
        "14:38: care: buy arguments.count is wider: older peers refuse what goes beyond theirs"),
    "signed": (
        "2 count: u16", "2 count: i32",
        "14:38: care: buy arguments.count is wider: older peers refuse what goes beyond theirs"),
    "bytes narrower": (
        "3 note: bytes[..10]", "3 note: bytes[..9]",
        "11:7: breaks: thing.note is narrower: older peers may send more than is taken"),
    "least bytes more": (
        "{\n    1 name: string[1", "{\n    1 name: string[2",
        "9:7: breaks: thing.name is narrower: older peers may send more than is taken"),
    "bytes wider": (
        "3 note: bytes[..10]", "3 note: bytes[..11]",
        "11:7: care: thing.note is wider: older peers refuse what goes beyond theirs"),
    "list shorter": (
        "list[..8]", "list[..7]",
        "14:56: breaks: the list buy result.things is narrower: older peers may send more than is"
        " taken"),
    "list longer": (
        "list[..8]", "list[..9]",
        "14:56: care: the list buy result.things is wider: older peers refuse what goes beyond"
        " theirs"),
    "a value more": (
        "green 2", "green 2, blue 3",
        "6:31: care: colour has the new value 3 blue, which older peers refuse"),
    "a value less": (
        ", green 2", "",
        "6:6: breaks: colour lost the value 2 green, which older peers may send"),
    "a value means another": (
        "green 2", "blue 2", "6:22: breaks: colour 2 meant green and means blue"),
    "a method less": (
        "\nmethod stock () -> ()\n    caller enclave(worker)   deadline 5s\n", "",
        "1:9: breaks: method stock is gone, which older clients call"),
    "a method more": (
        "method stock", "method count () -> ()\n    caller user   deadline 5s\n\nmethod stock",
        "20:8: care: method count is new: older services answer unknown_method"),
    "fewer callers": (
        "caller user", "caller operator",
        "15:47: breaks: buy was for user and is for operator: some who called it are refused"),
    "more callers": (
        "caller owner(owner)", "caller user",
        "18:12: care: look is for more callers, whom older services refuse"),
    "a role more": (
        "enclave(worker)", "enclave(worker, keys)",
        "21:12: care: stock is for more callers, whom older services refuse"),
    "another role": (
        "enclave(worker)", "enclave(keys)",
        "21:12: breaks: stock was for enclave(worker) and is for enclave(keys): some who called it"
        " are refused"),
    "a shorter deadline": (
        "user   deadline 5s", "user   deadline 4s",
        "15:63: care: the deadline of buy is shorter: with an older peer the shorter one holds"),
    "a longer deadline": (
        "user   deadline 5s", "user   deadline 6s",
        "15:63: care: the deadline of buy is longer: with an older peer the shorter one holds"),
    "less bulk": (
        "in[..100]", "in[..99]",
        "14:8: breaks: bulk in of buy is narrower: older peers may send more than is taken"),
    "more bulk": (
        "out[..100]", "out[..101]",
        "14:8: care: bulk out of buy is wider: older peers refuse what goes beyond theirs"),
    "an error more": (
        "errors gone", "errors gone, dear",
        "15:81: care: buy can end in dear, which older clients do not expect"),
    "an error has another code": (
        "77002", "77003", "4:12: breaks: error dear was 77002: older peers decide by the code"),
    "a code means another error": (
        'dear 77002', 'cheap 77002',
        "4:7: breaks: code 77002 was dear, and older peers still take it for that"),
}


class Compare(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="idlc-compare-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, folder, text):
        """A file must be called as its service."""
        name = text.partition("service ")[2].partition(" ")[0] or "none"
        path = os.path.join(self.folder, folder, f"{name}.idl")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def compare(self, new, command="compare"):
        old, new = self.write("old", OLD), self.write("new", new)
        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["idlc", command, old, new]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = idlc.main()
        finally:
            sys.argv = before
        self.assertEqual(err.getvalue() if code != 1 or out.getvalue() else "", "")
        return code, out.getvalue().replace(new + ":", "").strip(), err.getvalue()

    def test_every_rule(self):
        for name, (text, other, expected) in CASES.items():
            with self.subTest(name):
                if text:
                    self.assertEqual(OLD.count(text), 1)
                code, said, _ = self.compare(OLD.replace(text, other) if text else OLD)
                self.assertEqual(said, expected)
                self.assertEqual(code, 1 if "breaks:" in expected else 0)

    def test_the_other_spelling(self):
        code, said, _ = self.compare(OLD.replace("list[..8]", "list[..7]"), "--check")
        self.assertEqual(code, 1)
        self.assertIn("breaks", said)

    def test_a_file_that_is_none(self):
        code, said, errors = self.compare("service")
        self.assertEqual((code, said), (1, ""))
        self.assertIn("error:", errors)


if __name__ == "__main__":
    unittest.main()
