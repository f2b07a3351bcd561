"""Tensors: dense, row-major, little-endian, as models take and give them."""

from __future__ import annotations

import dataclasses
import math
import struct
import sys
import typing as _t

from . import errors
from .idl import inference as _contract

Dtype = _contract.Dtype

_FORMATS = {
    Dtype.FLOAT32: "f",
    Dtype.UINT8: "B",
    Dtype.INT8: "b",
    Dtype.INT32: "i",
    Dtype.INT64: "q",
    Dtype.BOOL8: "?",
    Dtype.FLOAT64: "d",
}
_DTYPES = {form: dtype for dtype, form in _FORMATS.items()} | {"l": Dtype.INT64}

assert sys.byteorder == "little"


@dataclasses.dataclass(frozen=True, slots=True)
class Tensor:
    """`data` holds exactly the elements of `shape`."""

    dtype: Dtype
    shape: tuple[int, ...]
    data: bytes
    name: str = ""

    def __post_init__(self) -> None:
        size = math.prod(self.shape) * struct.calcsize(_FORMATS[self.dtype])
        if min(self.shape, default=0) < 0 or size != len(self.data):
            raise errors.BadInput("the data is not that of its shape", claim=f"input {self.name}")

    @classmethod
    def of(cls, array: _t.Any, name: str = "") -> "Tensor":
        """Of anything with the buffer protocol that is contiguous: a numpy array, array.array."""
        view = memoryview(array)
        dtype = _DTYPES.get(view.format.lstrip("<=@"))
        if dtype is None or not view.c_contiguous:
            raise errors.BadInput("no tensor of these elements", got=view.format)
        return cls(dtype, tuple(view.shape or ()), view.tobytes(), name)

    @classmethod
    def floats(cls, rows: _t.Sequence[_t.Sequence[float]], name: str = "") -> "Tensor":
        """A float32 table."""
        width = len(rows[0]) if rows else 0
        if not rows or any(len(row) != width for row in rows):
            raise errors.BadInput("a table has rows of one length")
        data = b"".join(struct.pack(f"<{width}f", *row) for row in rows)
        return cls(Dtype.FLOAT32, (len(rows), width), data, name)

    def view(self) -> memoryview:
        """The elements, in their shape: `numpy.asarray(tensor.view())`, or `.tolist()`."""
        flat = memoryview(self.data)
        form = _FORMATS[self.dtype]
        if not self.shape or 0 in self.shape:
            return flat.cast(form)
        return flat.cast(form, self.shape)

    def tolist(self) -> _t.Any:
        """Nested lists of numbers."""
        return self.view().tolist()


def to_contract(tensor: Tensor) -> _contract.Tensor:
    return _contract.Tensor(
        name=tensor.name, dtype=tensor.dtype, shape=list(tensor.shape), data=tensor.data
    )


def from_contract(said: _contract.Tensor) -> Tensor:
    try:
        return Tensor(said.dtype, tuple(said.shape), said.data, said.name)
    except errors.BadInput:
        raise errors.ProtocolError("an output's size is not that of its shape") from None
