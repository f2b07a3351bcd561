/*  input_png.h - a PNG picture to float32 [1,C,H,W], pixel / 255.

    Grayscale (1, 2, 4 and 8 bits) gives one channel, RGB and palette pictures give three; those
    steps lose nothing. What could only be taken by changing numbers is refused: 16 bits, alpha and
    transparent colours. Gamma and colour profiles are ignored, as training frameworks ignore them.
    Damage anywhere in the picture, and bytes after its end, are errors.  */

#ifndef TACIT_CLIENTS_INPUT_PNG_H
#define TACIT_CLIENTS_INPUT_PNG_H

#include "clients/lib/image.h"

/*  MALFORMED, UNSUPPORTED (with what to do in the remedy), TOO_LARGE, NO_MEMORY.  */
TACIT_MUST_CHECK tacit_status_t tacit_png_parse(tacit_span_t file, tacit_tensor_t *ret_tensor,
                                                tacit_error_t *ret_error);

#endif
