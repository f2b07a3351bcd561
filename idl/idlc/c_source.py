"""NAME.c: the const tables of a service (rpc/schema.h) and its trampolines. Data, no logic."""

import io

from . import emit_contract
from .c_text import braced, comment, numbers, signature, string_literal
from .model import ENCLAVE_ROLES, Enum, Field, Method, Service, Struct
from .names import Names, has_member, member


def emit(service: Service) -> str:
    return "\n".join(_Source(service).lines()) + "\n"


def _lines(text: str) -> list[str]:
    """With their ends; nothing but a newline ends a line, unlike in str.splitlines."""
    return list(io.StringIO(text, newline="\n"))


class _Source:
    def __init__(self, service: Service):
        self.service = service
        self.names = Names(service)

    def lines(self) -> list[str]:
        name = self.service.name
        lines = [
            *comment([f"{name}.c - tables, written by idlc from {name}.idl; not to be edited."]),
            "",
            f'#include "idl/{name}.h"',
            "",
        ]
        for enum in self.service.enums:
            lines += self.enum(enum)
        for record in self.service.records():
            lines += self.record(record)
        for method in self.service.methods_by_name():
            lines += self.trampoline(method)
        return lines + self.methods() + self.errors() + self.text() + self.contract() + self.table()

    # --- enums and records ----------------------------------------------------------------------

    def enum(self, enum: Enum) -> list[str]:
        values = sorted(enum.values, key=lambda one: one.number)
        start = f"static const uint32_t s_{enum.name}_values[] = {{"
        lines = numbers(start, [str(value.number) for value in values], "};")
        lines += ["", f"const char *{self.names.enum(enum)}_name(uint32_t value)", "{"]
        lines.append("    switch (value) {")
        for value in values:
            lines.append(f"    case {self.names.enum_value(enum, value.name)}:")
            lines.append(f'        return "{value.name}";')
        return lines + ["    default:", '        return "unknown";', "    }", "}", ""]

    def record(self, record: Struct) -> list[str]:
        table = f"s_{record.name}_fields"
        lines = []
        if record.fields:
            lines.append(f"static const tacit_field_t {table}[] = {{")
            for one in record.by_number():
                lines += braced("    {", self.field(record, one), "},")
            lines += ["};", ""]
        count = len(record.fields)
        items = [
            f'.name = "{self.wire_name(record)}"',
            f".size = sizeof({self.names.struct(record)})",
            f".fields = {table if count else 'NULL'}",
            f".field_count = {count}",
            f".encoded_max = {record.encoded_max}",
        ]
        lines.append(f"const tacit_record_t {self.names.record(record)} = {{")
        return lines + [f"    {item}," for item in items] + ["};", ""]

    def wire_name(self, record: Struct) -> str:
        """What errors call it: service.struct, service.method.args, service.method.result."""
        for method in self.service.methods:
            if record is method.args:
                return f"{self.service.name}.{method.name}.args"
            if record is method.result:
                return f"{self.service.name}.{method.name}.result"
        return f"{self.service.name}.{record.name}"

    def field(self, record: Struct, one: Field) -> list[str]:
        struct, of_type = self.names.struct(record), one.type
        items = [
            f'.name = "{one.name}"',
            f".number = {one.number}",
            f".kind = TACIT_KIND_{of_type.kind.upper()}",
            f".offset = offsetof({struct}, {member(one.name)})",
        ]
        if of_type.list_maximum is not None:
            items += [".list = true", f".list_max = {of_type.list_maximum}"]
        if one.optional:
            items += [".optional = true", f".has_offset = offsetof({struct}, {has_member(one)})"]
        if of_type.kind in ("string", "bytes", "secret"):
            items += [f".min = {of_type.minimum}", f".max = {of_type.maximum}"]
        if of_type.kind == "struct":
            items.append(f".record = &{self.names.record(of_type.target)}")
        if of_type.kind == "enum":
            items.append(f".enum_values = s_{of_type.name}_values")
            items.append(f".enum_count = {len(of_type.target.values)}")
        return items

    # --- methods --------------------------------------------------------------------------------

    def trampoline(self, method: Method) -> list[str]:
        parameters = [
            "const void *handlers",
            "void *self",
            "tacit_call_t *call",
            "const void *args",
            "void *ret_result",
        ]
        handler = member(method.name)
        return [
            *signature(f"static tacit_status_t s_invoke_{method.name}", parameters, ""),
            "{",
            f"    const {self.names.handlers}_t *typed = handlers;",
            f"    if (typed->{handler} == NULL) {{",
            "        return TACIT_UNKNOWN_METHOD;",
            "    }",
            f"    return typed->{handler}(self, call, args, ret_result);",
            "}",
            "",
        ]

    def methods(self) -> list[str]:
        methods = self.service.methods_by_name()
        if not methods:
            return []
        lines = [f"const tacit_method_t {self.names.methods}[{len(methods)}] = {{"]
        for method in methods:
            lines.append("    {")
            lines += [f"        {item}," for item in self.method(method)]
            lines.append("    },")
        return lines + ["};", ""]

    def method(self, method: Method) -> list[str]:
        names = self.names
        items = [
            f'.name = "{self.service.name}.{method.name}"',
            f".args = &{names.record(method.args)}",
            f".result = &{names.record(method.result)}",
            f".caller = TACIT_CALLER_{method.caller.kind.upper()}",
        ]
        if method.caller.kind == "enclave":
            roles = sorted(set(method.caller.roles), key=ENCLAVE_ROLES.get)
            items.append(".roles = " + " | ".join(f"1U << TACIT_ROLE_{r.upper()}" for r in roles))
        if method.caller.kind == "owner":
            struct = names.struct(method.args)
            items.append(f".owner_offset = offsetof({struct}, {member(method.caller.owner)})")
        items.append(f".deadline_ms = {method.deadline_ms}")
        if method.idempotent:
            items.append(".idempotent = true")
        if method.blocking:
            items.append(".blocking = true")
        for what, share in (("limit", method.limit), ("queue", method.queue)):
            if share:
                bounds = {"all": share.all, "per_caller": share.per_caller}
                parts = ", ".join(f".{name} = {most}" for name, most in bounds.items() if most)
                items.append(f".{what} = {{{parts}}}")
        if method.keyed:
            items.append(f".keyed = TACIT_KEYED_{method.keyed.upper()}")
        if method.bulk_in:
            items.append(f".bulk_in_max = {names.bulk_limit(method, 'IN')}")
        if method.bulk_out:
            items.append(f".bulk_out_max = {names.bulk_limit(method, 'OUT')}")
        for direction, stream in (("in", method.stream_in), ("out", method.stream_out)):
            if stream:
                parts = [f".chunk_max = {stream.chunk}", f".total_max = {stream.total}U"]
                parts += [".resumable = true"] if stream.resumable else []
                if stream.offset:
                    place = f"offsetof({names.struct(method.args)}, {member(stream.offset)})"
                    parts.append(f".offset_place = {place}")
                items.append(f".stream_{direction} = {{{', '.join(parts)}}}")
        return items + [f".invoke = s_invoke_{method.name}"]

    # --- the service ----------------------------------------------------------------------------

    def errors(self) -> list[str]:
        if not self.service.errors:
            return []
        lines = ["static const tacit_error_row_t s_errors[] = {"]
        for error in self.service.errors:
            items = [f'"{error.name}"', str(error.code), string_literal(error.text)]
            lines += numbers("    {", items, "},")
        return lines + ["};", ""]

    def text(self) -> list[str]:
        lines = ["static const char s_text[] ="]
        lines += [f"    {string_literal(line)}" for line in _lines(self.service.text)]
        lines[-1] += ";"
        return lines + [""]

    def contract(self) -> list[str]:
        items = [f"0x{byte:02x}" for byte in emit_contract.encode(self.service)]
        return [*numbers("static const uint8_t s_contract[] = {", items, "};"), ""]

    def table(self) -> list[str]:
        service, names = self.service, self.names
        count = len(service.errors)
        digest = [f"0x{byte:02x}" for byte in service.sha256]
        return [
            f"const tacit_service_t {names.service} = {{",
            f'    .name = "{service.name}",',
            f"    .number = {service.number},",
            "    .text = s_text,",
            "    .contract = s_contract,",
            "    .contract_size = sizeof s_contract,",
            *numbers("    .sha256 = {", digest, "},"),
            f"    .methods = {names.methods if service.methods else 'NULL'},",
            f"    .method_count = {len(service.methods)},",
            f"    .errors = {'s_errors' if count else 'NULL'},",
            f"    .error_count = {count},",
            "};",
        ]
