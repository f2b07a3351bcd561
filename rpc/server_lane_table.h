/*  server_lane_table.h - the lanes of a server's endpoint: which there are, and whose turn it is to
    go.

    A lane goes through asked (announced to ZAP), connected (its hello came), perhaps recalled (its
    client was told to send nothing more by it), and ended; ended ones stay until the owner takes
    them out. Lanes on which nothing is under way are idle: after a time each is recalled, and
    sooner where another one needs its place, the longest idle first. Nothing here sends; the time
    comes from the caller.  */

#ifndef TACIT_RPC_SERVER_LANE_TABLE_H
#define TACIT_RPC_SERVER_LANE_TABLE_H

#include "rpc/lane_receiver.h"
#include "rpc/lane_sender.h"
#include "rpc/session_table.h"

typedef struct tacit_server_lane {
    tacit_connection_id_t id; /* of the CURVE connection */
    uint8_t session[TACIT_SESSION_ID_SIZE];
    uint8_t name[TACIT_LANE_ID_SIZE];
    uint8_t routing[TACIT_ROUTING_ID_SIZE]; /* of the lane's connection */
    int fd;                                 /* of it */
    bool connected;                         /* its hello came */
    bool recalled;
    bool ended;
    uint64_t due_ms;  /* monotonic; until when it may connect; recalled: may last */
    uint64_t used_ms; /* when something last moved: a frame that came, credit, a bulk that went */
    tacit_lane_sender_t *sender;
    tacit_lane_receiver_t *receiver;
} tacit_server_lane_t;

enum { TACIT_LANE_ROWS = TACIT_LANES_MAX + TACIT_LANES_RECALLED_MAX };

typedef struct tacit_lane_table {
    tacit_server_lane_t *rows[TACIT_LANE_ROWS]; /* owned; the first count of them */
    size_t count;
    uint32_t idle_ms;  /* after which an idle lane is recalled, and one that is stuck ended */
    uint32_t spare_ms; /* the same where another one needs its place */
} tacit_lane_table_t;

void tacit_lane_table_init(tacit_lane_table_t *table);

/*  The lane of that CURVE connection, or of that name; NULL where it has none or that ended.  */
tacit_server_lane_t *tacit_lane_table_find(const tacit_lane_table_t *table,
                                           const tacit_connection_id_t *id);
tacit_server_lane_t *tacit_lane_table_find_name(const tacit_lane_table_t *table,
                                                const uint8_t *name);

/*  Is there a place for a lane of that peer? OK, and which lane is to be recalled for it (NULL:
    none), or BUSY. add takes a row that has one.  */
TACIT_MUST_CHECK tacit_status_t tacit_lane_table_room(const tacit_lane_table_t *table,
                                                      const uint8_t peer[TACIT_CURVE_KEY_SIZE],
                                                      uint64_t now_ms,
                                                      tacit_server_lane_t **ret_victim);
void tacit_lane_table_add(tacit_lane_table_t *table, tacit_server_lane_t *row);
/*  The row at that place is the caller's again; the last one takes its place.  */
tacit_server_lane_t *tacit_lane_table_remove(tacit_lane_table_t *table, size_t index);
/*  Frees a row that is in no table.  */
void tacit_server_lane_free(tacit_server_lane_t *row);

/*  Nothing that was announced either way is under way.  */
bool tacit_server_lane_quiet(const tacit_server_lane_t *row);
/*  It has been idle for so long that it is to be recalled; or nothing moved for so long, though
    something should, that it is to end.  */
bool tacit_lane_table_stale(const tacit_lane_table_t *table, const tacit_server_lane_t *row,
                            uint64_t now_ms);
bool tacit_lane_table_stuck(const tacit_lane_table_t *table, const tacit_server_lane_t *row,
                            uint64_t now_ms);

/*  Bytes without tickets of all lanes.  */
uint64_t tacit_lane_table_parked(const tacit_lane_table_t *table);

#endif
