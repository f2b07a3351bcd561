"""compare.py - `./run bench rpc`: Tacit's calls and streams beside those of its peers.

Every peer is a program of two commands, a server and a load (bench/rpc/load.h). Servers and loads
are processes of their own, pinned where a row says so; rounds are interleaved: each runs every
peer once, so that all see the same machine. Figures are medians of rounds, ratios are medians of
each round's ratio. A peer that was not built has an empty column.
"""

import argparse
import datetime
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from peer import OURS, PEERS, Failure, Platform, Server, certificates

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, "..", "..", "docs", "performance.md")
BEGIN, END = "<!-- ./run bench rpc: begin -->\n", "<!-- ./run bench rpc: end -->\n"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

TITLES = {"tacit": "Tacit", "zmq": "raw CURVE", "grpc": "gRPC, mTLS", "nng": "nng, TLS",
          "gcm": "bare loop"}

# One call after the other: bytes, placement. Both processes on one core, or one core each.
SINGLE = ((32, "one"), (KIB, "one"), (32, "two"), (KIB, "two"))
# Several at once, unpinned: bytes, outstanding, figure, least ratios to raw CURVE and to gRPC.
SEVERAL = ((32, 64, "rate", 1.5, 5), (KIB, 64, "rate", 1.5, 5), (64 * KIB, 64, "mb_s", None, 1.5),
           (MIB, 8, "mb_s", None, 1.5), (16 * MIB, 8, "mb_s", None, 1.5))
MOST_SINGLE = 1.10  # times raw CURVE
LEAST_STREAM = 0.8  # times the bare loop


def size_text(size):
    return (f"{size // MIB} MiB" if size >= MIB else
            f"{size // KIB} KiB" if size >= KIB else f"{size} B")


def short(peer):
    return TITLES[peer].split(",")[0]


def number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Rounds:
    """Figures of a row: of each peer and variant, one dictionary for each round."""

    def __init__(self):
        self.runs = {}

    def add(self, peer, variant, run):
        self.runs.setdefault((peer, variant), []).append(run)

    def values(self, key, figure):
        return [figure(run) for run in self.runs[key] if run]

    def best(self, peer, figure, least):
        """The variant of a peer with the best median, and that; None where there is none."""
        medians = [(statistics.median(values), key) for key in self.runs if key[0] == peer
                   for values in [self.values(key, figure)] if values]
        return (min if least else max)(medians, default=(None, None))

    def ratio(self, peer, figure, least):
        """Tacit's figure by the peer's best variant's, the median of rounds that have both."""
        _, key = self.best(peer, figure, least)
        mine = self.runs.get(("tacit", ""), [])
        pairs = [figure(own) / figure(other)
                 for own, other in zip(mine, self.runs.get(key, [])) if own and other]
        return statistics.median(pairs) if pairs else None


def cpu_us(run):
    return run["client_cpu_us"] + run["server_cpu_us"]


class Comparison:
    def __init__(self, options, work, peers=PEERS):
        self.options, self.work, self.rows, self.failures = options, work, [], 0
        self.environment = dict(os.environ, ZSYS_MAX_SOCKETS="16384")
        self.peers = {}
        self.programs = {"gcm": os.path.join(options.bin, "tacit-bench-gcm")}
        for peer in peers:
            program, variants = PEERS[peer]
            folder = options.bin if program.startswith("tacit") else options.peers
            path = os.path.join(folder or "", program)
            if os.path.exists(path):
                self.programs[peer], self.peers[peer] = path, variants
            else:
                print(f"bench: there is no {program}: {peer} is left out", file=sys.stderr)
        processors = sorted(os.sched_getaffinity(0))
        self.placements = {"one": (processors[:1], processors[:1]),
                           "two": (processors[-1:], processors[:1]), "free": (None, None)}

    # --- measuring ---------------------------------------------------------------------------

    def servers(self, placement):
        """Every variant of every peer, on the server's processors."""
        processors = self.placements[placement][0]
        started = []
        try:
            for peer, variants in self.peers.items():
                started += [Server(self, peer, variant, processors) for variant in variants]
        except Failure:
            self.stop(started)
            raise
        return started

    @staticmethod
    def stop(servers):
        for server in servers:
            server.__exit__()

    def rounds(self, servers, command, placement, **options):
        """Each server loaded once in every round; the first of a round changes."""
        result = Rounds()
        for turn in range(self.options.rounds):
            first = turn % len(servers)
            for server in servers[first:] + servers[:first]:
                result.add(server.peer, server.variant,
                           server.load(command, processors=self.placements[placement][1],
                                       **options))
        return result

    def calls(self, placement, cells):
        """Rounds of each cell, all against the same servers."""
        servers = self.servers(placement)
        try:
            for size, outstanding in cells:
                ms = self.options.ms * (3 if size >= 16 * MIB else 1)
                yield size, self.rounds(servers, "calls", placement, size=size,
                                        outstanding=outstanding, ms=ms)
        finally:
            self.stop(servers)

    def single(self):
        for placement in ("one", "two"):
            cells = [(size, 1) for size, where in SINGLE if where == placement]
            for size, rounds in self.calls(placement, cells):
                name = f"p50, {size_text(size)}, {placement} core{'s' * (placement == 'two')}"
                self.row(name, "us", rounds, lambda run: run["p50_us"], least=True,
                         goals=(("zmq", MOST_SINGLE),))
                self.row("processor time of it, both sides", "us", rounds, cpu_us, least=True,
                         goals=(("grpc", 1),))

    def several(self):
        cells = {size: row for row in SEVERAL for size in row[:1]}
        for size, rounds in self.calls("free", [row[:2] for row in SEVERAL]):
            _, outstanding, figure, raw, grpc = cells[size]
            unit = "calls/s" if figure == "rate" else "MB/s"
            goals = [goal for goal in (("zmq", raw), ("grpc", grpc)) if goal[1]]
            self.row(f"{size_text(size)}, {outstanding} outstanding", unit, rounds,
                     lambda run, figure=figure: run[figure], least=False, goals=goals)
            self.row("processor time of one, both sides", "us", rounds, cpu_us, least=True,
                     goals=(("grpc", 1),))

    def stream(self):
        rounds = Rounds()
        kinds = [(peer, variants[0]) for peer, variants in self.peers.items()
                 if peer in ("tacit", "grpc")] + [("gcm", "")]
        servers = [Server(self, *kind) for kind in kinds]
        try:
            rounds = self.rounds(servers, "stream", "free", size=256 * KIB,
                                 amount=self.options.stream)
        finally:
            self.stop(servers)
        amount = (f"{self.options.stream // GIB} GiB" if self.options.stream >= GIB
                  else size_text(self.options.stream))
        note = "the bare loop: {gcm} MB/s"
        self.row(f"stream of {amount} in 256 KiB", "MB/s", rounds, lambda run: run["mb_s"],
                 least=False, goals=(("gcm", LEAST_STREAM),), note=note)

    def connects(self):
        """Connect, one call of 32 bytes. Tacit as a user of an enclave, then as an enclave itself,
        then without a session."""
        servers = self.servers("free")
        amount = self.options.connects
        try:
            rounds = self.rounds(servers, "connects", "free", amount=amount)
            extra = {variant: Rounds() for variant in ("attested", "bare")}
            for _ in range(self.options.rounds):
                for variant, result in extra.items():
                    result.add("tacit", "",
                               servers[0].load("connects", variant, amount=amount))
        finally:
            self.stop(servers)
        p50 = lambda run: run["p50_us"]
        self.row("connect, attested binding, first call", "us", rounds, p50, least=True,
                 goals=(("grpc", 1),))
        for variant, name in (("attested", "the same, both ends enclaves"),
                              ("bare", "the same without binding: TCP, CURVE, ZAP")):
            self.row(name, "us", extra[variant], p50, least=True)

    # --- memory ------------------------------------------------------------------------------

    def crowd(self, server, variant, count):
        """A process with so many connections, each of which has called once."""
        process = subprocess.Popen(
            [self.programs[server.peer], "idle", "--address", server.address, "--folder",
             self.work, "--variant", variant, "--amount", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment)
        return process

    def memory(self, peer, sizes):
        """KiB of a server with that many clients, and what it grew by while they were idle. Of
        Tacit's clients as many have a session as an endpoint gives."""
        crowds, result, before = [], [], 0
        with Server(self, peer, self.peers[peer][0]) as server:
            empty = server.memory_kib()
            try:
                for size in sizes:
                    new, before = size - before, size
                    plan = [("bare", part) for part in parts(new, 1000)]
                    if peer == "tacit" and not crowds:
                        sessions = min(480, new // 2)
                        plan = ([("", part) for part in parts(sessions, 60)] +
                                [("bare", part) for part in parts(new - sessions, 1000)])
                    for variant, count in plan:
                        crowds.append(self.crowd(server, variant, count))
                        if not crowds[-1].stdout.readline().startswith("READY"):
                            raise Failure(f"{peer}: not all of {size} clients could connect")
                    first = server.memory_kib()
                    time.sleep(self.options.hold)
                    result.append((size, first, server.memory_kib() - first))
            except Failure as failure:  # what was measured before stays
                print(f"bench: {failure}", file=sys.stderr)
                self.failures += peer in OURS
            finally:
                for crowd in crowds:
                    crowd.kill()
                    crowd.wait()
                    crowd.stdin.close()
                    crowd.stdout.close()
        return empty, result

    def memories(self):
        measured = {}
        for peer in ("tacit", "zmq", "grpc"):
            if peer in self.peers:
                sizes = self.options.clients if peer != "grpc" else self.options.clients[:1]
                try:
                    measured[peer] = self.memory(peer, sizes)
                except Failure as failure:
                    print(f"bench: {failure}", file=sys.stderr)
                    self.failures += peer in OURS
        if "tacit" not in measured:
            return
        for index, size in enumerate([0] + [row[0] for row in measured["tacit"][1]]):
            values, growth = {}, 0
            for peer, (empty, result) in measured.items():
                if index == 0:
                    values[peer] = empty / 1024
                elif index <= len(result):
                    values[peer] = result[index - 1][1] / 1024
            if index:
                growth = measured["tacit"][1][index - 1][2]
            note = (f"{growth:+d} KiB in {self.options.hold} s" if index else "")
            self.rows.append({"what": f"server's memory, {size:,} clients", "unit": "MiB",
                              "values": values, "goal": "flat" if index else "", "reached": note,
                              "met": growth <= max(1024, values["tacit"] * 10.24)
                              if index else None})

    # --- single programs ---------------------------------------------------------------------

    def parts(self):
        """Programs that print rows of their own: what, unit, tacit, and msgpack-c's if it does
        that too."""
        for program in ("tacit-bench-binding", "tacit-bench-codec"):
            path = os.path.join(self.options.bin, program)
            runs = []
            for _ in range(self.options.rounds):
                done = subprocess.run([path, "--folder", self.work], capture_output=True,
                                      text=True, check=False)
                if done.returncode != 0:
                    raise Failure(f"{program}: {done.stderr}")
                runs.append([json.loads(line) for line in done.stdout.splitlines()])
            for same in zip(*runs):
                values = {"tacit": statistics.median(run["value"] for run in same)}
                reached = ""
                if "msgpack" in same[0]:
                    beside = statistics.median(run["msgpack"] for run in same)
                    reached = f"msgpack-c: {number(beside)}, {values['tacit'] / beside:.2f} x"
                self.rows.append({"what": same[0]["what"], "unit": same[0]["unit"],
                                  "values": values, "goal": "", "reached": reached, "met": None})

    # --- rows --------------------------------------------------------------------------------

    def row(self, what, unit, rounds, figure, least, goals=(), note=""):
        values, variants = {}, {}
        for peer in list(PEERS) + ["gcm"]:
            value, key = rounds.best(peer, figure, least)
            if value is not None:
                values[peer] = value
                variants[peer] = key[1]
        reached, met = [], None
        for peer, bound in goals:
            ratio = rounds.ratio(peer, figure, least)
            if ratio is None:
                continue
            reached.append(f"{ratio:.2f} x {short(peer)}")
            fine = ratio <= bound if least else ratio >= bound
            met = fine if met is None else met and fine
        sign = "<=" if least else ">="
        wanted = ", ".join(f"{sign} {bound:g} x {short(peer)}" for peer, bound in goals)
        self.rows.append({"what": what, "unit": unit, "values": values, "variants": variants,
                          "goal": wanted, "met": met,
                          "reached": ", ".join(reached + [note.format(
                              **{peer: number(value) for peer, value in values.items()})]
                              * bool(note and "gcm" in values))})

    def table(self):
        lines = ["| what | unit | " + " | ".join(TITLES[peer] for peer in PEERS) +
                 " | goal | reached | met |", "|---|---|" + "---:|" * len(PEERS) + "---|---|---|"]
        for row in self.rows:
            cells = []
            for peer in PEERS:
                variant = row.get("variants", {}).get(peer, "")
                text = number(row["values"].get(peer))
                cells.append(f"{text} {variant}".strip() if text else "")
            met = "" if row["met"] is None else "yes" if row["met"] else "NO"
            lines.append(f"| {row['what']} | {row['unit']} | " + " | ".join(cells) +
                         f" | {row['goal']} | {row['reached']} | {met} |")
        return "\n".join(lines) + "\n"


def parts(whole, most):
    """Numbers of at most that, which sum up to the whole."""
    return [most] * (whole // most) + [whole % most] * (whole % most > 0)


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return (f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, "
            f"Linux {platform.release()}, load {os.getloadavg()[0]:.1f} when it began, "
            f"{datetime.date.today()}")


def write_document(text):
    with open(DOCUMENT, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END)[1]
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + text + END + after)


def parse():
    parser = argparse.ArgumentParser(prog="./run bench rpc", description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (5)")
    parser.add_argument("--ms", type=int, default=500, help="milliseconds of each load (500)")
    parser.add_argument("--hold", type=int, default=10,
                        help="seconds that idle clients stay: 600 shows ten minutes (10)")
    parser.add_argument("--only", default="", help="of single, several, stream, connects, parts, "
                        "memory, separated by commas (all)")
    parser.add_argument("--clients", default="1000,10000", help=argparse.SUPPRESS)
    parser.add_argument("--connects", type=int, default=50, help=argparse.SUPPRESS)
    parser.add_argument("--stream", type=int, default=GIB, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--no-write", action="store_true",
                        help="leave docs/performance.md as it is")
    options = parser.parse_args()
    options.clients = [int(count) for count in options.clients.split(",")]
    return options


def main():
    options = parse()
    host = machine()
    with tempfile.TemporaryDirectory(prefix="tacit-bench.") as work:
        bench = Comparison(options, work)
        if "grpc" in bench.peers or "nng" in bench.peers:
            certificates(work)
        with Platform(options.bin, work):
            sections = {"single": bench.single, "several": bench.several, "stream": bench.stream,
                        "connects": bench.connects, "parts": bench.parts,
                        "memory": bench.memories}
            for name in options.only.split(",") if options.only else sections:
                sections[name]()
    text = (f"{host}; medians of {options.rounds} interleaved rounds of {options.ms} ms.\n\n"
            + bench.table())
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": host, "rows": bench.rows}, file, indent=2)
    if not options.only and not options.no_write:
        write_document(text)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
