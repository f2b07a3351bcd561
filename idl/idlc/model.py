"""What an IDL file says, as data. The parser makes it; checks resolve the names in it."""

from dataclasses import dataclass, field
from typing import Optional, Union

from .diagnostics import Position

SCALARS = ("bool", "u8", "u16", "u32", "u64", "i32", "i64", "f64")
BOUNDED = ("string", "bytes", "secret")

# enclave/role.h: the roles that only a measured enclave may take.
ENCLAVE_ROLES = {"attestation": 1, "keys": 2, "models": 3, "gateway": 4, "worker": 5}


@dataclass
class Type:
    position: Position
    kind: str  # one of SCALARS or BOUNDED, or enum, struct, or named until resolved
    name: str = ""  # of enum, struct, named
    minimum: int = 0  # bytes, of BOUNDED
    maximum: int = 0
    list_maximum: Optional[int] = None  # most elements; None: no list
    target: Union["Enum", "Struct", None] = None  # what name means

    def text(self) -> str:
        """As in the IDL."""
        element = self.name or self.kind
        if self.kind in BOUNDED:
            if self.minimum == self.maximum:
                element += f"[{self.maximum}]"
            elif self.minimum == 0:
                element += f"[..{self.maximum}]"
            else:
                element += f"[{self.minimum}..{self.maximum}]"
        return element if self.list_maximum is None else f"list[..{self.list_maximum}] {element}"


@dataclass
class Field:
    position: Position  # of the name
    number_position: Position
    number: int
    name: str
    type: Type
    optional: bool
    doc: list[str]


@dataclass
class EnumValue:
    position: Position
    number_position: Position
    name: str
    number: int
    doc: list[str]


@dataclass(eq=False)
class Enum:
    position: Position
    name: str
    values: list[EnumValue]
    doc: list[str]


@dataclass(eq=False)
class Struct:
    """A struct of the file, or the arguments or the result of a method."""

    position: Position
    name: str
    fields: list[Field]
    doc: list[str]
    limit: Optional[int] = None  # bytes that the encoding may take, where the IDL bounds it
    limit_position: Optional[Position] = None
    encoded_max: int = 0  # filled by checks
    standalone: bool = False  # reached from no method; filled by checks

    def by_number(self) -> list[Field]:
        return sorted(self.fields, key=lambda one: one.number)


@dataclass
class Error:
    position: Position
    code_position: Position
    name: str
    code: int
    text: str
    doc: list[str]


@dataclass
class Caller:
    position: Position
    kind: str  # anyone, user, operator, owner, enclave
    owner: str = ""
    owner_position: Optional[Position] = None
    roles: list[str] = field(default_factory=list)

    def text(self) -> str:
        if self.kind == "owner":
            return f"owner({self.owner})"
        return f"enclave({', '.join(self.roles)})" if self.kind == "enclave" else self.kind


@dataclass
class Reference:
    position: Position
    name: str


@dataclass(frozen=True)
class Stream:
    """Bounds of a stream of chunks, each of at least one byte."""

    chunk: int  # bytes of one chunk
    total: int  # bytes of all
    resumable: bool = False  # a lost one is opened again with the bytes that its receiver has
    offset: str = ""  # the argument that says them, of a resumable stream out
    offset_position: Optional[Position] = None

    def text(self) -> str:
        """What the IDL says of going on after a loss."""
        return f"resumable({self.offset})" if self.offset else "resumable"


@dataclass
class Share:
    """A number of calls of a method: of all callers together, and of one caller."""

    position: Position
    all: Optional[int]  # None: no bound
    per_caller: Optional[int]

    def text(self) -> str:
        """As in the IDL."""
        own = f"{self.per_caller} per caller" if self.per_caller else ""
        return ", ".join(part for part in (str(self.all) if self.all else "", own) if part)


@dataclass
class Method:
    position: Position
    name: str
    args: Struct
    result: Struct
    caller: Caller
    deadline_ms: int
    deadline_position: Position
    bulk_in: int  # 0: none
    bulk_out: int
    stream_in: Optional[Stream]
    stream_out: Optional[Stream]
    errors: list[Reference]
    idempotent: bool  # once more does no more: a client may send it again
    blocking: bool  # its handler runs in the server's pool of threads
    limit: Optional[Share]  # calls that run at once
    queue: Optional[Share]  # calls that wait until they may
    keyed: str  # "", "memory", "durable": answers are kept by idempotency key
    doc: list[str]

    @property
    def streams(self) -> bool:
        return bool(self.stream_in or self.stream_out)


@dataclass
class Service:
    position: Position
    number_position: Position
    name: str
    number: int
    title: str
    doc: list[str]
    errors: list[Error] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)
    text: str = ""  # the file
    sha256: bytes = b""  # of the file

    def methods_by_name(self) -> list[Method]:
        return sorted(self.methods, key=lambda one: one.name)

    def records(self) -> list[Struct]:
        """Every record: structs in an order in which each stands after what it holds, then the
        arguments and results of the methods by name."""
        ordered: list[Struct] = []

        def visit(struct: Struct) -> None:
            if struct in ordered:
                return
            for one in struct.fields:
                if one.type.kind == "struct":
                    visit(one.type.target)
            ordered.append(struct)

        for struct in self.structs:
            visit(struct)
        for method in self.methods_by_name():
            ordered += [method.args, method.result]
        return ordered
