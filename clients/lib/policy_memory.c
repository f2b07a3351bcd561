/*  policy_memory.c - the memory: {"number": N, "head": HEX}.  */

#include "clients/lib/policy_memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/hex.h"
#include "enclave/whole_file.h"

enum { S_MEMORY_SIZE_MAX = 4096, S_FILE_MODE = 0600 };

static const char s_memory_name[] = "policy.json";

/*  --- the file -------------------------------------------------------------------------------- */

static bool s_read(const uint8_t *text, size_t size, tacit_policy_memory_t *memory)
{
    json_t *object = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, NULL);
    json_int_t number = json_integer_value(json_object_get(object, "number"));
    const char *head = json_string_value(json_object_get(object, "head"));
    bool whole = number > 0 && head && tacit_hex_read(head, memory->head, 32);
    memory->number = whole ? (uint64_t)number : 0;
    json_decref(object);
    return whole;
}

static tacit_status_t s_load(tacit_policy_memory_t *memory, tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(memory->path, S_MEMORY_SIZE_MAX, &text, &size);
    if (status == TACIT_NOT_FOUND) {
        return TACIT_OK;
    }
    bool whole = !status && s_read(text, size, memory);
    free(text);
    return whole ? TACIT_OK
                 : tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is not what was written",
                                   memory->path);
}

/*  --- checking -------------------------------------------------------------------------------- */

static tacit_status_t s_refuse(const tacit_policy_memory_t *memory, const char *got,
                               tacit_error_t *ret_error)
{
    char expected[128];
    char head[TACIT_HEX_KEY_SIZE];
    tacit_hex_key(memory->head, head);
    snprintf(expected, sizeof expected, "policy %" PRIu64 " with head %s", memory->number, head);
    tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, "policy history", expected, got);
    tacit_error_remedy(ret_error, "this mesh once showed more than it shows now: ask its operator, "
                                  "and trust it no more until you know why");
    return TACIT_ROLLBACK_DETECTED;
}

tacit_status_t tacit_policy_memory_open(const tacit_trust_t *trust, const char *folder,
                                        uint64_t last, tacit_policy_memory_t *ret_memory,
                                        tacit_error_t *ret_error)
{
    tacit_policy_memory_t memory = {.last = last};
    char got[64];
    tacit_policy_chain_start(trust->operator_signing_key, &memory.chain);
    if (folder && snprintf(memory.path, sizeof memory.path, "%s/%s", folder, s_memory_name) >=
                      (int)sizeof memory.path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the identity's path is too long");
    }
    tacit_status_t status = folder ? s_load(&memory, ret_error) : TACIT_OK;
    if (status) {
        return status;
    }
    if (last < memory.number) {
        snprintf(got, sizeof got, "policy %" PRIu64, last);
        return s_refuse(&memory, got, ret_error);
    }
    memory.taken_up = memory.number == 0;
    *ret_memory = memory;
    return TACIT_OK;
}

tacit_status_t tacit_policy_memory_compare(const tacit_policy_memory_t *memory, const uint8_t *head,
                                           tacit_error_t *ret_error)
{
    if (memory->number == 0 || (head && memcmp(head, memory->head, sizeof memory->head) == 0)) {
        return TACIT_OK;
    }
    return s_refuse(memory, head ? "another text by that number" : "a history that ends before it",
                    ret_error);
}

uint64_t tacit_policy_memory_wants(const tacit_policy_memory_t *memory)
{
    if (!memory->taken_up) {
        return memory->number;
    }
    return memory->chain.number < memory->last ? memory->chain.number + 1 : 0;
}

/*  Take up the chain where it was left: the mesh must still have that policy.  */
static tacit_status_t s_take_up(tacit_policy_memory_t *memory, tacit_span_t text,
                                tacit_error_t *ret_error)
{
    tacit_policy_t *policy = NULL;
    uint8_t head[32];
    tacit_policy_head(text, head);
    if (memcmp(head, memory->head, sizeof head) != 0) {
        return s_refuse(memory, "another text by that number", ret_error);
    }
    tacit_status_t status = tacit_policy_parse(text, &policy, ret_error);
    if (!status) {
        tacit_policy_chain_advance(&memory->chain, text, policy);
        memory->taken_up = true;
    }
    tacit_policy_destroy(&policy);
    return status;
}

tacit_status_t tacit_policy_memory_take(tacit_policy_memory_t *memory, tacit_span_t text,
                                        tacit_span_t signatures, tacit_error_t *ret_error)
{
    if (!memory->taken_up) {
        return s_take_up(memory, text, ret_error);
    }
    tacit_policy_t *policy = NULL;
    tacit_status_t status =
        tacit_policy_chain_check(&memory->chain, text, signatures, &policy, ret_error);
    if (!status) {
        tacit_policy_chain_advance(&memory->chain, text, policy);
    }
    tacit_policy_destroy(&policy);
    return status;
}

tacit_status_t tacit_policy_memory_save(const tacit_policy_memory_t *memory,
                                        tacit_error_t *ret_error)
{
    char text[192];
    char head[TACIT_HEX_KEY_SIZE];
    if (tacit_policy_memory_wants(memory) != 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "not all policies were checked");
    }
    if (!memory->path[0] || memory->chain.number <= memory->number) {
        return TACIT_OK;
    }
    tacit_hex_key(memory->chain.head, head);
    snprintf(text, sizeof text, "{\"number\": %" PRIu64 ", \"head\": \"%s\"}\n",
             memory->chain.number, head);
    tacit_status_t status =
        tacit_whole_file_replace(memory->path, tacit_span_string(text), S_FILE_MODE);
    return status ? tacit_error_set(ret_error, status, "cannot write %s", memory->path) : TACIT_OK;
}
