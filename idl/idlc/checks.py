"""What the grammar cannot say: names that mean something, numbers that are used once, encodings
that fit. Resolves the types' names on the way, and measures every record.

Wrong items are collected, so that a file is put right in one go; what hangs on an unresolved
name is not looked at further."""

import os
from typing import Iterable

from .diagnostics import IdlError, Position
from .model import Field, Method, Service, Struct
from .names import generated_names
from .python_names import python_names
from .sizes import RECORD_MAX, STANDALONE_MAX, record_size

# What rpc/ bounds too; a test compares.
FIELDS_MAX = 64  # of a record: TACIT_CODEC_FIELDS_MAX
BULK_MAX = 16 * 1024 * 1024 + 64 * 1024  # TACIT_BULK_MAX
STREAM_CHUNK_MAX = 256 * 1024  # rpc/limits.h
STREAM_TOTAL_MAX = 2**40  # rpc/limits.h
CALLS_MAX = 1024  # TACIT_CALLS_PENDING_MAX
NAME_MAX = 47  # of a service, method or error: TACIT_METHOD_NAME_MAX, TACIT_ERROR_NAME_MAX

# Every service answers these by itself (rpc/server.h).
RESERVED_METHODS = ("describe", "health", "metrics")

FIELD_NUMBER_MAX = 127  # so that a key takes one byte
ENUM_NUMBER_MAX = 0xFFFFFFFF
NESTING_MAX = 4  # structs within structs, the outermost counted; with lists half of what rpc/ reads
LIST_MAX = 0xFFFF
SERVICE_NUMBER_MAX = 1000
CODES_PER_SERVICE = 1000  # service N has the codes N * 1000 and up
DEADLINE_MAX_MS = 10 * 60 * 1000


def check(service: Service, path: str) -> list[IdlError]:
    """Resolve and measure the service; what is wrong with it, in the file's order."""
    checker = _Checker(service)
    checker.run(os.path.splitext(os.path.basename(path))[0])
    return sorted(checker.errors, key=lambda error: error.position)


def check_together(services: list[tuple[str, Service]]) -> list[tuple[str, IdlError]]:
    """What is wrong between files: (path, error) for each."""
    errors = []
    seen: dict = {}
    for path, service in services:
        for key, position in (
            (f"service name '{service.name}'", service.position),
            (f"service number {service.number}", service.number_position),
        ):
            if key in seen:
                errors.append((path, IdlError(position, f"{key} is taken by {seen[key]}")))
            seen.setdefault(key, os.path.basename(path))
    return errors


class _Checker:
    def __init__(self, service: Service):
        self.service = service
        self.errors: list[IdlError] = []
        self.enums = {one.name: one for one in service.enums}
        self.structs = {one.name: one for one in service.structs}

    def refuse(self, position: Position, message: str) -> None:
        self.errors.append(IdlError(position, message))

    def run(self, stem: str) -> None:
        service = self.service
        if service.name != stem:
            self.refuse(
                service.position, f"service '{service.name}' must stand in {service.name}.idl"
            )
        if not 1 <= service.number <= SERVICE_NUMBER_MAX:
            self.refuse(service.number_position, f"a service's number is 1 to {SERVICE_NUMBER_MAX}")
        self.check_declared_names()
        self.check_errors()
        self.check_enums()
        for struct in service.structs:
            self.check_fields(struct)
            if not struct.fields:
                self.refuse(struct.position, f"struct '{struct.name}' has no fields")
        for method in service.methods:
            self.check_method(method)
        self.check_secrets()
        if not self.errors:  # every name is resolved now
            self.check_nesting()
        if not self.errors:  # nothing holds itself now
            self.mark_standalone()
            self.check_sizes()
            self.check_generated_names()

    # --- names and numbers ----------------------------------------------------------------------

    def unique(self, items: Iterable, what: str) -> None:
        """One name once; items have name and position."""
        seen: set = set()
        for item in items:
            if item.name in seen:
                self.refuse(item.position, f"{what} '{item.name}' is there already")
            elif len(item.name) > NAME_MAX:
                self.refuse(item.position, f"a name has at most {NAME_MAX} characters")
            seen.add(item.name)

    def check_declared_names(self) -> None:
        service = self.service
        self.unique([service], "service")
        self.unique(service.errors, "error")
        self.unique(service.methods, "method")
        self.unique(
            sorted(service.enums + service.structs, key=lambda one: one.position), "type"
        )

    def check_errors(self) -> None:
        first = self.service.number * CODES_PER_SERVICE
        last = first + CODES_PER_SERVICE - 1
        seen: set = set()
        for error in self.service.errors:
            if error.code in seen:
                self.refuse(error.code_position, f"code {error.code} is taken")
            elif not first <= error.code <= last:
                self.refuse(
                    error.code_position,
                    f"codes of service {self.service.number} are {first} to {last}",
                )
            seen.add(error.code)

    def check_enums(self) -> None:
        for enum in self.service.enums:
            if not enum.values:
                self.refuse(enum.position, f"enum '{enum.name}' has no values")
            self.unique(enum.values, "value")
            seen: set = set()
            for value in enum.values:
                if value.number in seen:
                    self.refuse(value.number_position, f"number {value.number} is taken")
                elif value.number > ENUM_NUMBER_MAX:
                    self.refuse(value.number_position, "a value's number is at most 2^32 - 1")
                seen.add(value.number)

    def check_fields(self, struct: Struct) -> None:
        self.unique(struct.fields, "field")
        if len(struct.fields) > FIELDS_MAX:
            self.refuse(struct.fields[FIELDS_MAX].position, f"more than {FIELDS_MAX} fields")
        seen: set = set()
        for one in struct.fields:
            if one.number in seen:
                self.refuse(one.number_position, f"field number {one.number} is taken")
            elif not 1 <= one.number <= FIELD_NUMBER_MAX:
                self.refuse(one.number_position, f"a field's number is 1 to {FIELD_NUMBER_MAX}")
            seen.add(one.number)
            self.resolve(one)

    def resolve(self, one: Field) -> None:
        of_type = one.type
        if of_type.list_maximum is not None and of_type.list_maximum > LIST_MAX:
            self.refuse(of_type.position, f"a list has at most {LIST_MAX} elements")
        if of_type.kind != "named":
            return
        if of_type.name in self.enums:
            of_type.kind, of_type.target = "enum", self.enums[of_type.name]
        elif of_type.name in self.structs:
            of_type.kind, of_type.target = "struct", self.structs[of_type.name]
        else:
            self.refuse(of_type.position, f"unknown type '{of_type.name}'")

    # --- methods --------------------------------------------------------------------------------

    def check_method(self, method: Method) -> None:
        if method.name in RESERVED_METHODS:
            self.refuse(method.position, f"every service has a method '{method.name}' already")
        self.check_fields(method.args)
        self.check_fields(method.result)
        if method.deadline_ms > DEADLINE_MAX_MS:
            self.refuse(
                method.deadline_position, f"a deadline is at most {DEADLINE_MAX_MS // 1000}s"
            )
        for size in (method.bulk_in, method.bulk_out):
            if size > BULK_MAX:
                self.refuse(method.position, f"a bulk frame has at most {BULK_MAX} bytes")
        for stream in (method.stream_in, method.stream_out):
            if stream and stream.chunk > STREAM_CHUNK_MAX:
                self.refuse(method.position, f"a chunk has at most {STREAM_CHUNK_MAX} bytes")
            if stream and stream.total > STREAM_TOTAL_MAX:
                self.refuse(method.position, f"a stream has at most {STREAM_TOTAL_MAX} bytes")
        self.check_resumable(method)
        self.check_limits(method)
        self.check_keyed(method)
        self.unique(method.errors, "error")
        declared = {error.name for error in self.service.errors}
        for reference in method.errors:
            if reference.name not in declared:
                self.refuse(reference.position, f"error '{reference.name}' is not declared")
        if method.caller.kind == "owner":
            self.check_owner(method)

    def check_keyed(self, method: Method) -> None:
        """An answer is kept for its caller, as a result alone, by what the call said in the clear."""
        if not method.keyed:
            return
        for wrong, why in (
            (method.idempotent, "is idempotent and needs no key"),
            (method.caller.kind == "anyone", "is keyed and for anyone: answers are a caller's"),
            (method.streams, "is keyed and has streams, which are not kept"),
            (method.bulk_out, "is keyed and has bulk out, which is not kept"),
            (any(one.type.kind == "secret" for one in method.args.fields),
             "is keyed and takes a secret, which is sealed anew each time"),
            (method.blocking or method.limit or method.queue,
             "is keyed and blocks or takes turns, where answers are not kept"),
        ):
            if wrong:
                self.refuse(method.position, f"method '{method.name}' {why}")

    def check_resumable(self, method: Method) -> None:
        """Who receives says where to go on: a service in its first event, a caller by an argument."""
        into, out = method.stream_in, method.stream_out
        if into and into.offset:
            self.refuse(into.offset_position, "of a stream in, the service says where it goes on")
        if into and out and (into.resumable or out.resumable):
            self.refuse(
                method.position, f"method '{method.name}' has two streams: neither is resumable"
            )
        if not out or not out.resumable:
            return
        found = [one for one in method.args.fields if one.name == out.offset]
        if not out.offset:
            self.refuse(
                method.position, "a stream out is resumable by an argument: resumable(NAME)"
            )
        elif not found:
            self.refuse(
                out.offset_position, f"method '{method.name}' has no argument '{out.offset}'"
            )
        elif found[0].type.text() != "u64" or found[0].optional:
            self.refuse(out.offset_position, f"'{out.offset}' must be u64 and not optional")

    def check_limits(self, method: Method) -> None:
        for share in (method.limit, method.queue):
            if share and max(share.all or 0, share.per_caller or 0) > CALLS_MAX:
                self.refuse(share.position, f"an endpoint has at most {CALLS_MAX} calls")
        if method.queue and not method.queue.all:
            self.refuse(method.queue.position, "a queue needs a bound for all callers together")
        if method.queue and not method.limit and not method.blocking:
            self.refuse(
                method.queue.position,
                f"method '{method.name}' has neither a limit nor 'blocking': nothing would wait",
            )
        if method.blocking and method.streams:
            self.refuse(
                method.position,
                f"method '{method.name}' has streams, which are moved on the server's own thread:"
                " it cannot be blocking",
            )

    def check_owner(self, method: Method) -> None:
        """owner(field) compares the caller's CURVE key with that argument."""
        caller = method.caller
        found = [one for one in method.args.fields if one.name == caller.owner]
        if not found:
            self.refuse(
                caller.owner_position, f"method '{method.name}' has no argument '{caller.owner}'"
            )
        elif found[0].type.text() != "bytes[32]" or found[0].optional:
            self.refuse(
                caller.owner_position, f"'{caller.owner}' must be bytes[32] and not optional"
            )

    # --- records as a whole ---------------------------------------------------------------------

    def check_nesting(self) -> None:
        depths: dict = {}

        def depth(struct: Struct, within: tuple) -> int:
            if struct.name in within:
                self.refuse(struct.position, f"struct '{struct.name}' holds itself")
                return 0
            if struct.name not in depths:
                inner = [
                    depth(one.type.target, within + (struct.name,))
                    for one in struct.fields
                    if one.type.kind == "struct"
                ]
                depths[struct.name] = 1 + max(inner, default=0)
            return depths[struct.name]

        roots = [*self.service.structs]
        for method in self.service.methods:
            roots += [method.args, method.result]
        for struct in roots:
            if depth(struct, ()) > NESTING_MAX:
                self.refuse(struct.position, f"structs nest deeper than {NESTING_MAX}")

    def check_secrets(self) -> None:
        """A secret is sealed under a session's key and bound to its field's number, so that there
        must be a session, and one secret to a number."""
        for method in self.service.methods:
            for one in method.args.fields + method.result.fields:
                if one.type.kind != "secret":
                    continue
                if method.caller.kind == "anyone":
                    self.refuse(one.position, f"'{one.name}' is a secret, but anyone may call")
                if one.type.list_maximum is not None:
                    self.refuse(one.position, f"'{one.name}' is a secret, which no list holds")
        for struct in self.service.structs:
            for one in struct.fields:
                if one.type.kind == "secret":
                    self.refuse(one.position, f"'{one.name}' is a secret, which no struct holds")

    def reached(self) -> set:
        """Names of the structs that some method carries."""
        names: set = set()

        def visit(record: Struct) -> None:
            for one in record.fields:
                if one.type.kind == "struct":
                    names.add(one.type.name)
                    visit(one.type.target)

        for method in self.service.methods:
            visit(method.args)
            visit(method.result)
        return names

    def mark_standalone(self) -> None:
        reached = self.reached()
        for struct in self.service.structs:
            struct.standalone = struct.name not in reached

    def check_sizes(self) -> None:
        for record in self.service.records():
            record.encoded_max = record_size(record)
            if record.limit is not None:
                self.apply_limit(record)
            most = STANDALONE_MAX if record.standalone else RECORD_MAX
            # A standalone struct that others hold is measured as their part.
            held = record.standalone and self.is_held(record)
            if record.encoded_max > most and not held:
                self.refuse(
                    record.position,
                    f"'{record.name}' may take {record.encoded_max} bytes, above {most}",
                )

    def is_held(self, record: Struct) -> bool:
        return any(
            one.type.target is record for struct in self.service.structs for one in struct.fields
        )

    def apply_limit(self, record: Struct) -> None:
        """The IDL's own bound on an encoding holds where the struct is the whole message."""
        if not record.standalone or self.is_held(record):
            self.refuse(
                record.limit_position, f"'{record.name}' is part of others; bound its fields"
            )
        elif record.limit >= record.encoded_max:
            self.refuse(
                record.limit_position,
                f"the bound changes nothing: '{record.name}' takes at most "
                f"{record.encoded_max} bytes",
            )
        else:
            record.encoded_max = record.limit

    def check_generated_names(self) -> None:
        for names, language in ((generated_names, "C"), (python_names, "Python")):
            seen: dict = {}
            for name, position, what in names(self.service):
                if name in seen:
                    clash = f"would both be {name} in {language}"
                    self.refuse(position, f"{what} and {seen[name]} {clash}")
                seen.setdefault(name, what)
