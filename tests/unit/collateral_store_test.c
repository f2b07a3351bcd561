/*  collateral_store_test.c - collateral moves forward only: through restarts, copies put back, and
    crashes half-way. On the real platform.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/whole_file.h"
#include "platform_fixture.h"
#include "services/attestation/collateral_store.h"
#include "store_fixture.h"

static tacit_collateral_store_t *s_store;

static void s_close(void)
{
    tacit_collateral_store_destroy(&s_store);
}

static tacit_status_t s_open(tacit_error_t *ret_error)
{
    s_close();
    return tacit_collateral_store_open(store_fixture_folder, store_fixture_mesh_id,
                                       platform_fixture(), &s_store, ret_error);
}

static const store_fixture_t s_fixture = {s_open, s_close};

/*  Evidence whose collateral has these numbers throughout.  */
static tacit_claims_t s_claims(uint8_t number)
{
    tacit_claims_t claims = {.tee = TACIT_TEE_SGX, .fmspc = {1}, .pck_issuer_sha256 = {2}};
    claims.marks.tcb_info = number;
    claims.marks.qe_identity = number;
    claims.marks.root_crl[TACIT_CRL_NUMBER_SIZE - 1] = number;
    claims.marks.pck_crl[TACIT_CRL_NUMBER_SIZE - 1] = number;
    return claims;
}

static tacit_status_t s_raise(uint8_t number)
{
    const tacit_claims_t claims = s_claims(number);
    return tacit_collateral_store_raise(s_store, &claims, NULL);
}

static tacit_status_t s_check(const tacit_claims_t *claims)
{
    tacit_error_t error = {0};
    tacit_status_t status = tacit_collateral_store_check(s_store, claims, &error);
    assert_true(status == TACIT_OK || (error.claim[0] && error.remedy[0]));
    return status;
}

static tacit_status_t s_check_number(uint8_t number)
{
    const tacit_claims_t claims = s_claims(number);
    return s_check(&claims);
}

static void what_is_older_is_refused(void **state)
{
    (void)state;
    assert_int_equal(s_check_number(0), TACIT_OK);
    assert_int_equal(s_raise(17), TACIT_OK);
    assert_int_equal(s_check_number(17), TACIT_OK);
    assert_int_equal(s_check_number(18), TACIT_OK);
    for (int i = 0; i < 4; i++) { /* one alone is enough */
        tacit_claims_t claims = s_claims(17);
        claims.marks.tcb_info -= i == 0;
        claims.marks.qe_identity -= i == 1;
        claims.marks.root_crl[TACIT_CRL_NUMBER_SIZE - 1] = i == 2 ? 16 : 17;
        claims.marks.pck_crl[TACIT_CRL_NUMBER_SIZE - 1] = i == 3 ? 16 : 17;
        assert_int_equal(s_check(&claims), TACIT_COLLATERAL_EXPIRED);
    }
    assert_int_equal(s_raise(9), TACIT_OK); /* lowers nothing */
    assert_int_equal(s_check_number(16), TACIT_COLLATERAL_EXPIRED);
}

/*  A new platform model is no way round the lists, nor a new issuer round the rest.  */
static void each_number_belongs_to_what_counts_it(void **state)
{
    (void)state;
    static const tacit_status_t old = TACIT_COLLATERAL_EXPIRED;
    assert_int_equal(s_raise(17), TACIT_OK);
    tacit_claims_t claims = s_claims(17);
    claims.marks.tcb_info = 1;
    assert_int_equal(s_check(&claims), old);
    claims.fmspc[0]++; /* another model: its own TCB info */
    assert_int_equal(s_check(&claims), TACIT_OK);
    claims.marks.root_crl[TACIT_CRL_NUMBER_SIZE - 1] = 1;
    assert_int_equal(s_check(&claims), old);
    claims.root_sha256[0]++; /* another vendor: all its own */
    assert_int_equal(s_check(&claims), TACIT_OK);
    claims = s_claims(17);
    claims.marks.pck_crl[TACIT_CRL_NUMBER_SIZE - 1] = 1;
    assert_int_equal(s_check(&claims), old);
    claims.pck_issuer_sha256[0]++; /* Platform and Processor CA count each for itself */
    assert_int_equal(s_check(&claims), TACIT_OK);
    claims = s_claims(17);
    claims.marks.qe_identity = 1;
    assert_int_equal(s_check(&claims), old);
    claims.tee = TACIT_TEE_TDX; /* TD_QE is another quoting enclave */
    assert_int_equal(s_check(&claims), TACIT_OK);
}

static void nitro_has_none(void **state)
{
    (void)state;
    const tacit_claims_t claims = {.tee = TACIT_TEE_NITRO};
    assert_int_equal(s_raise(17), TACIT_OK);
    assert_int_equal(s_check(&claims), TACIT_OK);
    assert_int_equal(tacit_collateral_store_raise(s_store, &claims, NULL), TACIT_OK);
}

static void what_was_believed_stays_through_restarts(void **state)
{
    (void)state;
    assert_int_equal(s_raise(17), TACIT_OK);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_check_number(16), TACIT_COLLATERAL_EXPIRED);
    assert_int_equal(s_check_number(17), TACIT_OK);
    tacit_collateral_store_destroy(&s_store);
    platform_fixture_restart();
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_check_number(16), TACIT_COLLATERAL_EXPIRED);
}

static void s_copy(const char *from, const char *to)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(tacit_whole_file_read(from, 65536, &bytes, &size), TACIT_OK);
    assert_int_equal(tacit_whole_file_replace(to, tacit_span(bytes, size), 0600), TACIT_OK);
    free(bytes);
}

static void an_old_copy_is_a_rollback(void **state)
{
    (void)state;
    tacit_error_t error = {0};
    const char *marks = state_path(store_fixture_folder, "collateral.marks");
    const char *kept = state_path(store_fixture_folder, "kept");
    assert_int_equal(s_raise(17), TACIT_OK);
    s_copy(marks, kept);
    assert_int_equal(s_raise(18), TACIT_OK);
    s_copy(kept, marks);
    assert_int_equal(s_open(&error), TACIT_ROLLBACK_DETECTED);
    assert_string_equal(error.claim, "collateral marks");
    assert_int_equal(unlink(marks), 0); /* none at all is no better */
    assert_int_equal(s_open(&error), TACIT_ROLLBACK_DETECTED);
}

static void an_altered_or_foreign_file_is_refused(void **state)
{
    (void)state;
    const char *marks = state_path(store_fixture_folder, "collateral.marks");
    assert_int_equal(s_raise(17), TACIT_OK);
    for (size_t at = 0; at < state_size(marks); at += 13) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        assert_int_equal(tacit_whole_file_read(marks, 65536, &bytes, &size), TACIT_OK);
        uint8_t other = bytes[at] ^ 1;
        state_write(marks, at, &other, 1);
        assert_int_equal(s_open(NULL), TACIT_CORRUPT);
        state_write(marks, at, &bytes[at], 1);
        free(bytes);
    }
    assert_int_equal(s_open(NULL), TACIT_OK);
    store_fixture_mesh_id[0]++;
    assert_int_equal(s_open(NULL), TACIT_CORRUPT);
    state_truncate(marks, 10);
    assert_int_equal(s_open(NULL), TACIT_CORRUPT);
}

/*  The platform is gone when the counter is to move: written, and never counted.  */
static void a_crash_before_the_counter_is_repaired(void **state)
{
    (void)state;
    assert_int_equal(s_raise(17), TACIT_OK);
    tacit_platform_t *lost = platform_fixture_connect();
    tacit_collateral_store_t *store = NULL;
    assert_int_equal(tacit_collateral_store_open(store_fixture_folder, store_fixture_mesh_id, lost,
                                                 &store, NULL),
                     TACIT_OK);
    tacit_collateral_store_destroy(&s_store);
    platform_fixture_restart(); /* lost is dead now */
    const tacit_claims_t claims = s_claims(18);
    assert_int_equal(tacit_collateral_store_raise(store, &claims, NULL), TACIT_UNREACHABLE);
    tacit_collateral_store_destroy(&store);
    tacit_platform_destroy(&lost);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_check_number(17), TACIT_COLLATERAL_EXPIRED);
    assert_int_equal(s_open(NULL), TACIT_OK); /* counted by now */
    assert_int_equal(s_raise(19), TACIT_OK);
}

/*  Of two that continue the same marks one succeeds.  */
static void two_do_not_continue_the_same_marks(void **state)
{
    (void)state;
    tacit_collateral_store_t *second = NULL;
    assert_int_equal(s_raise(17), TACIT_OK);
    assert_int_equal(tacit_collateral_store_open(store_fixture_folder, store_fixture_mesh_id,
                                                 platform_fixture(), &second, NULL),
                     TACIT_OK);
    assert_int_equal(s_raise(18), TACIT_OK);
    const tacit_claims_t claims = s_claims(19);
    assert_int_equal(tacit_collateral_store_raise(second, &claims, NULL), TACIT_ROLLBACK_DETECTED);
    tacit_collateral_store_destroy(&second);
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(s_raise(17), TACIT_OK);
    state_disk_full(16);
    tacit_status_t status = s_raise(18);
    state_disk_free();
    assert_int_not_equal(status, TACIT_OK);
    assert_int_equal(s_check_number(17), TACIT_OK);
    assert_int_equal(s_open(NULL), TACIT_OK);
    assert_int_equal(s_check_number(17), TACIT_OK);
    assert_int_equal(s_raise(18), TACIT_OK);
}

/*  Room for 256 numbers: each model takes one, and three are for all.  */
static void it_keeps_its_limit(void **state)
{
    (void)state;
    tacit_claims_t claims = s_claims(1);
    for (int i = 0; i <= TACIT_COLLATERAL_SCOPES_MAX - 3; i++) {
        claims.fmspc[1] = (uint8_t)i;
        claims.fmspc[2] = (uint8_t)(i >> 8);
        assert_int_equal(tacit_collateral_store_raise(s_store, &claims, NULL),
                         i < TACIT_COLLATERAL_SCOPES_MAX - 3 ? TACIT_OK : TACIT_TOO_LARGE);
    }
    assert_int_equal(s_open(NULL), TACIT_OK);
    claims.fmspc[1] = 0;
    claims.fmspc[2] = 0;
    claims.marks.tcb_info = 0;
    assert_int_equal(s_check(&claims), TACIT_COLLATERAL_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_CASE(what_is_older_is_refused, &s_fixture),
        STORE_CASE(each_number_belongs_to_what_counts_it, &s_fixture),
        STORE_CASE(nitro_has_none, &s_fixture),
        STORE_CASE(what_was_believed_stays_through_restarts, &s_fixture),
        STORE_CASE(an_old_copy_is_a_rollback, &s_fixture),
        STORE_CASE(an_altered_or_foreign_file_is_refused, &s_fixture),
        STORE_CASE(a_crash_before_the_counter_is_repaired, &s_fixture),
        STORE_CASE(two_do_not_continue_the_same_marks, &s_fixture),
        STORE_CASE(a_full_disk_changes_nothing, &s_fixture),
        STORE_CASE(it_keeps_its_limit, &s_fixture),
    };
    return cmocka_run_group_tests(tests, store_fixture_group, store_fixture_group_end);
}
