"""libtacit-client.so by ctypes: clients/python/native/native.h, once more.

Every function is declared here, and the sizes of structures are compared when it is loaded, so that a
library of another version is refused and not misunderstood.
"""

from __future__ import annotations

import ctypes as c
import os
import typing as _t

import zmq  # first: so that its libzmq is the one that is found

from . import errors

VERSION = 1
TEXT_MAX = 256
PATH_MAX = 4096

_Bytes32 = c.c_uint8 * 32


class Error(c.Structure):
    _fields_ = [
        ("code", c.c_int),
        ("name", c.c_char * 48),
        ("message", c.c_char * 256),
        ("claim", c.c_char * 96),
        ("expected", c.c_char * 200),
        ("got", c.c_char * 200),
        ("policy", c.c_char * 200),
        ("remedy", c.c_char * 256),
        ("retry_after_ms", c.c_uint32),
    ]


class TrustFacts(c.Structure):
    _fields_ = [
        ("introduction", c.c_char * TEXT_MAX),
        ("mesh_id", _Bytes32),
        ("root_sha256", _Bytes32),
        ("operator_curve_key", _Bytes32),
        ("simulated", c.c_uint32),
    ]


class Attestation(c.Structure):
    _fields_ = [
        ("endpoint", c.c_char * TEXT_MAX),
        ("root_name", c.c_char * TEXT_MAX),
        ("tcb_status", c.c_char * TEXT_MAX),
        ("advisories", c.c_char * TEXT_MAX),
        ("curve_key", _Bytes32),
        ("result_key", _Bytes32),
        ("mrenclave", _Bytes32),
        ("mrsigner", _Bytes32),
        ("expires_ms", c.c_uint64),
        ("product_id", c.c_uint32),
        ("svn", c.c_uint32),
        ("simulated", c.c_uint32),
    ]


class Member(c.Structure):
    _fields_ = [
        ("curve_key", _Bytes32),
        ("mrenclave", _Bytes32),
        ("mrsigner", _Bytes32),
        ("policy_head", _Bytes32),
        ("issued_ms", c.c_uint64),
        ("expires_ms", c.c_uint64),
        ("role", c.c_uint32),
        ("svn", c.c_uint32),
        ("tcb_status", c.c_uint32),
        ("simulated", c.c_uint32),
    ]


class SessionFacts(c.Structure):
    _fields_ = [
        ("id", c.c_uint8 * 16),
        ("policy_head", _Bytes32),
        ("peer", Member),
        ("expires_ms", c.c_uint64),
        ("lifetime_ms", c.c_uint64),
        ("peer_role", c.c_uint32),
        ("attested", c.c_uint32),
    ]


class Envelope(c.Structure):
    _fields_ = [
        ("request_id", c.c_uint8 * 16),
        ("user", _Bytes32),
        ("owner", _Bytes32),
        ("name", c.c_char * 65),
        ("version", c.c_uint32),
    ]


class Receipt(c.Structure):
    _fields_ = [
        ("envelope", Envelope),
        ("request_sha256", _Bytes32),
        ("response_sha256", _Bytes32),
        ("model_sha256", _Bytes32),
        ("mrenclave", _Bytes32),
        ("policy_head", _Bytes32),
        ("time_ms", c.c_uint64),
        ("simulated", c.c_uint32),
        ("isolation", c.c_uint32),
        ("backend", c.c_uint32),
        ("precision", c.c_uint32),
    ]


class Exchange(c.Structure):
    _fields_ = [
        ("envelope", c.POINTER(Envelope)),
        ("measurements", c.c_char_p),
        ("measurement_count", c.c_size_t),
        ("request", c.c_char_p),
        ("request_size", c.c_size_t),
        ("response", c.c_char_p),
        ("response_size", c.c_size_t),
        ("receipt", c.c_char_p),
        ("receipt_size", c.c_size_t),
        ("result", c.c_char_p),
        ("result_size", c.c_size_t),
    ]


_STRUCTURES = (Error, TrustFacts, Attestation, Member, SessionFacts, Envelope, Receipt, Exchange)

_handle, _text, _bytes, _room = c.c_void_p, c.c_char_p, c.c_char_p, c.c_void_p
_out, _error, _size, _u32, _u64 = c.c_void_p, c.POINTER(Error), c.c_size_t, c.c_uint32, c.c_uint64
_INT, _NONE = c.c_int, None

_FUNCTIONS: dict[str, tuple[_t.Any, list[_t.Any]]] = {
    "init": (_u32, []),
    "sizes": (_NONE, [c.POINTER(_u32), _size]),
    "status_name": (_text, [_INT]),
    "status_text": (_text, [_INT]),
    "trust_load": (_INT, [_text, _out, _out, _error]),
    "trust_destroy": (_NONE, [_handle]),
    "identity_open": (_INT, [_text, _INT, _out, _out, _error]),
    "identity_destroy": (_NONE, [_handle]),
    "identity_public": (_NONE, [_handle, _room, _room]),
    "identity_arm": (_INT, [_handle, c.c_void_p, _bytes, _error]),
    "mesh_verify": (_INT, [_handle, _bytes, _size, _bytes, _out, _out, _error]),
    "mesh_destroy": (_NONE, [_handle]),
    "member_verify": (_INT, [_handle, _bytes, _size, _out, _error]),
    "policy_open": (_INT, [_handle, _text, _u64, _out, _error]),
    "policy_destroy": (_NONE, [_handle]),
    "policy_wants": (_u64, [_handle]),
    "policy_take": (_INT, [_handle, _bytes, _size, _bytes, _size, _error]),
    "policy_save": (_INT, [_handle, _room, _error]),
    "binding_open": (
        _INT,
        [_handle, _handle, _handle, _u32, _bytes, _u32, _out, _room, _room, _error],
    ),
    "binding_destroy": (_NONE, [_handle]),
    "binding_confirm": (
        _INT,
        [_handle, _bytes, _bytes, _bytes, _bytes, _bytes, _size, _bytes, _size, _room, _error],
    ),
    "binding_finish": (_INT, [_handle, _bytes, _out, _out, _error]),
    "session_destroy": (_NONE, [_handle]),
    "secret_copy": (_INT, [_bytes, _size, _out, _error]),
    "secret_random": (_INT, [_size, _out, _error]),
    "secret_destroy": (_NONE, [_handle]),
    "secret_size": (_size, [_handle]),
    "secret_reveal": (_NONE, [_handle, _room]),
    "field_seal": (_INT, [_handle, _u64, _text, _u32, _handle, _room, _size, _error]),
    "field_open": (_INT, [_handle, _u64, _text, _u32, _bytes, _size, _out, _error]),
    "request_key_open": (_INT, [_text, _bytes, _text, _bytes, _size, _out, _room, _error]),
    "request_seal": (_INT, [_out, _handle, _bytes, _size, _room, _size, _error]),
    "answer_open": (_INT, [_handle, _out, _handle, _out, _room, _size, _error]),
    "receipt_save": (_INT, [_handle, _text, _out, _room, _error]),
    "receipt_verify": (_INT, [_handle, _text, _out, _out, _error]),
    "model_key_make": (_INT, [_text, _text, _u32, _out, _error]),
    "model_key_newest": (_u32, [_text, _text]),
    "package_seal": (_INT, [_handle, _text, _text, _u32, _handle, _bytes, _size, _out, _error]),
    "package_destroy": (_NONE, [_handle]),
    "package_facts": (_NONE, [_handle, _room, _room, _room, _out]),
    "package_chunk": (_INT, [_handle, _u32, _room, _size, _out, _error]),
}


class Handle:
    """Something that the library made, destroyed when nobody refers to it any more."""

    __slots__ = ("_as_parameter_", "_destroy", "__weakref__")

    def __init__(self, pointer: int, destroy: _t.Callable[[_t.Any], None]) -> None:
        self._as_parameter_ = c.c_void_p(pointer)
        self._destroy = destroy

    def __del__(self) -> None:
        self._destroy(self._as_parameter_)

    def __reduce__(self) -> _t.NoReturn:
        raise TypeError("a handle is not pickled")


def _one_libzmq() -> None:
    """Sockets of pyzmq are handed to the C library: both must be of one libzmq."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        paths = {line.split(maxsplit=5)[5].strip() for line in file if "libzmq" in line}
    if len(paths) > 1:
        raise ImportError(
            f"pyzmq brings a libzmq of its own ({', '.join(sorted(paths))}); "
            "use Debian's python3-zmq, or a pyzmq built against the system's libzmq"
        )


def _load() -> c.CDLL:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libtacit-client.so")
    library = c.CDLL(path)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, f"tacit_native_{name}")
        function.restype, function.argtypes = result, arguments
    if library.tacit_native_init() != VERSION:
        raise ImportError(f"{path} is of another version, or libsodium does not start")
    sizes = (_u32 * len(_STRUCTURES))()
    library.tacit_native_sizes(sizes, len(_STRUCTURES))
    if list(sizes) != [c.sizeof(one) for one in _STRUCTURES]:
        raise ImportError(f"{path} lays its structures out differently")
    _one_libzmq()
    return library


assert zmq is not None
lib = _load()


# --- calls ------------------------------------------------------------------------------------


def _decode(raw: bytes) -> str:
    return raw.decode(errors="replace")


def check(code: int, error: Error) -> None:
    """Raise what a function refused with."""
    if code == 0:
        return
    facts = {
        name: _decode(getattr(error, name))
        for name in ("claim", "expected", "got", "policy", "remedy")
    }
    name = _decode(error.name) or _decode(lib.tacit_native_status_name(code))
    message = _decode(error.message) or _decode(lib.tacit_native_status_text(code))
    raise errors.make(code, name, message, (), **facts)


def call(function: _t.Any, *arguments: _t.Any) -> None:
    """A function whose last argument is the error."""
    error = Error()
    check(function(*arguments, c.byref(error)), error)


def make(kind: str, function: _t.Any, *arguments: _t.Any, outs: _t.Sequence[_t.Any] = ()) -> Handle:
    """A function that makes a handle: arguments, the handle, further outputs, the error."""
    pointer = c.c_void_p()
    call(function, *arguments, c.byref(pointer), *(c.byref(one) for one in outs))
    return Handle(_t.cast(int, pointer.value), getattr(lib, f"tacit_native_{kind}_destroy"))


def path(name: _t.Union[str, "os.PathLike[str]"]) -> bytes:
    return os.fsencode(name)
