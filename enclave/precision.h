/*  precision.h - in which numbers an owner wants a model computed.

    fp32: as the model has it. bf16: products and convolutions of float32 take bfloat16 (8 bits of
    fraction instead of 24) and sum up in float32. int8: the model's own operators over 8-bit
    numbers; a model without any is refused. It stands in the signed manifest and in receipts.  */

#ifndef TACIT_ENCLAVE_PRECISION_H
#define TACIT_ENCLAVE_PRECISION_H

#include <stdbool.h>

/*  The numbers are those of manifests and receipts.  */
typedef enum tacit_precision {
    TACIT_PRECISION_FP32 = 0,
    TACIT_PRECISION_BF16 = 1,
    TACIT_PRECISION_INT8 = 2,
    TACIT_PRECISIONS
} tacit_precision_t;

/*  "fp32", "bf16", "int8".  */
const char *tacit_precision_name(tacit_precision_t precision);

/*  false where nothing is called so.  */
bool tacit_precision_from_name(const char *name, tacit_precision_t *ret_precision);

#endif
