"""What tacit-dataowner does: seal requests for attested workers, take answers with their proof.

Key ring, receipts and identity are the files of tacit-dataowner: both may use one folder.
"""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import os
import re
import time
import typing as _t

from . import _native, codec, errors
from .identity import Path
from .idl import inference as _contract
from .idl.keys import KeysClient, NoRequestKey
from .idl.models import ModelsClient
from .mesh import Mesh
from .receipt import Receipt
from .secret import Secret
from .tensor import Tensor, from_contract, to_contract

CALLS_MAX = 8  # requests of one model on their way
PATIENCE_SECONDS = 8.0  # a service restarts, attests and is found in less
PAUSE_SECONDS = 0.2
LEASE_SECONDS = 1.0  # workers go on with keys they have for less than that
MEASUREMENTS_MAX = 64
_REFERENCE = re.compile(r"([0-9a-fA-F]{8,64})/([a-z0-9][a-z0-9._-]{0,63})(?:@([1-9][0-9]{0,9}))?\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A model: OWNER/NAME[@VERSION]; version 0 is the newest."""

    owner: bytes
    name: str
    version: int = 0

    def __str__(self) -> str:
        return f"{self.owner.hex()}/{self.name}" + (f"@{self.version}" if self.version else "")


class _Exchange:
    """A request, what came back, and the structure that the C library proves them by."""

    def __init__(self, envelope: _native.Envelope, sealed: bytes, measurements: list[bytes]):
        self.envelope = envelope
        self.request = sealed
        self._measurements = b"".join(measurements)
        self._count = len(measurements)
        self.response = self._receipt = self._result = b""

    def answered(self, said: _contract.InferResult, response: bytes) -> None:
        self.response, self._receipt, self._result = response, said.receipt, said.result

    def native(self) -> _native.Exchange:
        """Borrows from this object."""
        return _native.Exchange(
            envelope=ctypes.pointer(self.envelope),
            measurements=self._measurements,
            measurement_count=self._count,
            request=self.request,
            request_size=len(self.request),
            response=self.response,
            response_size=len(self.response),
            receipt=self._receipt,
            receipt_size=len(self._receipt),
            result=self._result,
            result_size=len(self._result),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, proven by its receipt."""

    outputs: list[Tensor]
    labels: list[str]
    receipt: Receipt
    load_us: int
    open_us: int
    run_us: int
    _exchange: _Exchange = dataclasses.field(repr=False)
    _mesh: _native.Handle = dataclasses.field(repr=False)

    def output(self, name: str) -> Tensor:
        """The output of that name."""
        for one in self.outputs:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in self.outputs)
        raise errors.NotFound("the model has no such output", expected=names, got=name)

    def save_receipt(self, folder: Path) -> str:
        """Saves the receipt with all that proves it; its path. `tacit-dataowner receipt verify` and
        `tacit.receipt.verify` check it, years later too."""
        room = ctypes.create_string_buffer(_native.PATH_MAX)
        exchange = self._exchange.native()
        _native.call(
            _native.lib.tacit_native_receipt_save,
            self._mesh,
            _native.path(folder),
            ctypes.byref(exchange),
            room,
        )
        return os.fsdecode(room.value)


class DataOwner:
    """A user with data: predictions of models in the mesh."""

    def __init__(self, mesh: Mesh, folder: _t.Optional[Path] = None) -> None:
        where = folder if folder is not None else mesh.identity.folder
        if where is None:
            raise errors.BadInput("request keys need a folder: an identity's, or one given")
        self.mesh = mesh
        self.folder = os.fspath(where)

    async def enrol(self) -> None:
        """Tells the key service who one is; again changes nothing."""
        async with await self.mesh.connect(KeysClient) as keys:
            await keys.enrol(signing_key=self.mesh.identity.signing_public)

    async def resolve(self, reference: str) -> Reference:
        """OWNER/NAME[@VERSION], where OWNER may be the first eight digits or more of an id."""
        match = _REFERENCE.match(reference)
        if match is None or (match[3] and int(match[3]) > 0xFFFFFFFF):
            raise errors.BadInput("OWNER/NAME or OWNER/NAME@VERSION", claim="model", got=reference)
        digits, name, version = match[1].lower(), match[2], int(match[3] or 0)
        if len(digits) == 64:
            return Reference(bytes.fromhex(digits), name, version)
        owners: set[bytes] = set()
        async with await self.mesh.connect(ModelsClient) as models:
            offset, more = 0, True
            while more:
                page = await models.list(offset=offset)
                owners |= {
                    one.owner
                    for one in page.models
                    if one.name == name and one.owner.hex().startswith(digits)
                }
                offset, more = offset + len(page.models), page.more and bool(page.models)
        if not owners:
            raise errors.NotFound(
                f"the store lists no model {digits}/{name}",
                remedy="check the owner's id and the model's name with its owner",
            )
        if len(owners) > 1:
            raise errors.BadInput("several owners fit", claim="model", got=reference)
        return Reference(owners.pop(), name, version)

    async def model(
        self,
        reference: _t.Union[str, Reference],
        *,
        measurements: _t.Optional[_t.Sequence[bytes]] = None,
    ) -> "RemoteModel":
        """A model, ready to be asked. `measurements` are the workers' that may see the data; None
        accepts those that are attested now."""
        known = await self.resolve(reference) if isinstance(reference, str) else reference
        model = RemoteModel(self, known, measurements)
        await model.open()
        return model


class RemoteModel:
    """A model in the mesh, asked as if it were here. Several `infer` may run at once. What a session
    that ended, a restarted service or a new worker needs is done here, within seconds."""

    def __init__(
        self,
        owner: DataOwner,
        reference: Reference,
        measurements: _t.Optional[_t.Sequence[bytes]],
    ) -> None:
        pinned = list(measurements or ())
        if len(pinned) > MEASUREMENTS_MAX or any(len(one) != 32 for one in pinned):
            raise errors.BadInput(f"at most {MEASUREMENTS_MAX} measurements of 32 bytes")
        self.reference = reference
        self._owner = owner
        self._mesh = owner.mesh
        self._pinned = bool(pinned)
        self._measurements = pinned
        self._key: _t.Optional[Secret] = None
        self._gateway: _t.Optional[_contract.InferenceClient] = None
        self._repairing = asyncio.Lock()
        self._width = asyncio.Semaphore(CALLS_MAX)

    async def open(self) -> None:
        await self._add_workers()
        await self._share_key(False)
        self._gateway = await self._mesh.connect(_contract.InferenceClient)

    async def close(self) -> None:
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            await gateway.close()

    async def __aenter__(self) -> "RemoteModel":
        return self

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()

    # --- keys ---------------------------------------------------------------------------------

    async def _add_workers(self) -> None:
        """Adds what runs now; the key stays the same, as requests under it are on their way."""
        found = await self._mesh.measurements()
        if not self._pinned:
            fresh = [one for one in found if one not in self._measurements]
            self._measurements = (self._measurements + fresh)[:MEASUREMENTS_MAX]
        if not any(one in self._measurements for one in found):
            raise _contract.NoWorker(
                "no worker of an accepted measurement is attested",
                remedy="the operator starts one: tacit-operator scale --workers 1",
            )

    async def _share_key(self, again: bool) -> None:
        """Loads or makes the key, and tells the key service what is new to it; again: everything."""
        fresh = (ctypes.c_uint8 * len(self._measurements))()
        self._key = Secret(
            _native.make(
                "secret",
                _native.lib.tacit_native_request_key_open,
                _native.path(self._owner.folder),
                self.reference.owner,
                self.reference.name.encode(),
                b"".join(self._measurements),
                len(self._measurements),
                outs=[fresh],
            )
        )
        missing = [one for one, new in zip(self._measurements, fresh) if new or again]
        if not missing:
            return
        async with await self._mesh.connect(KeysClient) as keys:
            for measurement in missing:
                await keys.put_request_key(
                    owner=self.reference.owner,
                    name=self.reference.name,
                    measurement=measurement,
                    request_key=self._key,
                )

    # --- asking -------------------------------------------------------------------------------

    async def infer(
        self,
        inputs: _t.Union[Tensor, _t.Sequence[Tensor], _t.Mapping[str, Tensor]],
        *,
        deadline: _t.Optional[float] = None,
        padding: int = 0,
    ) -> Answer:
        """One request: a tensor, or one for each of the model's inputs, by name. `deadline` in seconds for all of it, 60 at most; `padding` hides its size.
        Raises what the key service or the worker refused with, DeadlineExceeded, or what is wrong
        with the proof."""
        if isinstance(inputs, _t.Mapping):
            inputs = [dataclasses.replace(one, name=name) for name, one in inputs.items()]
        tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        request = _contract.Request(
            inputs=[to_contract(one) for one in tensors],
            padding=bytes(padding) if padding else None,
        )
        plaintext = codec.encode(request)
        until = time.monotonic() + min(60.0, 60.0 if deadline is None else deadline)
        async with self._width:
            return await self._ask(os.urandom(16), plaintext, until)

    async def _ask(self, request_id: bytes, plaintext: bytes, until: float) -> Answer:
        exchange: _t.Optional[_Exchange] = None
        key: _t.Optional[Secret] = None
        attempts = 0
        patience: _t.Optional[float] = None
        while True:
            gateway = self._gateway
            if key is not self._key or exchange is None:
                key = self._key
                exchange = await self._seal(request_id, plaintext, _t.cast(Secret, key))
            attempts += 1
            try:
                if gateway is None:
                    raise errors.Unreachable("no gateway answers")
                said, response = await gateway.infer(
                    owner=self.reference.owner,
                    name=self.reference.name,
                    version=self.reference.version,
                    request_id=request_id,
                    bulk=exchange.request,
                    deadline=until - time.monotonic(),
                )
                exchange.answered(said, response)
                return await self._open(exchange, _t.cast(Secret, key))
            except errors.TacitError as error:
                if patience is None:
                    patience = min(until, time.monotonic() + PATIENCE_SECONDS)
                await self._repair(error, gateway, attempts, patience)

    async def _seal(self, request_id: bytes, plaintext: bytes, key: Secret) -> _Exchange:
        envelope = _native.Envelope(
            request_id=(ctypes.c_uint8 * 16)(*request_id),
            user=(ctypes.c_uint8 * 32)(*self._mesh.identity.public),
            owner=(ctypes.c_uint8 * 32)(*self.reference.owner),
            name=self.reference.name.encode(),
            version=self.reference.version,
        )
        room = ctypes.create_string_buffer(len(plaintext) + codec.SEAL_OVERHEAD)
        await asyncio.to_thread(
            _native.call,
            _native.lib.tacit_native_request_seal,
            ctypes.byref(envelope),
            key.handle,
            plaintext,
            len(plaintext),
            room,
            len(room),
        )
        return _Exchange(envelope, room.raw, self._measurements)

    async def _open(self, exchange: _Exchange, key: Secret) -> Answer:
        receipt = _native.Receipt()
        size = max(1, len(exchange.response) - codec.SEAL_OVERHEAD)
        room = ctypes.create_string_buffer(size)
        mesh = self._mesh.verified.handle
        native = exchange.native()
        await asyncio.to_thread(
            _native.call,
            _native.lib.tacit_native_answer_open,
            mesh,
            ctypes.byref(native),
            key.handle,
            ctypes.byref(receipt),
            room,
            size,
        )
        try:
            said = codec.decode(_contract.Response, room.raw)
        except errors.TacitError:
            raise errors.ProtocolError("the worker's answer is not well formed") from None
        finally:
            ctypes.memset(room, 0, size)
        if said.failure is not None:
            raise _failure(said.failure)
        return Answer(
            outputs=[from_contract(one) for one in said.outputs],
            labels=said.labels.split(",") if said.labels else [],
            receipt=Receipt.of(receipt),
            load_us=said.load_us,
            open_us=said.open_us,
            run_us=said.run_us,
            _exchange=exchange,
            _mesh=mesh,
        )

    # --- what went wrong on the way -----------------------------------------------------------

    async def _repair(
        self,
        error: errors.TacitError,
        gateway: _t.Optional[_contract.InferenceClient],
        attempts: int,
        patience: float,
    ) -> None:
        """Returns where another attempt is worth it, as clients/lib/remote_model.c decides it."""
        left = patience - time.monotonic()
        if isinstance(error, (errors.Unreachable, errors.NoSession, errors.SessionExpired)):
            if left <= 0:
                raise error
            await self._reconnect(gateway, patience)
        elif isinstance(error, NoRequestKey) and attempts < 2:
            await self._share_again()
        elif isinstance(error, errors.Corrupt) and attempts < 2:
            await asyncio.sleep(LEASE_SECONDS)
            await self._share_again()
        elif isinstance(error, (_contract.QueueFull, _contract.NoWorker)) and left > 0:
            await asyncio.sleep(PAUSE_SECONDS)
        elif isinstance(error, _contract.WorkerLost) and attempts < 3:
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            raise error

    async def _share_again(self) -> None:
        async with self._repairing:
            await self._add_workers()
            await self._share_key(True)

    async def _reconnect(
        self, broken: _t.Optional[_contract.InferenceClient], patience: float
    ) -> None:
        """Everything from the attestation service on anew, once for all who noticed."""
        async with self._repairing:
            if self._gateway is not broken:
                return
            await self.close()
            while True:
                try:
                    await self._mesh.renew()
                    self._gateway = await self._mesh.connect(_contract.InferenceClient)
                    return
                except (
                    errors.Unreachable,
                    errors.WrongServerKey,
                    errors.DeadlineExceeded,
                    errors.NoSession,
                    errors.SessionExpired,
                ):
                    if time.monotonic() >= patience:
                        raise
                await asyncio.sleep(PAUSE_SECONDS)


def _failure(said: _contract.Failure) -> errors.TacitError:
    """What the worker says went wrong, as if it had been found here."""
    if said.code == 0:
        return errors.ProtocolError("the worker failed and does not say why")
    return errors.make(
        said.code,
        said.name,
        said.message,
        claim=said.claim,
        expected=said.expected,
        got=said.got,
        remedy=said.remedy,
    )
