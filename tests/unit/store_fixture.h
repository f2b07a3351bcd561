/*  store_fixture.h - for tests of what the attestation service stores: the real platform for the
    group, a folder and a mesh of its own for each case.  */

#ifndef TACIT_TESTS_STORE_FIXTURE_H
#define TACIT_TESTS_STORE_FIXTURE_H

#include "state_folder.h"

extern char store_fixture_folder[STATE_FOLDER_MAX];
extern uint8_t store_fixture_mesh_id[32];

int store_fixture_group(void **state);
int store_fixture_group_end(void **state);

/*  To be called by a case's setup and teardown.  */
void store_fixture_start(void);
void store_fixture_end(void);

#endif
