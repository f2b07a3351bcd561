/*  policy_file.h - a policy's text and the signatures beside it: FILE and FILE.sig.

    FILE.sig holds a line per signature: the Ed25519 key and the signature over the text, in hex,
    with a space between. It travels between those who sign; the text is never changed by it.  */

#ifndef TACIT_CLIENTS_POLICY_FILE_H
#define TACIT_CLIENTS_POLICY_FILE_H

#include "clients/lib/identity.h"
#include "enclave/policy_chain.h"

typedef struct tacit_policy_file {
    uint8_t *text;
    size_t size;
    tacit_policy_t *policy; /* what it says */
    uint8_t signatures[TACIT_POLICY_SIGNATURES_SIZE_MAX];
    size_t signatures_size;
} tacit_policy_file_t;

/*  Read and check the text alone. BAD_INPUT, POLICY_REFUSED with the line at fault. Free with
    tacit_policy_file_clear.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_file_read(const char *path,
                                                       tacit_policy_file_t *ret_file,
                                                       tacit_error_t *ret_error);

/*  And the signatures where there are any. SIGNATURE_INVALID (of another text).  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_file_load(const char *path,
                                                       tacit_policy_file_t *ret_file,
                                                       tacit_error_t *ret_error);

/*  The same for a text in memory, which it takes over.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_file_take(uint8_t *text, size_t size,
                                                       tacit_policy_file_t *ret_file,
                                                       tacit_error_t *ret_error);
void tacit_policy_file_clear(tacit_policy_file_t *file);

/*  Add one's signature, unless it is there. TOO_LARGE where there are as many as can be.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_file_sign(tacit_policy_file_t *file,
                                                       const tacit_identity_t *identity,
                                                       tacit_error_t *ret_error);

/*  Write FILE.sig for the FILE at path.  */
TACIT_MUST_CHECK tacit_status_t tacit_policy_file_save_signatures(const tacit_policy_file_t *file,
                                                                  const char *path,
                                                                  tacit_error_t *ret_error);

#endif
