/*  tcb_status.h - how the states of platform and quoting enclave become one, and what the judges
    of signed collateral report.  */

#ifndef TACIT_ENCLAVE_TCB_STATUS_H
#define TACIT_ENCLAVE_TCB_STATUS_H

#include "enclave/evidence.h"

/*  What one signed document (TCB info, QE identity) says of the platform.  */
typedef struct tacit_verdict {
    tacit_tcb_status_t status;  /* of the level that matched */
    uint32_t evaluation_number; /* tcbEvaluationDataNumber */
    uint64_t next_update_ms;    /* Unix ms: the document's end */
    char advisories[256];       /* of the level that matched, comma-separated */
} tacit_verdict_t;

/*  The status of the whole, from the platform's and the quoting enclave's: Revoked if either is;
    an OutOfDate enclave makes an otherwise current platform out of date.  */
tacit_tcb_status_t tacit_tcb_status_merge(tacit_tcb_status_t platform, tacit_tcb_status_t enclave);

/*  Add an advisory to a comma-separated list, once. Where it has no room the list ends in "...",
    never in half an advisory.  */
void tacit_advisories_add(char *list, size_t list_size, const char *advisory, size_t size);

/*  Add all advisories of another list.  */
void tacit_advisories_merge(char *list, size_t list_size, const char *other);

#endif
