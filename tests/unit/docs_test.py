"""docs_test.py - what the documents name is there: files, links, headings, labels, packages.

A document that names a file which was renamed since is wrong, and nobody notices. What is checked:
links between documents and their headings; file names in backquotes; the table of labels in
security.md against the code; the packages of deploy/packages against dependencies.md.
"""

import os
import re
import subprocess
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = ["README.md"] + [f"docs/{name}" for name in sorted(os.listdir(f"{SOURCE}/docs"))
                             if name.endswith(".md")]
FOLDERS = "bench|clients|cmake|deploy|docs|enclave|examples|idl|rpc|services|tests"


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def plain(document):
    """Without fenced blocks, in which anything may stand."""
    return re.sub(r"^```.*?^```", "", read(document), flags=re.MULTILINE | re.DOTALL)


def anchors(document):
    """Of every heading, as they are made from its text where documents are shown."""
    headings = re.findall(r"^#+ (.*)$", plain(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sources():
    for folder in ("clients", "enclave", "rpc", "services"):
        for path, _, names in os.walk(os.path.join(SOURCE, folder)):
            for name in names:
                if name.endswith(".c"):
                    yield os.path.relpath(os.path.join(path, name), SOURCE)


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", plain(document)):
                if re.match(r"https?://", target):
                    continue
                path, _, anchor = target.partition("#")
                path = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
                with self.subTest(f"{document}: {target}"):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, path)))
                    if anchor and path.endswith(".md"):
                        self.assertIn(anchor, anchors(path))

    def test_files_exist(self):
        pattern = rf"`((?:{FOLDERS})/[\w/.*-]*)(?::(\w+))?`"
        found = 0
        for document in DOCUMENTS:
            for path, function in re.findall(pattern, plain(document)):
                if "NAME" in path:
                    continue
                found += 1
                with self.subTest(f"{document}: {path}"):
                    listed = subprocess.run(["bash", "-c", f"ls -d {path}"], cwd=SOURCE,
                                            capture_output=True, check=False)
                    self.assertEqual(listed.returncode, 0)
                    if function:
                        self.assertTrue(f"{function}(" in read(path), function)
        self.assertGreater(found, 50)

    def test_tests_named_in_security_exist(self):
        names = re.findall(r"`(\w+_test\.(?:c|py))`", plain("docs/security.md"))
        self.assertGreater(len(names), 10)
        for name in sorted(set(names)):
            with self.subTest(name):
                self.assertTrue(any(os.path.exists(os.path.join(SOURCE, "tests", kind, name))
                                    for kind in ("unit", "integration", "fault")))

    def test_labels_are_those_of_the_code(self):
        code = set()
        for path in sources():
            code |= set(re.findall(r'"(tacit/[a-z/]+/v\d+)"', read(path)))
        section = read("docs/security.md").split("## Labels")[1].split("\n## ")[0]
        self.assertEqual(code, set(re.findall(r"`(tacit/[a-z/]+/v\d+)`", section)))

    def test_the_worked_example_is_shown_as_it_is(self):
        """Each block of code stands in a file of examples/echo, line by line."""
        files = [read(f"examples/echo/{name}")
                 for name in sorted(os.listdir(f"{SOURCE}/examples/echo"))
                 if name.endswith((".c", ".idl", ".py", ".txt"))]
        fenced = re.findall(r"^```(\w*)\n(.*?)^```$", read("docs/writing-a-service.md"),
                            re.MULTILINE | re.DOTALL)
        blocks = [block for language, block in fenced if not language]
        self.assertGreater(len(blocks), 6)
        for block in blocks:
            with self.subTest(block.split("\n")[0]):
                self.assertTrue(any(block in text for text in files))

    def test_the_protocol_has_what_a_client_needs(self):
        """Roles, members of the trust file and labels, as the code has them."""
        protocol = read("docs/PROTOCOL.md")
        roles = re.findall(r"TACIT_ROLE_(\w+) = (\d+)", read("enclave/role.h"))
        self.assertEqual([(number, name.lower()) for name, number in roles if number != "0"],
                         re.findall(r"^\| (\d+) \| `(\w+)` \|", protocol.split("### Roles")[1]
                                    .split("### The trust file")[0], re.MULTILINE))
        members = re.findall(r'S_MEMBER\((\w+), S_|\.name = "(\w+)"', read("rpc/trust.c"))
        section = protocol.split("### The trust file")[1].split("\n## ")[0]
        self.assertEqual({one or other for one, other in members},
                         set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)))
        spoken = set(re.findall(r'"(tacit/[a-z/]+/v\d+)"', read("tests/integration/wire.py")))
        self.assertGreater(len(spoken), 8)
        self.assertEqual([], [label for label in sorted(spoken) if label not in protocol])

    def test_packages_are_explained(self):
        listed = re.findall(r"^(?:build|test|peer|bench) (\S+)$", read("deploy/packages"), re.MULTILINE)
        text = read("docs/dependencies.md")
        self.assertTrue(listed)
        self.assertEqual([], [name for name in listed if f"`{name}`" not in text])


if __name__ == "__main__":
    unittest.main()
