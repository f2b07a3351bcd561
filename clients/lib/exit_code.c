/*  exit_code.c - the one table from statuses, own and services', to exit codes.  */

#include "clients/lib/exit_code.h"

#include "idl/attestation.h"
#include "idl/inference.h"
#include "idl/keys.h"
#include "idl/models.h"

#define S_EXIT_ROW(row_name, row_code, row_text, row_meaning)                                      \
    {.code = TACIT_EXIT_##row_name, .name = (row_text), .meaning = (row_meaning)},

static const tacit_exit_row_t s_rows[] = {TACIT_EXIT_TABLE(S_EXIT_ROW)};

typedef struct s_range {
    tacit_status_t first;
    tacit_status_t last; /* inclusive */
    tacit_exit_t code;
} s_range_t;

#define S_ONE(status, exit)                                                                        \
    {                                                                                              \
        (status), (status), TACIT_EXIT_##exit                                                      \
    }

static const s_range_t s_ranges[] = {
    S_ONE(TACIT_OK, OK),
    S_ONE(TACIT_CLIENT_USAGE, USAGE),

    S_ONE(TACIT_BAD_INPUT, BAD_INPUT),
    S_ONE(TACIT_TOO_LARGE, BAD_INPUT),
    S_ONE(TACIT_MALFORMED, BAD_INPUT),
    S_ONE(TACIT_UNSUPPORTED, BAD_INPUT),
    S_ONE(TACIT_INFERENCE_INPUT_REFUSED, BAD_INPUT),

    S_ONE(TACIT_UNREACHABLE, UNREACHABLE),
    S_ONE(TACIT_WRONG_SERVER_KEY, WRONG_SERVER_KEY),
    S_ONE(TACIT_REFUSED_BY_ZAP, REFUSED_BY_ZAP),

    {TACIT_EVIDENCE_MALFORMED, TACIT_PLATFORM_REFUSED, TACIT_EXIT_EVIDENCE_REFUSED},
    S_ONE(TACIT_ATTESTATION_NO_POLICY, EVIDENCE_REFUSED),

    S_ONE(TACIT_KEYS_NOT_GRANTED, NOT_GRANTED),
    S_ONE(TACIT_INFERENCE_KEYS_REFUSED, NOT_GRANTED),
    S_ONE(TACIT_KEYS_GRANT_REVOKED, REVOKED),
    S_ONE(TACIT_USER_REVOKED, REVOKED),
    S_ONE(TACIT_KEYS_GRANT_EXPIRED, GRANT_OVER),
    S_ONE(TACIT_KEYS_GRANT_USED_UP, GRANT_OVER),
    S_ONE(TACIT_KEYS_NOT_ENROLLED, NOT_ENROLLED),

    S_ONE(TACIT_NOT_FOUND, NOT_FOUND),
    S_ONE(TACIT_KEYS_NO_MODEL_KEY, NOT_FOUND),
    S_ONE(TACIT_KEYS_NO_REQUEST_KEY, NOT_FOUND),
    S_ONE(TACIT_INFERENCE_JOB_UNKNOWN, NOT_FOUND),

    S_ONE(TACIT_DEADLINE_EXCEEDED, DEADLINE),

    S_ONE(TACIT_BUSY, BUSY),
    S_ONE(TACIT_DRAINING, BUSY),
    S_ONE(TACIT_BULK_LOST, BUSY),
    S_ONE(TACIT_INFERENCE_NO_WORKER, BUSY),
    S_ONE(TACIT_INFERENCE_QUEUE_FULL, BUSY),
    S_ONE(TACIT_INFERENCE_WORKER_LOST, BUSY),

    S_ONE(TACIT_STORAGE_FULL, FULL),
    S_ONE(TACIT_KEYS_QUOTA_EXCEEDED, FULL),
    S_ONE(TACIT_MODELS_QUOTA_EXCEEDED, FULL),
    S_ONE(TACIT_STORAGE_FAILED, STORAGE),

    S_ONE(TACIT_CORRUPT, CORRUPT),
    S_ONE(TACIT_ROLLBACK_DETECTED, CORRUPT),
    S_ONE(TACIT_MODELS_CONTENT_MISMATCH, CORRUPT),

    S_ONE(TACIT_INFERENCE_MODEL_REFUSED, MODEL_REFUSED),

    S_ONE(TACIT_ALREADY_EXISTS, CONFLICT),
    S_ONE(TACIT_KEY_REUSED, CONFLICT),
    S_ONE(TACIT_KEYS_STALE_VERSION, CONFLICT),
    S_ONE(TACIT_MODELS_STALE_VERSION, CONFLICT),
    S_ONE(TACIT_MODELS_TAKEN_OVER, CONFLICT),
    S_ONE(TACIT_ATTESTATION_POLICY_CONFLICT, CONFLICT),

    S_ONE(TACIT_CALLER_REFUSED, NOT_PERMITTED),
    S_ONE(TACIT_MODELS_NOT_OWNER, NOT_PERMITTED),
    S_ONE(TACIT_ATTESTATION_POLICY_UNSIGNED, NOT_PERMITTED),

    S_ONE(TACIT_UNKNOWN_METHOD, PROTOCOL),
    S_ONE(TACIT_BAD_BULK, PROTOCOL),
    S_ONE(TACIT_NO_SESSION, PROTOCOL),
    S_ONE(TACIT_PROTOCOL_ERROR, PROTOCOL),
    S_ONE(TACIT_SESSION_EXPIRED, PROTOCOL),

    S_ONE(TACIT_INTERRUPTED, INTERRUPTED),
};

const tacit_exit_row_t *tacit_exit_rows(size_t *ret_count)
{
    *ret_count = sizeof s_rows / sizeof *s_rows;
    return s_rows;
}

tacit_exit_t tacit_exit_code(tacit_status_t status)
{
    for (size_t i = 0; i < sizeof s_ranges / sizeof *s_ranges; i++) {
        if (status >= s_ranges[i].first && status <= s_ranges[i].last) {
            return s_ranges[i].code;
        }
    }
    return TACIT_EXIT_OTHER;
}

const char *tacit_exit_name(tacit_exit_t code)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        if (s_rows[i].code == code) {
            return s_rows[i].name;
        }
    }
    return "other";
}
