/*  platform_fixture.c - one daemon, one connection.  */

#include "platform_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <czmq.h>

#include "rpc/actor.h"
#include "services/platform/platformd.h"
#include "tests/unit/test_actor.h"

enum { S_START_MS = 60 * 1000 };

static tacit_platformd_args_t s_args;
static zactor_t *s_daemon;
static tacit_platform_t *s_platform;

tacit_platform_t *platform_fixture_connect(void)
{
    tacit_platform_t *platform = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_platform_connect(s_args.socket, &platform, &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    return platform;
}

static void s_start(void)
{
    char endpoint[TACIT_ENDPOINT_MAX];
    tacit_error_t error = {.code = TACIT_OK};
    s_daemon = test_actor_new(tacit_platformd_actor, &s_args);
    assert_non_null(s_daemon);
    if (tacit_actor_wait(s_daemon, S_START_MS, endpoint, &error)) {
        fail_msg("%s", error.message);
    }
    s_platform = platform_fixture_connect();
}

void platform_fixture_start(const char *folder)
{
    snprintf(s_args.state, sizeof s_args.state, "%s/platform", folder);
    snprintf(s_args.socket, sizeof s_args.socket, "%s/platform.socket", folder);
    s_start();
}

void platform_fixture_restart(void)
{
    platform_fixture_end();
    s_start();
}

void platform_fixture_end(void)
{
    tacit_platform_destroy(&s_platform);
    zactor_destroy(&s_daemon);
}

tacit_platform_t *platform_fixture(void)
{
    return s_platform;
}
