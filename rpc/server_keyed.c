/*  server_keyed.c - see server_keyed.h.  */

#include "rpc/server_keyed.h"

#include "rpc/server_internal.h"

static tacit_status_t s_begin(tacit_server_t *self, tacit_call_t *call,
                              tacit_reply_found_t *ret_found, tacit_reply_entry_t **ret_entry)
{
    const tacit_method_t *method = call->entry->method;
    tacit_reply_key_t key;
    self->replies_kept = self->replies_kept ? self->replies_kept : tacit_reply_cache_new();
    if (!self->replies_kept) {
        return TACIT_NO_MEMORY;
    }
    tacit_reply_key_make(method->name, call->id.peer, call->request.meta.idempotency_key,
                         call->request.args, tacit_call_bulk(call), &key);
    return tacit_reply_cache_begin(self->replies_kept, method, call->id.peer, &key,
                                   tacit_server_now(), ret_found, ret_entry, &call->error);
}

static void s_answer(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
                     const void *result)
{
    tacit_server_answer(self, call, status, result);
    tacit_server_give_call(self, call);
}

static void s_answer_kept(tacit_server_t *self, tacit_call_t *call,
                          const tacit_reply_entry_t *entry)
{
    void *result = tacit_arena_alloc(call->arena, call->entry->method->result->size);
    tacit_status_t status = TACIT_NO_MEMORY;
    if (result) {
        memset(result, 0, call->entry->method->result->size);
        status = tacit_reply_cache_read(self->replies_kept, entry, call->arena, result);
    }
    s_answer(self, call, status == TACIT_OK ? TACIT_OK : TACIT_INTERNAL, result);
}

bool tacit_server_keyed_take(tacit_server_t *self, tacit_call_t *call)
{
    tacit_reply_found_t found = TACIT_REPLY_NEW;
    tacit_reply_entry_t *entry = NULL;
    if (call->entry->method->keyed == TACIT_KEYED_NONE || !call->request.meta.has_idempotency_key ||
        !call->curve) {
        return false;
    }
    tacit_status_t status = s_begin(self, call, &found, &entry);
    if (status != TACIT_OK) {
        s_answer(self, call, status, NULL);
        return true;
    }
    if (found == TACIT_REPLY_NEW) {
        call->reply = entry;
        return false;
    }
    if (found == TACIT_REPLY_KEPT) {
        s_answer_kept(self, call, entry);
    } else {
        call->waits_for = entry;
        tacit_server_keep(self, call);
    }
    return true;
}

static tacit_call_t *s_waiting(const tacit_server_t *self, const tacit_reply_entry_t *entry)
{
    tacit_call_t *call = self->pending;
    while (call && (!call->waits_for || (entry && call->waits_for != entry))) {
        call = call->next;
    }
    return call;
}

void tacit_server_keyed_end(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
                            const void *result)
{
    tacit_reply_entry_t *entry = call->reply;
    call->reply = NULL;
    if (!entry) {
        return;
    }
    for (tacit_call_t *other = s_waiting(self, entry); other; other = s_waiting(self, entry)) {
        tacit_server_unkeep(self, other);
        if (other->state == TACIT_CALL_PENDING) {
            other->error = call->error;
            tacit_server_answer(self, other, status, result);
        }
        tacit_server_give_call(self, other);
    }
    if (status == TACIT_OK && result) {
        tacit_reply_cache_keep(self->replies_kept, entry, result, tacit_server_now());
    } else {
        tacit_reply_cache_drop(self->replies_kept, entry);
    }
}

void tacit_server_keyed_close(tacit_server_t *self)
{
    for (tacit_call_t *call = s_waiting(self, NULL); call; call = s_waiting(self, NULL)) {
        tacit_server_unkeep(self, call);
        tacit_server_give_call(self, call);
    }
    tacit_reply_cache_destroy(&self->replies_kept);
}

const tacit_reply_key_t *tacit_call_reply_key(const tacit_call_t *call)
{
    return call->reply ? tacit_reply_entry_key(call->reply) : NULL;
}
