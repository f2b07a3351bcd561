/*  pck_test.c - the SGX extension of PCK certificates: read whole, or not at all.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "enclave/pck.h"
#include "services/platform/certificate.h"
#include "services/platform/sgx_extension.h"

static const tacit_sgx_platform_t s_platform = {
    .ppid = {0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .components = {0, 1, 127, 128, 255, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 200},
    .cpusvn = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 254, 253, 252, 251, 250},
    .fmspc = {0x00, 0xa0, 0x67, 0x11, 0x00, 0xff},
    .pceid = {0x01, 0x02},
    .pcesvn = 0xfffe,
};

typedef struct fixture {
    EVP_PKEY *key;
    uint8_t extension[TACIT_SGX_EXTENSION_MAX];
    size_t size;
} fixture_t;

static int s_setup(void **state)
{
    static fixture_t fixture;
    fixture.key = EVP_EC_gen("P-256");
    fixture.size = tacit_sgx_extension_encode(&s_platform, fixture.extension);
    *state = &fixture;
    return fixture.key ? 0 : -1;
}

static int s_teardown(void **state)
{
    fixture_t *fixture = *state;
    EVP_PKEY_free(fixture->key);
    return 0;
}

/*  Parse a certificate whose extension has these bytes.  */
static tacit_status_t s_parse(const fixture_t *fixture, tacit_span_t extension, tacit_pck_t *pck,
                              tacit_error_t *error)
{
    X509 *certificate = NULL;
    const tacit_certificate_spec_t spec = {.name = "SIMULATED SGX PCK Certificate",
                                           .subject_key = fixture->key,
                                           .issuer_key = fixture->key,
                                           .path_length = TACIT_CERTIFICATE_LEAF,
                                           .sgx_extension = extension,
                                           .from_s = 1700000000,
                                           .until_s = 1800000000};
    assert_int_equal(tacit_certificate_issue(&spec, &certificate), TACIT_OK);
    tacit_status_t status = tacit_pck_parse(certificate, pck, error);
    X509_free(certificate);
    return status;
}

static void test_every_field(void **state)
{
    const fixture_t *fixture = *state;
    tacit_pck_t pck;
    assert_int_equal(s_parse(fixture, tacit_span(fixture->extension, fixture->size), &pck, NULL),
                     TACIT_OK);
    assert_memory_equal(pck.ppid, s_platform.ppid, sizeof pck.ppid);
    assert_memory_equal(pck.components, s_platform.components, sizeof pck.components);
    assert_memory_equal(pck.cpusvn, s_platform.cpusvn, sizeof pck.cpusvn);
    assert_memory_equal(pck.fmspc, s_platform.fmspc, sizeof pck.fmspc);
    assert_memory_equal(pck.pceid, s_platform.pceid, sizeof pck.pceid);
    assert_int_equal(pck.pcesvn, s_platform.pcesvn);
}

static void test_no_extension(void **state)
{
    tacit_pck_t pck;
    tacit_error_t error = {0};
    assert_int_equal(s_parse(*state, tacit_span(NULL, 0), &pck, &error), TACIT_EVIDENCE_MALFORMED);
    assert_string_equal(error.got, "no such extension");
}

static void test_cut_at_every_length(void **state)
{
    const fixture_t *fixture = *state;
    for (size_t size = 1; size < fixture->size; size++) {
        tacit_pck_t pck;
        assert_int_equal(s_parse(fixture, tacit_span(fixture->extension, size), &pck, NULL),
                         TACIT_EVIDENCE_MALFORMED);
    }
}

static void test_bytes_left_over(void **state)
{
    const fixture_t *fixture = *state;
    uint8_t longer[TACIT_SGX_EXTENSION_MAX + 1] = {0};
    tacit_pck_t pck;
    memcpy(longer, fixture->extension, fixture->size);
    assert_int_equal(s_parse(fixture, tacit_span(longer, fixture->size + 1), &pck, NULL),
                     TACIT_EVIDENCE_MALFORMED);
}

/*  Another byte anywhere: either another value or a refusal, never both and never a crash.  */
static void test_every_byte_altered(void **state)
{
    const fixture_t *fixture = *state;
    uint8_t altered[TACIT_SGX_EXTENSION_MAX];
    tacit_pck_t genuine;
    assert_int_equal(
        s_parse(fixture, tacit_span(fixture->extension, fixture->size), &genuine, NULL), TACIT_OK);
    for (size_t i = 0; i < fixture->size; i++) {
        for (uint8_t bit = 1; bit != 0; bit = (uint8_t)(bit << 1)) {
            tacit_pck_t pck;
            memset(&pck, 0x5a, sizeof pck);
            memcpy(altered, fixture->extension, fixture->size);
            altered[i] ^= bit;
            tacit_status_t status =
                s_parse(fixture, tacit_span(altered, fixture->size), &pck, NULL);
            if (status != TACIT_OK) {
                assert_int_equal(status, TACIT_EVIDENCE_MALFORMED);
                assert_int_equal(pck.ppid[0], 0x5a);
            }
        }
    }
}

/*  A field twice, with the other one missing: the last number of an OID is what tells them apart.
 */
static void test_field_twice(void **state)
{
    static const uint8_t ppid_oid[] = {0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86,
                                       0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x03};
    const fixture_t *fixture = *state;
    uint8_t altered[TACIT_SGX_EXTENSION_MAX];
    tacit_pck_t pck;
    memcpy(altered, fixture->extension, fixture->size);
    uint8_t *at = memmem(altered, fixture->size, ppid_oid, sizeof ppid_oid);
    assert_non_null(at);
    for (uint8_t field = 1; field <= 4; field++) {
        at[sizeof ppid_oid - 1] = field;
        tacit_status_t status = s_parse(fixture, tacit_span(altered, fixture->size), &pck, NULL);
        assert_int_equal(status, field == 3 ? TACIT_OK : TACIT_EVIDENCE_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),         cmocka_unit_test(test_no_extension),
        cmocka_unit_test(test_cut_at_every_length), cmocka_unit_test(test_bytes_left_over),
        cmocka_unit_test(test_every_byte_altered),  cmocka_unit_test(test_field_twice),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
