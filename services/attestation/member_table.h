/*  member_table.h - who is genuine at this moment: results by CURVE key, until they expire.

    Members look at the policy's head every 0.4 s. Who was not heard for a while is found no more,
    killed as it may be, until it is heard again.  */

#ifndef TACIT_SERVICES_ATTESTATION_MEMBER_TABLE_H
#define TACIT_SERVICES_ATTESTATION_MEMBER_TABLE_H

#include "enclave/result.h"
#include "rpc/trust.h"

enum {
    TACIT_MEMBERS_MAX = 256,
    TACIT_MEMBER_SILENCE_MS = 10 * 1000 /* so long a loaded host may keep a member quiet */
};

typedef struct tacit_member {
    tacit_result_t result;
    uint8_t result_bytes[TACIT_RESULT_SIZE];
    char endpoint[TACIT_ENDPOINT_MAX]; /* empty where it only calls */
    uint64_t heard_ms;                 /* Unix ms */
} tacit_member_t;

typedef struct tacit_member_table tacit_member_table_t;

tacit_member_table_t *tacit_member_table_new(void);
void tacit_member_table_destroy(tacit_member_table_t **table);

/*  Enter a member, heard now, in place of the one with its CURVE key. BUSY when full of live ones;
    who is silent gives way.  */
TACIT_MUST_CHECK tacit_status_t tacit_member_table_put(tacit_member_table_t *table,
                                                       const tacit_member_t *member,
                                                       uint64_t now_ms);

/*  The live member of that CURVE key; NULL: there is none. Borrowed.  */
const tacit_member_t *tacit_member_table_get(const tacit_member_table_t *table,
                                             const uint8_t curve_key[32], uint64_t now_ms);

/*  Forget the member of that CURVE key, if there is one.  */
void tacit_member_table_remove(tacit_member_table_t *table, const uint8_t curve_key[32]);

/*  Forget everybody: a new policy is in force.  */
void tacit_member_table_clear(tacit_member_table_t *table);

/*  The member of that CURVE key, if there is one, was heard.  */
void tacit_member_table_hear(tacit_member_table_t *table, const uint8_t curve_key[32],
                             uint64_t now_ms);

/*  Live members of a role (TACIT_ROLE_NONE: of all) that were heard lately, newest first, borrowed,
    at most max.  */
size_t tacit_member_table_find(const tacit_member_table_t *table, tacit_role_t role,
                               uint64_t now_ms, const tacit_member_t **ret_members, size_t max);

#endif
