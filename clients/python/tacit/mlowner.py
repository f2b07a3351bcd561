"""What tacit-mlowner does: push models that nobody else can read, grant their use, take it back.

Key ring and identity are the files of tacit-mlowner: both may use one folder.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
import typing as _t

from . import _native, errors, resume
from .identity import Path
from .idl.keys import GrantInfo, GrantState, KeysClient
from .idl.models import ModelsClient
from .mesh import Mesh
from .secret import Secret

CHUNK_MAX = 256 * 1024 + 40
Progress = _t.Callable[[int, int], None]


class _Package:
    """A model, sealed chunk by chunk into a file without a name."""

    def __init__(self, handle: _native.Handle) -> None:
        manifest, signature = ctypes.create_string_buffer(256), ctypes.create_string_buffer(64)
        digest, chunks = ctypes.create_string_buffer(32), ctypes.c_uint32()
        _native.lib.tacit_native_package_facts(
            handle, manifest, signature, digest, ctypes.byref(chunks)
        )
        self._handle = handle
        self.manifest: bytes = manifest.raw
        self.signature: bytes = signature.raw
        self.content_sha256: bytes = digest.raw
        self.chunks = int(chunks.value)
        self.size = (self.chunks - 1) * CHUNK_MAX + len(self.chunk(self.chunks - 1))

    def chunk(self, index: int) -> bytes:
        room, size = ctypes.create_string_buffer(CHUNK_MAX), ctypes.c_size_t()
        _native.call(
            _native.lib.tacit_native_package_chunk,
            self._handle,
            index,
            room,
            CHUNK_MAX,
            ctypes.byref(size),
        )
        return room.raw[: size.value]

    def read(self, offset: int, size: int) -> bytes:
        """Of all chunks as one row of bytes."""
        parts = []
        while size > 0:
            index, within = divmod(offset, CHUNK_MAX)
            part = self.chunk(index)[within : within + size]
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(parts)


class MLOwner:
    """A user with models; use it with `async with`, after `open`."""

    def __init__(self, mesh: Mesh, folder: _t.Optional[Path] = None) -> None:
        where = folder if folder is not None else mesh.identity.folder
        if where is None:
            raise errors.BadInput("model keys need a folder: an identity's, or one given")
        self.mesh = mesh
        self.folder = os.fspath(where)
        self._keys: _t.Optional[KeysClient] = None
        self._models: _t.Optional[ModelsClient] = None

    async def open(self) -> "MLOwner":
        """Connects to the key service and the model store."""
        self._keys = await self.mesh.connect(KeysClient)
        self._models = await self.mesh.connect(ModelsClient)
        return self

    async def close(self) -> None:
        for client in (self._keys, self._models):
            if client is not None:
                await client.close()
        self._keys = self._models = None

    async def __aenter__(self) -> "MLOwner":
        return self if self._keys is not None else await self.open()

    async def __aexit__(self, *_unused: object) -> None:
        await self.close()

    @property
    def keys(self) -> KeysClient:
        if self._keys is None:
            raise errors.Unreachable("the owner's connections are closed")
        return self._keys

    @property
    def models(self) -> ModelsClient:
        if self._models is None:
            raise errors.Unreachable("the owner's connections are closed")
        return self._models

    async def enrol(self) -> None:
        """Tells the key service who one is; again changes nothing."""
        await self.keys.enrol(signing_key=self.mesh.identity.signing_public)

    # --- models -------------------------------------------------------------------------------

    async def newest(self, name: str) -> int:
        """The newest version that store, key service or key ring know; 0 where there is none."""
        ring = _native.lib.tacit_native_model_key_newest(_native.path(self.folder), name.encode())
        newest = int(ring)
        offset, more = 0, True
        while more:
            stored = await self.models.list(owner=self.mesh.identity.public, offset=offset)
            newest = max([newest] + [one.version for one in stored.models if one.name == name])
            offset, more = offset + len(stored.models), stored.more and bool(stored.models)
        offset, more = 0, True
        while more:
            known = await self.keys.list(offset=offset)
            newest = max([newest] + [one.version for one in known.models if one.name == name])
            offset, more = offset + 256, known.more
        return newest

    async def push(
        self,
        name: str,
        model: _t.Union[bytes, Path],
        *,
        progress: _t.Optional[Progress] = None,
    ) -> int:
        """Encrypts a model here, under a key made here, and uploads it; the version. `model` is its
        bytes or its path."""
        content = model if isinstance(model, bytes) else await asyncio.to_thread(_read, model)
        version = await self.newest(name) + 1
        folder = _native.path(self.folder)
        key = Secret(
            _native.make(
                "secret", _native.lib.tacit_native_model_key_make, folder, name.encode(), version
            )
        )
        package = _Package(
            await asyncio.to_thread(
                _native.make,
                "package",
                _native.lib.tacit_native_package_seal,
                self.mesh.identity.handle,
                folder,
                name.encode(),
                version,
                key.handle,
                content,
                len(content),
            )
        )
        await self._upload(package, progress)
        await self.keys.put_model_key(
            name=name, version=version, model_key=key, content_sha256=package.content_sha256
        )
        return version

    async def _upload(self, package: _Package, progress: _t.Optional[Progress]) -> None:
        def told(done: int) -> None:
            if progress is not None:
                progress(done, package.size)

        await resume.send(
            self.models,
            lambda: self.models.push(manifest=package.manifest, signature=package.signature),
            package.size,
            package.read,
            progress=told,
        )

    # --- grants -------------------------------------------------------------------------------

    async def grant(
        self,
        name: str,
        user: bytes,
        *,
        measurement: _t.Optional[bytes] = None,
        seconds: float = 0,
        uses: int = 0,
    ) -> list[bytes]:
        """Lets a user run a model in workers of that measurement; None: of each that is attested
        now. `seconds` from now and `uses`: 0 is no limit. The grants' ids."""
        wanted = [measurement] if measurement is not None else await self.mesh.measurements()
        if not wanted:
            raise errors.NotFound("no worker is attested at this moment")
        expires = int((time.time() + seconds) * 1000) if seconds else 0
        granted = []
        for one in wanted:
            said = await self.keys.grant(
                name=name, user=user, measurement=one, expires_ms=expires, uses=uses
            )
            granted.append(said.grant_id)
        return granted

    async def grants(self, name: _t.Optional[str] = None) -> list[GrantInfo]:
        """Grants of one's own models, of one or of all."""
        found: list[GrantInfo] = []
        offset, more = 0, True
        while more:
            page = await self.keys.list(offset=offset)
            found += [
                one
                for one in page.grants
                if one.owner == self.mesh.identity.public and name in (None, one.name)
            ]
            offset, more = offset + 256, page.more
        return found

    async def revoke(self, name: str, user: _t.Optional[bytes] = None) -> int:
        """Takes active grants of a model back, of one user or of all; how many. In workers within a
        second."""
        active = [
            one
            for one in await self.grants(name)
            if one.state == GrantState.ACTIVE and user in (None, one.user)
        ]
        for one in active:
            await self.keys.revoke(grant_id=one.grant_id)
        return len(active)


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read()
