/*  evidence_rules_test.c - rules that stand by themselves: the strict CBOR reader, merging of TCB
    states, collateral that may only move forward.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>

#include "enclave/cbor.h"
#include "enclave/collateral_marks.h"
#include "enclave/tcb_info.h"

/*  Read from a block of exactly its size, so that a sanitizer sees a read beyond.  */
static bool s_is_strict(const char *hex)
{
    uint8_t bytes[256];
    size_t size = 0;
    tacit_cbor_t item;
    assert_int_equal(sodium_hex2bin(bytes, sizeof bytes, hex, strlen(hex), " ", &size, NULL), 0);
    uint8_t *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    bool strict = tacit_cbor_read(tacit_span(exact, size), &item);
    free(exact);
    return strict;
}

static void test_cbor_accepts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "00",
        "17",
        "1818",
        "18ff",
        "190100",
        "1a00010000",
        "1b0000000100000000",
        "20",
        "3822",
        "40",
        "4101",
        "60",
        "6161",
        "62c3a9",
        "80",
        "820102",
        "9f0102ff",
        "9fff",
        "a0",
        "a10102",
        "a201020304",
        "bf0102ff",
        "bfff",
        "d28100",
        "f4",
        "f5",
        "f6",
        "f7",
        "a2613101 6132 02",
        "8181818181818100", /* seven arrays: the integer is at level seven */
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!s_is_strict(good[i])) {
            print_error("%s was refused\n", good[i]);
        }
        assert_true(s_is_strict(good[i]));
    }
}

static void test_cbor_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",                   /* nothing */
        "0000",               /* trailing byte */
        "1817",               /* 23 in two bytes */
        "1900ff",             /* 255 in three */
        "1a0000ffff",         /* 65535 in five */
        "1b00000000ffffffff", /* 2^32-1 in nine */
        "5801",               /* a string's length not in its shortest form */
        "4201",               /* shorter than it says */
        "5bffffffffffffffff", /* longer than anything */
        "9bffffffffffffffff",
        "bbffffffffffffffff",
        "1c",
        "1d",
        "1e",
        "1f", /* reserved, and an endless integer */
        "5f4101ff",
        "7f6161ff", /* strings in pieces */
        "ff",
        "8201ff",
        "9f01",
        "bf01ff",     /* breaks out of place, no break */
        "a201020102", /* a key twice */
        "bf01020102ff",
        "a2616101616102",
        "a1f401",
        "a18001",
        "a1a001", /* keys that are no integer or string */
        "61ff",
        "62c080",
        "63eda080",
        "64f4908080",
        "61c3", /* text that is no UTF-8 */
        "f800",
        "f0",
        "f93c00",
        "fa00000000",           /* simple values and floats */
        "818181818181818181",   /* nine arrays, nothing inside */
        "81818181818181818100", /* level nine */
        "d2",
        "c1d2",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (s_is_strict(bad[i])) {
            print_error("%s was read\n", bad[i]);
        }
        assert_false(s_is_strict(bad[i]));
    }
}

/*  A map of so many entries, keys from 0 on.  */
static bool s_map_is_read(size_t entries)
{
    uint8_t bytes[3 + 4 * (TACIT_CBOR_ENTRIES_MAX + 1)] = {0xb8, (uint8_t)entries};
    size_t size = 2;
    tacit_cbor_t item;
    for (size_t i = 0; i < entries; i++) {
        if (i >= 24) {
            bytes[size++] = 0x18;
        }
        bytes[size++] = (uint8_t)i;
        bytes[size++] = 0xf6;
    }
    return tacit_cbor_read(tacit_span(bytes, size), &item) && item.number == entries;
}

static void test_cbor_limits(void **state)
{
    (void)state;
    assert_true(s_map_is_read(TACIT_CBOR_ENTRIES_MAX));
    assert_false(s_map_is_read(TACIT_CBOR_ENTRIES_MAX + 1));
    assert_true(s_is_strict("818181818181818100"));    /* level eight */
    assert_false(s_is_strict("81818181818181818100")); /* level nine */
}

static void test_cbor_next(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xbf, 0x01, 0x41, 0x07, 0x20, 0xf6, 0xff};
    tacit_cbor_t map;
    tacit_cbor_t item;
    assert_true(tacit_cbor_read(tacit_span(bytes, sizeof bytes), &map));
    assert_int_equal(map.type, TACIT_CBOR_MAP);
    assert_int_equal(map.number, 2);
    assert_true(tacit_cbor_next(&map.content, &item) && item.number == 1);
    assert_true(tacit_cbor_next(&map.content, &item) && item.content.data[0] == 7);
    assert_true(tacit_cbor_next(&map.content, &item) && item.type == TACIT_CBOR_NEGATIVE);
    assert_true(tacit_cbor_next(&map.content, &item) && item.number == TACIT_CBOR_NULL);
    assert_false(tacit_cbor_next(&map.content, &item));
}

/*  --- Merging ------------------------------------------------------------------------------- */

/*  Platform with its SGX part's status, module (-1: none), whether the loaded module is current,
   the quoting enclave; and what becomes of them.  */
static const struct {
    tacit_tcb_status_t platform;
    tacit_tcb_status_t sgx;
    int module;
    bool relaunched;
    tacit_tcb_status_t enclave;
    tacit_tcb_status_t merged;
} s_merges[] = {
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, -1, false, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_UP_TO_DATE},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, false, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_UP_TO_DATE},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE, false, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_OUT_OF_DATE},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE, true, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_TD_RELAUNCH_ADVISED},
    {TACIT_TCB_CONFIGURATION_NEEDED, TACIT_TCB_CONFIGURATION_NEEDED, TACIT_TCB_OUT_OF_DATE, true,
     TACIT_TCB_UP_TO_DATE, TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED},
    {TACIT_TCB_OUT_OF_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE, true, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_TD_RELAUNCH_ADVISED},
    {TACIT_TCB_OUT_OF_DATE, TACIT_TCB_OUT_OF_DATE, TACIT_TCB_OUT_OF_DATE, true,
     TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE, true, TACIT_TCB_OUT_OF_DATE,
     TACIT_TCB_OUT_OF_DATE},
    {TACIT_TCB_SW_HARDENING_NEEDED, TACIT_TCB_SW_HARDENING_NEEDED, TACIT_TCB_OUT_OF_DATE, false,
     TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE},
    {TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
     TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED, TACIT_TCB_OUT_OF_DATE, false,
     TACIT_TCB_UP_TO_DATE, TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, TACIT_TCB_REVOKED, true, TACIT_TCB_UP_TO_DATE,
     TACIT_TCB_REVOKED},
    {TACIT_TCB_UP_TO_DATE, TACIT_TCB_UP_TO_DATE, -1, false, TACIT_TCB_REVOKED, TACIT_TCB_REVOKED},
    {TACIT_TCB_REVOKED, TACIT_TCB_REVOKED, -1, false, TACIT_TCB_OUT_OF_DATE, TACIT_TCB_REVOKED},
};

static void test_merging(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_merges / sizeof s_merges[0]; i++) {
        tacit_tcb_finding_t finding = {.sgx_status = s_merges[i].sgx,
                                       .has_module = s_merges[i].module >= 0,
                                       .relaunched_is_current = s_merges[i].relaunched};
        finding.platform.status = s_merges[i].platform;
        finding.module.status =
            finding.has_module ? (tacit_tcb_status_t)s_merges[i].module : TACIT_TCB_UP_TO_DATE;
        assert_int_equal(tacit_tcb_finding_status(&finding, s_merges[i].enclave),
                         s_merges[i].merged);
    }
}

/*  --- Collateral ---------------------------------------------------------------------------- */

static void test_collateral_moves_forward(void **state)
{
    (void)state;
    const tacit_collateral_marks_t nothing = {0};
    tacit_collateral_marks_t seen = {
        .tcb_info = 17, .qe_identity = 17, .root_crl = {[19] = 1}, .pck_crl = {[18] = 1}};
    tacit_collateral_marks_t offered = seen;
    assert_int_equal(tacit_collateral_marks_check(&nothing, &seen, NULL), TACIT_OK);
    assert_int_equal(tacit_collateral_marks_check(&seen, &offered, NULL), TACIT_OK);
    offered.tcb_info = 18;
    offered.pck_crl[19] = 1;
    assert_int_equal(tacit_collateral_marks_check(&seen, &offered, NULL), TACIT_OK);
    tacit_collateral_marks_raise(&seen, &offered);
    assert_memory_equal(&seen, &offered, sizeof seen);
    tacit_collateral_marks_raise(&seen, &nothing);
    assert_memory_equal(&seen, &offered, sizeof seen);
}

static void s_expect_refused(const tacit_collateral_marks_t *seen,
                             const tacit_collateral_marks_t *offered, const char *claim)
{
    tacit_error_t error = {0};
    assert_int_equal(tacit_collateral_marks_check(seen, offered, &error), TACIT_COLLATERAL_EXPIRED);
    assert_string_equal(error.claim, claim);
    assert_true(error.expected[0] && error.got[0] && error.remedy[0]);
}

static void test_collateral_of_before_is_refused(void **state)
{
    (void)state;
    const tacit_collateral_marks_t seen = {
        .tcb_info = 17, .qe_identity = 17, .root_crl = {[18] = 1}, .pck_crl = {[19] = 2}};
    tacit_collateral_marks_t offered = seen;
    offered.tcb_info = 16;
    s_expect_refused(&seen, &offered, "tcb_info.tcbEvaluationDataNumber");
    offered = seen;
    offered.qe_identity = 16;
    s_expect_refused(&seen, &offered, "qe_identity.tcbEvaluationDataNumber");
    offered = seen;
    offered.root_crl[18] = 0;
    offered.root_crl[19] = 0xff;
    s_expect_refused(&seen, &offered, "root_crl.number");
    offered = seen;
    offered.pck_crl[19] = 1;
    s_expect_refused(&seen, &offered, "pck_crl.number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cbor_accepts),
        cmocka_unit_test(test_cbor_refuses),
        cmocka_unit_test(test_cbor_limits),
        cmocka_unit_test(test_cbor_next),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_collateral_moves_forward),
        cmocka_unit_test(test_collateral_of_before_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
