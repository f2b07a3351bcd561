/*  scripted_service.c - see scripted_service.h.  */

#include "tests/unit/scripted_service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/batch.h"
#include "rpc/endpoint.h"
#include "rpc/frame.h"
#include "rpc/stream_frame.h"
#include "tests/unit/test_actor.h"

static tacit_endpoint_t *s_bind(scripted_t *self, const char *address)
{
    tacit_endpoint_t *endpoint = NULL;
    const tacit_endpoint_bind_t config = {.address = address,
                                          .public_key = self->keys.public_key,
                                          .secret_key = self->keys.secret_key,
                                          .zap_domain = "test.scripted",
                                          .frame_max = TACIT_BULK_MAX};
    for (int i = 0; i < 100 && !endpoint; i++) {
        if (tacit_endpoint_bind(&config, &endpoint, NULL) != TACIT_OK) {
            zclock_sleep(10); /* its former life still holds the port */
        }
    }
    return endpoint;
}

static void s_reply(const scripted_t *self, const tacit_endpoint_t *endpoint,
                    const uint8_t routing[5], const tacit_frame_request_t *request,
                    scripted_manner_t manner)
{
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, TACIT_FRAME_MAX);
    tacit_status_t status;
    if (manner == SCRIPTED_WELL) {
        const tacit_echo_echo_result_t result = {.text = tacit_span_string("scripted")};
        status = tacit_frame_reply_begin(&buffer, request->msgid);
        status = status ? status
                        : tacit_codec_encode(tacit_echo_echo.result, &result, NULL, &buffer, NULL);
    } else {
        tacit_error_t error;
        bool drains = manner == SCRIPTED_DRAINING;
        bool later = drains || manner == SCRIPTED_BUSY;
        tacit_status_t why = drains ? TACIT_DRAINING : TACIT_BUSY;
        tacit_error_set(&error, later ? why : TACIT_INTERNAL, NULL);
        error.retry_after_ms = later ? self->retry_after_ms : 0;
        status = tacit_frame_error(&buffer, request->msgid, &error);
    }
    if (manner == SCRIPTED_GARBAGE) {
        buffer.data[0] ^= 0xff;
    }
    void *socket = tacit_endpoint_socket(endpoint);
    if (status == TACIT_OK && zmq_send(socket, routing, 5, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 5) {
        (void)zmq_send(socket, buffer.data, buffer.size, ZMQ_DONTWAIT);
    }
    tacit_buffer_free(&buffer);
}

static scripted_manner_t s_manner(scripted_t *self)
{
    scripted_manner_t manner = (scripted_manner_t)atomic_load(&self->manner);
    if (self->then > 0 && --self->then == 0) {
        self->manner = SCRIPTED_WELL;
    }
    return manner;
}

/*  One request, or what else a client sends; false where it ends the socket.  */
static bool s_take(scripted_t *self, const tacit_endpoint_t *endpoint, const uint8_t routing[5],
                   tacit_span_t bytes)
{
    tacit_stream_frame_t event;
    tacit_frame_request_t request;
    if (tacit_stream_frame_parse(bytes, &event) == TACIT_OK) {
        self->cancels += event.event == TACIT_STREAM_CANCEL;
        return true;
    }
    if (tacit_frame_parse_request(bytes, &request, NULL) != TACIT_OK) {
        return true;
    }
    self->requests++;
    self->keyed += request.meta.has_idempotency_key;
    scripted_manner_t manner = s_manner(self);
    if (manner != SCRIPTED_SILENT && manner != SCRIPTED_HANG_UP) {
        s_reply(self, endpoint, routing, &request, manner);
    }
    return manner != SCRIPTED_HANG_UP;
}

/*  One message; requests that queued up at the client come together.  */
static bool s_serve(scripted_t *self, const tacit_endpoint_t *endpoint)
{
    uint8_t routing[5];
    void *socket = tacit_endpoint_socket(endpoint);
    if (zmq_recv(socket, routing, sizeof routing, ZMQ_DONTWAIT) != 5) {
        return true;
    }
    int size = zmq_recv(socket, self->frame, sizeof self->frame, 0);
    int more = 0;
    size_t more_size = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) == 0 && more) {
        (void)zmq_recv(socket, NULL, 0, 0);
    }
    tacit_span_t frames[TACIT_BATCH_FRAMES_MAX] = {
        tacit_span(self->frame, size > 0 ? (size_t)size : 0)};
    size_t count = 1;
    if (tacit_batch_is(frames[0]) && tacit_batch_parse(frames[0], frames, &count) != TACIT_OK) {
        return true;
    }
    bool lives = true;
    for (size_t i = 0; i < count && lives; i++) {
        lives = s_take(self, endpoint, routing, frames[i]);
    }
    return lives;
}

static void s_actor(zsock_t *pipe, void *argument)
{
    scripted_t *self = argument;
    tacit_endpoint_t *endpoint = s_bind(self, "tcp://127.0.0.1:*");
    if (endpoint) {
        snprintf(self->endpoint, sizeof self->endpoint, "%s", tacit_endpoint_address(endpoint));
    }
    zsock_signal(pipe, endpoint ? 0 : 1);
    bool ended = false;
    while (endpoint && !ended) {
        tacit_link_event_t event;
        zmq_pollitem_t items[] = {
            {.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN},
            {.socket = tacit_endpoint_socket(endpoint), .events = ZMQ_POLLIN}};
        (void)zmq_poll(items, 2, 100);
        while (tacit_endpoint_event(endpoint, &event)) {
        }
        ended = items[0].revents & ZMQ_POLLIN;
        if (!ended && !s_serve(self, endpoint)) {
            tacit_endpoint_destroy(&endpoint);
            endpoint = s_bind(self, self->endpoint);
        }
    }
    tacit_endpoint_destroy(&endpoint);
}

void scripted_start(scripted_t *scripted)
{
    memset(scripted, 0, sizeof *scripted);
    echo_make_keys(&scripted->keys);
    scripted->actor = test_actor_new(s_actor, scripted);
    assert_non_null(scripted->actor);
    assert_true(strlen(scripted->endpoint) > 0);
}

void scripted_stop(scripted_t *scripted)
{
    zactor_destroy(&scripted->actor);
}

void scripted_be(scripted_t *scripted, scripted_manner_t manner, int times)
{
    scripted->then = times;
    scripted->manner = (int)manner;
}

static tacit_target_t s_target(const char *endpoint, const uint8_t key[32])
{
    tacit_target_t target;
    snprintf(target.endpoint, sizeof target.endpoint, "%s", endpoint);
    memcpy(target.server_key, key, sizeof target.server_key);
    return target;
}

tacit_target_t scripted_target(const scripted_t *scripted)
{
    return s_target(scripted->endpoint, scripted->keys.public_key);
}

tacit_target_t echo_target(const echo_service_t *echo)
{
    return s_target(echo->endpoint, echo->server.public_key);
}
