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

static void s_drop(tacit_member_table_t *self, size_t at)
{
    self->count--;
    memmove(&self->members[at], &self->members[at + 1],
            (self->count - at) * sizeof self->members[0]);
}

static bool s_is_silent(const tacit_member_t *member, uint64_t now_ms)
{
    return now_ms > member->heard_ms && now_ms - member->heard_ms >= TACIT_MEMBER_SILENCE_MS;
}

static void s_drop_gone(tacit_member_table_t *self, uint64_t now_ms)
{
    bool full = self->count == TACIT_MEMBERS_MAX;
    for (size_t i = self->count; i-- > 0;) {
        const tacit_member_t *member = &self->members[i];
        if (member->result.expires_ms <= now_ms || (full && s_is_silent(member, now_ms))) {
            s_drop(self, i);
        }
    }
}

static bool s_find(const tacit_member_table_t *self, const uint8_t curve_key[32], size_t *ret_at)
{
    for (size_t i = 0; i < self->count; i++) {
        if (memcmp(self->members[i].result.curve_key, curve_key, 32) == 0) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

const tacit_member_t *tacit_member_table_get(const tacit_member_table_t *table,
                                             const uint8_t curve_key[32], uint64_t now_ms)
{
    size_t at = 0;
    return s_find(table, curve_key, &at) && table->members[at].result.expires_ms > now_ms
               ? &table->members[at]
               : NULL;
}

void tacit_member_table_remove(tacit_member_table_t *table, const uint8_t curve_key[32])
{
    size_t at = 0;
    if (s_find(table, curve_key, &at)) {
        s_drop(table, at);
    }
}

tacit_status_t tacit_member_table_put(tacit_member_table_t *table, const tacit_member_t *member,
                                      uint64_t now_ms)
{
    size_t at = 0;
    s_drop_gone(table, now_ms);
    if (s_find(table, member->result.curve_key, &at)) {
        table->members[at] = *member;
    } else if (table->count == TACIT_MEMBERS_MAX) {
        return TACIT_BUSY;
    } else {
        at = table->count++;
        table->members[at] = *member;
    }
    table->members[at].heard_ms = now_ms;
    return TACIT_OK;
}

void tacit_member_table_hear(tacit_member_table_t *table, const uint8_t curve_key[32],
                             uint64_t now_ms)
{
    size_t at = 0;
    if (s_find(table, curve_key, &at)) {
        table->members[at].heard_ms = now_ms;
    }
}

/*  Into a list of count (at most max), newest first; the oldest falls out of a full one.  */
static size_t s_insert(const tacit_member_t **members, size_t count, size_t max,
                       const tacit_member_t *member)
{
    size_t at = count < max ? count : max;
    while (at > 0 && members[at - 1]->result.issued_ms < member->result.issued_ms) {
        if (at < max) {
            members[at] = members[at - 1];
        }
        at--;
    }
    if (at < max) {
        members[at] = member;
    }
    return count < max ? count + 1 : max;
}

size_t tacit_member_table_find(const tacit_member_table_t *table, tacit_role_t role,
                               uint64_t now_ms, const tacit_member_t **ret_members, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const tacit_member_t *member = &table->members[i];
        if ((role == TACIT_ROLE_NONE || member->result.role == role) &&
            member->result.expires_ms > now_ms && !s_is_silent(member, now_ms)) {
            count = s_insert(ret_members, count, max, member);
        }
    }
    return count;
}
