/*  exchange.c - reading requests, writing replies.

    One table says how long each operation's payload is and who answers it; a payload of any other
    length is refused before anything is read from it.  */

#include "services/platform/exchange.h"

#include <sodium.h>

#include "enclave/launch.h"
#include "services/platform/sealing.h"

typedef struct {
    uint8_t *data; /* TACIT_PLATFORM_REPLY_MAX bytes */
    size_t size;
} s_reply_t;

static void s_bytes(s_reply_t *reply, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(reply->data + reply->size, bytes, size);
    }
    reply->size += size;
}

static void s_little(s_reply_t *reply, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        reply->data[reply->size++] = (uint8_t)(value >> (8 * i));
    }
}

static void s_header(s_reply_t *reply, unsigned int operation, tacit_status_t status)
{
    reply->size = 0;
    s_little(reply, TACIT_PLATFORM_REPLY_MAGIC, 4);
    s_little(reply, operation, 2);
    s_little(reply, 0, 2);
    s_little(reply, status, 4);
}

/*  --- operations -------------------------------------------------------------------------------
 */

typedef struct {
    const tacit_exchange_t *exchange;
    const tacit_self_t *self;
    tacit_cursor_t payload; /* of the right size */
    s_reply_t *reply;       /* with its header */
} s_call_t;

typedef tacit_status_t s_answer_fn(s_call_t *call, tacit_error_t *ret_error);

static tacit_status_t s_quote(s_call_t *call, tacit_error_t *ret_error)
{
    uint8_t report_data[TACIT_REPORT_DATA_SIZE];
    size_t size = 0;
    uint32_t purpose = tacit_cursor_u32(&call->payload);
    if (purpose != TACIT_QUOTE_BINDING && purpose != TACIT_QUOTE_INTRODUCTION) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "no such purpose of a quote");
    }
    tacit_report_data((tacit_quote_purpose_t)purpose, call->payload.rest.data, report_data);
    const tacit_nitro_vendor_t *nitro = call->exchange->state->nitro;
    uint8_t *reply = call->reply->data + call->reply->size;
    tacit_status_t status =
        nitro ? tacit_nitro_vendor_document(nitro, call->self, report_data, reply, &size)
              : tacit_quoting_quote(call->exchange->quoting, call->self, report_data, reply, &size);
    call->reply->size += size;
    return status ? tacit_error_set(ret_error, status, "cannot make a quote") : TACIT_OK;
}

static tacit_status_t s_collateral(s_call_t *call, tacit_error_t *ret_error)
{
    static const tacit_collateral_t none; /* documents of Nitro bring all that they need */
    const tacit_pki_t *pki = call->exchange->state->pki;
    const tacit_collateral_t *collateral = pki ? tacit_pki_collateral(pki) : &none;
    const tacit_span_t parts[TACIT_PLATFORM_COLLATERAL_PARTS] = {
        collateral->tcb_info,          collateral->qe_identity,
        collateral->tcb_signing_chain, collateral->pck_crl_issuer_chain,
        collateral->root_crl,          collateral->pck_crl};
    size_t total = call->reply->size + (size_t)4 * TACIT_PLATFORM_COLLATERAL_PARTS;
    for (size_t i = 0; i < TACIT_PLATFORM_COLLATERAL_PARTS; i++) {
        total += parts[i].size;
        s_little(call->reply, parts[i].size, 4);
    }
    if (total > TACIT_PLATFORM_REPLY_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the collateral is too large to send");
    }
    for (size_t i = 0; i < TACIT_PLATFORM_COLLATERAL_PARTS; i++) {
        s_bytes(call->reply, parts[i].data, parts[i].size);
    }
    return TACIT_OK;
}

static tacit_status_t s_sealing_key(s_call_t *call, tacit_error_t *ret_error)
{
    uint16_t policy = tacit_cursor_u16(&call->payload);
    uint16_t svn = tacit_cursor_u16(&call->payload);
    uint8_t key[TACIT_SEALING_KEY_SIZE];
    tacit_status_t status = tacit_sealing_key(call->exchange->state->fuse_key->data, call->self,
                                              (tacit_seal_policy_t)policy, svn,
                                              call->payload.rest.data, key, ret_error);
    if (!status) {
        s_bytes(call->reply, key, sizeof key);
        sodium_memzero(key, sizeof key);
    }
    return status;
}

static tacit_status_t s_counter_read(s_call_t *call, tacit_error_t *ret_error)
{
    uint64_t value = 0;
    tacit_status_t status = tacit_counters_read(call->exchange->state->counters, call->self,
                                                call->payload.rest.data, &value, ret_error);
    if (!status) {
        s_little(call->reply, value, 8);
    }
    return status;
}

static tacit_status_t s_counter_advance(s_call_t *call, tacit_error_t *ret_error)
{
    tacit_span_t name = tacit_cursor_take(&call->payload, 32);
    uint64_t value = tacit_cursor_u64(&call->payload);
    return tacit_counters_advance(call->exchange->state->counters, call->self, name.data, value,
                                  ret_error);
}

static tacit_status_t s_counter_move(s_call_t *call, tacit_error_t *ret_error)
{
    tacit_span_t name = tacit_cursor_take(&call->payload, 32);
    uint64_t from = tacit_cursor_u64(&call->payload);
    uint64_t value = tacit_cursor_u64(&call->payload);
    return tacit_counters_move(call->exchange->state->counters, call->self, name.data, from, value,
                               ret_error);
}

typedef struct {
    tacit_platform_operation_t operation;
    size_t payload_size;
    s_answer_fn *answer;
} s_operation_t;

static const s_operation_t s_operations[] = {
    {TACIT_PLATFORM_QUOTE, TACIT_PLATFORM_QUOTE_REQUEST, s_quote},
    {TACIT_PLATFORM_COLLATERAL, 0, s_collateral},
    {TACIT_PLATFORM_SEALING_KEY, TACIT_PLATFORM_KEY_REQUEST, s_sealing_key},
    {TACIT_PLATFORM_COUNTER_READ, TACIT_PLATFORM_READ_REQUEST, s_counter_read},
    {TACIT_PLATFORM_COUNTER_ADVANCE, TACIT_PLATFORM_ADVANCE_REQUEST, s_counter_advance},
    {TACIT_PLATFORM_COUNTER_MOVE, TACIT_PLATFORM_MOVE_REQUEST, s_counter_move},
};

static const s_operation_t *s_find(unsigned int operation, size_t payload_size)
{
    for (size_t i = 0; i < sizeof s_operations / sizeof s_operations[0]; i++) {
        if (s_operations[i].operation == operation &&
            s_operations[i].payload_size == payload_size) {
            return &s_operations[i];
        }
    }
    return NULL;
}

/*  --- messages ---------------------------------------------------------------------------------
 */

static void s_text(s_reply_t *reply, const char *text, size_t size)
{
    size_t length = strnlen(text, size - 1);
    memcpy(reply->data + reply->size, text, length);
    memset(reply->data + reply->size + length, 0, size - length);
    reply->size += size;
}

size_t tacit_exchange_refusal(tacit_platform_operation_t operation, const tacit_error_t *error,
                              uint8_t *ret_reply)
{
    s_reply_t reply = {.data = ret_reply};
    s_header(&reply, operation, error->code);
    s_text(&reply, error->message, sizeof error->message);
    s_text(&reply, error->claim, sizeof error->claim);
    s_text(&reply, error->expected, sizeof error->expected);
    s_text(&reply, error->got, sizeof error->got);
    s_text(&reply, error->remedy, sizeof error->remedy);
    return reply.size;
}

size_t tacit_exchange_hello(tacit_tee_t tee, const tacit_caller_t *caller,
                            tacit_span_t configuration, uint8_t *ret_reply)
{
    const tacit_self_t identity = tacit_launch_identity(tee, &caller->self);
    const tacit_self_t *self = &identity;
    s_reply_t reply = {.data = ret_reply};
    s_header(&reply, TACIT_PLATFORM_HELLO, TACIT_OK);
    s_bytes(&reply, caller->challenge, sizeof caller->challenge);
    s_bytes(&reply, self->mrenclave, sizeof self->mrenclave);
    s_bytes(&reply, self->mrsigner, sizeof self->mrsigner);
    s_little(&reply, self->product_id, 2);
    s_little(&reply, self->svn, 2);
    s_little(&reply, self->debug ? 1 : 0, 1);
    s_little(&reply, self->tee, 1);
    s_little(&reply, 0, 2);
    s_bytes(&reply, configuration.data, configuration.size);
    return reply.size;
}

static size_t s_protocol_error(unsigned int operation, const char *what, uint8_t *ret_reply,
                               bool *ret_broken)
{
    tacit_error_t error;
    tacit_error_set(&error, TACIT_PROTOCOL_ERROR, "%s", what);
    *ret_broken = true;
    return tacit_exchange_refusal((tacit_platform_operation_t)operation, &error, ret_reply);
}

size_t tacit_exchange_answer(const tacit_exchange_t *exchange, const tacit_caller_t *caller,
                             tacit_span_t request, uint8_t *ret_reply, bool *ret_broken)
{
    tacit_cursor_t cursor = tacit_cursor(request);
    uint32_t magic = tacit_cursor_u32(&cursor);
    unsigned int operation = tacit_cursor_u16(&cursor);
    uint16_t zero = tacit_cursor_u16(&cursor);
    tacit_span_t challenge = tacit_cursor_take(&cursor, TACIT_PLATFORM_CHALLENGE_SIZE);
    if (cursor.failed || magic != TACIT_PLATFORM_REQUEST_MAGIC || zero != 0) {
        return s_protocol_error(operation, "that is no request", ret_reply, ret_broken);
    }
    if (sodium_memcmp(challenge.data, caller->challenge, sizeof caller->challenge) != 0) {
        return s_protocol_error(operation,
                                "the request does not repeat this connection's challenge",
                                ret_reply, ret_broken);
    }
    const s_operation_t *found = s_find(operation, cursor.rest.size);
    if (!found) {
        return s_protocol_error(operation, "no operation of that number and size", ret_reply,
                                ret_broken);
    }
    tacit_error_t error;
    s_reply_t reply = {.data = ret_reply};
    s_header(&reply, operation, TACIT_OK);
    s_call_t call = {
        .exchange = exchange, .self = &caller->self, .payload = cursor, .reply = &reply};
    if (found->answer(&call, &error)) {
        return tacit_exchange_refusal((tacit_platform_operation_t)operation, &error, ret_reply);
    }
    return reply.size;
}
