/*  platform_fixture.h - the real platform in the test's process, for tests of what needs sealing
   keys and counters. The test is signed by the build (tacit_enclave), so that the platform admits
   it.  */

#ifndef TACIT_TESTS_PLATFORM_FIXTURE_H
#define TACIT_TESTS_PLATFORM_FIXTURE_H

#include "enclave/platform.h"

/*  Start below a folder and connect; end with everything but the folder.  */
void platform_fixture_start(const char *folder);
void platform_fixture_end(void);

/*  The platform ends and starts again, as after a crash: every connection from before is dead, and
    platform_fixture() is a new one.  */
void platform_fixture_restart(void);

/*  The connection. Another one, as another process of the same enclave would have.  */
tacit_platform_t *platform_fixture(void);
tacit_platform_t *platform_fixture_connect(void);

#endif
