/*  image.h - decoded pictures and what becomes of them: float32 [1,C,H,W], pixel / 255.

    The two decoders share the limits and the conversion, so that a picture gives the same numbers
    whichever format carried the pixels.  */

#ifndef TACIT_CLIENTS_IMAGE_H
#define TACIT_CLIENTS_IMAGE_H

#include "clients/lib/tensor.h"

enum {
    TACIT_IMAGE_SIDE_MAX = 8192,          /* pixels of width, and of height */
    TACIT_IMAGE_BYTES_MAX = 32 * 1048576, /* of a picture's file */
    TACIT_IMAGE_GRAY = 1,                 /* channels */
    TACIT_IMAGE_RGB = 3
};

typedef struct tacit_image {
    uint32_t width;
    uint32_t height;
    uint32_t channels;      /* TACIT_IMAGE_GRAY or TACIT_IMAGE_RGB */
    tacit_secret_t *pixels; /* owned; 8 bits each, row by row, channels interleaved */
} tacit_image_t;

/*  Memory for a picture of that size; TOO_LARGE, before anything is allocated, where its tensor
    would pass TACIT_TENSOR_BYTES_MAX or a side its limit. Release with tacit_image_release.  */
TACIT_MUST_CHECK tacit_status_t tacit_image_allocate(uint32_t width, uint32_t height,
                                                     uint32_t channels, tacit_image_t *ret_image,
                                                     tacit_error_t *ret_error);

/*  Wipes the pixels and clears the picture. NULL-safe, idempotent.  */
void tacit_image_release(tacit_image_t *image);

/*  The start of a row.  */
static inline uint8_t *tacit_image_row(const tacit_image_t *image, uint32_t y)
{
    return image->pixels->data + (size_t)y * image->width * image->channels;
}

/*  The picture as float32 [1,C,H,W].  */
TACIT_MUST_CHECK tacit_status_t tacit_image_tensor(const tacit_image_t *image,
                                                   tacit_tensor_t *ret_tensor,
                                                   tacit_error_t *ret_error);

#endif
