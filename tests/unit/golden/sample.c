/*  sample.c - tables, written by idlc from sample.idl; not to be edited.  */

#include "idl/sample.h"

static const uint32_t s_outcome_values[] = {1, 300};

const char *tacit_sample_outcome_name(uint32_t value)
{
    switch (value) {
    case TACIT_SAMPLE_OUTCOME_GOOD:
        return "good";
    case TACIT_SAMPLE_OUTCOME_BAD:
        return "bad";
    default:
        return "unknown";
    }
}

static const tacit_field_t s_point_fields[] = {
    {.name = "x", .number = 1, .kind = TACIT_KIND_F64, .offset = offsetof(tacit_sample_point_t, x)},
    {.name = "y", .number = 2, .kind = TACIT_KIND_F64, .offset = offsetof(tacit_sample_point_t, y)},
};

const tacit_record_t tacit_sample_point_record = {
    .name = "sample.point",
    .size = sizeof(tacit_sample_point_t),
    .fields = s_point_fields,
    .field_count = 2,
    .encoded_max = 21,
};

static const tacit_field_t s_shape_fields[] = {
    {.name = "name",
     .number = 1,
     .kind = TACIT_KIND_STRING,
     .offset = offsetof(tacit_sample_shape_t, name),
     .min = 1,
     .max = 64},
    {.name = "points",
     .number = 2,
     .kind = TACIT_KIND_STRUCT,
     .offset = offsetof(tacit_sample_shape_t, points),
     .list = true,
     .list_max = 8,
     .record = &tacit_sample_point_record},
    {.name = "ended",
     .number = 3,
     .kind = TACIT_KIND_ENUM,
     .offset = offsetof(tacit_sample_shape_t, ended),
     .optional = true,
     .has_offset = offsetof(tacit_sample_shape_t, has_ended),
     .enum_values = s_outcome_values,
     .enum_count = 2},
};

const tacit_record_t tacit_sample_shape_record = {
    .name = "sample.shape",
    .size = sizeof(tacit_sample_shape_t),
    .fields = s_shape_fields,
    .field_count = 3,
    .encoded_max = 242,
};

static const tacit_field_t s_document_fields[] = {
    {.name = "pages",
     .number = 1,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_sample_document_t, pages),
     .list = true,
     .list_max = 16,
     .min = 0,
     .max = 1024},
    {.name = "tags",
     .number = 2,
     .kind = TACIT_KIND_STRING,
     .offset = offsetof(tacit_sample_document_t, tags),
     .list = true,
     .list_max = 4,
     .min = 0,
     .max = 31},
    {.name = "states",
     .number = 3,
     .kind = TACIT_KIND_ENUM,
     .offset = offsetof(tacit_sample_document_t, states),
     .list = true,
     .list_max = 300,
     .enum_values = s_outcome_values,
     .enum_count = 2},
};

const tacit_record_t tacit_sample_document_record = {
    .name = "sample.document",
    .size = sizeof(tacit_sample_document_t),
    .fields = s_document_fields,
    .field_count = 3,
    .encoded_max = 4096,
};

static const tacit_field_t s_close_args_fields[] = {
    {.name = "number",
     .number = 1,
     .kind = TACIT_KIND_U64,
     .offset = offsetof(tacit_sample_close_args_t, number)},
};

const tacit_record_t tacit_sample_close_args_record = {
    .name = "sample.close.args",
    .size = sizeof(tacit_sample_close_args_t),
    .fields = s_close_args_fields,
    .field_count = 1,
    .encoded_max = 11,
};

const tacit_record_t tacit_sample_close_result_record = {
    .name = "sample.close.result",
    .size = sizeof(tacit_sample_close_result_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

static const tacit_field_t s_convert_args_fields[] = {
    {.name = "flag",
     .number = 1,
     .kind = TACIT_KIND_BOOL,
     .offset = offsetof(tacit_sample_convert_args_t, flag)},
    {.name = "tiny",
     .number = 2,
     .kind = TACIT_KIND_U8,
     .offset = offsetof(tacit_sample_convert_args_t, tiny)},
    {.name = "small",
     .number = 3,
     .kind = TACIT_KIND_U16,
     .offset = offsetof(tacit_sample_convert_args_t, small)},
    {.name = "count",
     .number = 4,
     .kind = TACIT_KIND_U32,
     .offset = offsetof(tacit_sample_convert_args_t, count)},
    {.name = "large",
     .number = 5,
     .kind = TACIT_KIND_U64,
     .offset = offsetof(tacit_sample_convert_args_t, large),
     .optional = true,
     .has_offset = offsetof(tacit_sample_convert_args_t, has_large)},
    {.name = "signed_small",
     .number = 6,
     .kind = TACIT_KIND_I32,
     .offset = offsetof(tacit_sample_convert_args_t, signed_small)},
    {.name = "signed_large",
     .number = 7,
     .kind = TACIT_KIND_I64,
     .offset = offsetof(tacit_sample_convert_args_t, signed_large)},
    {.name = "ratio",
     .number = 8,
     .kind = TACIT_KIND_F64,
     .offset = offsetof(tacit_sample_convert_args_t, ratio)},
    {.name = "title",
     .number = 9,
     .kind = TACIT_KIND_STRING,
     .offset = offsetof(tacit_sample_convert_args_t, title),
     .min = 0,
     .max = 255},
    {.name = "digest",
     .number = 10,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_sample_convert_args_t, digest),
     .min = 32,
     .max = 32},
    {.name = "content",
     .number = 11,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_sample_convert_args_t, content),
     .optional = true,
     .has_offset = offsetof(tacit_sample_convert_args_t, has_content),
     .min = 4,
     .max = 65536},
    {.name = "shapes",
     .number = 12,
     .kind = TACIT_KIND_STRUCT,
     .offset = offsetof(tacit_sample_convert_args_t, shapes),
     .list = true,
     .list_max = 32,
     .record = &tacit_sample_shape_record},
};

const tacit_record_t tacit_sample_convert_args_record = {
    .name = "sample.convert.args",
    .size = sizeof(tacit_sample_convert_args_t),
    .fields = s_convert_args_fields,
    .field_count = 12,
    .encoded_max = 73635,
};

static const tacit_field_t s_convert_result_fields[] = {
    {.name = "switch",
     .number = 1,
     .kind = TACIT_KIND_BOOL,
     .offset = offsetof(tacit_sample_convert_result_t, switch_)},
    {.name = "best",
     .number = 2,
     .kind = TACIT_KIND_STRUCT,
     .offset = offsetof(tacit_sample_convert_result_t, best),
     .optional = true,
     .has_offset = offsetof(tacit_sample_convert_result_t, has_best),
     .record = &tacit_sample_shape_record},
};

const tacit_record_t tacit_sample_convert_result_record = {
    .name = "sample.convert.result",
    .size = sizeof(tacit_sample_convert_result_t),
    .fields = s_convert_result_fields,
    .field_count = 2,
    .encoded_max = 246,
};

static const tacit_field_t s_flow_args_fields[] = {
    {.name = "offset",
     .number = 1,
     .kind = TACIT_KIND_U64,
     .offset = offsetof(tacit_sample_flow_args_t, offset)},
};

const tacit_record_t tacit_sample_flow_args_record = {
    .name = "sample.flow.args",
    .size = sizeof(tacit_sample_flow_args_t),
    .fields = s_flow_args_fields,
    .field_count = 1,
    .encoded_max = 11,
};

static const tacit_field_t s_flow_result_fields[] = {
    {.name = "size",
     .number = 1,
     .kind = TACIT_KIND_U64,
     .offset = offsetof(tacit_sample_flow_result_t, size)},
};

const tacit_record_t tacit_sample_flow_result_record = {
    .name = "sample.flow.result",
    .size = sizeof(tacit_sample_flow_result_t),
    .fields = s_flow_result_fields,
    .field_count = 1,
    .encoded_max = 11,
};

const tacit_record_t tacit_sample_give_args_record = {
    .name = "sample.give.args",
    .size = sizeof(tacit_sample_give_args_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

const tacit_record_t tacit_sample_give_result_record = {
    .name = "sample.give.result",
    .size = sizeof(tacit_sample_give_result_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

const tacit_record_t tacit_sample_ponder_args_record = {
    .name = "sample.ponder.args",
    .size = sizeof(tacit_sample_ponder_args_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

const tacit_record_t tacit_sample_ponder_result_record = {
    .name = "sample.ponder.result",
    .size = sizeof(tacit_sample_ponder_result_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

static const tacit_field_t s_register_args_fields[] = {
    {.name = "owner",
     .number = 1,
     .kind = TACIT_KIND_BYTES,
     .offset = offsetof(tacit_sample_register_args_t, owner),
     .min = 32,
     .max = 32},
    {.name = "key",
     .number = 2,
     .kind = TACIT_KIND_SECRET,
     .offset = offsetof(tacit_sample_register_args_t, key),
     .min = 32,
     .max = 32},
    {.name = "long",
     .number = 3,
     .kind = TACIT_KIND_U32,
     .offset = offsetof(tacit_sample_register_args_t, long_)},
};

const tacit_record_t tacit_sample_register_args_record = {
    .name = "sample.register.args",
    .size = sizeof(tacit_sample_register_args_t),
    .fields = s_register_args_fields,
    .field_count = 3,
    .encoded_max = 117,
};

static const tacit_field_t s_register_result_fields[] = {
    {.name = "key",
     .number = 1,
     .kind = TACIT_KIND_SECRET,
     .offset = offsetof(tacit_sample_register_result_t, key),
     .optional = true,
     .has_offset = offsetof(tacit_sample_register_result_t, has_key),
     .min = 0,
     .max = 64},
};

const tacit_record_t tacit_sample_register_result_record = {
    .name = "sample.register.result",
    .size = sizeof(tacit_sample_register_result_t),
    .fields = s_register_result_fields,
    .field_count = 1,
    .encoded_max = 108,
};

static const tacit_field_t s_take_args_fields[] = {
    {.name = "offset",
     .number = 1,
     .kind = TACIT_KIND_U64,
     .offset = offsetof(tacit_sample_take_args_t, offset)},
    {.name = "name",
     .number = 2,
     .kind = TACIT_KIND_STRING,
     .offset = offsetof(tacit_sample_take_args_t, name),
     .min = 1,
     .max = 64},
};

const tacit_record_t tacit_sample_take_args_record = {
    .name = "sample.take.args",
    .size = sizeof(tacit_sample_take_args_t),
    .fields = s_take_args_fields,
    .field_count = 2,
    .encoded_max = 78,
};

const tacit_record_t tacit_sample_take_result_record = {
    .name = "sample.take.result",
    .size = sizeof(tacit_sample_take_result_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

const tacit_record_t tacit_sample_transfer_args_record = {
    .name = "sample.transfer.args",
    .size = sizeof(tacit_sample_transfer_args_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

const tacit_record_t tacit_sample_transfer_result_record = {
    .name = "sample.transfer.result",
    .size = sizeof(tacit_sample_transfer_result_t),
    .fields = NULL,
    .field_count = 0,
    .encoded_max = 1,
};

static tacit_status_t s_invoke_close(const void *handlers, void *self, tacit_call_t *call,
                                     const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->close == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->close(self, call, args, ret_result);
}

static tacit_status_t s_invoke_convert(const void *handlers, void *self, tacit_call_t *call,
                                       const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->convert == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->convert(self, call, args, ret_result);
}

static tacit_status_t s_invoke_flow(const void *handlers, void *self, tacit_call_t *call,
                                    const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->flow == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->flow(self, call, args, ret_result);
}

static tacit_status_t s_invoke_give(const void *handlers, void *self, tacit_call_t *call,
                                    const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->give == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->give(self, call, args, ret_result);
}

static tacit_status_t s_invoke_ponder(const void *handlers, void *self, tacit_call_t *call,
                                      const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->ponder == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->ponder(self, call, args, ret_result);
}

static tacit_status_t s_invoke_register(const void *handlers, void *self, tacit_call_t *call,
                                        const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->register_ == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->register_(self, call, args, ret_result);
}

static tacit_status_t s_invoke_take(const void *handlers, void *self, tacit_call_t *call,
                                    const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->take == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->take(self, call, args, ret_result);
}

static tacit_status_t s_invoke_transfer(const void *handlers, void *self, tacit_call_t *call,
                                        const void *args, void *ret_result)
{
    const tacit_sample_handlers_t *typed = handlers;
    if (typed->transfer == NULL) {
        return TACIT_UNKNOWN_METHOD;
    }
    return typed->transfer(self, call, args, ret_result);
}

const tacit_method_t tacit_sample_methods[8] = {
    {
        .name = "sample.close",
        .args = &tacit_sample_close_args_record,
        .result = &tacit_sample_close_result_record,
        .caller = TACIT_CALLER_OPERATOR,
        .deadline_ms = 60000,
        .idempotent = true,
        .limit = {.per_caller = 2},
        .invoke = s_invoke_close,
    },
    {
        .name = "sample.convert",
        .args = &tacit_sample_convert_args_record,
        .result = &tacit_sample_convert_result_record,
        .caller = TACIT_CALLER_ANYONE,
        .deadline_ms = 500,
        .invoke = s_invoke_convert,
    },
    {
        .name = "sample.flow",
        .args = &tacit_sample_flow_args_record,
        .result = &tacit_sample_flow_result_record,
        .caller = TACIT_CALLER_USER,
        .deadline_ms = 60000,
        .stream_in = {.chunk_max = 4096, .total_max = 1048576U},
        .stream_out = {.chunk_max = 262144, .total_max = 1099511627776U},
        .invoke = s_invoke_flow,
    },
    {
        .name = "sample.give",
        .args = &tacit_sample_give_args_record,
        .result = &tacit_sample_give_result_record,
        .caller = TACIT_CALLER_USER,
        .deadline_ms = 60000,
        .stream_in = {.chunk_max = 4096, .total_max = 1048576U, .resumable = true},
        .invoke = s_invoke_give,
    },
    {
        .name = "sample.ponder",
        .args = &tacit_sample_ponder_args_record,
        .result = &tacit_sample_ponder_result_record,
        .caller = TACIT_CALLER_ANYONE,
        .deadline_ms = 9000,
        .blocking = true,
        .limit = {.all = 8, .per_caller = 2},
        .queue = {.all = 64},
        .invoke = s_invoke_ponder,
    },
    {
        .name = "sample.register",
        .args = &tacit_sample_register_args_record,
        .result = &tacit_sample_register_result_record,
        .caller = TACIT_CALLER_OWNER,
        .owner_offset = offsetof(tacit_sample_register_args_t, owner),
        .deadline_ms = 5000,
        .invoke = s_invoke_register,
    },
    {
        .name = "sample.take",
        .args = &tacit_sample_take_args_record,
        .result = &tacit_sample_take_result_record,
        .caller = TACIT_CALLER_ANYONE,
        .deadline_ms = 60000,
        .stream_out = {.chunk_max = 4096, .total_max = 1048576U, .resumable = true, .offset_place = offsetof(tacit_sample_take_args_t, offset)},
        .invoke = s_invoke_take,
    },
    {
        .name = "sample.transfer",
        .args = &tacit_sample_transfer_args_record,
        .result = &tacit_sample_transfer_result_record,
        .caller = TACIT_CALLER_ENCLAVE,
        .roles = 1U << TACIT_ROLE_KEYS | 1U << TACIT_ROLE_WORKER,
        .deadline_ms = 1000,
        .bulk_in_max = TACIT_SAMPLE_TRANSFER_BULK_IN_MAX,
        .bulk_out_max = TACIT_SAMPLE_TRANSFER_BULK_OUT_MAX,
        .invoke = s_invoke_transfer,
    },
};

static const tacit_error_row_t s_errors[] = {
    {"refused", 900001, "the sample was refused"},
    {"too_many", 900002, "too many samples"},
};

static const char s_text[] =
    "# sample.idl - one of everything that the language has; what idlc makes of it stands beside it.\n"
    "\n"
    "## Stands for any service.\n"
    "service sample 900 \"Shows every construct once\"\n"
    "\n"
    "error refused 900001 \"the sample was refused\"\n"
    "## Comes after the limit.\n"
    "error too_many 900002 \"too many samples\"\n"
    "\n"
    "## How a sample ended.\n"
    "enum outcome {\n"
    "    good 1,\n"
    "    ## had to be repeated\n"
    "    bad 300\n"
    "}\n"
    "\n"
    "struct point { 2 y: f64, 1 x: f64 }\n"
    "\n"
    "## Points with a name.\n"
    "struct shape {\n"
    "    1 name: string[1..64],\n"
    "    2 points: list[..8] point,\n"
    "    ## since the start\n"
    "    3 ended: outcome optional\n"
    "}\n"
    "\n"
    "## Never sent by a method: the plaintext of a bulk frame.\n"
    "struct document [..4096] {\n"
    "    1 pages: list[..16] bytes[..1024],\n"
    "    2 tags: list[..4] string[..31],\n"
    "    3 states: list[..300] outcome\n"
    "}\n"
    "\n"
    "## Every kind of value, there and back.\n"
    "method convert (\n"
    "        1 flag: bool, 2 tiny: u8, 3 small: u16, 4 count: u32, 5 large: u64 optional,\n"
    "        6 signed_small: i32, 7 signed_large: i64, 8 ratio: f64,\n"
    "        ## shown to people\n"
    "        9 title: string[..255],\n"
    "        10 digest: bytes[32], 11 content: bytes[4..65536] optional,\n"
    "        12 shapes: list[..32] shape)\n"
    "    -> (1 switch: bool, 2 best: shape optional)\n"
    "    caller anyone   deadline 500ms\n"
    "\n"
    "## Hands a key over; a C keyword as a name of method and field.\n"
    "method register (1 owner: bytes[32], 2 key: secret[32], 3 long: u32) -> (1 key: secret[..64] optional)\n"
    "    errors refused, too_many   caller owner(owner)   deadline 5s\n"
    "\n"
    "method transfer () -> ()\n"
    "    bulk in[..65536]   bulk out[..262184]   deadline 1s   caller enclave(worker, keys)\n"
    "\n"
    "method close (1 number: u64) -> ()\n"
    "    caller operator   deadline 60s   idempotent   limit 2 per caller\n"
    "\n"
    "## Takes its time.\n"
    "method ponder () -> ()\n"
    "    caller anyone   deadline 9s   blocking   limit 8, 2 per caller   queue 64\n"
    "\n"
    "## Chunks both ways.\n"
    "method flow (1 offset: u64) -> (1 size: u64)\n"
    "    stream in[..4096, ..1048576]   stream out[..262144, ..1099511627776]   caller user   deadline 60s\n"
    "\n"
    "## Goes on from what the service has.\n"
    "method give () -> ()\n"
    "    stream in[..4096, ..1048576] resumable   caller user   deadline 60s\n"
    "\n"
    "## Goes on from what the caller has.\n"
    "method take (2 name: string[1..64], 1 offset: u64) -> ()\n"
    "    stream out[..4096, ..1048576] resumable(offset)   caller anyone   deadline 60s\n";

static const uint8_t s_contract[] = {0x87, 0x01, 0xa6, 0x73, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x02,
                                     0xcd, 0x03, 0x84, 0x03, 0xba, 0x53, 0x68, 0x6f, 0x77, 0x73,
                                     0x20, 0x65, 0x76, 0x65, 0x72, 0x79, 0x20, 0x63, 0x6f, 0x6e,
                                     0x73, 0x74, 0x72, 0x75, 0x63, 0x74, 0x20, 0x6f, 0x6e, 0x63,
                                     0x65, 0x04, 0xdc, 0x00, 0x13, 0x82, 0x01, 0xa5, 0x70, 0x6f,
                                     0x69, 0x6e, 0x74, 0x02, 0x92, 0x84, 0x01, 0x01, 0x02, 0xa1,
                                     0x78, 0x03, 0x08, 0x04, 0xc2, 0x84, 0x01, 0x02, 0x02, 0xa1,
                                     0x79, 0x03, 0x08, 0x04, 0xc2, 0x82, 0x01, 0xa5, 0x73, 0x68,
                                     0x61, 0x70, 0x65, 0x02, 0x93, 0x86, 0x01, 0x01, 0x02, 0xa4,
                                     0x6e, 0x61, 0x6d, 0x65, 0x03, 0x09, 0x04, 0xc2, 0x05, 0x01,
                                     0x06, 0x40, 0x86, 0x01, 0x02, 0x02, 0xa6, 0x70, 0x6f, 0x69,
                                     0x6e, 0x74, 0x73, 0x03, 0x0d, 0x04, 0xc2, 0x07, 0x08, 0x08,
                                     0x00, 0x85, 0x01, 0x03, 0x02, 0xa5, 0x65, 0x6e, 0x64, 0x65,
                                     0x64, 0x03, 0x0c, 0x04, 0xc3, 0x08, 0x00, 0x82, 0x01, 0xa8,
                                     0x64, 0x6f, 0x63, 0x75, 0x6d, 0x65, 0x6e, 0x74, 0x02, 0x93,
                                     0x87, 0x01, 0x01, 0x02, 0xa5, 0x70, 0x61, 0x67, 0x65, 0x73,
                                     0x03, 0x0a, 0x04, 0xc2, 0x05, 0x00, 0x06, 0xcd, 0x04, 0x00,
                                     0x07, 0x10, 0x87, 0x01, 0x02, 0x02, 0xa4, 0x74, 0x61, 0x67,
                                     0x73, 0x03, 0x09, 0x04, 0xc2, 0x05, 0x00, 0x06, 0x1f, 0x07,
                                     0x04, 0x86, 0x01, 0x03, 0x02, 0xa6, 0x73, 0x74, 0x61, 0x74,
                                     0x65, 0x73, 0x03, 0x0c, 0x04, 0xc2, 0x07, 0xcd, 0x01, 0x2c,
                                     0x08, 0x00, 0x82, 0x01, 0xaa, 0x63, 0x6c, 0x6f, 0x73, 0x65,
                                     0x2e, 0x61, 0x72, 0x67, 0x73, 0x02, 0x91, 0x84, 0x01, 0x01,
                                     0x02, 0xa6, 0x6e, 0x75, 0x6d, 0x62, 0x65, 0x72, 0x03, 0x05,
                                     0x04, 0xc2, 0x82, 0x01, 0xac, 0x63, 0x6c, 0x6f, 0x73, 0x65,
                                     0x2e, 0x72, 0x65, 0x73, 0x75, 0x6c, 0x74, 0x02, 0x90, 0x82,
                                     0x01, 0xac, 0x63, 0x6f, 0x6e, 0x76, 0x65, 0x72, 0x74, 0x2e,
                                     0x61, 0x72, 0x67, 0x73, 0x02, 0x9c, 0x84, 0x01, 0x01, 0x02,
                                     0xa4, 0x66, 0x6c, 0x61, 0x67, 0x03, 0x01, 0x04, 0xc2, 0x84,
                                     0x01, 0x02, 0x02, 0xa4, 0x74, 0x69, 0x6e, 0x79, 0x03, 0x02,
                                     0x04, 0xc2, 0x84, 0x01, 0x03, 0x02, 0xa5, 0x73, 0x6d, 0x61,
                                     0x6c, 0x6c, 0x03, 0x03, 0x04, 0xc2, 0x84, 0x01, 0x04, 0x02,
                                     0xa5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x03, 0x04, 0x04, 0xc2,
                                     0x84, 0x01, 0x05, 0x02, 0xa5, 0x6c, 0x61, 0x72, 0x67, 0x65,
                                     0x03, 0x05, 0x04, 0xc3, 0x84, 0x01, 0x06, 0x02, 0xac, 0x73,
                                     0x69, 0x67, 0x6e, 0x65, 0x64, 0x5f, 0x73, 0x6d, 0x61, 0x6c,
                                     0x6c, 0x03, 0x06, 0x04, 0xc2, 0x84, 0x01, 0x07, 0x02, 0xac,
                                     0x73, 0x69, 0x67, 0x6e, 0x65, 0x64, 0x5f, 0x6c, 0x61, 0x72,
                                     0x67, 0x65, 0x03, 0x07, 0x04, 0xc2, 0x84, 0x01, 0x08, 0x02,
                                     0xa5, 0x72, 0x61, 0x74, 0x69, 0x6f, 0x03, 0x08, 0x04, 0xc2,
                                     0x86, 0x01, 0x09, 0x02, 0xa5, 0x74, 0x69, 0x74, 0x6c, 0x65,
                                     0x03, 0x09, 0x04, 0xc2, 0x05, 0x00, 0x06, 0xcc, 0xff, 0x86,
                                     0x01, 0x0a, 0x02, 0xa6, 0x64, 0x69, 0x67, 0x65, 0x73, 0x74,
                                     0x03, 0x0a, 0x04, 0xc2, 0x05, 0x20, 0x06, 0x20, 0x86, 0x01,
                                     0x0b, 0x02, 0xa7, 0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74,
                                     0x03, 0x0a, 0x04, 0xc3, 0x05, 0x04, 0x06, 0xce, 0x00, 0x01,
                                     0x00, 0x00, 0x86, 0x01, 0x0c, 0x02, 0xa6, 0x73, 0x68, 0x61,
                                     0x70, 0x65, 0x73, 0x03, 0x0d, 0x04, 0xc2, 0x07, 0x20, 0x08,
                                     0x01, 0x82, 0x01, 0xae, 0x63, 0x6f, 0x6e, 0x76, 0x65, 0x72,
                                     0x74, 0x2e, 0x72, 0x65, 0x73, 0x75, 0x6c, 0x74, 0x02, 0x92,
                                     0x84, 0x01, 0x01, 0x02, 0xa6, 0x73, 0x77, 0x69, 0x74, 0x63,
                                     0x68, 0x03, 0x01, 0x04, 0xc2, 0x85, 0x01, 0x02, 0x02, 0xa4,
                                     0x62, 0x65, 0x73, 0x74, 0x03, 0x0d, 0x04, 0xc3, 0x08, 0x01,
                                     0x82, 0x01, 0xa9, 0x66, 0x6c, 0x6f, 0x77, 0x2e, 0x61, 0x72,
                                     0x67, 0x73, 0x02, 0x91, 0x84, 0x01, 0x01, 0x02, 0xa6, 0x6f,
                                     0x66, 0x66, 0x73, 0x65, 0x74, 0x03, 0x05, 0x04, 0xc2, 0x82,
                                     0x01, 0xab, 0x66, 0x6c, 0x6f, 0x77, 0x2e, 0x72, 0x65, 0x73,
                                     0x75, 0x6c, 0x74, 0x02, 0x91, 0x84, 0x01, 0x01, 0x02, 0xa4,
                                     0x73, 0x69, 0x7a, 0x65, 0x03, 0x05, 0x04, 0xc2, 0x82, 0x01,
                                     0xa9, 0x67, 0x69, 0x76, 0x65, 0x2e, 0x61, 0x72, 0x67, 0x73,
                                     0x02, 0x90, 0x82, 0x01, 0xab, 0x67, 0x69, 0x76, 0x65, 0x2e,
                                     0x72, 0x65, 0x73, 0x75, 0x6c, 0x74, 0x02, 0x90, 0x82, 0x01,
                                     0xab, 0x70, 0x6f, 0x6e, 0x64, 0x65, 0x72, 0x2e, 0x61, 0x72,
                                     0x67, 0x73, 0x02, 0x90, 0x82, 0x01, 0xad, 0x70, 0x6f, 0x6e,
                                     0x64, 0x65, 0x72, 0x2e, 0x72, 0x65, 0x73, 0x75, 0x6c, 0x74,
                                     0x02, 0x90, 0x82, 0x01, 0xad, 0x72, 0x65, 0x67, 0x69, 0x73,
                                     0x74, 0x65, 0x72, 0x2e, 0x61, 0x72, 0x67, 0x73, 0x02, 0x93,
                                     0x86, 0x01, 0x01, 0x02, 0xa5, 0x6f, 0x77, 0x6e, 0x65, 0x72,
                                     0x03, 0x0a, 0x04, 0xc2, 0x05, 0x20, 0x06, 0x20, 0x86, 0x01,
                                     0x02, 0x02, 0xa3, 0x6b, 0x65, 0x79, 0x03, 0x0b, 0x04, 0xc2,
                                     0x05, 0x20, 0x06, 0x20, 0x84, 0x01, 0x03, 0x02, 0xa4, 0x6c,
                                     0x6f, 0x6e, 0x67, 0x03, 0x04, 0x04, 0xc2, 0x82, 0x01, 0xaf,
                                     0x72, 0x65, 0x67, 0x69, 0x73, 0x74, 0x65, 0x72, 0x2e, 0x72,
                                     0x65, 0x73, 0x75, 0x6c, 0x74, 0x02, 0x91, 0x86, 0x01, 0x01,
                                     0x02, 0xa3, 0x6b, 0x65, 0x79, 0x03, 0x0b, 0x04, 0xc3, 0x05,
                                     0x00, 0x06, 0x40, 0x82, 0x01, 0xa9, 0x74, 0x61, 0x6b, 0x65,
                                     0x2e, 0x61, 0x72, 0x67, 0x73, 0x02, 0x92, 0x84, 0x01, 0x01,
                                     0x02, 0xa6, 0x6f, 0x66, 0x66, 0x73, 0x65, 0x74, 0x03, 0x05,
                                     0x04, 0xc2, 0x86, 0x01, 0x02, 0x02, 0xa4, 0x6e, 0x61, 0x6d,
                                     0x65, 0x03, 0x09, 0x04, 0xc2, 0x05, 0x01, 0x06, 0x40, 0x82,
                                     0x01, 0xab, 0x74, 0x61, 0x6b, 0x65, 0x2e, 0x72, 0x65, 0x73,
                                     0x75, 0x6c, 0x74, 0x02, 0x90, 0x82, 0x01, 0xad, 0x74, 0x72,
                                     0x61, 0x6e, 0x73, 0x66, 0x65, 0x72, 0x2e, 0x61, 0x72, 0x67,
                                     0x73, 0x02, 0x90, 0x82, 0x01, 0xaf, 0x74, 0x72, 0x61, 0x6e,
                                     0x73, 0x66, 0x65, 0x72, 0x2e, 0x72, 0x65, 0x73, 0x75, 0x6c,
                                     0x74, 0x02, 0x90, 0x05, 0x91, 0x82, 0x01, 0xa7, 0x6f, 0x75,
                                     0x74, 0x63, 0x6f, 0x6d, 0x65, 0x02, 0x92, 0x82, 0x01, 0x01,
                                     0x02, 0xa4, 0x67, 0x6f, 0x6f, 0x64, 0x82, 0x01, 0xcd, 0x01,
                                     0x2c, 0x02, 0xa3, 0x62, 0x61, 0x64, 0x06, 0x92, 0x83, 0x01,
                                     0xce, 0x00, 0x0d, 0xbb, 0xa1, 0x02, 0xa7, 0x72, 0x65, 0x66,
                                     0x75, 0x73, 0x65, 0x64, 0x03, 0xb6, 0x74, 0x68, 0x65, 0x20,
                                     0x73, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x20, 0x77, 0x61, 0x73,
                                     0x20, 0x72, 0x65, 0x66, 0x75, 0x73, 0x65, 0x64, 0x83, 0x01,
                                     0xce, 0x00, 0x0d, 0xbb, 0xa2, 0x02, 0xa8, 0x74, 0x6f, 0x6f,
                                     0x5f, 0x6d, 0x61, 0x6e, 0x79, 0x03, 0xb0, 0x74, 0x6f, 0x6f,
                                     0x20, 0x6d, 0x61, 0x6e, 0x79, 0x20, 0x73, 0x61, 0x6d, 0x70,
                                     0x6c, 0x65, 0x73, 0x07, 0x98, 0x8b, 0x01, 0xa5, 0x63, 0x6c,
                                     0x6f, 0x73, 0x65, 0x02, 0x03, 0x03, 0x04, 0x04, 0x04, 0x05,
                                     0x00, 0x06, 0xcd, 0xea, 0x60, 0x07, 0x00, 0x08, 0x00, 0x09,
                                     0xa0, 0x0a, 0xc3, 0x0e, 0x81, 0x02, 0x02, 0x8a, 0x01, 0xa7,
                                     0x63, 0x6f, 0x6e, 0x76, 0x65, 0x72, 0x74, 0x02, 0x05, 0x03,
                                     0x06, 0x04, 0x01, 0x05, 0x00, 0x06, 0xcd, 0x01, 0xf4, 0x07,
                                     0x00, 0x08, 0x00, 0x09, 0xd9, 0x24, 0x45, 0x76, 0x65, 0x72,
                                     0x79, 0x20, 0x6b, 0x69, 0x6e, 0x64, 0x20, 0x6f, 0x66, 0x20,
                                     0x76, 0x61, 0x6c, 0x75, 0x65, 0x2c, 0x20, 0x74, 0x68, 0x65,
                                     0x72, 0x65, 0x20, 0x61, 0x6e, 0x64, 0x20, 0x62, 0x61, 0x63,
                                     0x6b, 0x2e, 0x0a, 0xc2, 0x8c, 0x01, 0xa4, 0x66, 0x6c, 0x6f,
                                     0x77, 0x02, 0x07, 0x03, 0x08, 0x04, 0x02, 0x05, 0x00, 0x06,
                                     0xcd, 0xea, 0x60, 0x07, 0x00, 0x08, 0x00, 0x09, 0xb1, 0x43,
                                     0x68, 0x75, 0x6e, 0x6b, 0x73, 0x20, 0x62, 0x6f, 0x74, 0x68,
                                     0x20, 0x77, 0x61, 0x79, 0x73, 0x2e, 0x0a, 0xc2, 0x0b, 0x82,
                                     0x01, 0xcd, 0x10, 0x00, 0x02, 0xce, 0x00, 0x10, 0x00, 0x00,
                                     0x0c, 0x82, 0x01, 0xce, 0x00, 0x04, 0x00, 0x00, 0x02, 0xcf,
                                     0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x8b, 0x01,
                                     0xa4, 0x67, 0x69, 0x76, 0x65, 0x02, 0x09, 0x03, 0x0a, 0x04,
                                     0x02, 0x05, 0x00, 0x06, 0xcd, 0xea, 0x60, 0x07, 0x00, 0x08,
                                     0x00, 0x09, 0xd9, 0x22, 0x47, 0x6f, 0x65, 0x73, 0x20, 0x6f,
                                     0x6e, 0x20, 0x66, 0x72, 0x6f, 0x6d, 0x20, 0x77, 0x68, 0x61,
                                     0x74, 0x20, 0x74, 0x68, 0x65, 0x20, 0x73, 0x65, 0x72, 0x76,
                                     0x69, 0x63, 0x65, 0x20, 0x68, 0x61, 0x73, 0x2e, 0x0a, 0xc2,
                                     0x0b, 0x83, 0x01, 0xcd, 0x10, 0x00, 0x02, 0xce, 0x00, 0x10,
                                     0x00, 0x00, 0x03, 0xc3, 0x8d, 0x01, 0xa6, 0x70, 0x6f, 0x6e,
                                     0x64, 0x65, 0x72, 0x02, 0x0b, 0x03, 0x0c, 0x04, 0x01, 0x05,
                                     0x00, 0x06, 0xcd, 0x23, 0x28, 0x07, 0x00, 0x08, 0x00, 0x09,
                                     0xaf, 0x54, 0x61, 0x6b, 0x65, 0x73, 0x20, 0x69, 0x74, 0x73,
                                     0x20, 0x74, 0x69, 0x6d, 0x65, 0x2e, 0x0a, 0xc2, 0x0d, 0xc3,
                                     0x0e, 0x82, 0x01, 0x08, 0x02, 0x02, 0x0f, 0x81, 0x01, 0x40,
                                     0x8a, 0x01, 0xa8, 0x72, 0x65, 0x67, 0x69, 0x73, 0x74, 0x65,
                                     0x72, 0x02, 0x0d, 0x03, 0x0e, 0x04, 0x03, 0x05, 0x00, 0x06,
                                     0xcd, 0x13, 0x88, 0x07, 0x00, 0x08, 0x00, 0x09, 0xd9, 0x3c,
                                     0x48, 0x61, 0x6e, 0x64, 0x73, 0x20, 0x61, 0x20, 0x6b, 0x65,
                                     0x79, 0x20, 0x6f, 0x76, 0x65, 0x72, 0x3b, 0x20, 0x61, 0x20,
                                     0x43, 0x20, 0x6b, 0x65, 0x79, 0x77, 0x6f, 0x72, 0x64, 0x20,
                                     0x61, 0x73, 0x20, 0x61, 0x20, 0x6e, 0x61, 0x6d, 0x65, 0x20,
                                     0x6f, 0x66, 0x20, 0x6d, 0x65, 0x74, 0x68, 0x6f, 0x64, 0x20,
                                     0x61, 0x6e, 0x64, 0x20, 0x66, 0x69, 0x65, 0x6c, 0x64, 0x2e,
                                     0x0a, 0xc2, 0x8b, 0x01, 0xa4, 0x74, 0x61, 0x6b, 0x65, 0x02,
                                     0x0f, 0x03, 0x10, 0x04, 0x01, 0x05, 0x00, 0x06, 0xcd, 0xea,
                                     0x60, 0x07, 0x00, 0x08, 0x00, 0x09, 0xd9, 0x21, 0x47, 0x6f,
                                     0x65, 0x73, 0x20, 0x6f, 0x6e, 0x20, 0x66, 0x72, 0x6f, 0x6d,
                                     0x20, 0x77, 0x68, 0x61, 0x74, 0x20, 0x74, 0x68, 0x65, 0x20,
                                     0x63, 0x61, 0x6c, 0x6c, 0x65, 0x72, 0x20, 0x68, 0x61, 0x73,
                                     0x2e, 0x0a, 0xc2, 0x0c, 0x84, 0x01, 0xcd, 0x10, 0x00, 0x02,
                                     0xce, 0x00, 0x10, 0x00, 0x00, 0x03, 0xc3, 0x04, 0x01, 0x8a,
                                     0x01, 0xa8, 0x74, 0x72, 0x61, 0x6e, 0x73, 0x66, 0x65, 0x72,
                                     0x02, 0x11, 0x03, 0x12, 0x04, 0x05, 0x05, 0x24, 0x06, 0xcd,
                                     0x03, 0xe8, 0x07, 0xce, 0x00, 0x01, 0x00, 0x00, 0x08, 0xce,
                                     0x00, 0x04, 0x00, 0x28, 0x09, 0xa0, 0x0a, 0xc2};

const tacit_service_t tacit_sample_service = {
    .name = "sample",
    .number = 900,
    .text = s_text,
    .contract = s_contract,
    .contract_size = sizeof s_contract,
    .sha256 = {0x90, 0xe0, 0x71, 0x8a, 0xf9, 0x8f, 0x16, 0x24, 0x64, 0x3f, 0x1b, 0x3a, 0xb1, 0xce,
               0xc3, 0x4a, 0x31, 0xc2, 0xa7, 0x2a, 0x4b, 0xbc, 0x1b, 0xde, 0x33, 0x5e, 0x14, 0xec,
               0x35, 0x77, 0x6f, 0x7e},
    .methods = tacit_sample_methods,
    .method_count = 8,
    .errors = s_errors,
    .error_count = 2,
};
