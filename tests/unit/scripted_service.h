/*  scripted_service.h - a service that answers echo.echo as the test says: well, never, busily, or
   by hanging up; and counts what came.  */

#ifndef TACIT_TESTS_SCRIPTED_SERVICE_H
#define TACIT_TESTS_SCRIPTED_SERVICE_H

#include <stdatomic.h>

#include "rpc/channel.h"
#include "tests/unit/echo_service.h"

typedef enum scripted_manner {
    SCRIPTED_WELL,
    SCRIPTED_SILENT,
    SCRIPTED_BUSY,     /* asks for retry_after_ms */
    SCRIPTED_DRAINING, /* the same */
    SCRIPTED_BROKEN,   /* an internal error */
    SCRIPTED_GARBAGE,  /* a reply that is none */
    SCRIPTED_HANG_UP   /* ends its socket without an answer, and opens another */
} scripted_manner_t;

typedef struct scripted {
    echo_keys_t keys;
    char endpoint[ECHO_ENDPOINT_MAX];
    atomic_int manner;       /* of every request */
    atomic_int then;         /* how often, before it is well again; 0: for ever */
    atomic_int requests;     /* that came */
    atomic_int cancels;      /* the same */
    atomic_int keyed;        /* requests with an idempotency key */
    uint32_t retry_after_ms; /* of SCRIPTED_BUSY */
    zactor_t *actor;
    uint8_t frame[TACIT_FRAME_MAX]; /* the actor's: what came last */
} scripted_t;

void scripted_start(scripted_t *scripted);
void scripted_stop(scripted_t *scripted);
void scripted_be(scripted_t *scripted, scripted_manner_t manner, int times);

/*  Where it is, for a channel.  */
tacit_target_t scripted_target(const scripted_t *scripted);
tacit_target_t echo_target(const echo_service_t *echo);

#endif
