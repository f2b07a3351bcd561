/*  refusal_service.h - attestation.audit and attestation.report: refusals of all members come
    together in one journal, and the operator reads it.  */

#ifndef TACIT_SERVICES_ATTESTATION_REFUSAL_SERVICE_H
#define TACIT_SERVICES_ATTESTATION_REFUSAL_SERVICE_H

#include "idl/attestation.h"
#include "rpc/refusals.h"
#include "rpc/server.h"
#include "services/attestation/member_table.h"
#include "services/attestation/refusal_journal.h"

typedef struct tacit_refusal_service {
    tacit_refusal_journal_t *journal;
    tacit_refusals_t sessions; /* that this service refused, until they are in the journal */
} tacit_refusal_service_t;

/*  Writes down what waits for it; every second or so, and before the end.  */
void tacit_refusal_service_settle(tacit_refusal_service_t *service, uint64_t now_ms);

/*  Evidence was refused, as the call's error says. Answers the code. The caller hears why where its
    evidence is genuine, and the code alone otherwise.  */
tacit_status_t tacit_refusal_service_refuse(tacit_refusal_service_t *service, tacit_call_t *call,
                                            tacit_role_t role, bool genuine);

/*  The methods.  */
tacit_status_t tacit_refusal_service_audit(tacit_refusal_service_t *service, tacit_call_t *call,
                                           const tacit_attestation_audit_args_t *args,
                                           tacit_attestation_audit_result_t *ret_result);
tacit_status_t tacit_refusal_service_report(tacit_refusal_service_t *service,
                                            const tacit_member_table_t *members, tacit_call_t *call,
                                            const tacit_attestation_report_args_t *args);

#endif
