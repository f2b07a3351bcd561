/*  refusal_report.c - one call with all that is held.  */

#include "rpc/refusal_report.h"

#include "idl/attestation.h"

static tacit_attestation_refused_session_t s_item(const tacit_refused_session_t *held)
{
    const tacit_error_t *error = &held->error;
    return (tacit_attestation_refused_session_t){
        .time_ms = held->time_ms,
        .peer = tacit_span(held->peer, sizeof held->peer),
        .role = (uint8_t)held->role,
        .code = (uint32_t)error->code,
        .name = tacit_span_string(error->name),
        .claim = tacit_span_string(error->claim),
        .expected = tacit_span_string(error->expected),
        .got = tacit_span_string(error->got),
        .policy = tacit_span_string(error->policy),
        .remedy = tacit_span_string(error->remedy),
    };
}

tacit_status_t tacit_refusals_report(tacit_refusals_t *refusals, tacit_client_t *attestation,
                                     uint32_t timeout_ms)
{
    tacit_attestation_refused_session_t items[TACIT_REFUSALS_HELD_MAX];
    tacit_attestation_report_result_t result = {0};
    if (refusals->count == 0) {
        return TACIT_OK;
    }
    for (size_t i = 0; i < refusals->count; i++) {
        items[i] = s_item(&refusals->held[i]);
    }
    tacit_attestation_report_args_t args = {
        .refused = {.items = items, .count = refusals->count},
        .suppressed = refusals->suppressed,
    };
    tacit_status_t status = tacit_client_call(attestation, &tacit_attestation_report, &args,
                                              tacit_span(NULL, 0), timeout_ms, &result, NULL, NULL);
    if (status == TACIT_OK) {
        tacit_refusals_clear(refusals);
    }
    return status;
}
