"""A real mesh for a test: the build's own programs, a state folder and ports of its own.

From the environment (tests/integration/CMakeLists.txt sets it): TACIT_BIN, the folder of the
programs; TACIT_TEST_BIN, that of test programs; TACIT_SANITIZE, the sanitizers of the build, empty
for none. Everything a test waits for has a deadline, and what it started is gone when it ends.
"""

import ctypes
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import wire
from operator_view import OperatorView

BIN = os.environ["TACIT_BIN"]
TEST_BIN = os.environ["TACIT_TEST_BIN"]
SANITIZED = bool(os.environ.get("TACIT_SANITIZE"))
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(SOURCE, "examples")

# Deadlines are for machines that stand still now and then; they cost nothing where all is well.
PATIENCE = 120.0 if SANITIZED else 60.0

PR_SET_CHILD_SUBREAPER = 36
COMPLAINTS = ("Sanitizer", "runtime error:")  # of a sanitizer, in a log


def adopt_orphans():
    """The supervisor outlives tacit-operator: as our child it cannot outlive us unnoticed."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Outcome:
    """How a program ended."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """What --json says of an error."""
        return json.loads(self.err or self.out)["error"]

    def __str__(self):
        return (f"{' '.join(self.arguments)}: exit {self.code}\n-- stdout\n{self.out[-3000:]}"
                f"\n-- stderr\n{self.err[-3000:]}")


def run(program, *arguments, timeout=PATIENCE, env=None, check=False):
    """Run a program of the build to its end."""
    path = program if os.sep in program else os.path.join(BIN, program)
    command = [path, *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          env={**os.environ, **(env or {})}, check=False)
    outcome = Outcome(command, done.returncode, done.stdout.decode(errors="replace"),
                      done.stderr.decode(errors="replace"))
    if check and outcome.code != 0:
        raise AssertionError(str(outcome))
    return outcome


def await_condition(condition, what, timeout=PATIENCE, pause=0.05):
    """The first value of condition() that is true; its exceptions of calls count as not yet."""
    until = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (wire.Refused, wire.Silence, wire.HandshakeFailed, OSError, KeyError) as error:
            last = error
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout:.0f} s: {what} ({last})")
        time.sleep(pause)


def stand_still(pid):
    """Stop a process with all its threads, and see that they have stopped: a signal takes its time."""
    def stopped():
        states = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        return set(states) == {"T"}

    os.kill(pid, signal.SIGSTOP)
    await_condition(stopped, f"pid {pid} stands still", pause=0.005)


def memory_kib(pid, field):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise KeyError(field)


class Mesh:
    def __init__(self, workers=1, state=None, programs=BIN, log_level="info", tee=None):
        self.folder = tempfile.mkdtemp(prefix="tacit-test.")
        self.state = state or os.path.join(self.folder, "state")
        self.programs = programs
        self.tee = tee
        self.manifest = os.path.join(self.folder, "mesh.yaml")
        self.users = []
        with open(self.manifest, "w", encoding="utf-8") as file:
            file.write(f"mesh: 1\nworkers: {workers}\nlisten: tcp://127.0.0.1:*\n"
                       f"introduction: tcp://127.0.0.1:*\nlog_level: {log_level}\n")

    # -- life

    def up(self, *more):
        adopt_orphans()
        kind = ["--tee", self.tee] if self.tee else []
        outcome = self.operator("up", self.manifest, "--timeout", int(PATIENCE), *kind,
                                *more)
        if outcome.code != 0:
            raise AssertionError(f"{outcome}\n{self.logs()}")
        return outcome

    def down(self):
        return self.operator("down")

    def destroy(self):
        """Nothing of it is left: no process, no file."""
        for user in self.users:
            user.close()
        try:
            if self.supervisor():
                self.operator("down")
            self.assert_clean()
        finally:
            self._remove()

    def assert_clean(self):
        """No sanitizer complained, not at the end either."""
        logs = os.path.join(self.state, "log")
        for name in sorted(os.listdir(logs)) if os.path.isdir(logs) else []:
            text = self.log(name[:-4])
            at = min((text.find(word) for word in COMPLAINTS if word in text), default=-1)
            if at >= 0:
                raise AssertionError(f"{name}:\n{text[max(0, at - 2000):at + 6000]}")

    def _remove(self):
        pid = self.supervisor()
        if pid:
            os.kill(pid, signal.SIGKILL)
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        if not os.environ.get("TACIT_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def supervisor(self):
        """Its pid, or None."""
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/tacit-supervisord") and self.state.encode() in words:
                return int(entry)
        return None

    # -- clients

    def client(self, program, *arguments, **options):
        path = os.path.join(self.programs, program)
        return run(path, *arguments, "--state", self.state, **options)

    def operator(self, *arguments, **options):
        return self.client("tacit-operator", *arguments, **options)

    def user(self, **options):
        """An enrolled user that speaks the protocol by itself."""
        user = wire.User(self.state, timeout=PATIENCE / 4, **options)
        self.users.append(user)
        return user

    def identity(self, name):
        """Options of a client that acts as somebody."""
        return ["--identity", os.path.join(self.folder, name)]

    # -- looks

    def status(self):
        return self.operator("status", "--json", check=True).json

    def processes(self):
        """By name."""
        return OperatorView(self.state).processes()

    def roles(self):
        """Those of all members."""
        return [wire.ROLE_NAMES[member.role] for member in OperatorView(self.state).members()]

    def worker_states(self):
        return OperatorView(self.state).workers()

    def busy_workers(self):
        return self.worker_states().count("busy")

    def pid(self, name):
        return self.processes()[name]["pid"]

    def measurement(self, program="tacit-workerd"):
        """Of the workers, as which program they run."""
        shown = run(os.path.join(self.programs, "tacit-sign"), "--show", "--json",
                    os.path.join(self.programs, program), check=True)
        return bytes.fromhex(shown.json["measurement"])

    def log(self, name):
        with open(os.path.join(self.state, "log", f"{name}.log"), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def logs(self):
        folder = os.path.join(self.state, "log")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return "\n".join(f"-- {name}\n{self.log(name[:-4])[-2000:]}" for name in names)

    def await_ready(self, workers=None, timeout=PATIENCE):
        """Every process is ready, and the gateway has its workers."""

        def ready():
            processes = self.processes()
            count = workers
            if count is None:
                count = sum(name.startswith("worker-") for name in processes)
            return ({process["state"] for process in processes.values()} == {"ready"} and
                    {"keys", "models", "gateway"} <= set(self.roles()) and
                    len(self.worker_states()) == count)

        await_condition(ready, "the mesh is whole again", timeout)

    def kill(self, name):
        """kill -9 of a process of the mesh; its pid."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def await_restart(self, name, pid, timeout=PATIENCE):
        def restarted():
            process = self.processes()[name]
            return process["pid"] not in (0, pid) and process["state"] == "ready"

        await_condition(restarted, f"{name} is started again", timeout)


class MeshCase(unittest.TestCase):
    """Tests that share one mesh."""

    workers = 1
    log_level = "info"
    tee = None  # what the platform is
    limit = 170 if not SANITIZED else 500  # seconds for all of them, below ctest's own
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        faults = threading.main_thread()
        assert threading.current_thread() is faults
        signal.signal(signal.SIGALRM, cls._on_alarm)
        signal.alarm(cls.limit)
        cls.mesh = Mesh(cls.workers, log_level=cls.log_level, tee=cls.tee)
        cls.addClassCleanup(cls.mesh.destroy)
        cls.prepare_state(cls.mesh)
        cls.mesh.up()
        cls.prepare()

    @classmethod
    def prepare_state(cls, mesh):
        """What has to be there before the mesh is launched."""

    @classmethod
    def prepare(cls):
        """What the tests share beside the mesh."""

    @staticmethod
    def _on_alarm(_number, _frame):
        raise TimeoutError("the test takes too long")

    def run(self, result=None):
        before = len(result.errors) + len(result.failures) if result else 0
        super().run(result)
        if result and len(result.errors) + len(result.failures) > before:
            sys.stderr.write(f"\n== logs after {self.id()}\n{self.mesh.logs()}\n")

    def assert_refused(self, name, call, *arguments, **options):
        """The call ends in that error, by name; the error."""
        with self.assertRaises(wire.Refused) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.name, name, str(caught.exception))
        return caught.exception

    def assert_exit(self, code, name, outcome):
        """A client with --json ended in that exit code and error; the error."""
        self.assertEqual(outcome.code, code, str(outcome))
        self.assertEqual(outcome.error["name"], name, str(outcome))
        self.assertEqual(outcome.error["exit"], code, str(outcome))
        return outcome.error


# --- the examples -------------------------------------------------------------------------------


def example_model(name):
    with open(os.path.join(EXAMPLES, name, "model.onnx"), "rb") as file:
        return file.read()


def example_rows(count, name="breast-cancer", table="inputs"):
    """The first rows of an example's table, without its heading."""
    with open(os.path.join(EXAMPLES, name, f"{table}.csv"), encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:count + 1]
    return [[float(value) for value in row] for row in rows]


def share_model(owner, user, mesh, name="breast-cancer", content=None, **options):
    """owner pushes and grants, user leaves a request key; the grant's id."""
    owner.push(name, content or example_model("breast-cancer"))
    grant = owner.grant(name, user.identity.public, mesh.measurement(), **options)
    user.put_request_key(owner.identity.public, name, mesh.measurement())
    return grant
