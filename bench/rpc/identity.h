/*  identity.h - who the benchmark's ends are: a user, or an enclave of the simulated platform whose
    socket is platform.sock in the folder, with an attestation result that this program signs
   itself: which service says who is genuine makes no difference to a call.  */

#ifndef TACIT_BENCH_IDENTITY_H
#define TACIT_BENCH_IDENTITY_H

#include "enclave/binding.h"

typedef struct identity {
    uint8_t public_key[32]; /* CURVE */
    uint8_t secret_key[32];
    uint8_t issuer[32]; /* who signs results here */
    uint8_t result[TACIT_RESULT_SIZE];
    tacit_platform_t *platform;
    tacit_party_t party;
} identity_t;

/*  Of a role of its own: worker as an enclave, else user. Ends the program where that fails.  */
identity_t *identity_new(const char *folder, bool enclave);
void identity_destroy(identity_t **identity);

/*  Ends the program with what the error says, unless the status is OK.  */
void must(tacit_status_t status, const tacit_error_t *error);

#endif
