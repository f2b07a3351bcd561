/*  measurement_test.c - the measurement follows executable and configuration, and nothing else.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enclave/measurement.h"

static int s_file(size_t size)
{
    char path[] = "/tmp/tacit-measurement-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    uint8_t *bytes = calloc(1, size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    free(bytes);
    return fd;
}

static void s_hashes_files_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 262143, 262144, 262145, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t got[32];
        uint8_t expected[32];
        int fd = s_file(sizes[i]); /* stands at its end: must not matter */
        uint8_t *bytes = calloc(1, sizes[i] + 1);
        assert_non_null(bytes);
        assert_int_equal(pread(fd, bytes, sizes[i], 0), (ssize_t)sizes[i]);
        SHA256(bytes, sizes[i], expected);
        assert_int_equal(tacit_measure_file(fd, got), TACIT_OK);
        assert_memory_equal(got, expected, sizeof got);
        free(bytes);
        close(fd);
    }
}

static void s_reports_unreadable_files(void **state)
{
    (void)state;
    uint8_t got[32];
    assert_int_equal(tacit_measure_file(-1, got), TACIT_STORAGE_FAILED);
}

static void s_is_the_documented_hash(void **state)
{
    (void)state;
    static const char configuration[] = "role = worker\n";
    uint8_t executable[32];
    uint8_t got[32];
    uint8_t expected[32];
    uint8_t input[21 + 32 + 32];
    memset(executable, 0x11, sizeof executable);
    memcpy(input, "tacit/measurement/v1", 21);
    memcpy(input + 21, executable, 32);
    SHA256((const uint8_t *)configuration, strlen(configuration), input + 53);
    SHA256(input, sizeof input, expected);
    tacit_measure(executable, tacit_span_string(configuration), got);
    assert_memory_equal(got, expected, sizeof got);
}

static void s_differs_with_each_part(void **state)
{
    (void)state;
    uint8_t executable[32] = {0};
    uint8_t first[32];
    uint8_t second[32];
    tacit_measure(executable, tacit_span_string("a"), first);
    tacit_measure(executable, tacit_span_string("b"), second);
    assert_memory_not_equal(first, second, sizeof first);
    executable[31] = 1;
    tacit_measure(executable, tacit_span_string("a"), second);
    assert_memory_not_equal(first, second, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_hashes_files_whole),
        cmocka_unit_test(s_reports_unreadable_files),
        cmocka_unit_test(s_is_the_documented_hash),
        cmocka_unit_test(s_differs_with_each_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
