/*  vault.h - users, model keys, grants and request keys, and the one decision that releases keys.

    All in memory, loaded from the sealed store when it opens and written through it: what a method
    answers is durable. Keys lie in memory sealed under a key of this process, and are opened only
    to be handed out. Every change and every release, refused ones too, is in the audit chain, in
    the same transaction. Codes are those of idl/keys.idl. One thread only.  */

#ifndef TACIT_SERVICES_KEYS_VAULT_H
#define TACIT_SERVICES_KEYS_VAULT_H

#include "enclave/model_package.h"
#include "services/storage/sealed_store.h"

enum {
    TACIT_VAULT_USERS_MAX = 4096,
    TACIT_VAULT_MODEL_KEYS_MAX = 1024,   /* versions, per owner */
    TACIT_VAULT_GRANTS_MAX = 4096,       /* per owner */
    TACIT_VAULT_REQUEST_KEYS_MAX = 1024, /* per user */
    TACIT_VAULT_RECENT_MAX = 16,         /* request ids remembered per counted grant */
    TACIT_VAULT_LEASE_MS = 800           /* how long a worker may use keys without asking again */
};

typedef struct tacit_vault tacit_vault_t;

/*  Open FOLDER/keys.db under the sealing key.  */
TACIT_MUST_CHECK tacit_status_t tacit_vault_open(const char *folder, const tacit_secret_t *key,
                                                 tacit_platform_t *platform,
                                                 const uint8_t mesh_id[32],
                                                 tacit_vault_t **ret_vault,
                                                 tacit_error_t *ret_error);
void tacit_vault_destroy(tacit_vault_t **vault);

/*  Which model: its owner's CURVE key and a valid name, the unused bytes zero.  */
typedef struct tacit_model_ref {
    uint8_t owner[32];
    char name[TACIT_MODEL_NAME_MAX];
} tacit_model_ref_t;

/*  BAD_INPUT where the name is none.  */
TACIT_MUST_CHECK tacit_status_t tacit_model_ref(const uint8_t owner[32], tacit_span_t name,
                                                tacit_model_ref_t *ret_ref,
                                                tacit_error_t *ret_error);

TACIT_MUST_CHECK tacit_status_t tacit_vault_enrol(tacit_vault_t *vault, const uint8_t user[32],
                                                  const uint8_t signing_key[32],
                                                  tacit_error_t *ret_error);

TACIT_MUST_CHECK tacit_status_t tacit_vault_put_model_key(
    tacit_vault_t *vault, const tacit_model_ref_t *model, uint32_t version,
    const uint8_t key[TACIT_KEY_SIZE], const uint8_t content_sha256[32], tacit_error_t *ret_error);
/*  version 0: all of them.  */
TACIT_MUST_CHECK tacit_status_t tacit_vault_remove_model_key(tacit_vault_t *vault,
                                                             const tacit_model_ref_t *model,
                                                             uint32_t version,
                                                             tacit_error_t *ret_error);

typedef struct tacit_grant {
    uint8_t id[16];
    tacit_model_ref_t model;
    uint8_t user[32];
    uint8_t measurement[32];
    uint64_t expires_ms; /* 0: no end */
    uint32_t uses;       /* 0: no limit */
    uint32_t used;
    bool revoked;
} tacit_grant_t;

/*  Grants; an id that is not zeros is the new grant's: where the same one was made before nothing
    changes, and KEY_REUSED where that was another. The grant for the same user, model and measurement is replaced. Takes model, user,
    measurement, expires_ms and uses; gives the id.  */
TACIT_MUST_CHECK tacit_status_t tacit_vault_grant(tacit_vault_t *vault, const tacit_grant_t *grant,
                                                  uint8_t ret_id[16], tacit_error_t *ret_error);
/*  NOT_FOUND where the owner has no such grant.  */
TACIT_MUST_CHECK tacit_status_t tacit_vault_revoke(tacit_vault_t *vault, const uint8_t owner[32],
                                                   const uint8_t id[16], tacit_error_t *ret_error);

TACIT_MUST_CHECK tacit_status_t tacit_vault_put_request_key(
    tacit_vault_t *vault, const uint8_t user[32], const tacit_model_ref_t *model,
    const uint8_t measurement[32], const uint8_t key[TACIT_KEY_SIZE], tacit_error_t *ret_error);

/*  Who asks for what.  */
typedef struct tacit_release_request {
    const uint8_t *worker;      /* CURVE key, 32 bytes, of the attested session */
    const uint8_t *measurement; /* MRENCLAVE, 32 bytes, of its result */
    const uint8_t *user;        /* 32 bytes */
    bool user_revoked;          /* by the policy in force */
    tacit_model_ref_t model;
    uint32_t version;          /* 0: the newest */
    const uint8_t *request_id; /* 16 bytes */
} tacit_release_request_t;

typedef struct tacit_release {
    uint32_t version;
    uint8_t model_key[TACIT_KEY_SIZE];   /* wipe when done */
    uint8_t request_key[TACIT_KEY_SIZE]; /* wipe when done */
    uint8_t owner_signing_key[32];
    uint8_t content_sha256[32];
    uint32_t lease_ms;
} tacit_release_t;

/*  Decides, spends a use, records, and only then hands out. A refusal is recorded too.  */
TACIT_MUST_CHECK tacit_status_t tacit_vault_release(tacit_vault_t *vault,
                                                    const tacit_release_request_t *request,
                                                    tacit_release_t *ret_release,
                                                    tacit_error_t *ret_error);

typedef struct tacit_model_key_entry {
    tacit_model_ref_t model;
    uint32_t version;
    uint64_t created_ms;
} tacit_model_key_entry_t;

/*  What a user owns or was granted: those after skipping offset, at most max of each.  */
size_t tacit_vault_list_models(const tacit_vault_t *vault, const uint8_t owner[32], size_t offset,
                               tacit_model_key_entry_t *ret_entries, size_t max);
size_t tacit_vault_list_grants(const tacit_vault_t *vault, const uint8_t user[32], size_t offset,
                               tacit_grant_t *ret_grants, size_t max);
bool tacit_vault_enrolled(const tacit_vault_t *vault, const uint8_t user[32]);

TACIT_MUST_CHECK tacit_status_t tacit_vault_read_audit(tacit_vault_t *vault, uint64_t from,
                                                       tacit_audit_record_t *ret_records,
                                                       size_t max, size_t *ret_count);

#endif
