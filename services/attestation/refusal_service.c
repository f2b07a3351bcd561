/*  refusal_service.c - from calls to the journal, and back.  */

#include "services/attestation/refusal_service.h"

#include "enclave/clock.h"

/*  --- writing --------------------------------------------------------------------------------- */

static void s_write_sessions(tacit_refusal_service_t *self)
{
    for (size_t i = 0; i < self->sessions.count; i++) {
        const tacit_refused_session_t *held = &self->sessions.held[i];
        const tacit_refusal_t refusal = {
            .time_ms = held->time_ms,
            .action = "session",
            .at = TACIT_ROLE_ATTESTATION,
            .role = held->role,
            .actor = held->peer,
            .error = &held->error,
        };
        tacit_refusal_journal_add(self->journal, &refusal);
    }
    tacit_refusal_journal_suppress(self->journal, self->sessions.suppressed);
    tacit_refusals_clear(&self->sessions);
}

void tacit_refusal_service_settle(tacit_refusal_service_t *service, uint64_t now_ms)
{
    s_write_sessions(service);
    tacit_refusal_journal_settle(service->journal, now_ms);
}

tacit_status_t tacit_refusal_service_refuse(tacit_refusal_service_t *service, tacit_call_t *call,
                                            tacit_role_t role, bool genuine)
{
    tacit_error_t *error = tacit_call_error(call);
    const tacit_refusal_t refusal = {
        .time_ms = tacit_now_ms(),
        .action = "attest",
        .at = TACIT_ROLE_ATTESTATION,
        .role = role,
        .actor = tacit_call_session(call)->peer_curve,
        .error = error,
    };
    tacit_refusal_journal_add(service->journal, &refusal);
    if (!genuine) {
        tacit_error_conceal(error);
    }
    return error->code;
}

/*  --- the methods ----------------------------------------------------------------------------- */

static void s_copy_text(tacit_span_t text, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)text.size, text.data ? (const char *)text.data : "");
}

static void s_write_reported(tacit_refusal_service_t *self, tacit_role_t at,
                             const tacit_attestation_refused_session_t *item)
{
    tacit_error_t error = {.code = (tacit_status_t)item->code};
    s_copy_text(item->name, error.name, sizeof error.name);
    s_copy_text(item->claim, error.claim, sizeof error.claim);
    s_copy_text(item->expected, error.expected, sizeof error.expected);
    s_copy_text(item->got, error.got, sizeof error.got);
    s_copy_text(item->policy, error.policy, sizeof error.policy);
    s_copy_text(item->remedy, error.remedy, sizeof error.remedy);
    const tacit_refusal_t refusal = {
        .time_ms = item->time_ms,
        .action = "session",
        .at = at,
        .role = (tacit_role_t)item->role,
        .actor = item->peer.data,
        .error = &error,
    };
    tacit_refusal_journal_add(self->journal, &refusal);
}

tacit_status_t tacit_refusal_service_report(tacit_refusal_service_t *service,
                                            const tacit_member_table_t *members, tacit_call_t *call,
                                            const tacit_attestation_report_args_t *args)
{
    const tacit_member_t *member =
        tacit_member_table_get(members, tacit_call_session(call)->peer_curve, tacit_now_ms());
    if (!member) {
        return tacit_error_set(tacit_call_error(call), TACIT_CALLER_REFUSED, NULL);
    }
    for (size_t i = 0; i < args->refused.count; i++) {
        s_write_reported(service, member->result.role, &args->refused.items[i]);
    }
    tacit_refusal_journal_suppress(service->journal, args->suppressed);
    return TACIT_OK;
}

enum { S_AUDIT_PAGE = 64 };

tacit_status_t tacit_refusal_service_audit(tacit_refusal_service_t *service, tacit_call_t *call,
                                           const tacit_attestation_audit_args_t *args,
                                           tacit_attestation_audit_result_t *ret_result)
{
    size_t limit = args->limit && args->limit < S_AUDIT_PAGE ? args->limit : S_AUDIT_PAGE;
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_audit_record_t *records = tacit_arena_alloc(arena, limit * sizeof *records);
    tacit_attestation_audit_entry_t *items = tacit_arena_alloc(arena, limit * sizeof *items);
    uint8_t *before = tacit_arena_alloc(arena, 32);
    if (!records || !items || !before) {
        return TACIT_NO_MEMORY;
    }
    s_write_sessions(service);
    size_t count = 0;
    tacit_status_t status =
        tacit_refusal_journal_read(service->journal, args->from, records, limit, &count, before);
    for (size_t i = 0; i < count; i++) {
        items[i] = (tacit_attestation_audit_entry_t)TACIT_AUDIT_ENTRY(records[i]);
    }
    ret_result->entries.items = items;
    ret_result->entries.count = count;
    ret_result->before = tacit_span(before, 32);
    ret_result->suppressed = tacit_refusal_journal_suppressed(service->journal);
    return status;
}
