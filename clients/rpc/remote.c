/*  remote.c - from a foreign contract to tables, checking as it goes.  */

#include "clients/rpc/remote.h"

#include <stdlib.h>

#include "rpc/builtin.h"
#include "rpc/codec.h"
#include "rpc/limits.h"

enum { S_ALIGNMENT = 8 };

typedef struct {
    uint32_t *numbers; /* ascending */
    char **names;      /* of the same value */
    size_t count;
} s_enum_t;

struct tacit_remote {
    uint8_t *bytes;       /* the contract; spans point in here */
    tacit_arena_t *arena; /* its lists, and everything below */
    tacit_contract_contract_t contract;
    s_enum_t *enums;
    tacit_record_t *records;
    uint8_t *depths; /* of records */
    tacit_method_t *methods;
};

static tacit_status_t s_refuse(tacit_error_t *error, const char *what)
{
    return tacit_error_claim(error, TACIT_BAD_INPUT, "contract", "one that idlc wrote", what);
}

static void *s_alloc(tacit_remote_t *self, size_t count, size_t size)
{
    size_t bytes = count * size;
    void *memory = tacit_arena_alloc(self->arena, bytes ? bytes : 1);
    if (memory) {
        memset(memory, 0, bytes);
    }
    return memory;
}

/*  Terminated; NULL without memory.  */
static char *s_text(tacit_remote_t *self, tacit_span_t text)
{
    char *copy = s_alloc(self, 1, text.size + 1);
    if (copy && text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    return copy;
}

/*  --- enums ----------------------------------------------------------------------------------- */

static int s_by_number(const void *a, const void *b)
{
    uint32_t one = ((const tacit_contract_value_t *)a)->number;
    uint32_t other = ((const tacit_contract_value_t *)b)->number;
    return (one > other) - (one < other);
}

static tacit_status_t s_build_enum(tacit_remote_t *self, size_t index, tacit_error_t *error)
{
    tacit_contract_enumeration_t *from = &self->contract.enums.items[index];
    s_enum_t *to = &self->enums[index];
    to->count = from->values.count;
    to->numbers = s_alloc(self, to->count, sizeof *to->numbers);
    to->names = s_alloc(self, to->count, sizeof *to->names);
    if (!to->numbers || !to->names) {
        return TACIT_NO_MEMORY;
    }
    if (to->count == 0) {
        return s_refuse(error, "an enum without values");
    }
    qsort(from->values.items, to->count, sizeof *from->values.items, s_by_number);
    for (size_t i = 0; i < to->count; i++) {
        to->numbers[i] = from->values.items[i].number;
        to->names[i] = s_text(self, from->values.items[i].name);
        if (!to->names[i]) {
            return TACIT_NO_MEMORY;
        }
        if (i > 0 && to->numbers[i] == to->numbers[i - 1]) {
            return s_refuse(error, "an enum with a number twice");
        }
    }
    return TACIT_OK;
}

/*  --- records --------------------------------------------------------------------------------- */

static const struct {
    tacit_kind_t kind;
    size_t size;
} s_kinds[] = {
    [TACIT_CONTRACT_KIND_BOOLEAN] = {TACIT_KIND_BOOL, sizeof(bool)},
    [TACIT_CONTRACT_KIND_U8] = {TACIT_KIND_U8, sizeof(uint8_t)},
    [TACIT_CONTRACT_KIND_U16] = {TACIT_KIND_U16, sizeof(uint16_t)},
    [TACIT_CONTRACT_KIND_U32] = {TACIT_KIND_U32, sizeof(uint32_t)},
    [TACIT_CONTRACT_KIND_U64] = {TACIT_KIND_U64, sizeof(uint64_t)},
    [TACIT_CONTRACT_KIND_I32] = {TACIT_KIND_I32, sizeof(int32_t)},
    [TACIT_CONTRACT_KIND_I64] = {TACIT_KIND_I64, sizeof(int64_t)},
    [TACIT_CONTRACT_KIND_F64] = {TACIT_KIND_F64, sizeof(double)},
    [TACIT_CONTRACT_KIND_STRING] = {TACIT_KIND_STRING, sizeof(tacit_span_t)},
    [TACIT_CONTRACT_KIND_BYTES] = {TACIT_KIND_BYTES, sizeof(tacit_span_t)},
    [TACIT_CONTRACT_KIND_SECRET] = {TACIT_KIND_SECRET, sizeof(tacit_span_t)},
    [TACIT_CONTRACT_KIND_ENUMERATION] = {TACIT_KIND_ENUM, sizeof(uint32_t)},
    [TACIT_CONTRACT_KIND_STRUCTURE] = {TACIT_KIND_STRUCT, 0},
};

/*  What a field of kind enum or struct means. record is the one that holds it.  */
static tacit_status_t s_resolve(tacit_remote_t *self, size_t record,
                                const tacit_contract_field_t *from, tacit_field_t *to,
                                tacit_error_t *error)
{
    if (to->kind == TACIT_KIND_ENUM) {
        if (!from->has_target || from->target >= self->contract.enums.count) {
            return s_refuse(error, "a field of an enum that there is not");
        }
        to->enum_values = self->enums[from->target].numbers;
        to->enum_count = self->enums[from->target].count;
    }
    if (to->kind == TACIT_KIND_STRUCT) {
        if (!from->has_target || from->target >= record) {
            return s_refuse(error, "a field of a record that is not before it");
        }
        to->record = &self->records[from->target];
        uint8_t depth = (uint8_t)(self->depths[from->target] + 1);
        self->depths[record] = depth > self->depths[record] ? depth : self->depths[record];
    }
    return self->depths[record] < TACIT_REMOTE_DEPTH_MAX
               ? TACIT_OK
               : tacit_error_set(error, TACIT_TOO_LARGE, "the contract is nested too deeply");
}

static size_t s_place(size_t *end, size_t size)
{
    size_t offset = *end;
    *end += (size + S_ALIGNMENT - 1) / S_ALIGNMENT * S_ALIGNMENT;
    return offset;
}

static tacit_status_t s_build_field(tacit_remote_t *self, size_t record, size_t index,
                                    tacit_field_t *to, size_t *end, tacit_error_t *error)
{
    const tacit_contract_field_t *from = &self->contract.records.items[record].fields.items[index];
    *to = (tacit_field_t){
        .name = s_text(self, from->name),
        .number = from->number,
        .kind = s_kinds[from->kind].kind,
        .list = from->has_list_max,
        .optional = from->optional,
        .min = from->has_min ? from->min : 0,
        .max = from->has_max ? from->max : 0,
        .list_max = from->has_list_max ? from->list_max : 0,
    };
    if (!to->name) {
        return TACIT_NO_MEMORY;
    }
    if (to->number == 0 || (index > 0 && to->number <= (to - 1)->number) || to->min > to->max) {
        return s_refuse(error, "fields out of order, or a bound that nothing keeps");
    }
    tacit_status_t status = s_resolve(self, record, from, to, error);
    if (status) {
        return status;
    }
    size_t size = to->record ? to->record->size : s_kinds[from->kind].size;
    to->offset = s_place(end, to->list ? sizeof(tacit_span_t) : size);
    to->has_offset = to->optional ? s_place(end, sizeof(bool)) : 0;
    return *end <= TACIT_REMOTE_STRUCT_MAX
               ? TACIT_OK
               : tacit_error_set(error, TACIT_TOO_LARGE, "a record of the contract is too large");
}

static tacit_status_t s_build_record(tacit_remote_t *self, size_t index, tacit_error_t *error)
{
    const tacit_contract_record_t *from = &self->contract.records.items[index];
    tacit_field_t *fields = s_alloc(self, from->fields.count, sizeof *fields);
    char *name = s_text(self, from->name);
    if (!fields || !name) {
        return TACIT_NO_MEMORY;
    }
    size_t end = S_ALIGNMENT; /* no struct is empty */
    for (size_t i = 0; i < from->fields.count; i++) {
        tacit_status_t status = s_build_field(self, index, i, &fields[i], &end, error);
        if (status) {
            return status;
        }
    }
    self->records[index] = (tacit_record_t){
        .name = name,
        .size = end,
        .fields = fields,
        .field_count = from->fields.count,
        .encoded_max = TACIT_FRAME_MAX,
    };
    return TACIT_OK;
}

/*  --- methods --------------------------------------------------------------------------------- */

static const tacit_caller_kind_t s_callers[] = {
    [TACIT_CONTRACT_CALLER_ANYONE] = TACIT_CALLER_ANYONE,
    [TACIT_CONTRACT_CALLER_USER] = TACIT_CALLER_USER,
    [TACIT_CONTRACT_CALLER_OWNER] = TACIT_CALLER_OWNER,
    [TACIT_CONTRACT_CALLER_OPERATOR] = TACIT_CALLER_OPERATOR,
    [TACIT_CONTRACT_CALLER_ENCLAVE] = TACIT_CALLER_ENCLAVE,
};

static bool s_stream_fits(bool has, const tacit_contract_stream_t *stream)
{
    return !has || (stream->chunk_max > 0 && stream->chunk_max <= TACIT_STREAM_CHUNK_MAX &&
                    stream->total_max >= stream->chunk_max);
}

/*  The u64 that says where a stream begins.  */
static const tacit_field_t *s_offset(const tacit_record_t *args, uint32_t number)
{
    for (size_t i = 0; i < args->field_count; i++) {
        const tacit_field_t *field = &args->fields[i];
        if (field->number == number) {
            bool fits = field->kind == TACIT_KIND_U64 && !field->list && !field->optional;
            return fits ? field : NULL;
        }
    }
    return NULL;
}

/*  False where it says to go on by what is no such argument, or has two streams.  */
static bool s_resumable_fits(const tacit_remote_t *self, const tacit_contract_call_t *from)
{
    bool in = from->has_stream_in && from->stream_in.has_resumable && from->stream_in.resumable;
    bool out = from->has_stream_out && from->stream_out.has_resumable && from->stream_out.resumable;
    if ((in || out) && from->has_stream_in && from->has_stream_out) {
        return false;
    }
    return !out || (from->stream_out.has_offset_field &&
                    s_offset(&self->records[from->args], from->stream_out.offset_field));
}

static tacit_stream_bounds_t s_stream(bool has, const tacit_contract_stream_t *stream,
                                      const tacit_record_t *args)
{
    tacit_stream_bounds_t bounds = {.chunk_max = 0};
    if (has) {
        bounds.chunk_max = stream->chunk_max;
        bounds.total_max = stream->total_max;
        bounds.resumable = stream->has_resumable && stream->resumable;
    }
    if (bounds.resumable && stream->has_offset_field) {
        const tacit_field_t *field = s_offset(args, stream->offset_field);
        bounds.offset_place = field ? field->offset : 0;
    }
    return bounds;
}

static tacit_status_t s_build_method(tacit_remote_t *self, size_t index, tacit_error_t *error)
{
    const tacit_contract_contract_t *contract = &self->contract;
    const tacit_contract_call_t *from = &contract->calls.items[index];
    size_t size = contract->name.size + from->name.size + 2;
    char *name = s_alloc(self, 1, size);
    if (!name) {
        return TACIT_NO_MEMORY;
    }
    if (size > TACIT_METHOD_NAME_MAX + 1 || from->args >= contract->records.count ||
        from->result >= contract->records.count || from->bulk_in_max > TACIT_BULK_MAX ||
        from->bulk_out_max > TACIT_BULK_MAX ||
        !s_stream_fits(from->has_stream_in, &from->stream_in) ||
        !s_stream_fits(from->has_stream_out, &from->stream_out) || !s_resumable_fits(self, from)) {
        return s_refuse(error, "a method beyond what there is");
    }
    memcpy(name, contract->name.data, contract->name.size);
    name[contract->name.size] = '.';
    memcpy(name + contract->name.size + 1, from->name.data, from->name.size);
    self->methods[index] = (tacit_method_t){
        .name = name,
        .args = &self->records[from->args],
        .result = &self->records[from->result],
        .caller = s_callers[from->caller],
        .roles = from->roles,
        .deadline_ms = from->deadline_ms,
        .bulk_in_max = from->bulk_in_max,
        .bulk_out_max = from->bulk_out_max,
        .idempotent = from->has_idempotent && from->idempotent,
        .keyed = from->has_keyed && from->keyed <= TACIT_KEYED_DURABLE ? (tacit_keyed_t)from->keyed
                                                                       : TACIT_KEYED_NONE,
        .stream_in = s_stream(from->has_stream_in, &from->stream_in, &self->records[from->args]),
        .stream_out = s_stream(from->has_stream_out, &from->stream_out, &self->records[from->args]),
        .blocking = from->has_blocking && from->blocking,
    };
    return TACIT_OK;
}

/*  --- all of it ------------------------------------------------------------------------------- */

static tacit_status_t s_build(tacit_remote_t *self, tacit_error_t *error)
{
    const tacit_contract_contract_t *contract = &self->contract;
    const struct {
        size_t count;
        tacit_status_t (*build)(tacit_remote_t *self, size_t index, tacit_error_t *error);
    } parts[] = {
        {contract->enums.count, s_build_enum},
        {contract->records.count, s_build_record},
        {contract->calls.count, s_build_method},
    };
    self->enums = s_alloc(self, contract->enums.count, sizeof *self->enums);
    self->records = s_alloc(self, contract->records.count, sizeof *self->records);
    self->depths = s_alloc(self, contract->records.count, sizeof *self->depths);
    self->methods = s_alloc(self, contract->calls.count, sizeof *self->methods);
    if (!self->enums || !self->records || !self->depths || !self->methods) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (size_t j = 0; j < parts[i].count; j++) {
            tacit_status_t status = parts[i].build(self, j, error);
            if (status) {
                return status;
            }
        }
    }
    return TACIT_OK;
}

static tacit_status_t s_open(tacit_remote_t *self, tacit_span_t contract, tacit_error_t *error)
{
    self->arena = tacit_arena_new();
    self->bytes = malloc(contract.size ? contract.size : 1);
    if (!self->arena || !self->bytes) {
        return TACIT_NO_MEMORY;
    }
    if (contract.size > 0) {
        memcpy(self->bytes, contract.data, contract.size);
    }
    tacit_status_t status =
        tacit_codec_decode(&tacit_contract_contract_record, tacit_span(self->bytes, contract.size),
                           NULL, self->arena, &self->contract, error);
    return status ? status : s_build(self, error);
}

tacit_status_t tacit_remote_new(tacit_span_t contract, tacit_remote_t **ret_remote,
                                tacit_error_t *ret_error)
{
    if (contract.size > TACIT_DESCRIBE_CONTRACT_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, NULL);
    }
    tacit_error_t error = {.code = TACIT_OK};
    tacit_remote_t *self = calloc(1, sizeof *self);
    tacit_status_t status = self ? s_open(self, contract, &error) : TACIT_NO_MEMORY;
    if (status) {
        tacit_remote_destroy(&self);
        if (error.code != status) {
            tacit_error_set(&error, status, NULL);
        }
        if (ret_error) {
            *ret_error = error;
        }
        return status;
    }
    *ret_remote = self;
    return TACIT_OK;
}

void tacit_remote_destroy(tacit_remote_t **remote)
{
    tacit_remote_t *self = remote ? *remote : NULL;
    if (self) {
        tacit_arena_destroy(&self->arena);
        free(self->bytes);
        free(self);
        *remote = NULL;
    }
}

tacit_status_t tacit_remote_fetch(tacit_client_t *client, const char *service,
                                  tacit_remote_t **ret_remote, tacit_error_t *ret_error)
{
    tacit_builtin_t builtin;
    tacit_builtin_args_t args = {0};
    tacit_describe_result_t result;
    tacit_status_t status = tacit_builtin_init(&builtin, service);
    if (status) {
        return tacit_error_claim(ret_error, status, "service", "a shorter name", NULL);
    }
    status = tacit_client_call(client, &builtin.methods[TACIT_BUILTIN_DESCRIBE], &args,
                               tacit_span(NULL, 0), 0, &result, NULL, ret_error);
    if (status) {
        return status;
    }
    if (!result.has_contract) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                               "%s tells its contract as text only: it is too old for this",
                               service);
    }
    tacit_remote_t *remote = NULL;
    status = tacit_remote_new(result.contract, &remote, ret_error);
    if (remote && !tacit_span_equal(remote->contract.name, tacit_span_string(service))) {
        tacit_remote_destroy(&remote);
        return tacit_error_claim(ret_error, TACIT_PROTOCOL_ERROR, "service", service, "another");
    }
    if (!status) {
        *ret_remote = remote;
    }
    return status;
}

/*  --- looks ----------------------------------------------------------------------------------- */

const tacit_contract_contract_t *tacit_remote_contract(const tacit_remote_t *remote)
{
    return &remote->contract;
}

const tacit_method_t *tacit_remote_method(const tacit_remote_t *remote, const char *name)
{
    for (size_t i = 0; i < remote->contract.calls.count; i++) {
        if (strcmp(remote->methods[i].name, name) == 0) {
            return &remote->methods[i];
        }
    }
    return NULL;
}

static const s_enum_t *s_enum(const tacit_remote_t *remote, const tacit_field_t *field)
{
    for (size_t i = 0; i < remote->contract.enums.count; i++) {
        if (remote->enums[i].numbers == field->enum_values) {
            return &remote->enums[i];
        }
    }
    return NULL;
}

const char *tacit_remote_enum_name(const tacit_remote_t *remote, const tacit_field_t *field,
                                   uint32_t number)
{
    const s_enum_t *found = s_enum(remote, field);
    for (size_t i = 0; found && i < found->count; i++) {
        if (found->numbers[i] == number) {
            return found->names[i];
        }
    }
    return NULL;
}

bool tacit_remote_enum_number(const tacit_remote_t *remote, const tacit_field_t *field,
                              const char *name, uint32_t *ret_number)
{
    const s_enum_t *found = s_enum(remote, field);
    for (size_t i = 0; found && i < found->count; i++) {
        if (strcmp(found->names[i], name) == 0) {
            *ret_number = found->numbers[i];
            return true;
        }
    }
    return false;
}
