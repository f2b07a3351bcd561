/*  native.h - the security of Tacit for programs that are not C: what libtacit-client.so exports.

    One implementation judges evidence, binds channels, seals and opens. What is left to the other
    language is sockets, MessagePack and its own loop: it carries bytes between here and the wire,
    and can neither skip a check nor get at a key. Keys stay in secret memory behind handles.

    Rules of every function here:
      - Handles are made by functions with ret_HANDLE and end with the destroy function of their
   kind, which takes NULL too. Nothing else is owned by the caller; what is borrowed from a handle
   says so and ends with it. Handles may be destroyed in any order.
      - Buffers come with their sizes, in bytes, or have the size that stands beside them. Texts end
   in NUL. Inputs are needed during the call only.
      - The result is a tacit_status_t as an int: 0, or a code of docs/PROTOCOL.md, with ret_error
   (may be NULL) filled. Outputs are untouched on failure.
      - A handle is used by one thread at a time; several may read one that functions take as const.
 */

#ifndef TACIT_CLIENTS_PYTHON_NATIVE_H
#define TACIT_CLIENTS_PYTHON_NATIVE_H

#include "clients/lib/identity.h"
#include "enclave/envelope.h"
#include "enclave/role.h"
#include "rpc/trust.h"

#define TACIT_NATIVE __attribute__((visibility("default")))

enum {
    TACIT_NATIVE_VERSION = 1,           /* of this interface: who loads it asks first */
    TACIT_NATIVE_FIELD_MAX = 64 * 1024, /* bytes of a secret field */
    TACIT_NATIVE_TEXT_MAX = 256,
    TACIT_NATIVE_PATH_MAX = 4096
};

/*  --- the library ----------------------------------------------------------------------------- */

/*  To be called first, once; the version of this interface, 0 where libsodium cannot be used.  */
TACIT_NATIVE uint32_t tacit_native_init(void);

/*  The sizes of the structures below, so that who describes them in another language can compare:
    error, trust facts, attestation, member, session, envelope, receipt. At most count of them.  */
TACIT_NATIVE void tacit_native_sizes(uint32_t *ret_sizes, size_t count);

/*  Wire name and text of a code below 1000; never NULL. Borrowed for ever.  */
TACIT_NATIVE const char *tacit_native_status_name(int code);
TACIT_NATIVE const char *tacit_native_status_text(int code);

/*  --- trust.json ------------------------------------------------------------------------------ */

typedef struct tacit_native_trust_facts {
    char introduction[TACIT_NATIVE_TEXT_MAX];
    uint8_t mesh_id[32];
    uint8_t root_sha256[32];
    uint8_t operator_curve_key[32];
    uint32_t simulated;
} tacit_native_trust_facts_t;

TACIT_NATIVE int tacit_native_trust_load(const char *path, tacit_trust_t **ret_trust,
                                         tacit_native_trust_facts_t *ret_facts,
                                         tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_trust_destroy(tacit_trust_t *trust);

/*  --- identities ------------------------------------------------------------------------------ */

/*  FOLDER/identity.json; made where there is none and make is not 0 (ret_made tells). folder NULL:
    one that no file holds.  */
TACIT_NATIVE int tacit_native_identity_open(const char *folder, int make,
                                            tacit_identity_t **ret_identity, int *ret_made,
                                            tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_identity_destroy(tacit_identity_t *identity);
TACIT_NATIVE void tacit_native_identity_public(const tacit_identity_t *identity,
                                               uint8_t ret_curve[32], uint8_t ret_signing[32]);

/*  Gives a ZeroMQ socket that is not connected yet the identity's CURVE keys and the server's. The
    socket must be of the libzmq that this library is linked with.  */
TACIT_NATIVE int tacit_native_identity_arm(const tacit_identity_t *identity, void *zmq_socket,
                                           const uint8_t server_key[32], tacit_error_t *ret_error);

/*  --- the attestation service, and whom it vouches for ---------------------------------------- */

typedef struct tacit_native_mesh tacit_native_mesh_t;

/*  What the verified evidence of the attestation service says.  */
typedef struct tacit_native_attestation {
    char endpoint[TACIT_NATIVE_TEXT_MAX];
    char root_name[TACIT_NATIVE_TEXT_MAX];
    char tcb_status[TACIT_NATIVE_TEXT_MAX];
    char advisories[TACIT_NATIVE_TEXT_MAX];
    uint8_t curve_key[32]; /* to connect with */
    uint8_t result_key[32];
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint64_t expires_ms; /* Unix ms: the end of the collateral */
    uint32_t product_id;
    uint32_t svn;
    uint32_t simulated;
} tacit_native_attestation_t;

/*  Judge the answer of introduction.introduce (its result map, encoded) to that nonce, in full and
   at this moment. The handle is then the trust in everybody else. trust is copied.  */
TACIT_NATIVE int tacit_native_mesh_verify(const tacit_trust_t *trust, const uint8_t *introduction,
                                          size_t size, const uint8_t nonce[32],
                                          tacit_native_mesh_t **ret_mesh,
                                          tacit_native_attestation_t *ret_attestation,
                                          tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_mesh_destroy(tacit_native_mesh_t *mesh);

/*  What an attestation result says of a member.  */
typedef struct tacit_native_member {
    uint8_t curve_key[32];
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint8_t policy_head[32];
    uint64_t issued_ms;
    uint64_t expires_ms;
    uint32_t role;
    uint32_t svn;
    uint32_t tcb_status;
    uint32_t simulated;
} tacit_native_member_t;

/*  Check a result (512 bytes): signed by this mesh's attestation service, and valid now.  */
TACIT_NATIVE int tacit_native_member_verify(const tacit_native_mesh_t *mesh, const uint8_t *result,
                                            size_t size, tacit_native_member_t *ret_member,
                                            tacit_error_t *ret_error);

/*  --- how far the policies went --------------------------------------------------------------- */

typedef struct tacit_native_policy tacit_native_policy_t;

/*  The mesh's history of policies from where FOLDER/policy.json was left; folder NULL: from the
   first on, and kept nowhere. last: the number in force, as the attestation service says, 0 for
   none. ROLLBACK_DETECTED where more was seen.  */
TACIT_NATIVE int tacit_native_policy_open(const tacit_trust_t *trust, const char *folder,
                                          uint64_t last, tacit_native_policy_t **ret_policy,
                                          tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_policy_destroy(tacit_native_policy_t *policy);

/*  The number of the policy to take next (attestation.policy_at); 0: all are taken, save it.  */
TACIT_NATIVE uint64_t tacit_native_policy_wants(const tacit_native_policy_t *policy);
TACIT_NATIVE int tacit_native_policy_take(tacit_native_policy_t *policy, const uint8_t *text,
                                          size_t text_size, const uint8_t *signatures,
                                          size_t signatures_size, tacit_error_t *ret_error);
/*  The head of the last; zeroes where there is no policy.  */
TACIT_NATIVE int tacit_native_policy_save(const tacit_native_policy_t *policy, uint8_t ret_head[32],
                                          tacit_error_t *ret_error);

/*  --- the attested binding -------------------------------------------------------------------- */

typedef struct tacit_native_binding tacit_native_binding_t;
typedef struct tacit_native_session tacit_native_session_t;

/*  Opens as role 16 (user) or 17 (operator) to a peer of peer_role that the socket was armed for.
    trust NULL: to a service of no mesh, whose mesh id is zeroes. mesh NULL: no attestation service
   is trusted yet, and an attested peer is refused. What session.open sends: nonce and ephemeral
   key.  */
TACIT_NATIVE int tacit_native_binding_open(const tacit_trust_t *trust,
                                           const tacit_native_mesh_t *mesh,
                                           const tacit_identity_t *identity, uint32_t role,
                                           const uint8_t peer_curve[32], uint32_t peer_role,
                                           tacit_native_binding_t **ret_binding,
                                           uint8_t ret_nonce[32], uint8_t ret_ephemeral[32],
                                           tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_binding_destroy(tacit_native_binding_t *binding);

/*  Judges what session.open answered; result and quote may be of size 0. What session.confirm
    sends.  */
TACIT_NATIVE int tacit_native_binding_confirm(
    tacit_native_binding_t *binding, const uint8_t session_id[16], const uint8_t policy_head[32],
    const uint8_t nonce[32], const uint8_t ephemeral[32], const uint8_t *result, size_t result_size,
    const uint8_t *quote, size_t quote_size, uint8_t ret_mac[64], tacit_error_t *ret_error);

typedef struct tacit_native_session_facts {
    uint8_t id[16];
    uint8_t policy_head[32];
    tacit_native_member_t peer; /* zeroes unless attested */
    uint64_t expires_ms;        /* Unix ms */
    uint64_t lifetime_ms;       /* from now */
    uint32_t peer_role;
    uint32_t attested;
} tacit_native_session_facts_t;

/*  Judges the answer of session.confirm.  */
TACIT_NATIVE int tacit_native_binding_finish(tacit_native_binding_t *binding, const uint8_t mac[64],
                                             tacit_native_session_t **ret_session,
                                             tacit_native_session_facts_t *ret_facts,
                                             tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_session_destroy(tacit_native_session_t *session);

/*  --- secrets --------------------------------------------------------------------------------- */

/*  A secret of bytes that the caller has; wiping those is the caller's.  */
TACIT_NATIVE int tacit_native_secret_copy(const uint8_t *bytes, size_t size,
                                          tacit_secret_t **ret_secret, tacit_error_t *ret_error);
TACIT_NATIVE int tacit_native_secret_random(size_t size, tacit_secret_t **ret_secret,
                                            tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_secret_destroy(tacit_secret_t *secret);
TACIT_NATIVE size_t tacit_native_secret_size(const tacit_secret_t *secret);
/*  Into room for its whole size: from then on it is the caller's to keep.  */
TACIT_NATIVE void tacit_native_secret_reveal(const tacit_secret_t *secret, uint8_t *ret_bytes);

/*  A secret as field number of the call msgid of method: ret_sealed has room for its size + 40.  */
TACIT_NATIVE int tacit_native_field_seal(const tacit_native_session_t *session, uint64_t msgid,
                                         const char *method, uint32_t number,
                                         const tacit_secret_t *secret, uint8_t *ret_sealed,
                                         size_t capacity, tacit_error_t *ret_error);
/*  The secret in such a field of the reply.  */
TACIT_NATIVE int tacit_native_field_open(const tacit_native_session_t *session, uint64_t msgid,
                                         const char *method, uint32_t number, const uint8_t *sealed,
                                         size_t size, tacit_secret_t **ret_secret,
                                         tacit_error_t *ret_error);

/*  --- a data owner ---------------------------------------------------------------------------- */

/*  The key ring of clients/lib/request_keys.h: the one key for count measurements of 32 bytes each;
    ret_fresh[i] is 1 where measurement i is new to it.  */
TACIT_NATIVE int tacit_native_request_key_open(const char *identity, const uint8_t owner[32],
                                               const char *name, const uint8_t *measurements,
                                               size_t count, tacit_secret_t **ret_key,
                                               uint8_t *ret_fresh, tacit_error_t *ret_error);

/*  Seals the plaintext of a request: ret_sealed has room for size + 40.  */
TACIT_NATIVE int tacit_native_request_seal(const tacit_envelope_t *envelope,
                                           const tacit_secret_t *key, const uint8_t *plaintext,
                                           size_t size, uint8_t *ret_sealed, size_t capacity,
                                           tacit_error_t *ret_error);

typedef struct tacit_native_receipt {
    tacit_envelope_t envelope;
    uint8_t request_sha256[32];
    uint8_t response_sha256[32];
    uint8_t model_sha256[32];
    uint8_t mrenclave[32];
    uint8_t policy_head[32];
    uint64_t time_ms;
    uint32_t simulated;
    uint32_t isolation; /* enclave/isolation.h */
    uint32_t backend;
    uint32_t precision; /* enclave/precision.h */
} tacit_native_receipt_t;

/*  What was asked, and what came back. All borrowed during the call.  */
typedef struct tacit_native_exchange {
    const tacit_envelope_t *envelope; /* of the request */
    const uint8_t *measurements;      /* 32 bytes each: workers that have the key */
    size_t measurement_count;
    const uint8_t *request; /* sealed */
    size_t request_size;
    const uint8_t *response; /* sealed */
    size_t response_size;
    const uint8_t *receipt;
    size_t receipt_size;
    const uint8_t *result; /* of the worker */
    size_t result_size;
} tacit_native_exchange_t;

/*  Proves the answer (clients/lib/answer_proof.h), then opens it into ret_plaintext, which has room
    for response_size - 40.  */
TACIT_NATIVE int
tacit_native_answer_open(const tacit_native_mesh_t *mesh, const tacit_native_exchange_t *exchange,
                         const tacit_secret_t *key, tacit_native_receipt_t *ret_receipt,
                         uint8_t *ret_plaintext, size_t capacity, tacit_error_t *ret_error);

/*  Saves the receipt of a proven answer with all that proves it, as tacit-dataowner does.  */
TACIT_NATIVE int tacit_native_receipt_save(const tacit_native_mesh_t *mesh, const char *folder,
                                           const tacit_native_exchange_t *exchange,
                                           char ret_path[TACIT_NATIVE_PATH_MAX],
                                           tacit_error_t *ret_error);
/*  Verifies a saved one by the trust file alone.  */
TACIT_NATIVE int tacit_native_receipt_verify(const tacit_trust_t *trust, const char *path,
                                             tacit_native_receipt_t *ret_receipt,
                                             tacit_native_member_t *ret_worker,
                                             tacit_error_t *ret_error);

/*  --- a model's owner ------------------------------------------------------------------------- */

/*  The key ring of clients/lib/model_keys.h. newest: 0 where it has none.  */
TACIT_NATIVE int tacit_native_model_key_make(const char *identity, const char *name,
                                             uint32_t version, tacit_secret_t **ret_key,
                                             tacit_error_t *ret_error);
TACIT_NATIVE uint32_t tacit_native_model_key_newest(const char *identity, const char *name);

typedef struct tacit_native_package tacit_native_package_t;

/*  Seals a model into a nameless file of that folder.  */
TACIT_NATIVE int tacit_native_package_seal(const tacit_identity_t *identity, const char *folder,
                                           const char *name, uint32_t version,
                                           const tacit_secret_t *key, const uint8_t *content,
                                           size_t size, tacit_native_package_t **ret_package,
                                           tacit_error_t *ret_error);
TACIT_NATIVE void tacit_native_package_destroy(tacit_native_package_t *package);
TACIT_NATIVE void tacit_native_package_facts(const tacit_native_package_t *package,
                                             uint8_t ret_manifest[256], uint8_t ret_signature[64],
                                             uint8_t ret_content_sha256[32], uint32_t *ret_chunks);
/*  A sealed chunk into room for 256 KiB + 40.  */
TACIT_NATIVE int tacit_native_package_chunk(const tacit_native_package_t *package, uint32_t index,
                                            uint8_t *ret_sealed, size_t capacity, size_t *ret_size,
                                            tacit_error_t *ret_error);

#endif
