/*  quote_device.h - evidence of a real platform: what a program asks its own kernel, library OS or
    security module for.

    Three devices: Gramine's files (SGX), configfs-tsm (TDX), the Nitro security module. None of
    them labels what it is given, so that the label is made here: no caller chooses report_data.
    What comes back is compared with what was asked for, and nothing more; judging it is for who
    gets it, with collateral that no device has.

    A platform over a device (tacit_platform_over) gives quotes as the simulated one does, and
    refuses all else (UNSUPPORTED): these devices have no counters and no keys for a mesh.  */

#ifndef TACIT_ENCLAVE_QUOTE_DEVICE_H
#define TACIT_ENCLAVE_QUOTE_DEVICE_H

#include "enclave/device_files.h"
#include "enclave/platform.h"

typedef struct tacit_quote_device tacit_quote_device_t;

/*  What a kind of device is made of; the rest of its state follows this head.  */
struct tacit_quote_device {
    tacit_tee_t tee;
    tacit_status_t (*quote)(tacit_quote_device_t *self,
                            const uint8_t report_data[TACIT_REPORT_DATA_SIZE], uint8_t *ret_quote,
                            size_t *ret_size, tacit_error_t *ret_error);
    void (*destroy)(tacit_quote_device_t *self);
};

/*  Gramine: ROOT is /dev/attestation. UNSUPPORTED where it attests by anything but DCAP. files is
    borrowed.  */
TACIT_MUST_CHECK tacit_status_t tacit_gramine_device_new(const char *root,
                                                         const tacit_device_files_t *files,
                                                         tacit_quote_device_t **ret_device,
                                                         tacit_error_t *ret_error);

/*  Linux from 6.7 on: ROOT is /sys/kernel/config/tsm/report. UNSUPPORTED where its provider is not
    TDX's, or gives another thing than a quote. files is borrowed.  */
TACIT_MUST_CHECK tacit_status_t tacit_tsm_device_new(const char *root,
                                                     const tacit_device_files_t *files,
                                                     tacit_quote_device_t **ret_device,
                                                     tacit_error_t *ret_error);

/*  One request to a Nitro security module and its response: at most max bytes.  */
typedef struct tacit_nsm_transport {
    void *self;
    tacit_status_t (*exchange)(void *self, tacit_span_t request, uint8_t *ret_response, size_t max,
                               size_t *ret_size, tacit_error_t *ret_error);
    void (*close)(void *self);
} tacit_nsm_transport_t;

/*  By ioctl on /dev/nsm, or wherever that is.  */
TACIT_MUST_CHECK tacit_status_t tacit_nsm_open(const char *path,
                                               tacit_nsm_transport_t *ret_transport,
                                               tacit_error_t *ret_error);

/*  Nitro: product and SVN are the program's own (launch.h). PCR16 is extended by them and locked,
    unless it is locked already; ALREADY_EXISTS where it is by others. The transport is adopted,
    and closed even where this fails.  */
TACIT_MUST_CHECK tacit_status_t tacit_nsm_device_new(tacit_nsm_transport_t transport,
                                                     uint16_t product_id, uint16_t svn,
                                                     tacit_quote_device_t **ret_device,
                                                     tacit_error_t *ret_error);

void tacit_quote_device_destroy(tacit_quote_device_t **device);

/*  As tacit_platform_quote, by the device. Not thread-safe.  */
TACIT_MUST_CHECK tacit_status_t tacit_quote_device_quote(tacit_quote_device_t *device,
                                                         tacit_quote_purpose_t purpose,
                                                         const uint8_t commitment[64],
                                                         uint8_t *ret_quote, size_t *ret_size,
                                                         tacit_error_t *ret_error);

/*  A platform whose quotes come from the device, which is adopted, and destroyed where this fails.
    Who it is says its first quote; a launcher that is not known is refused there already.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_over(tacit_quote_device_t *device,
                                                    tacit_platform_t **ret_platform,
                                                    tacit_error_t *ret_error);

#endif
