/*  input_png_test.c - PNG pictures, made here with libpng, and damaged by hand.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <png.h>
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/input_png.h"

enum {
    S_FILE_MAX = 1 << 20,
    S_IHDR_WIDTH = 16, /* offsets in the file */
    S_IHDR_HEIGHT = 20,
    S_IHDR_CRC = 29
};

typedef struct s_file {
    uint8_t bytes[S_FILE_MAX];
    size_t size;
} s_file_t;

typedef struct s_recipe {
    uint32_t width;
    uint32_t height;
    int depth;
    int colour;
    int interlace;
    bool transparent; /* a tRNS chunk */
    bool comment;     /* a tEXt chunk */
} s_recipe_t;

static s_file_t s_file;

static void s_write(png_structp png, png_bytep bytes, size_t size)
{
    s_file_t *file = png_get_io_ptr(png);
    assert_true(size <= sizeof file->bytes - file->size);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void s_flush(png_structp png)
{
    (void)png;
}

static void s_ancillary(png_structp png, png_infop info, const s_recipe_t *recipe)
{
    static png_color palette[] = {{10, 20, 30}, {40, 50, 60}};
    static png_byte alpha[] = {128, 255};
    static png_color_16 colour = {.gray = 5, .red = 5, .green = 5, .blue = 5};
    char key[] = "Comment";
    char text[] = "hello";
    png_text comment = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = key, .text = text};
    if (recipe->colour == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 2);
    }
    if (recipe->transparent) {
        bool indexed = recipe->colour == PNG_COLOR_TYPE_PALETTE;
        png_set_tRNS(png, info, indexed ? alpha : NULL, indexed ? 2 : 1, indexed ? NULL : &colour);
    }
    if (recipe->comment) {
        png_set_text(png, info, &comment, 1);
    }
}

/*  A picture of that kind into s_file; rows point at the packed samples.  */
static void s_make(const s_recipe_t *recipe, const uint8_t *pixels, size_t row_size)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t **rows = calloc(recipe->height, sizeof *rows);
    assert_non_null(rows);
    s_file.size = 0;
    png_set_write_fn(png, &s_file, s_write, s_flush);
    png_set_IHDR(png, info, recipe->width, recipe->height, recipe->depth, recipe->colour,
                 recipe->interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    s_ancillary(png, info, recipe);
    png_write_info(png, info);
    for (uint32_t y = 0; y < recipe->height; y++) {
        rows[y] = (uint8_t *)(uintptr_t)pixels + y * row_size;
    }
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
}

static tacit_status_t s_parse(tacit_tensor_t *ret_tensor)
{
    tacit_error_t error = {0};
    tacit_tensor_t tensor = {.rank = 77};
    uint8_t *exact = malloc(s_file.size + 1); /* so that reading past the end is seen */
    assert_non_null(exact);
    memcpy(exact, s_file.bytes, s_file.size);
    tacit_status_t status = tacit_png_parse(tacit_span(exact, s_file.size), &tensor, &error);
    free(exact);
    assert_true(status == TACIT_OK || (tensor.rank == 77 && error.code == status));
    if (status == TACIT_OK) {
        *ret_tensor = tensor;
    }
    return status;
}

/*  As above, and it has to be taken. abort() is not reached, and tells an analyser so.  */
static tacit_tensor_t s_must_parse(void)
{
    tacit_tensor_t tensor = {0};
    if (s_parse(&tensor) != TACIT_OK || !tensor.data) {
        fail_msg("refused");
        abort();
    }
    return tensor;
}

/*  The tensor's element is pixel / 255 in float32.  */
static void s_pixel_is(const tacit_tensor_t *tensor, size_t index, uint8_t pixel)
{
    float value = 0;
    memcpy(&value, tensor->data->data + index * sizeof value, sizeof value);
    assert_true(value == (float)pixel / 255.0F);
}

static void s_taken(const s_recipe_t *recipe, const uint8_t *pixels, size_t row_size,
                    const uint8_t *planes, int64_t channels)
{
    s_make(recipe, pixels, row_size);
    tacit_tensor_t tensor = s_must_parse();
    assert_int_equal(tensor.dtype, TACIT_INFERENCE_DTYPE_FLOAT32);
    assert_int_equal(tensor.rank, 4);
    assert_int_equal(tensor.dims[0], 1);
    assert_int_equal(tensor.dims[1], channels);
    assert_int_equal(tensor.dims[2], recipe->height);
    assert_int_equal(tensor.dims[3], recipe->width);
    for (size_t i = 0; i < (size_t)channels * recipe->width * recipe->height; i++) {
        s_pixel_is(&tensor, i, planes[i]);
    }
    tacit_tensor_release(&tensor);
}

static void s_refused(const s_recipe_t *recipe, size_t row_size, tacit_status_t expected)
{
    static const uint8_t zeros[4096];
    tacit_tensor_t tensor;
    s_make(recipe, zeros, row_size);
    assert_int_equal(s_parse(&tensor), expected);
}

static void test_gray(void **state)
{
    static const uint8_t pixels[] = {0, 1, 127, 128, 254, 255};
    const s_recipe_t recipe = {
        .width = 3, .height = 2, .depth = 8, .colour = PNG_COLOR_TYPE_GRAY, .comment = true};
    (void)state;
    s_taken(&recipe, pixels, 3, pixels, 1);
}

static void test_rgb_becomes_planes(void **state)
{
    static const uint8_t pixels[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t planes[] = {1, 4, 2, 5, 3, 6};
    const s_recipe_t recipe = {.width = 2, .height = 1, .depth = 8, .colour = PNG_COLOR_TYPE_RGB};
    (void)state;
    s_taken(&recipe, pixels, 6, planes, 3);
}

static void test_interlaced(void **state)
{
    uint8_t pixels[13 * 11];
    const s_recipe_t recipe = {.width = 13,
                               .height = 11,
                               .depth = 8,
                               .colour = PNG_COLOR_TYPE_GRAY,
                               .interlace = PNG_INTERLACE_ADAM7};
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)i;
    }
    s_taken(&recipe, pixels, 13, pixels, 1);
}

static void test_few_bits_are_spread(void **state)
{
    static const uint8_t one[] = {0xa0}; /* 1 0 1 */
    static const uint8_t two[] = {0x1b}; /* 0 1 2 3 */
    static const uint8_t one_planes[] = {255, 0, 255};
    static const uint8_t two_planes[] = {0, 85, 170, 255};
    const s_recipe_t recipe = {.width = 3, .height = 1, .depth = 1, .colour = PNG_COLOR_TYPE_GRAY};
    const s_recipe_t wider = {.width = 4, .height = 1, .depth = 2, .colour = PNG_COLOR_TYPE_GRAY};
    (void)state;
    s_taken(&recipe, one, 1, one_planes, 1);
    s_taken(&wider, two, 1, two_planes, 1);
}

static void test_palette_becomes_rgb(void **state)
{
    static const uint8_t pixels[] = {0x40}; /* 0 1 */
    static const uint8_t planes[] = {10, 40, 20, 50, 30, 60};
    const s_recipe_t recipe = {
        .width = 2, .height = 1, .depth = 1, .colour = PNG_COLOR_TYPE_PALETTE};
    (void)state;
    s_taken(&recipe, pixels, 1, planes, 3);
}

static void test_what_would_lose_something_is_refused(void **state)
{
    (void)state;
    s_refused(&(s_recipe_t){.width = 2, .height = 2, .depth = 16, .colour = PNG_COLOR_TYPE_GRAY}, 4,
              TACIT_UNSUPPORTED);
    s_refused(
        &(s_recipe_t){.width = 2, .height = 2, .depth = 8, .colour = PNG_COLOR_TYPE_RGB_ALPHA}, 8,
        TACIT_UNSUPPORTED);
    s_refused(
        &(s_recipe_t){.width = 2, .height = 2, .depth = 8, .colour = PNG_COLOR_TYPE_GRAY_ALPHA}, 4,
        TACIT_UNSUPPORTED);
    s_refused(&(s_recipe_t){.width = 2,
                            .height = 2,
                            .depth = 8,
                            .colour = PNG_COLOR_TYPE_PALETTE,
                            .transparent = true},
              2, TACIT_UNSUPPORTED);
    s_refused(&(s_recipe_t){.width = 2,
                            .height = 2,
                            .depth = 8,
                            .colour = PNG_COLOR_TYPE_GRAY,
                            .transparent = true},
              2, TACIT_UNSUPPORTED);
}

static void s_make_small(void)
{
    static const uint8_t pixels[64] = {1, 2, 3};
    s_make(&(s_recipe_t){.width = 8, .height = 8, .depth = 8, .colour = PNG_COLOR_TYPE_GRAY},
           pixels, 8);
}

static void test_every_truncation(void **state)
{
    tacit_tensor_t tensor;
    (void)state;
    s_make_small();
    size_t whole = s_file.size;
    for (s_file.size = 0; s_file.size < whole; s_file.size++) {
        assert_int_equal(s_parse(&tensor), TACIT_MALFORMED);
    }
}

static void test_bytes_after_the_end(void **state)
{
    tacit_tensor_t tensor;
    (void)state;
    s_make_small();
    s_file.bytes[s_file.size++] = 0;
    assert_int_equal(s_parse(&tensor), TACIT_MALFORMED);
}

/*  Everything in a PNG file stands under a checksum.  */
static void test_every_damaged_byte(void **state)
{
    tacit_tensor_t tensor;
    (void)state;
    s_make_small();
    for (size_t i = 0; i < s_file.size; i++) {
        s_file.bytes[i] ^= 0x10;
        assert_int_not_equal(s_parse(&tensor), TACIT_OK);
        s_file.bytes[i] ^= 0x10;
    }
}

static void s_big(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static uint32_t s_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0xedb88320 & (0 - (crc & 1)));
        }
    }
    return ~crc;
}

/*  The header says that size; what follows is a small picture.  */
static tacit_status_t s_claim_size(uint32_t width, uint32_t height)
{
    tacit_tensor_t tensor;
    s_make_small();
    s_big(s_file.bytes + S_IHDR_WIDTH, width);
    s_big(s_file.bytes + S_IHDR_HEIGHT, height);
    s_big(s_file.bytes + S_IHDR_CRC, s_crc(s_file.bytes + 12, 17));
    return s_parse(&tensor);
}

static void test_sizes_are_judged_before_memory_is_taken(void **state)
{
    (void)state;
    assert_int_equal(s_claim_size(2048, 2049), TACIT_TOO_LARGE); /* 2048 * 2048 is the limit */
    assert_int_equal(s_claim_size(8192, 8192), TACIT_TOO_LARGE);
    assert_int_equal(s_claim_size(TACIT_IMAGE_SIDE_MAX + 1, 1),
                     TACIT_MALFORMED); /* libpng's word */
    assert_int_equal(s_claim_size(0x7fffffff, 0x7fffffff), TACIT_MALFORMED);
    assert_int_equal(s_claim_size(0, 8), TACIT_MALFORMED);
    assert_int_equal(s_claim_size(8, 9), TACIT_MALFORMED); /* too few rows */
    assert_int_equal(s_claim_size(8, 7), TACIT_MALFORMED); /* too many */
}

static void test_longest_side(void **state)
{
    static uint8_t row[TACIT_IMAGE_SIDE_MAX];
    const s_recipe_t recipe = {
        .width = TACIT_IMAGE_SIDE_MAX, .height = 1, .depth = 8, .colour = PNG_COLOR_TYPE_GRAY};
    (void)state;
    s_taken(&recipe, row, sizeof row, row, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gray),
        cmocka_unit_test(test_rgb_becomes_planes),
        cmocka_unit_test(test_interlaced),
        cmocka_unit_test(test_few_bits_are_spread),
        cmocka_unit_test(test_palette_becomes_rgb),
        cmocka_unit_test(test_what_would_lose_something_is_refused),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_bytes_after_the_end),
        cmocka_unit_test(test_every_damaged_byte),
        cmocka_unit_test(test_sizes_are_judged_before_memory_is_taken),
        cmocka_unit_test(test_longest_side),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
