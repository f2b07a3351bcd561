#!/usr/bin/python3
"""Test vectors of docs/PROTOCOL.md, made by its second implementation (tests/integration/wire.py).

    make.py           prints nothing; exit code 1 where a file differs from what it would write
    make.py --write   writes the files beside this one

Nothing is random: keys, nonces and contents come from labels, so that the files are the same wherever
they are made. Binary values are lowercase hex. C (vectors_test.c) and Python (vectors_test.py) check
the same files; docs/PROTOCOL.md says what is in each.
"""

import ctypes
import hashlib
import hmac
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import msgpack  # noqa: E402

import wire  # noqa: E402

NOW = 1_790_000_000_000  # Unix ms, at which everything here is valid


def octets(label, size=32):
    """As good as random, and always the same."""
    return hashlib.shake_256(label.encode()).digest(size)


def seal(key, associated, plaintext, label):
    """wire.seal with the nonce of that label."""
    nonce = octets("nonce " + label, 24)
    out = ctypes.create_string_buffer(len(plaintext) + 16)
    wire._call("crypto_aead_xchacha20poly1305_ietf_encrypt", out, None, plaintext,
               ctypes.c_ulonglong(len(plaintext)), associated,
               ctypes.c_ulonglong(len(associated)), None, nonce, key)
    return nonce + out.raw


def curve(label):
    secret = octets("curve " + label)
    return wire.x25519_public(secret), secret


def signer(label):
    return wire.sign_pair(octets("ed25519 " + label))


OWNER, OWNER_SECRET = curve("owner")
USER, USER_SECRET = curve("user")
SERVER, _ = curve("server")
OWNER_SIGN, OWNER_SIGN_SECRET = signer("owner")
ISSUER, ISSUER_SECRET = signer("attestation service")
WORKER_SIGN, WORKER_SIGN_SECRET = signer("worker")
POLICY_HEAD = octets("policy head")
MRENCLAVE, MRSIGNER = octets("mrenclave"), octets("mrsigner")

TRUST = {
    "simulated": True,
    "root_sha256": octets("root").hex(),
    "operator_signing_key": signer("operator")[0].hex(),
    "operator_curve_key": curve("operator")[0].hex(),
    "attestation_mrsigner": octets("attestation mrsigner").hex(),
    "attestation_svn": 3,
    "introduction": "tcp://127.0.0.1:5550",
}
MESH = wire.mesh_id(TRUST)


def hexed(value):
    """For JSON: bytes in hex, and integers that its readers may not hold as "u64:" and digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and abs(value) > 2**53:
        return f"u64:{value}"
    if isinstance(value, dict):
        return {str(key): hexed(one) for key, one in value.items()}
    return [hexed(one) for one in value] if isinstance(value, (list, tuple)) else value


# --- frames -----------------------------------------------------------------------------------


def request(msgid, method, args, meta):
    return {"frame": msgpack.packb([0, msgid, method, [args, meta]]), "msgid": msgid,
            "method": method, "args": msgpack.packb(args), "meta": meta}


def frames():
    error = [4031, "not_granted", "no grant for this user, model and measurement",
             {1: "grant", 2: "one for this user", 3: "none", 5: "ask the owner"}]
    good = [
        request(1, "attestation.head", {}, {}),
        request(2**64 - 1, "keys.list", {1: 0},
                {1: 4950, 2: "00-" + "a" * 32 + "-" + "b" * 16 + "-01", 3: octets("once", 32)}),
        request(7, "keys.revoke", {1: octets("grant", 16)}, {1: 5000}),
        request(8, "attestation.lookup", {1: 5, 99: [1, {"new": None}]}, {4: "of the future"}),
    ]
    replies = [
        {"frame": msgpack.packb([1, 1, None, {1: POLICY_HEAD}]), "msgid": 1,
         "result": msgpack.packb({1: POLICY_HEAD})},
        {"frame": msgpack.packb([1, 2**64 - 1, None, {}]), "msgid": 2**64 - 1,
         "result": msgpack.packb({})},
        {"frame": msgpack.packb([1, 7, error, None]), "msgid": 7,
         "error": {"code": error[0], "name": error[1], "message": error[2],
                   "claim": error[3][1], "expected": error[3][2], "got": error[3][3],
                   "policy": "", "remedy": error[3][5]}},
        {"frame": msgpack.packb([1, 9, [777, "novel", "", {}], None]), "msgid": 9,
         "error": {"code": 777, "name": "novel", "message": "", "claim": "", "expected": "",
                   "got": "", "policy": "", "remedy": ""}},
    ]
    body = good[2]["frame"]
    bad_requests = [
        ("nothing", b"", "malformed"),
        ("truncated", body[:-1], "malformed"),
        ("bytes left over", body + b"\x00", "malformed"),
        ("another kind", b"\x94\x03" + body[2:], "malformed"),
        ("five elements", b"\x95" + body[1:] + b"\xc0", "malformed"),
        ("no meta", msgpack.packb([0, 7, "keys.revoke", [{}]]), "malformed"),
        ("msgid is text", msgpack.packb([0, "7", "keys.revoke", [{}, {}]]), "malformed"),
        ("deadline out of range", msgpack.packb([0, 7, "a.b", [{}, {1: 2**32}]]), "bad_input"),
        ("an empty traceparent", msgpack.packb([0, 7, "a.b", [{}, {2: ""}]]), "bad_input"),
        ("a long idempotency key", msgpack.packb([0, 7, "a.b", [{}, {3: bytes(33)}]]),
         "bad_input"),
        ("an extension", msgpack.packb([0, 7, "a.b", [{9: msgpack.ExtType(1, b"x")}, {}]]),
         "malformed"),
    ]
    bad_replies = [
        ("nothing", b"", "malformed"),
        ("truncated", replies[0]["frame"][:-1], "malformed"),
        ("bytes left over", replies[0]["frame"] + b"\xc0", "malformed"),
        ("both result and error", msgpack.packb([1, 1, error, {}]), "malformed"),
        ("an error of three", msgpack.packb([1, 1, error[:3], None]), "malformed"),
    ]
    return {
        "requests": good, "replies": replies,
        "refused_requests": [{"why": why, "frame": data, "name": name}
                             for why, data, name in bad_requests],
        "refused_replies": [{"why": why, "frame": data, "name": name}
                            for why, data, name in bad_replies],
    }


# --- records ----------------------------------------------------------------------------------


def codec():
    """Maps by field number beside their bytes, in the one way that a writer writes them."""
    grant = {1: "digits", 2: USER, 3: MRENCLAVE, 4: NOW, 5: 1000}
    info = {1: octets("grant", 16), 2: OWNER, 3: "digits", 4: USER, 5: MRENCLAVE, 6: 0, 7: 3, 8: 3,
            9: 4}
    tensor = {1: "input", 2: 1, 3: [2, 3], 4: struct.pack("<6f", 1, 2, 3, -4, 0.5, 1e9)}
    failure = {1: 6005, 2: "input_refused", 3: "the input does not fit", 4: "input", 5: "[n, 3]",
               6: "[n, 4]", 7: "see the model"}
    good = [
        ("keys.grant_args", grant),
        ("keys.list_result", {1: [{1: "digits", 2: 1, 3: NOW}], 2: [info], 3: False}),
        ("models.list_args", {2: 0}),
        ("models.list_args", {1: OWNER, 2: 256}),
        ("inference.request", {1: [tensor]}),
        ("inference.request", {1: [tensor, dict(tensor) | {1: "", 3: []} | {4: b"\0" * 4}],
                               2: bytes(20)}),
        ("inference.response", {1: [tensor], 2: "a,b", 3: 0, 4: 2**63, 5: 2**64 - 1}),
        ("inference.response", {1: [], 2: "", 3: 1, 4: 2, 5: 3, 6: failure}),
        ("session.open_args", {1: 16, 2: MESH, 3: octets("nc"), 4: curve("ec")[0]}),
    ]
    def without(fields, number):
        return {key: value for key, value in fields.items() if key != number}

    bad = [
        ("a field missing", "keys.grant_args", without(grant, 3), "bad_input"),
        ("nil is no absence", "models.list_args", {1: None, 2: 0}, "bad_input"),
        ("a name of 65 bytes", "keys.grant_args", grant | {1: "n" * 65}, "bad_input"),
        ("an empty name", "keys.grant_args", grant | {1: ""}, "bad_input"),
        ("a key of 31 bytes", "keys.grant_args", grant | {2: USER[1:]}, "bad_input"),
        ("u32 out of range", "keys.grant_args", grant | {5: 2**32}, "bad_input"),
        ("a negative u64", "keys.grant_args", grant | {4: -1}, "bad_input"),
        ("text for bytes", "keys.grant_args", grant | {2: "u" * 32}, "bad_input"),
        ("a value that the enum has not", "keys.list_result",
         {1: [], 2: [info | {9: 5}], 3: False}, "bad_input"),
        ("too many inputs", "inference.request", {1: [tensor] * 17}, "bad_input"),
        ("a NUL in a text", "keys.grant_args", grant | {1: "a\0b"}, "bad_input"),
        ("key 0", "keys.grant_args", {0: 1} | grant, "malformed"),
        ("33 unknown keys", "keys.grant_args", grant | dict.fromkeys(range(50, 83), 0),
         "too_large"),
    ]
    twice = bytes([0x86]) + msgpack.packb(grant)[1:] + msgpack.packb(5) + msgpack.packb(1000)
    refused = [{"why": why, "record": record, "bytes": msgpack.packb(fields), "name": name}
               for why, record, fields, name in bad]
    refused.append({"why": "a key twice", "record": "keys.grant_args", "bytes": twice,
                    "name": "malformed"})
    return {
        "records": [{"record": record, "bytes": msgpack.packb(fields), "fields": fields}
                    for record, fields in good],
        "refused": refused,
    }


# --- the binding ------------------------------------------------------------------------------


def binding(client_role, server_role, attested):
    ec, ec_secret = curve(f"ephemeral client {server_role}")
    es, es_secret = curve(f"ephemeral server {server_role}")
    nc, ns = octets(f"nonce client {server_role}"), octets(f"nonce server {server_role}")
    session = octets(f"session {server_role}", 16)
    result, quote = (octets("result", 512), octets("quote", 4000)) if attested else (b"", b"")
    transcript = hashlib.sha512(wire.transcript(
        "tacit/binding/v1", client_role, server_role, USER, SERVER, ec, es, nc, ns,
        wire.ROLE_NAMES[server_role], MESH, POLICY_HEAD, session)).digest()
    shared = wire.x25519(ec_secret, es)
    root = hmac.digest(transcript, shared, "sha512")
    evidence = hashlib.sha512(b"".join(
        struct.pack("<Q", len(part)) + part for part in (result, quote, b"", b""))).digest()

    def expand(label, side, context, size):
        return hmac.digest(root, wire.transcript(label, side, context) + b"\x01", "sha512")[:size]

    def commitment(side):
        return hashlib.sha512(wire.transcript(
            "tacit/binding/rd/v1", side, transcript,
            expand("tacit/binding/bind/v1", side, b"", 64))).digest()

    return {
        "client": {"role": client_role, "curve_key": USER, "ephemeral": ec,
                   "ephemeral_secret": ec_secret, "nonce": nc},
        "server": {"role": server_role, "curve_key": SERVER, "ephemeral": es,
                   "ephemeral_secret": es_secret, "nonce": ns},
        "mesh_id": MESH, "policy_head": POLICY_HEAD, "session_id": session,
        "server_result": result, "server_quote": quote,
        "transcript": transcript, "shared": shared, "root": root, "evidence": evidence,
        "commitment": {side: commitment(side) for side in ("client", "server")},
        "mac": {side: expand("tacit/binding/confirm/v1", side, evidence, 64)
                for side in ("client", "server")},
        "key": {side: expand("tacit/binding/key/v1", side, evidence, 32)
                for side in ("client", "server")},
        "exporter": expand("tacit/binding/exporter/v1", "server", evidence, 32),
    }


def sessions():
    first = binding(16, 2, True)
    args = {"session_id": first["session_id"], "key": first["key"]["client"], "msgid": 3,
            "method": "keys.put_model_key", "field": 3, "plaintext": octets("model key")}
    args["sealed"] = seal(args["key"], wire.transcript(
        "tacit/secret/v1", args["session_id"], args["msgid"], args["method"], args["field"]),
        args["plaintext"], "secret")
    return {"bindings": [first, binding(17, 18, False)], "secrets": [args]}


# --- lanes ------------------------------------------------------------------------------------


def aead(cipher, key, nonce, associated, plaintext):
    """Ciphertext and tag, by OpenSSL: 1 AES-256-GCM, 2 ChaCha20-Poly1305."""
    crypto = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm", "EVP_chacha20_poly1305"):
        getattr(crypto, name).restype = ctypes.c_void_p
    kind = ctypes.c_void_p((crypto.EVP_aes_256_gcm if cipher == 1 else crypto.EVP_chacha20_poly1305)())
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    out, tag = ctypes.create_string_buffer(len(plaintext) + 16), ctypes.create_string_buffer(16)
    size = ctypes.c_int(0)
    done = [crypto.EVP_EncryptInit_ex(context, kind, None, key, nonce),
            crypto.EVP_EncryptUpdate(context, None, ctypes.byref(size), associated, len(associated))]
    if plaintext:
        done.append(crypto.EVP_EncryptUpdate(context, out, ctypes.byref(size), plaintext, len(plaintext)))
    done.append(crypto.EVP_EncryptFinal_ex(context, ctypes.create_string_buffer(16), ctypes.byref(size)))
    done.append(crypto.EVP_CIPHER_CTX_ctrl(context, 0x10, 16, tag))
    crypto.EVP_CIPHER_CTX_free(context)
    assert done == [1] * len(done)
    return out.raw[:len(plaintext)] + tag.raw


def lane(cipher):
    exporter, lane_id = octets("exporter of a lane"), octets(f"lane {cipher}", 16)

    def expand(*fields):
        return hmac.new(exporter, wire.transcript(*fields) + b"\1", "sha512").digest()

    keys = {side: expand("tacit/lane/key/v1", lane_id, side, cipher)[:32]
            for side in ("client", "server")}
    frames = []
    for side, sequence, plaintext in (("client", 0, b""), ("server", 0, b""),
                                      ("client", 1, octets("bulk", 100)),
                                      ("server", 1_000_000, octets("bulk", 33))):
        header = lane_id + struct.pack("<Q", sequence)
        sealed = aead(cipher, keys[side], bytes(4) + struct.pack("<Q", sequence),
                      header + bytes([side == "server"]), plaintext)
        frames.append({"side": side, "sequence": sequence, "plaintext": plaintext,
                       "frame": header + sealed})
    return {"exporter": exporter, "lane_id": lane_id, "cipher": cipher, "key": keys,
            "token": expand("tacit/lane/token/v1", lane_id)[:16], "frames": frames}


def lanes():
    tickets = [(1, 1), (127, 128), (128, 300_000), (1_000_000, 16_842_752)]
    return {"lanes": [lane(1), lane(2)],
            "tickets": [{"first": first, "size": size, "bytes": msgpack.packb([first, size])}
                        for first, size in tickets],
            "bad_tickets": [{"what": what, "bytes": msgpack.packb(value)} for what, value in (
                ("the hello's sequence", [0, 100]), ("no bytes", [1, 0]), ("too large", [1, 16_842_753]),
                ("beyond any lane", [1_048_576, 5]), ("one number", [1]), ("three", [1, 2, 3]),
                ("text", [1, "2"]))],
            "credits": [{"granted": granted, "bytes": msgpack.packb([2, "$lane", [granted]])}
                        for granted in (0, 1, 81, 1_000_000)]}


# --- commitments ------------------------------------------------------------------------------


def report_data(label, commitment):
    return hashlib.sha512(label.encode() + b"\0" + commitment).digest()


def commitments():
    nonce, exporter = octets("introduction nonce"), octets("exporter")
    introduction = hashlib.sha512(wire.transcript(
        "tacit/introduction/v1", nonce, SERVER, ISSUER, MESH)).digest()
    attest = hashlib.sha512(wire.transcript(
        "tacit/attest/v1", 5, exporter, SERVER, WORKER_SIGN, MESH)).digest()
    pinned = TRUST | {"attestation_mrenclave": octets("attestation mrenclave").hex()}
    return {
        "trust": [{"trust": TRUST, "mesh_id": MESH},
                  {"trust": pinned, "mesh_id": wire.mesh_id(pinned)}],
        "introduction": {"nonce": nonce, "curve_key": SERVER, "result_key": ISSUER,
                         "mesh_id": MESH, "commitment": introduction,
                         "report_data": report_data("tacit/quote/introduction/v1", introduction)},
        "attest": {"role": 5, "exporter": exporter, "curve_key": SERVER,
                   "signing_key": WORKER_SIGN, "mesh_id": MESH, "commitment": attest,
                   "report_data": report_data("tacit/quote/binding/v1", attest)},
    }


# --- layouts ----------------------------------------------------------------------------------


def result():
    body = (b"TACITRES" + struct.pack("<HBBBBBxHH4xQQ", 1, 5, 1, 0, 0, 2, 5, 2, NOW, NOW + 300_000) +
            SERVER + WORKER_SIGN + octets("attestation key") + MRENCLAVE + MRSIGNER +
            octets("platform", 16) + bytes.fromhex(TRUST["root_sha256"]) + POLICY_HEAD + MESH +
            ISSUER + struct.pack("<Q", 9)).ljust(448, b"\0")
    return body + wire.sign(body, ISSUER_SECRET)


def model():
    content = b"a model of three chunks" + bytes(2 * wire.CHUNK)
    name, version, key = "digits", 4, octets("model key")
    count = 3
    chunks = []
    for index in range(count):
        chunks.append(seal(key, wire.transcript(
            "tacit/model/chunk/v1", OWNER, name, version, NOW, len(content), count, index),
            content[index * wire.CHUNK:(index + 1) * wire.CHUNK], f"chunk {index}"))
    manifest = (b"TACITMOD" + struct.pack("<HHIQIIQ", 1, 0, version, len(content), count, 0, NOW) +
                OWNER + OWNER_SIGN + hashlib.sha256(b"".join(chunks)).digest() +
                name.encode().ljust(64, b"\0")).ljust(256, b"\0")
    return {"owner": OWNER, "signing_key": OWNER_SIGN, "signing_secret": OWNER_SIGN_SECRET,
            "name": name, "version": version, "size": len(content), "created_ms": NOW,
            "content_sha256": hashlib.sha256(b"".join(chunks)).digest(), "manifest": manifest,
            "signature": wire.sign(manifest, OWNER_SIGN_SECRET), "model_key": key,
            "last_chunk": {"index": 2, "plaintext": content[2 * wire.CHUNK:],
                           "sealed": chunks[2]}}


def envelopes():
    request_id, key = octets("request id", 16), octets("request key")
    name, asked, answered = "digits", 0, 4
    request_plain = msgpack.packb({1: [{1: "", 2: 1, 3: [1, 1], 4: struct.pack("<f", 1)}]})
    answer_plain = msgpack.packb({1: [{1: "y", 2: 1, 3: [1, 1], 4: struct.pack("<f", 2)}], 2: "",
                                  3: 1, 4: 2, 5: 3})
    sealed = seal(key, wire.transcript("tacit/inference/request/v1", request_id, USER, OWNER, name,
                                       asked), request_plain, "request")
    answer = seal(key, wire.transcript("tacit/inference/response/v1", request_id, USER, OWNER, name,
                                       answered), answer_plain, "answer")
    body = (b"TACITREC" + struct.pack("<HBxIQ", 1, 1, answered, NOW + 1000) + request_id + USER +
            OWNER + name.encode().ljust(64, b"\0") + hashlib.sha256(sealed).digest() +
            hashlib.sha256(answer).digest() + octets("content") + MRENCLAVE + POLICY_HEAD +
            MESH).ljust(448, b"\0")
    return {"request_id": request_id, "user": USER, "user_secret": USER_SECRET, "owner": OWNER,
            "name": name, "version_asked": asked, "version_answered": answered,
            "request_key": key, "request_plaintext": request_plain, "sealed_request": sealed,
            "response_plaintext": answer_plain, "sealed_response": answer,
            "model_sha256": octets("content"), "mrenclave": MRENCLAVE, "policy_head": POLICY_HEAD,
            "mesh_id": MESH, "time_ms": NOW + 1000, "signing_secret": WORKER_SIGN_SECRET,
            "signing_key": WORKER_SIGN, "receipt": body + wire.sign(body, WORKER_SIGN_SECRET)}


def layouts():
    return {
        "result": {"bytes": result(), "issuer": ISSUER, "issuer_secret": ISSUER_SECRET,
                   "mesh_id": MESH, "role": 5, "svn": 2, "issued_ms": NOW,
                   "expires_ms": NOW + 300_000, "curve_key": SERVER, "signing_key": WORKER_SIGN,
                   "mrenclave": MRENCLAVE, "mrsigner": MRSIGNER, "policy_head": POLICY_HEAD},
        "model": model(),
        "inference": envelopes(),
    }


FILES = {"frames.json": frames, "codec.json": codec, "sessions.json": sessions,
         "lanes.json": lanes,
         "commitments.json": commitments, "layouts.json": layouts}


def text(name):
    return json.dumps(hexed(FILES[name]()), indent=1, ensure_ascii=True) + "\n"


def main(arguments):
    different = 0
    for name in FILES:
        path = os.path.join(HERE, name)
        if arguments == ["--write"]:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text(name))
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != text(name):
                print(f"{name} is not what make.py writes", file=sys.stderr)
                different = 1
    return different


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
