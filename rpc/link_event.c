/*  link_event.c - which monitor events mean what, tried out against libzmq 4.3.4.  */

#include "rpc/link_event.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

/*  Seen of libzmq 4.3.4 (reconnecting switched off):
      nobody listens      CONNECT_DELAYED, CLOSED
      wrong server key    CONNECTED, HANDSHAKE_FAILED_NO_DETAIL (EPIPE, ECONNRESET), DISCONNECTED
      no or slow answer   CONNECTED, HANDSHAKE_FAILED_NO_DETAIL (EAGAIN), DISCONNECTED
      ZAP says 400        CONNECTED, HANDSHAKE_FAILED_AUTH (400), DISCONNECTED
      not CURVE there     CONNECTED, HANDSHAKE_FAILED_PROTOCOL (mechanism mismatch), DISCONNECTED
      not ZeroMQ there    CONNECTED, DISCONNECTED
      admitted            CONNECTED, HANDSHAKE_SUCCEEDED
    DISCONNECTED before success says less than the event before it: the owner keeps the first.  */

static tacit_status_t s_no_detail(bool curve, uint32_t value)
{
    bool closed = value == EPIPE || value == ECONNRESET || value == ECONNABORTED;
    return curve && closed ? TACIT_WRONG_SERVER_KEY : TACIT_UNREACHABLE;
}

static tacit_status_t s_bad_handshake(bool curve, uint32_t value)
{
    bool key = value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC ||
               value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
    return curve && key ? TACIT_WRONG_SERVER_KEY : TACIT_PROTOCOL_ERROR;
}

static tacit_status_t s_refused_by_zap(bool curve, uint32_t value)
{
    (void)curve;
    (void)value;
    return TACIT_REFUSED_BY_ZAP;
}

static tacit_status_t s_unreachable(bool curve, uint32_t value)
{
    (void)curve;
    (void)value;
    return TACIT_UNREACHABLE;
}

typedef struct {
    uint16_t event;
    tacit_link_t link;
    tacit_status_t (*judge)(bool curve, uint32_t value); /* NULL: OK */
} s_event_t;

static const s_event_t s_events[] = {
    {ZMQ_EVENT_HANDSHAKE_SUCCEEDED, TACIT_LINK_UP, NULL},
    {ZMQ_EVENT_CLOSED, TACIT_LINK_FAILED, s_unreachable},
    {ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, TACIT_LINK_FAILED, s_no_detail},
    {ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, TACIT_LINK_FAILED, s_bad_handshake},
    {ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, TACIT_LINK_FAILED, s_refused_by_zap},
    {ZMQ_EVENT_DISCONNECTED, TACIT_LINK_LOST, s_unreachable},
};

static const s_event_t *s_event(uint16_t event)
{
    for (size_t i = 0; i < sizeof s_events / sizeof *s_events; i++) {
        if (s_events[i].event == event) {
            return &s_events[i];
        }
    }
    return NULL;
}

/*  One message of the monitor: event and value in host order, then an address.  */
static bool s_read(void *monitor, uint16_t *ret_event, uint32_t *ret_value)
{
    uint8_t head[6];
    char address[256];
    if (zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT) != (int)sizeof head ||
        zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    memcpy(ret_event, head, sizeof *ret_event);
    memcpy(ret_value, head + sizeof *ret_event, sizeof *ret_value);
    return true;
}

bool tacit_link_event_read(void *monitor, bool curve, tacit_link_event_t *ret_event)
{
    uint16_t number;
    uint32_t value;
    while (s_read(monitor, &number, &value)) {
        const s_event_t *event = s_event(number);
        if (event) {
            ret_event->link = event->link;
            ret_event->status = event->judge ? event->judge(curve, value) : TACIT_OK;
            ret_event->fd = (int)value;
            return true;
        }
    }
    return false;
}
