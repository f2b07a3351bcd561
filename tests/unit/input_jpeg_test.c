/*  input_jpeg_test.c - JPEG pictures, made here with libjpeg, and damaged by hand.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h> /* before jpeglib.h, which needs FILE */
#include <stdlib.h>

#include <jpeglib.h>

#include "clients/lib/input_jpeg.h"

typedef struct s_file {
    unsigned char *bytes; /* by malloc */
    unsigned long size;
} s_file_t;

typedef struct s_recipe {
    uint32_t width;
    uint32_t height;
    int channels;
    J_COLOR_SPACE colours;
    const jpeg_scan_info *scans; /* NULL: baseline */
    int scan_count;
    uint8_t pixel[4]; /* the whole picture is of this colour */
} s_recipe_t;

static s_file_t s_make(const s_recipe_t *recipe)
{
    struct jpeg_compress_struct encoder;
    struct jpeg_error_mgr handler;
    s_file_t file = {0};
    uint8_t *row = malloc((size_t)recipe->width * (size_t)recipe->channels);
    assert_non_null(row);
    for (size_t i = 0; i < (size_t)recipe->width * (size_t)recipe->channels; i++) {
        row[i] = recipe->pixel[i % (size_t)recipe->channels];
    }
    encoder.err = jpeg_std_error(&handler);
    jpeg_create_compress(&encoder);
    jpeg_mem_dest(&encoder, &file.bytes, &file.size);
    encoder.image_width = recipe->width;
    encoder.image_height = recipe->height;
    encoder.input_components = recipe->channels;
    encoder.in_color_space = recipe->colours;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, 100, TRUE);
    encoder.scan_info = recipe->scans;
    encoder.num_scans = recipe->scan_count;
    jpeg_start_compress(&encoder, TRUE);
    while (encoder.next_scanline < encoder.image_height) {
        JSAMPROW rows[] = {row};
        (void)jpeg_write_scanlines(&encoder, rows, 1);
    }
    jpeg_finish_compress(&encoder);
    jpeg_destroy_compress(&encoder);
    free(row);
    return file;
}

static tacit_status_t s_parse(const s_file_t *file, size_t size, tacit_tensor_t *ret_tensor)
{
    tacit_error_t error = {0};
    tacit_tensor_t tensor = {.rank = 77};
    uint8_t *exact = malloc(size + 1); /* so that reading past the end is seen */
    assert_non_null(exact);
    memcpy(exact, file->bytes, size);
    tacit_status_t status = tacit_jpeg_parse(tacit_span(exact, size), &tensor, &error);
    free(exact);
    assert_true(status == TACIT_OK || (tensor.rank == 77 && error.code == status));
    if (status == TACIT_OK) {
        *ret_tensor = tensor;
    }
    return status;
}

/*  As above, and it has to be taken. abort() is not reached, and tells an analyser so.  */
static tacit_tensor_t s_must_parse(const s_file_t *file)
{
    tacit_tensor_t tensor = {0};
    if (s_parse(file, file->size, &tensor) != TACIT_OK || !tensor.data) {
        fail_msg("refused");
        abort();
    }
    return tensor;
}

/*  Taken, and each plane is of its colour, as near as JPEG keeps one.  */
static void s_taken(const s_recipe_t *recipe)
{
    s_file_t file = s_make(recipe);
    tacit_tensor_t tensor = s_must_parse(&file);
    size_t plane = (size_t)recipe->width * recipe->height;
    assert_int_equal(tensor.rank, 4);
    assert_int_equal(tensor.dims[0], 1);
    assert_int_equal(tensor.dims[1], recipe->channels);
    assert_int_equal(tensor.dims[2], recipe->height);
    assert_int_equal(tensor.dims[3], recipe->width);
    for (size_t i = 0; i < plane * (size_t)recipe->channels; i++) {
        float value = 0;
        memcpy(&value, tensor.data->data + i * sizeof value, sizeof value);
        size_t channel = i / plane;
        assert_true(fabsf(value * 255 - recipe->pixel[channel]) <= 2);
    }
    tacit_tensor_release(&tensor);
    free(file.bytes);
}

static const s_recipe_t s_gray = {
    .width = 9, .height = 5, .channels = 1, .colours = JCS_GRAYSCALE, .pixel = {200}};

static void test_gray(void **state)
{
    (void)state;
    s_taken(&s_gray);
}

static void test_rgb_becomes_planes(void **state)
{
    (void)state;
    s_taken(&(s_recipe_t){
        .width = 17, .height = 3, .channels = 3, .colours = JCS_RGB, .pixel = {250, 120, 10}});
}

static void test_progressive(void **state)
{
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 0, 0, 0},
        {1, {0}, 1, 5, 0, 0},
        {1, {0}, 6, 63, 0, 0},
    };
    s_recipe_t recipe = s_gray;
    (void)state;
    recipe.scans = scans;
    recipe.scan_count = 3;
    s_taken(&recipe);
}

/*  The constant part of the picture in two steps, and the others in 62 or 63 scans.  */
static tacit_status_t s_of_scans(int count)
{
    jpeg_scan_info scans[TACIT_JPEG_SCANS_MAX + 1];
    s_recipe_t recipe = s_gray;
    tacit_tensor_t tensor = {0};
    scans[0] = (jpeg_scan_info){1, {0}, 0, 0, 0, 1};
    scans[1] = (jpeg_scan_info){1, {0}, 0, 0, 1, 0};
    for (int i = 2; i < count; i++) {
        scans[i] = (jpeg_scan_info){1, {0}, i - 1, i - 1, 0, 0};
    }
    recipe.scans = scans;
    recipe.scan_count = count;
    s_file_t file = s_make(&recipe);
    tacit_status_t status = s_parse(&file, file.size, &tensor);
    tacit_tensor_release(&tensor);
    free(file.bytes);
    return status;
}

static void test_scans_limit(void **state)
{
    (void)state;
    assert_int_equal(s_of_scans(TACIT_JPEG_SCANS_MAX), TACIT_OK);
    assert_int_equal(s_of_scans(TACIT_JPEG_SCANS_MAX + 1), TACIT_TOO_LARGE);
}

static void test_cmyk_is_refused(void **state)
{
    tacit_tensor_t tensor;
    s_file_t file =
        s_make(&(s_recipe_t){.width = 8, .height = 8, .channels = 4, .colours = JCS_CMYK});
    (void)state;
    assert_int_equal(s_parse(&file, file.size, &tensor), TACIT_UNSUPPORTED);
    free(file.bytes);
}

static void test_every_truncation(void **state)
{
    s_file_t file = s_make(&s_gray);
    tacit_tensor_t tensor;
    (void)state;
    for (size_t size = 0; size < file.size; size++) {
        assert_int_equal(s_parse(&file, size, &tensor), TACIT_MALFORMED);
    }
    free(file.bytes);
}

/*  JPEG has no checksum: damage may pass, but must do no harm.  */
static void test_every_damaged_byte(void **state)
{
    s_file_t file = s_make(&s_gray);
    (void)state;
    for (size_t i = 0; i < file.size; i++) {
        tacit_tensor_t tensor = {0};
        file.bytes[i] ^= 0x41;
        (void)!s_parse(&file, file.size, &tensor);
        tacit_tensor_release(&tensor);
        file.bytes[i] ^= 0x41;
    }
    free(file.bytes);
}

static void test_bytes_after_the_end_are_ignored(void **state)
{
    s_file_t file = s_make(&s_gray);
    tacit_tensor_t tensor = {0};
    (void)state;
    file.bytes = realloc(file.bytes, file.size + 3);
    assert_non_null(file.bytes);
    memcpy(file.bytes + file.size, "abc", 3);
    assert_int_equal(s_parse(&file, file.size + 3, &tensor), TACIT_OK);
    tacit_tensor_release(&tensor);
    free(file.bytes);
}

/*  The start of frame says that size; what follows is a small picture.  */
static tacit_status_t s_claim_size(uint32_t width, uint32_t height)
{
    s_file_t file = s_make(&s_gray);
    tacit_tensor_t tensor = {0};
    size_t at = 2;
    while (file.bytes[at + 1] != 0xc0) {
        at += 2 + ((size_t)file.bytes[at + 2] << 8 | file.bytes[at + 3]);
        assert_true(at + 9 < file.size);
    }
    file.bytes[at + 5] = (uint8_t)(height >> 8);
    file.bytes[at + 6] = (uint8_t)height;
    file.bytes[at + 7] = (uint8_t)(width >> 8);
    file.bytes[at + 8] = (uint8_t)width;
    tacit_status_t status = s_parse(&file, file.size, &tensor);
    tacit_tensor_release(&tensor);
    free(file.bytes);
    return status;
}

static void test_sizes_are_judged_before_memory_is_taken(void **state)
{
    (void)state;
    assert_int_equal(s_claim_size(2048, 2049), TACIT_TOO_LARGE); /* 2048 * 2048 is the limit */
    assert_int_equal(s_claim_size(TACIT_IMAGE_SIDE_MAX + 1, 1), TACIT_TOO_LARGE);
    assert_int_equal(s_claim_size(1, TACIT_IMAGE_SIDE_MAX + 1), TACIT_TOO_LARGE);
    assert_int_equal(s_claim_size(65500, 65500), TACIT_TOO_LARGE);
    assert_int_equal(s_claim_size(65535, 1), TACIT_MALFORMED); /* libjpeg's word */
    assert_int_equal(s_claim_size(0, 8), TACIT_MALFORMED);
    assert_int_equal(s_claim_size(64, 64), TACIT_MALFORMED); /* too few pixels */
}

static void test_longest_side(void **state)
{
    (void)state;
    s_taken(&(s_recipe_t){.width = TACIT_IMAGE_SIDE_MAX,
                          .height = 1,
                          .channels = 1,
                          .colours = JCS_GRAYSCALE,
                          .pixel = {30}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray),
        cmocka_unit_test(test_rgb_becomes_planes),
        cmocka_unit_test(test_progressive),
        cmocka_unit_test(test_scans_limit),
        cmocka_unit_test(test_cmyk_is_refused),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_damaged_byte),
        cmocka_unit_test(test_bytes_after_the_end_are_ignored),
        cmocka_unit_test(test_sizes_are_judged_before_memory_is_taken),
        cmocka_unit_test(test_longest_side),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
