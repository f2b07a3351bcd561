/*  refusal_report.h - a member tells the attestation service which sessions it refused, for the
    audit chain there.  */

#ifndef TACIT_RPC_REFUSAL_REPORT_H
#define TACIT_RPC_REFUSAL_REPORT_H

#include "rpc/client.h"
#include "rpc/refusals.h"

/*  Sends what is held, if anything is, and lets go of it once the attestation service has it; else
    it stays for the next time. Waits timeout_ms at most.  */
TACIT_MUST_CHECK tacit_status_t tacit_refusals_report(tacit_refusals_t *refusals,
                                                      tacit_client_t *attestation,
                                                      uint32_t timeout_ms);

#endif
