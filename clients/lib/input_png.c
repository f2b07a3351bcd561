/*  input_png.c - libpng's low-level interface, for it alone leaves pixel values as they are.

    libpng reports errors by longjmp. Everything that must survive one lives in s_png_t, whose
    address is all that the function with the setjmp keeps; libpng's own memory, which holds pixels,
    is secret memory too.  */

#include "clients/lib/input_png.h"

#include <png.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    S_CHUNK_BYTES_MAX = 65536, /* of one chunk that libpng keeps whole */
    S_CHUNK_COUNT_MAX = 64     /* chunks that libpng keeps */
};

typedef struct s_png {
    tacit_cursor_t file;
    png_structp png;
    png_infop info;
    tacit_image_t image;
    uint8_t *rows[TACIT_IMAGE_SIDE_MAX];
    tacit_error_t *error; /* may be NULL */
    tacit_status_t status;
} s_png_t;

/*  One block of libpng's memory; what libpng gets begins after this header. Sizes are kept a
    multiple of the alignment, because secret memory ends, not begins, at a page.  */
typedef union s_block {
    tacit_secret_t *secret;
    max_align_t alignment;
} s_block_t;

static png_voidp s_malloc(png_structp png, png_alloc_size_t size)
{
    tacit_secret_t *secret = NULL;
    (void)png;
    if (size > TACIT_TENSOR_BYTES_MAX) {
        return NULL;
    }
    size_t blocks = (size + sizeof(s_block_t) - 1) / sizeof(s_block_t) + 1;
    if (tacit_secret_new(blocks * sizeof(s_block_t), &secret) != TACIT_OK) {
        return NULL;
    }
    s_block_t header = {.secret = secret};
    memcpy(secret->data, &header, sizeof header);
    return secret->data + sizeof header;
}

static void s_free(png_structp png, png_voidp memory)
{
    s_block_t header;
    (void)png;
    if (memory) {
        memcpy(&header, (uint8_t *)memory - sizeof header, sizeof header);
        tacit_secret_destroy(&header.secret);
    }
}

static void s_error(png_structp png, png_const_charp message)
{
    s_png_t *self = png_get_error_ptr(png);
    self->status =
        tacit_error_set(self->error, TACIT_MALFORMED, "not a sound PNG picture: %s", message);
    png_longjmp(png, 1);
}

static void s_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void s_read(png_structp png, png_bytep bytes, size_t size)
{
    s_png_t *self = png_get_io_ptr(png);
    tacit_cursor_copy(&self->file, bytes, size);
    if (self->file.failed) {
        png_error(png, "it ends too early");
    }
}

static tacit_status_t s_refuse(s_png_t *self, const char *what, const char *remedy)
{
    (void)tacit_error_set(self->error, TACIT_UNSUPPORTED, "the PNG picture has %s", what);
    tacit_error_remedy(self->error, "%s", remedy);
    return TACIT_UNSUPPORTED;
}

static void s_configure(s_png_t *self)
{
    png_set_read_fn(self->png, self, s_read);
    png_set_user_limits(self->png, TACIT_IMAGE_SIDE_MAX, TACIT_IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(self->png, S_CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(self->png, S_CHUNK_COUNT_MAX);
    /* what does not change pixels is not parsed at all; what is parsed has to be right */
    png_set_keep_unknown_chunks(self->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(self->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(self->png, 0);
}

static tacit_status_t s_check_header(s_png_t *self, uint32_t *ret_channels)
{
    int colour = png_get_color_type(self->png, self->info);
    if (png_get_bit_depth(self->png, self->info) == 16) {
        return s_refuse(self, "16 bits for each channel", "save it with 8 bits");
    }
    if ((colour & PNG_COLOR_MASK_ALPHA) || png_get_valid(self->png, self->info, PNG_INFO_tRNS)) {
        return s_refuse(self, "transparency", "flatten it onto a background");
    }
    *ret_channels = (colour & PNG_COLOR_MASK_COLOR) ? TACIT_IMAGE_RGB : TACIT_IMAGE_GRAY;
    return TACIT_OK;
}

static tacit_status_t s_read_rows(s_png_t *self, uint32_t channels)
{
    uint32_t width = png_get_image_width(self->png, self->info);
    uint32_t height = png_get_image_height(self->png, self->info);
    tacit_status_t status =
        tacit_image_allocate(width, height, channels, &self->image, self->error);
    if (status != TACIT_OK) {
        return status;
    }
    png_set_expand_gray_1_2_4_to_8(self->png);
    if (png_get_color_type(self->png, self->info) == PNG_COLOR_TYPE_PALETTE) {
        png_set_palette_to_rgb(self->png);
    }
    (void)png_set_interlace_handling(self->png);
    png_read_update_info(self->png, self->info);
    if (png_get_rowbytes(self->png, self->info) != (size_t)width * channels) {
        return tacit_error_set(self->error, TACIT_UNSUPPORTED, "an unusual kind of PNG picture");
    }
    for (uint32_t y = 0; y < height; y++) {
        self->rows[y] = tacit_image_row(&self->image, y);
    }
    png_read_image(self->png, self->rows);
    png_read_end(self->png, NULL);
    return TACIT_OK;
}

static tacit_status_t s_decode(s_png_t *self)
{
    uint32_t channels = 0;
    if (setjmp(png_jmpbuf(self->png))) {
        return self->status;
    }
    s_configure(self);
    png_read_info(self->png, self->info);
    tacit_status_t status = s_check_header(self, &channels);
    if (status == TACIT_OK) {
        status = s_read_rows(self, channels);
    }
    if (status == TACIT_OK && !tacit_cursor_done(&self->file)) {
        status = tacit_error_set(self->error, TACIT_MALFORMED, "bytes follow the PNG picture");
    }
    return status;
}

tacit_status_t tacit_png_parse(tacit_span_t file, tacit_tensor_t *ret_tensor,
                               tacit_error_t *ret_error)
{
    tacit_status_t status = TACIT_NO_MEMORY;
    s_png_t *self = calloc(1, sizeof *self); /* the row table is too large for a stack */
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->file = tacit_cursor(file);
    self->error = ret_error;
    self->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, self, s_error, s_warning, NULL,
                                         s_malloc, s_free);
    self->info = self->png ? png_create_info_struct(self->png) : NULL;
    if (!self->info) {
        (void)tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
        goto out;
    }
    status = s_decode(self);
    if (status == TACIT_OK) {
        status = tacit_image_tensor(&self->image, ret_tensor, ret_error);
    }
out:
    tacit_image_release(&self->image);
    png_destroy_read_struct(&self->png, &self->info, NULL);
    free(self);
    return status;
}
