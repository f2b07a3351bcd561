/*  platform_exchange.h - one request to the platform and its reply, for platform.c and
    platform_requests.c alone.

    After a failed exchange the connection is of no more use, because a late answer could be taken
    for the next one's: every later call is UNREACHABLE.  */

#ifndef TACIT_ENCLAVE_PLATFORM_EXCHANGE_H
#define TACIT_ENCLAVE_PLATFORM_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "enclave/platform.h"
#include "enclave/platform_message.h"
#include "enclave/quote_device.h"

enum { TACIT_PLATFORM_REPLY_MS = 30 * 1000 };

struct tacit_platform {
    pthread_mutex_t lock;
    int fd;
    atomic_bool broken; /* an exchange failed */
    uint8_t *reply;     /* TACIT_PLATFORM_REPLY_MAX bytes, under the lock */
    uint8_t challenge[TACIT_PLATFORM_CHALLENGE_SIZE];
    tacit_self_t self;
    uint8_t *configuration;
    size_t configuration_size;
    tacit_quote_device_t *device; /* of a platform over a device, which is connected to nothing */
};

/*  A request being written; its largest size is known.  */
typedef struct tacit_platform_request {
    uint8_t data[TACIT_PLATFORM_REQUEST_MAX];
    size_t size;
} tacit_platform_request_t;

/*  Head and challenge of a request, and what it says.  */
tacit_platform_request_t tacit_platform_request(const tacit_platform_t *platform,
                                                tacit_platform_operation_t operation);
void tacit_platform_add(tacit_platform_request_t *request, const void *bytes, size_t size);
void tacit_platform_add_little(tacit_platform_request_t *request, uint64_t value, size_t width);

/*  Ask, under the lock. The payload borrows from platform->reply until the lock is released.
    UNREACHABLE, PROTOCOL_ERROR, UNSUPPORTED (a device), or what the platform refuses with.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_ask(tacit_platform_t *platform,
                                                   const tacit_platform_request_t *request,
                                                   tacit_platform_operation_t operation,
                                                   tacit_cursor_t *ret_payload,
                                                   tacit_error_t *ret_error);

/*  Receive a reply to operation, within timeout_ms, as in tacit_platform_ask.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_reply(tacit_platform_t *platform,
                                                     tacit_platform_operation_t operation,
                                                     int timeout_ms, tacit_cursor_t *ret_payload,
                                                     tacit_error_t *ret_error);

/*  For a reply of a size that it must not have: the connection is given up. PROTOCOL_ERROR.  */
tacit_status_t tacit_platform_bad_reply(tacit_platform_t *platform, tacit_error_t *ret_error);

#endif
