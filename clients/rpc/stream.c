/*  stream.c - tacit-rpc call of a method with streams: chunks from a file, chunks into a file.

    Where chunks go both ways neither may wait for the other: what the service sends is taken
    whenever it takes no more.  */

#include <stdlib.h>

#include "clients/rpc/commands.h"
#include "rpc/client_stream.h"
#include "rpc/limits.h"

enum { S_LOOK_MS = 5, S_WAIT_MS = 1000 };

typedef struct {
    const tacit_rpc_target_t *target;
    uint64_t call;
    FILE *in;      /* NULL: there is nothing to send, or no more */
    FILE *out;     /* NULL: nothing is to come */
    uint8_t *room; /* of a chunk that waits for credit */
    size_t held;   /* bytes of it */
    bool placed;   /* where to begin is known, of a resumable stream */
    bool ended;    /* we told that nothing more comes */
    bool over;     /* the service sent its last chunk */
} s_flow_t;

/*  "-" is standard input or output, as the mode says.  */
static tacit_status_t s_open_file(const char *path, const char *mode, FILE **ret_file,
                                  tacit_error_t *ret_error)
{
    if (!path) {
        return TACIT_OK;
    }
    if (strcmp(path, "-") == 0) {
        *ret_file = strcmp(mode, "re") == 0 ? stdin : stdout;
        return TACIT_OK;
    }
    *ret_file = fopen(path, mode);
    return *ret_file ? TACIT_OK
                     : tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot open %s", path);
}

static void s_close_file(FILE *file)
{
    if (file && file != stdin && file != stdout) {
        (void)fclose(file);
    }
}

static tacit_status_t s_check(const tacit_invocation_t *invocation, const tacit_method_t *method,
                              tacit_error_t *ret_error)
{
    bool in = tacit_invocation_value(invocation, "in") != NULL;
    bool out = tacit_invocation_value(invocation, "out") != NULL;
    if (tacit_invocation_value(invocation, "key")) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "%s has streams: they are not kept by a key", method->name);
    }
    if (in && method->stream_in.chunk_max == 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s takes no stream", method->name);
    }
    if (out != (method->stream_out.chunk_max > 0)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               out ? "%s sends no stream" : "%s sends a stream: say --out FILE",
                               method->name);
    }
    return TACIT_OK;
}

/*  What comes from an offset on is put after the bytes that the file has.  */
static tacit_status_t s_open_out(const tacit_rpc_target_t *target, const char *path,
                                 FILE **ret_file, tacit_error_t *ret_error)
{
    const tacit_stream_bounds_t *bounds = &target->method->stream_out;
    uint64_t offset = 0;
    if (bounds->resumable) {
        memcpy(&offset, (const uint8_t *)target->args + bounds->offset_place, sizeof offset);
    }
    bool goes_on = path && strcmp(path, "-") != 0 && offset > 0;
    tacit_status_t status = s_open_file(path, goes_on ? "r+e" : "we", ret_file, ret_error);
    if (!status && goes_on &&
        (offset > INT64_MAX || fseeko(*ret_file, (off_t)offset, SEEK_SET) != 0)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s has no such offset", path);
    }
    return status;
}

/*  --- sending --------------------------------------------------------------------------------- */

static tacit_status_t s_end(s_flow_t *flow, tacit_error_t *ret_error)
{
    flow->ended = true;
    return tacit_client_end(flow->target->link.client, flow->call, ret_error);
}

/*  What the service has already is passed over, also where the file is none that can be sought.  */
static tacit_status_t s_pass(FILE *in, uint64_t bytes)
{
    if (bytes == 0 || (bytes <= INT64_MAX && fseeko(in, (off_t)bytes, SEEK_CUR) == 0)) {
        return TACIT_OK;
    }
    while (bytes > 0 && fgetc(in) != EOF) {
        bytes--;
    }
    return bytes == 0 ? TACIT_OK : TACIT_BAD_INPUT;
}

static tacit_status_t s_place(s_flow_t *flow, tacit_error_t *ret_error)
{
    uint64_t kept = 0;
    tacit_status_t status = TACIT_PENDING;
    while (status == TACIT_PENDING) {
        status =
            tacit_client_kept(flow->target->link.client, flow->call, S_WAIT_MS, &kept, ret_error);
    }
    flow->placed = true;
    if (!status && flow->in && s_pass(flow->in, kept)) {
        status = tacit_error_set(ret_error, TACIT_BAD_INPUT,
                                 "the service has more than the file already");
    }
    return status;
}

/*  The next chunk into the room; the end of the stream at the end of the file.  */
static tacit_status_t s_read(s_flow_t *flow, tacit_error_t *ret_error)
{
    if (flow->target->method->stream_in.resumable && !flow->placed) {
        tacit_status_t status = s_place(flow, ret_error);
        if (status) {
            return status;
        }
    }
    flow->held =
        flow->in ? fread(flow->room, 1, flow->target->method->stream_in.chunk_max, flow->in) : 0;
    if (flow->in && ferror(flow->in)) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "the chunks cannot be read");
    }
    return flow->held > 0 ? TACIT_OK : s_end(flow, ret_error);
}

/*  PENDING where the service takes nothing just now.  */
static tacit_status_t s_send(s_flow_t *flow, tacit_error_t *ret_error)
{
    tacit_client_t *client = flow->target->link.client;
    tacit_status_t status = flow->held == 0 ? s_read(flow, ret_error) : TACIT_OK;
    if (status || flow->ended) {
        return status;
    }
    if (flow->out) {
        status = tacit_client_can_send(client, flow->call, flow->held, ret_error);
    }
    if (!status) {
        status =
            tacit_client_send(client, flow->call, flow->room, flow->held, NULL, NULL, ret_error);
    }
    flow->held = status ? flow->held : 0;
    return status;
}

/*  --- receiving ------------------------------------------------------------------------------- */

static tacit_status_t s_receive(s_flow_t *flow, uint32_t timeout_ms, tacit_error_t *ret_error)
{
    tacit_span_t chunk = tacit_span(NULL, 0);
    tacit_status_t status =
        tacit_client_receive(flow->target->link.client, flow->call, timeout_ms, &chunk, ret_error);
    if (status == TACIT_PENDING) {
        return TACIT_OK;
    }
    flow->over = !status && !chunk.data;
    if (!status && chunk.data && fwrite(chunk.data, 1, chunk.size, flow->out) != chunk.size) {
        status = tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "a chunk cannot be written");
    }
    return status;
}

static tacit_status_t s_run(s_flow_t *flow, tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_OK;
    while (!status && (!flow->ended || (flow->out && !flow->over))) {
        tacit_status_t sent = flow->ended ? TACIT_PENDING : s_send(flow, ret_error);
        status = sent == TACIT_PENDING ? TACIT_OK : sent;
        if (!status && flow->out && !flow->over) {
            uint32_t wait_ms = flow->ended ? S_WAIT_MS : S_LOOK_MS;
            status = s_receive(flow, sent == TACIT_PENDING ? wait_ms : 0, ret_error);
        }
    }
    return status;
}

/*  --- all of it ------------------------------------------------------------------------------- */

static tacit_status_t s_finish(const s_flow_t *flow, tacit_error_t *ret_error)
{
    tacit_reply_t reply;
    tacit_status_t status =
        tacit_client_finish(flow->target->link.client, flow->call, &reply, ret_error);
    if (status) {
        return status;
    }
    if (reply.status) {
        *ret_error = reply.error;
        return reply.status;
    }
    if (flow->out && fflush(flow->out) != 0) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "the chunks cannot be written");
    }
    return tacit_rpc_print(flow->target, reply.result, flow->out == stdout ? stderr : stdout,
                           ret_error);
}

static tacit_status_t s_call(const tacit_invocation_t *invocation, s_flow_t *flow,
                             tacit_error_t *ret_error)
{
    const tacit_rpc_target_t *target = flow->target;
    tacit_status_t status = tacit_client_start(target->link.client, target->method, target->args,
                                               tacit_rpc_target_bulk(target),
                                               invocation->timeout_ms, &flow->call, ret_error);
    if (status) {
        return status;
    }
    flow->ended = target->method->stream_in.chunk_max == 0;
    status = s_run(flow, ret_error);
    if (status) {
        tacit_client_cancel(target->link.client, flow->call);
        return status;
    }
    return s_finish(flow, ret_error);
}

tacit_status_t tacit_rpc_call_streams(const tacit_invocation_t *invocation,
                                      const tacit_rpc_target_t *target, tacit_error_t *ret_error)
{
    s_flow_t flow = {.target = target, .room = malloc(TACIT_STREAM_CHUNK_MAX)};
    tacit_status_t status = flow.room ? s_check(invocation, target->method, ret_error)
                                      : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (!status) {
        status = s_open_file(tacit_invocation_value(invocation, "in"), "re", &flow.in, ret_error);
    }
    if (!status) {
        status =
            s_open_out(target, tacit_invocation_value(invocation, "out"), &flow.out, ret_error);
    }
    if (!status) {
        status = s_call(invocation, &flow, ret_error);
    }
    s_close_file(flow.in);
    s_close_file(flow.out);
    free(flow.room);
    return status;
}
