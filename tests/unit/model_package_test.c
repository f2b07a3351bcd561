/*  model_package_test.c - a model opens whole, in order, as its owner published it, or not at all.
 */

#include "enclave/model_package.h"

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { S_SIZE = 2 * TACIT_MODEL_CHUNK_SIZE + 1000, S_COUNT = 3 };

static uint8_t s_key[TACIT_KEY_SIZE];
static uint8_t s_signing_key[32];
static uint8_t s_signing_secret[64];
static uint8_t s_plaintext[S_SIZE];
static uint8_t s_sealed[S_COUNT][TACIT_MODEL_CHUNK_SIZE + TACIT_SEAL_OVERHEAD];
static uint8_t s_opened[TACIT_MODEL_CHUNK_SIZE];

static tacit_model_manifest_t s_sample(void)
{
    tacit_model_manifest_t manifest = {
        .name = "digits-cnn.v2_final",
        .version = 7,
        .plaintext_size = S_SIZE,
        .chunk_count = S_COUNT,
        .precision = TACIT_PRECISION_BF16,
        .created_ms = UINT64_C(1795219200000),
    };
    memset(manifest.owner, 1, sizeof manifest.owner);
    memset(manifest.content_sha256, 2, sizeof manifest.content_sha256);
    memcpy(manifest.signing_key, s_signing_key, sizeof manifest.signing_key);
    return manifest;
}

static size_t s_sealed_size(uint32_t index)
{
    return tacit_model_chunk_sealed_size(S_SIZE, index);
}

static void s_seal_all(const tacit_model_manifest_t *manifest)
{
    for (uint32_t i = 0; i < S_COUNT; i++) {
        tacit_model_chunk_seal(manifest, i, s_key,
                               tacit_span(s_plaintext + (size_t)i * TACIT_MODEL_CHUNK_SIZE,
                                          s_sealed_size(i) - TACIT_SEAL_OVERHEAD),
                               s_sealed[i]);
    }
}

static tacit_status_t s_open(const tacit_model_manifest_t *manifest, uint32_t index,
                             const uint8_t *sealed, size_t size)
{
    return tacit_model_chunk_open(manifest, index, s_key, tacit_span(sealed, size), s_opened);
}

/*  What is said of a sample that was changed before it was signed.  */
static tacit_status_t s_verdict(const tacit_model_manifest_t *manifest, tacit_error_t *ret_error)
{
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    tacit_model_manifest_t verified;
    tacit_model_manifest_sign(manifest, s_signing_secret, bytes, signature);
    return tacit_model_manifest_verify(tacit_span(bytes, sizeof bytes),
                                       tacit_span(signature, sizeof signature), &verified,
                                       ret_error);
}

static void names_are_short_and_plain(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "0", "a.b-c_d", "resnet50", "0..", "z--"};
    static const char *const bad[] = {"", ".a", "-a", "_a", "A", "a/b", "a b", "a\xc3\xa9", "aB"};
    char longest[TACIT_MODEL_NAME_MAX + 1];
    memset(longest, 'x', sizeof longest);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tacit_model_name_valid(tacit_span_string(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tacit_model_name_valid(tacit_span_string(bad[i])));
    }
    assert_true(tacit_model_name_valid(tacit_span(longest, TACIT_MODEL_NAME_MAX)));
    assert_false(tacit_model_name_valid(tacit_span(longest, TACIT_MODEL_NAME_MAX + 1)));
    assert_false(tacit_model_name_valid(tacit_span("a\0b", 3)));
}

static void chunks_cover_the_model(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {
        1,      TACIT_MODEL_CHUNK_SIZE - 1, TACIT_MODEL_CHUNK_SIZE, TACIT_MODEL_CHUNK_SIZE + 1,
        S_SIZE, TACIT_MODEL_SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t total = 0;
        uint32_t count = tacit_model_chunk_count(sizes[i]);
        for (uint32_t k = 0; k < count; k++) {
            size_t size = tacit_model_chunk_sealed_size(sizes[i], k) - TACIT_SEAL_OVERHEAD;
            assert_true(size >= 1 && size <= TACIT_MODEL_CHUNK_SIZE);
            assert_true(size == TACIT_MODEL_CHUNK_SIZE || k == count - 1);
            total += size;
        }
        assert_int_equal(total, sizes[i]);
    }
}

static void a_manifest_says_what_was_signed(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
    uint8_t signature[64];
    const tacit_model_manifest_t manifest = s_sample();
    tacit_model_manifest_t verified = {0};
    tacit_model_manifest_sign(&manifest, s_signing_secret, bytes, signature);
    assert_int_equal(tacit_model_manifest_verify(tacit_span(bytes, sizeof bytes),
                                                 tacit_span(signature, sizeof signature), &verified,
                                                 NULL),
                     TACIT_OK);
    assert_string_equal(verified.name, manifest.name);
    assert_memory_equal(verified.owner, manifest.owner, 32);
    assert_memory_equal(verified.signing_key, manifest.signing_key, 32);
    assert_memory_equal(verified.content_sha256, manifest.content_sha256, 32);
    assert_int_equal(verified.version, manifest.version);
    assert_int_equal(verified.plaintext_size, manifest.plaintext_size);
    assert_int_equal(verified.chunk_count, manifest.chunk_count);
    assert_int_equal(verified.created_ms, manifest.created_ms);
}

static void a_manifest_refuses_every_flipped_bit(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE + 64];
    tacit_model_manifest_t manifest = s_sample();
    tacit_model_manifest_sign(&manifest, s_signing_secret, bytes,
                              bytes + TACIT_MODEL_MANIFEST_SIZE);
    for (size_t bit = 0; bit < (size_t)8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        tacit_status_t status = tacit_model_manifest_verify(
            tacit_span(bytes, TACIT_MODEL_MANIFEST_SIZE),
            tacit_span(bytes + TACIT_MODEL_MANIFEST_SIZE, 64), &manifest, NULL);
        assert_true(status == TACIT_MALFORMED || status == TACIT_SIGNATURE_INVALID);
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

static void a_manifest_has_one_size(void **state)
{
    (void)state;
    uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE + 1] = {0};
    uint8_t signature[65] = {0};
    tacit_model_manifest_t manifest = s_sample();
    tacit_model_manifest_sign(&manifest, s_signing_secret, bytes, signature);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(tacit_model_manifest_verify(tacit_span(bytes, size),
                                                     tacit_span(signature, 64), &manifest, NULL),
                         size == TACIT_MODEL_MANIFEST_SIZE ? TACIT_OK : TACIT_MALFORMED);
    }
    for (size_t size = 0; size <= sizeof signature; size++) {
        assert_int_equal(tacit_model_manifest_verify(tacit_span(bytes, TACIT_MODEL_MANIFEST_SIZE),
                                                     tacit_span(signature, size), &manifest, NULL),
                         size == 64 ? TACIT_OK : TACIT_MALFORMED);
    }
}

static void a_manifest_is_canonical_though_signed(void **state)
{
    (void)state;
    static const size_t zeroes[] = {10, 11, 29, 31, 136 + 63, 200, 255};
    for (size_t i = 0; i < sizeof zeroes / sizeof zeroes[0]; i++) {
        uint8_t bytes[TACIT_MODEL_MANIFEST_SIZE];
        uint8_t signature[64];
        tacit_model_manifest_t manifest = s_sample();
        tacit_model_manifest_sign(&manifest, s_signing_secret, bytes, signature);
        bytes[zeroes[i]] = 'a';
        (void)crypto_sign_detached(signature, NULL, bytes, sizeof bytes, s_signing_secret);
        assert_int_equal(tacit_model_manifest_verify(tacit_span(bytes, sizeof bytes),
                                                     tacit_span(signature, 64), &manifest, NULL),
                         TACIT_MALFORMED);
    }
}

static void a_manifest_keeps_its_bounds(void **state)
{
    (void)state;
    tacit_error_t error;
    tacit_model_manifest_t manifest = s_sample();
    manifest.plaintext_size = TACIT_MODEL_SIZE_MAX;
    manifest.chunk_count = tacit_model_chunk_count(manifest.plaintext_size);
    assert_int_equal(s_verdict(&manifest, &error), TACIT_OK);
    manifest.plaintext_size++;
    manifest.chunk_count = tacit_model_chunk_count(manifest.plaintext_size);
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "manifest.plaintext_size");
    manifest = s_sample();
    manifest.precision = TACIT_PRECISION_INT8;
    assert_int_equal(s_verdict(&manifest, &error), TACIT_OK);
    manifest.precision = TACIT_PRECISIONS;
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "manifest.precision");
    manifest = s_sample();
    manifest.plaintext_size = 0;
    manifest.chunk_count = 0;
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    manifest = s_sample();
    manifest.chunk_count++;
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "manifest.chunk_count");
    manifest = s_sample();
    manifest.version = 0;
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "manifest.version");
    manifest.version = UINT32_MAX;
    memset(manifest.name, 'x', TACIT_MODEL_NAME_MAX);
    assert_int_equal(s_verdict(&manifest, &error), TACIT_OK);
    manifest.name[5] = '/';
    assert_int_equal(s_verdict(&manifest, &error), TACIT_MALFORMED);
    assert_string_equal(error.claim, "manifest.name");
}

static void a_manifest_is_signed_by_the_key_it_names(void **state)
{
    (void)state;
    tacit_model_manifest_t manifest = s_sample();
    manifest.signing_key[0] ^= 1;
    assert_int_equal(s_verdict(&manifest, NULL), TACIT_SIGNATURE_INVALID);
}

static void chunks_open_as_sealed(void **state)
{
    (void)state;
    const tacit_model_manifest_t manifest = s_sample();
    s_seal_all(&manifest);
    for (uint32_t i = 0; i < S_COUNT; i++) {
        assert_int_equal(s_open(&manifest, i, s_sealed[i], s_sealed_size(i)), TACIT_OK);
        assert_memory_equal(s_opened, s_plaintext + (size_t)i * TACIT_MODEL_CHUNK_SIZE,
                            s_sealed_size(i) - TACIT_SEAL_OVERHEAD);
    }
}

static void chunks_stay_in_their_place(void **state)
{
    (void)state;
    const tacit_model_manifest_t manifest = s_sample();
    s_seal_all(&manifest);
    assert_int_equal(s_open(&manifest, 0, s_sealed[1], s_sealed_size(1)), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, 1, s_sealed[0], s_sealed_size(0)), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, 2, s_sealed[0], s_sealed_size(2)), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, S_COUNT, s_sealed[0], s_sealed_size(0)), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, 2, s_sealed[2], s_sealed_size(2) - 1), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, 2, s_sealed[2], s_sealed_size(2) + 1), TACIT_CORRUPT);
    assert_int_equal(s_open(&manifest, 2, s_sealed[2], 0), TACIT_CORRUPT);
}

static void chunks_of_another_model_do_not_mix_in(void **state)
{
    (void)state;
    const tacit_model_manifest_t manifest = s_sample();
    tacit_model_manifest_t others[5];
    for (size_t i = 0; i < 5; i++) {
        others[i] = manifest;
    }
    others[0].version++;
    others[1].name[0] = 'e';
    others[2].owner[31] ^= 1;
    others[3].created_ms++; /* the same version, published again */
    others[4].plaintext_size--;
    s_seal_all(&manifest);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(s_open(&others[i], 0, s_sealed[0], s_sealed_size(0)), TACIT_CORRUPT);
    }
    s_key[0] ^= 1;
    assert_int_equal(s_open(&manifest, 0, s_sealed[0], s_sealed_size(0)), TACIT_CORRUPT);
    s_key[0] ^= 1;
    assert_int_equal(s_open(&manifest, 0, s_sealed[0], s_sealed_size(0)), TACIT_OK);
}

static void a_chunk_that_does_not_fit_is_never_sealed(void **state)
{
    (void)state;
    const tacit_model_manifest_t manifest = s_sample();
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        tacit_model_chunk_seal(&manifest, 0, s_key, tacit_span(s_plaintext, 10), s_sealed[0]);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_short_and_plain),
        cmocka_unit_test(chunks_cover_the_model),
        cmocka_unit_test(a_manifest_says_what_was_signed),
        cmocka_unit_test(a_manifest_refuses_every_flipped_bit),
        cmocka_unit_test(a_manifest_has_one_size),
        cmocka_unit_test(a_manifest_is_canonical_though_signed),
        cmocka_unit_test(a_manifest_keeps_its_bounds),
        cmocka_unit_test(a_manifest_is_signed_by_the_key_it_names),
        cmocka_unit_test(chunks_open_as_sealed),
        cmocka_unit_test(chunks_stay_in_their_place),
        cmocka_unit_test(chunks_of_another_model_do_not_mix_in),
        cmocka_unit_test(a_chunk_that_does_not_fit_is_never_sealed),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    (void)crypto_sign_keypair(s_signing_key, s_signing_secret);
    randombytes_buf(s_key, sizeof s_key);
    randombytes_buf(s_plaintext, sizeof s_plaintext);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
