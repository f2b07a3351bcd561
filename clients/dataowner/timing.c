/*  timing.c - see timing.h.  */

#include "clients/dataowner/timing.h"

#include <stddef.h>

#include "clients/lib/table.h"

typedef struct s_row {
    const char *name;
    const char *where;
    const char *meaning;
    size_t offset;
} s_row_t;

#define S_ROW(name_, where_, meaning_)                                                             \
    {                                                                                              \
        .name = #name_, .where = (where_), .meaning = (meaning_),                                  \
        .offset = offsetof(tacit_phases_t, name_##_us)                                             \
    }

static const s_row_t s_rows[] = {
    S_ROW(seal, "client", "encode and seal the request"),
    S_ROW(queued, "gateway", "wait for a worker"),
    S_ROW(worker, "gateway", "at the worker, with the way there and back"),
    S_ROW(load, "worker", "keys and model"),
    S_ROW(open, "worker", "open the request"),
    S_ROW(run, "worker", "run the model"),
    S_ROW(answer, "worker", "seal the answer"),
    S_ROW(receipt, "worker", "hash and sign the receipt"),
    S_ROW(verify, "client", "verify the receipt, open the answer"),
    S_ROW(total, "client", "from the first to the last"),
};

enum { S_ROWS = sizeof s_rows / sizeof *s_rows };

static uint64_t *s_at(tacit_phases_t *phases, const s_row_t *row)
{
    return (uint64_t *)(void *)((uint8_t *)phases + row->offset);
}

static uint64_t s_get(const tacit_phases_t *phases, const s_row_t *row)
{
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)phases + row->offset, sizeof value);
    return value;
}

void tacit_timing_add(tacit_timing_t *timing, const tacit_phases_t *phases)
{
    timing->requests++;
    for (size_t i = 0; i < S_ROWS; i++) {
        uint64_t value = s_get(phases, &s_rows[i]);
        uint64_t *most = s_at(&timing->most, &s_rows[i]);
        *s_at(&timing->sum, &s_rows[i]) += value;
        *most = value > *most ? value : *most;
    }
}

static double s_mean(const tacit_timing_t *timing, const s_row_t *row)
{
    return timing->requests ? (double)s_get(&timing->sum, row) / (double)timing->requests : 0;
}

tacit_status_t tacit_timing_print(const tacit_timing_t *timing, FILE *stream)
{
    static const tacit_column_t columns[] = {
        {"PHASE", TACIT_ALIGN_LEFT}, {"MEAN ms", TACIT_ALIGN_RIGHT}, {"MOST ms", TACIT_ALIGN_RIGHT},
        {"AT", TACIT_ALIGN_LEFT},    {"WHAT", TACIT_ALIGN_LEFT},
    };
    tacit_table_t *table = NULL;
    tacit_status_t status = tacit_table_new(columns, sizeof columns / sizeof *columns, &table);
    for (size_t i = 0; i < S_ROWS && !status; i++) {
        char mean[32];
        char most[32];
        (void)snprintf(mean, sizeof mean, "%.3f", s_mean(timing, &s_rows[i]) / 1000);
        (void)snprintf(most, sizeof most, "%.3f", (double)s_get(&timing->most, &s_rows[i]) / 1000);
        const char *const cells[] = {s_rows[i].name, mean, most, s_rows[i].where,
                                     s_rows[i].meaning};
        status = tacit_table_add(table, cells);
    }
    if (!status) {
        tacit_table_print(table, stream);
    }
    tacit_table_destroy(&table);
    return status;
}

void tacit_timing_print_json(const tacit_timing_t *timing, FILE *stream)
{
    (void)fprintf(stream, "{\"requests\": %llu", (unsigned long long)timing->requests);
    for (size_t i = 0; i < S_ROWS; i++) {
        (void)fprintf(stream, ", \"%s_us\": {\"mean\": %.1f, \"max\": %llu}", s_rows[i].name,
                      s_mean(timing, &s_rows[i]),
                      (unsigned long long)s_get(&timing->most, &s_rows[i]));
    }
    (void)fputc('}', stream);
}
