"""peer.py - programs that are measured beside each other: servers and loads as processes of their
own, pinned where a row says so, and what they need before: certificates, a simulated processor.
"""

import json
import os
import re
import subprocess
import sys

PATIENCE = 60  # seconds for anything that should take less than one

# name: program, variants of its server. The best variant of each row is what is compared.
PEERS = {
    "tacit": ("tacit-bench-tacit", ("",)),
    "zmq": ("tacit-bench-zmq", ("",)),
    "grpc": ("bench-grpc", ("sync", "async", "callback")),
    "nng": ("bench-nng", ("",)),
}
OURS = ("tacit", "zmq", "gcm")  # what must not fail


class Failure(Exception):
    pass


class Server:
    """One variant of one peer's server, on some processors; gone at the end of a with."""

    def __init__(self, bench, peer, variant, processors=None):
        self.peer, self.variant, self.bench = peer, variant, bench
        program = bench.programs[peer]
        self.process = subprocess.Popen(
            [program, "serve", "--folder", bench.work, "--variant", variant],
            stdout=subprocess.PIPE, text=True, preexec_fn=pin(processors), env=bench.environment)
        line = self.process.stdout.readline()
        if not line.startswith("READY "):
            raise Failure(f"{os.path.basename(program)} {variant} does not serve")
        self.address = line[len("READY "):].strip()

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def load(self, command, variant="", processors=None, timeout=PATIENCE, **options):
        """What that load measured; None, with a word, where it failed."""
        arguments = [self.bench.programs[self.peer], command, "--address", self.address,
                     "--folder", self.bench.work, "--variant", variant,
                     "--server", str(self.process.pid)]
        for name, value in options.items():
            arguments += [f"--{name}", str(value)]
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout,
                                  preexec_fn=pin(processors), env=self.bench.environment,
                                  check=True)
            return json.loads(done.stdout)
        except (subprocess.SubprocessError, json.JSONDecodeError) as error:
            why = getattr(error, "stderr", "") or error
            print(f"bench: {self.peer} {self.variant} {command} {options}: {why}", file=sys.stderr)
            self.bench.failures += self.peer in OURS
            return None


def pin(processors):
    return (lambda: os.sched_setaffinity(0, processors)) if processors else None


def certificates(folder):
    """A root, a server and a client, as gRPC and nng want them."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=bench", "-keyout", "ca.key",
            "-out", "ca.pem")
    with open(os.path.join(folder, "names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for who in ("server", "client"):
        openssl("req", *key, "-subj", f"/CN={who}", "-keyout", f"{who}.key", "-out", f"{who}.csr")
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", f"{who}.pem")


class Platform:
    """The simulated processor that Tacit's enclaves are quoted by."""

    def __init__(self, folder, work, tee="sgx"):
        self.process = subprocess.Popen(
            [os.path.join(folder, "tacit-platformd"), "--state", os.path.join(work, "platform"),
             "--socket", os.path.join(work, "platform.sock"), "--tee", tee],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if not self.process.stdout.readline().startswith("READY"):
            raise Failure("no platform")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
