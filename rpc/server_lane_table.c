/*  server_lane_table.c - a table small enough to be searched from the start.  */

#include "rpc/server_lane_table.h"

#include <stdlib.h>

void tacit_lane_table_init(tacit_lane_table_t *table)
{
    table->count = 0;
    table->idle_ms = TACIT_LANE_IDLE_MS;
    table->spare_ms = TACIT_LANE_SPARE_MS;
}

tacit_server_lane_t *tacit_lane_table_find(const tacit_lane_table_t *table,
                                           const tacit_connection_id_t *id)
{
    for (size_t i = 0; i < table->count; i++) {
        tacit_server_lane_t *row = table->rows[i];
        if (!row->ended && memcmp(&row->id, id, sizeof row->id) == 0) {
            return row;
        }
    }
    return NULL;
}

tacit_server_lane_t *tacit_lane_table_find_name(const tacit_lane_table_t *table,
                                                const uint8_t *name)
{
    for (size_t i = 0; name && i < table->count; i++) {
        tacit_server_lane_t *row = table->rows[i];
        if (!row->ended && memcmp(row->name, name, TACIT_LANE_ID_SIZE) == 0) {
            return row;
        }
    }
    return NULL;
}

/*  --- life ------------------------------------------------------------------------------------ */

void tacit_lane_table_add(tacit_lane_table_t *table, tacit_server_lane_t *row)
{
    table->rows[table->count++] = row;
}

tacit_server_lane_t *tacit_lane_table_remove(tacit_lane_table_t *table, size_t index)
{
    tacit_server_lane_t *row = table->rows[index];
    table->rows[index] = table->rows[--table->count];
    return row;
}

void tacit_server_lane_free(tacit_server_lane_t *row)
{
    if (row) {
        tacit_lane_sender_destroy(&row->sender);
        tacit_lane_receiver_destroy(&row->receiver);
        free(row);
    }
}

/*  --- idle lanes ------------------------------------------------------------------------------ */

bool tacit_server_lane_quiet(const tacit_server_lane_t *row)
{
    return tacit_lane_sender_is_idle(row->sender) && tacit_lane_receiver_is_idle(row->receiver);
}

/*  Time that was taken while another row was looked at may be ahead of now.  */
static uint64_t s_idle_ms(const tacit_server_lane_t *row, uint64_t now_ms)
{
    return now_ms > row->used_ms ? now_ms - row->used_ms : 0;
}

bool tacit_lane_table_stale(const tacit_lane_table_t *table, const tacit_server_lane_t *row,
                            uint64_t now_ms)
{
    return !row->ended && !row->recalled && s_idle_ms(row, now_ms) >= table->idle_ms &&
           tacit_server_lane_quiet(row);
}

bool tacit_lane_table_stuck(const tacit_lane_table_t *table, const tacit_server_lane_t *row,
                            uint64_t now_ms)
{
    return !row->ended && s_idle_ms(row, now_ms) >= table->idle_ms && !tacit_server_lane_quiet(row);
}

typedef struct {
    size_t lanes;                /* that may be used */
    size_t recalled;             /* and that were given up for others */
    tacit_server_lane_t *victim; /* NULL: none may be taken */
} s_survey_t;

/*  Of all lanes, or of one peer's.  */
static s_survey_t s_survey(const tacit_lane_table_t *table, const uint8_t *peer, uint64_t now_ms)
{
    s_survey_t survey = {.lanes = 0};
    for (size_t i = 0; i < table->count; i++) {
        tacit_server_lane_t *row = table->rows[i];
        bool counts = !row->ended && !row->recalled;
        if (peer && memcmp(row->id.peer, peer, sizeof row->id.peer) != 0) {
            continue;
        }
        survey.lanes += counts;
        survey.recalled += !counts;
        if (counts && s_idle_ms(row, now_ms) >= table->spare_ms && tacit_server_lane_quiet(row) &&
            (!survey.victim || row->used_ms < survey.victim->used_ms)) {
            survey.victim = row;
        }
    }
    return survey;
}

tacit_status_t tacit_lane_table_room(const tacit_lane_table_t *table,
                                     const uint8_t peer[TACIT_CURVE_KEY_SIZE], uint64_t now_ms,
                                     tacit_server_lane_t **ret_victim)
{
    s_survey_t all = s_survey(table, NULL, now_ms);
    s_survey_t own = s_survey(table, peer, now_ms);
    bool own_full = own.lanes >= TACIT_LANES_PER_PEER_MAX;
    bool full = own_full || all.lanes >= TACIT_LANES_MAX;
    tacit_server_lane_t *victim = own_full ? own.victim : all.victim;
    if (full && (!victim || all.recalled >= TACIT_LANES_RECALLED_MAX)) {
        return TACIT_BUSY;
    }
    if (table->count == TACIT_LANE_ROWS) {
        return TACIT_BUSY;
    }
    *ret_victim = full ? victim : NULL;
    return TACIT_OK;
}

uint64_t tacit_lane_table_parked(const tacit_lane_table_t *table)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < table->count; i++) {
        const tacit_server_lane_t *row = table->rows[i];
        bytes += row->ended ? 0 : tacit_lane_receiver_parked(row->receiver);
    }
    return bytes;
}
