/*  report_data.c - what a quote says it was made for.

    report_data = SHA-512(label || 0 || commitment). Both sides of a quote compute it here: the
    platform when it quotes, the verifier when it judges. The labels are prefix-free with their
    final zero, and a purpose without a label has no report_data.  */

#include "enclave/platform.h"

#include <sodium.h>
#include <stdlib.h>

static const char *const s_labels[] = {
    [TACIT_QUOTE_BINDING] = "tacit/quote/binding/v1",
    [TACIT_QUOTE_INTRODUCTION] = "tacit/quote/introduction/v1",
};

void tacit_report_data(tacit_quote_purpose_t purpose, const uint8_t commitment[64],
                       uint8_t ret_report_data[TACIT_REPORT_DATA_SIZE])
{
    size_t index = (size_t)purpose;
    if (index >= sizeof s_labels / sizeof s_labels[0] || !s_labels[index]) {
        abort(); /* programmer error: purposes off the wire are checked where they are read */
    }
    const char *label = s_labels[index];
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    (void)crypto_hash_sha512_update(&state, (const uint8_t *)label, strlen(label) + 1);
    (void)crypto_hash_sha512_update(&state, commitment, 64);
    (void)crypto_hash_sha512_final(&state, ret_report_data);
}
