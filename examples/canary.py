#!/usr/bin/env python3
"""Search for a planted canary where it must not be: files of a folder, memory of processes.

    canary.py --canary TEXT [--folder DIR] [--pid PID]...

Exits 0 where it is absent everywhere, 1 where it was found, 2 where something could not be looked
at. The canary is also looked for in a child of this program that holds it, so that a search that
cannot find anything is not taken for a clean one. Reading other processes' memory needs root.
"""

import argparse
import os
import subprocess
import sys

CHUNK = 1 << 20


def holds(stream, size, needle):
    """Whether the next size bytes of the stream hold the needle, read in overlapping chunks."""
    tail = b""
    while size > 0:
        data = stream.read(min(CHUNK, size))
        if not data:
            break
        if needle in tail + data:
            return True
        tail = data[-(len(needle) - 1):]
        size -= len(data)
    return False


def in_memory(pid, needle):
    """Whether a readable mapping of the process holds the needle."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as lines:
        maps = [line.split() for line in lines]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for fields in maps:
            name = fields[5] if len(fields) > 5 else ""
            if "r" not in fields[1] or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            first, last = (int(part, 16) for part in fields[0].split("-"))
            try:
                memory.seek(first)
                if holds(memory, last - first, needle):
                    return True
            except (OSError, ValueError, OverflowError):
                continue  # pages that were never there, or guard pages
    return False


def in_folder(folder, needle):
    """The files of a folder that hold the needle."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    if holds(stream, os.path.getsize(path), needle):
                        found.append(path)
    return found


def search_works(needle):
    """Positive control: a process that does hold it must be found."""
    code = "import sys; c = bytes.fromhex(sys.stdin.readline()); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        child.stdin.write(needle.hex().encode() + b"\n")
        child.stdin.flush()
        child.stdout.readline()
        found = in_memory(child.pid, needle)
        child.stdin.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--canary", required=True)
    parser.add_argument("--folder", action="append", default=[])
    parser.add_argument("--pid", action="append", default=[], type=int)
    arguments = parser.parse_args()
    needle = arguments.canary.encode()
    try:
        if not search_works(needle):
            print("canary: the search does not find what is there", file=sys.stderr)
            return 2
        leaks = [path for folder in arguments.folder for path in in_folder(folder, needle)]
        leaks += [f"memory of process {pid}" for pid in arguments.pid if in_memory(pid, needle)]
    except OSError as error:
        print(f"canary: cannot look: {error}", file=sys.stderr)
        return 2
    for leak in leaks:
        print(f"canary: FOUND in {leak}", file=sys.stderr)
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
