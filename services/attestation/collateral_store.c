/*  collateral_store.c - marks in one sealed file.

    The order of a raise is: the file, then the counter. A crash between the two leaves the file one
    ahead, which opening repairs; the file behind the counter is a rollback. No result was given for
    what was not counted.  */

#include "services/attestation/collateral_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "enclave/layout.h"
#include "enclave/seal.h"
#include "enclave/whole_file.h"
#include "rpc/node.h"

static const char s_magic[] = "TACITCOL";
static const char s_purpose[] = "collateral marks";

typedef struct {
    uint8_t scope[32];
    uint8_t number[TACIT_CRL_NUMBER_SIZE]; /* big-endian */
} s_mark_t;

enum {
    S_HEAD_SIZE = TACIT_LAYOUT_MAGIC_SIZE + 2 + 2 + 4 + 8, /* version, zeroes, count, generation */
    S_PLAIN_MAX = S_HEAD_SIZE + TACIT_COLLATERAL_SCOPES_MAX * (int)sizeof(s_mark_t),
    S_PATH_MAX = 1024
};

struct tacit_collateral_store {
    tacit_platform_t *platform;
    char path[S_PATH_MAX];
    uint8_t counter[32]; /* its name */
    tacit_secret_t *key;
    uint64_t generation; /* of the file; 0: there is none */
    size_t count;
    s_mark_t marks[TACIT_COLLATERAL_SCOPES_MAX];
};

/*  --- scopes ---------------------------------------------------------------------------------- */

/*  The four numbers of claims, with what each belongs to.  */
enum { S_TCB_INFO, S_QE_IDENTITY, S_ROOT_CRL, S_PCK_CRL, S_NUMBERS };

static void s_scope(const tacit_claims_t *claims, unsigned which, uint8_t ret_scope[32])
{
    static const char *const names[S_NUMBERS] = {"tcb info", "qe identity", "root crl", "pck crl"};
    const tacit_span_t owners[S_NUMBERS] = {
        [S_TCB_INFO] = tacit_span(claims->fmspc, sizeof claims->fmspc),
        [S_PCK_CRL] = tacit_span(claims->pck_issuer_sha256, sizeof claims->pck_issuer_sha256),
    };
    bool of_kind = which == S_TCB_INFO || which == S_QE_IDENTITY;
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/collateral/scope/v1");
    tacit_transcript_add(&transcript, tacit_span_string(names[which]));
    tacit_transcript_add(&transcript, tacit_span(claims->root_sha256, 32));
    tacit_transcript_add_u64(&transcript, of_kind ? (uint64_t)claims->tee : 0);
    tacit_transcript_add(&transcript, owners[which]);
    (void)crypto_hash_sha256(ret_scope, transcript.data, transcript.size);
}

static s_mark_t *s_find(tacit_collateral_store_t *store, const uint8_t scope[32])
{
    for (size_t i = 0; i < store->count; i++) {
        if (memcmp(store->marks[i].scope, scope, sizeof store->marks[i].scope) == 0) {
            return &store->marks[i];
        }
    }
    return NULL;
}

static void s_put_u32(uint32_t value, uint8_t ret_number[TACIT_CRL_NUMBER_SIZE])
{
    memset(ret_number, 0, TACIT_CRL_NUMBER_SIZE);
    for (size_t i = 0; i < 4; i++) {
        ret_number[TACIT_CRL_NUMBER_SIZE - 1 - i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t s_take_u32(const uint8_t number[TACIT_CRL_NUMBER_SIZE])
{
    uint32_t value = 0;
    for (size_t i = TACIT_CRL_NUMBER_SIZE - 4; i < TACIT_CRL_NUMBER_SIZE; i++) {
        value = value << 8 | number[i];
    }
    return value;
}

/*  What was believed of the same model and issuers; zeroes where nothing was.  */
static tacit_collateral_marks_t s_seen(const tacit_collateral_store_t *store,
                                       const tacit_claims_t *claims)
{
    tacit_collateral_marks_t seen = {0};
    for (unsigned i = 0; i < S_NUMBERS; i++) {
        uint8_t scope[32];
        s_scope(claims, i, scope);
        const s_mark_t *mark = s_find((tacit_collateral_store_t *)(uintptr_t)store, scope);
        if (!mark) {
            continue;
        }
        switch (i) {
        case S_TCB_INFO:
            seen.tcb_info = s_take_u32(mark->number);
            break;
        case S_QE_IDENTITY:
            seen.qe_identity = s_take_u32(mark->number);
            break;
        case S_ROOT_CRL:
            memcpy(seen.root_crl, mark->number, sizeof seen.root_crl);
            break;
        default:
            memcpy(seen.pck_crl, mark->number, sizeof seen.pck_crl);
            break;
        }
    }
    return seen;
}

/*  --- the file -------------------------------------------------------------------------------- */

static tacit_status_t s_write(const tacit_collateral_store_t *store)
{
    uint8_t plain[S_PLAIN_MAX];
    uint8_t sealed[S_PLAIN_MAX + TACIT_SEAL_OVERHEAD];
    size_t size = S_HEAD_SIZE + store->count * sizeof(s_mark_t);
    tacit_writer_t writer = tacit_writer(plain, size, s_magic);
    (void)tacit_writer_take(&writer, 2);
    tacit_writer_little(&writer, store->count, 4);
    tacit_writer_little(&writer, store->generation, 8);
    for (size_t i = 0; i < store->count; i++) {
        tacit_writer_bytes(&writer, store->marks[i].scope, sizeof store->marks[i].scope);
        tacit_writer_bytes(&writer, store->marks[i].number, sizeof store->marks[i].number);
    }
    tacit_seal(store->key->data, tacit_span_string(s_purpose), tacit_span(plain, size), sealed);
    return tacit_whole_file_replace(store->path, tacit_span(sealed, size + TACIT_SEAL_OVERHEAD),
                                    0600);
}

static tacit_status_t s_decode(tacit_collateral_store_t *store, tacit_span_t plain)
{
    tacit_cursor_t cursor = tacit_layout_cursor(plain, s_magic);
    tacit_cursor_zeroes(&cursor, 2);
    uint32_t count = tacit_cursor_u32(&cursor);
    uint64_t generation = tacit_cursor_u64(&cursor);
    if (cursor.failed || count > TACIT_COLLATERAL_SCOPES_MAX || generation == 0) {
        return TACIT_CORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        tacit_cursor_copy(&cursor, store->marks[i].scope, sizeof store->marks[i].scope);
        tacit_cursor_copy(&cursor, store->marks[i].number, sizeof store->marks[i].number);
    }
    if (!tacit_cursor_done(&cursor)) {
        return TACIT_CORRUPT;
    }
    store->count = count;
    store->generation = generation;
    return TACIT_OK;
}

static tacit_status_t s_load(tacit_collateral_store_t *store, tacit_error_t *ret_error)
{
    uint8_t plain[S_PLAIN_MAX];
    uint8_t *sealed = NULL;
    size_t size = 0;
    tacit_status_t status =
        tacit_whole_file_read(store->path, S_PLAIN_MAX + TACIT_SEAL_OVERHEAD, &sealed, &size);
    if (status == TACIT_NOT_FOUND) {
        return TACIT_OK;
    }
    if (!status) {
        status = tacit_seal_open(store->key->data, tacit_span_string(s_purpose),
                                 tacit_span(sealed, size), plain);
    }
    if (!status) {
        status = s_decode(store, tacit_span(plain, size - TACIT_SEAL_OVERHEAD));
    }
    free(sealed);
    if (status) {
        tacit_error_set(ret_error, TACIT_CORRUPT, "cannot use %s: %s", store->path,
                        tacit_status_text(status));
        tacit_error_remedy(ret_error, "it is sealed to this platform, signer and mesh: put back "
                                      "the newest copy of the folder");
        return TACIT_CORRUPT;
    }
    return TACIT_OK;
}

static tacit_status_t s_check_counter(tacit_collateral_store_t *store, tacit_error_t *ret_error)
{
    uint64_t counted = 0;
    tacit_status_t status =
        tacit_platform_counter_read(store->platform, store->counter, &counted, ret_error);
    if (status || store->generation == counted) {
        return status;
    }
    if (store->generation == counted + 1) {
        return tacit_platform_counter_move(store->platform, store->counter, counted,
                                           store->generation, ret_error);
    }
    char expected[32];
    char got[32];
    snprintf(expected, sizeof expected, "generation %llu", (unsigned long long)counted);
    snprintf(got, sizeof got, "generation %llu", (unsigned long long)store->generation);
    tacit_error_claim(ret_error, TACIT_ROLLBACK_DETECTED, "collateral marks", expected, got);
    tacit_error_remedy(ret_error, "put back the newest collateral.marks");
    return TACIT_ROLLBACK_DETECTED;
}

/*  --- life ------------------------------------------------------------------------------------ */

static tacit_status_t s_prepare(tacit_collateral_store_t *store, const char *folder,
                                const uint8_t mesh_id[32], tacit_error_t *ret_error)
{
    uint8_t context[32];
    tacit_transcript_t transcript;
    if (snprintf(store->path, sizeof store->path, "%s/collateral.marks", folder) >=
        (int)sizeof store->path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "the state folder's path is too long");
    }
    tacit_transcript_start(&transcript, "tacit/counter/collateral/v1");
    tacit_transcript_add(&transcript, tacit_span(mesh_id, 32));
    (void)crypto_hash_sha256(store->counter, transcript.data, transcript.size);
    tacit_sealing_context(mesh_id, s_purpose, context);
    return tacit_platform_sealing_key(store->platform, TACIT_SEAL_MRSIGNER,
                                      tacit_platform_self(store->platform)->svn, context,
                                      &store->key, ret_error);
}

tacit_status_t tacit_collateral_store_open(const char *folder, const uint8_t mesh_id[32],
                                           tacit_platform_t *platform,
                                           tacit_collateral_store_t **ret_store,
                                           tacit_error_t *ret_error)
{
    tacit_collateral_store_t *store = calloc(1, sizeof *store);
    if (!store) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    store->platform = platform;
    tacit_status_t status = s_prepare(store, folder, mesh_id, ret_error);
    if (!status) {
        status = s_load(store, ret_error);
    }
    if (!status) {
        status = s_check_counter(store, ret_error);
    }
    if (status) {
        tacit_collateral_store_destroy(&store);
        return status;
    }
    *ret_store = store;
    return TACIT_OK;
}

void tacit_collateral_store_destroy(tacit_collateral_store_t **store)
{
    if (store && *store) {
        tacit_secret_destroy(&(*store)->key);
        free(*store);
        *store = NULL;
    }
}

/*  --- checking and raising -------------------------------------------------------------------- */

static bool s_has_collateral(const tacit_claims_t *claims)
{
    return claims->tee != TACIT_TEE_NITRO;
}

tacit_status_t tacit_collateral_store_check(const tacit_collateral_store_t *store,
                                            const tacit_claims_t *claims, tacit_error_t *ret_error)
{
    if (!s_has_collateral(claims)) {
        return TACIT_OK;
    }
    const tacit_collateral_marks_t seen = s_seen(store, claims);
    return tacit_collateral_marks_check(&seen, &claims->marks, ret_error);
}

/*  Sets one mark; false where there is no room.  */
static bool s_set(tacit_collateral_store_t *store, const tacit_claims_t *claims, unsigned which,
                  const uint8_t number[TACIT_CRL_NUMBER_SIZE], bool *ret_changed)
{
    uint8_t scope[32];
    s_scope(claims, which, scope);
    s_mark_t *mark = s_find(store, scope);
    if (!mark) {
        if (store->count == TACIT_COLLATERAL_SCOPES_MAX) {
            return false;
        }
        mark = &store->marks[store->count++];
        memset(mark, 0, sizeof *mark);
        memcpy(mark->scope, scope, sizeof mark->scope);
        *ret_changed = true;
    }
    if (memcmp(number, mark->number, sizeof mark->number) > 0) {
        memcpy(mark->number, number, sizeof mark->number);
        *ret_changed = true;
    }
    return true;
}

static bool s_set_all(tacit_collateral_store_t *store, const tacit_claims_t *claims,
                      bool *ret_changed)
{
    uint8_t numbers[S_NUMBERS][TACIT_CRL_NUMBER_SIZE];
    s_put_u32(claims->marks.tcb_info, numbers[S_TCB_INFO]);
    s_put_u32(claims->marks.qe_identity, numbers[S_QE_IDENTITY]);
    memcpy(numbers[S_ROOT_CRL], claims->marks.root_crl, TACIT_CRL_NUMBER_SIZE);
    memcpy(numbers[S_PCK_CRL], claims->marks.pck_crl, TACIT_CRL_NUMBER_SIZE);
    for (unsigned i = 0; i < S_NUMBERS; i++) {
        if (!s_set(store, claims, i, numbers[i], ret_changed)) {
            return false;
        }
    }
    return true;
}

static tacit_status_t s_keep(tacit_collateral_store_t *store, tacit_error_t *ret_error)
{
    tacit_status_t status = s_write(store);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot write %s", store->path);
    }
    return tacit_platform_counter_move(store->platform, store->counter, store->generation - 1,
                                       store->generation, ret_error);
}

tacit_status_t tacit_collateral_store_raise(tacit_collateral_store_t *store,
                                            const tacit_claims_t *claims, tacit_error_t *ret_error)
{
    bool changed = false;
    if (!s_has_collateral(claims)) {
        return TACIT_OK;
    }
    tacit_collateral_store_t *next = malloc(sizeof *next); /* the old stays until all is done */
    if (!next) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    *next = *store;
    tacit_status_t status = TACIT_OK;
    if (!s_set_all(next, claims, &changed)) {
        status = tacit_error_set(ret_error, TACIT_TOO_LARGE, "the collateral of %d is remembered",
                                 TACIT_COLLATERAL_SCOPES_MAX);
    } else if (changed) {
        next->generation++;
        status = s_keep(next, ret_error);
    }
    if (!status) {
        *store = *next;
    }
    free(next);
    return status;
}
