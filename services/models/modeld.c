/*  modeld.c - the actor and its handlers: from the wire to uploads and store, and back.  */

#include "services/models/modeld.h"

#include <errno.h>
#include <stdlib.h>

#include "idl/models.h"
#include "rpc/log.h"
#include "rpc/service.h"
#include "services/models/model_store.h"
#include "services/models/upload_stream.h"

enum { S_PAGE = TACIT_MODELS_LIST_RESULT_MODELS_MAX, S_TICK_MS = 30 * 1000 };

_Static_assert(TACIT_MODELS_GET_CHUNK_BULK_OUT_MAX == TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD,
               "the contract's bulk frame is a sealed chunk");

static const char s_limit_variable[] = "TACIT_MODELS_BYTES_MAX";

typedef struct {
    tacit_model_store_t *store;
    tacit_upload_keeper_t *uploads;
} s_modeld_t;

/*  --- uploads --------------------------------------------------------------------------------- */

static tacit_status_t s_push(void *context, tacit_call_t *call,
                             const tacit_models_push_args_t *args,
                             tacit_models_push_result_t *ret_result)
{
    (void)ret_result;
    const s_modeld_t *self = context;
    return tacit_upload_stream_begin(self->uploads, call, args->manifest, args->signature);
}

/*  --- reading --------------------------------------------------------------------------------- */

static tacit_status_t s_get(void *context, tacit_call_t *call, const tacit_models_get_args_t *args,
                            tacit_models_get_result_t *ret_result)
{
    s_modeld_t *self = context;
    tacit_arena_t *arena = tacit_call_arena(call);
    uint8_t *manifest = tacit_arena_alloc(arena, TACIT_MODEL_MANIFEST_SIZE);
    uint8_t *signature = tacit_arena_alloc(arena, 64);
    if (!manifest || !signature) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = tacit_model_store_get(self->store, args->owner.data, args->name,
                                                  args->version, manifest, signature);
    ret_result->manifest = tacit_span(manifest, TACIT_MODEL_MANIFEST_SIZE);
    ret_result->signature = tacit_span(signature, 64);
    return status;
}

/*  Called by zmq, perhaps on its own thread, when the chunk was sent.  */
static void s_free_chunk(void *data, void *hint)
{
    (void)hint;
    free(data);
}

/*  Where a chunk lies, found in the index, and room for its bytes.  */
typedef struct {
    tacit_model_store_t *store;
    const tacit_models_get_chunk_args_t *args;
    tacit_model_chunk_t chunk;
    uint8_t *bytes;
} s_chunk_t;

static tacit_status_t s_find_chunk(s_chunk_t *self)
{
    return tacit_model_store_find_chunk(self->store, self->args->owner.data, self->args->name,
                                        self->args->version, self->args->index, &self->chunk);
}

/*  In the pool: the disk is waited for.  */
static tacit_status_t s_read_chunk(void *context, tacit_call_t *call, void *ret_result)
{
    (void)call;
    (void)ret_result;
    const s_chunk_t *self = context;
    return tacit_model_store_read_chunk(self->store, &self->chunk, false, self->bytes);
}

/*  It was read, or not. What was removed meanwhile is not corrupt.  */
static tacit_status_t s_answer_chunk(void *context, tacit_call_t *call, tacit_status_t status,
                                     void *ret_result)
{
    (void)ret_result;
    s_chunk_t *self = context;
    if (!status) {
        status = tacit_call_take_bulk(call, self->bytes, self->chunk.size, s_free_chunk, NULL);
    } else if (status == TACIT_CORRUPT && s_find_chunk(self) == TACIT_NOT_FOUND) {
        status = TACIT_NOT_FOUND;
    }
    if (status) {
        free(self->bytes);
    }
    return status;
}

/*  What is in memory is sent at once: the way through the pool would cost more than the copy.  */
static tacit_status_t s_send_chunk(s_chunk_t *self, tacit_call_t *call)
{
    static const tacit_call_part_t part = {.work = s_read_chunk, .done = s_answer_chunk};
    self->bytes = malloc(self->chunk.size);
    if (!self->bytes) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status =
        tacit_model_store_read_chunk(self->store, &self->chunk, true, self->bytes);
    if (status == TACIT_PENDING) {
        status = tacit_call_work(call, &part, self);
        if (status == TACIT_PENDING) {
            return status;
        }
    }
    return s_answer_chunk(self, call, status, NULL);
}

static tacit_status_t s_get_chunk(void *context, tacit_call_t *call,
                                  const tacit_models_get_chunk_args_t *args,
                                  tacit_models_get_chunk_result_t *ret_result)
{
    (void)ret_result;
    const s_modeld_t *self = context;
    /*  "The newest" may change between two chunks, and half of each is nothing.  */
    if (args->version == 0) {
        return tacit_error_claim(tacit_call_error(call), TACIT_BAD_INPUT, "version",
                                 "that of the manifest", "0");
    }
    s_chunk_t *chunk = tacit_arena_alloc(tacit_call_arena(call), sizeof *chunk);
    if (!chunk) {
        return TACIT_NO_MEMORY;
    }
    *chunk = (s_chunk_t){.store = self->store, .args = args};
    tacit_status_t status = s_find_chunk(chunk);
    return status ? status : s_send_chunk(chunk, call);
}

static void s_fill_page(const tacit_model_entry_t *entries, size_t count,
                        tacit_models_model_info_t *ret_items)
{
    for (size_t i = 0; i < count; i++) {
        ret_items[i] = (tacit_models_model_info_t){
            .owner = tacit_span(entries[i].owner, 32),
            .name = tacit_span_string(entries[i].name),
            .version = entries[i].version,
            .size = entries[i].size,
            .created_ms = entries[i].created_ms,
            .content_sha256 = tacit_span(entries[i].content_sha256, 32),
        };
    }
}

static tacit_status_t s_list(void *context, tacit_call_t *call,
                             const tacit_models_list_args_t *args,
                             tacit_models_list_result_t *ret_result)
{
    s_modeld_t *self = context;
    tacit_arena_t *arena = tacit_call_arena(call);
    tacit_model_entry_t *entries = tacit_arena_alloc(arena, (S_PAGE + 1) * sizeof *entries);
    tacit_models_model_info_t *items = tacit_arena_alloc(arena, S_PAGE * sizeof *items);
    if (!entries || !items) {
        return TACIT_NO_MEMORY;
    }
    size_t count = 0;
    tacit_status_t status =
        tacit_model_store_list(self->store, args->has_owner ? args->owner.data : NULL, args->offset,
                               entries, S_PAGE + 1, &count);
    if (status) {
        return status;
    }
    ret_result->more = count > S_PAGE;
    ret_result->models.count = count < S_PAGE ? count : S_PAGE;
    ret_result->models.items = items;
    s_fill_page(entries, ret_result->models.count, items);
    return TACIT_OK;
}

static tacit_status_t s_remove(void *context, tacit_call_t *call,
                               const tacit_models_remove_args_t *args,
                               tacit_models_remove_result_t *ret_result)
{
    (void)ret_result;
    s_modeld_t *self = context;
    return tacit_model_store_remove(self->store, tacit_call_session(call)->peer_curve, args->name,
                                    args->version);
}

static const tacit_models_handlers_t s_handlers = {
    .push = s_push,
    .get = s_get,
    .get_chunk = s_get_chunk,
    .list = s_list,
    .remove = s_remove,
};

/*  --- the actor ------------------------------------------------------------------------------- */

static tacit_status_t s_read_limit(uint64_t *ret_bytes, tacit_error_t *ret_error)
{
    const char *text = getenv(s_limit_variable);
    if (!text) {
        return TACIT_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end || errno) {
        return tacit_error_claim(ret_error, TACIT_BAD_INPUT, s_limit_variable,
                                 "a number of bytes from 1 on", text);
    }
    *ret_bytes = value;
    return TACIT_OK;
}

static void s_close(void **context)
{
    s_modeld_t *self = *context;
    if (self) {
        tacit_upload_keeper_destroy(&self->uploads);
        tacit_model_store_destroy(&self->store);
        free(self);
        *context = NULL;
    }
}

static tacit_status_t s_open(tacit_node_t *node, const tacit_service_args_t *args, void **ret_self,
                             tacit_error_t *ret_error)
{
    (void)node;
    s_modeld_t *self = calloc(1, sizeof *self);
    tacit_model_limits_t limits = {0};
    *ret_self = self;
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_read_limit(&limits.total_bytes, ret_error);
    if (!status) {
        status = tacit_model_store_open(args->state, &limits, &self->store, ret_error);
    }
    return status ? status : tacit_upload_keeper_open(self->store, &self->uploads, ret_error);
}

static int s_on_tick(zloop_t *loop, int timer, void *context)
{
    (void)loop;
    (void)timer;
    s_modeld_t *self = context;
    size_t ended = tacit_upload_keeper_expire(self->uploads);
    if (ended) {
        tacit_log(TACIT_LOG_INFO, "uploads_expired", "%zu uploads that nobody went on with", ended);
    }
    return 0;
}

static tacit_status_t s_attach(void *context, tacit_server_t *server, zloop_t *loop,
                               tacit_error_t *ret_error)
{
    (void)server;
    return zloop_timer(loop, S_TICK_MS, 0, s_on_tick, context) < 0
               ? tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL)
               : TACIT_OK;
}

void tacit_modeld_actor(zsock_t *pipe, void *args)
{
    static const tacit_attested_service_t service = {
        .role = TACIT_ROLE_MODELS,
        .service = &tacit_models_service,
        .handlers = &s_handlers,
        .open = s_open,
        .close = s_close,
        .attach = s_attach,
    };
    tacit_attested_service_run(pipe, args, &service);
}
