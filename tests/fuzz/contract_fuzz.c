/*  contract_fuzz.c - foreign bytes as a service's contract, and as a result under it.

    What is accepted must be safe to use: its tables decode bytes, and what was decoded is written
    as JSON.  */

#include "clients/rpc/json_value.h"
#include "rpc/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_use(const tacit_remote_t *remote, const tacit_record_t *record, tacit_span_t bytes)
{
    tacit_arena_t *arena = tacit_arena_new();
    void *value = calloc(1, record->size);
    if (arena && value && tacit_codec_decode(record, bytes, NULL, arena, value, NULL) == TACIT_OK) {
        json_decref(tacit_json_write(remote, record, value));
    }
    free(value);
    tacit_arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[] = {0x80};
    tacit_remote_t *remote = NULL;
    if (tacit_remote_new(tacit_span(data, size), &remote, NULL) != TACIT_OK) {
        return 0;
    }
    const tacit_contract_contract_t *contract = tacit_remote_contract(remote);
    for (size_t i = 0; i < contract->calls.count; i++) {
        char name[TACIT_METHOD_NAME_MAX + 1];
        tacit_span_t method = contract->calls.items[i].name;
        snprintf(name, sizeof name, "%.*s.%.*s", (int)contract->name.size,
                 (const char *)contract->name.data, (int)method.size, (const char *)method.data);
        const tacit_method_t *found = tacit_remote_method(remote, name);
        if (!found) {
            abort();
        }
        s_use(remote, found->result, tacit_span(empty, sizeof empty));
        s_use(remote, found->args, tacit_span(data, size));
    }
    tacit_remote_destroy(&remote);
    return 0;
}
