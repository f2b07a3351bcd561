"""Tokens to model: one function per rule of the grammar.

    file    = service { error | enum | struct | method }
    service = "service" NAME NUMBER STRING
    error   = "error" NAME NUMBER STRING
    enum    = "enum" NAME "{" value { "," value } [","] "}"         value = NAME NUMBER
    struct  = "struct" NAME [ "[" ".." NUMBER "]" ] "{" fields "}"
    method  = "method" NAME "(" fields ")" "->" "(" fields ")" { clause }
    fields  = [ field { "," field } [","] ]                         field = NUMBER NAME ":" type
    type    = [ "list" "[" ".." NUMBER "]" ] element [ "optional" ]
    element = scalar | ("string" | "bytes" | "secret") bound | NAME
    bound   = "[" ( NUMBER | [NUMBER] ".." NUMBER ) "]"
    clause  = "caller" caller | "deadline" DURATION | "idempotent" | "keyed" [ "durable" ]
            | "errors" NAME { "," NAME }
            | "bulk" ("in" | "out") "[" ".." NUMBER "]"
            | "stream" ("in" | "out") "[" ".." NUMBER "," ".." NUMBER "]"
              [ "resumable" [ "(" NAME ")" ] ]
            | "blocking" | "limit" share | "queue" share
    share   = NUMBER "per" "caller" | NUMBER [ "," NUMBER "per" "caller" ]
    caller  = "anyone" | "user" | "operator" | "owner" "(" NAME ")"
            | "enclave" "(" NAME { "," NAME } ")"
"""

from typing import Callable, TypeVar

from .diagnostics import IdlError
from .lexer import Token, tokenize
from .model import (
    BOUNDED,
    ENCLAVE_ROLES,
    SCALARS,
    Caller,
    Enum,
    EnumValue,
    Error,
    Field,
    Method,
    Reference,
    Service,
    Share,
    Stream,
    Struct,
    Type,
)

_CLAUSES = (
    "caller", "deadline", "idempotent", "keyed", "bulk", "stream", "errors", "blocking", "limit",
    "queue",
)
_Item = TypeVar("_Item")


def parse(text: str) -> Service:
    """The service of a file. IdlError where the text is not of the grammar."""
    return _Parser(tokenize(text)).file()


class _Parser:
    def __init__(self, tokens: list[Token]):
        self.tokens = tokens
        self.index = 0

    # --- tokens ---------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        if token.doc:
            raise IdlError(token.doc_position, "nothing that a ## comment can describe follows it")
        self.index += 1
        return token

    def take_doc(self) -> list[str]:
        doc, self.token.doc = self.token.doc, []
        return doc

    def at(self, text: str) -> bool:
        return self.token.kind in ("name", "punctuation") and self.token.text == text

    def accept(self, text: str) -> bool:
        if not self.at(text):
            return False
        self.advance()
        return True

    def refuse(self, expected: str) -> IdlError:
        token = self.token
        got = token.text if token.kind == "end" else f"'{token.text}'"
        return IdlError(token.position, f"expected {expected}, got {got}")

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.refuse(f"'{text}'")
        return self.advance()

    def expect_kind(self, kind: str, what: str) -> Token:
        if self.token.kind != kind:
            raise self.refuse(what)
        return self.advance()

    def name(self, what: str) -> Token:
        return self.expect_kind("name", what)

    def number(self, what: str) -> Token:
        return self.expect_kind("number", what)

    def sequence(self, close: str, item: Callable[[], _Item]) -> list[_Item]:
        """Items with commas between them, up to the closing bracket; a last comma is allowed."""
        items = []
        while not self.accept(close):
            items.append(item())
            if not self.at(close) and not self.accept(","):
                raise self.refuse(f"',' or '{close}'")
        return items

    # --- the file -------------------------------------------------------------------------------

    def file(self) -> Service:
        doc = self.take_doc()
        if not self.at("service"):
            raise self.refuse("'service' before anything else")
        self.advance()
        name = self.name("the service's name")
        number = self.number("the service's number")
        title = self.expect_kind("string", "what the service does, in quotes")
        service = Service(
            name.position, number.position, name.text, number.value, title.text, doc
        )
        items = {
            "error": (self.error, service.errors),
            "enum": (self.enum, service.enums),
            "struct": (self.struct, service.structs),
            "method": (self.method, service.methods),
        }
        while self.token.kind != "end":
            doc = self.take_doc()
            if self.at("service"):
                raise IdlError(self.token.position, "a file has one service")
            if self.token.kind != "name" or self.token.text not in items:
                raise self.refuse("'error', 'enum', 'struct' or 'method'")
            rule, into = items[self.advance().text]
            into.append(rule(doc))
        self.advance()
        return service

    def error(self, doc: list[str]) -> Error:
        name = self.name("the error's name")
        code = self.number("the error's code")
        text = self.expect_kind("string", "what happened, in quotes")
        return Error(name.position, code.position, name.text, code.value, text.text, doc)

    def enum(self, doc: list[str]) -> Enum:
        name = self.name("the enum's name")
        self.expect("{")
        return Enum(name.position, name.text, self.sequence("}", self.enum_value), doc)

    def enum_value(self) -> EnumValue:
        doc = self.take_doc()
        name = self.name("a value's name")
        number = self.number("the value's number")
        return EnumValue(name.position, number.position, name.text, number.value, doc)

    def struct(self, doc: list[str]) -> Struct:
        name = self.name("the struct's name")
        limit = self.upper_bound("the encoding's bound") if self.at("[") else None
        self.expect("{")
        struct = Struct(name.position, name.text, self.sequence("}", self.field), doc)
        if limit:
            struct.limit, struct.limit_position = limit.value, limit.position
        return struct

    # --- fields and types -----------------------------------------------------------------------

    def field(self) -> Field:
        doc = self.take_doc()
        number = self.number("a field's number")
        name = self.name("the field's name")
        self.expect(":")
        of_type = self.type()
        optional = self.accept("optional")
        return Field(
            name.position, number.position, number.value, name.text, of_type, optional, doc
        )

    def type(self) -> Type:
        if not self.at("list"):
            return self.element()
        position = self.advance().position
        if not self.at("["):
            raise IdlError(position, "a list needs a bound: list[..N]")
        bound = self.upper_bound("the list's bound")
        if self.at("list"):
            raise IdlError(self.token.position, "a list cannot hold lists; put a struct between")
        element = self.element()
        element.list_maximum = bound.value
        if bound.value == 0:
            raise IdlError(bound.position, "a bound of 0 allows nothing")
        return element

    def element(self) -> Type:
        name = self.name("a type")
        if name.text in BOUNDED:
            return self.bounded(name)
        if self.at("["):
            raise IdlError(self.token.position, f"'{name.text}' takes no bound")
        if name.text in SCALARS:
            return Type(name.position, name.text)
        return Type(name.position, "named", name.text)

    def bounded(self, name: Token) -> Type:
        if not self.accept("["):
            raise IdlError(name.position, f"'{name.text}' needs a bound: {name.text}[..N]")
        first = self.number("a bound") if not self.at("..") else None
        last = self.number("a bound") if self.accept("..") else first
        self.expect("]")
        if last.value == 0:
            raise IdlError(last.position, "a bound of 0 allows nothing")
        minimum = first.value if first else 0
        if minimum > last.value:
            raise IdlError(first.position, "the lower bound is above the upper one")
        return Type(name.position, name.text, minimum=minimum, maximum=last.value)

    def upper_bound(self, what: str) -> Token:
        self.expect("[")
        self.expect("..")
        bound = self.number(what)
        self.expect("]")
        return bound

    # --- methods --------------------------------------------------------------------------------

    def method(self, doc: list[str]) -> Method:
        name = self.name("the method's name")
        self.expect("(")
        args = Struct(name.position, f"{name.text}_args", self.sequence(")", self.field), [])
        self.expect("->")
        self.expect("(")
        result = Struct(name.position, f"{name.text}_result", self.sequence(")", self.field), [])
        clauses = self.clauses()
        for needed in ("caller", "deadline"):
            if needed not in clauses:
                raise IdlError(name.position, f"method '{name.text}' has no {needed}")
        deadline = clauses["deadline"]
        return Method(
            name.position,
            name.text,
            args,
            result,
            clauses["caller"],
            deadline.value,
            deadline.position,
            clauses.get("bulk in", 0),
            clauses.get("bulk out", 0),
            clauses.get("stream in"),
            clauses.get("stream out"),
            clauses.get("errors", []),
            clauses.get("idempotent", False),
            clauses.get("blocking", False),
            clauses.get("limit"),
            clauses.get("queue"),
            clauses.get("keyed", ""),
            doc,
        )

    def clauses(self) -> dict:
        rules = {
            "caller": self.caller,
            "deadline": lambda: self.expect_kind("duration", "a duration (5s, 500ms)"),
            "idempotent": lambda: True,
            "keyed": lambda: "durable" if self.accept("durable") else "memory",
            "bulk in": self.bulk,
            "bulk out": self.bulk,
            "stream in": self.stream,
            "stream out": self.stream,
            "errors": self.error_names,
            "blocking": lambda: True,
            "limit": self.share,
            "queue": self.share,
        }
        found: dict = {}
        while self.token.kind == "name" and self.token.text in _CLAUSES:
            start = self.advance()
            clause = start.text
            if clause in ("bulk", "stream"):
                if not self.at("in") and not self.at("out"):
                    raise self.refuse("'in' or 'out'")
                clause += f" {self.advance().text}"
            if clause in found:
                raise IdlError(start.position, f"the method has two '{clause}' clauses")
            found[clause] = rules[clause]()
        return found

    def bulk(self) -> int:
        if not self.at("["):
            raise IdlError(self.token.position, "bulk needs a bound: bulk in[..N]")
        bound = self.upper_bound("the bulk frame's bound")
        if bound.value == 0:
            raise IdlError(bound.position, "a bound of 0 allows nothing")
        return bound.value

    def stream(self) -> Stream:
        if not self.at("["):
            raise IdlError(
                self.token.position, "a stream needs bounds of a chunk and of all: [..N, ..M]"
            )
        self.expect("[")
        self.expect("..")
        chunk = self.number("the bound of a chunk")
        self.expect(",")
        self.expect("..")
        total = self.number("the bound of all chunks")
        self.expect("]")
        if chunk.value == 0:
            raise IdlError(chunk.position, "a bound of 0 allows nothing")
        if total.value < chunk.value:
            raise IdlError(total.position, "all chunks are less than one chunk")
        if not self.accept("resumable"):
            return Stream(chunk.value, total.value)
        if not self.accept("("):
            return Stream(chunk.value, total.value, True)
        offset = self.name("the argument that says where the stream begins")
        self.expect(")")
        return Stream(chunk.value, total.value, True, offset.text, offset.position)

    def calls(self) -> Token:
        count = self.number("a number of calls")
        if count.value == 0:
            raise IdlError(count.position, "a bound of 0 allows nothing")
        return count

    def share(self) -> Share:
        first = self.calls()
        if self.accept("per"):
            self.expect("caller")
            return Share(first.position, None, first.value)
        if not self.accept(","):
            return Share(first.position, first.value, None)
        second = self.calls()
        self.expect("per")
        self.expect("caller")
        if second.value > first.value:
            raise IdlError(second.position, "one caller's part is more than the whole")
        return Share(first.position, first.value, second.value)

    def error_names(self) -> list[Reference]:
        names = []
        while True:
            name = self.name("an error's name")
            names.append(Reference(name.position, name.text))
            if not self.accept(","):
                return names

    def caller(self) -> Caller:
        start = self.name("a caller")
        if start.text in ("anyone", "user", "operator"):
            return Caller(start.position, start.text)
        if start.text == "owner":
            self.expect("(")
            owner = self.name("the argument that names the owner")
            self.expect(")")
            return Caller(start.position, "owner", owner.text, owner.position)
        if start.text == "enclave":
            self.expect("(")
            roles: list[str] = []
            self.sequence(")", lambda: self.role(roles))
            if not roles:
                raise IdlError(start.position, "enclave needs a role")
            return Caller(start.position, "enclave", roles=roles)
        raise IdlError(
            start.position,
            f"unknown caller '{start.text}': anyone, user, operator, owner(NAME), enclave(ROLE)",
        )

    def role(self, roles: list[str]) -> None:
        role = self.name("a role")
        if role.text not in ENCLAVE_ROLES:
            raise IdlError(
                role.position, f"unknown role '{role.text}': {', '.join(ENCLAVE_ROLES)}"
            )
        if role.text in roles:
            raise IdlError(role.position, f"role '{role.text}' is there already")
        roles.append(role.text)


