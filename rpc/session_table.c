/*  session_table.c - rows in hash buckets, and who gives way where a bound is reached.

    Buckets are chosen by the routing id, which libzmq counts up, so that they fill evenly. Walks
    over all rows happen when something begins or ends, not on calls.  */

#include "rpc/session_table.h"

#include <stdlib.h>

static size_t s_bucket(const tacit_connection_id_t *id)
{
    size_t number = 0;
    for (size_t i = 1; i < sizeof id->routing; i++) {
        number = number << 8 | id->routing[i];
    }
    return number % TACIT_SESSION_BUCKETS;
}

/*  --- rows ------------------------------------------------------------------------------------ */

static void s_drop_binding(tacit_session_table_t *table, tacit_connection_t *row)
{
    if (row->binding) {
        tacit_binding_destroy(&row->binding);
        table->bindings--;
    }
}

/*  The session is over; its keys stay while pending calls may look at them.  */
static void s_expire(tacit_session_table_t *table, tacit_connection_t *row)
{
    if (row->session && !row->expired) {
        row->expired = true;
        table->sessions--;
    }
    if (row->pending == 0) {
        tacit_session_destroy(&row->session);
    }
}

static void s_unreference(tacit_connection_t *row)
{
    if (--row->references == 0) {
        tacit_session_destroy(&row->session);
        free(row);
    }
}

void tacit_session_table_end(tacit_session_table_t *table, tacit_connection_t *connection)
{
    if (connection->ended) {
        return;
    }
    tacit_connection_t **link = &table->buckets[s_bucket(&connection->id)];
    while (*link != connection) {
        link = &(*link)->next;
    }
    *link = connection->next;
    table->connections--;
    s_drop_binding(table, connection);
    s_expire(table, connection);
    connection->ended = true;
    s_unreference(connection);
}

/*  Call act on every row; it may end that row.  */
static void s_each(tacit_session_table_t *table,
                   void (*act)(tacit_session_table_t *table, tacit_connection_t *row,
                               const void *argument),
                   const void *argument)
{
    for (size_t i = 0; i < TACIT_SESSION_BUCKETS; i++) {
        tacit_connection_t *row = table->buckets[i];
        while (row) {
            tacit_connection_t *next = row->next;
            act(table, row, argument);
            row = next;
        }
    }
}

static bool s_is_idle(const tacit_connection_t *row)
{
    return !row->binding && !row->session && !row->expired && row->pending == 0;
}

/*  End handshake and session where their time is up.  */
static void s_settle(tacit_session_table_t *table, tacit_connection_t *row, uint64_t now_ms)
{
    if (row->binding && now_ms >= row->binding_end_ms) {
        s_drop_binding(table, row);
    }
    if (row->session && now_ms >= row->session_end_ms) {
        s_expire(table, row);
    }
}

/*  --- making room ----------------------------------------------------------------------------- */

typedef bool s_filter_t(const tacit_connection_t *row, const void *argument);

static bool s_may_go(const tacit_connection_t *row, const void *unused)
{
    (void)unused;
    return row->pending == 0;
}

static bool s_has_binding(const tacit_connection_t *row, const void *unused)
{
    (void)unused;
    return row->pending == 0 && row->binding;
}

static bool s_has_session(const tacit_connection_t *row, const void *unused)
{
    (void)unused;
    return row->pending == 0 && row->session;
}

static bool s_has_session_of(const tacit_connection_t *row, const void *peer)
{
    return row->session && !row->expired && memcmp(row->id.peer, peer, sizeof row->id.peer) == 0;
}

static bool s_idle_session_of(const tacit_connection_t *row, const void *peer)
{
    return row->pending == 0 && s_has_session_of(row, peer);
}

static bool s_is_attested(const tacit_connection_t *row)
{
    return row->session && row->session->peer_attested;
}

/*  True where a is to go before b.  */
static bool s_goes_before(const tacit_connection_t *a, const tacit_connection_t *b)
{
    if (s_is_attested(a) != s_is_attested(b)) {
        return s_is_attested(b);
    }
    return a->used_ms < b->used_ms;
}

static size_t s_count(const tacit_session_table_t *table, s_filter_t *filter, const void *argument)
{
    size_t count = 0;
    for (size_t i = 0; i < TACIT_SESSION_BUCKETS; i++) {
        for (const tacit_connection_t *row = table->buckets[i]; row; row = row->next) {
            count += filter(row, argument);
        }
    }
    return count;
}

/*  The row among those that the filter lets through that gives way first.  */
static bool s_evict(tacit_session_table_t *table, s_filter_t *filter, const void *argument,
                    const tacit_connection_t *spared)
{
    tacit_connection_t *victim = NULL;
    for (size_t i = 0; i < TACIT_SESSION_BUCKETS; i++) {
        for (tacit_connection_t *row = table->buckets[i]; row; row = row->next) {
            if (row != spared && filter(row, argument) && (!victim || s_goes_before(row, victim))) {
                victim = row;
            }
        }
    }
    if (!victim) {
        return false;
    }
    tacit_session_table_end(table, victim);
    return true;
}

/*  --- what servers call ----------------------------------------------------------------------- */

static tacit_connection_t *s_lookup(const tacit_session_table_t *table,
                                    const tacit_connection_id_t *id)
{
    tacit_connection_t *row = table->buckets[s_bucket(id)];
    while (row && memcmp(&row->id, id, sizeof *id) != 0) {
        row = row->next;
    }
    return row;
}

const tacit_connection_t *tacit_session_table_peek(const tacit_session_table_t *table,
                                                   const tacit_connection_id_t *id)
{
    return s_lookup(table, id);
}

tacit_connection_t *tacit_session_table_find(tacit_session_table_t *table,
                                             const tacit_connection_id_t *id, uint64_t now_ms)
{
    tacit_connection_t *row = s_lookup(table, id);
    if (row) {
        s_settle(table, row, now_ms);
        row->used_ms = now_ms;
    }
    return row;
}

tacit_status_t tacit_session_table_open(tacit_session_table_t *table,
                                        const tacit_connection_id_t *id, int fd, uint64_t now_ms,
                                        tacit_connection_t **ret_connection)
{
    tacit_connection_t *row = tacit_session_table_find(table, id, now_ms);
    if (row) {
        *ret_connection = row;
        return TACIT_OK;
    }
    if (table->connections == TACIT_CONNECTIONS_MAX && !s_evict(table, s_may_go, NULL, NULL)) {
        return TACIT_BUSY;
    }
    row = calloc(1, sizeof *row);
    if (!row) {
        return TACIT_NO_MEMORY;
    }
    row->id = *id;
    row->fd = fd;
    row->references = 1;
    row->used_ms = now_ms;
    tacit_connection_t **bucket = &table->buckets[s_bucket(id)];
    row->next = *bucket;
    *bucket = row;
    table->connections++;
    *ret_connection = row;
    return TACIT_OK;
}

tacit_status_t tacit_session_table_bind(tacit_session_table_t *table,
                                        const tacit_connection_id_t *id, int fd, uint64_t now_ms,
                                        tacit_binding_t **binding)
{
    tacit_connection_t *row = s_lookup(table, id);
    if (row && (row->session || row->expired)) {
        tacit_session_table_end(table, row);
    }
    tacit_status_t status = tacit_session_table_open(table, id, fd, now_ms, &row);
    if (status != TACIT_OK) {
        return status;
    }
    s_drop_binding(table, row);
    if (table->bindings == TACIT_BINDINGS_MAX && !s_evict(table, s_has_binding, NULL, row)) {
        return TACIT_BUSY;
    }
    row->binding = *binding;
    row->binding_end_ms = now_ms + TACIT_BINDING_OPEN_MS;
    table->bindings++;
    *binding = NULL;
    return TACIT_OK;
}

void tacit_session_table_unbind(tacit_session_table_t *table, tacit_connection_t *connection)
{
    s_drop_binding(table, connection);
    if (!connection->ended && s_is_idle(connection)) {
        tacit_session_table_end(table, connection);
    }
}

tacit_status_t tacit_session_table_establish(tacit_session_table_t *table,
                                             tacit_connection_t *connection, uint64_t lifetime_ms,
                                             uint64_t now_ms, tacit_session_t **session)
{
    const uint8_t *peer = connection->id.peer;
    if (s_count(table, s_has_session_of, peer) >= TACIT_SESSIONS_PER_PEER_MAX &&
        !s_evict(table, s_idle_session_of, peer, connection)) {
        return TACIT_BUSY;
    }
    if (table->sessions == TACIT_SESSIONS_MAX && !s_evict(table, s_has_session, NULL, connection)) {
        return TACIT_BUSY;
    }
    s_drop_binding(table, connection);
    connection->session = *session;
    connection->session_end_ms =
        now_ms + (lifetime_ms < TACIT_SESSION_LIFETIME_MS ? lifetime_ms
                                                          : (uint64_t)TACIT_SESSION_LIFETIME_MS);
    table->sessions++;
    *session = NULL;
    return TACIT_OK;
}

void tacit_session_table_hold(tacit_connection_t *connection)
{
    connection->references++;
    connection->pending++;
}

void tacit_session_table_release(tacit_session_table_t *table, tacit_connection_t *connection)
{
    connection->pending--;
    if (connection->expired) {
        s_expire(table, connection);
    }
    if (!connection->ended && s_is_idle(connection)) {
        tacit_session_table_end(table, connection);
    }
    s_unreference(connection);
}

static void s_end_of_fd(tacit_session_table_t *table, tacit_connection_t *row, const void *fd)
{
    if (row->fd == *(const int *)fd) {
        tacit_session_table_end(table, row);
    }
}

void tacit_session_table_end_fd(tacit_session_table_t *table, int fd)
{
    if (table->connections > 0) {
        s_each(table, s_end_of_fd, &fd);
    }
}

static void s_expire_of_peer(tacit_session_table_t *table, tacit_connection_t *row,
                             const void *peer)
{
    if (!peer || memcmp(row->id.peer, peer, sizeof row->id.peer) == 0) {
        s_drop_binding(table, row);
        s_expire(table, row);
    }
}

void tacit_session_table_end_peer(tacit_session_table_t *table, const uint8_t *peer)
{
    s_each(table, s_expire_of_peer, peer);
}

typedef struct {
    bool (*holds)(const tacit_session_t *session, const void *argument);
    const void *argument;
} s_judge_t;

static void s_judge(tacit_session_table_t *table, tacit_connection_t *row, const void *argument)
{
    const s_judge_t *judge = argument;
    if (row->session && !row->expired && !judge->holds(row->session, judge->argument)) {
        s_expire(table, row);
    }
}

void tacit_session_table_judge(tacit_session_table_t *table,
                               bool (*holds)(const tacit_session_t *session, const void *argument),
                               const void *argument)
{
    const s_judge_t judge = {.holds = holds, .argument = argument};
    if (table->sessions > 0) {
        s_each(table, s_judge, &judge);
    }
}

static void s_sweep(tacit_session_table_t *table, tacit_connection_t *row, const void *now_ms)
{
    s_settle(table, row, *(const uint64_t *)now_ms);
    if (s_is_idle(row)) {
        tacit_session_table_end(table, row);
    }
}

void tacit_session_table_sweep(tacit_session_table_t *table, uint64_t now_ms)
{
    if (table->connections > 0) {
        s_each(table, s_sweep, &now_ms);
    }
}

static void s_clear(tacit_session_table_t *table, tacit_connection_t *row, const void *unused)
{
    (void)unused;
    tacit_session_table_end(table, row);
}

void tacit_session_table_clear(tacit_session_table_t *table)
{
    s_each(table, s_clear, NULL);
}
