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

RANK_MAX = 8  # idl/inference.idl

assert sys.byteorder == "little"


def _is_list(given: _t.Any) -> bool:
    return hasattr(given, "__len__") and not isinstance(given, (str, bytes, dict))


def _rows(numbers: _t.Any, shape: list[int]) -> _t.Iterator[bytes]:
    """The innermost lists, each as float32; all must fit the shape."""
    if not _is_list(numbers) or len(numbers) != shape[0]:
        raise errors.BadInput("lists beside each other must be of one length", got=repr(numbers)[:40])
    if len(shape) > 1:
        for one in numbers:
            yield from _rows(one, shape[1:])
        return
    try:
        yield struct.pack(f"<{shape[0]}f", *numbers)
    except (struct.error, OverflowError, TypeError):
        raise errors.BadInput("not all of it are numbers that float32 holds") from None


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
    def floats(cls, numbers: _t.Sequence[_t.Any], name: str = "") -> "Tensor":
        """Of nested sequences of numbers, as float32: rows of a table, or pictures as rows of
        pixels in channels, `[[[[0.0, 0.5], [0.5, 1.0]]]]`."""
        shape: list[int] = []
        level: _t.Any = numbers
        while _is_list(level) and len(level) > 0:
            shape.append(len(level))
            level = level[0]
        if not shape or len(shape) > RANK_MAX or _is_list(level):
            raise errors.BadInput(f"lists of numbers, nested {RANK_MAX} deep at most")
        return cls(Dtype.FLOAT32, tuple(shape), b"".join(_rows(numbers, shape)), name)

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
