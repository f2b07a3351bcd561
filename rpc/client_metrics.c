/*  client_metrics.c - rows that are made when their method is first called, and never moved.  */

#include "rpc/client_metrics.h"

#include <stdlib.h>

#include "enclave/clock.h"

struct tacit_client_metrics {
    tacit_method_metrics_t *rows[TACIT_CLIENT_METHODS_MAX]; /* owned; names are the methods' */
    size_t count;
    tacit_method_metrics_t other; /* of methods beyond the table, or without memory */
    uint64_t counts[TACIT_COUNTS];
};

tacit_client_metrics_t *tacit_client_metrics_new(void)
{
    tacit_client_metrics_t *self = calloc(1, sizeof *self);
    if (self) {
        self->other.name = "other";
    }
    return self;
}

/*  Names outlive methods that were made up at run time.  */
static void s_free_row(tacit_method_metrics_t *row)
{
    if (row) {
        free((char *)row->name);
        free(row);
    }
}

void tacit_client_metrics_destroy(tacit_client_metrics_t **metrics)
{
    if (metrics && *metrics) {
        for (size_t i = 0; i < (*metrics)->count; i++) {
            s_free_row((*metrics)->rows[i]);
        }
        free(*metrics);
        *metrics = NULL;
    }
}

static tacit_method_metrics_t *s_row(tacit_client_metrics_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->rows[i]->name, name) == 0) {
            return self->rows[i];
        }
    }
    if (self->count == TACIT_CLIENT_METHODS_MAX) {
        return &self->other;
    }
    tacit_method_metrics_t *row = calloc(1, sizeof *row);
    char *copy = strdup(name);
    if (!row || !copy) {
        free(row);
        free(copy);
        return &self->other;
    }
    row->name = copy;
    self->rows[self->count++] = row;
    return row;
}

tacit_meter_t tacit_client_metrics_begin(tacit_client_metrics_t *metrics,
                                         const tacit_method_t *method, size_t bytes_out)
{
    tacit_meter_t meter = {.row = NULL};
    if (metrics) {
        meter.row = s_row(metrics, method->name);
        meter.started_ns = tacit_monotonic_ns();
        tacit_metrics_begin(meter.row, 0);
        meter.row->bytes_out += bytes_out;
    }
    return meter;
}

void tacit_client_metrics_end(tacit_meter_t *meter, tacit_status_t status, size_t bytes_in)
{
    if (meter->row) {
        tacit_metrics_end(meter->row, status, tacit_monotonic_ns() - meter->started_ns, 0);
        meter->row->bytes_in += bytes_in;
        meter->row = NULL;
    }
}

void tacit_client_metrics_count(tacit_client_metrics_t *metrics, tacit_client_count_t what)
{
    if (metrics) {
        metrics->counts[what]++;
    }
}

uint64_t tacit_client_metrics_read(const tacit_client_metrics_t *metrics, tacit_client_count_t what)
{
    return metrics->counts[what];
}

void tacit_client_metrics_connected(tacit_client_metrics_t *metrics, tacit_status_t status)
{
    tacit_client_metrics_count(metrics, status == TACIT_OK ? TACIT_COUNT_CONNECTED
                                                           : TACIT_COUNT_CONNECT_FAILED);
}

void tacit_client_metrics_lost(tacit_client_metrics_t *metrics)
{
    tacit_client_metrics_count(metrics, TACIT_COUNT_LOST);
}

tacit_status_t tacit_client_metrics_write(const tacit_client_metrics_t *metrics,
                                          tacit_buffer_t *buffer)
{
    static const struct {
        const char *name;
        const char *help;
    } texts[TACIT_COUNTS] = {
        [TACIT_COUNT_RETRY] = {"tacit_client_retries", "Calls that were sent again."},
        [TACIT_COUNT_RETRY_REFUSED] = {"tacit_client_retries_refused",
                                       "Retries for which the budget had nothing left."},
        [TACIT_COUNT_HEDGE] = {"tacit_client_hedges", "Second attempts beside a first one."},
        [TACIT_COUNT_HEDGE_WON] = {"tacit_client_hedges_won",
                                   "Second attempts that were answered first."},
        [TACIT_COUNT_CONNECTED] = {"tacit_client_connections", "Connections that were made."},
        [TACIT_COUNT_CONNECT_FAILED] = {"tacit_client_connections_failed",
                                        "Connections that could not be made."},
        [TACIT_COUNT_LOST] = {"tacit_client_connections_lost", "Connections that were lost."},
    };
    const tacit_method_metrics_t *rows[TACIT_CLIENT_METHODS_MAX + 1];
    tacit_metric_t numbers[TACIT_COUNTS];
    for (size_t i = 0; i < metrics->count; i++) {
        rows[i] = metrics->rows[i];
    }
    rows[metrics->count] = &metrics->other;
    for (size_t i = 0; i < TACIT_COUNTS; i++) {
        numbers[i] = (tacit_metric_t){texts[i].name, texts[i].help, true, metrics->counts[i]};
    }
    return tacit_metrics_write("tacit_client", rows, metrics->count + 1, numbers, TACIT_COUNTS,
                               buffer);
}
