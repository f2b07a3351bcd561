/*  server_lane_socket.c - what comes in and goes out by the lanes' socket.  */

#include "rpc/server_lane_socket.h"

#include <inttypes.h>

#include "rpc/server_lane_life.h"
#include "rpc/zap.h"

/*  --- out ------------------------------------------------------------------------------------- */

bool tacit_server_lane_send(const tacit_server_t *self,
                            const uint8_t routing[TACIT_ROUTING_ID_SIZE], zmq_msg_t *frame)
{
    zmq_msg_t address;
    tacit_server_address(&address, routing);
    bool sent = tacit_endpoint_send(self->lanes.endpoint, &address, ZMQ_SNDMORE) &&
                tacit_endpoint_send(self->lanes.endpoint, frame, 0);
    if (!sent) {
        zmq_msg_close(&address);
        zmq_msg_close(frame);
    }
    return sent;
}

bool tacit_lane_socket_send(tacit_server_t *self, const tacit_server_lane_t *row, zmq_msg_t *frame)
{
#ifdef TACIT_FAULTS
    if (tacit_server_fault_lane(self, TACIT_FAULT_LANE_OUT, row->id.peer, row->routing, row->fd,
                                frame)) {
        return true;
    }
#endif
    return tacit_server_lane_send(self, row->routing, frame);
}

/*  --- in -------------------------------------------------------------------------------------- */

void tacit_lane_socket_read_events(tacit_server_t *self)
{
    tacit_link_event_t event;
    tacit_lane_table_t *table = &self->lanes.table;
    while (self->lanes.endpoint && tacit_endpoint_event(self->lanes.endpoint, &event)) {
        for (size_t i = 0; event.link == TACIT_LINK_LOST && i < table->count; i++) {
            tacit_server_lane_t *row = table->rows[i];
            if (row->connected && row->fd == event.fd) {
                tacit_server_lane_end(self, row, false);
            }
        }
    }
}

/*  A message was read, up to its first frame.  */
static void s_take(tacit_server_t *self, zmq_msg_t *routing, zmq_msg_t *frame)
{
    if (zmq_msg_size(routing) != TACIT_ROUTING_ID_SIZE || zmq_msg_more(frame)) {
        self->lanes.dropped++;
        return;
    }
#ifdef TACIT_FAULTS
    tacit_span_t bytes = tacit_span(zmq_msg_data(frame), zmq_msg_size(frame));
    const tacit_server_lane_t *row =
        tacit_lane_table_find_name(&self->lanes.table, tacit_lane_frame_id(bytes));
    if (row && tacit_server_fault_lane(self, TACIT_FAULT_LANE_IN, row->id.peer,
                                       zmq_msg_data(routing), -1, frame)) {
        return;
    }
#endif
    tacit_server_lane_take(self, zmq_msg_data(routing), frame);
}

static bool s_receive(tacit_server_t *self)
{
    void *socket = tacit_endpoint_socket(self->lanes.endpoint);
    zmq_msg_t routing;
    zmq_msg_t frame;
    zmq_msg_init(&routing);
    zmq_msg_init(&frame);
    bool received = zmq_msg_recv(&routing, socket, ZMQ_DONTWAIT) >= 0;
    if (received && zmq_msg_more(&routing) && zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
        s_take(self, &routing, &frame);
        while (zmq_msg_more(&frame) && zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0) {
        }
    }
    zmq_msg_close(&routing);
    zmq_msg_close(&frame);
    return received;
}

static int s_on_input(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    for (size_t i = 0; i < TACIT_LANE_BATCH && s_receive(argument); i++) {
    }
    tacit_server_tell(argument);
    tacit_server_lane_settle(argument);
    return 0;
}

static int s_on_monitor(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    (void)loop;
    (void)item;
    tacit_lane_socket_read_events(argument);
    tacit_server_lane_settle(argument);
    return 0;
}

/*  --- life ------------------------------------------------------------------------------------ */

static bool s_poll(tacit_server_t *self, void *socket, zloop_fn *handler)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zloop_poller(self->loop, &item, handler, self) != 0) {
        return false;
    }
    zloop_poller_set_tolerant(self->loop, &item);
    return true;
}

/*  The socket, once.  */
tacit_status_t tacit_lane_socket_listen(tacit_server_t *self)
{
    static _Atomic uint64_t number;
    tacit_server_lanes_t *lanes = &self->lanes;
    char address[256];
    if (lanes->endpoint) {
        return TACIT_OK;
    }
    lanes->pool = lanes->pool ? lanes->pool : tacit_lane_pool_new();
    if (!self->loop || !lanes->pool ||
        tacit_endpoint_lane_address(tacit_endpoint_address(self->endpoint), 0, address,
                                    sizeof address) != TACIT_OK) {
        return TACIT_UNSUPPORTED;
    }
    snprintf(lanes->domain, sizeof lanes->domain, "tacit.lane.%" PRIu64, ++number);
    const tacit_endpoint_bind_t config = {.address = address,
                                          .zap_domain = lanes->domain,
                                          .frame_max = TACIT_LANE_FRAME_MAX,
                                          .lane = true};
    if (tacit_endpoint_bind(&config, &lanes->endpoint, NULL) != TACIT_OK) {
        return TACIT_UNSUPPORTED;
    }
    if (!s_poll(self, tacit_endpoint_socket(lanes->endpoint), s_on_input) ||
        !s_poll(self, tacit_endpoint_monitor(lanes->endpoint), s_on_monitor)) {
        return TACIT_NO_MEMORY;
    }
    return TACIT_OK;
}

void tacit_lane_socket_close(tacit_server_t *self)
{
    tacit_server_lanes_t *lanes = &self->lanes;
    if (lanes->endpoint) {
        tacit_zap_forget(lanes->domain, NULL);
    }
    tacit_endpoint_destroy(&lanes->endpoint);
    tacit_lane_pool_destroy(&lanes->pool);
}
