/*  refusal_journal.h - every refusal in a durable, hash-linked chain: who was refused what, and
   why.

    The chain is a sealed store's (services/storage/sealed_store.h): the host can read it, and can
    neither change, drop nor put back an entry unseen. Strangers cause refusals as they like, so
    that how many are written down is bounded, per code: what no genuine platform signed cannot
    crowd out a refusal of one. What is not written down is counted, and the count is an entry of
    its own within a minute; a crash loses the count of that minute, and no entry. Not thread-safe.  */

#ifndef TACIT_SERVICES_ATTESTATION_REFUSAL_JOURNAL_H
#define TACIT_SERVICES_ATTESTATION_REFUSAL_JOURNAL_H

#include "enclave/role.h"
#include "services/storage/sealed_store.h"

enum {
    TACIT_REFUSALS_KEPT_MAX = 16 * 1024,  /* entries; the oldest are dropped */
    TACIT_REFUSALS_KEPT_SLACK = 256,      /* beyond that many more they are, together */
    TACIT_REFUSALS_BURST = 64,            /* of one code, written down at once */
    TACIT_REFUSALS_REFILL_MS = 60 * 1000, /* then one more after each */
    TACIT_REFUSALS_CODES_MAX = 64         /* codes told apart; all others share one bound */
};

/*  One refusal. Borrowed.  */
typedef struct tacit_refusal {
    uint64_t time_ms;
    const char *action;   /* "attest", "session" */
    tacit_role_t at;      /* who refused */
    tacit_role_t role;    /* that was asked for */
    const uint8_t *actor; /* CURVE key, 32 bytes; NULL: unknown */
    const tacit_error_t *error;
} tacit_refusal_t;

typedef struct tacit_refusal_journal tacit_refusal_journal_t;

/*  Open FOLDER/refusals.db, or make it; refuses as a sealed store does. The platform is borrowed.
 */
TACIT_MUST_CHECK tacit_status_t tacit_refusal_journal_open(const char *folder,
                                                           const uint8_t mesh_id[32],
                                                           tacit_platform_t *platform,
                                                           tacit_refusal_journal_t **ret_journal,
                                                           tacit_error_t *ret_error);
/*  Writes down what was only counted.  */
void tacit_refusal_journal_destroy(tacit_refusal_journal_t **journal);

/*  Logs it and writes it down, durable, or counts it. A journal that cannot be written changes
    nothing about the refusal: that is logged, too.  */
void tacit_refusal_journal_add(tacit_refusal_journal_t *journal, const tacit_refusal_t *refusal);

/*  So many more, of which nothing is known.  */
void tacit_refusal_journal_suppress(tacit_refusal_journal_t *journal, uint64_t count);

/*  To be called every second or so: writes down counts that are due.  */
void tacit_refusal_journal_settle(tacit_refusal_journal_t *journal, uint64_t now_ms);

/*  Entries from a number on, oldest first, at most max, and the hash of the entry before the first
    of them.  */
TACIT_MUST_CHECK tacit_status_t tacit_refusal_journal_read(tacit_refusal_journal_t *journal,
                                                           uint64_t from,
                                                           tacit_audit_record_t *ret_records,
                                                           size_t max, size_t *ret_count,
                                                           uint8_t ret_before[32]);

/*  Counted and not written down yet.  */
uint64_t tacit_refusal_journal_suppressed(const tacit_refusal_journal_t *journal);

#endif
