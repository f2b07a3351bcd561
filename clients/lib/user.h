/*  user.h - a client in the mesh: trust file, identity, and verified connections to what it calls.
 */

#ifndef TACIT_CLIENTS_USER_H
#define TACIT_CLIENTS_USER_H

#include "clients/lib/identity.h"
#include "clients/lib/options.h"
#include "clients/lib/policy_history.h"
#include "rpc/mesh.h"

typedef struct tacit_user {
    tacit_identity_t *identity;
    tacit_trust_t trust;
    tacit_mesh_t *mesh;
    tacit_policy_chain_t policy;     /* in force when the mesh was opened, every link checked */
    char folder[PATH_MAX];           /* of the identity, where it remembers the policies it saw */
    uint32_t timeout_ms;             /* the user's patience; 0: each method's own deadline */
    tacit_client_metrics_t *metrics; /* where its calls are counted; may be NULL */
} tacit_user_t;

/*  The invocation's identity; NOT_FOUND says how this program's is made.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_identity(const tacit_invocation_t *invocation,
                                                    tacit_identity_t **ret_identity,
                                                    tacit_error_t *ret_error);

/*  STATE/trust.json; NOT_FOUND has a remedy.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_trust(const tacit_invocation_t *invocation,
                                                 tacit_trust_t *ret_trust,
                                                 tacit_error_t *ret_error);

/*  Load STATE/trust.json and the identity, and open the mesh: the attestation service is verified
    when this returns, and the policies since the last time follow the ones seen then. An
   attestation service that is away is waited for: five seconds, less where the user's patience is.
   Close it in any case.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_open(const tacit_invocation_t *invocation,
                                                tacit_user_t *ret_user, tacit_error_t *ret_error);
void tacit_user_close(tacit_user_t *user);

/*  Verify the attestation service anew, with a nonce of now: for work that outlives a session.
   Waits for it as open does.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_renew(tacit_user_t *user, tacit_error_t *ret_error);

/*  The deadline of a call by that method, within the user's patience.  */
uint32_t tacit_user_deadline(const tacit_user_t *user, const tacit_method_t *method);

/*  Connect to a role, verified and bound; the client is the caller's. Who is about to attest, just
    after a change of the policy or a restart, is waited for: two seconds. An attestation service
    that was started again meanwhile is opened anew, once.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_connect(tacit_user_t *user, tacit_role_t role,
                                                   tacit_client_t **ret_client,
                                                   tacit_error_t *ret_error);

/*  A call that is sent again over a new connection where its answer was lost or the service
   drained, within half a minute: only of methods that the contract calls idempotent or keyed, the
   latter with one key for all tries. *client may be replaced; NULL after a failure to connect.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_call_again(tacit_user_t *user, tacit_role_t role,
                                                      tacit_client_t **client,
                                                      const tacit_method_t *method,
                                                      const void *args, void *ret_result,
                                                      tacit_error_t *ret_error);

/*  The init command of both owners: make the identity where there is none, enrol it, print its id.
 */
tacit_status_t tacit_user_init(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

/*  The verify command of both owners: who stands behind the mesh, measured and judged; or a saved
    history of policies, checked without a mesh.  */
enum { TACIT_USER_VERIFY_OPTIONS = 2 };
extern const tacit_option_t tacit_user_verify_options[TACIT_USER_VERIFY_OPTIONS];
tacit_status_t tacit_user_verify(const tacit_invocation_t *invocation, tacit_error_t *ret_error);

/*  The measurements of the workers that are attested now, distinct, at most max; ret_workers (may
    be NULL) is how many workers there are. INFERENCE_NO_WORKER (with a remedy) where there is none
    within two seconds.  */
TACIT_MUST_CHECK tacit_status_t tacit_user_workers(tacit_user_t *user,
                                                   uint8_t (*ret_measurements)[32], size_t max,
                                                   size_t *ret_count, size_t *ret_workers,
                                                   tacit_error_t *ret_error);

#endif
