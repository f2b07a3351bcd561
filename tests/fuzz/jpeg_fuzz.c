/*  jpeg_fuzz.c - JPEG pictures: any bytes end in a tensor or in an error that says why.  */

#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/input_jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_tensor_t tensor = {0};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_span_t file = tacit_span(data, size);
    if (sodium_init() < 0) {
        abort();
    }
    tacit_status_t status = tacit_jpeg_parse(file, &tensor, &error);
    if (status == TACIT_OK ? !tensor.data : error.code != status || tensor.data) {
        abort();
    }
    tacit_tensor_release(&tensor);
    return 0;
}
