"""NAME.h: the types of a service, its tables, and calls for its clients."""

from .c_text import aligned, comment, define, harmless, heading, signature
from .model import Enum, Field, Method, Service, Struct
from .names import Names, has_member, member

C_TYPES = {
    "bool": "bool",
    "u8": "uint8_t",
    "u16": "uint16_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "f64": "double",
    "enum": "uint32_t",
    "string": "tacit_span_t",
    "bytes": "tacit_span_t",
    "secret": "tacit_span_t",
}


def emit(service: Service) -> str:
    return "\n".join(_Header(service).lines()) + "\n"


class _Header:
    def __init__(self, service: Service):
        self.service = service
        self.names = Names(service)

    def lines(self) -> list[str]:
        guard = f"TACIT_IDL_{self.service.name.upper()}_H"
        parts = [
            self.banner(),
            [f"#ifndef {guard}", f"#define {guard}", ""],
            ['#include "rpc/client.h"', '#include "rpc/schema.h"', ""],
            self.errors(),
            self.enums(),
            self.records(),
            self.tables(),
            self.handlers(),
            self.calls(),
            ["#endif"],
        ]
        return [line for part in parts for line in part]

    def banner(self) -> list[str]:
        name = self.service.name
        return [
            f"/*  {name}.h - {harmless(self.service.title)}.",
            "",
            f"    Written by idlc from {name}.idl; not to be edited. Who owns what spans and lists",
            "    point to is said in rpc/codec.h.  */",
            "",
        ]

    # --- types ----------------------------------------------------------------------------------

    def errors(self) -> list[str]:
        lines = heading("errors") if self.service.errors else []
        for error in self.service.errors:
            name = self.names.error(error.name)
            lines += comment(["; ".join([error.text, *error.doc])])
            lines.append(f"#define {name} ((tacit_status_t){error.code})")
        return lines + [""] if lines else []

    def enums(self) -> list[str]:
        lines = heading("enums") if self.service.enums else []
        for enum in self.service.enums:
            lines += self.enum(enum)
        return lines

    def enum(self, enum: Enum) -> list[str]:
        name = self.names.enum(enum)
        lines = comment(enum.doc) + [f"typedef enum {name} {{"]
        rows = []
        for index, value in enumerate(enum.values):
            comma = "," if index + 1 < len(enum.values) else ""
            constant = self.names.enum_value(enum, value.name)
            rows.append((f"    {constant} = {value.number}{comma}", " ".join(value.doc)))
        lines += aligned(rows, "    ") + [f"}} {name}_t;", ""]
        lines += comment(['The name of a value, "unknown" where it has none. Never NULL.'])
        return lines + [f"const char *{name}_name(uint32_t value);", ""]

    def records(self) -> list[str]:
        lines = []
        if self.service.structs:
            lines += heading("structs")
        methods = {id(method.args): method for method in self.service.methods}
        arguments_begin = True
        for record in self.service.records():
            if id(record) in methods and arguments_begin:
                lines += heading("arguments and results")
                arguments_begin = False
            doc = methods[id(record)].doc if id(record) in methods else record.doc
            lines += self.record(record, doc)
        return lines

    def record(self, record: Struct, doc: list[str]) -> list[str]:
        name = self.names.struct(record)
        limits = [
            (self.names.list_limit(record, one), str(one.type.list_maximum))
            for one in record.fields
            if one.type.list_maximum is not None
        ]
        lines = define(limits) + comment(doc) + [f"typedef struct {name[:-2]} {{"]
        rows: list[tuple[str, str]] = []
        for one in record.fields:
            if one.doc:
                lines += aligned(rows, "    ") + comment(one.doc, "    ")
                rows = []
            rows += self.member(one)
            rows += [(f"    bool {has_member(one)};", "")] if one.optional else []
        if not record.fields:
            rows = [("    uint8_t reserved;", "nothing is sent")]
        return lines + aligned(rows, "    ") + [f"}} {name};", ""]

    def member(self, one: Field) -> list[tuple[str, str]]:
        base = self.base_type(one)
        remark = one.type.text() + (" optional" if one.optional else "")
        if one.type.list_maximum is None:
            plain = one.type.text() == one.type.kind and not one.optional
            return [(f"    {base} {member(one.name)};", "" if plain else remark)]
        return [
            ("    struct {", ""),
            (f"        {base} *items;", ""),
            ("        size_t count;", ""),
            (f"    }} {member(one.name)};", remark),
        ]

    def base_type(self, one: Field) -> str:
        if one.type.kind == "struct":
            return self.names.struct(one.type.target)
        return C_TYPES[one.type.kind]

    # --- tables, handlers, calls ----------------------------------------------------------------

    def tables(self) -> list[str]:
        names, service = self.names, self.service
        lines = heading("tables") + [f"extern const tacit_service_t {names.service};"]
        records = service.records()
        lines += [f"extern const tacit_record_t {names.record(record)};" for record in records]
        lines.append("")
        if not service.methods:
            return lines
        lines += [f"extern const tacit_method_t {names.methods}[{len(service.methods)}];", ""]
        lines += comment(["Methods by name, each one element of the table above: &NAME is the"
                          " tacit_method_t that tacit_client_start wants."])
        methods = service.methods_by_name()
        rows = [
            (names.method(method), f"({names.methods}[{index}])")
            for index, method in enumerate(methods)
        ]
        lines += define(rows) + [""]
        rows = []
        for method in methods:
            for size, direction in ((method.bulk_in, "IN"), (method.bulk_out, "OUT")):
                if size:
                    rows.append((names.bulk_limit(method, direction), str(size)))
        return lines + define(rows) + [""] if rows else lines

    def handlers(self) -> list[str]:
        if not self.service.methods:
            return []
        name = self.names.handlers
        lines = heading("for the service")
        lines += comment(["What tacit_server_add wants. A method without a handler is refused."])
        lines.append(f"typedef struct {name} {{")
        for method in self.service.methods_by_name():
            lines += self.handler(method)
        return lines + [f"}} {name}_t;", ""]

    def handler(self, method: Method) -> list[str]:
        parameters = [
            "void *self",
            "tacit_call_t *call",
            f"const {self.names.struct(method.args)} *args",
            f"{self.names.struct(method.result)} *ret_result",
        ]
        start = f"tacit_status_t (*{member(method.name)})"
        return signature(start, parameters, ";", "    ")

    def calls(self) -> list[str]:
        lines = heading("for clients: tacit_client_call with the method's own deadline")
        for method in self.service.methods_by_name():
            if not method.streams:  # they need more than a call that waits: rpc/client_stream.h
                lines += comment(method.doc) + self.call(method)
        return lines if self.service.methods else []

    def call(self, method: Method) -> list[str]:
        parameters = ["tacit_client_t *client", f"const {self.names.struct(method.args)} *args"]
        parameters += ["tacit_span_t bulk"] if method.bulk_in else []
        parameters += [f"{self.names.struct(method.result)} *ret_result"]
        parameters += ["tacit_span_t *ret_bulk"] if method.bulk_out else []
        parameters += ["tacit_error_t *ret_error"]
        start = f"TACIT_MUST_CHECK static inline tacit_status_t {self.names.call(method)}"
        arguments = [
            "client",
            f"&{self.names.method(method)}",
            "args",
            "bulk" if method.bulk_in else "tacit_span(NULL, 0)",
            "0",
            "ret_result",
            "ret_bulk" if method.bulk_out else "NULL",
            "ret_error",
        ]
        body = signature("return tacit_client_call", arguments, ";", "    ")
        return signature(start, parameters, "") + ["{"] + body + ["}", ""]
