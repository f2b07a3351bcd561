/*  audit_chain.h - what happened, in a chain of hashes: each entry's covers the one before, and the
    newest stands in the sealed head of the store that it belongs to.

    Entries are readable (the operator is to read them) and lie with the host; none can be changed,
    dropped or put in between without the chain breaking. Opening checks all of it, reading checks
    what is read. The table "audit" is in the store's own database, so that an entry and what it
    tells of are one transaction. A chain that is kept short begins at a base, the newest entry that
    was dropped; the store seals it as it seals the head.  */

#ifndef TACIT_SERVICES_STORAGE_AUDIT_CHAIN_H
#define TACIT_SERVICES_STORAGE_AUDIT_CHAIN_H

#include "services/storage/database.h"

enum { TACIT_AUDIT_SUBJECT_MAX = 1280 }; /* with the final NUL */

typedef struct tacit_audit_record {
    uint64_t number; /* from 1, set when it is appended */
    uint64_t time_ms;
    char action[33];
    uint8_t actor[32]; /* CURVE key */
    char subject[TACIT_AUDIT_SUBJECT_MAX];
    char outcome[48]; /* "ok" or the name of the refusal */
    uint8_t hash[32]; /* SHA-256 over the hash before and all of the above; set when appended */
} tacit_audit_record_t;

/*  A record as an audit_entry of a contract: borrows its texts. The contracts' structs have these
    fields all.  */
#define TACIT_AUDIT_ENTRY(record)                                                                  \
    {                                                                                              \
        .number = (record).number, .time_ms = (record).time_ms,                                    \
        .action = tacit_span_string((record).action), .actor = tacit_span((record).actor, 32),     \
        .subject = tacit_span_string((record).subject),                                            \
        .outcome = tacit_span_string((record).outcome), .hash = tacit_span((record).hash, 32)      \
    }

/*  The newest entry, or the newest that is there no more; zeroes before the first.  */
typedef struct tacit_audit_head {
    uint64_t number;
    uint8_t hash[32];
} tacit_audit_head_t;

/*  For the schema of the database.  */
#define TACIT_AUDIT_SCHEMA                                                                         \
    "CREATE TABLE IF NOT EXISTS audit(number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, "      \
    "action TEXT NOT NULL, actor BLOB NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, "    \
    "hash BLOB NOT NULL);"

/*  Appends, within the caller's transaction; head is the newest then.  */
TACIT_MUST_CHECK tacit_status_t tacit_audit_append(tacit_database_t *database,
                                                   tacit_audit_head_t *head,
                                                   const tacit_audit_record_t *record);

/*  Drops the oldest entries within the caller's transaction, so that at most keep are left; base is
    the newest of them then.  */
TACIT_MUST_CHECK tacit_status_t tacit_audit_trim(tacit_database_t *database,
                                                 tacit_audit_head_t *base,
                                                 const tacit_audit_head_t *head, uint64_t keep);

/*  The whole chain from after base up to head: CORRUPT where an entry is altered or missing,
    ROLLBACK_DETECTED where the newest is not head's.  */
TACIT_MUST_CHECK tacit_status_t tacit_audit_verify(tacit_database_t *database,
                                                   const tacit_audit_head_t *base,
                                                   const tacit_audit_head_t *head,
                                                   tacit_error_t *ret_error);

/*  Entries from a number on (or the first that is there), oldest first, at most max. CORRUPT as
    above.  */
TACIT_MUST_CHECK tacit_status_t tacit_audit_read(tacit_database_t *database,
                                                 const tacit_audit_head_t *base,
                                                 const tacit_audit_head_t *head, uint64_t from,
                                                 tacit_audit_record_t *ret_records, size_t max,
                                                 size_t *ret_count);

#endif
