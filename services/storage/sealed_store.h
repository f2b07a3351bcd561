/*  sealed_store.h - records that the host keeps and can neither read, change nor put back.

    SQLite holds the bytes; each value is sealed with its kind and key as associated data. What the
    host could still do, drop a record or put an old one back, is seen too: the store keeps a sum
    modulo 2^256 of HMAC-SHA256 tags over all records (a keyed multiset hash) and the head of the
    audit chain, sealed together with the value of a platform counter that rises with every commit.
    Opening recomputes the sum; from then on the service works from memory, and SQLite is only
    written.

    The order of a commit is: SQLite (synchronous=FULL), then the counter. A crash between the two
    leaves the database one ahead, which opening repairs. The counter rises by a random step, and
    only from exactly the value before: two commits that continue the same state never count alike,
    so that one that was not counted cannot take the place of one that was, neither after a crash
    at a chosen moment nor by a second process on a copy. One thread only.  */

#ifndef TACIT_SERVICES_STORAGE_SEALED_STORE_H
#define TACIT_SERVICES_STORAGE_SEALED_STORE_H

#include "enclave/platform.h"
#include "enclave/seal.h"
#include "services/storage/audit_chain.h"

enum {
    TACIT_RECORD_KINDS_MAX = 255,  /* kinds are below; that one is the store's own */
    TACIT_RECORD_KEY_MAX = 192,    /* bytes */
    TACIT_RECORD_VALUE_MAX = 512,  /* plaintext bytes */
    TACIT_RECORDS_MAX = 200 * 1000 /* of all kinds */
};

typedef struct tacit_sealed_store tacit_sealed_store_t;

/*  Called for each record that was found, value in plaintext; a status other than TACIT_OK ends
    opening with it.  */
typedef tacit_status_t (*tacit_record_fn)(void *context, unsigned kind, tacit_span_t key,
                                          tacit_span_t value);

/*  Open or make the database at path. CORRUPT where a record, the head or an audit entry was
    altered, ROLLBACK_DETECTED where records are missing or old, the audit chain is cut, or all of
    it is an old copy; BUSY where another process has it open. The key is copied.  */
TACIT_MUST_CHECK tacit_status_t tacit_sealed_store_open(const char *path, const tacit_secret_t *key,
                                                        tacit_platform_t *platform,
                                                        const uint8_t counter[32],
                                                        tacit_record_fn found, void *context,
                                                        tacit_sealed_store_t **ret_store,
                                                        tacit_error_t *ret_error);
void tacit_sealed_store_destroy(tacit_sealed_store_t **store);

/*  A transaction: begin, then any of put, remove and audit, then commit. Any failure in between
    rolls everything back and makes commit return it; STORAGE_FULL changes nothing.  */
void tacit_sealed_store_begin(tacit_sealed_store_t *store);
void tacit_sealed_store_put(tacit_sealed_store_t *store, unsigned kind, tacit_span_t key,
                            tacit_span_t value);
void tacit_sealed_store_remove(tacit_sealed_store_t *store, unsigned kind, tacit_span_t key);

/*  Appends to the chain; drops its oldest entries but the newest so many.  */
void tacit_sealed_store_audit(tacit_sealed_store_t *store, const tacit_audit_record_t *record);
void tacit_sealed_store_trim_audit(tacit_sealed_store_t *store, uint64_t keep);

/*  Durable when it returns TACIT_OK; otherwise as if begin had not been called, but for one case:
    where the platform fails to count what SQLite has already, nobody can tell any more, every
    later commit is refused, and the next opening settles it.  */
TACIT_MUST_CHECK tacit_status_t tacit_sealed_store_commit(tacit_sealed_store_t *store,
                                                          tacit_error_t *ret_error);

/*  Audit records from a number on, oldest first, at most max.  */
TACIT_MUST_CHECK tacit_status_t tacit_sealed_store_read_audit(tacit_sealed_store_t *store,
                                                              uint64_t from,
                                                              tacit_audit_record_t *ret_records,
                                                              size_t max, size_t *ret_count);

/*  The newest entry that was dropped (zeroes: none was), and the newest of all.  */
const tacit_audit_head_t *tacit_sealed_store_audit_base(const tacit_sealed_store_t *store);
const tacit_audit_head_t *tacit_sealed_store_audit_head(const tacit_sealed_store_t *store);

#endif
