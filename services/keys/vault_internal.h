/*  vault_internal.h - what vault.c, vault_grants.c, vault_release.c and vault_records.c share: the
    tables in memory, and how their rows are found, written to the store and loaded from it.

    Rows are allocated before a commit and put into a table after it, so that nothing can fail in
    between.  */

#ifndef TACIT_SERVICES_KEYS_VAULT_INTERNAL_H
#define TACIT_SERVICES_KEYS_VAULT_INTERNAL_H

#include "services/keys/vault.h"
#include "services/storage/map.h"

enum { TACIT__WRAPPED_SIZE = TACIT_KEY_SIZE + TACIT_SEAL_OVERHEAD };

typedef struct tacit__user {
    tacit_map_node_t node;
    uint8_t key[32]; /* CURVE */
    uint8_t signing_key[32];
} tacit__user_t;

/*  Record keys are these structs' bytes: no padding, unused name bytes zero.  */
typedef struct tacit__model_key_id {
    tacit_model_ref_t model;
    uint8_t version[4]; /* little-endian */
} tacit__model_key_id_t;

typedef struct tacit__access_id {
    tacit_model_ref_t model;
    uint8_t user[32];
    uint8_t measurement[32];
} tacit__access_id_t; /* of grants and of request keys */

_Static_assert(sizeof(tacit__model_key_id_t) == 32 + TACIT_MODEL_NAME_MAX + 4, "no padding");
_Static_assert(sizeof(tacit__access_id_t) == 32 + TACIT_MODEL_NAME_MAX + 64, "no padding");
_Static_assert(sizeof(tacit__access_id_t) <= TACIT_RECORD_KEY_MAX, "is a record's key");

typedef struct tacit__model_key {
    tacit_map_node_t node;
    tacit__model_key_id_t id;
    uint8_t wrapped[TACIT__WRAPPED_SIZE];
    uint8_t content_sha256[32];
    uint64_t created_ms;
} tacit__model_key_t;

typedef struct tacit__grant {
    tacit_map_node_t node;
    tacit__access_id_t id;
    tacit_grant_t grant;
    uint8_t recent[TACIT_VAULT_RECENT_MAX][16]; /* request ids that spent a use */
} tacit__grant_t;

typedef struct tacit__request_key {
    tacit_map_node_t node;
    tacit__access_id_t id;
    uint8_t wrapped[TACIT__WRAPPED_SIZE];
} tacit__request_key_t;

struct tacit_vault {
    tacit_sealed_store_t *store;
    tacit_secret_t *wrap_key; /* of this process: keys in memory are sealed under it */
    tacit_map_t users;        /* of tacit__user_t, by key */
    tacit_map_t model_keys;   /* of tacit__model_key_t, by id, as the two below */
    tacit_map_t grants;       /* of tacit__grant_t */
    tacit_map_t request_keys; /* of tacit__request_key_t */
};

/*  --- rows ------------------------------------------------------------------------------------ */

tacit__model_key_id_t tacit__vault_model_key_id(const tacit_model_ref_t *model, uint32_t version);
tacit__access_id_t tacit__vault_access_id(const tacit_model_ref_t *model, const uint8_t user[32],
                                          const uint8_t measurement[32]);
uint32_t tacit__vault_version(const tacit__model_key_t *entry);
bool tacit__vault_same_model(const tacit_model_ref_t *a, const tacit_model_ref_t *b);

/*  Rows of one table, in order; NULL: no more.  */
#define TACIT__FIRST(type, map)  ((type *)(map).first)
#define TACIT__NEXT(type, entry) ((type *)(entry)->node.next)

/*  NULL where there is none. version 0: the newest.  */
tacit__user_t *tacit__vault_find_user(const tacit_vault_t *vault, const uint8_t user[32]);
tacit__model_key_t *tacit__vault_find_model_key(const tacit_vault_t *vault,
                                                const tacit_model_ref_t *model, uint32_t version);
tacit__grant_t *tacit__vault_find_grant(const tacit_vault_t *vault, const tacit__access_id_t *id);
tacit__request_key_t *tacit__vault_find_request_key(const tacit_vault_t *vault,
                                                    const tacit__access_id_t *id);

/*  Keys in memory.  */
void tacit__vault_wrap(const tacit_vault_t *vault, const uint8_t key[TACIT_KEY_SIZE],
                       uint8_t ret_wrapped[TACIT__WRAPPED_SIZE]);
TACIT_MUST_CHECK tacit_status_t tacit__vault_unwrap(const tacit_vault_t *vault,
                                                    const uint8_t wrapped[TACIT__WRAPPED_SIZE],
                                                    uint8_t ret_key[TACIT_KEY_SIZE]);

/*  --- records: written within the store's transaction ----------------------------------------- */

void tacit__vault_put_user(tacit_vault_t *vault, const tacit__user_t *entry);
void tacit__vault_put_model_key(tacit_vault_t *vault, const tacit__model_key_t *entry,
                                const uint8_t key[TACIT_KEY_SIZE]);
void tacit__vault_remove_model_key(tacit_vault_t *vault, const tacit__model_key_t *entry);
void tacit__vault_put_grant(tacit_vault_t *vault, const tacit__grant_t *entry);
void tacit__vault_put_request_key(tacit_vault_t *vault, const tacit__access_id_t *id,
                                  const uint8_t key[TACIT_KEY_SIZE]);
/*  model and user may be NULL.  */
void tacit__vault_audit(tacit_vault_t *vault, const char *action, const uint8_t actor[32],
                        const tacit_model_ref_t *model, const uint8_t *user, const char *outcome);

/*  The tacit_record_fn that fills the tables of a vault, its context.  */
tacit_status_t tacit__vault_load(void *context, unsigned kind, tacit_span_t key,
                                 tacit_span_t value);

/*  A refusal of idl/keys.idl, with its name and text; returns the code.  */
tacit_status_t tacit__vault_refuse(tacit_error_t *ret_error, tacit_status_t code);

#endif
