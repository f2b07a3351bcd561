/*  turns_service.h - the service of turns.idl on a thread of its own, for tests of limits.  */

#ifndef TACIT_TESTS_TURNS_SERVICE_H
#define TACIT_TESTS_TURNS_SERVICE_H

#include "idl/turns.h"
#include "rpc/client_stream.h"
#include "tests/unit/echo_service.h"

enum { TURNS_HELD_MAX = 64, TURNS_THREADS = 3 };

typedef struct turns_service {
    echo_keys_t keys;
    echo_keys_t operator_user;
    char endpoint[128];
    tacit_party_t party;
    tacit_untaken_limits_t untaken;
    zactor_t *actor;
    tacit_call_t *held[TURNS_HELD_MAX]; /* the actor's */
    size_t held_count;
    _Atomic uint32_t begun;
    _Atomic uint32_t running;
    _Atomic uint32_t most;
    _Atomic uint32_t over;
    size_t parts; /* the actor's: calls of parts between their beginning and their end */
    _Atomic uint32_t parts_ended;
    atomic_bool shut; /* calls of crowd stay until it is false */
} turns_service_t;

/*  All end the test where they fail; stop also where a call was not finished.  */
void turns_start(turns_service_t *turns);
void turns_start_with(turns_service_t *turns, const tacit_untaken_limits_t *untaken);
void turns_stop(turns_service_t *turns);

/*  A client of that key (NULL: a fresh one), with a session or without one.  */
tacit_client_t *turns_connect(const turns_service_t *turns, const echo_keys_t *keys, bool bound);

/*  A number of the service's metrics, by all that stands before it in its line.  */
uint64_t turns_metric(const turns_service_t *turns, const char *name);
/*  ... once it is that.  */
void turns_await_metric(const turns_service_t *turns, const char *name, uint64_t number);

#endif
