/*  enclave_configuration_fuzz.c - a foreign enclave configuration. What parses, written and parsed
    again, gives the same text: nothing is read that is not written.  */

#include <stdlib.h>

#include "enclave/enclave_configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *s_format(const tacit_enclave_configuration_t *configuration)
{
    char *text = NULL;
    if (tacit_enclave_configuration_format(configuration, &text, NULL)) {
        abort();
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tacit_enclave_configuration_t *first = NULL;
    tacit_enclave_configuration_t *second = NULL;
    if (tacit_enclave_configuration_parse(tacit_span(data, size), &first, NULL)) {
        return 0;
    }
    char *text = s_format(first);
    if (strlen(text) != size ||
        tacit_enclave_configuration_parse(tacit_span_string(text), &second, NULL)) {
        abort(); /* same length: only the order of lines may differ */
    }
    char *again = s_format(second);
    if (strcmp(text, again) != 0) {
        abort();
    }
    free(again);
    free(text);
    tacit_enclave_configuration_destroy(&second);
    tacit_enclave_configuration_destroy(&first);
    return 0;
}
