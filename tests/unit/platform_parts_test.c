/*  platform_parts_test.c - the platform's parts alone: vendor, state of keys, sealing, counters,
    memory maps, requests.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/whole_file.h"
#include "services/platform/exchange.h"
#include "services/platform/mappings.h"
#include "services/platform/sealing.h"

/*  --- vendor -----------------------------------------------------------------------------------
 */

static void s_vendor_survives_export(void **state)
{
    (void)state;
    tacit_pki_t *first = NULL;
    tacit_pki_t *second = NULL;
    tacit_secret_t *bytes = NULL;
    uint8_t keys[2][64];
    assert_int_equal(tacit_pki_new(NULL, &first), TACIT_OK);
    assert_int_equal(tacit_pki_export(first, &bytes), TACIT_OK);
    assert_int_equal(tacit_pki_import(tacit_secret_span(bytes), &second), TACIT_OK);
    assert_true(tacit_span_equal(tacit_pki_root_der(first), tacit_pki_root_der(second)));
    assert_true(tacit_span_equal(tacit_pki_pck_chain(first), tacit_pki_pck_chain(second)));
    assert_memory_equal(tacit_pki_platform(first), tacit_pki_platform(second),
                        sizeof(tacit_sgx_platform_t));
    assert_int_equal(tacit_pki_public(first, TACIT_PKI_ATTESTATION, keys[0]), TACIT_OK);
    assert_int_equal(tacit_pki_public(second, TACIT_PKI_ATTESTATION, keys[1]), TACIT_OK);
    assert_memory_equal(keys[0], keys[1], 64);
    tacit_pki_destroy(&second);
    tacit_pki_destroy(&first);
    tacit_secret_destroy(&bytes);
}

static void s_vendor_refuses_half_a_state(void **state)
{
    (void)state;
    tacit_pki_t *pki = NULL;
    tacit_secret_t *bytes = NULL;
    assert_int_equal(tacit_pki_new(NULL, &pki), TACIT_OK);
    assert_int_equal(tacit_pki_export(pki, &bytes), TACIT_OK);
    tacit_pki_destroy(&pki);
    for (size_t size = 0; size < bytes->size - 1; size += 97) { /* the last byte is a newline */
        assert_int_equal(tacit_pki_import(tacit_span(bytes->data, size), &pki), TACIT_CORRUPT);
    }
    tacit_secret_destroy(&bytes);
}

static void s_collateral_is_due_before_it_ends(void **state)
{
    (void)state;
    const uint64_t now = 1800000000;
    const uint64_t end = now - TACIT_PKI_BACKDATE_S + TACIT_PKI_COLLATERAL_S;
    const tacit_pki_options_t options = {.now_s = now};
    const tacit_pki_options_t later = {.now_s = end};
    tacit_pki_t *pki = NULL;
    assert_int_equal(tacit_pki_new(&options, &pki), TACIT_OK);
    assert_false(tacit_pki_due(pki, now));
    assert_false(tacit_pki_due(pki, end - TACIT_PKI_REFRESH_S - 1));
    assert_true(tacit_pki_due(pki, end - TACIT_PKI_REFRESH_S));
    assert_int_equal(tacit_pki_issue(pki, &later), TACIT_OK);
    assert_false(tacit_pki_due(pki, end));
    tacit_pki_destroy(&pki);
}

/*  --- sealing keys -----------------------------------------------------------------------------
 */

static const uint8_t s_fuse_key[TACIT_FUSE_KEY_SIZE] = {1};
static const uint8_t s_context[32] = {2};

static void s_derive(const tacit_self_t *self, tacit_seal_policy_t policy, uint16_t svn,
                     uint8_t ret_key[32])
{
    assert_int_equal(tacit_sealing_key(s_fuse_key, self, policy, svn, s_context, ret_key, NULL),
                     TACIT_OK);
}

static void s_keys_are_separate(void **state)
{
    (void)state;
    const tacit_self_t variants[] = {
        {.svn = 3},
        {.svn = 3, .debug = true},
        {.svn = 3, .product_id = 1},
        {.svn = 3, .mrsigner = {1}},
        {.svn = 3, .mrenclave = {1}},
    };
    enum { S_COUNT = sizeof variants / sizeof variants[0] };
    uint8_t keys[2 * S_COUNT][32];
    for (size_t i = 0; i < S_COUNT; i++) {
        s_derive(&variants[i], TACIT_SEAL_MRSIGNER, 3, keys[i]);
        s_derive(&variants[i], TACIT_SEAL_MRENCLAVE, 0, keys[S_COUNT + i]);
    }
    assert_memory_equal(keys[0], keys[4], 32);                     /* signer's: code is no matter */
    assert_memory_equal(keys[S_COUNT], keys[S_COUNT + 2], 32);     /* code's: product is none */
    assert_memory_not_equal(keys[0], keys[1], 32);                 /* debug */
    assert_memory_not_equal(keys[0], keys[2], 32);                 /* product */
    assert_memory_not_equal(keys[0], keys[3], 32);                 /* signer */
    assert_memory_not_equal(keys[0], keys[S_COUNT], 32);           /* policy */
    assert_memory_not_equal(keys[S_COUNT], keys[S_COUNT + 1], 32); /* debug */
    assert_memory_not_equal(keys[S_COUNT], keys[S_COUNT + 4], 32); /* code */
}

static void s_versions_look_back_only(void **state)
{
    (void)state;
    const tacit_self_t old = {.svn = 3};
    const tacit_self_t new = {.svn = 4};
    uint8_t keys[2][32];
    s_derive(&old, TACIT_SEAL_MRSIGNER, 3, keys[0]);
    s_derive(&new, TACIT_SEAL_MRSIGNER, 3, keys[1]);
    assert_memory_equal(keys[0], keys[1], 32);
    s_derive(&new, TACIT_SEAL_MRSIGNER, 4, keys[1]);
    assert_memory_not_equal(keys[0], keys[1], 32);
    assert_int_equal(
        tacit_sealing_key(s_fuse_key, &old, TACIT_SEAL_MRSIGNER, 4, s_context, keys[0], NULL),
        TACIT_SVN_TOO_LOW);
}

/*  --- counters ---------------------------------------------------------------------------------
 */

static void s_name(uint8_t name[32], size_t number)
{
    memset(name, 0, 32);
    memcpy(name, &number, sizeof number);
}

static void s_counters_are_limited(void **state)
{
    (void)state;
    char path[] = "/tmp/tacit-counters-XXXXXX";
    const tacit_self_t owner = {.svn = 1};
    const tacit_self_t debug = {.svn = 1, .debug = true};
    tacit_counters_t *counters = NULL;
    uint8_t name[32];
    uint64_t value = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(tacit_counters_open(path, &counters, NULL), TACIT_OK);
    for (size_t i = 0; i < TACIT_COUNTERS_PER_OWNER_MAX; i++) {
        s_name(name, i);
        assert_int_equal(tacit_counters_advance(counters, &owner, name, 1, NULL), TACIT_OK);
    }
    s_name(name, TACIT_COUNTERS_PER_OWNER_MAX);
    assert_int_equal(tacit_counters_advance(counters, &owner, name, 1, NULL), TACIT_TOO_LARGE);
    assert_int_equal(tacit_counters_advance(counters, &debug, name, 1, NULL), TACIT_OK);
    s_name(name, 0); /* those that are there still go up */
    assert_int_equal(tacit_counters_advance(counters, &owner, name, 2, NULL), TACIT_OK);
    assert_int_equal(tacit_counters_read(counters, &owner, name, &value, NULL), TACIT_OK);
    assert_int_equal(value, 2);
    assert_int_equal(tacit_counters_read(counters, &debug, name, &value, NULL), TACIT_OK);
    assert_int_equal(value, 0);
    assert_int_equal(tacit_counters_move(counters, &owner, name, 1, 3, NULL),
                     TACIT_ROLLBACK_DETECTED); /* from what it was */
    assert_int_equal(tacit_counters_move(counters, &owner, name, 2, 2, NULL),
                     TACIT_ROLLBACK_DETECTED); /* to what it is */
    assert_int_equal(tacit_counters_move(counters, &owner, name, 2, 9, NULL), TACIT_OK);
    assert_int_equal(tacit_counters_move(counters, &owner, name, 2, 10, NULL),
                     TACIT_ROLLBACK_DETECTED); /* of two from the same place one succeeds */
    assert_int_equal(tacit_counters_read(counters, &owner, name, &value, NULL), TACIT_OK);
    assert_int_equal(value, 9);
    tacit_counters_destroy(&counters);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char file[sizeof path + 8];
        snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
        (void)unlink(file);
    }
}

/*  --- memory maps ------------------------------------------------------------------------------
 */

#define S_EXE "/bin/exe"
#define S_EXE_LINE                                                                                 \
    "55d000000000-55d000001000 r-xp 00001000 08:01 77                         " S_EXE "\n"

static tacit_status_t s_check(const char *text, bool debug, tacit_error_t *error)
{
    char copy[1024];
    const tacit_file_facts_t facts = {.mapping = "08:01 77"};
    const tacit_enclave_configuration_t configuration = {.debug = debug};
    tacit_file_hashes_t *hashes = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    FILE *file = fmemopen(copy, strlen(copy) + (copy[0] ? 0 : 1), "r");
    assert_non_null(file);
    assert_int_equal(tacit_file_hashes_new(&hashes), TACIT_OK);
    const tacit_mappings_expected_t expected = {
        .executable = S_EXE, .facts = &facts, .configuration = &configuration, .hashes = hashes};
    tacit_status_t status = tacit_mappings_check(file, &expected, error);
    tacit_file_hashes_destroy(&hashes);
    (void)fclose(file);
    return status;
}

typedef struct {
    const char *text;
    const char *claim; /* NULL: accepted */
} s_map_row_t;

static void s_judges_memory_maps(void **state)
{
    (void)state;
    static const s_map_row_t rows[] = {
        {S_EXE_LINE, NULL},
        {S_EXE_LINE "Anonymous:             0 kB\n", NULL},
        {S_EXE_LINE "7ffc1000-7ffc2000 rw-p 00000000 00:00 0      [stack]\nAnonymous: 8 kB\n",
         NULL},
        {S_EXE_LINE "7ffc1000-7ffc2000 r-xp 00000000 00:00 0      [vdso]\n", NULL},
        {S_EXE_LINE "7ffc1000-7ffc2000 rw-p 00000000 08:01 12     /lib/data.so\n", NULL},
        {S_EXE_LINE "7ffc1000-7ffc2000 --xp 00000000 00:00 0      [vsyscall]\n", NULL},
        {S_EXE_LINE "Anonymous:             4 kB\n", "code in memory"},
        {S_EXE_LINE "7ffc1000-7ffc2000 r-xp 00000000 00:00 0 \n", "code in memory"},
        {S_EXE_LINE "7ffc1000-7ffc2000 rwxp 00000000 00:00 0      [stack]\n", "code in memory"},
        {S_EXE_LINE "7ffc1000-7ffc2000 r-xp 00000000 00:00 0      [anon:jit]\n", "code in memory"},
        {S_EXE_LINE "7ffc1000-7ffc2000 r-xp 00000000 08:01 12     /lib/other.so\n", "library"},
        {S_EXE_LINE "7ffc1000-7ffc2000 r-xp 00000000 00:01 12     /memfd:x (deleted)\n", "library"},
        {"55d000-55d001 r-xp 00001000 08:01 78     " S_EXE "\n", "code in memory"},
        {"55d000-55d001 rwxp 00001000 08:01 77     " S_EXE "\n", "code in memory"},
        {"55d000-55d001 r-xp 00001000 08:01 77     " S_EXE " (deleted)\n", "library"},
        {"", "mappings"},
        {"no line of a map\n", "mappings"},
        {"55d000-55d001 r-xp 00001000 08:01 77     " S_EXE, "mappings"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_error_t error = {.code = TACIT_OK};
        tacit_status_t status = s_check(rows[i].text, false, &error);
        if (status != (rows[i].claim ? TACIT_PLATFORM_REFUSED : TACIT_OK)) {
            fail_msg("row %zu: status %d, claim %s", i, (int)status, error.claim);
        }
        assert_string_equal(error.claim, rows[i].claim ? rows[i].claim : "");
    }
    assert_int_equal(s_check(S_EXE_LINE "Anonymous:             4 kB\n", true, NULL), TACIT_OK);
}

/*  --- requests ---------------------------------------------------------------------------------
 */

typedef struct {
    uint16_t operation;
    size_t payload_size;
} s_request_row_t;

/*  Of every size up to the largest, an operation answers its own alone. Nothing behind the
    exchange is there, so that answering another would crash.  */
static void s_requests_have_one_size(void **state)
{
    (void)state;
    static const s_request_row_t rows[] = {
        {TACIT_PLATFORM_QUOTE, TACIT_PLATFORM_QUOTE_REQUEST},
        {TACIT_PLATFORM_COLLATERAL, 0},
        {TACIT_PLATFORM_SEALING_KEY, TACIT_PLATFORM_KEY_REQUEST},
        {TACIT_PLATFORM_COUNTER_READ, TACIT_PLATFORM_READ_REQUEST},
        {TACIT_PLATFORM_COUNTER_ADVANCE, TACIT_PLATFORM_ADVANCE_REQUEST},
        {TACIT_PLATFORM_HELLO, SIZE_MAX},
        {0, SIZE_MAX},
        {TACIT_PLATFORM_COUNTER_MOVE, TACIT_PLATFORM_MOVE_REQUEST},
        {TACIT_PLATFORM_COUNTER_MOVE + 1, SIZE_MAX},
        {UINT16_MAX, SIZE_MAX},
    };
    const tacit_exchange_t exchange = {.state = NULL};
    const tacit_caller_t caller = {.challenge = {0}};
    uint8_t *reply = malloc(TACIT_PLATFORM_REPLY_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t request[TACIT_PLATFORM_REQUEST_MAX] = "TPQ1";
        request[4] = (uint8_t)rows[i].operation;
        request[5] = (uint8_t)(rows[i].operation >> 8);
        for (size_t size = 0; size <= sizeof request; size++) {
            bool broken = false;
            if (size == TACIT_PLATFORM_REQUEST_HEADER + rows[i].payload_size) {
                continue;
            }
            size_t reply_size = tacit_exchange_answer(&exchange, &caller, tacit_span(request, size),
                                                      reply, &broken);
            assert_true(broken);
            assert_int_equal(reply_size, TACIT_PLATFORM_REPLY_HEADER + TACIT_PLATFORM_REFUSAL_SIZE);
            assert_int_equal(reply[8], TACIT_PROTOCOL_ERROR);
        }
    }
    free(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_vendor_survives_export),
        cmocka_unit_test(s_vendor_refuses_half_a_state),
        cmocka_unit_test(s_collateral_is_due_before_it_ends),
        cmocka_unit_test(s_keys_are_separate),
        cmocka_unit_test(s_versions_look_back_only),
        cmocka_unit_test(s_counters_are_limited),
        cmocka_unit_test(s_judges_memory_maps),
        cmocka_unit_test(s_requests_have_one_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
