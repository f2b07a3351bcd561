"""idlc: what it makes of a contract, and where exactly it says what is wrong with one.

Golden files stand in golden/. After a change that is meant to change them:
    idlc_test.py --golden
"""

import ast
import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
GOLDEN = os.path.join(HERE, "golden")
SAMPLE = os.path.join(GOLDEN, "sample.idl")
PROTOCOL = os.path.join(SOURCE, "docs", "PROTOCOL.md")
IDL = os.path.join(SOURCE, "idl")
PROJECT = sorted(os.path.join(IDL, name) for name in os.listdir(IDL) if name.endswith(".idl"))
WARNINGS = (
    "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes"
    " -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wvla -Werror -fsyntax-only"
).split()

sys.path.insert(0, IDL)
sys.dont_write_bytecode = True


def idlc(*arguments, seed="0", cwd=None):
    environment = dict(
        os.environ, PYTHONPATH=IDL, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED=seed
    )
    return subprocess.run(
        [sys.executable, "-m", "idlc", *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def check(*files):
    """`idlc check` in this process, for files by the hundred: (exit code, output, errors)."""
    from idlc.__main__ import main

    out, errors = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", ["idlc", "check", *files]), \
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        return main(), out.getvalue(), errors.getvalue()


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def contents(folder):
    return {name: read(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


class Scratch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="idlc-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path


class Output(Scratch):
    maxDiff = None

    def made(self, seed="0"):
        out = os.path.join(self.folder, f"out-{seed}", "idl")
        run = idlc("c", "--out", out, SAMPLE, seed=seed)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return out

    def test_c_is_golden(self):
        made = contents(self.made())
        self.assertEqual(sorted(made), ["sample.c", "sample.h"])
        for name, text in made.items():
            self.assertEqual(text, read(os.path.join(GOLDEN, name)), name)

    def test_python_is_golden(self):
        out = os.path.join(self.folder, "python")
        run = idlc("python", "--out", out, SAMPLE)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(contents(out), {"sample.py": read(os.path.join(GOLDEN, "sample.py"))})

    def test_python_is_the_same_under_every_hash_seed(self):
        outputs = []
        for seed in ("0", "1", "4711"):
            out = os.path.join(self.folder, f"python-{seed}")
            self.assertEqual(idlc("python", "--out", out, *PROJECT, seed=seed).returncode, 0)
            outputs.append(contents(out))
        self.assertEqual(len(outputs[0]), len(PROJECT))
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(outputs[0], outputs[2])

    def test_markdown_and_dictionary_are_golden(self):
        for command, name in (("markdown", "sample.md"), ("dictionary", "sample.dict")):
            run = idlc(command, SAMPLE)
            self.assertEqual(run.stdout, read(os.path.join(GOLDEN, name)), name)

    def test_is_the_same_under_every_hash_seed(self):
        outputs = [contents(self.made(seed)) for seed in ("0", "1", "4711")]
        self.assertEqual(outputs[0], outputs[1])
        self.assertEqual(outputs[0], outputs[2])
        for command in ("markdown", "dictionary"):
            texts = {idlc(command, *PROJECT, seed=seed).stdout for seed in ("0", "1", "4711")}
            self.assertEqual(len(texts), 1, command)

    def test_does_not_depend_on_where_the_file_is(self):
        shutil.copy(SAMPLE, self.folder)
        idlc("c", "--out", "here", "sample.idl", cwd=self.folder)
        self.assertEqual(contents(os.path.join(self.folder, "here")), contents(self.made()))

    def test_does_not_depend_on_the_files_order(self):
        self.assertEqual(
            idlc("markdown", *PROJECT).stdout, idlc("markdown", *reversed(PROJECT)).stdout
        )

    def test_carries_text_and_its_hash(self):
        text = read(SAMPLE)
        source = read(os.path.join(GOLDEN, "sample.c"))
        literal = re.search(r"s_text\[\] =\n(.*?);\n\n", source, re.DOTALL).group(1)
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"', literal)
        self.assertEqual("".join(parts).replace("\\n", "\n").replace('\\"', '"'), text)
        digest = re.search(r"\.sha256 = \{(.*?)\}", source, re.DOTALL).group(1)
        octets = bytes(int(octet, 16) for octet in re.findall(r"0x(..)", digest))
        self.assertEqual(octets, hashlib.sha256(text.encode()).digest())

    def test_compiles_under_the_projects_warnings(self):
        out = self.made()
        for name in PROJECT:
            self.assertEqual(idlc("c", "--out", out, name).returncode, 0, name)
        compiler = os.environ.get("TACIT_CC", "cc")
        for name in sorted(os.listdir(out)):
            if name.endswith(".c"):
                include = [f"-I{os.path.dirname(out)}", f"-I{SOURCE}"]
                run = subprocess.run(
                    [compiler, *WARNINGS, *include, os.path.join(out, name)],
                    capture_output=True,
                    encoding="utf-8",
                    timeout=120,
                    check=False,
                )
                self.assertEqual(run.returncode, 0, run.stderr)

    def test_escapes_what_c_would_misread(self):
        path = self.write(
            "odd.idl",
            'service odd 901 "Odd \\ ??= é % */ /* text"\n'
            "## ends */ early /* and begins\nmethod go (1 a: u8) -> () caller anyone deadline 1s\n",
        )
        out = os.path.join(self.folder, "odd", "idl")
        self.assertEqual(idlc("c", "--out", out, path).returncode, 0)
        self.assertIn(r"Odd \\ \?\?= \303\251 % */ /* text", read(os.path.join(out, "odd.c")))
        run = subprocess.run(
            [os.environ.get("TACIT_CC", "cc"), *WARNINGS, f"-I{os.path.dirname(out)}"]
            + [f"-I{SOURCE}", os.path.join(out, "odd.c")],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_escapes_what_python_would_misread(self):
        """Text is text: nothing of it ends a docstring or a comment and runs."""
        text = 'Odd \\ """ é \\N{{DIGIT ONE}} \\'
        path = self.write(
            "odd.idl",
            'service odd 901 "Odd \\ é"\n'
            f'## {text}\nerror no_good 901001 "x"\n## {text}\nenum kind {{ none 1, true 2 }}\n'
            f"## {text}\nmethod go (\n## {text}\n1 class: u8, 2 self: u8, 3 bulk: kind) -> ()"
            " caller anyone deadline 1s errors no_good\n",
        )
        out = os.path.join(self.folder, "python")
        run = idlc("python", "--out", out, path)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        tree = ast.parse(read(os.path.join(out, "odd.py")))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self.assertEqual(
            sorted(classes), ["GoArgs", "GoResult", "Kind", "NoGood", "OddClient"]
        )
        self.assertIn('"""', ast.get_docstring(classes["NoGood"]))
        fields = [node.target.id for node in classes["GoArgs"].body
                  if isinstance(node, ast.AnnAssign)]
        self.assertEqual(fields[:3], ["class_", "self_", "bulk_"])

    def test_names_that_are_one_in_python(self):
        path = self.write(
            "bad.idl",
            'service bad 901 "Bad"\nerror go_args 901001 "x"\n'
            "method go () -> () caller anyone deadline 1s\n",
        )
        run = idlc("check", path)
        self.assertEqual(run.returncode, 1)
        self.assertIn("would both be GoArgs in Python", run.stderr)


class ProjectFiles(unittest.TestCase):
    maxDiff = None

    def test_check_clean_together(self):
        run = idlc("check", *PROJECT)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(len(run.stdout.splitlines()), len(PROJECT))

    def test_protocol_document_holds_their_tables(self):
        document = read(PROTOCOL)
        section = document.split("<!-- idlc: begin -->\n")[1].split("<!-- idlc: end -->")[0]
        hint = "run: PYTHONPATH=idl python3 -m idlc markdown --update docs/PROTOCOL.md idl/*.idl"
        self.assertEqual(section, idlc("markdown", *PROJECT).stdout, hint)


class ProtocolDocument(unittest.TestCase):
    maxDiff = None

    def test_links_inside_it_lead_somewhere(self):
        document = read(PROTOCOL)
        anchors = {
            re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", document, re.MULTILINE)
        }
        links = set(re.findall(r"\]\(#([^)]*)\)", document))
        self.assertGreater(len(links), 40)
        self.assertEqual(links - anchors, set())

    def test_document_has_the_codes_of_the_header(self):
        row = re.compile(r'X\([A-Z_]+,\s*(\d+),\s*"([^"]+)",\s*"([^"]+)"\)')
        header = row.findall(read(os.path.join(SOURCE, "enclave", "status.h")))
        self.assertGreater(len(header), 40)
        section = read(PROTOCOL).split("## Errors")[1].split("\n## ")[0]
        table = re.findall(r"^\| (\d{3}) \| `(\w+)` \| (.*) \|$", section, re.MULTILINE)
        on_the_wire = [one for one in header if int(one[0]) >= 100]  # not ok, not pending
        self.assertEqual(table, on_the_wire)


class Limits(unittest.TestCase):
    """idlc knows bounds of the code that reads its tables; they are the same."""

    def constant(self, header, name):
        found = re.search(rf"\b{name} = ([^,/\n]+)", read(os.path.join(SOURCE, header)))
        self.assertIsNotNone(found, name)
        return eval(found.group(1), {})  # pylint: disable=eval-used  # of our own header

    def test_are_those_of_the_headers(self):
        from idlc import checks, model, sizes

        self.assertEqual(checks.FIELDS_MAX, self.constant("rpc/codec.h", "TACIT_CODEC_FIELDS_MAX"))
        self.assertEqual(checks.BULK_MAX, self.constant("rpc/limits.h", "TACIT_BULK_MAX"))
        self.assertEqual(checks.CALLS_MAX, self.constant("rpc/limits.h", "TACIT_CALLS_PENDING_MAX"))
        self.assertEqual(sizes.FRAME_MAX, self.constant("rpc/frame.h", "TACIT_FRAME_MAX"))
        depth = self.constant("rpc/reader.h", "TACIT_CODEC_DEPTH_MAX")
        self.assertLessEqual(2 * checks.NESTING_MAX, depth)
        name = self.constant("rpc/frame.h", "TACIT_METHOD_NAME_MAX")
        self.assertLessEqual(2 * checks.NAME_MAX + len("."), name)
        name = self.constant("enclave/error.h", "TACIT_ERROR_NAME_MAX")
        self.assertLess(checks.NAME_MAX, name)
        overhead = self.constant("enclave/seal.h", "TACIT_SEAL_NONCE_SIZE")
        overhead += self.constant("enclave/seal.h", "TACIT_SEAL_TAG_SIZE")
        self.assertEqual(sizes.SECRET_OVERHEAD, overhead)
        for role, number in model.ENCLAVE_ROLES.items():
            self.assertEqual(self.constant("enclave/role.h", f"TACIT_ROLE_{role.upper()}"), number)


class CommandLine(Scratch):
    def test_help_of_everything(self):
        self.assertIn("markdown", idlc("--help").stdout)
        for command in ("c", "markdown", "dictionary", "check"):
            run = idlc(command, "--help")
            self.assertEqual(run.returncode, 0)
            self.assertIn("FILE.idl", run.stdout)

    def test_wrong_usage_is_2(self):
        for arguments in ((), ("c", SAMPLE), ("cook", SAMPLE), ("check",)):
            self.assertEqual(idlc(*arguments).returncode, 2, arguments)

    def test_unreadable_file_is_1(self):
        run = idlc("check", os.path.join(self.folder, "absent.idl"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("absent.idl", run.stderr)

    def test_refused_file_writes_nothing(self):
        out = os.path.join(self.folder, "out")
        bad = self.write("bad.idl", "service bad 1")
        self.assertEqual(idlc("c", "--out", out, SAMPLE, bad).returncode, 1)
        self.assertFalse(os.path.exists(out))

    def test_update_rewrites_the_section_only(self):
        document = self.write(
            "page.md", "# Mine\n<!-- idlc: begin -->\nold\n<!-- idlc: end -->\ntail\n"
        )
        self.assertEqual(idlc("markdown", "--update", document, SAMPLE).returncode, 0)
        golden = read(os.path.join(GOLDEN, "sample.md"))
        self.assertEqual(
            read(document),
            f"# Mine\n<!-- idlc: begin -->\n{golden}<!-- idlc: end -->\ntail\n",
        )

    def test_update_refuses_a_page_without_markers(self):
        for text in ("", "<!-- idlc: begin -->\n", "<!-- idlc: end --><!-- idlc: begin -->"):
            document = self.write("page.md", text)
            self.assertEqual(idlc("markdown", "--update", document, SAMPLE).returncode, 1)
            self.assertEqual(read(document), text)


HEAD = 'service bad 7 "Says something"\n'
TAIL = " caller user deadline 5s\n"


def method(fields, results="", tail=TAIL):
    return f"{HEAD}method go ({fields}) -> ({results}){tail}"


def fields(count, of_type):
    return ", ".join(f"{number} f{number}: {of_type}" for number in range(1, count + 1))


# Each text is refused where the ^ stands (it is taken out first), for the reason beside it.
REFUSED = [
    # lexer
    (HEAD + "^$", "unexpected character '$'"),
    (HEAD + "^\t", "unexpected character '\\t'"),
    (HEAD + "# a comment ^\x01", "unexpected character '\\x01'"),
    (HEAD + "^é", "unexpected character '\\xe9'"),
    ('service bad 7 ^"no end\n', "the string does not end on its line"),
    (HEAD + "error ^Bad 7001", "'Bad' is no name (a-z, 0-9, _), no number and no duration"),
    (HEAD + "error ^_bad 7001", "'_bad' is no name"),
    (method("^01 a: u8"), "'01' is no name"),
    (method("^18446744073709551616 a: u8"), "the number is above 2^64 - 1"),
    (method("^" + "9" * 5000 + " a: u8"), "the number is above 2^64 - 1"),
    (method("", tail=" caller user deadline ^5m"), "'5m' is no name"),
    (method("", tail=" caller user deadline ^0s"), "'0s' is no name"),
    # the service
    ("^", "expected 'service' before anything else, got end of file"),
    ("# nothing\n^error bad 1", "expected 'service' before anything else, got 'error'"),
    ("service ^7", "expected the service's name, got '7'"),
    ('service bad ^"x"', "expected the service's number, got 'x'"),
    ("service bad 7 ^error", "expected what the service does, in quotes, got 'error'"),
    (HEAD + '^service more 8 "x"', "a file has one service"),
    (HEAD + "^thing x", "expected 'error', 'enum', 'struct' or 'method', got 'thing'"),
    ('service ^other 7 "x"', "service 'other' must stand in other.idl"),
    ('service bad ^0 "x"', "a service's number is 1 to 1000"),
    ('service bad ^1001 "x"', "a service's number is 1 to 1000"),
    (HEAD + "^## left over\n", "nothing that a ## comment can describe follows it"),
    (method("1 a: ^## here\nu8"), "nothing that a ## comment can describe follows it"),
    # errors
    (HEAD + "error ^7001", "expected the error's name, got '7001'"),
    (HEAD + 'error bad ^"x"', "expected the error's code, got 'x'"),
    (HEAD + "error bad 7001 ^", "expected what happened, in quotes, got end of file"),
    (HEAD + 'error bad ^6999 "x"', "codes of service 7 are 7000 to 7999"),
    (HEAD + 'error bad ^8000 "x"', "codes of service 7 are 7000 to 7999"),
    (HEAD + 'error a 7001 "x"\nerror b ^7001 "x"', "code 7001 is taken"),
    (HEAD + 'error a 7001 "x"\nerror ^a 7002 "x"', "error 'a' is there already"),
    (HEAD + f'error ^{"a" * 48} 7001 "x"', "a name has at most 47 characters"),
    # enums
    (HEAD + "enum e { a ^}", "expected the value's number, got '}'"),
    (HEAD + "enum e { a 1 ^b 2 }", "expected ',' or '}', got 'b'"),
    (HEAD + "enum ^e {}", "enum 'e' has no values"),
    (HEAD + "enum e { a 1, ^a 2 }", "value 'a' is there already"),
    (HEAD + "enum e { a 1, b ^1 }", "number 1 is taken"),
    (HEAD + "enum e { a ^4294967296 }", "a value's number is at most 2^32 - 1"),
    # structs and fields
    (HEAD + "struct ^s {}", "struct 's' has no fields"),
    (HEAD + "struct s ^( 1 a: u8 )", "expected '{', got '('"),
    (HEAD + "struct s { ^a: u8 }", "expected a field's number, got 'a'"),
    (HEAD + "struct s { 1 ^: u8 }", "expected the field's name, got ':'"),
    (HEAD + "struct s { 1 a ^u8 }", "expected ':', got 'u8'"),
    (HEAD + "struct s { 1 a: ^}", "expected a type, got '}'"),
    (HEAD + "struct s { 1 a: u8 ^", "expected ',' or '}', got end of file"),
    (HEAD + "struct s { 1 a: u8 }\nenum ^s { a 1 }", "type 's' is there already"),
    (method("1 a: u8, ^1 b: u8"), "field number 1 is taken"),
    (method("1 a: u8, 2 ^a: u8"), "field 'a' is there already"),
    (method("^0 a: u8"), "a field's number is 1 to 127"),
    (method("^128 a: u8"), "a field's number is 1 to 127"),
    (method("", "1 a: u8, ^1 b: u8"), "field number 1 is taken"),
    (method(fields(64, "u8") + ", 65 ^x: u8"), "more than 64 fields"),
    (method("1 a: ^u7"), "unknown type 'u7'"),
    (method("1 a: list[..2] ^thing"), "unknown type 'thing'"),
    (HEAD + "struct s { 1 a: ^thing }", "unknown type 'thing'"),
    # bounds
    (method("1 a: ^string"), "'string' needs a bound: string[..N]"),
    (method("1 a: ^bytes optional"), "'bytes' needs a bound: bytes[..N]"),
    (method("1 a: ^secret, 2 b: u8"), "'secret' needs a bound: secret[..N]"),
    (method("1 a: ^list u8"), "a list needs a bound: list[..N]"),
    (method("1 a: list[^4] u8"), "expected '..', got '4'"),
    (method("1 a: list[..4] ^list[..4] u8"), "a list cannot hold lists"),
    (method("1 a: list[..^0] u8"), "a bound of 0 allows nothing"),
    (method("1 a: list[..65536] ^u8"), "a list has at most 65535 elements"),
    (method("1 a: string[..^0]"), "a bound of 0 allows nothing"),
    (method("1 a: bytes[^0]"), "a bound of 0 allows nothing"),
    (method("1 a: string[^9..8]"), "the lower bound is above the upper one"),
    (method("1 a: string[^]"), "expected a bound, got ']'"),
    (method("1 a: string[4..^]"), "expected a bound, got ']'"),
    (method("1 a: u8^[4]"), "'u8' takes no bound"),
    (method("", tail=" bulk ^[..4]" + TAIL), "expected 'in' or 'out', got '['"),
    (method("", tail=" bulk in ^caller user"), "bulk needs a bound: bulk in[..N]"),
    (method("", tail=" bulk out[..^0]" + TAIL), "a bound of 0 allows nothing"),
    (HEAD + "method ^go () -> () bulk in[..16842753]" + TAIL, "at most 16842752 bytes"),
    (method("", tail=" idempotent caller user ^idempotent" + TAIL), "two 'idempotent' clauses"),
    (method("", tail=" blocking caller user ^blocking" + TAIL), "two 'blocking' clauses"),
    (method("", tail=" limit ^caller user" + TAIL), "expected a number of calls"),
    (method("", tail=" limit ^0" + TAIL), "a bound of 0 allows nothing"),
    (method("", tail=" limit 4, ^0 per caller" + TAIL), "a bound of 0 allows nothing"),
    (method("", tail=" limit 4, 2 ^caller user" + TAIL), "expected 'per', got 'caller'"),
    (method("", tail=" limit 4 per ^user" + TAIL), "expected 'caller', got 'user'"),
    (method("", tail=" limit 4, ^5 per caller" + TAIL), "one caller's part is more than the whole"),
    (HEAD + "method go () -> () limit ^1025" + TAIL, "an endpoint has at most 1024 calls"),
    (HEAD + "method go () -> () limit ^1025 per caller" + TAIL, "an endpoint has at most 1024 calls"),
    (HEAD + "method go () -> () limit 1 queue ^1025" + TAIL, "an endpoint has at most 1024 calls"),
    (HEAD + "method go () -> () limit 1 queue ^4 per caller" + TAIL, "bound for all callers together"),
    (HEAD + "method go () -> () queue ^4" + TAIL, "nothing would wait"),
    (HEAD + "method ^go () -> () blocking stream in[..1, ..1]" + TAIL, "it cannot be blocking"),
    (method("", tail=" keyed caller user ^keyed"), "two 'keyed' clauses"),
    (HEAD + "method ^go () -> () caller anyone deadline 1s keyed", "keyed and for anyone"),
    (HEAD + "method ^go () -> () caller user deadline 1s keyed idempotent", "needs no key"),
    (HEAD + "method ^go (1 a: secret[4]) -> () caller user deadline 1s keyed", "takes a secret"),
    (HEAD + "method ^go () -> () caller user deadline 1s keyed bulk out[..4]", "has bulk out"),
    (HEAD + "method ^go () -> () caller user deadline 1s keyed durable stream in[..4, ..4]",
     "has streams"),
    (HEAD + "method ^go () -> () caller user deadline 1s keyed limit 2", "takes turns"),
    (HEAD + "method ^go () -> () caller user deadline 1s keyed blocking", "blocks"),
    (method("", tail=" stream ^[..4]" + TAIL), "expected 'in' or 'out', got '['"),
    (method("", tail=" stream in ^caller user"), "a stream needs bounds"),
    (method("", tail=" stream in[..4^]" + TAIL), "expected ',', got ']'" ),
    (method("", tail=" stream in[..^0, ..4]" + TAIL), "a bound of 0 allows nothing"),
    (method("", tail=" stream out[..4, ..^3]" + TAIL), "all chunks are less than one chunk"),
    (HEAD + "method ^go () -> () stream in[..262145, ..262145]" + TAIL, "at most 262144 bytes"),
    (HEAD + "method ^go () -> () stream out[..1, ..1099511627777]" + TAIL, "at most 1099511627776"),
    (method("", tail=" stream in[..4, ..4] resumable(^a)" + TAIL), "the service says where"),
    (method("1 a: u64", tail=" stream out[..4, ..4] resumable(^b)" + TAIL), "has no argument 'b'"),
    (method("1 a: u32", tail=" stream out[..4, ..4] resumable(^a)" + TAIL), "must be u64"),
    (method("1 a: u64 optional", tail=" stream out[..4, ..4] resumable(^a)" + TAIL), "must be u64"),
    (method("1 a: u64", tail=" stream out[..4, ..4] resumable(^)" + TAIL), "expected the argument"),
    (HEAD + "method ^go () -> () stream out[..4, ..4] resumable" + TAIL, "by an argument"),
    (HEAD + "method ^go () -> () stream in[..4, ..4] resumable stream out[..4, ..4]" + TAIL,
     "has two streams: neither is resumable"),
    # methods
    (HEAD + "method go () ^caller user", "expected '->', got 'caller'"),
    (HEAD + "method ^go () -> () deadline 5s", "method 'go' has no caller"),
    (HEAD + "method ^go () -> () caller user", "method 'go' has no deadline"),
    (method("") + "method ^go () -> ()" + TAIL, "method 'go' is there already"),
    (HEAD + "method ^health () -> ()" + TAIL, "every service has a method 'health' already"),
    (HEAD + "method ^describe () -> ()" + TAIL, "has a method 'describe' already"),
    (method("", tail=TAIL + "^caller user"), "the method has two 'caller' clauses"),
    (method("", tail=TAIL + "^deadline 1s"), "the method has two 'deadline' clauses"),
    (method("", tail=TAIL + "bulk in[..1] ^bulk in[..1]"), "two 'bulk in' clauses"),
    (method("", tail=" caller user deadline ^5"), "expected a duration (5s, 500ms), got '5'"),
    (method("", tail=" caller user deadline ^601s"), "a deadline is at most 600s"),
    (method("", tail=" deadline 5s caller ^nobody"), "unknown caller 'nobody'"),
    (method("", tail=" deadline 5s caller enclave(^cook)"), "unknown role 'cook'"),
    (method("", tail=" deadline 5s caller enclave(^user)"), "unknown role 'user'"),
    (method("", tail=" deadline 5s caller ^enclave()"), "enclave needs a role"),
    (method("", tail=" deadline 5s caller enclave(worker, ^worker)"), "is there already"),
    (method("", tail=TAIL + "errors ^absent"), "error 'absent' is not declared"),
    (method("", tail=TAIL + "errors ^"), "expected an error's name, got end of file"),
    (
        HEAD + 'error a 7001 "x"\nmethod go () -> () errors a, ^a' + TAIL,
        "error 'a' is there already",
    ),
    (method("1 a: u8", tail=" deadline 5s caller owner(^b)"), "has no argument 'b'"),
    (method("1 a: u8", tail=" deadline 5s caller owner(^a)"), "must be bytes[32]"),
    (method("1 a: bytes[31]", tail=" deadline 5s caller owner(^a)"), "must be bytes[32]"),
    (method("1 a: bytes[..32]", tail=" deadline 5s caller owner(^a)"), "must be bytes[32]"),
    (method("1 a: list[..2] bytes[32]", tail=" deadline 5s caller owner(^a)"), "must be bytes"),
    (method("1 a: bytes[32] optional", tail=" deadline 5s caller owner(^a)"), "not optional"),
    # records as a whole
    (HEAD + "struct ^s { 1 a: s }", "struct 's' holds itself"),
    (HEAD + "struct ^a { 1 b: b }\nstruct b { 1 a: list[..2] a }", "struct 'a' holds itself"),
    (
        HEAD
        + "struct d { 1 x: u8 }\nstruct c { 1 x: d }\nstruct b { 1 x: c }\nstruct a { 1 x: b }\n"
        + "struct ^o { 1 x: a }",
        "structs nest deeper than 4",
    ),
    (
        HEAD
        + "struct c { 1 x: u8 }\nstruct b { 1 x: c }\nstruct a { 1 x: b }\nstruct z { 1 x: a }\n"
        + "method ^go (1 x: z) -> ()"
        + TAIL,
        "structs nest deeper than 4",
    ),
    (method("1 ^a: secret[32]", tail=" caller anyone deadline 5s"), "but anyone may call"),
    (HEAD + "struct s { 1 ^a: secret[32] }", "a secret, which no struct holds"),
    (method("1 ^a: list[..2] secret[32]"), "a secret, which no list holds"),
    # 1 (map) + 1 (key) + 5 (head) + bytes: the frame's 1044480 are reached, and exceeded by one
    (
        HEAD + "method ^go (1 a: bytes[..1044474]) -> ()" + TAIL,
        "'go_args' may take 1044481 bytes, above 1044480",
    ),
    (
        HEAD + "method ^go () -> (1 a: secret[..1044434])" + TAIL,
        "'go_result' may take 1044481 bytes, above 1044480",
    ),
    (
        HEAD + "struct ^s { 1 a: bytes[..67108858] }",
        "'s' may take 67108865 bytes, above 67108864",
    ),
    (HEAD + "struct s [..^7] { 1 a: u8 }" + "method go (1 a: s) -> ()" + TAIL, "part of others"),
    (HEAD + "struct s [..^4] { 1 a: u8 }", "the bound changes nothing"),
    (HEAD + "struct s [^4] { 1 a: u8 }", "expected '..', got '4'"),
    # names in C
    (method("1 a: u8 optional, 2 ^has_a: bool"), "would both be go_args.has_a in C"),
    (
        HEAD + "struct go_args { 1 a: u8 }\nmethod ^go () -> ()" + TAIL,
        "would both be tacit_bad_go_args_t in C",
    ),
    (method("") + "method ^service () -> ()" + TAIL, "would both be tacit_bad_service in C"),
    (
        HEAD + 'error e_a 7001 "x"\nenum e { ^a 1 }',
        "would both be TACIT_BAD_E_A in C",
    ),
]

ACCEPTED = [
    HEAD,
    HEAD + "method go () -> (1 a: secret[4]) caller user deadline 1s keyed durable bulk in[..4]",
    method("1 a: bytes[..1044473]"),
    method("", "1 a: secret[..1044433]"),
    HEAD + "struct s { 1 a: bytes[..67108857] }",
    HEAD + "struct s [..3] { 1 a: u8 }",
    HEAD + "struct s [..100] { 1 a: list[..65535] bytes[..65535] }",
    HEAD + "struct d { 1 x: u8 }\nstruct c { 1 x: d }\nstruct b { 1 x: c }\nstruct a { 1 x: b }",
    method("127 a: u8, 1 caller: u8, 2 errors: u8, 3 struct: bool, 4 list: bool,"),
    method("1 a: list[..65535] u8"),
    method(fields(64, "u8")),
    method("", tail=" deadline 600s caller enclave(worker, gateway, keys, models, attestation)"),
    method("", tail=" bulk out[..16842752] bulk in[..1] deadline 1ms caller anyone"),
    method("", tail=" idempotent" + TAIL),
    method("", tail=" stream out[..262144, ..1099511627776] stream in[..1, ..1]" + TAIL),
    method("", tail=" stream in[..1, ..1] resumable" + TAIL),
    method("1 a: u64", tail=" stream out[..1, ..1] resumable(a)" + TAIL),
    method("", tail=" blocking queue 1024, 1024 per caller limit 1024, 1024 per caller" + TAIL),
    method("", tail=" limit 1024 per caller stream in[..1, ..1] queue 1" + TAIL),
    method("", tail=" blocking queue 1" + TAIL),
    HEAD + 'error a 7000 "x"\nerror b 7999 "x"\nenum e { a 0, b 4294967295 }',
    HEAD.replace("\n", "") + f'error {"a" * 47} 7001 "x"',
]


class Refusals(Scratch):
    def refused(self, text):
        code, out, errors = check(self.write("bad.idl", text))
        self.assertEqual((code, out), (1, ""), text)
        return errors

    def test_each_names_its_place_and_reason(self):
        for marked, reason in REFUSED:
            with self.subTest(reason=reason, text=marked[:200]):
                self.assertEqual(marked.count("^"), 1)
                before = marked[: marked.index("^")]
                line = before.count("\n") + 1
                column = len(before) - (before.rfind("\n") + 1) + 1
                path = os.path.join(self.folder, "bad.idl")
                errors = self.refused(marked.replace("^", "")).splitlines()
                place = f"{path}:{line}:{column}: error: "
                matching = [error for error in errors if error.startswith(place)]
                self.assertTrue(any(reason in error for error in matching), errors)

    def test_is_not_about_what_is_allowed(self):
        for text in ACCEPTED:
            with self.subTest(text=text[:200]):
                code, _, errors = check(self.write("bad.idl", text))
                self.assertEqual((code, errors), (0, ""), text)

    def test_not_utf8(self):
        errors = self.refused(HEAD.encode() + b"# \xc3\xa9 \xff")
        self.assertIn("bad.idl:2:5: error: the file is not UTF-8", errors)

    def test_tells_all_at_once_in_order(self):
        errors = self.refused(HEAD + "method go (1 a: u9, 1 b: u8) -> (2 c: u9)" + TAIL)
        places = re.findall(r":(\d+:\d+): error", errors)
        self.assertEqual(places, ["2:17", "2:21", "2:39"])

    def test_truncated_anywhere_it_ends_in_a_place_or_in_success(self):
        text = read(SAMPLE)
        from idlc.load import load  # in this process: a thousand files

        for size in range(len(text)):
            _, errors = load(self.write("sample.idl", text[:size]))
            for error in errors:
                self.assertLessEqual(error.position.line, text[:size].count("\n") + 1)

    def test_files_that_do_not_go_together(self):
        one = self.write("one.idl", 'service one 7 "x"\n')
        other = self.write("other.idl", 'service other 7 "x"\n')
        run = idlc("check", one, other)
        self.assertEqual(run.returncode, 1)
        place = f"{other}:1:15: error: "
        self.assertEqual(run.stderr, f"{place}service number 7 is taken by one.idl\n")


def write_golden():
    idlc("c", "--out", GOLDEN, SAMPLE)
    idlc("python", "--out", GOLDEN, SAMPLE)
    for command, name in (("markdown", "sample.md"), ("dictionary", "sample.dict")):
        with open(os.path.join(GOLDEN, name), "w", encoding="utf-8") as file:
            file.write(idlc(command, SAMPLE).stdout)


if __name__ == "__main__":
    if sys.argv[1:] == ["--golden"]:
        write_golden()
    else:
        unittest.main()
