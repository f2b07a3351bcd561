/*  json_value.h - arguments and results as JSON, by a record's table.

    Records are objects with the contract's field names, lists are arrays, enums their values'
    names, bytes and secrets lowercase hex. 64-bit numbers beyond what JSON readers keep exactly are
    strings of digits. Fields that are not in the contract are refused.  */

#ifndef TACIT_CLIENTS_JSON_VALUE_H
#define TACIT_CLIENTS_JSON_VALUE_H

#include <jansson.h>

#include "clients/rpc/remote.h"
#include "rpc/arena.h"
#include "rpc/frame.h"

/*  Into a zeroed struct of record->size. Texts borrow from object; bytes and lists come from the
    arena. BAD_INPUT (claim: the field). Bounds are the codec's to judge.  */
TACIT_MUST_CHECK tacit_status_t tacit_json_read(const tacit_remote_t *remote,
                                                const tacit_record_t *record, const json_t *object,
                                                tacit_arena_t *arena, void *ret_value,
                                                tacit_error_t *ret_error);

/*  The caller's; NULL without memory.  */
json_t *tacit_json_write(const tacit_remote_t *remote, const tacit_record_t *record,
                         const void *value);

#endif
