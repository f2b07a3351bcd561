/*  member_table.c - a small array, searched in full: 256 entries do not earn an index.  */

#include "services/attestation/member_table.h"

#include <stdlib.h>

struct tacit_member_table {
    tacit_member_t members[TACIT_MEMBERS_MAX];
    size_t count;
};

tacit_member_table_t *tacit_member_table_new(void)
{
    return calloc(1, sizeof(tacit_member_table_t));
}

void tacit_member_table_destroy(tacit_member_table_t **table)
{
    free(*table);
    *table = NULL;
}

void tacit_member_table_clear(tacit_member_table_t *table)
{
    table->count = 0;
}

static void s_drop_expired(tacit_member_table_t *self, uint64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->members[i].result.expires_ms > now_ms) {
            if (kept != i) {
                self->members[kept] = self->members[i];
            }
            kept++;
        }
    }
    self->count = kept;
}

tacit_status_t tacit_member_table_put(tacit_member_table_t *table, const tacit_member_t *member,
                                      uint64_t now_ms)
{
    s_drop_expired(table, now_ms);
    for (size_t i = 0; i < table->count; i++) {
        if (memcmp(table->members[i].result.curve_key, member->result.curve_key, 32) == 0) {
            table->members[i] = *member;
            return TACIT_OK;
        }
    }
    if (table->count == TACIT_MEMBERS_MAX) {
        return TACIT_BUSY;
    }
    table->members[table->count++] = *member;
    return TACIT_OK;
}

static int s_newest_first(const void *a, const void *b)
{
    const tacit_member_t *const *left = a;
    const tacit_member_t *const *right = b;
    uint64_t l = (*left)->result.issued_ms;
    uint64_t r = (*right)->result.issued_ms;
    return l < r ? 1 : l > r ? -1 : 0;
}

size_t tacit_member_table_find(const tacit_member_table_t *table, tacit_role_t role,
                               uint64_t now_ms, const tacit_member_t **ret_members, size_t max)
{
    const tacit_member_t *found[TACIT_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const tacit_member_t *member = &table->members[i];
        if ((role == TACIT_ROLE_NONE || member->result.role == role) &&
            member->result.expires_ms > now_ms) {
            found[count++] = member;
        }
    }
    qsort(found, count, sizeof *found, s_newest_first);
    size_t taken = count < max ? count : max;
    memcpy(ret_members, found, taken * sizeof *found);
    return taken;
}
