/*  sigstruct_test.c - what tacit-sign writes verifies, in Intel's layout; nothing else does.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "enclave/sigstruct.h"

static EVP_PKEY *s_key; /* 3072 bits, exponent 3 */

static EVP_PKEY *s_generate(unsigned int bits, unsigned int exponent)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits),
                               OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &exponent),
                               OSSL_PARAM_construct_end()};
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(context, parameters), 1);
    assert_int_equal(EVP_PKEY_generate(context, &key), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static int s_setup(void **state)
{
    (void)state;
    s_key = s_generate(TACIT_SIGNER_BITS, TACIT_SIGNER_EXPONENT);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(s_key);
    return 0;
}

static void s_sign(bool debug, uint8_t bytes[TACIT_SIGSTRUCT_SIZE])
{
    tacit_sigstruct_t sigstruct = {
        .product_id = 0x0102, .svn = 0x0304, .debug = debug, .date = 0x20260131};
    memset(sigstruct.mrenclave, 0xab, sizeof sigstruct.mrenclave);
    assert_int_equal(tacit_sigstruct_sign(&sigstruct, s_key, bytes), TACIT_OK);
}

static void s_verifies_what_was_signed(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    uint8_t mrsigner[32];
    tacit_sigstruct_t read;
    s_sign(false, bytes);
    assert_int_equal(tacit_sigstruct_verify(tacit_span(bytes, sizeof bytes), &read, NULL),
                     TACIT_OK);
    assert_int_equal(read.product_id, 0x0102);
    assert_int_equal(read.svn, 0x0304);
    assert_false(read.debug);
    assert_int_equal(read.date, 0x20260131);
    assert_int_equal(read.mrenclave[31], 0xab);
    crypto_hash_sha256(mrsigner, bytes + 128, 384);
    assert_memory_equal(read.mrsigner, mrsigner, 32);
}

static void s_debug_is_in_the_attributes(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    tacit_sigstruct_t read;
    s_sign(true, bytes);
    assert_int_equal(tacit_sigstruct_verify(tacit_span(bytes, sizeof bytes), &read, NULL),
                     TACIT_OK);
    assert_true(read.debug);
    assert_int_equal(bytes[928] & 2, 2);
}

/*  Offsets and constants as in the SDM, written out here once more.  */
static void s_has_intels_layout(void **state)
{
    (void)state;
    static const uint8_t header[16] = {6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    static const uint8_t header2[16] = {1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0, 0};
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    s_sign(false, bytes);
    assert_memory_equal(bytes, header, sizeof header);
    assert_memory_equal(bytes + 20, "\x31\x01\x26\x20", 4);
    assert_memory_equal(bytes + 24, header2, sizeof header2);
    assert_memory_equal(bytes + 512, "\x03\x00\x00\x00", 4);
    assert_int_equal(bytes[960], 0xab);
    assert_memory_equal(bytes + 1024, "\x02\x01\x04\x03", 4);
}

/*  S^2 = q1 * M + r, S * r = q2 * M + S^3 mod M: checked with other operations than the code's.  */
static void s_quotients_are_right(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    s_sign(false, bytes);
    BN_CTX *context = BN_CTX_new();
    BIGNUM *modulus = BN_lebin2bn(bytes + 128, 384, NULL);
    BIGNUM *signature = BN_lebin2bn(bytes + 516, 384, NULL);
    BIGNUM *q1 = BN_lebin2bn(bytes + 1040, 384, NULL);
    BIGNUM *q2 = BN_lebin2bn(bytes + 1424, 384, NULL);
    BIGNUM *rest = BN_new();
    BIGNUM *product = BN_new();
    BIGNUM *cube = BN_new();
    BN_mul(rest, signature, signature, context);
    BN_mul(product, q1, modulus, context);
    BN_sub(rest, rest, product);
    assert_true(!BN_is_negative(rest) && BN_cmp(rest, modulus) < 0);
    BN_mul(rest, rest, signature, context);
    BN_mul(product, q2, modulus, context);
    BN_sub(rest, rest, product);
    BN_set_word(product, 3);
    BN_mod_exp(cube, signature, product, modulus, context);
    assert_int_equal(BN_cmp(rest, cube), 0);
    BN_free(cube);
    BN_free(product);
    BN_free(rest);
    BN_free(q2);
    BN_free(q1);
    BN_free(signature);
    BN_free(modulus);
    BN_CTX_free(context);
}

static void s_every_altered_byte_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    tacit_sigstruct_t read;
    s_sign(false, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 0x01;
        tacit_status_t status =
            tacit_sigstruct_verify(tacit_span(bytes, sizeof bytes), &read, NULL);
        assert_true(status == TACIT_PLATFORM_REFUSED || status == TACIT_SIGNATURE_INVALID);
        bytes[i] ^= 0x01;
    }
}

static void s_other_sizes_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE + 1] = {0};
    tacit_sigstruct_t read;
    s_sign(false, bytes);
    for (size_t size = 0; size < TACIT_SIGSTRUCT_SIZE; size++) {
        assert_int_equal(tacit_sigstruct_verify(tacit_span(bytes, size), &read, NULL),
                         TACIT_PLATFORM_REFUSED);
    }
    assert_int_equal(tacit_sigstruct_verify(tacit_span(bytes, sizeof bytes), &read, NULL),
                     TACIT_PLATFORM_REFUSED);
}

static void s_other_keys_cannot_sign(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_SIGSTRUCT_SIZE];
    const tacit_sigstruct_t sigstruct = {.svn = 1};
    EVP_PKEY *short_key = s_generate(2048, 3);
    EVP_PKEY *other_exponent = s_generate(TACIT_SIGNER_BITS, 65537);
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    assert_int_equal(tacit_sigstruct_sign(&sigstruct, short_key, bytes), TACIT_BAD_INPUT);
    assert_int_equal(tacit_sigstruct_sign(&sigstruct, other_exponent, bytes), TACIT_BAD_INPUT);
    assert_int_equal(tacit_sigstruct_sign(&sigstruct, curve, bytes), TACIT_BAD_INPUT);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(other_exponent);
    EVP_PKEY_free(short_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_verifies_what_was_signed),
        cmocka_unit_test(s_debug_is_in_the_attributes),
        cmocka_unit_test(s_has_intels_layout),
        cmocka_unit_test(s_quotients_are_right),
        cmocka_unit_test(s_every_altered_byte_is_refused),
        cmocka_unit_test(s_other_sizes_are_refused),
        cmocka_unit_test(s_other_keys_cannot_sign),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
