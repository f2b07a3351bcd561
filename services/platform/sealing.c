/*  sealing.c - see sealing.h. The fuse key is uniformly random, so that HKDF's extract step is not
    needed; one block of expand is one HMAC.  */

#include "services/platform/sealing.h"

#include <sodium.h>
#include <stdio.h>

#include "enclave/seal.h"

_Static_assert(TACIT_FUSE_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "fuse key size");
_Static_assert(TACIT_SEALING_KEY_SIZE == crypto_auth_hmacsha256_BYTES, "sealing key size");

static void s_expand(const uint8_t fuse_key[TACIT_FUSE_KEY_SIZE],
                     const tacit_transcript_t *information, uint8_t ret_key[TACIT_SEALING_KEY_SIZE])
{
    static const uint8_t first_block = 1;
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, fuse_key, TACIT_FUSE_KEY_SIZE);
    (void)crypto_auth_hmacsha256_update(&state, information->data, information->size);
    (void)crypto_auth_hmacsha256_update(&state, &first_block, 1);
    (void)crypto_auth_hmacsha256_final(&state, ret_key);
    sodium_memzero(&state, sizeof state);
}

tacit_status_t tacit_sealing_key(const uint8_t fuse_key[TACIT_FUSE_KEY_SIZE],
                                 const tacit_self_t *self, tacit_seal_policy_t policy, uint16_t svn,
                                 const uint8_t context[32], uint8_t ret_key[TACIT_SEALING_KEY_SIZE],
                                 tacit_error_t *ret_error)
{
    tacit_transcript_t information;
    tacit_transcript_start(&information, "tacit/platform/sealing/v1");
    tacit_transcript_add_u64(&information, policy);
    tacit_transcript_add_u64(&information, self->debug);
    tacit_transcript_add(&information, tacit_span(context, 32));
    switch (policy) {
    case TACIT_SEAL_MRENCLAVE:
        tacit_transcript_add(&information, tacit_span(self->mrenclave, sizeof self->mrenclave));
        break;
    case TACIT_SEAL_MRSIGNER:
        if (svn > self->svn) {
            char expected[32];
            char got[16];
            snprintf(expected, sizeof expected, "at most %u", self->svn);
            snprintf(got, sizeof got, "%u", svn);
            tacit_error_claim(ret_error, TACIT_SVN_TOO_LOW, "svn", expected, got);
            tacit_error_remedy(ret_error, "what newer code sealed, only that or newer code opens");
            return TACIT_SVN_TOO_LOW;
        }
        tacit_transcript_add(&information, tacit_span(self->mrsigner, sizeof self->mrsigner));
        tacit_transcript_add_u64(&information, self->product_id);
        tacit_transcript_add_u64(&information, svn);
        break;
    default:
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "no such sealing policy");
    }
    s_expand(fuse_key, &information, ret_key);
    return TACIT_OK;
}
