/*  npy_fuzz.c - arrays, copied or seen where they lie, alone or in an archive: any bytes end in a
    tensor or in an error that says why.  */

#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/input_npy.h"
#include "clients/lib/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*  Every byte of what is found has to be there.  */
static void s_look(tacit_span_t file)
{
    tacit_npy_view_t view = {.rank = 0};
    volatile uint8_t sum = 0;
    if (tacit_npy_view(file, &view, NULL) == TACIT_OK) {
        for (size_t i = 0; i < view.elements.size; i++) {
            sum ^= view.elements.data[i];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_tensor_t tensor = {0};
    tacit_error_t error = {.code = TACIT_OK};
    tacit_span_t file = tacit_span(data, size);
    bool narrow = size % 2 == 1;
    if (sodium_init() < 0) {
        abort();
    }
    tacit_status_t status = tacit_npy_parse(file, narrow, &tensor, &error);
    if (status == TACIT_OK ? !tensor.data : error.code != status || tensor.data) {
        abort();
    }
    tacit_tensor_release(&tensor);
    s_look(file);
    if (tacit_npz_find(file, size % 2 == 1 ? "x" : NULL, &file, NULL) == TACIT_OK) {
        s_look(file);
    }
    return 0;
}
