/*  identity.h - what the attestation service is: its platform, its keys, its own result.  */

#ifndef TACIT_SERVICES_ATTESTATION_IDENTITY_H
#define TACIT_SERVICES_ATTESTATION_IDENTITY_H

#include "enclave/binding.h"
#include "rpc/service.h"
#include "services/attestation/judge.h"

typedef struct tacit_identity {
    tacit_platform_t *platform;
    uint8_t mesh_id[32];
    uint8_t root_sha256[32];
    uint8_t curve_public[32];
    tacit_secret_t *curve_secret;
    uint8_t result_public[32];     /* signs results; also named as its signing key */
    tacit_secret_t *result_secret; /* Ed25519, 64 bytes */
    tacit_result_t result;         /* its own */
    uint8_t result_bytes[TACIT_RESULT_SIZE];
    tacit_party_t party;                  /* for its CURVE endpoint */
    tacit_collateral_store_t *collateral; /* owned */
} tacit_identity_t;

/*  Be measured, seal the process, make the CURVE key, unseal or make the result key (in
    STATE/result.key), open what is remembered of collateral. Not yet attested.  */
TACIT_MUST_CHECK tacit_status_t tacit_identity_new(const tacit_service_args_t *args,
                                                   tacit_identity_t **ret_identity,
                                                   tacit_error_t *ret_error);
void tacit_identity_destroy(tacit_identity_t **identity);

/*  Judge oneself under the policy head, so that the endpoint's sessions can show a result.  */
TACIT_MUST_CHECK tacit_status_t tacit_identity_attest(tacit_identity_t *identity,
                                                      const uint8_t policy_head[32],
                                                      uint64_t policy_number,
                                                      tacit_error_t *ret_error);

#endif
