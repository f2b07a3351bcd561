/*  platform_exchange.c - a packet there, a packet back.  */

#include "enclave/platform_exchange.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "enclave/clock.h"

void tacit_platform_add(tacit_platform_request_t *request, const void *bytes, size_t size)
{
    memcpy(request->data + request->size, bytes, size);
    request->size += size;
}

void tacit_platform_add_little(tacit_platform_request_t *request, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        request->data[request->size++] = (uint8_t)(value >> (8 * i));
    }
}

tacit_platform_request_t tacit_platform_request(const tacit_platform_t *platform,
                                                tacit_platform_operation_t operation)
{
    tacit_platform_request_t request = {.size = 0};
    tacit_platform_add_little(&request, TACIT_PLATFORM_REQUEST_MAGIC, 4);
    tacit_platform_add_little(&request, operation, 2);
    tacit_platform_add_little(&request, 0, 2);
    tacit_platform_add(&request, platform->challenge, sizeof platform->challenge);
    return request;
}

static tacit_status_t s_lost(tacit_platform_t *platform, tacit_error_t *ret_error)
{
    platform->broken = true;
    tacit_error_set(ret_error, TACIT_UNREACHABLE, "the platform does not answer any more");
    tacit_error_remedy(ret_error, "start tacit-platformd, then this service, anew");
    return TACIT_UNREACHABLE;
}

static bool s_wait(int fd, int timeout_ms)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    uint64_t end = tacit_monotonic_ns() / 1000000 + (uint64_t)timeout_ms;
    for (;;) {
        uint64_t now = tacit_monotonic_ns() / 1000000;
        int count = poll(&item, 1, now < end ? (int)(end - now) : 0);
        if (count >= 0 || errno != EINTR) {
            return count > 0;
        }
    }
}

/*  One packet into platform->reply. A packet that does not fit is no reply of ours.  */
static bool s_receive(tacit_platform_t *platform, int timeout_ms, size_t *ret_size)
{
    if (!s_wait(platform->fd, timeout_ms)) {
        return false;
    }
    ssize_t size = 0;
    do {
        size = recv(platform->fd, platform->reply, TACIT_PLATFORM_REPLY_MAX, MSG_TRUNC);
    } while (size < 0 && errno == EINTR);
    if (size <= 0 || size > TACIT_PLATFORM_REPLY_MAX) {
        return false;
    }
    *ret_size = (size_t)size;
    return true;
}

static void s_take_text(tacit_cursor_t *cursor, char *ret_text, size_t size)
{
    tacit_cursor_copy(cursor, ret_text, size);
    ret_text[size - 1] = '\0';
}

static tacit_status_t s_take_refusal(tacit_cursor_t *cursor, tacit_status_t status,
                                     tacit_error_t *ret_error)
{
    tacit_error_t error;
    tacit_error_set(&error, status, NULL);
    s_take_text(cursor, error.message, sizeof error.message);
    s_take_text(cursor, error.claim, sizeof error.claim);
    s_take_text(cursor, error.expected, sizeof error.expected);
    s_take_text(cursor, error.got, sizeof error.got);
    s_take_text(cursor, error.remedy, sizeof error.remedy);
    if (!tacit_cursor_done(cursor)) {
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "the platform's refusal is cut");
    }
    if (ret_error) {
        *ret_error = error;
    }
    return status;
}

tacit_status_t tacit_platform_reply(tacit_platform_t *platform,
                                    tacit_platform_operation_t operation, int timeout_ms,
                                    tacit_cursor_t *ret_payload, tacit_error_t *ret_error)
{
    size_t size = 0;
    if (!s_receive(platform, timeout_ms, &size)) {
        return s_lost(platform, ret_error);
    }
    tacit_cursor_t cursor = tacit_cursor(tacit_span(platform->reply, size));
    uint32_t magic = tacit_cursor_u32(&cursor);
    uint16_t answered = tacit_cursor_u16(&cursor);
    uint16_t zero = tacit_cursor_u16(&cursor);
    tacit_status_t status = (tacit_status_t)tacit_cursor_u32(&cursor);
    if (cursor.failed || magic != TACIT_PLATFORM_REPLY_MAGIC || zero != 0 ||
        answered != operation) {
        platform->broken = true;
        return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR, "that is no platform's reply");
    }
    if (status) {
        return s_take_refusal(&cursor, status, ret_error);
    }
    *ret_payload = cursor;
    return TACIT_OK;
}

tacit_status_t tacit_platform_ask(tacit_platform_t *platform,
                                  const tacit_platform_request_t *request,
                                  tacit_platform_operation_t operation, tacit_cursor_t *ret_payload,
                                  tacit_error_t *ret_error)
{
    if (platform->device) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                               "a %s device gives quotes, and nothing else",
                               tacit_tee_name(platform->device->tee));
    }
    if (platform->broken) {
        return s_lost(platform, ret_error);
    }
    ssize_t sent = 0;
    do {
        sent = send(platform->fd, request->data, request->size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent != (ssize_t)request->size) {
        return s_lost(platform, ret_error);
    }
    return tacit_platform_reply(platform, operation, TACIT_PLATFORM_REPLY_MS, ret_payload,
                                ret_error);
}

tacit_status_t tacit_platform_bad_reply(tacit_platform_t *platform, tacit_error_t *ret_error)
{
    platform->broken = true;
    return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                           "the platform's reply has another size than it must");
}
