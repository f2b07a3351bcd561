/*  exchange.h - one request of a measured caller, one reply (enclave/platform_message.h).

    Apart from sockets, so that every request can be tested without one.  */

#ifndef TACIT_PLATFORM_EXCHANGE_H
#define TACIT_PLATFORM_EXCHANGE_H

#include "enclave/platform_message.h"
#include "services/platform/measurer.h"
#include "services/platform/quoting.h"
#include "services/platform/state.h"

/*  What replies are made of; borrowed.  */
typedef struct tacit_exchange {
    const tacit_platform_state_t *state;
    const tacit_quoting_t *quoting; /* NULL for Nitro */
} tacit_exchange_t;

/*  Who asks, as measured: in the words of its signature file.  */
typedef struct tacit_caller {
    tacit_self_t self;
    uint8_t challenge[TACIT_PLATFORM_CHALLENGE_SIZE];
} tacit_caller_t;

/*  All write at most TACIT_PLATFORM_REPLY_MAX bytes and return how many.  */

/*  The reply to a request. *ret_broken where it was none, or not this connection's: the connection
    is to be closed after the reply.  */
size_t tacit_exchange_answer(const tacit_exchange_t *exchange, const tacit_caller_t *caller,
                             tacit_span_t request, uint8_t *ret_reply, bool *ret_broken);

/*  Tells the caller who it is in the words of the platform's kind.  */
size_t tacit_exchange_hello(tacit_tee_t tee, const tacit_caller_t *caller,
                            tacit_span_t configuration, uint8_t *ret_reply);
size_t tacit_exchange_refusal(tacit_platform_operation_t operation, const tacit_error_t *error,
                              uint8_t *ret_reply);

#endif
