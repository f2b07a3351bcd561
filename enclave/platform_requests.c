/*  platform_requests.c - what a platform is asked for, one request at a time under its lock.  */

#include "enclave/platform_exchange.h"

#include <sodium.h>
#include <stdlib.h>

tacit_status_t tacit_platform_quote(tacit_platform_t *platform, tacit_quote_purpose_t purpose,
                                    const uint8_t commitment[64], uint8_t *ret_quote,
                                    size_t *ret_size, tacit_error_t *ret_error)
{
    tacit_platform_request_t request = tacit_platform_request(platform, TACIT_PLATFORM_QUOTE);
    tacit_platform_add_little(&request, purpose, 4);
    tacit_platform_add(&request, commitment, 64);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    if (platform->device) {
        tacit_status_t made = tacit_quote_device_quote(platform->device, purpose, commitment,
                                                       ret_quote, ret_size, ret_error);
        pthread_mutex_unlock(&platform->lock);
        return made;
    }
    tacit_status_t status =
        tacit_platform_ask(platform, &request, TACIT_PLATFORM_QUOTE, &payload, ret_error);
    if (!status && (payload.rest.size == 0 || payload.rest.size > TACIT_QUOTE_MAX)) {
        status = tacit_platform_bad_reply(platform, ret_error);
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
        return tacit_platform_bad_reply(platform, ret_error);
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
    tacit_platform_request_t request = tacit_platform_request(platform, TACIT_PLATFORM_COLLATERAL);
    uint8_t *storage = NULL;
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        tacit_platform_ask(platform, &request, TACIT_PLATFORM_COLLATERAL, &payload, ret_error);
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
    tacit_platform_request_t request = tacit_platform_request(platform, TACIT_PLATFORM_SEALING_KEY);
    tacit_platform_add_little(&request, policy, 2);
    tacit_platform_add_little(&request, svn, 2);
    tacit_platform_add(&request, context, 32);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        tacit_platform_ask(platform, &request, TACIT_PLATFORM_SEALING_KEY, &payload, ret_error);
    if (!status && payload.rest.size != 32) {
        status = tacit_platform_bad_reply(platform, ret_error);
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
    tacit_platform_request_t request =
        tacit_platform_request(platform, TACIT_PLATFORM_COUNTER_READ);
    tacit_platform_add(&request, name, 32);
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status =
        tacit_platform_ask(platform, &request, TACIT_PLATFORM_COUNTER_READ, &payload, ret_error);
    if (!status) {
        uint64_t value = tacit_cursor_u64(&payload);
        if (tacit_cursor_done(&payload)) {
            *ret_value = value;
        } else {
            status = tacit_platform_bad_reply(platform, ret_error);
        }
    }
    pthread_mutex_unlock(&platform->lock);
    return status;
}

/*  For requests whose reply says no more than how it went.  */
static tacit_status_t s_tell(tacit_platform_t *platform, const tacit_platform_request_t *request,
                             tacit_platform_operation_t operation, tacit_error_t *ret_error)
{
    tacit_cursor_t payload = tacit_cursor(tacit_span(NULL, 0));
    pthread_mutex_lock(&platform->lock);
    tacit_status_t status = tacit_platform_ask(platform, request, operation, &payload, ret_error);
    if (!status && payload.rest.size != 0) {
        status = tacit_platform_bad_reply(platform, ret_error);
    }
    pthread_mutex_unlock(&platform->lock);
    return status;
}

tacit_status_t tacit_platform_counter_advance(tacit_platform_t *platform, const uint8_t name[32],
                                              uint64_t value, tacit_error_t *ret_error)
{
    tacit_platform_request_t request =
        tacit_platform_request(platform, TACIT_PLATFORM_COUNTER_ADVANCE);
    tacit_platform_add(&request, name, 32);
    tacit_platform_add_little(&request, value, 8);
    return s_tell(platform, &request, TACIT_PLATFORM_COUNTER_ADVANCE, ret_error);
}

tacit_status_t tacit_platform_counter_move(tacit_platform_t *platform, const uint8_t name[32],
                                           uint64_t from, uint64_t value, tacit_error_t *ret_error)
{
    tacit_platform_request_t request =
        tacit_platform_request(platform, TACIT_PLATFORM_COUNTER_MOVE);
    tacit_platform_add(&request, name, 32);
    tacit_platform_add_little(&request, from, 8);
    tacit_platform_add_little(&request, value, 8);
    return s_tell(platform, &request, TACIT_PLATFORM_COUNTER_MOVE, ret_error);
}
