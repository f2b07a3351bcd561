/*  secret_field.c - see secret_field.h.  */

#include "rpc/secret_field.h"

#include "rpc/codec_internal.h"

static tacit_status_t s_place(const tacit_secret_context_t *secrets, uint32_t number,
                              tacit_transcript_t *ret_place, tacit_error_t *ret_error)
{
    const tacit_field_t field = {.name = "secret", .number = number, .kind = TACIT_KIND_SECRET};
    return tacit__secret_place(secrets, &field, ret_place, ret_error);
}

tacit_status_t tacit_secret_field_seal(const tacit_secret_context_t *secrets, uint32_t number,
                                       tacit_span_t plaintext, uint8_t *ret_sealed,
                                       tacit_error_t *ret_error)
{
    tacit_transcript_t place;
    tacit_status_t status = s_place(secrets, number, &place, ret_error);
    if (!status && plaintext.size > TACIT_SECRET_FIELD_MAX) {
        status = tacit_error_set(ret_error, TACIT_TOO_LARGE, "a secret has at most %d bytes",
                                 TACIT_SECRET_FIELD_MAX);
    }
    if (!status) {
        tacit_seal(secrets->key, tacit_transcript_span(&place), plaintext, ret_sealed);
    }
    return status;
}

tacit_status_t tacit_secret_field_open(const tacit_secret_context_t *secrets, uint32_t number,
                                       tacit_span_t sealed, uint8_t *ret_plaintext,
                                       tacit_error_t *ret_error)
{
    tacit_transcript_t place;
    tacit_status_t status = s_place(secrets, number, &place, ret_error);
    if (!status &&
        tacit_seal_open(secrets->key, tacit_transcript_span(&place), sealed, ret_plaintext)) {
        status = tacit_error_claim(ret_error, TACIT_CORRUPT, "secret",
                                   "sealed for this session and call", "something else");
    }
    return status;
}
