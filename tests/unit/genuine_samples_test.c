/*  genuine_samples_test.c - genuine evidence of every format, altered and cut: none of it verifies.

    The samples are no part of the source; TACIT_EVIDENCE names their folder, and without it the
    tests say that they skip.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/attest/judge.h"
#include "clients/attest/utc.h"

enum {
    PATH_SIZE = 512,
    STEP = 19,    /* every so-manieth byte of what is long */
    SPARSE = 209, /* where another sample of that form is altered more densely */
    SHORT = 400
};

typedef struct genuine {
    const char *name;
    const char *time;
    uint32_t parts; /* bit n: part n is altered and cut */
    size_t step;
    bool own_root; /* root_ca.der beside it is trusted, instead of the vendor's */
} genuine_t;

#define S_BIT(part) (UINT32_C(1) << (part))
#define S_DCAP                                                                                     \
    (S_BIT(TACIT_PART_QUOTE) | S_BIT(TACIT_PART_TCB_INFO) | S_BIT(TACIT_PART_QE_IDENTITY) |        \
     S_BIT(TACIT_PART_ROOT_CRL) | S_BIT(TACIT_PART_PCK_CRL))
#define S_SNP                                                                                      \
    (S_BIT(TACIT_PART_REPORT) | S_BIT(TACIT_PART_VEK) | S_BIT(TACIT_PART_ASK) |                    \
     S_BIT(TACIT_PART_ARK))

/*  All samples that verify, but the one that evidence_samples_test.c alters. Of a TPM quote without
    a certified hardware report only what its key signed.  */
static const genuine_t s_genuine[] = {
    {"sgx_v3/phala_a067_2023", "2023-12-06T00:22:47Z", S_DCAP, SPARSE, false},
    {"sgx_v3/automata_606a_debug_tcbv2", "2024-02-08T07:34:33Z", S_DCAP, SPARSE, false},
    {"tdx_v4/phala_b0c0", "2025-07-04T10:16:31Z", S_DCAP, STEP, false},
    {"tdx_v5/google_90c0", "2026-02-25T00:45:50Z", S_DCAP, STEP, false},
    {"sim/ok_uptodate", "2026-06-01", S_DCAP, SPARSE, true},
    {"sim/ok_qe_outofdate", "2026-06-01", S_DCAP, SPARSE, true},
    {"sim/tdx_ok", "2026-06-01", S_DCAP, SPARSE, true},
    {"sim/tdx_relaunch", "2026-06-01", S_DCAP, SPARSE, true},
    {"nitro/blocky_full", "2024-09-07T14:38:09.545Z", S_BIT(TACIT_PART_DOCUMENT), SPARSE, false},
    {"nitro/blocky_debug", "2024-09-07T14:38:36.508Z", S_BIT(TACIT_PART_DOCUMENT), SPARSE, false},
    {"nitro/sparsity_2", "2023-09-28T11:08:57.117Z", S_BIT(TACIT_PART_DOCUMENT), STEP, false},
    {"snp/milan_vcek", "2025-06-01", S_SNP, STEP, false},
    {"snp/milan_vlek", "2024-10-01", S_SNP, STEP, false},
    {"tpm_azure/q1", "2025-06-01",
     S_BIT(TACIT_PART_TPM_MESSAGE) | S_BIT(TACIT_PART_TPM_SIGNATURE) | S_BIT(TACIT_PART_TPM_PCRS),
     STEP, false},
};

/*  A sample that is judged again and again, at its time and by its root.  */
typedef struct trial {
    tacit_sample_t sample;
    uint64_t time_ms;
    const uint8_t *root_sha256; /* NULL: the vendor's */
    uint8_t own_root[crypto_hash_sha256_BYTES];
    size_t step;
} trial_t;

static tacit_status_t s_judge(const trial_t *trial)
{
    static tacit_judgement_t judgement;
    tacit_judge_sample(&trial->sample, trial->root_sha256, trial->time_ms, &judgement);
    if (judgement.status != TACIT_OK) {
        assert_int_equal(judgement.error.code, judgement.status);
        assert_true(judgement.error.remedy[0] && judgement.error.claim[0]);
    }
    return judgement.status;
}

static void s_alter(trial_t *trial, size_t part)
{
    uint8_t *bytes = (uint8_t *)trial->sample.parts[part].data;
    size_t size = trial->sample.parts[part].size;
    size_t step = size > SHORT ? trial->step : trial->step / STEP;
    for (size_t i = 0; i < size; i += step) {
        bytes[i] ^= 1;
        if (s_judge(trial) == TACIT_OK) {
            fail_msg("part %zu verifies with byte %zu altered", part, i);
        }
        bytes[i] ^= 1;
    }
}

/*  To copies of exactly each length. What only zeroes may follow is cut no further than these; a
    text's last line end is no part of it.  */
static void s_cut(trial_t *trial, size_t part)
{
    tacit_sample_t *sample = &trial->sample;
    tacit_span_t whole = sample->parts[part];
    size_t size = whole.size;
    while (size > 0 && (whole.data[size - 1] == 0 || whole.data[size - 1] == '\n')) {
        size--;
    }
    /*  The evidence itself at each length, which its form refuses; collateral is dearer.  */
    bool evidence = part == TACIT_PART_QUOTE || part == TACIT_PART_DOCUMENT ||
                    part == TACIT_PART_REPORT || part == TACIT_PART_TPM_MESSAGE;
    for (size_t cut = 0; cut < size; cut += evidence ? 1 : trial->step) {
        uint8_t *copy = malloc(cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, cut);
        sample->parts[part] = tacit_span(copy, cut);
        if (s_judge(trial) == TACIT_OK) {
            fail_msg("part %zu verifies when cut to %zu bytes", part, cut);
        }
        free(copy);
    }
    sample->parts[part] = whole;
}

/*  False where the folder is not there.  */
static bool s_open(const genuine_t *genuine, const char *path, trial_t *ret_trial)
{
    *ret_trial = (trial_t){.step = genuine->step};
    if (tacit_sample_load(path, &ret_trial->sample, NULL) != TACIT_OK) {
        return false;
    }
    assert_true(tacit_utc_parse(genuine->time, &ret_trial->time_ms));
    if (genuine->own_root) {
        char file[PATH_SIZE];
        tacit_span_t der;
        snprintf(file, sizeof file, "%s/root_ca.der", path);
        assert_int_equal(tacit_sample_certificate(file, &der, NULL), TACIT_OK);
        crypto_hash_sha256(ret_trial->own_root, der.data, der.size);
        free((void *)der.data);
        ret_trial->root_sha256 = ret_trial->own_root;
    }
    return true;
}

static void s_each(void (*spoil)(trial_t *, size_t))
{
    const char *folder = getenv("TACIT_EVIDENCE");
    folder = folder ? folder : TACIT_EVIDENCE_DEFAULT;
    for (size_t i = 0; i < sizeof s_genuine / sizeof s_genuine[0]; i++) {
        char path[PATH_SIZE - 16];
        trial_t trial;
        snprintf(path, sizeof path, "%s/%s", folder, s_genuine[i].name);
        if (!s_open(&s_genuine[i], path, &trial)) {
            printf("skipped: no samples in %s\n", folder);
            skip();
        }
        assert_int_equal(s_judge(&trial), TACIT_OK);
        for (size_t part = 0; part < TACIT_PARTS; part++) {
            if (s_genuine[i].parts >> part & 1) {
                spoil(&trial, part);
            }
        }
        assert_int_equal(s_judge(&trial), TACIT_OK);
        tacit_sample_clear(&trial.sample);
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
