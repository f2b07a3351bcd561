/*  server_fault.c - messages on their way, and what happens to them there.

    A passage is a message with the way that it takes: a request to its checks, a reply to its
    connection, a lane's frame to its lane. It is dropped, altered, copied or held as a whole.  */

#include "rpc/server_fault.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "rpc/server_internal.h"

typedef struct s_passage {
    tacit_server_t *server;
    tacit_fault_place_t place;
    tacit_call_t *call; /* owned; of what comes in, else NULL */
    bool too_many;      /* of it */
    tacit_connection_id_t id;
    int fd;
    zmq_msg_t frame; /* of what has no call */
    zmq_msg_t bulk;
    bool has_bulk;
    bool reorder; /* where it is held: goes behind the next one of its place */
    int timer;
    struct s_passage *next; /* among those that are held */
} s_passage_t;

struct tacit_server_faults {
    tacit_faults_t *rules;
    s_passage_t *held; /* the latest first */
    size_t held_count;
};

tacit_status_t tacit_server_faults_new(tacit_server_faults_t **ret_faults, tacit_error_t *ret_error)
{
    tacit_faults_t *rules = NULL;
    const char *path = getenv("TACIT_FAULTS_FILE");
    tacit_status_t status = path ? tacit_faults_watch(path, &rules, ret_error)
                                 : tacit_faults_new(getenv("TACIT_FAULTS"), &rules, ret_error);
    if (status != TACIT_OK || !rules) {
        return status;
    }
    tacit_server_faults_t *self = calloc(1, sizeof *self);
    if (!self) {
        tacit_faults_destroy(&rules);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->rules = rules;
    *ret_faults = self;
    return TACIT_OK;
}

/*  --- passages -------------------------------------------------------------------------------- */

static s_passage_t *s_new(tacit_server_t *server, tacit_fault_place_t place)
{
    s_passage_t *self = calloc(1, sizeof *self);
    if (self) {
        self->server = server;
        self->place = place;
        zmq_msg_init(&self->frame);
        zmq_msg_init(&self->bulk);
    }
    return self;
}

/*  What did not pass is gone.  */
static void s_free(s_passage_t *self)
{
    if (self->call) {
        tacit_server_give_call(self->server, self->call);
    }
    zmq_msg_close(&self->frame);
    zmq_msg_close(&self->bulk);
    free(self);
}

static void s_pass(s_passage_t *self)
{
    tacit_server_t *server = self->server;
    tacit_call_t *call = self->call;
    switch (self->place) {
    case TACIT_FAULT_REQUEST:
    case TACIT_FAULT_STREAM_IN:
        self->call = NULL;
        tacit_server_dispatch(server, call, self->too_many);
        break;
    case TACIT_FAULT_REPLY:
    case TACIT_FAULT_STREAM_OUT:
        tacit_server_send(server, &self->id, &self->frame, self->has_bulk ? &self->bulk : NULL);
        break;
    case TACIT_FAULT_LANE_IN:
        tacit_server_lane_take(server, self->id.routing, &self->frame);
        break;
    case TACIT_FAULT_LANE_OUT:
        tacit_server_lane_send(server, self->id.routing, &self->frame);
        break;
    case TACIT_FAULT_SESSION: /* no message */
        break;
    }
    s_free(self);
}

/*  The bytes that may be altered.  */
static tacit_span_t s_bytes(s_passage_t *self)
{
    return self->call ? self->call->body
                      : tacit_span(zmq_msg_data(&self->frame), zmq_msg_size(&self->frame));
}

static tacit_call_t *s_copy_call(tacit_call_t *call)
{
    tacit_call_t *copy = tacit_server_take_call(call->server);
    if (!copy) {
        return NULL;
    }
    size_t offset = (size_t)(call->body.data - (const uint8_t *)zmq_msg_data(&call->frame));
    (void)zmq_msg_copy(&copy->frame, &call->frame);
    (void)zmq_msg_copy(&copy->bulk, &call->bulk);
    (void)zmq_msg_copy(&copy->ticket, &call->ticket);
    copy->body = tacit_span((const uint8_t *)zmq_msg_data(&copy->frame) + offset, call->body.size);
    copy->id = call->id;
    copy->curve = call->curve;
    copy->batched = call->batched;
    copy->has_bulk = call->has_bulk;
    copy->has_ticket = call->has_ticket;
    return copy;
}

/*  NULL without memory.  */
static s_passage_t *s_copy(s_passage_t *self)
{
    s_passage_t *copy = s_new(self->server, self->place);
    if (copy) {
        copy->id = self->id;
        copy->fd = self->fd;
        copy->too_many = self->too_many;
        copy->has_bulk = self->has_bulk;
        copy->call = self->call ? s_copy_call(self->call) : NULL;
        (void)zmq_msg_copy(&copy->frame, &self->frame);
        (void)zmq_msg_copy(&copy->bulk, &self->bulk);
    }
    if (copy && self->call && !copy->call) {
        s_free(copy);
        copy = NULL;
    }
    return copy;
}

/*  --- holding --------------------------------------------------------------------------------- */

static void s_unhold(s_passage_t *held)
{
    tacit_server_faults_t *faults = held->server->faults;
    s_passage_t **at = &faults->held;
    while (*at != held) {
        at = &(*at)->next;
    }
    *at = held->next;
    faults->held_count--;
}

/*  As if it had been read now.  */
static int s_on_timer(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_passage_t *held = argument;
    tacit_server_t *server = held->server;
    s_unhold(held);
    s_pass(held);
    tacit_server_tell(server);
    tacit_server_lane_settle(server);
    return 0;
}

/*  False where it cannot be held.  */
static bool s_hold(s_passage_t *self, const tacit_fault_t *fault)
{
    tacit_server_faults_t *faults = self->server->faults;
    if (!self->server->loop || faults->held_count == TACIT_FAULT_HELD_MAX) {
        return false;
    }
    self->reorder = fault->action == TACIT_FAULT_REORDER;
    uint32_t ms = self->reorder ? TACIT_FAULT_REORDER_MS : fault->ms;
    self->timer = zloop_timer(self->server->loop, ms > 0 ? ms : 1, 1, s_on_timer, self);
    if (self->timer < 0) {
        return false;
    }
    self->next = faults->held;
    faults->held = self;
    faults->held_count++;
    return true;
}

/*  One that was to go behind what passed at that place just now; the caller's.  */
static s_passage_t *s_take_reordered(tacit_server_faults_t *faults, tacit_fault_place_t place)
{
    s_passage_t **at = &faults->held;
    while (*at && (!(*at)->reorder || (*at)->place != place)) {
        at = &(*at)->next;
    }
    s_passage_t *held = *at;
    if (held) {
        *at = held->next;
        faults->held_count--;
    }
    return held;
}

static void s_release_reordered(tacit_server_t *server, tacit_fault_place_t place)
{
    s_passage_t *held = NULL;
    while ((held = s_take_reordered(server->faults, place))) {
        zloop_timer_end(server->loop, held->timer);
        s_pass(held);
    }
}

/*  --- what happens ---------------------------------------------------------------------------- */

static void s_corrupt(s_passage_t *self, uint64_t dice)
{
    tacit_span_t bytes = s_bytes(self);
    if (bytes.size > 0) {
        ((uint8_t *)bytes.data)[dice % bytes.size] ^= (uint8_t)(1 + (dice >> 32) % 255);
    }
}

/*  Takes the passage.  */
static void s_suffer(s_passage_t *self, const tacit_fault_t *fault)
{
    tacit_server_t *server = self->server;
    tacit_fault_place_t place = self->place;
    bool hold = fault->action == TACIT_FAULT_DELAY || fault->action == TACIT_FAULT_REORDER;
    if (hold && s_hold(self, fault)) {
        return;
    }
    if (fault->action == TACIT_FAULT_DISCONNECT && self->fd >= 0) {
        (void)shutdown(self->fd, SHUT_RDWR);
    }
    if (fault->action == TACIT_FAULT_DROP || fault->action == TACIT_FAULT_DISCONNECT) {
        s_free(self);
        return;
    }
    if (fault->action == TACIT_FAULT_CORRUPT) {
        s_corrupt(self, fault->dice);
    }
    s_passage_t *copy = fault->action == TACIT_FAULT_DUPLICATE ? s_copy(self) : NULL;
    s_pass(self);
    if (copy) {
        s_pass(copy);
    }
    s_release_reordered(server, place);
}

/*  Is it to be touched at all? What is not may still be what one that is held waits for.  */
static bool s_judge(const tacit_server_t *server, tacit_fault_place_t place, const char *method,
                    const uint8_t *peer, tacit_fault_t *ret_fault)
{
    if (!server->faults) {
        return false;
    }
    *ret_fault = tacit_faults_judge(server->faults->rules, place, method, peer);
    return ret_fault->action != TACIT_FAULT_NONE || server->faults->held_count > 0;
}

uint32_t tacit_server_fault_session(tacit_server_t *server, const uint8_t *peer)
{
    if (!server->faults) {
        return 0;
    }
    return tacit_faults_judge(server->faults->rules, TACIT_FAULT_SESSION, "session.confirm", peer)
        .ms;
}

/*  --- places ---------------------------------------------------------------------------------- */

/*  The method of what came in; empty for a request that names none. False: nothing that is judged.
 */
static bool s_read_method(const tacit_server_t *server, const tacit_call_t *call,
                          char ret_method[TACIT_METHOD_NAME_MAX + 1],
                          tacit_fault_place_t *ret_place)
{
    uint64_t msgid = 0;
    tacit_frame_request_t request = {.msgid = 0};
    tacit_span_t name = {NULL, 0};
    if (tacit_frame_request_msgid(call->body, &msgid)) {
        *ret_place = TACIT_FAULT_REQUEST;
        name = tacit_frame_parse_request(call->body, &request, NULL) == TACIT_OK ? request.method
                                                                                 : name;
    } else {
        const tacit_call_t *open = tacit_server_stream_find(server, call);
        *ret_place = TACIT_FAULT_STREAM_IN;
        name = open ? tacit_span_string(open->entry->method->name) : name;
        if (!open) {
            return false;
        }
    }
    snprintf(ret_method, TACIT_METHOD_NAME_MAX + 1, "%.*s", (int)name.size,
             name.data ? (const char *)name.data : "");
    return true;
}

bool tacit_server_fault_in(tacit_server_t *server, tacit_call_t *call, bool too_many_frames)
{
    char method[TACIT_METHOD_NAME_MAX + 1];
    tacit_fault_place_t place = TACIT_FAULT_REQUEST;
    tacit_fault_t fault;
    if (!server->faults ||
        (!tacit_faults_any(server->faults->rules) && server->faults->held_count == 0) ||
        !s_read_method(server, call, method, &place) ||
        !s_judge(server, place, method, call->id.peer, &fault)) {
        return false;
    }
    s_passage_t *passage = s_new(server, place);
    if (passage) {
        passage->call = call;
        passage->too_many = too_many_frames;
        passage->fd = zmq_msg_get(&call->frame, ZMQ_SRCFD);
        s_suffer(passage, &fault);
    }
    return passage != NULL;
}

/*  Of its own memory, since it may be held for longer than the original lasts.  */
static bool s_keep_bulk(s_passage_t *self, zmq_msg_t *bulk)
{
    size_t size = zmq_msg_size(bulk);
    if (zmq_msg_init_size(&self->bulk, size) != 0) {
        zmq_msg_init(&self->bulk);
        return false;
    }
    memcpy(zmq_msg_data(&self->bulk), zmq_msg_data(bulk), size);
    zmq_msg_close(bulk);
    zmq_msg_init(bulk);
    self->has_bulk = true;
    return true;
}

bool tacit_server_fault_out(tacit_server_t *server, const tacit_call_t *call,
                            tacit_fault_place_t place, zmq_msg_t *frame, zmq_msg_t *bulk)
{
    tacit_fault_t fault;
    const char *method = call->entry ? call->entry->method->name : "";
    if (!s_judge(server, place, method, call->id.peer, &fault)) {
        return false;
    }
    s_passage_t *passage = s_new(server, place);
    if (passage && bulk && !s_keep_bulk(passage, bulk)) {
        s_free(passage);
        passage = NULL;
    }
    if (passage) {
        passage->id = call->id;
        passage->fd = zmq_msg_get(&call->frame, ZMQ_SRCFD);
        zmq_msg_move(&passage->frame, frame);
        s_suffer(passage, &fault);
    }
    return passage != NULL;
}

bool tacit_server_fault_lane(tacit_server_t *server, tacit_fault_place_t place, const uint8_t *peer,
                             const uint8_t *routing, int fd, zmq_msg_t *frame)
{
    tacit_fault_t fault;
    if (!s_judge(server, place, "session.lane", peer, &fault)) {
        return false;
    }
    s_passage_t *passage = s_new(server, place);
    if (passage) {
        memcpy(passage->id.routing, routing, sizeof passage->id.routing);
        passage->fd = fd >= 0 ? fd : zmq_msg_get(frame, ZMQ_SRCFD);
        zmq_msg_move(&passage->frame, frame);
        s_suffer(passage, &fault);
    }
    return passage != NULL;
}

void tacit_server_faults_destroy(tacit_server_faults_t **faults)
{
    tacit_server_faults_t *self = faults ? *faults : NULL;
    if (!self) {
        return;
    }
    while (self->held) {
        s_passage_t *held = self->held;
        self->held = held->next;
        s_free(held);
    }
    tacit_faults_destroy(&self->rules);
    free(self);
    *faults = NULL;
}
