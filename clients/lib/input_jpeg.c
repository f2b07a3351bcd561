/*  input_jpeg.c - libjpeg, which by default ends the process on an error and prints warnings.

    Both become a longjmp here. Everything that must survive one lives in s_jpeg_t, whose address
    is all that the function with the setjmp keeps.  */

#include "clients/lib/input_jpeg.h"

#include <setjmp.h>
#include <stdio.h> /* before jpeglib.h, which needs FILE */
#include <stdlib.h>

#include <jpeglib.h>

enum { S_MEMORY_MAX = 64 * 1048576 /* bytes that the decoder may take */ };

typedef struct s_jpeg {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr handler;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    tacit_image_t image;
    tacit_error_t *error; /* may be NULL */
    tacit_status_t status;
} s_jpeg_t;

static _Noreturn void s_escape(j_common_ptr decoder, tacit_status_t status)
{
    s_jpeg_t *self = decoder->client_data;
    char text[JMSG_LENGTH_MAX];
    decoder->err->format_message(decoder, text);
    self->status = tacit_error_set(self->error, status, "not a sound JPEG picture: %s", text);
    longjmp(self->escape, 1);
}

static void s_error_exit(j_common_ptr decoder)
{
    s_escape(decoder, TACIT_MALFORMED);
}

/*  Below 0 is a warning: damage that libjpeg would paint over.  */
static void s_emit_message(j_common_ptr decoder, int level)
{
    if (level < 0) {
        s_escape(decoder, TACIT_MALFORMED);
    }
}

static void s_output_message(j_common_ptr decoder)
{
    (void)decoder;
}

static void s_count_scans(j_common_ptr decoder)
{
    s_jpeg_t *self = decoder->client_data;
    if (self->decoder.input_scan_number > TACIT_JPEG_SCANS_MAX) {
        self->status =
            tacit_error_set(self->error, TACIT_TOO_LARGE, "a JPEG picture of more than %d scans",
                            TACIT_JPEG_SCANS_MAX);
        longjmp(self->escape, 1);
    }
}

static void s_install(s_jpeg_t *self)
{
    self->decoder.err = jpeg_std_error(&self->handler);
    self->handler.error_exit = s_error_exit;
    self->handler.emit_message = s_emit_message;
    self->handler.output_message = s_output_message;
    self->progress.progress_monitor = s_count_scans;
    self->decoder.client_data = self;
}

static tacit_status_t s_check_colours(s_jpeg_t *self, uint32_t *ret_channels)
{
    switch (self->decoder.jpeg_color_space) {
    case JCS_GRAYSCALE:
        *ret_channels = TACIT_IMAGE_GRAY;
        self->decoder.out_color_space = JCS_GRAYSCALE;
        return TACIT_OK;
    case JCS_YCbCr:
    case JCS_RGB:
        *ret_channels = TACIT_IMAGE_RGB;
        self->decoder.out_color_space = JCS_RGB;
        return TACIT_OK;
    default:
        (void)tacit_error_set(self->error, TACIT_UNSUPPORTED,
                              "the JPEG picture is neither grayscale nor RGB");
        tacit_error_remedy(self->error, "save it as RGB");
        return TACIT_UNSUPPORTED;
    }
}

static tacit_status_t s_read_rows(s_jpeg_t *self)
{
    uint32_t channels = 0;
    tacit_status_t status = s_check_colours(self, &channels);
    if (status == TACIT_OK) {
        status = tacit_image_allocate(self->decoder.image_width, self->decoder.image_height,
                                      channels, &self->image, self->error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    (void)jpeg_start_decompress(&self->decoder); /* never suspends: all bytes are there */
    while (self->decoder.output_scanline < self->decoder.output_height) {
        JSAMPROW row = tacit_image_row(&self->image, self->decoder.output_scanline);
        (void)jpeg_read_scanlines(&self->decoder, &row, 1);
    }
    (void)jpeg_finish_decompress(&self->decoder);
    return TACIT_OK;
}

static tacit_status_t s_decode(s_jpeg_t *self, tacit_span_t file)
{
    if (setjmp(self->escape)) {
        return self->status;
    }
    jpeg_create_decompress(&self->decoder);
    self->decoder.progress = &self->progress;
    self->decoder.mem->max_memory_to_use = S_MEMORY_MAX;
    jpeg_mem_src(&self->decoder, file.data, file.size);
    (void)jpeg_read_header(&self->decoder, TRUE);
    return s_read_rows(self);
}

tacit_status_t tacit_jpeg_parse(tacit_span_t file, tacit_tensor_t *ret_tensor,
                                tacit_error_t *ret_error)
{
    if (file.size == 0) {
        return tacit_error_set(ret_error, TACIT_MALFORMED, "the file is empty");
    }
    s_jpeg_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    self->error = ret_error;
    s_install(self);
    tacit_status_t status = s_decode(self, file);
    if (status == TACIT_OK) {
        status = tacit_image_tensor(&self->image, ret_tensor, ret_error);
    }
    tacit_image_release(&self->image);
    jpeg_destroy_decompress(&self->decoder);
    free(self);
    return status;
}
