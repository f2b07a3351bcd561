/*  policy_text.h - a policy's YAML text into its rules.  */

#ifndef TACIT_ENCLAVE_POLICY_TEXT_H
#define TACIT_ENCLAVE_POLICY_TEXT_H

#include "enclave/policy.h"

/*  POLICY_REFUSED with message, line and its text, or NO_MEMORY; fills the zeroed rules.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_text_read(tacit_span_t text,
                                                       tacit_policy_rules_t *ret_rules,
                                                       tacit_error_t *ret_error);

#endif
