/*  server_observe.c - what the server counts, names and logs of every call.

    A line per call is written at level debug; one that ended in this service's own fault is a
    warning.  */

#include "rpc/server_observe.h"
#include "enclave/clock.h"

#include "rpc/log.h"
#include "rpc/server_internal.h"

/*  --- the life of a call ---------------------------------------------------------------------- */

void tacit_server_observe_arrival(tacit_call_t *call)
{
    call->arrived_ns = tacit_monotonic_ns();
    call->metrics = NULL;
    call->trace.set = false;
}

void tacit_server_observe_method(tacit_server_t *self, tacit_call_t *call)
{
    call->metrics = call->entry ? call->entry->metrics : &self->unknown;
    tacit_metrics_begin(call->metrics, tacit_call_size(call));
}

tacit_status_t tacit_server_observe_trace(tacit_call_t *call)
{
    const tacit_frame_meta_t *meta = &call->request.meta;
    if (!meta->has_traceparent) {
        call->trace = tacit_trace_root();
        return TACIT_OK;
    }
    return tacit_trace_parse(meta->traceparent, &call->trace) == TACIT_OK
               ? TACIT_OK
               : tacit_error_claim(&call->error, TACIT_BAD_INPUT, "traceparent",
                                   "a W3C trace context of version 00", "another text");
}

static bool s_is_own_fault(tacit_status_t status)
{
    return status == TACIT_INTERNAL || status == TACIT_NO_MEMORY ||
           status == TACIT_STORAGE_FAILED || status == TACIT_STORAGE_FULL ||
           status == TACIT_CORRUPT || status == TACIT_ROLLBACK_DETECTED;
}

void tacit_server_observe_end(tacit_server_t *self, tacit_call_t *call, tacit_status_t status,
                              size_t bytes_out)
{
    if (!call->metrics) {
        call->metrics = &self->unknown; /* not even a method could be read */
        tacit_metrics_begin(call->metrics, tacit_call_size(call));
    }
    uint64_t taken = tacit_monotonic_ns() - call->arrived_ns;
    tacit_metrics_end(call->metrics, status, taken, bytes_out);
    tacit_log_call_t line = {
        .method = call->metrics->name,
        .outcome = status == TACIT_OK
                       ? "ok"
                       : tacit_metrics_code_name(call->metrics->service, (int)status),
        .microseconds = taken / 1000,
        .bytes_in = tacit_call_size(call),
        .bytes_out = bytes_out,
    };
    tacit_trace_t before = tacit_trace_enter(&call->trace);
    tacit_log_call(s_is_own_fault(status) ? TACIT_LOG_WARNING : TACIT_LOG_DEBUG, &line);
    tacit_trace_enter(&before);
    call->metrics = NULL;
}

/*  The numbers, and a row for each method of the server's own services and of those it tells of. */
static tacit_status_t s_write_rows(const tacit_server_t *self, const tacit_metric_t *numbers,
                                   size_t count, tacit_buffer_t *buffer)
{
    size_t told = self->told ? self->told->methods.count : 0;
    size_t own = self->methods.count;
    const tacit_method_metrics_t **rows = calloc(own + told + 1, sizeof(void *));
    if (!rows) {
        return TACIT_NO_MEMORY;
    }
    for (size_t i = 0; i < own; i++) {
        rows[i] = self->methods.entries[i].metrics;
    }
    for (size_t i = 0; i < told; i++) {
        rows[own + i] = self->told->methods.entries[i].metrics;
    }
    rows[own + told] = &self->unknown;
    tacit_status_t status =
        tacit_metrics_write("tacit_rpc", rows, own + told + 1, numbers, count, buffer);
    free(rows);
    return status;
}

/*  --- NAME.metrics ---------------------------------------------------------------------------- */

static tacit_status_t s_write(const tacit_server_t *self, tacit_buffer_t *buffer)
{
    static const tacit_reply_stats_t none;
    const tacit_server_stats_t *stats = &self->stats;
    const tacit_reply_cache_t *kept = self->replies_kept;
    const tacit_reply_stats_t *replies = kept ? tacit_reply_cache_stats(kept) : &none;
    const tacit_metric_t numbers[] = {
        {"tacit_rpc_messages", "Messages received.", true, stats->received},
        {"tacit_rpc_dropped", "Messages that could not be answered.", true, stats->dropped},
        {"tacit_rpc_undelivered", "Replies that a connection did not take.", true,
         stats->undelivered},
        {"tacit_rpc_connections_opened", "Connections whose handshake succeeded.", true,
         self->session_service.links_up},
        {"tacit_rpc_connections_refused", "Handshakes that failed or were not admitted.", true,
         self->session_service.links_failed},
        {"tacit_rpc_connections_ended", "Connections that ended.", true,
         self->session_service.links_lost},
        {"tacit_rpc_sessions", "Sessions that were bound and have not ended.", false,
         self->sessions.sessions},
        {"tacit_rpc_lanes", "Bulk lanes that were opened and have not ended.", false,
         self->lanes.table.count},
        {"tacit_rpc_lane_bulks_in", "Bulks that came by lanes.", true, self->lanes.bulks_in},
        {"tacit_rpc_lane_bulks_out", "Bulks that went by lanes.", true, self->lanes.bulks_out},
        {"tacit_rpc_lane_bytes_in", "Bytes of bulks that came by lanes.", true,
         self->lanes.bytes_in},
        {"tacit_rpc_lane_bytes_out", "Bytes of bulks that went by lanes.", true,
         self->lanes.bytes_out},
        {"tacit_rpc_lane_frames_dropped", "Frames on the lanes' socket that were no lane's.", true,
         self->lanes.dropped},
        {"tacit_rpc_lanes_broken", "Lanes that ended because their peer broke the rules.", true,
         self->lanes.broken},
        {"tacit_rpc_lanes_recalled", "Lanes that were idle, or gave way to others.", true,
         self->lanes.recalled},
        {"tacit_rpc_replies_kept", "Answers kept by idempotency keys, and calls that will be.",
         false, kept ? tacit_reply_cache_count(kept) : 0},
        {"tacit_rpc_reply_hits", "Calls answered with what was kept.", true, replies->hits},
        {"tacit_rpc_reply_joins", "Calls that waited for the same call's answer.", true,
         replies->joins},
        {"tacit_rpc_reply_refused", "Keys of other calls, and keys beyond the limits.", true,
         replies->refused},
        {"tacit_rpc_draining", "1 once the service is to end and takes no new calls.", false,
         self->draining},
        {"tacit_rpc_pending", "Calls whose handler answers later.", false, self->pending_count},
        {"tacit_rpc_pending_bytes", "Bytes that pending calls hold.", false, self->pending_bytes},
        {"tacit_rpc_held", "Calls that wait until their caller has read.", false, self->held},
        {"tacit_rpc_untaken_bytes", "Bytes of large answers that wait to be read.", false,
         tacit_untaken_bytes(self->untaken)},
        {"tacit_rpc_untaken_refused", "Answers let go of since too many waited to be read.", true,
         self->untaken_refused},
        {"tacit_rpc_untaken_cut", "Connections cut since they stood still with answers.", true,
         self->untaken_cut},
        {"tacit_rpc_pool_threads", "Threads for handlers that block.", false,
         tacit_server_limits_threads(self)},
        {"tacit_rpc_pool_busy", "Those of them that run a handler.", false,
         tacit_server_limits_busy(self)},
    };
    return s_write_rows(self, numbers, sizeof numbers / sizeof *numbers, buffer);
}

void tacit_server_tell_of(tacit_server_t *server, const tacit_server_t *other)
{
    server->told = other;
}

tacit_status_t tacit_server_metrics_text(tacit_call_t *call, tacit_span_t *ret_text)
{
    if (!call->server) {
        return TACIT_INTERNAL;
    }
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_METRICS_TEXT_MAX);
    tacit_status_t status = s_write(call->server, &buffer);
    if (status == TACIT_OK) {
        *ret_text = tacit_arena_copy(call->arena, tacit_buffer_span(&buffer));
        status = ret_text->data ? TACIT_OK : TACIT_NO_MEMORY;
    }
    tacit_buffer_free(&buffer);
    return status;
}
