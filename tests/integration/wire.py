"""The protocol of docs/PROTOCOL.md, written a second time from that page alone.

Tests attack the mesh with it, which the C client would never let them do: every frame, key, nonce
and quote is in the caller's hands. It is also a witness that the page says enough to talk to the
services. Cryptography is libsodium's, through ctypes; frames are msgpack's and pyzmq's.
"""

import ctypes
import hashlib
import hmac
import json
import os
import struct
import threading
import time

import msgpack
import zmq
from zmq.utils import z85

ATTESTATION, KEYS, MODELS, GATEWAY, WORKER, USER, OPERATOR, MESH = 1, 2, 3, 4, 5, 16, 17, 18
ROLE_NAMES = {1: "attestation", 2: "keys", 3: "models", 4: "gateway", 5: "worker", 16: "user",
              17: "operator", 18: "mesh"}
CHUNK = 256 * 1024


class Refused(Exception):
    """The peer answered with an error."""

    def __init__(self, error):
        self.code, self.name, self.message, detail = error
        self.detail = detail or {}
        super().__init__(f"{self.name} ({self.code}): {self.message} {self.detail}")


class Silence(Exception):
    """No answer before the deadline."""


class HandshakeFailed(Exception):
    """CURVE or ZAP refused the connection."""


# --- cryptography -------------------------------------------------------------------------------

_sodium = ctypes.CDLL("libsodium.so.23")
assert _sodium.sodium_init() >= 0


def _call(name, *arguments):
    if getattr(_sodium, name)(*arguments) != 0:
        raise ValueError(f"{name} failed")


def curve_pair():
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    _call("crypto_box_keypair", public, secret)
    return public.raw, secret.raw


def sign_pair(seed=None):
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    _call("crypto_sign_seed_keypair", public, secret, seed or os.urandom(32))
    return public.raw, secret.raw


def x25519_public(secret):
    public = ctypes.create_string_buffer(32)
    _call("crypto_scalarmult_base", public, secret)
    return public.raw


def sign(message, secret):
    signature = ctypes.create_string_buffer(64)
    _call("crypto_sign_detached", signature, None, message, ctypes.c_ulonglong(len(message)), secret)
    return signature.raw


def x25519(secret, public):
    shared = ctypes.create_string_buffer(32)
    _call("crypto_scalarmult", shared, secret, public)
    return shared.raw


def seal(key, associated, plaintext):
    nonce = os.urandom(24)
    out = ctypes.create_string_buffer(len(plaintext) + 16)
    _call("crypto_aead_xchacha20poly1305_ietf_encrypt", out, None, plaintext,
          ctypes.c_ulonglong(len(plaintext)), associated, ctypes.c_ulonglong(len(associated)), None,
          nonce, key)
    return nonce + out.raw


def unseal(key, associated, sealed):
    if len(sealed) < 40:
        raise ValueError("too short")
    out = ctypes.create_string_buffer(max(1, len(sealed) - 40))
    _call("crypto_aead_xchacha20poly1305_ietf_decrypt", out, None, None, sealed[24:],
          ctypes.c_ulonglong(len(sealed) - 24), associated, ctypes.c_ulonglong(len(associated)),
          sealed[:24], key)
    return out.raw[:len(sealed) - 40]


def transcript(*parts):
    out = b""
    for part in parts:
        if isinstance(part, int):
            part = struct.pack("<Q", part)
        elif isinstance(part, str):
            part = part.encode()
        out += struct.pack("<I", len(part)) + part
    return out


def mesh_id(trust):
    """Of a parsed trust.json."""
    mrenclave = bytes.fromhex(trust.get("attestation_mrenclave", ""))
    return hashlib.sha256(transcript(
        "tacit/mesh/v1", int(trust["simulated"]), bytes.fromhex(trust["root_sha256"]),
        bytes.fromhex(trust["operator_signing_key"]), bytes.fromhex(trust["operator_curve_key"]),
        bytes.fromhex(trust["attestation_mrsigner"]), trust["attestation_svn"],
        mrenclave, *({"tdx": [1], "nitro": [2]}.get(trust.get("tee"), [])))).digest()


# --- connections --------------------------------------------------------------------------------


class Identity:
    """A user: a CURVE pair and an Ed25519 pair. From the folder of a client, or fresh."""

    def __init__(self, folder=None):
        if folder is None:
            self.public, self.secret = curve_pair()
            self.sign_public, self.sign_secret = sign_pair()
            return
        with open(os.path.join(folder, "identity.json"), encoding="utf-8") as file:
            stored = json.load(file)
        self.secret = bytes.fromhex(stored["curve_secret"])
        self.public = x25519_public(self.secret)
        self.sign_public, self.sign_secret = sign_pair(bytes.fromhex(stored["signing_seed"]))


class Connection:
    """A DEALER to one endpoint. server_key None: plaintext."""

    def __init__(self, endpoint, server_key=None, identity=None, timeout=5.0):
        self.endpoint, self.server_key, self.timeout = endpoint, server_key, timeout
        self.identity = identity or Identity()
        self.msgid = 0
        self.answers = {}
        self.told = {}  # that came before they were asked for
        self.session = None
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndtimeo = int(timeout * 1000)
        self.socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self.socket.maxmsgsize = 32 << 20
        if server_key is not None:
            self.socket.curve_serverkey = z85.encode(server_key)
            self.socket.curve_publickey = z85.encode(self.identity.public)
            self.socket.curve_secretkey = z85.encode(self.identity.secret)
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH |
            zmq.EVENT_CLOSED | zmq.EVENT_DISCONNECTED)
        self.socket.connect(endpoint)
        self._await_handshake()

    def _await_handshake(self):
        until = time.monotonic() + self.timeout
        while self.monitor.poll(max(0, int((until - time.monotonic()) * 1000))):
            frame = self.monitor.recv_multipart()[0]
            event, value = struct.unpack("=hi", frame[:6])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                return
            self.close()
            raise HandshakeFailed(f"event {event:#x}, value {value}")
        self.close()
        raise Silence(f"no handshake at {self.endpoint}")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.monitor.close(0)
            self.socket.close(0)

    # -- raw

    def send(self, *frames):
        try:
            self.socket.send_multipart(frames)
        except zmq.Again:
            raise Silence(f"{self.endpoint} takes nothing") from None

    def receive(self, timeout=None):
        """The next message's frames."""
        if not self.socket.poll(int((self.timeout if timeout is None else timeout) * 1000)):
            raise Silence(f"no answer from {self.endpoint}")
        return self.socket.recv_multipart()

    def lost(self):
        """Whether the peer closed the connection."""
        while self.monitor.poll(0):
            frame = self.monitor.recv_multipart()[0]
            if struct.unpack("=h", frame[:2])[0] in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED):
                return True
        return False

    # -- calls

    def start(self, method, args=None, secrets=None, bulk=None, meta=None):
        """Send a request; its msgid."""
        self.msgid += 1
        args = dict(args or {})
        for field, value in (secrets or {}).items():
            args[field] = self.session.seal(self.msgid, method, field, value)
        frame = msgpack.packb([0, self.msgid, method, [args, meta or {}]])
        self.send(*([frame] if bulk is None else [frame, bulk]))
        return self.msgid

    def finish(self, msgid, method, timeout=None, opened=()):
        """The answer to a request; those to others are kept."""
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        while msgid not in self.answers:
            self.read(max(0.0, until - time.monotonic()))
        frames, error, result = self.answers.pop(msgid)
        if error is not None:
            raise Refused(error)
        for field in opened:
            result[field] = self.session.unseal(msgid, method, field, result[field])
        return result, (frames[1] if len(frames) > 1 else None)

    def read(self, timeout):
        """One message: an answer is kept, of a stream what was told last by its msgid and event."""
        frames = self.receive(timeout)
        kind, got, one, other = msgpack.unpackb(frames[0], strict_map_key=False)
        if kind == 2:
            self.told[got, one] = other
        else:
            self.answers[got] = frames, one, other

    # -- streams to the service

    def note(self, msgid, event, number, bulk=None):
        frame = msgpack.packb([2, msgid, event, number])
        self.send(*([frame] if bulk is None else [frame, bulk]))

    def await_told(self, msgid, event, least=0, timeout=None):
        """The number of that event, once it is so much; raises what the call ended in."""
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        while self.told.get((msgid, event), -1) < least:
            if msgid in self.answers:
                self.finish(msgid, "")
                raise Silence("the call ended well before")
            self.read(max(0.0, until - time.monotonic()))
        return self.told[msgid, event]

    def send_chunks(self, msgid, chunks, end=True):
        """Within credit."""
        for number, chunk in enumerate(chunks):
            if number >= 8:
                self.await_told(msgid, 2, number + 1)
            self.note(msgid, 1, number, chunk)
        if end:
            self.note(msgid, 3, len(chunks))

    def call(self, method, args=None, secrets=None, bulk=None, meta=None, timeout=None, opened=()):
        """(result, bulk); raises Refused or Silence."""
        msgid = self.start(method, args, secrets, bulk, meta)
        return self.finish(msgid, method, timeout, opened)

    def __call__(self, method, args=None, **options):
        return self.call(method, args, **options)[0]

    # -- the session

    def open(self, role, server_role, mesh, **changes):
        """session.open; a Binding. changes replace arguments on the wire (not in our transcript)."""
        return Binding(self, role, server_role, mesh, changes)

    def bind(self, role, server_role, mesh, prove=None):
        """A whole session. prove(commitment) gives (result, quote) for roles that are enclaves."""
        binding = self.open(role, server_role, mesh)
        result, quote = prove(binding.commitment("client")) if prove else (b"", b"")
        return binding.confirm(result, quote)


class Binding:
    """The client's half of the attested binding, step by step."""

    def __init__(self, connection, role, server_role, mesh, changes):
        self.connection = connection
        self.nonce = os.urandom(32)
        public, self.secret = curve_pair()
        args = {1: role, 2: mesh, 3: self.nonce, 4: public}
        args.update(changes)
        self.accept = connection("session.open", args)
        self.session_id, self.policy_head = self.accept[1], self.accept[2]
        self.server_result, self.server_quote = self.accept.get(5, b""), self.accept.get(6, b"")
        self.transcript = hashlib.sha512(transcript(
            "tacit/binding/v1", role, server_role, connection.identity.public,
            connection.server_key, public, self.accept[4], self.nonce, self.accept[3],
            ROLE_NAMES[server_role], mesh, self.policy_head, self.session_id)).digest()
        self.root = hmac.digest(self.transcript, x25519(self.secret, self.accept[4]), "sha512")

    def expand(self, label, side, context, size):
        info = transcript(label, side, context)
        return hmac.digest(self.root, info + b"\x01", "sha512")[:size]

    def commitment(self, side):
        return hashlib.sha512(transcript(
            "tacit/binding/rd/v1", side, self.transcript,
            self.expand("tacit/binding/bind/v1", side, b"", 64))).digest()

    def confirm(self, result=b"", quote=b"", mac=None, check=True):
        """session.confirm; the connection then has the session."""
        evidence = hashlib.sha512(b"".join(
            struct.pack("<Q", len(part)) + part
            for part in (self.server_result, self.server_quote, result, quote))).digest()
        args = {3: mac or self.expand("tacit/binding/confirm/v1", "client", evidence, 64)}
        if result:
            args[1] = result
        if quote:
            args[2] = quote
        answer = self.connection("session.confirm", args)
        if check and answer[1] != self.expand("tacit/binding/confirm/v1", "server", evidence, 64):
            raise ValueError("the server's confirmation is wrong")
        session = Session()
        session.id = self.session_id
        session.send_key = self.expand("tacit/binding/key/v1", "client", evidence, 32)
        session.receive_key = self.expand("tacit/binding/key/v1", "server", evidence, 32)
        session.exporter = self.expand("tacit/binding/exporter/v1", "server", evidence, 32)
        self.connection.session = session
        return session


class Session:
    def _associated(self, msgid, method, field):
        return transcript("tacit/secret/v1", self.id, msgid, method, field)

    def seal(self, msgid, method, field, value):
        return seal(self.send_key, self._associated(msgid, method, field), value)

    def unseal(self, msgid, method, field, value):
        return unseal(self.receive_key, self._associated(msgid, method, field), value)


def pieces(content, size=262144):
    """As chunks of a stream."""
    return [content[at : at + size] for at in range(0, len(content), size)]


# --- a mesh, seen by a user ---------------------------------------------------------------------


def introduction(trust):
    """What the plaintext endpoint says."""
    with Connection(trust["introduction"]) as connection:
        return connection("introduction.introduce", {1: os.urandom(32)})


def result_field(result, offset, size):
    return result[offset:offset + size]


class Peer:
    """An attested member, by its result: somebody to call, if it has an endpoint."""

    def __init__(self, role, endpoint, key, measurement=b""):
        self.role, self.endpoint, self.key, self.measurement = role, endpoint, key, measurement


class User:
    """One identity in one mesh, with one bound connection to each role. Unlike the C client it
    does not judge evidence, which the attacks have no use for."""

    def __init__(self, state, identity=None, role=USER, timeout=5.0):
        with open(os.path.join(state, "trust.json"), encoding="utf-8") as file:
            self.trust = json.load(file)
        self.state, self.role, self.timeout = state, role, timeout
        self.identity = identity or Identity()
        self.mesh = mesh_id(self.trust)
        self.connections = {}
        self.request_keys = {}
        self.lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        for role in list(self.connections):
            self.drop(role)

    def drop(self, role):
        connection = self.connections.pop(role, None)
        if connection:
            connection.close()

    def members(self):
        """The attestation service, then everybody attested, the newest first."""
        said = introduction(self.trust)
        with Connection(said[4], said[1], self.identity, self.timeout) as attestation:
            members = attestation("attestation.lookup", {1: 0})[1]
        return [Peer(ATTESTATION, said[4], said[1])] + [
            Peer(result[10], endpoint, result_field(result, 40, 32), result_field(result, 136, 32))
            for endpoint, result in ((member[1], member[2]) for member in members)]

    def peers(self):
        """Every endpoint of the mesh, by role: before what a former life left behind."""
        found = {}
        for member in self.members():
            if member.endpoint:
                found.setdefault(member.role, member)
        return found

    def connect(self, role):
        """A fresh connection without a session."""
        peer = self.peers()[role]
        return Connection(peer.endpoint, peer.key, self.identity, self.timeout)

    def to(self, role):
        """The bound connection to a role."""
        if role not in self.connections:
            connection = self.connect(role)
            try:
                connection.bind(self.role, role, self.mesh)
            except BaseException:
                connection.close()
                raise
            self.connections[role] = connection
        return self.connections[role]

    # -- keys

    def enrol(self):
        return self.to(KEYS)("keys.enrol", {1: self.identity.sign_public})

    def grant(self, name, user, measurement, expires_ms=0, uses=0):
        return self.to(KEYS)("keys.grant", {1: name, 2: user, 3: measurement, 4: expires_ms,
                                            5: uses})[1]

    def revoke(self, grant):
        return self.to(KEYS)("keys.revoke", {1: grant})

    def put_model_key(self, name, version, key, content_sha256):
        return self.to(KEYS)("keys.put_model_key", {1: name, 2: version, 4: content_sha256},
                             secrets={3: key})

    def put_request_key(self, owner, name, measurement, key=None):
        key = key or os.urandom(32)
        self.to(KEYS)("keys.put_request_key", {1: owner, 2: name, 3: measurement},
                      secrets={4: key})
        self.request_keys[owner, name] = key
        return key

    # -- models

    def upload(self, model):
        models = self.to(MODELS)
        content = b"".join(model.chunks)
        msgid = models.start("models.push", {1: model.manifest, 2: model.signature})
        kept = models.await_told(msgid, 5)
        models.send_chunks(msgid, pieces(content[kept:]))
        models.finish(msgid, "models.push", timeout=30)
        return kept

    def push(self, name, content, version=1):
        """As tacit-mlowner push does it. The Model."""
        model = Model(self.identity, name, version, content)
        self.put_model_key(name, version, model.key, model.sha256)
        self.upload(model)
        return model

    # -- inference

    def seal_request(self, owner, name, version, tensors, request_id, key=None):
        key = key or self.request_keys[owner, name]
        plaintext = tensors if isinstance(tensors, bytes) else pack_request(tensors)
        return seal(key, transcript("tacit/inference/request/v1", request_id, self.identity.public,
                                    owner, name, version), plaintext)

    def start_infer(self, owner, name, tensors, version=0, request_id=None, sealed=None,
                    deadline_ms=None):
        request_id = request_id or os.urandom(16)
        sealed = sealed or self.seal_request(owner, name, version, tensors, request_id)
        meta = {} if deadline_ms is None else {1: deadline_ms}
        return request_id, self.to(GATEWAY).start(
            "inference.infer", {1: owner, 2: name, 3: version, 4: request_id}, bulk=sealed,
            meta=meta)

    def finish_infer(self, owner, name, started, timeout=20.0):
        request_id, msgid = started
        result, bulk = self.to(GATEWAY).finish(msgid, "inference.infer", timeout)
        version = struct.unpack_from("<I", result[1], 12)[0]
        plaintext = unseal(self.request_keys[owner, name], transcript(
            "tacit/inference/response/v1", request_id, self.identity.public, owner, name, version),
            bulk)
        answer = Answer(plaintext, result[1], version)
        if answer.failure:
            raise Refused([answer.failure[1], answer.failure[2], answer.failure[3],
                           {1: answer.failure[4], 2: answer.failure[5], 3: answer.failure[6]}])
        return answer

    def infer(self, owner, name, tensors, version=0, timeout=20.0, **options):
        """The Answer; raises Refused with the gateway's or the worker's words."""
        return self.finish_infer(owner, name,
                                 self.start_infer(owner, name, tensors, version, **options), timeout)


class Model:
    """A sealed model; every part may be changed before it is uploaded."""

    def __init__(self, identity, name, version, content, key=None, created_ms=None):
        self.identity, self.name, self.version, self.size = identity, name, version, len(content)
        self.key = key or os.urandom(32)
        self.created_ms = created_ms or int(time.time() * 1000)
        count = (len(content) + CHUNK - 1) // CHUNK
        self.chunks = [
            seal(self.key, transcript("tacit/model/chunk/v1", identity.public, name, version,
                                      self.created_ms, len(content), count, index),
                 content[index * CHUNK:(index + 1) * CHUNK])
            for index in range(count)]
        self.seal_manifest()

    def seal_manifest(self):
        self.sha256 = hashlib.sha256(b"".join(self.chunks)).digest()
        self.manifest = (b"TACITMOD" + struct.pack("<HHIQIIQ", 1, 0, self.version, self.size,
                                                   len(self.chunks), 0, self.created_ms) +
                         self.identity.public + self.identity.sign_public + self.sha256 +
                         self.name.encode().ljust(64, b"\0")).ljust(256, b"\0")
        self.signature = sign(self.manifest, self.identity.sign_secret)


def pack_request(tensors):
    """tensors: (name, dtype number, shape, bytes) each."""
    return msgpack.packb({1: [{1: name, 2: dtype, 3: list(shape), 4: data}
                              for name, dtype, shape, data in tensors]})


def floats(rows, name=""):
    """One float32 tensor of rows of numbers."""
    return [(name, 1, (len(rows), len(rows[0])),
             b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows))]


class Answer:
    def __init__(self, plaintext, receipt, version):
        fields = msgpack.unpackb(plaintext, strict_map_key=False)
        self.outputs, self.failure = fields.get(1, []), fields.get(6)
        self.labels, self.run_us = fields.get(2, ""), fields.get(5)
        self.receipt, self.version = receipt, version

    def values(self, index=0):
        """Numbers of a float32 output."""
        data = self.outputs[index][4]
        return struct.unpack(f"<{len(data) // 4}f", data)
