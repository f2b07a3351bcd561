"""report.py - runs the measurements of bench/run.sh and prints them as one table.

A mesh is launched in the work folder and asked through the ordinary commands, so every figure is of
what users get. `tacit-dataowner` states the mean of each phase over one round of requests; what is
shown is the median of the rounds.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "rpc"))
import compare

EXAMPLES = os.path.join(HERE, "..", "examples")
IMAGES = os.path.join(EXAMPLES, "digits", "images")
MODELS = {
    "breast-cancer": [os.path.join(EXAMPLES, "breast-cancer", "inputs.csv")],
    "digits": sorted(os.path.join(IMAGES, name) for name in os.listdir(IMAGES)
                     if name.endswith(".png")),
}
PHASES = {
    "seal": "client: encode and seal the request",
    "queued": "gateway: wait for a worker",
    "worker": "gateway to worker and back, all told",
    "load": "worker: keys and model",
    "open": "worker: open the request",
    "run": "worker: run the model",
    "answer": "worker: seal the answer",
    "receipt": "worker: hash both, sign the receipt",
    "rest": "the way to the worker and back, and its hash of the request",
    "verify": "client: verify the receipt, open the answer",
    "total": "client: all of it, waiting behind its own other requests included",
}


WORKER = ("load", "open", "run", "answer", "receipt")  # phases timed in the worker


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []
        self.user = ["--identity", os.path.join(options.work, "user")]
        self.owner = ["--identity", os.path.join(options.work, "owner")]
        self.owner_id = ""

    def call(self, program, *arguments):
        """The program's output and how many seconds it took."""
        start = time.monotonic()
        done = subprocess.run([os.path.join(self.options.bin, program), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        took = time.monotonic() - start
        if done.returncode != 0:
            sys.exit(f"bench: {program} {' '.join(arguments[:2])} ended with "
                     f"{done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout, took

    def add(self, group, what, unit, value, bare=None, note=""):
        self.rows.append({"group": group, "what": what, "unit": unit, "value": value,
                          "bare": bare, "ratio": value / bare if bare else None, "note": note})

    def rpc(self):
        """Tacit and raw CURVE of `./run bench rpc`, in processes of their own."""
        options = argparse.Namespace(bin=self.options.bin, peers="",
                                     rounds=2 if self.options.quick else 5,
                                     ms=100 if self.options.quick else 300)
        comparison = compare.Comparison(options, self.options.work, ("tacit", "zmq"))
        with compare.Platform(self.options.bin, self.options.work):
            comparison.single()
            comparison.several()
        for row in comparison.rows:
            if row["reached"]:
                self.add("unary call", row["what"], row["unit"], row["values"]["tacit"],
                         row["values"]["zmq"], "bare: raw libzmq CURVE")

    def binding(self):
        """Connecting, binding and one call of 32 bytes, between two processes, one connection
        after the other; beside the same over bare CURVE."""
        rounds, amount = (2, 30) if self.options.quick else (5, 200)
        options = argparse.Namespace(bin=self.options.bin, peers="", rounds=rounds, ms=0)
        for tee in ("sgx", "tdx", "nitro"):
            work = os.path.join(self.options.work, tee)
            os.mkdir(work)
            comparison = compare.Comparison(options, work, ("tacit", "zmq"))
            runs = {"": [], "attested": [], "bare": []}
            with compare.Platform(self.options.bin, work, tee), \
                    compare.Server(comparison, "tacit", "") as tacit, \
                    compare.Server(comparison, "zmq", "") as zmq:
                for _ in range(rounds):
                    runs["bare"].append(zmq.load("connects", amount=amount))
                    for variant in ("", "attested"):
                        runs[variant].append(tacit.load("connects", variant, amount=amount))
            if not all(all(found) for found in runs.values()):
                sys.exit("bench: a connection failed")
            for figure in ("p50", "p99"):
                median = {name: statistics.median(run[f"{figure}_us"] for run in found)
                          for name, found in runs.items()}
                for variant, ends in (("", "a user and an enclave"), ("attested", "two enclaves")):
                    self.add("attested binding", f"{tee}, {ends}, {figure}", "us", median[variant],
                             median["bare"], "bare: connecting and one echo, raw libzmq CURVE")

    def attest(self):
        text, _ = self.call("tacit-bench-attest", "0.3" if self.options.quick else "2")
        for name, cold, known in re.findall(r"verify (.*): cold (\d+) /s, chain known (\d+) /s",
                                            text):
            self.add("verification, one core", f"{name}, cold", "1/s", float(cold))
            self.add("verification, one core", f"{name}, chain known", "1/s", float(known))

    def engine(self, model):
        text, _ = self.call("tacit-bench-engine", os.path.join(EXAMPLES, model, "model.onnx"),
                            "--repeat", "200" if self.options.quick else "2000")
        return {name: float(value) * 1000
                for name, value in re.findall(r"^(load|median) ([\d.]+) ms", text, re.M)}

    def infer(self, model, files):
        text, took = self.call(
            "tacit-dataowner", "infer", f"{self.owner_id}/{model}", *files, "--batch", "1",
            "--timing", "--json", "--receipts", os.path.join(self.options.work, "receipts"),
            *self.user)
        return json.loads(text)["timing"], took

    def launch(self):
        times = []
        for _ in range(1 if self.options.quick else 3):
            if times:
                self.call("tacit-operator", "down")
            times.append(self.call("tacit-operator", "up")[1])
        self.add("cold start", "the whole mesh (up)", "ms", statistics.median(times) * 1000)
        self.call("tacit-mlowner", "init", *self.owner)
        self.call("tacit-dataowner", "init", *self.user)
        who = [json.loads(self.call(program, "init", "--json", *identity)[0])["user"]
               for program, identity in (("tacit-mlowner", self.owner),
                                         ("tacit-dataowner", self.user))]
        self.owner_id = who[0]
        for model in MODELS:
            self.call("tacit-mlowner", "push", os.path.join(EXAMPLES, model, "model.onnx"),
                      "--name", model, *self.owner)
            self.call("tacit-mlowner", "grant", model, "--user", who[1], *self.owner)

    def inference(self, model):
        bare = self.engine(model)
        self.infer(model, MODELS[model])
        rounds = [self.infer(model, MODELS[model])[0]
                  for _ in range(2 if self.options.quick else 7)]
        means = [{name: one[f"{name}_us"]["mean"] for name in PHASES if name != "rest"}
                 for one in rounds]
        for one in means:
            one["rest"] = one["worker"] - sum(one[name] for name in WORKER)
        requests = sum(one["requests"] for one in rounds)
        for name, meaning in PHASES.items():
            self.add(f"{model}, {requests} requests", name, "us",
                     statistics.median(one[name] for one in means),
                     bare["median"] if name == "run" else None, meaning)

    def cold_worker(self):
        starts, asks, firsts, loads = [], [], [], []
        for _ in range(2 if self.options.quick else 7):
            self.call("tacit-operator", "scale", "--workers", "0")
            _, start = self.call("tacit-operator", "scale", "--workers", "1")
            timing, ask = self.infer("digits", MODELS["digits"][:1])
            starts.append(start * 1000)
            asks.append(ask * 1000)
            firsts.append((start + ask) * 1000)
            loads.append(timing["load_us"]["mean"] / 1000)
        for what, values, note in (
                ("worker: scale 0 to 1", starts, "until the command returns"),
                ("the client's first request", asks, "its process, attestation, sessions, answer"),
                ("of that: keys and model", loads, "in the worker"),
                ("worker to first answer", firsts, "both commands, one after the other")):
            self.add("cold start", what, "ms", statistics.median(values), None, note)

    def table(self):
        def number(value):
            return "" if value is None else f"{value:.0f}" if value >= 1000 else f"{value:.2f}"

        cells = [("WHAT", "", "TACIT", "BARE", "RATIO", "UNIT", "")]
        cells += [(row["group"], row["what"], number(row["value"]), number(row["bare"]),
                   number(row["ratio"]), row["unit"], row["note"]) for row in self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(7)]
        for row in cells:
            print("  ".join(cell.rjust(width) if 2 <= i <= 4 else cell.ljust(width)
                            for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return {"cpu": model.group(1) if model else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE", help="write the same as JSON")
    bench = Bench(parser.parse_args())
    host = machine()
    print("{cpu}, {cores} cores, Linux {kernel}, load {load:.2f}\n".format(**host))
    bench.rpc()
    bench.binding()
    bench.attest()
    bench.launch()
    for model in MODELS:
        bench.inference(model)
    bench.cold_worker()
    bench.table()
    if bench.options.json:
        path = os.path.join(os.environ.get("BENCH_FROM", "."), bench.options.json)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"machine": host, "rows": bench.rows}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
