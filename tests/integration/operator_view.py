"""What the operator sees of a mesh, asked over the wire: processes, members, workers.

`tacit-operator status` tells the same, but verifies the whole mesh each time: too much for who asks
until something has changed.
"""

import json
import os

import wire

STATES = {1: "starting", 2: "ready", 3: "backing_off", 4: "stopping", 5: "failed"}
WORKER_STATES = {1: "ready", 2: "busy", 3: "draining"}


class OperatorView:
    """Asks anew each time: whoever is asked may have been started again meanwhile."""

    def __init__(self, state, timeout=5.0):
        self.state, self.timeout = state, timeout

    def _operator(self):
        identity = wire.Identity(os.path.join(self.state, "operator"))
        return wire.User(self.state, identity, wire.OPERATOR, self.timeout)

    def processes(self):
        """By name, as the supervisor tells them."""
        with open(os.path.join(self.state, "run", "mesh.json"), encoding="utf-8") as file:
            place = json.load(file)
        operator = self._operator()
        with wire.Connection(place["endpoint"], bytes.fromhex(place["curve_key"]),
                             operator.identity, self.timeout) as supervisor:
            supervisor.bind(wire.OPERATOR, wire.MESH, bytes(32))  # it has no trust of its own
            told = supervisor("mesh.status")[1]
        return {process[1]: {"pid": process[3], "state": STATES[process[4]],
                             "restarts": process[5], "last_exit": process[7]} for process in told}

    def members(self):
        """Everybody whom the attestation service tells of, itself left out."""
        with self._operator() as operator:
            return operator.members()[1:]

    def workers(self):
        """The states of those that the gateway knows."""
        with self._operator() as operator:
            told = operator.to(wire.GATEWAY)("inference.status")[1]
        return [WORKER_STATES[worker[3]] for worker in told]
