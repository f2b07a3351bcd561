"""engine.py - the engine beside ONNX Runtime, in one run: time, load time, memory, results.

    engine.py --bin DIR --peer DIR --work DIR [--quick] [--json FILE] [--model NAME].. [--file ONNX]..

Both get the same models and inputs; each runs in a process of its own that stays, and rounds
alternate between them, so that whatever else the machine does meets both. A figure is the median of
the rounds' medians; a ratio is the median of the ratios of rounds that stand side by side; BEST is
the ratio of each one's fastest round, which says more where other jobs disturb. With --cpu times are
the processor's of one thread (of ONNX Runtime: of its process), which waiting for others is not in.
"""

import argparse
import array
import json
import os
import random
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PIXELS = [3, 224, 224]
# name: dimensions after the batch, type, batches
MODELS = {
    "mobilenetv2": (PIXELS, "float32", (1, 8)),
    "resnet50": (PIXELS, "float32", (1, 8)),
    "densenet121": (PIXELS, "float32", (1, 8)),
    "cnn_small": ([3, 32, 32], "float32", (1, 8)),
    "mlp_small": ([784], "float32", (1, 8)),
    "transformer_small": ([64], "int64", (1, 8)),
    "tabular_mlp": ([30], "float32", (32,)),
    "mobilenetv2_qlinear": (PIXELS, "float32", (1, 8)),
    "mobilenetv2_qdq": (PIXELS, "float32", (1, 8)),
    "resnet50_qlinear": (PIXELS, "float32", (1, 8)),
    "resnet50_qdq": (PIXELS, "float32", (1, 8)),
    "cnn_small_qlinear": ([3, 32, 32], "float32", (1, 8)),
    "cnn_small_qdq": ([3, 32, 32], "float32", (1, 8)),
    "transformer_dynamic": ([64], "int64", (1, 8)),
}
# Measured where they are named alone: layers as wide as BERT's.
WIDE = {"bert_128": ([128], "int64", (1,)), "bert_384": ([384], "int64", (1,))}
INTEGERS = {name: 1.0 for name in MODELS if name.endswith(("_qlinear", "_qdq", "_dynamic"))}
# time over ONNX Runtime's, one thread, batch 1 (tabular_mlp: 32)
GOALS = {
    "onednn": {"mobilenetv2": 0.85, "resnet50": 0.97, "densenet121": 0.97, "cnn_small": 0.75,
               "mlp_small": 0.75, "transformer_small": 0.75, "tabular_mlp": 0.9, **INTEGERS},
    "portable": {"mobilenetv2": 1.0, "resnet50": 1.15, "densenet121": 1.15, "cnn_small": 0.9,
                 "mlp_small": 0.9, "transformer_small": 0.9, "tabular_mlp": 0.9, **INTEGERS},
}
LOAD_GOAL, MEMORY_GOAL = 1.0, 0.6
ROUND_MS, ROUND_RUNS_MAX = 60.0, 2000


class Runner:
    """One engine with one model, waiting for commands."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        words = self.process.stdout.readline().split()
        if len(words) != 3:
            sys.exit(f"bench: {' '.join(command)} did not load its model")
        self.load_ms, self.before_mb = float(words[1]), float(words[2])

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def time(self, runs):
        return float(self.ask(str(runs)))

    def peak_mb(self):
        return float(self.ask("peak")) - self.before_mb

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.rows = []
        self.rounds = 3 if options.quick else 11

    def command(self, engine, path, threads, dims, dtype, data):
        shape = ",".join(map(str, dims))
        if engine == "onnxruntime":
            return ["node", os.path.join(self.options.peer, "peer.js"), path, str(threads), dtype,
                    shape, data, *(["cpu"] if self.options.cpu else [])]
        return [os.path.join(self.options.bin, "tacit-bench-engine"), path, "--serve", data,
                "--shape", shape, "--threads", str(threads), "--backend", engine,
                *(["--cpu"] if self.options.cpu else [])]

    def input_file(self, name, dims, dtype):
        path = os.path.join(self.options.work, "input.bin")
        count = 1
        for dim in dims:
            count *= dim
        draw = random.Random(name)
        with open(path, "wb") as file:
            if dtype == "int64":
                file.write(array.array("q", (draw.randrange(1000) for _ in range(count))).tobytes())
            else:
                file.write(array.array("f", (draw.gauss(0, 1) for _ in range(count))).tobytes())
        return path

    def difference(self, runners):
        """Of the engines' outputs from the peer's, over the peer's largest."""
        outputs = {}
        for engine, runner in runners.items():
            path = os.path.join(self.options.work, "output.bin")
            runner.ask("save " + path)
            with open(path, "rb") as file:
                outputs[engine] = array.array("f", file.read())
        peer = outputs["onnxruntime"]
        largest = max(map(abs, peer)) or 1.0
        return {engine: max(abs(a - b) for a, b in zip(output, peer)) / largest
                if len(output) == len(peer) else float("inf")
                for engine, output in outputs.items()}

    def measure(self, name, path, dims, dtype, threads):
        data = self.input_file(name, dims, dtype)
        engines = ("onnxruntime", *self.options.backend)
        runners = {engine: Runner(self.command(engine, path, threads, dims, dtype, data))
                   for engine in engines}
        apart = self.difference(runners)
        first = {engine: max(runner.time(3), 1e-3) for engine, runner in runners.items()}
        runs = {engine: int(min(max(ROUND_MS / took, 3), ROUND_RUNS_MAX))
                for engine, took in first.items()}
        times = {engine: [] for engine in engines}
        for i in range(self.rounds):
            for engine in engines if i % 2 == 0 else reversed(engines):
                times[engine].append(runners[engine].time(runs[engine]))
        peak = {engine: runner.peak_mb() for engine, runner in runners.items()}
        for runner in runners.values():
            runner.end()
        for engine in self.options.backend:
            ratio = statistics.median(a / b for a, b in zip(times[engine], times["onnxruntime"]))
            goal = GOALS[engine].get(name) if threads == 1 and dims[0] in (1, 32) else None
            self.add(name, engine, "time", threads, dims[0], statistics.median(times[engine]),
                     statistics.median(times["onnxruntime"]), ratio, goal, apart[engine],
                     min(times[engine]) / min(times["onnxruntime"]))
            if threads == 1 and dims[0] == 1:
                self.add(name, engine, "peak MB", threads, 1, peak[engine], peak["onnxruntime"],
                         peak[engine] / peak["onnxruntime"], MEMORY_GOAL)

    def load(self, name, path, dims, dtype):
        data = self.input_file(name, dims, dtype)
        engines = ("onnxruntime", *self.options.backend)
        times = {engine: [] for engine in engines}
        for _ in range(2 if self.options.quick else 7):
            for engine in engines:
                runner = Runner(self.command(engine, path, 1, dims, dtype, data))
                times[engine].append(runner.load_ms)
                runner.end()
        for engine in self.options.backend:
            ratio = statistics.median(a / b for a, b in zip(times[engine], times["onnxruntime"]))
            self.add(name, engine, "load ms", 1, 1, statistics.median(times[engine]),
                     statistics.median(times["onnxruntime"]), ratio, LOAD_GOAL)

    def add(self, model, engine, what, threads, batch, ours, peer, ratio, goal, apart=None,
            best=None):
        row = {"model": model, "backend": engine, "what": what, "threads": threads, "batch": batch,
               "ours": ours, "peer": peer, "ratio": ratio, "best": best, "goal": goal,
               "apart": apart}
        self.rows.append(row)
        met = "" if goal is None else f"<= {goal:.2f} {'met' if ratio <= goal else 'MISSED'}"
        unit = "ms" if what == "time" else what.split()[-1]
        fastest = "" if best is None else f"{best:.2f}"
        differs = "" if apart is None else f"{apart:.1e}"
        print(f"{model:18} {engine:9} {what:8} {threads:7} {batch:5} {ours:9.3f} {peer:9.3f} "
              f"{unit:4} {ratio:6.2f} {fastest:>5}  {met:14} {differs}", flush=True)

    def run(self):
        print(f"{'MODEL':18} {'BACKEND':9} {'WHAT':8} {'THREADS':>7} {'BATCH':>5} {'TACIT':>9} "
              f"{'ORT':>9}      {'RATIO':>6} {'BEST':>5}  {'GOAL':14} APART")
        for name in self.options.model or MODELS:
            tail, dtype, batches = {**MODELS, **WIDE}[name]
            path = os.path.join(self.options.work, name + ".onnx")
            subprocess.run([sys.executable, os.path.join(HERE, "models", "build.py"),
                            self.options.work, name], check=True)
            for threads in self.options.threads:
                for batch in batches:
                    self.measure(name, path, [batch, *tail], dtype, threads)
            if not self.options.no_load:
                self.load(name, path, [batches[0], *tail], dtype)


def main():
    parser = argparse.ArgumentParser(prog="run bench engine")
    parser.add_argument("--bin", required=True)
    parser.add_argument("--peer", required=True, help="the folder of peer.js and its node_modules")
    parser.add_argument("--work", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-load", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="the processor's time, one thread")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--model", action="append", choices=[*MODELS, *WIDE])
    parser.add_argument("--backend", action="append", choices=list(GOALS))
    parser.add_argument("--threads", action="append", type=int)
    options = parser.parse_args()
    options.backend = options.backend or list(GOALS)
    options.threads = [1] if options.cpu else options.threads or [1, 2]
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, "
          f"{time.strftime('%Y-%m-%d')}")
    bench = Bench(options)
    bench.run()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(bench.rows, file, indent=1)


if __name__ == "__main__":
    main()
