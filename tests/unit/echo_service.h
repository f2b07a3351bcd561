/*  echo_service.h - the service of echo.idl on a thread of its own, for tests of both ends.  */

#ifndef TACIT_TESTS_ECHO_SERVICE_H
#define TACIT_TESTS_ECHO_SERVICE_H

#include "rpc/client.h"
#include "rpc/server.h"

enum { ECHO_HELD_MAX = 2048, ECHO_ENDPOINT_MAX = 256 };

typedef struct echo_keys {
    uint8_t public_key[32];
    uint8_t secret_key[32];
} echo_keys_t;

typedef struct echo_service {
    echo_keys_t server;
    echo_keys_t user;
    echo_keys_t operator_user;
    bool plaintext;
    bool no_sessions;
    tacit_party_t party;              /* the server's: the supervisor, by default */
    char address[ECHO_ENDPOINT_MAX];  /* to bind; "tcp://127.0.0.1:*" by default */
    char endpoint[ECHO_ENDPOINT_MAX]; /* as bound */
    bool own_lane_times;              /* else rpc/limits.h's: */
    uint32_t lane_idle_ms;
    uint32_t lane_spare_ms;
    uint32_t lane_recall_ms;
    uint32_t drain_ms;          /* 0: ends when it is asked, whatever is pending */
    tacit_server_stats_t stats; /* when it was stopped */
    zactor_t *actor;
    tacit_server_t *running;           /* the actor's */
    tacit_call_t *held[ECHO_HELD_MAX]; /* the actor's: pending calls of hold and hold_user */
    size_t held_count;
    uint32_t counted; /* the actor's: by count */
    uint32_t
        watching; /* the actor's: calls of watch that are open, and that were told of their end */
    uint32_t ended;
} echo_service_t;

/*  Keys, parties and defaults; then the thread. Stopping finishes what is held, after the server's
    end. Both end the test where they fail.  */
void echo_init(echo_service_t *echo);
void echo_start(echo_service_t *echo);
void echo_stop(echo_service_t *echo);

/*  For cmocka: a service for one test, with all defaults.  */
extern echo_service_t echo_of_test;
int echo_setup(void **state);
int echo_teardown(void **state);

/*  Asks once, with drain_ms; and whether the actor ended within that time.  */
void echo_drain(echo_service_t *echo);
bool echo_ends_within(echo_service_t *echo, int milliseconds);

void echo_make_keys(echo_keys_t *ret_keys);

/*  How that user connects; no session (party NULL).  */
tacit_client_config_t echo_config(const echo_service_t *echo, const echo_keys_t *keys);

/*  A party of that role and key in the service's mesh; a user or the operator.  */
tacit_party_t echo_party(const echo_service_t *echo, const echo_keys_t *keys, tacit_role_t role);

/*  A connected client; ends the test where that fails. With a role it binds.  */
tacit_client_t *echo_connect(const echo_service_t *echo, const echo_keys_t *keys);
tacit_client_t *echo_bind(const echo_service_t *echo, const echo_keys_t *keys, tacit_role_t role);

/*  A number of the service's metrics, named as in its text; and wait until it is that.  */
uint64_t echo_metric(const echo_service_t *echo, const char *name);
void echo_await_metric(const echo_service_t *echo, const char *name, uint64_t number);

#endif
