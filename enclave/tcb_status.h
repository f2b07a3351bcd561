/*  tcb_status.h - how the states of platform and quoting enclave become one, and what the judges
    of signed collateral report.  */

#ifndef TACIT_ENCLAVE_TCB_STATUS_H
#define TACIT_ENCLAVE_TCB_STATUS_H

#include "enclave/evidence.h"

/*  What one signed document (TCB info, QE identity) says of the platform.  */
typedef struct tacit_level {
    tacit_tcb_status_t status;  /* of the level that matched */
    uint32_t evaluation_number; /* tcbEvaluationDataNumber */
    uint64_t issued_ms;         /* Unix ms: the document's beginning */
    uint64_t next_update_ms;    /* Unix ms: its end */
    char date[24];              /* tcbDate of the level that matched; may be empty */
    char advisories[256];       /* of the level that matched, comma-separated */
} tacit_level_t;

/*  The status of the whole, from the platform's and that of a part which is UpToDate, OutOfDate or
    Revoked (quoting enclave, TDX module): Revoked if either is; an OutOfDate part makes an
   otherwise current platform out of date.  */
tacit_tcb_status_t tacit_tcb_status_merge(tacit_tcb_status_t platform, tacit_tcb_status_t part);

/*  Does this status ask for another configuration of the platform?  */
bool tacit_tcb_status_needs_configuration(tacit_tcb_status_t status);

/*  Add an advisory to a comma-separated list, once. Where it has no room the list ends in "...",
    never in half an advisory.  */
void tacit_advisories_add(char *list, size_t list_size, const char *advisory, size_t size);

/*  Add all advisories of another list.  */
void tacit_advisories_merge(char *list, size_t list_size, const char *other);

#endif
