/*  collateral_store.h - collateral only moves forward: the highest numbers that were ever believed,
    kept through restarts.

    Each number belongs to what its vendor counts: TCB info to a platform model, QE identity to a
    kind of enclave, a CRL to its issuer. They lie in one sealed file, STATE/collateral.marks, which
    a platform counter counts: an old copy is refused, and so is a file that is missing though there
    was one. Not thread-safe.  */

#ifndef TACIT_SERVICES_ATTESTATION_COLLATERAL_STORE_H
#define TACIT_SERVICES_ATTESTATION_COLLATERAL_STORE_H

#include "enclave/platform.h"

enum { TACIT_COLLATERAL_SCOPES_MAX = 256 }; /* numbers that are kept */

typedef struct tacit_collateral_store tacit_collateral_store_t;

/*  Open the folder's marks, or begin with none. ROLLBACK_DETECTED where they are older than the
    counter, CORRUPT where they were altered or are another mesh's. The platform is borrowed.  */
TACIT_MUST_CHECK tacit_status_t tacit_collateral_store_open(const char *folder,
                                                            const uint8_t mesh_id[32],
                                                            tacit_platform_t *platform,
                                                            tacit_collateral_store_t **ret_store,
                                                            tacit_error_t *ret_error);
void tacit_collateral_store_destroy(tacit_collateral_store_t **store);

/*  COLLATERAL_EXPIRED where the claims rest on anything older than what was believed. Claims of a
    kind that has no collateral pass.  */
TACIT_MUST_CHECK tacit_status_t tacit_collateral_store_check(const tacit_collateral_store_t *store,
                                                             const tacit_claims_t *claims,
                                                             tacit_error_t *ret_error);

/*  Remember what the claims rest on: durable, and counted, before it answers. TOO_LARGE where there
    is no room for another model or issuer.  */
TACIT_MUST_CHECK tacit_status_t tacit_collateral_store_raise(tacit_collateral_store_t *store,
                                                             const tacit_claims_t *claims,
                                                             tacit_error_t *ret_error);

#endif
