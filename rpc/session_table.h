/*  session_table.h - what a server knows of its connections: a handshake under way, a session,
    calls that are pending.

    Keyed by (User-Id, routing id): the CURVE key that ZAP admitted, and the connection's number
    that libzmq gave it. A row exists while it has something to say; it is one session's life, so
    that binding again starts a new one. Rows are counted: a pending call keeps its row's memory
    (and session) after the row left the table, but is then no longer alive.

    All tables are bounded. Where a bound is reached the oldest handshake gives way, then the
    session that was idle longest, peers that are no enclave first; rows with pending calls stay. */

#ifndef TACIT_RPC_SESSION_TABLE_H
#define TACIT_RPC_SESSION_TABLE_H

#include "enclave/binding.h"
#include "rpc/limits.h"

typedef struct tacit_connection_id {
    uint8_t peer[TACIT_CURVE_KEY_SIZE]; /* zeros on plaintext */
    uint8_t routing[TACIT_ROUTING_ID_SIZE];
} tacit_connection_id_t;

typedef struct tacit_connection {
    tacit_connection_id_t id;
    int fd;                        /* of the connection, as libzmq's monitor names it */
    bool ended;                    /* out of the table: the connection or its session is over */
    bool expired;                  /* had a session whose time is up */
    size_t references;             /* the table's and pending calls' */
    size_t pending;                /* calls */
    tacit_binding_t *binding;      /* owned; a handshake under way */
    uint64_t binding_end_ms;       /* monotonic */
    tacit_session_t *session;      /* owned */
    uint64_t session_end_ms;       /* monotonic */
    uint64_t used_ms;              /* monotonic; of the last call */
    struct tacit_connection *next; /* in its bucket */
} tacit_connection_t;

enum { TACIT_SESSION_BUCKETS = 1024 };

typedef struct tacit_session_table {
    tacit_connection_t *buckets[TACIT_SESSION_BUCKETS];
    size_t connections;
    size_t sessions;
    size_t bindings;
} tacit_session_table_t;

/*  The row of a connection, or NULL. A session or handshake whose time is up is ended first.  */
tacit_connection_t *tacit_session_table_find(tacit_session_table_t *table,
                                             const tacit_connection_id_t *id, uint64_t now_ms);

/*  The row as it is, or NULL.  */
const tacit_connection_t *tacit_session_table_peek(const tacit_session_table_t *table,
                                                   const tacit_connection_id_t *id);

/*  The row, made where there is none. BUSY where nothing may give way, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_session_table_open(tacit_session_table_t *table,
                                                         const tacit_connection_id_t *id, int fd,
                                                         uint64_t now_ms,
                                                         tacit_connection_t **ret_connection);

/*  Put a handshake into a new row (a session that the connection had is ended), and later a
    session in its place. Both take ownership, of *binding or *session, on success only.  */
TACIT_MUST_CHECK tacit_status_t tacit_session_table_bind(tacit_session_table_t *table,
                                                         const tacit_connection_id_t *id, int fd,
                                                         uint64_t now_ms,
                                                         tacit_binding_t **binding);
TACIT_MUST_CHECK tacit_status_t tacit_session_table_establish(tacit_session_table_t *table,
                                                              tacit_connection_t *connection,
                                                              uint64_t lifetime_ms, uint64_t now_ms,
                                                              tacit_session_t **session);

/*  End the handshake of a row, whatever came of it.  */
void tacit_session_table_unbind(tacit_session_table_t *table, tacit_connection_t *connection);

/*  A pending call holds its row.  */
void tacit_session_table_hold(tacit_connection_t *connection);
void tacit_session_table_release(tacit_session_table_t *table, tacit_connection_t *connection);

/*  Take a row out of the table.  */
void tacit_session_table_end(tacit_session_table_t *table, tacit_connection_t *connection);
void tacit_session_table_end_fd(tacit_session_table_t *table, int fd);
/*  Sessions of that CURVE key; NULL: all.  */
void tacit_session_table_end_peer(tacit_session_table_t *table, const uint8_t *peer);
/*  End the sessions that do not hold.  */
void tacit_session_table_judge(tacit_session_table_t *table,
                               bool (*holds)(const tacit_session_t *session, const void *argument),
                               const void *argument);
/*  End what is over at that time.  */
void tacit_session_table_sweep(tacit_session_table_t *table, uint64_t now_ms);
void tacit_session_table_clear(tacit_session_table_t *table);

#endif
