"""Arrows point one way: services, clients -> rpc -> enclave -> nothing of ours.

Reads every #include of the tree. Generated contracts ("idl/NAME.h") stand below rpc's users, and
rpc itself speaks one of them."""

import os
import re
import shutil
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = re.compile(r"(\..*|build.*|__pycache__|node_modules)\Z")
NAMELESS = {"common", "misc", "util", "utils", "helpers"}
INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]')

OURS = {"bench", "clients", "deploy", "enclave", "examples", "idl", "rpc", "services", "tests"}
# What a folder may include, beside its own; the longest prefix counts. None: everything.
ALLOWED = {
    "enclave": [],
    "rpc": ["enclave", "idl"],
    "services": ["enclave", "idl", "rpc", "services/storage"],
    "services/inference": ["enclave", "idl", "rpc", "services/storage", "onnx"],
    "clients": ["enclave", "idl", "rpc"],
    # The owner's inspect runs the worker's own engine, and quantize makes models for it, each by its
    # one header.
    "clients/mlowner": ["enclave", "idl", "rpc", "services/inference/engine/engine.h",
                        "services/inference/quantizer/quantizer.h"],
    "bench": None,
    "deploy": None,
    "examples": None,
    "tests": None,
}
# Folders whose parts are strangers to each other: services/keys may not include services/models.
APART = {"services"}


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def home(path):
    """The folder that path may include freely: services/keys for services/keys/cache/key.c."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in APART and len(parts) > 2 else parts[0]


def judge(path, included):
    """Why the file at path may not include that; None where it may."""
    rule = max((folder for folder in ALLOWED if inside(path, folder)), key=len, default=None)
    if rule is None:
        return f"no rule says what {path.split('/')[0]}/ may include"
    if included.startswith((".", "/")) or "/../" in included:
        return "includes are rooted at the top of the tree"
    if ALLOWED[rule] is None or inside(included, home(path)):
        return None
    if any(inside(included, folder) for folder in ALLOWED[rule]):
        return None
    if "/" not in included:
        return "a quoted include names its folder"
    return f"{home(path)}/ may include {', '.join(ALLOWED[rule]) or 'nothing'} beside itself"


def walk(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not SKIPPED.match(name))
        yield os.path.relpath(folder, root).replace(os.sep, "/"), folders, sorted(files)


def violations(root):
    """(path, line, include, why) for every arrow that runs back."""
    found = []
    for folder, _, files in walk(root):
        for name in files:
            if not name.endswith((".c", ".h")):
                continue
            path = f"{folder}/{name}"
            with open(os.path.join(root, folder, name), encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    match = INCLUDE.match(line)
                    if match is None:
                        continue
                    quoted, included = match.group(1) == '"', match.group(2)
                    if not quoted and included.split("/")[0] not in OURS:
                        continue  # the system's
                    why = judge(path, included)
                    if why:
                        found.append((path, number, included, why))
    return found


def nameless(root):
    """Folders that say nothing about what is in them."""
    return [
        f"{folder}/{name}" for folder, folders, _ in walk(root) for name in folders
        if name.lower() in NAMELESS
    ]


class Tree(unittest.TestCase):
    def test_no_arrow_runs_back(self):
        self.assertEqual([f"{p}:{n}: {i}: {why}" for p, n, i, why in violations(SOURCE)], [])

    def test_every_folder_has_a_name(self):
        self.assertEqual(nameless(SOURCE), [])

    def test_something_was_read(self):
        paths = {f"{folder}/{name}" for folder, _, files in walk(SOURCE) for name in files}
        self.assertIn("enclave/seal.h", paths)
        self.assertIn("rpc/codec.h", paths)


class Control(unittest.TestCase):
    """The test itself catches what it should."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="architecture-")
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def refused(self, path, line):
        """Where violations are found, when that line stands there."""
        self.write(path, f"/* first */\n{line}\n")
        found = violations(self.root)
        os.remove(os.path.join(self.root, path))
        return [(where, number) for where, number, _, _ in found]

    def test_refuses(self):
        for path, line in (
            ("enclave/a.c", '#include "rpc/codec.h"'),
            ("enclave/a.h", '#include "idl/keys.h"'),
            ("enclave/a.c", '#include "services/platform/pki.h"'),
            ("enclave/a.c", "#include <rpc/codec.h>"),
            ("enclave/a.c", '  #  include "rpc/codec.h"'),
            ("rpc/a.c", '#include "services/keys/store.h"'),
            ("rpc/a.c", '#include "clients/lib/tensor.h"'),
            ("rpc/a.c", '#include "tests/unit/sample.h"'),
            ("services/keys/a.c", '#include "services/models/store.h"'),
            ("services/keys/deep/a.c", '#include "services/models/store.h"'),
            ("services/keys/a.c", '#include "services/inference/engine/engine.h"'),
            ("services/keys/a.c", '#include "clients/lib/tensor.h"'),
            ("services/inference/worker/a.c", '#include "services/keys/store.h"'),
            ("services/inference/worker/a.c", '#include "clients/lib/tensor.h"'),
            ("services/keysmith/a.c", '#include "services/keys/store.h"'),
            ("clients/lib/a.c", '#include "services/keys/store.h"'),
            ("clients/operator/a.c", '#include "bench/timer.h"'),
            ("clients/dataowner/a.c", '#include "services/inference/engine/engine.h"'),
            ("clients/mlowner/a.c", '#include "services/inference/engine/graph.h"'),
            ("clients/mlowner/a.c", '#include "services/inference/quantizer/draft.h"'),
            ("clients/dataowner/a.c", '#include "services/inference/quantizer/quantizer.h"'),
            ("services/keys/a.c", '#include "store.h"'),
            ("services/keys/a.c", '#include "../models/store.h"'),
            ("services/keys/a.c", '#include "services/keys/../models/store.h"'),
            ("elsewhere/a.c", '#include "enclave/seal.h"'),
        ):
            with self.subTest(path=path, line=line):
                self.assertEqual(self.refused(path, line), [(path, 2)])

    def test_allows(self):
        for path, line in (
            ("enclave/a.c", '#include "enclave/seal.h"'),
            ("enclave/a.c", "#include <stdint.h>"),
            ("rpc/a.c", '#include "idl/session.h"'),
            ("rpc/a.c", '#include "enclave/seal.h"'),
            ("services/keys/a.c", '#include "services/keys/store.h"'),
            ("services/keys/deep/a.c", '#include "services/keys/store.h"'),
            ("services/keys/a.c", '#include "services/storage/database.h"'),
            ("services/inference/worker/a.c", '#include "services/inference/engine/engine.h"'),
            ("services/inference/engine/a.c", '#include "onnx/onnx.pb-c.h"'),
            ("clients/operator/a.c", '#include "clients/lib/tensor.h"'),
            ("clients/mlowner/a.c", '#include "services/inference/engine/engine.h"'),
            ("clients/mlowner/a.c", '#include "services/inference/quantizer/quantizer.h"'),
            ("clients/mlowner/a.c", '#include "clients/lib/tensor.h"'),
            ("bench/a.c", '#include "services/inference/engine/engine.h"'),
            ("tests/unit/a.c", '#include "services/keys/store.h"'),
            ("build-mine/a.c", '#include "nowhere.h"'),
        ):
            with self.subTest(path=path, line=line):
                self.assertEqual(self.refused(path, line), [])

    def test_finds_folders_without_a_name(self):
        for folder in ("services/common", "utils", "clients/lib/misc"):
            os.makedirs(os.path.join(self.root, folder))
        found = ["./utils", "clients/lib/misc", "services/common"]
        self.assertEqual(sorted(nameless(self.root)), found)


if __name__ == "__main__":
    unittest.main()
