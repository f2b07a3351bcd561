/*  store_fixture.h - for tests of what the attestation service stores: the real platform for the
    group, a folder and a mesh of its own for each case.  */

#ifndef TACIT_TESTS_STORE_FIXTURE_H
#define TACIT_TESTS_STORE_FIXTURE_H

#include "enclave/error.h"
#include "state_folder.h"

extern char store_fixture_folder[STATE_FOLDER_MAX];
extern uint8_t store_fixture_mesh_id[32];

int store_fixture_group(void **state);
int store_fixture_group_end(void **state);

/*  How a test opens and closes what it tests; open closes what is open.  */
typedef struct store_fixture {
    tacit_status_t (*open)(tacit_error_t *ret_error);
    void (*close)(void);
} store_fixture_t;

/*  Of a case whose state is such a fixture: a folder, and the store opened in it.  */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

#define STORE_CASE(name, fixture)                                                                  \
    cmocka_unit_test_prestate_setup_teardown(name, store_fixture_setup, store_fixture_teardown,    \
                                             (void *)(fixture))

#endif
