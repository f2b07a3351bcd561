/*  flow_service.c - handlers that take, give, mirror and forget chunks.  */

#include "tests/unit/flow_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rpc/call_stream.h"
#include "tests/unit/test_actor.h"
#include "tests/unit/test_service.h"

typedef struct {
    flow_service_t *service;
    bool sleeper, fails;
    flow_upload_t *upload;
    uint64_t step, breaks, at;
    uint64_t left, size, chunks, bytes;
} flow_t;

static void s_close(flow_t *flow, tacit_call_t *call, tacit_status_t status, const void *result)
{
    tacit_call_finish(&call, status, result);
    flow->service->open--;
    free(flow);
}

void flow_free(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static void s_push_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_span_t chunk;
    if (!tacit_call_alive(call)) {
        s_close(flow, call, TACIT_INTERRUPTED, NULL);
        return;
    }
    while (!flow->sleeper && tacit_call_receive(call, &chunk) == TACIT_OK) {
        if (!chunk.data) {
            tacit_flow_push_result_t result = {.chunks = flow->chunks, .bytes = flow->bytes};
            s_close(flow, call, TACIT_OK, &result);
            return;
        }
        flow->chunks++;
        flow->bytes += chunk.size;
    }
}

static void s_pull_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (status == TACIT_OK && flow->chunks < flow->left) {
        uint8_t *chunk = malloc(flow->size);
        memset(chunk, (int)flow->chunks, flow->size);
        status = tacit_call_send(call, chunk, flow->size, flow_free, NULL);
        if (status != TACIT_OK && status != TACIT_UNREACHABLE) {
            free(chunk);
        }
        flow->chunks += status == TACIT_OK;
    }
    if (status != TACIT_PENDING) {
        tacit_flow_pull_result_t result = {.chunks = flow->chunks};
        s_close(flow, call, flow->fails ? TACIT_CORRUPT : status, &result);
    }
}

uint8_t flow_byte(uint64_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

static void s_upload_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    flow_upload_t *upload = flow->upload;
    tacit_span_t chunk;
    if (!tacit_call_alive(call)) {
        s_close(flow, call, TACIT_INTERRUPTED, NULL);
        return;
    }
    while (tacit_call_receive(call, &chunk) == TACIT_OK) {
        if (!chunk.data) {
            tacit_flow_upload_result_t result = {.bytes = flow->at, .calls = upload->calls};
            upload->kept = flow->at;
            s_close(flow, call, TACIT_OK, &result);
            return;
        }
        memcpy(upload->bytes + flow->at, chunk.data, chunk.size);
        flow->at += chunk.size;
        flow->bytes += chunk.size;
        if (flow->at - upload->kept >= flow->step) {
            upload->kept = flow->at;
            assert_int_equal(tacit_call_kept(call, upload->kept - 1), TACIT_OK);
            assert_int_equal(tacit_call_kept(call, upload->kept), TACIT_OK);
            assert_int_equal(tacit_call_kept(call, upload->kept - 1), TACIT_BAD_INPUT);
            assert_int_equal(tacit_call_kept(call, FLOW_SIZE + 1), TACIT_BAD_INPUT);
        }
        if (flow->breaks > 0 && flow->bytes >= flow->breaks) {
            s_close(flow, call, TACIT_INTERRUPTED, NULL);
            return;
        }
    }
}

static void s_download_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (status == TACIT_OK && flow->at < flow->size) {
        uint8_t chunk[1000];
        size_t size = flow->size - flow->at < 1000 ? (size_t)(flow->size - flow->at) : 1000;
        for (size_t i = 0; i < size; i++) {
            chunk[i] = flow_byte(flow->at + i);
        }
        status = tacit_call_send(call, chunk, size, NULL, NULL);
        flow->at += status == TACIT_OK ? size : 0;
        flow->bytes += status == TACIT_OK ? size : 0;
        if (status == TACIT_OK && flow->breaks > 0 && flow->bytes >= flow->breaks) {
            status = TACIT_INTERRUPTED;
        }
    }
    if (status != TACIT_PENDING) {
        tacit_flow_download_result_t result = {.bytes = flow->bytes};
        s_close(flow, call, status, &result);
    }
}

/*  Its caller reads as fast as it sends: where there is no credit for an answer, it is BUSY.  */
static void s_echo_ready(void *self, tacit_call_t *call)
{
    flow_t *flow = self;
    tacit_span_t chunk;
    tacit_status_t status = tacit_call_alive(call) ? TACIT_OK : TACIT_INTERRUPTED;
    while (status == TACIT_OK) {
        status = tacit_call_receive(call, &chunk);
        if (status == TACIT_OK && !chunk.data) {
            tacit_flow_echo_result_t result = {.chunks = flow->chunks};
            s_close(flow, call, TACIT_OK, &result);
            return;
        }
        if (status == TACIT_OK) {
            status = tacit_call_send(call, (void *)chunk.data, chunk.size, NULL, NULL);
            flow->chunks += status == TACIT_OK;
            status = status == TACIT_PENDING ? TACIT_BUSY : status;
        }
    }
    if (status != TACIT_PENDING) {
        s_close(flow, call, status, NULL);
    }
}

static tacit_status_t s_begin(flow_service_t *service, tacit_call_t *call, const flow_t *with,
                              void (*ready)(void *self, tacit_call_t *call))
{
    flow_t *flow = malloc(sizeof *flow);
    *flow = *with;
    flow->service = service;
    service->open++;
    assert_int_equal(tacit_call_on_stream(call, ready, flow), TACIT_OK);
    return TACIT_PENDING;
}

static tacit_status_t s_push(void *self, tacit_call_t *call, const tacit_flow_push_args_t *args,
                             tacit_flow_push_result_t *ret_result)
{
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.sleeper = args->sleeper}, s_push_ready);
}

static tacit_status_t s_brief(void *self, tacit_call_t *call, const tacit_flow_brief_args_t *args,
                              tacit_flow_brief_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.sleeper = true}, s_push_ready);
}

static tacit_status_t s_upload(void *self, tacit_call_t *call, const tacit_flow_upload_args_t *args,
                               tacit_flow_upload_result_t *ret_result)
{
    (void)ret_result;
    flow_service_t *service = self;
    flow_upload_t *upload = &service->uploads[args->id % FLOW_UPLOADS];
    flow_t flow = {
        .upload = upload, .step = args->step, .breaks = args->breaks, .at = upload->kept};
    tacit_status_t status = s_begin(service, call, &flow, s_upload_ready);
    upload->calls++;
    assert_int_equal(tacit_call_kept(call, FLOW_SIZE + 1), TACIT_BAD_INPUT);
    assert_int_equal(tacit_call_kept(call, upload->kept + service->lie), TACIT_OK);
    return status;
}

static tacit_status_t s_download(void *self, tacit_call_t *call,
                                 const tacit_flow_download_args_t *args,
                                 tacit_flow_download_result_t *ret_result)
{
    (void)ret_result;
    flow_t flow = {.size = args->size, .breaks = args->breaks, .at = args->offset};
    return s_begin(self, call, &flow, s_download_ready);
}

static tacit_status_t s_pull(void *self, tacit_call_t *call, const tacit_flow_pull_args_t *args,
                             tacit_flow_pull_result_t *ret_result)
{
    (void)ret_result;
    flow_t flow = {.left = args->chunks, .size = args->size, .fails = args->fails};
    return s_begin(self, call, &flow, s_pull_ready);
}

static tacit_status_t s_echo(void *self, tacit_call_t *call, const tacit_flow_echo_args_t *args,
                             tacit_flow_echo_result_t *ret_result)
{
    (void)args;
    (void)ret_result;
    return s_begin(self, call, &(flow_t){.chunks = 0}, s_echo_ready);
}

static tacit_status_t s_plain(void *self, tacit_call_t *call, const tacit_flow_plain_args_t *args,
                              tacit_flow_plain_result_t *ret_result)
{
    (void)args;
    ret_result->streams = (uint32_t)((flow_service_t *)self)->open;
    return tacit_call_on_stream(call, s_push_ready, NULL) == TACIT_BAD_INPUT ? TACIT_OK
                                                                             : TACIT_INTERNAL;
}

static const tacit_flow_handlers_t s_handlers = {.push = s_push,
                                                 .pull = s_pull,
                                                 .echo = s_echo,
                                                 .brief = s_brief,
                                                 .plain = s_plain,
                                                 .upload = s_upload,
                                                 .download = s_download};

static void s_actor(zsock_t *pipe, void *argument)
{
    flow_service_t *self = argument;
    const tacit_server_config_t config = {.endpoint = "tcp://127.0.0.1:*",
                                          .public_key = self->keys.public_key,
                                          .secret_key = self->keys.secret_key,
                                          .zap_domain = "test.flow",
                                          .party = &self->party};
    test_service_serve(pipe, &config, &tacit_flow_service, &s_handlers, self, self->endpoint,
                       sizeof self->endpoint);
}

void flow_start(flow_service_t *flow)
{
    echo_make_keys(&flow->keys);
    flow->party = (tacit_party_t){.role = TACIT_ROLE_MESH, .curve_public = flow->keys.public_key};
    flow->actor = test_actor_new(s_actor, flow);
    assert_non_null(flow->actor);
}

void flow_stop(flow_service_t *flow)
{
    zactor_destroy(&flow->actor);
    assert_int_equal(flow->open, 0);
}

/*  --- clients --------------------------------------------------------------------------------- */

tacit_client_t *flow_connect(const flow_service_t *flow)
{
    echo_keys_t keys;
    echo_make_keys(&keys);
    tacit_client_t *client = NULL;
    tacit_client_config_t config = {.endpoint = flow->endpoint,
                                    .server_key = flow->keys.public_key,
                                    .public_key = keys.public_key,
                                    .secret_key = keys.secret_key,
                                    .peer_role = TACIT_ROLE_MESH};
    const tacit_party_t party = {.role = TACIT_ROLE_USER, .curve_public = keys.public_key};
    config.party = flow->bound ? &party : NULL;
    assert_int_equal(tacit_client_new(&config, &client, NULL), TACIT_OK);
    return client;
}

uint64_t flow_begin(tacit_client_t *client, const tacit_method_t *method, const void *args)
{
    uint64_t call = 0;
    assert_int_equal(tacit_client_start(client, method, args, tacit_span(NULL, 0), 0, &call, NULL),
                     TACIT_OK);
    return call;
}

uint32_t flow_open(tacit_client_t *client)
{
    tacit_flow_plain_args_t args = {0};
    tacit_flow_plain_result_t result;
    assert_int_equal(tacit_flow_plain_call(client, &args, &result, NULL), TACIT_OK);
    return result.streams;
}

void flow_await_none(tacit_client_t *client)
{
    for (int i = 0; i < 60 && flow_open(client) > 0; i++) {
        zclock_sleep(50);
    }
    assert_int_equal(flow_open(client), 0);
}
