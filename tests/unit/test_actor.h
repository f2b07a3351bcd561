/*  test_actor.h - actors of tests: the process ends only after their threads have, as the daemons
 * do.
 *
 *  CZMQ's actors are detached threads: zactor_destroy waits for their last word, not for their end.
 *  A thread that still ends while OpenSSL cleans up leaves its error state behind, and
 *  LeakSanitizer finds it.
 */

#ifndef TACIT_TESTS_TEST_ACTOR_H
#define TACIT_TESTS_TEST_ACTOR_H

#include <czmq.h>

#include "enclave/secret.h"
#include "rpc/actor.h"

/*  As zactor_new. */
static inline zactor_t *test_actor_new(zactor_fn *function, void *args)
{
    static bool registered;
    if (!registered) {
        /*  As in the daemons OpenSSL is ready before any thread is, so that its end comes after
           ours and no thread keeps what it makes of a configuration.  */
        registered = !tacit_process_init() && atexit(tacit_actors_end) == 0;
    }
    return zactor_new(function, args);
}

#endif
