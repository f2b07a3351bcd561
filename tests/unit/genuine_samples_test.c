/*  genuine_samples_test.c - genuine evidence of every format, altered and cut: none of it verifies.

    The samples are no part of the source; TACIT_EVIDENCE names their folder, and without it the
    tests say that they skip.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "clients/attest/judge.h"
#include "clients/attest/utc.h"

enum { PATH_SIZE = 512, STEP = 19 /* every so-manieth byte of what is long */, SHORT = 400 };

typedef struct genuine {
    const char *name;
    const char *time;
    uint32_t parts; /* bit n: part n is altered and cut */
} genuine_t;

#define S_BIT(part) (UINT32_C(1) << (part))
#define S_DCAP                                                                                     \
    (S_BIT(TACIT_PART_QUOTE) | S_BIT(TACIT_PART_TCB_INFO) | S_BIT(TACIT_PART_QE_IDENTITY) |        \
     S_BIT(TACIT_PART_ROOT_CRL) | S_BIT(TACIT_PART_PCK_CRL))
#define S_SNP                                                                                      \
    (S_BIT(TACIT_PART_REPORT) | S_BIT(TACIT_PART_VEK) | S_BIT(TACIT_PART_ASK) |                    \
     S_BIT(TACIT_PART_ARK))

/*  Of a TPM quote without a certified hardware report only what its key signed.  */
static const genuine_t s_genuine[] = {
    {"tdx_v4/phala_b0c0", "2025-07-04T10:16:31Z", S_DCAP},
    {"tdx_v5/google_90c0", "2026-02-25T00:45:50Z", S_DCAP},
    {"nitro/sparsity_2", "2023-09-28T11:08:57.117Z", S_BIT(TACIT_PART_DOCUMENT)},
    {"snp/milan_vcek", "2025-06-01", S_SNP},
    {"snp/milan_vlek", "2024-10-01", S_SNP},
    {"tpm_azure/q1", "2025-06-01",
     S_BIT(TACIT_PART_TPM_MESSAGE) | S_BIT(TACIT_PART_TPM_SIGNATURE) | S_BIT(TACIT_PART_TPM_PCRS)},
};

static uint64_t s_time(const genuine_t *genuine)
{
    uint64_t time_ms = 0;
    assert_true(tacit_utc_parse(genuine->time, &time_ms));
    return time_ms;
}

static tacit_status_t s_judge(const tacit_sample_t *sample, uint64_t time_ms)
{
    static tacit_judgement_t judgement;
    tacit_judge_sample(sample, NULL, time_ms, &judgement);
    if (judgement.status != TACIT_OK) {
        assert_int_equal(judgement.error.code, judgement.status);
        assert_true(judgement.error.remedy[0] && judgement.error.claim[0]);
    }
    return judgement.status;
}

static void s_alter(tacit_sample_t *sample, size_t part, uint64_t time_ms)
{
    uint8_t *bytes = (uint8_t *)sample->parts[part].data;
    size_t size = sample->parts[part].size;
    for (size_t i = 0; i<size; i += size> SHORT ? STEP : 1) {
        bytes[i] ^= 1;
        if (s_judge(sample, time_ms) == TACIT_OK) {
            fail_msg("part %zu verifies with byte %zu altered", part, i);
        }
        bytes[i] ^= 1;
    }
}

/*  To copies of exactly each length. What only zeroes may follow is cut no further than these; a
    text's last line end is no part of it.  */
static void s_cut(tacit_sample_t *sample, size_t part, uint64_t time_ms)
{
    tacit_span_t whole = sample->parts[part];
    size_t size = whole.size;
    while (size > 0 && (whole.data[size - 1] == 0 || whole.data[size - 1] == '\n')) {
        size--;
    }
    /*  The evidence itself at each length, which its form refuses; collateral is dearer.  */
    bool evidence = part == TACIT_PART_QUOTE || part == TACIT_PART_DOCUMENT ||
                    part == TACIT_PART_REPORT || part == TACIT_PART_TPM_MESSAGE;
    for (size_t cut = 0; cut < size; cut += evidence ? 1 : STEP) {
        uint8_t *copy = malloc(cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, cut);
        sample->parts[part] = tacit_span(copy, cut);
        if (s_judge(sample, time_ms) == TACIT_OK) {
            fail_msg("part %zu verifies when cut to %zu bytes", part, cut);
        }
        free(copy);
    }
    sample->parts[part] = whole;
}

static void s_each(void (*spoil)(tacit_sample_t *, size_t, uint64_t))
{
    const char *folder = getenv("TACIT_EVIDENCE");
    folder = folder ? folder : TACIT_EVIDENCE_DEFAULT;
    for (size_t i = 0; i < sizeof s_genuine / sizeof s_genuine[0]; i++) {
        char path[PATH_SIZE];
        tacit_sample_t sample;
        snprintf(path, sizeof path, "%s/%s", folder, s_genuine[i].name);
        if (tacit_sample_load(path, &sample, NULL) != TACIT_OK) {
            printf("skipped: no samples in %s\n", folder);
            skip();
        }
        uint64_t time_ms = s_time(&s_genuine[i]);
        assert_int_equal(s_judge(&sample, time_ms), TACIT_OK);
        for (size_t part = 0; part < TACIT_PARTS; part++) {
            if (s_genuine[i].parts >> part & 1) {
                spoil(&sample, part, time_ms);
            }
        }
        assert_int_equal(s_judge(&sample, time_ms), TACIT_OK);
        tacit_sample_clear(&sample);
    }
}

static void test_altered(void **state)
{
    (void)state;
    s_each(s_alter);
}

static void test_cut(void **state)
{
    (void)state;
    s_each(s_cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
