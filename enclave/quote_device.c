/*  quote_device.c - what the three devices share.  */

#include "enclave/quote_device.h"

void tacit_quote_device_destroy(tacit_quote_device_t **device)
{
    if (device && *device) {
        (*device)->destroy(*device);
        *device = NULL;
    }
}

tacit_status_t tacit_quote_device_quote(tacit_quote_device_t *device, tacit_quote_purpose_t purpose,
                                        const uint8_t commitment[64], uint8_t *ret_quote,
                                        size_t *ret_size, tacit_error_t *ret_error)
{
    uint8_t report_data[TACIT_REPORT_DATA_SIZE];
    tacit_report_data(purpose, commitment, report_data);
    return device->quote(device, report_data, ret_quote, ret_size, ret_error);
}
