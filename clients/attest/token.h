/*  token.h - attestation results as tokens: made of a judgement, and read again.  */

#ifndef TACIT_CLIENTS_ATTEST_TOKEN_H
#define TACIT_CLIENTS_ATTEST_TOKEN_H

#include <jansson.h>

#include "clients/attest/judge.h"
#include "enclave/ear_token.h"

enum { TACIT_TOKEN_LIFETIME_MS = 5 * 60 * 1000 }; /* of a result; never beyond its collateral */

/*  "jwt" or "cwt"; false for anything else.  */
bool tacit_token_format(const char *name, tacit_ear_format_t *ret_format);

/*  A key in PEM: a private one, that no pass phrase protects, or a public one. EVP_PKEY_free it.
    NOT_FOUND, MALFORMED.  */
TACIT_MUST_CHECK tacit_status_t tacit_token_key(const char *path, bool is_private,
                                                EVP_PKEY **ret_key, tacit_error_t *ret_error);

/*  What was judged at a time as a token in a file.  */
typedef struct tacit_token_order {
    tacit_ear_format_t format;
    const char *key_path; /* private */
    const char *path;     /* of the token */
} tacit_token_order_t;

TACIT_MUST_CHECK tacit_status_t tacit_token_write(const tacit_token_order_t *order,
                                                  const tacit_sample_t *sample,
                                                  const tacit_judgement_t *judgement,
                                                  uint64_t now_ms, tacit_error_t *ret_error);

/*  Verify a token in a file at a time; what it says is for json_decref.  */
TACIT_MUST_CHECK tacit_status_t tacit_token_read(const char *path, const char *key_path,
                                                 uint64_t now_ms, json_t **ret_report,
                                                 tacit_error_t *ret_error);

#endif
