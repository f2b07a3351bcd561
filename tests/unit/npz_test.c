/*  npz_test.c - archives of arrays: what is found in them, what is refused, truncation anywhere. */

#include "clients/lib/npz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ARCHIVE_MAX = 1 << 20, LOCAL = 30, ENTRY = 46, END = 22 };

/*  An archive being written: entries, then the directory.  */
typedef struct {
    uint8_t *bytes;
    size_t size;
    uint8_t *directory;
    size_t directory_size;
    unsigned count;
} s_archive_t;

static s_archive_t s_begin(void)
{
    s_archive_t archive = {.bytes = calloc(1, ARCHIVE_MAX), .directory = calloc(1, ARCHIVE_MAX)};
    assert_non_null(archive.bytes);
    assert_non_null(archive.directory);
    return archive;
}

static void s_free(s_archive_t *archive)
{
    free(archive->bytes);
    free(archive->directory);
}

static void s_put(uint8_t *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(number >> (8 * i));
    }
}

static void s_copy(uint8_t *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = ((const uint8_t *)from)[i];
    }
}

/*  As numpy writes it: the header before an entry has an extra field, and no sizes of use.  */
static uint8_t *s_add(s_archive_t *archive, const char *name, const char *content)
{
    static const size_t extra = 20;
    size_t named = strlen(name);
    size_t size = strlen(content);
    uint8_t *local = archive->bytes + archive->size;
    uint8_t *entry = archive->directory + archive->directory_size;
    s_put(local, 0x04034b50, 4);
    s_put(local + 18, 0xffffffff, 4);
    s_put(local + 22, 0xffffffff, 4);
    s_put(local + 26, named, 2);
    s_put(local + 28, extra, 2);
    s_copy(local + LOCAL, name, named);
    s_copy(local + LOCAL + named + extra, content, size);
    s_put(entry, 0x02014b50, 4);
    s_put(entry + 20, size, 4);
    s_put(entry + 24, size, 4);
    s_put(entry + 28, named, 2);
    s_put(entry + 42, archive->size, 4);
    s_copy(entry + ENTRY, name, named);
    archive->size += LOCAL + named + extra + size;
    archive->directory_size += ENTRY + named;
    archive->count++;
    return entry;
}

static tacit_span_t s_end(s_archive_t *archive, const char *comment)
{
    uint8_t *end = archive->bytes + archive->size + archive->directory_size;
    s_copy(archive->bytes + archive->size, archive->directory, archive->directory_size);
    s_put(end, 0x06054b50, 4);
    s_put(end + 8, archive->count, 2);
    s_put(end + 10, archive->count, 2);
    s_put(end + 12, archive->directory_size, 4);
    s_put(end + 16, archive->size, 4);
    s_put(end + 20, strlen(comment), 2);
    s_copy(end + END, comment, strlen(comment));
    return tacit_span(archive->bytes,
                      archive->size + archive->directory_size + END + strlen(comment));
}

static void s_expect(tacit_span_t archive, const char *name, const char *content)
{
    tacit_span_t file = {NULL, 0};
    tacit_error_t error = {0};
    if (tacit_npz_find(archive, name, &file, &error) != TACIT_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(file.size, strlen(content));
    assert_memory_equal(file.data, content, file.size);
}

static void s_refused(tacit_span_t archive, const char *name, tacit_status_t expected,
                      const char *text)
{
    tacit_span_t file = {NULL, 77};
    tacit_error_t error = {0};
    assert_int_equal(tacit_npz_find(archive, name, &file, &error), expected);
    assert_non_null(strstr(error.message, text));
    assert_int_equal(file.size, 77);
}

static void test_finds_by_name(void **state)
{
    (void)state;
    s_archive_t archive = s_begin();
    (void)s_add(&archive, "a.npy", "first");
    (void)s_add(&archive, "input_1:0.npy", "second");
    (void)s_add(&archive, "empty.npy", "");
    tacit_span_t bytes = s_end(&archive, "with a comment");
    s_expect(bytes, "a", "first");
    s_expect(bytes, "input_1:0", "second");
    s_expect(bytes, "empty", "");
    s_refused(bytes, "input_1", TACIT_BAD_INPUT, "no array named 'input_1'");
    s_refused(bytes, "a.npy", TACIT_BAD_INPUT, "no array named");
    s_refused(bytes, NULL, TACIT_BAD_INPUT, "it has 3 arrays, not one");
    s_free(&archive);
}

static void test_an_only_array_needs_no_name(void **state)
{
    (void)state;
    s_archive_t archive = s_begin();
    (void)s_add(&archive, "arr_0.npy", "content");
    tacit_span_t bytes = s_end(&archive, "");
    s_expect(bytes, "x", "content");
    s_expect(bytes, NULL, "content");
    s_free(&archive);
    archive = s_begin();
    s_refused(s_end(&archive, ""), "x", TACIT_BAD_INPUT, "no array named");
    s_free(&archive);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        size_t at, size;
        uint64_t number;
        tacit_status_t status;
        const char *text;
    } cases[] = {
        {10, 2, 8, TACIT_UNSUPPORTED, "compressed"},
        {8, 2, 1, TACIT_UNSUPPORTED, "compressed"},
        {20, 4, 0xffffffff, TACIT_TOO_LARGE, "4 GiB"},
        {24, 4, 0xffffffff, TACIT_TOO_LARGE, "4 GiB"},
        {42, 4, 0xffffffff, TACIT_TOO_LARGE, "4 GiB"},
        {42, 4, 0xfffffffe, TACIT_MALFORMED, "damaged"},
        {42, 4, 1, TACIT_MALFORMED, "damaged"},
        {20, 4, 6, TACIT_MALFORMED, "damaged"},
        {0, 4, 7, TACIT_MALFORMED, "damaged"},
        {28, 2, 0xffff, TACIT_MALFORMED, "damaged"},
        {30, 2, 0xffff, TACIT_MALFORMED, "damaged"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s_archive_t archive = s_begin();
        s_put(s_add(&archive, "a.npy", "first") + cases[i].at, cases[i].number, cases[i].size);
        s_refused(s_end(&archive, ""), "a", cases[i].status, cases[i].text);
        s_free(&archive);
    }
    s_refused(tacit_span("", 0), "a", TACIT_MALFORMED, "damaged");
}

static void test_entries_are_bounded(void **state)
{
    (void)state;
    for (unsigned count = TACIT_NPZ_ENTRIES_MAX; count <= TACIT_NPZ_ENTRIES_MAX + 1; count++) {
        s_archive_t archive = s_begin();
        for (unsigned i = 0; i < count; i++) {
            (void)s_add(&archive, i + 1 < count ? "a.npy" : "z.npy", "");
        }
        tacit_span_t bytes = s_end(&archive, "");
        if (count == TACIT_NPZ_ENTRIES_MAX) {
            s_expect(bytes, "z", "");
        } else {
            s_refused(bytes, "z", TACIT_TOO_LARGE, "more than 4096 arrays");
        }
        s_free(&archive);
    }
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    s_archive_t archive = s_begin();
    (void)s_add(&archive, "a.npy", "first");
    (void)s_add(&archive, "b.npy", "second");
    tacit_span_t bytes = s_end(&archive, "");
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t *part = malloc(i + 1); /* so that a read past the end shows */
        tacit_span_t file = {NULL, 0};
        assert_non_null(part);
        memcpy(part, bytes.data, i);
        assert_int_equal(tacit_npz_find(tacit_span(part, i), "b", &file, NULL), TACIT_MALFORMED);
        free(part);
    }
    s_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_by_name),
        cmocka_unit_test(test_an_only_array_needs_no_name),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_entries_are_bounded),
        cmocka_unit_test(test_truncated_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
