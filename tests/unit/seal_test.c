/*  seal_test.c - what was sealed opens, and nothing else does; transcripts are injective.  */

#include "enclave/seal.h"

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { S_MAX = 4096 };

static uint8_t s_key[TACIT_KEY_SIZE];
static uint8_t s_plaintext[S_MAX];
static uint8_t s_sealed[S_MAX + TACIT_SEAL_OVERHEAD];
static uint8_t s_opened[S_MAX];

static tacit_span_t s_text(const char *text)
{
    return tacit_span_string(text);
}

static void s_seal(size_t size)
{
    tacit_seal(s_key, s_text("where it belongs"), tacit_span(s_plaintext, size), s_sealed);
}

static tacit_status_t s_open(size_t sealed_size)
{
    return tacit_seal_open(s_key, s_text("where it belongs"), tacit_span(s_sealed, sealed_size),
                           s_opened);
}

static void opens_what_was_sealed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 63, 64, 65, 1000, S_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        s_seal(sizes[i]);
        assert_int_equal(s_open(sizes[i] + TACIT_SEAL_OVERHEAD), TACIT_OK);
        assert_memory_equal(s_opened, s_plaintext, sizes[i]);
    }
}

static void seals_differently_every_time(void **state)
{
    (void)state;
    uint8_t first[64 + TACIT_SEAL_OVERHEAD];
    s_seal(64);
    memcpy(first, s_sealed, sizeof first);
    s_seal(64);
    assert_memory_not_equal(first, s_sealed, sizeof first);
    assert_memory_not_equal(first, s_sealed, TACIT_SEAL_NONCE_SIZE);
}

static void refuses_every_flipped_bit_and_wipes(void **state)
{
    (void)state;
    const size_t size = 33 + TACIT_SEAL_OVERHEAD;
    static const uint8_t zeroes[33];
    s_seal(33);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        s_sealed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        memset(s_opened, 0xaa, 33);
        assert_int_equal(s_open(size), TACIT_CORRUPT);
        assert_memory_equal(s_opened, zeroes, 33);
        s_sealed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    assert_int_equal(s_open(size), TACIT_OK);
}

static void refuses_truncation_at_every_byte(void **state)
{
    (void)state;
    s_seal(50);
    for (size_t size = 0; size < 50 + TACIT_SEAL_OVERHEAD; size++) {
        assert_int_equal(s_open(size),
                         size < TACIT_SEAL_OVERHEAD ? TACIT_MALFORMED : TACIT_CORRUPT);
    }
    assert_int_equal(s_open(51 + TACIT_SEAL_OVERHEAD), TACIT_CORRUPT);
}

static void refuses_another_key_and_another_place(void **state)
{
    (void)state;
    const tacit_span_t sealed = tacit_span(s_sealed, 10 + TACIT_SEAL_OVERHEAD);
    uint8_t other[TACIT_KEY_SIZE];
    randombytes_buf(other, sizeof other);
    s_seal(10);
    assert_int_equal(tacit_seal_open(other, s_text("where it belongs"), sealed, s_opened),
                     TACIT_CORRUPT);
    assert_int_equal(tacit_seal_open(s_key, s_text("where it belong"), sealed, s_opened),
                     TACIT_CORRUPT);
    assert_int_equal(tacit_seal_open(s_key, tacit_span(NULL, 0), sealed, s_opened), TACIT_CORRUPT);
}

static void transcripts_of_other_fields_differ(void **state)
{
    (void)state;
    tacit_transcript_t a;
    tacit_transcript_t b;
    tacit_transcript_start(&a, "label");
    tacit_transcript_add(&a, s_text("ab"));
    tacit_transcript_add(&a, s_text("c"));
    tacit_transcript_start(&b, "label");
    tacit_transcript_add(&b, s_text("a"));
    tacit_transcript_add(&b, s_text("bc"));
    assert_false(tacit_span_equal(tacit_transcript_span(&a), tacit_transcript_span(&b)));
    tacit_transcript_start(&b, "label");
    tacit_transcript_add(&b, s_text("abc"));
    assert_false(tacit_span_equal(tacit_transcript_span(&a), tacit_transcript_span(&b)));
    tacit_transcript_add(&b, tacit_span(NULL, 0));
    assert_false(tacit_span_equal(tacit_transcript_span(&a), tacit_transcript_span(&b)));
}

static void a_transcript_is_these_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[] = {1, 0, 0, 0, 'l', 2, 0, 0, 0, 'a', 'b', 8,
                                       0, 0, 0, 7, 1,   0, 0, 0, 0, 0,   0};
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "l");
    tacit_transcript_add(&transcript, s_text("ab"));
    tacit_transcript_add_u64(&transcript, 0x107);
    assert_int_equal(transcript.size, sizeof expected);
    assert_memory_equal(transcript.data, expected, sizeof expected);
}

/*  The signal that adding a field of so many bytes to a started transcript ends in, 0 for none. */
static int s_signal_of(size_t size)
{
    pid_t child = fork();
    if (child == 0) {
        static const uint8_t field[TACIT_TRANSCRIPT_MAX + 8];
        tacit_transcript_t transcript;
        tacit_transcript_start(&transcript, "");
        signal(SIGABRT, SIG_DFL);
        tacit_transcript_add(&transcript, tacit_span(field, size));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_transcript_never_drops_a_field(void **state)
{
    (void)state;
    assert_int_equal(s_signal_of(TACIT_TRANSCRIPT_MAX - 8), 0);
    assert_int_equal(s_signal_of(TACIT_TRANSCRIPT_MAX - 7), SIGABRT);
    assert_int_equal(s_signal_of(TACIT_TRANSCRIPT_MAX + 1), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_was_sealed),
        cmocka_unit_test(seals_differently_every_time),
        cmocka_unit_test(refuses_every_flipped_bit_and_wipes),
        cmocka_unit_test(refuses_truncation_at_every_byte),
        cmocka_unit_test(refuses_another_key_and_another_place),
        cmocka_unit_test(transcripts_of_other_fields_differ),
        cmocka_unit_test(a_transcript_is_these_bytes),
        cmocka_unit_test(a_transcript_never_drops_a_field),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    randombytes_buf(s_key, sizeof s_key);
    randombytes_buf(s_plaintext, sizeof s_plaintext);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
