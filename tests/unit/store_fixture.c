/*  store_fixture.c - folders and a platform.  */

#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sodium.h>

#include "platform_fixture.h"

char store_fixture_folder[STATE_FOLDER_MAX];
uint8_t store_fixture_mesh_id[32];

static char s_base[STATE_FOLDER_MAX]; /* of the platform */

int store_fixture_group(void **state)
{
    (void)state;
    state_folder_make(s_base);
    platform_fixture_start(s_base);
    return 0;
}

int store_fixture_group_end(void **state)
{
    (void)state;
    platform_fixture_end();
    state_folder_remove(s_base);
    return 0;
}

int store_fixture_setup(void **state)
{
    const store_fixture_t *fixture = *state;
    state_folder_make(store_fixture_folder);
    randombytes_buf(store_fixture_mesh_id, sizeof store_fixture_mesh_id);
    assert_int_equal(fixture->open(NULL), TACIT_OK);
    return 0;
}

int store_fixture_teardown(void **state)
{
    const store_fixture_t *fixture = *state;
    fixture->close();
    state_folder_remove(store_fixture_folder);
    return 0;
}
