"""Tacit for Python: models on data, so that neither owner, nor the host, sees what is not theirs.

    async with await tacit.Mesh.open(identity="~/.../dataowner") as mesh:
        async with await tacit.DataOwner(mesh).model("1f2e3d4c/digits") as model:
            answer = await model.infer(tacit.Tensor.floats(rows))

Sockets are pyzmq's and messages msgpack's; evidence, binding, sealing and keys are the C library's,
the same code that the C clients run. Services of one's own are called by what `idlc python` makes of
their contracts, over `Connection`.
"""

try:
    import msgpack as _msgpack  # type: ignore[import]
    import zmq as _zmq
except ImportError as _missing:
    raise ImportError(
        f"tacit needs the module {_missing.name}: Debian's packages python3-zmq and python3-msgpack, "
        "which /usr/bin/python3 finds, and another python3 may not"
    ) from None

from . import errors, receipt, trace
from .connection import Connection
from .dataowner import Answer, DataOwner, Reference, RemoteModel
from .errors import ServiceError, TacitError
from .identity import Identity, Role
from .mesh import Mesh
from .mlowner import MLOwner
from .receipt import Receipt
from .secret import Secret
from .service import Client, Method, Service
from .session import Session
from .stream import Stream
from .tensor import Dtype, Tensor
from .trust import Attestation, Member, Trust, Verified

__all__ = [
    "Answer",
    "Attestation",
    "Client",
    "Connection",
    "DataOwner",
    "Dtype",
    "Identity",
    "MLOwner",
    "Member",
    "Mesh",
    "Method",
    "Receipt",
    "Reference",
    "RemoteModel",
    "Role",
    "Secret",
    "Service",
    "ServiceError",
    "Session",
    "Stream",
    "TacitError",
    "Tensor",
    "Trust",
    "Verified",
    "errors",
    "receipt",
    "trace",
]
