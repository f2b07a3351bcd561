/*  precision.c - names of precisions.  */

#include "enclave/precision.h"

#include <stddef.h>
#include <string.h>

static const char *const s_names[TACIT_PRECISIONS] = {"fp32", "bf16", "int8"};

const char *tacit_precision_name(tacit_precision_t precision)
{
    return (size_t)precision < TACIT_PRECISIONS ? s_names[precision] : "none";
}

bool tacit_precision_from_name(const char *name, tacit_precision_t *ret_precision)
{
    for (size_t i = 0; i < TACIT_PRECISIONS; i++) {
        if (strcmp(s_names[i], name) == 0) {
            *ret_precision = (tacit_precision_t)i;
            return true;
        }
    }
    return false;
}
