/*  suggest.c - the usual remedies, by status.  */

#include "clients/lib/suggest.h"

#include "idl/inference.h"
#include "idl/keys.h"

static const struct {
    tacit_status_t status;
    const char *remedy;
} s_rows[] = {
    {TACIT_UNREACHABLE, "see that the mesh is up (tacit-operator status), or name another's folder "
                        "with --state"},
    {TACIT_WRONG_SERVER_KEY, "try again: a service that was restarted has another key"},
    {TACIT_NO_SESSION, "try again"},
    {TACIT_SESSION_EXPIRED, "try again"},
    {TACIT_BUSY, "try again shortly"},
    {TACIT_INFERENCE_QUEUE_FULL, "try again shortly"},
    {TACIT_INFERENCE_WORKER_LOST, "try again"},
    {TACIT_DEADLINE_EXCEEDED, "try again, with a longer --timeout where you gave a short one"},
    {TACIT_BULK_LOST, "try again"},
    {TACIT_KEY_REUSED, "take another --key: this one is of another call"},
    {TACIT_NO_MEMORY, "raise the limit of locked memory (ulimit -l), or send less at a time"},
    {TACIT_CALLER_REFUSED, "act with an identity that may: --identity"},
    {TACIT_KEYS_NOT_ENROLLED, "run init (of tacit-dataowner or tacit-mlowner) with this identity"},
    {TACIT_KEYS_NO_MODEL_KEY,
     "check the model's name and version; the newest one needs no @VERSION"},
    {TACIT_KEYS_GRANT_REVOKED, "ask the model's owner for another grant"},
    {TACIT_KEYS_GRANT_EXPIRED, "ask the model's owner for another grant"},
    {TACIT_KEYS_GRANT_USED_UP, "ask the model's owner for another grant"},
};

void tacit_suggest(tacit_error_t *error)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows && !error->remedy[0]; i++) {
        if (s_rows[i].status == error->code) {
            tacit_error_remedy(error, "%s", s_rows[i].remedy);
        }
    }
}
