/*  platform.c - the enclave's connection to its platform: who it is, and whether it still has one.
 */

#include "enclave/platform_exchange.h"

#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { S_HELLO_MS = 60 * 1000 /* large executables are hashed meanwhile */ };

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
        return tacit_platform_bad_reply(platform, ret_error);
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
    const struct timeval limit = {.tv_sec = TACIT_PLATFORM_REPLY_MS / 1000};
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
        status =
            tacit_platform_reply(platform, TACIT_PLATFORM_HELLO, S_HELLO_MS, &payload, ret_error);
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
