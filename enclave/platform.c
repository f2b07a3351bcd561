/*  platform.c - the enclave's connection to its platform.

    One request at a time under a lock. After a failed exchange the connection is of no more use,
    because a late answer could be taken for the next one's: every later call is UNREACHABLE.  */

#include "enclave/platform.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "enclave/platform_message.h"
#include "enclave/quote_device.h"

enum {
    S_HELLO_MS = 60 * 1000, /* large executables are hashed meanwhile */
    S_REPLY_MS = 30 * 1000
};

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
typedef struct {
    uint8_t data[TACIT_PLATFORM_REQUEST_MAX];
    size_t size;
} s_request_t;

static void s_add(s_request_t *request, const void *bytes, size_t size)
{
    memcpy(request->data + request->size, bytes, size);
    request->size += size;
}

static void s_add_little(s_request_t *request, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        request->data[request->size++] = (uint8_t)(value >> (8 * i));
    }
}

static s_request_t s_request(const tacit_platform_t *platform, tacit_platform_operation_t operation)
{
    s_request_t request = {.size = 0};
    s_add_little(&request, TACIT_PLATFORM_REQUEST_MAGIC, 4);
    s_add_little(&request, operation, 2);
    s_add_little(&request, 0, 2);
    s_add(&request, platform->challenge, sizeof platform->challenge);
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

/*  Receive the reply to operation; ret_payload borrows from platform->reply.  */
static tacit_status_t s_reply(tacit_platform_t *platform, tacit_platform_operation_t operation,
                              int timeout_ms, tacit_cursor_t *ret_payload, tacit_error_t *ret_error)
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

/*  Ask, under the lock. The payload borrows from platform->reply until the lock is released.  */
static tacit_status_t s_ask(tacit_platform_t *platform, const s_request_t *request,
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
    return s_reply(platform, operation, S_REPLY_MS, ret_payload, ret_error);
}

static tacit_status_t s_bad_reply(tacit_platform_t *platform, tacit_error_t *ret_error)
{
    platform->broken = true;
    return tacit_error_set(ret_error, TACIT_PROTOCOL_ERROR,
                           "the platform's reply has another size than it must");
}

/*  --- connecting -------------------------------------------------------------------------------
 */

static tacit_status_t s_take_hello(tacit_platform_t *platform, tacit_cursor_t *cursor,
                                   tacit_error_t *ret_error)
{
    tacit_self_t *self = &platform->self;
    tacit_cursor_copy(cursor, platform->challenge, sizeof platform->challenge);
    tacit_cursor_copy(cursor, self->mrenclave, sizeof self->mrenclave);
    tacit_cursor_copy(cursor, self->mrsigner, sizeof self->mrsigner);
    self->product_id = tacit_cursor_u16(cursor);
    self->svn = tacit_cursor_u16(cursor);
    self->debug = tacit_cursor_u8(cursor) != 0;
    self->tee = (tacit_tee_t)tacit_cursor_u8(cursor);
    (void)tacit_cursor_take(cursor, 2);
    if (cursor->failed || self->tee >= TACIT_TEES ||
        cursor->rest.size > TACIT_CONFIGURATION_TEXT_MAX) {
        return s_bad_reply(platform, ret_error);
    }
    platform->configuration = malloc(cursor->rest.size + 1);
    if (!platform->configuration) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    platform->configuration_size = cursor->rest.size;
    tacit_cursor_copy(cursor, platform->configuration, cursor->rest.size);
    return TACIT_OK;
}

static tacit_status_t s_dial(tacit_platform_t *platform, const char *socket_path,
                             tacit_error_t *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof address.sun_path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "the platform's socket path is too long");
    }
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    platform->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = S_REPLY_MS / 1000};
    if (platform->fd < 0 ||
        setsockopt(platform->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(platform->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        tacit_error_set(ret_error, TACIT_UNREACHABLE, "there is no platform at %s", socket_path);
        tacit_error_remedy(ret_error, "start tacit-platformd --socket %s", socket_path);
        return TACIT_UNREACHABLE;
    }
    return TACIT_OK;
}

static tacit_platform_t *s_new(void)
{
    tacit_platform_t *platform = calloc(1, sizeof *platform);
    if (!platform) {
        return NULL;
    }
    platform->fd = -1;
    platform->reply = malloc(TACIT_PLATFORM_REPLY_MAX);
    if (!platform->reply) {
        free(platform);
        return NULL;
    }
    pthread_mutex_init(&platform->lock, NULL);
    return platform;
}

tacit_status_t tacit_platform_connect(const char *socket_path, tacit_platform_t **ret_platform,
                                      tacit_error_t *ret_error)
{
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    tacit_platform_t *platform = s_new();
    if (!platform) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status = s_dial(platform, socket_path, ret_error);
    if (!status) {
        status = s_reply(platform, TACIT_PLATFORM_HELLO, S_HELLO_MS, &payload, ret_error);
    }
    if (!status) {
        status = s_take_hello(platform, &payload, ret_error);
    }
    if (status) {
        tacit_platform_destroy(&platform);
        return status;
    }
    *ret_platform = platform;
    return TACIT_OK;
}

void tacit_platform_destroy(tacit_platform_t **platform)
{
    if (!platform || !*platform) {
        return;
    }
    tacit_platform_t *self = *platform;
    if (self->fd >= 0) {
        close(self->fd);
    }
    tacit_quote_device_destroy(&self->device);
    pthread_mutex_destroy(&self->lock);
    sodium_memzero(self->challenge, sizeof self->challenge);
    free(self->configuration);
    free(self->reply);
    free(self);
    *platform = NULL;
}

/*  Between two exchanges nobody reads, so that the end of the other side has to be looked for.  */
bool tacit_platform_is_lost(tacit_platform_t *platform)
{
    struct pollfd poll_fd = {.fd = platform->fd, .events = POLLRDHUP};
    if (platform->fd >= 0 && poll(&poll_fd, 1, 0) > 0) {
        atomic_store(&platform->broken, true);
    }
    return atomic_load(&platform->broken);
}

const tacit_self_t *tacit_platform_self(const tacit_platform_t *platform)
{
    return &platform->self;
}

tacit_span_t tacit_platform_configuration(const tacit_platform_t *platform)
{
    return tacit_span(platform->configuration, platform->configuration_size);
}

/*  --- over a device ----------------------------------------------------------------------------
 */

/*  Who this is, as its own evidence has it. The commitment is a nonce: nobody is shown the quote.
 */
static tacit_status_t s_ask_device(tacit_platform_t *platform, tacit_error_t *ret_error)
{
    uint8_t nonce[64];
    size_t size = 0;
    tacit_claims_t claims;
    randombytes_buf(nonce, sizeof nonce);
    tacit_status_t status = tacit_quote_device_quote(platform->device, TACIT_QUOTE_BINDING, nonce,
                                                     platform->reply, &size, ret_error);
    if (!status) {
        status =
            tacit_evidence_verify_report(tacit_span(platform->reply, size), &claims, ret_error);
    }
    if (status) {
        return status;
    }
    platform->self = (tacit_self_t){.tee = claims.tee,
                                    .product_id = claims.product_id,
                                    .svn = claims.svn,
                                    .debug = claims.debug};
    memcpy(platform->self.mrenclave, claims.mrenclave, sizeof claims.mrenclave);
    memcpy(platform->self.mrsigner, claims.mrsigner, sizeof claims.mrsigner);
    return TACIT_OK;
}

tacit_status_t tacit_platform_over(tacit_quote_device_t *device, tacit_platform_t **ret_platform,
                                   tacit_error_t *ret_error)
{
    tacit_platform_t *platform = s_new();
    if (!platform) {
        tacit_quote_device_destroy(&device);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    platform->device = device;
    tacit_status_t status = s_ask_device(platform, ret_error);
    if (status) {
        tacit_platform_destroy(&platform);
        return status;
    }
    *ret_platform = platform;
    return TACIT_OK;
}

/*  --- requests ---------------------------------------------------------------------------------
 */

tacit_status_t tacit_platform_quote(tacit_platform_t *platform, tacit_quote_purpose_t purpose,
                                    const uint8_t commitment[64], uint8_t *ret_quote,
                                    size_t *ret_size, tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_QUOTE);
    s_add_little(&request, purpose, 4);
    s_add(&request, commitment, 64);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    if (platform->device) {
        tacit_status_t made = tacit_quote_device_quote(platform->device, purpose, commitment,
                                                       ret_quote, ret_size, ret_error);
        pthread_mutex_unlock(&platform->lock);
        return made;
    }
    tacit_status_t status = s_ask(platform, &request, TACIT_PLATFORM_QUOTE, &payload, ret_error);
    if (!status && (payload.rest.size == 0 || payload.rest.size > TACIT_QUOTE_MAX)) {
        status = s_bad_reply(platform, ret_error);
    }
    if (!status) {
        *ret_size = payload.rest.size;
        memcpy(ret_quote, payload.rest.data, payload.rest.size);
    }
    pthread_mutex_unlock(&platform->lock);
    return status;
}

/*  The parts, over a copy of the whole payload.  */
static tacit_status_t s_take_collateral(tacit_platform_t *platform, tacit_span_t bytes,
                                        tacit_collateral_t *ret_collateral,
                                        tacit_error_t *ret_error)
{
    uint32_t sizes[TACIT_PLATFORM_COLLATERAL_PARTS];
    tacit_span_t parts[TACIT_PLATFORM_COLLATERAL_PARTS];
    tacit_cursor_t cursor = tacit_cursor(bytes);
    for (size_t i = 0; i < TACIT_PLATFORM_COLLATERAL_PARTS; i++) {
        sizes[i] = tacit_cursor_u32(&cursor);
    }
    for (size_t i = 0; i < TACIT_PLATFORM_COLLATERAL_PARTS; i++) {
        parts[i] = tacit_cursor_take(&cursor, sizes[i]);
    }
    if (!tacit_cursor_done(&cursor)) {
        return s_bad_reply(platform, ret_error);
    }
    *ret_collateral = (tacit_collateral_t){.tcb_info = parts[0],
                                           .qe_identity = parts[1],
                                           .tcb_signing_chain = parts[2],
                                           .pck_crl_issuer_chain = parts[3],
                                           .root_crl = parts[4],
                                           .pck_crl = parts[5]};
    return TACIT_OK;
}

tacit_status_t tacit_platform_collateral(tacit_platform_t *platform,
                                         tacit_collateral_t *ret_collateral, void **ret_storage,
                                         tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_COLLATERAL);
    uint8_t *storage = NULL;
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        s_ask(platform, &request, TACIT_PLATFORM_COLLATERAL, &payload, ret_error);
    if (!status) {
        size_t size = payload.rest.size;
        storage = malloc(size + 1);
        if (storage) {
            tacit_cursor_copy(&payload, storage, size);
            status =
                s_take_collateral(platform, tacit_span(storage, size), ret_collateral, ret_error);
        } else {
            status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        }
    }
    pthread_mutex_unlock(&platform->lock);
    if (status) {
        free(storage);
        return status;
    }
    *ret_storage = storage;
    return TACIT_OK;
}

tacit_status_t tacit_platform_sealing_key(tacit_platform_t *platform, tacit_seal_policy_t policy,
                                          uint16_t svn, const uint8_t context[32],
                                          tacit_secret_t **ret_key, tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_SEALING_KEY);
    s_add_little(&request, policy, 2);
    s_add_little(&request, svn, 2);
    s_add(&request, context, 32);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        s_ask(platform, &request, TACIT_PLATFORM_SEALING_KEY, &payload, ret_error);
    if (!status && payload.rest.size != 32) {
        status = s_bad_reply(platform, ret_error);
    }
    if (!status && tacit_secret_copy(payload.rest, ret_key)) {
        status = tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    sodium_memzero(platform->reply, TACIT_PLATFORM_REPLY_HEADER + 32);
    pthread_mutex_unlock(&platform->lock);
    return status;
}

tacit_status_t tacit_platform_counter_read(tacit_platform_t *platform, const uint8_t name[32],
                                           uint64_t *ret_value, tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_COUNTER_READ);
    s_add(&request, name, 32);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        s_ask(platform, &request, TACIT_PLATFORM_COUNTER_READ, &payload, ret_error);
    if (!status) {
        uint64_t value = tacit_cursor_u64(&payload);
        if (tacit_cursor_done(&payload)) {
            *ret_value = value;
        } else {
            status = s_bad_reply(platform, ret_error);
        }
    }
    pthread_mutex_unlock(&platform->lock);
    return status;
}

/*  For requests whose reply says no more than how it went.  */
static tacit_status_t s_tell(tacit_platform_t *platform, const s_request_t *request,
                             tacit_platform_operation_t operation, tacit_error_t *ret_error)
{
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status = s_ask(platform, request, operation, &payload, ret_error);
    if (!status && payload.rest.size != 0) {
        status = s_bad_reply(platform, ret_error);
    }
    pthread_mutex_unlock(&platform->lock);
    return status;
}

tacit_status_t tacit_platform_counter_advance(tacit_platform_t *platform, const uint8_t name[32],
                                              uint64_t value, tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_COUNTER_ADVANCE);
    s_add(&request, name, 32);
    s_add_little(&request, value, 8);
    return s_tell(platform, &request, TACIT_PLATFORM_COUNTER_ADVANCE, ret_error);
}

tacit_status_t tacit_platform_counter_move(tacit_platform_t *platform, const uint8_t name[32],
                                           uint64_t from, uint64_t value, tacit_error_t *ret_error)
{
    s_request_t request = s_request(platform, TACIT_PLATFORM_COUNTER_MOVE);
    s_add(&request, name, 32);
    s_add_little(&request, from, 8);
    s_add_little(&request, value, 8);
    return s_tell(platform, &request, TACIT_PLATFORM_COUNTER_MOVE, ret_error);
}
