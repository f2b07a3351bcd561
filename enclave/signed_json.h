/*  signed_json.h - collateral as the vendor signs it: {"<member>":<object>,"signature":"<hex>"}.

    The signature is over the exact bytes of the inner object, so these are cut from the text and
    verified before any of them is parsed. The accessors refuse absent members, other types and
    values out of range.  */

#ifndef TACIT_ENCLAVE_SIGNED_JSON_H
#define TACIT_ENCLAVE_SIGNED_JSON_H

#include <jansson.h>
#include <openssl/evp.h>

#include "enclave/error.h"
#include "enclave/span.h"
#include "enclave/tcb_status.h"

/*  Which document is judged; its name stands before the claims in refusals.  */
typedef struct tacit_signed_json {
    const char *name;   /* "tcb_info", "qe_identity" */
    const char *member; /* "tcbInfo", "enclaveIdentity" */
} tacit_signed_json_t;

/*  Cut, verify, parse, and check issueDate <= now < nextUpdate. The object is the caller's
    (json_decref). Fills evaluation_number and next_update_ms of the reached. EVIDENCE_MALFORMED,
    SIGNATURE_INVALID, COLLATERAL_EXPIRED.  */
TACIT_MUST_CHECK tacit_status_t tacit_signed_json_open(const tacit_signed_json_t *kind,
                                                       tacit_span_t text, EVP_PKEY *signer,
                                                       uint64_t now_ms, json_t **ret_object,
                                                       tacit_level_t *ret_reached,
                                                       tacit_error_t *ret_error);

/*  EVIDENCE_MALFORMED, naming the document and the member.  */
tacit_status_t tacit_signed_json_malformed(const tacit_signed_json_t *kind, const char *member,
                                           const char *expected, tacit_error_t *error);

/*  Members by type; false where absent or different.  */
bool tacit_json_number(const json_t *object, const char *member, uint64_t max, uint64_t *ret);
bool tacit_json_hex(const json_t *object, const char *member, uint8_t *ret_bytes, size_t size);
bool tacit_json_is_text(const json_t *object, const char *member, const char *expected);

/*  "2025-06-19T10:56:11Z" as Unix ms; no other form.  */
bool tacit_json_date(const json_t *object, const char *member, uint64_t *ret_ms);

/*  Status, date and advisories of a TCB level. TCB_STATUS_REFUSED where no level may have the
    status.  */
TACIT_MUST_CHECK tacit_status_t tacit_signed_json_level(const tacit_signed_json_t *kind,
                                                        const json_t *level, tacit_level_t *reached,
                                                        tacit_error_t *ret_error);

#endif
