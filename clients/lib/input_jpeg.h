/*  input_jpeg.h - a JPEG picture to float32 [1,C,H,W], pixel / 255.

    Grayscale gives one channel, colour three (RGB); CMYK is refused. Decoded as training
    frameworks do it (accurate DCT, smooth upsampling, orientation tags ignored), so that the
    numbers are those that a model was trained on. A damaged or cut-off picture is an error, though
    many viewers show one; bytes after its end, which phones like to append, are ignored.

    The decoder's working memory is the ordinary heap, which libjpeg gives no say over: it is
    neither locked nor wiped. The result is secret memory as everywhere.  */

#ifndef TACIT_CLIENTS_INPUT_JPEG_H
#define TACIT_CLIENTS_INPUT_JPEG_H

#include "clients/lib/image.h"

/*  A progressive picture of more scans costs time only and shows nothing.  */
enum { TACIT_JPEG_SCANS_MAX = 64 };

/*  MALFORMED, UNSUPPORTED (with what to do in the remedy), TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_jpeg_parse(tacit_span_t file, tacit_tensor_t *ret_tensor,
                                                 tacit_error_t *ret_error);

#endif
