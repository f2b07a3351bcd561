/*  seal.h - authenticated encryption of everything that leaves an enclave or its owner.

    XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha-03) with random 24-byte nonces, which
    are long enough never to repeat. A sealed blob is nonce || ciphertext || tag. What it is, whose
    and where it belongs is the associated data, so that no blob passes for another.  */

#ifndef TACIT_ENCLAVE_SEAL_H
#define TACIT_ENCLAVE_SEAL_H

#include "enclave/error.h"
#include "enclave/span.h"

enum {
    TACIT_KEY_SIZE = 32,
    TACIT_SEAL_NONCE_SIZE = 24,
    TACIT_SEAL_TAG_SIZE = 16,
    TACIT_SEAL_OVERHEAD = TACIT_SEAL_NONCE_SIZE + TACIT_SEAL_TAG_SIZE
};

/*  Seal plaintext into ret_sealed, which has room for plaintext.size + TACIT_SEAL_OVERHEAD.  */
void tacit_seal(const uint8_t key[TACIT_KEY_SIZE], tacit_span_t associated, tacit_span_t plaintext,
                uint8_t *ret_sealed);

/*  Open into ret_plaintext, which has room for sealed.size - TACIT_SEAL_OVERHEAD. CORRUPT where
    anything differs from what was sealed (then ret_plaintext is wiped), MALFORMED if too short. */
TACIT_MUST_CHECK tacit_status_t tacit_seal_open(const uint8_t key[TACIT_KEY_SIZE],
                                                tacit_span_t associated, tacit_span_t sealed,
                                                uint8_t *ret_plaintext);

/*  Associated data and hash inputs: a label, then fields, each with its length before it (u32
    little-endian), so that no two lists of fields give the same bytes.  */
enum { TACIT_TRANSCRIPT_MAX = 2048 };

typedef struct tacit_transcript {
    uint8_t data[TACIT_TRANSCRIPT_MAX];
    size_t size;
} tacit_transcript_t;

void tacit_transcript_start(tacit_transcript_t *transcript, const char *label);
/*  Programmer error to exceed TACIT_TRANSCRIPT_MAX: fields are of bounded size.  */
void tacit_transcript_add(tacit_transcript_t *transcript, tacit_span_t field);
void tacit_transcript_add_u64(tacit_transcript_t *transcript, uint64_t value);

static inline tacit_span_t tacit_transcript_span(const tacit_transcript_t *transcript)
{
    return tacit_span(transcript->data, transcript->size);
}

#endif
