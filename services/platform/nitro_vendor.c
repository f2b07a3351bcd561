/*  nitro_vendor.c - keys, certificates and documents of the simulated cloud.  */

#include "services/platform/nitro_vendor.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/cbor_writer.h"
#include "enclave/clock.h"
#include "enclave/launch.h"
#include "services/platform/certificate.h"
#include "services/platform/pem_state.h"
#include "services/platform/raw_signature.h"

enum { S_ROOT, S_REGION, S_ZONE, S_INSTANCE, S_LEAF, S_CHAIN };
enum {
    S_STORED = S_LEAF, /* keys and certificates before that are kept */
    S_INSTANCE_ID_SIZE = 16,
    S_PAYLOAD_MAX = TACIT_QUOTE_MAX - 256,
    S_MEMBERS = 9, /* of the payload */
    S_SIGNATURE_SIZE = 2 * TACIT_P384_HALF
};

#define S_INSTANCE_NAME "TACIT SIMULATED NITRO INSTANCE ID"

struct tacit_nitro_vendor {
    uint8_t instance_id[S_INSTANCE_ID_SIZE];
    EVP_PKEY *keys[S_CHAIN];
    X509 *certificates[S_CHAIN];
    tacit_span_t ders[S_CHAIN]; /* owned */
    uint64_t leaf_until_s;
};

/*  --- keys and certificates ------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int path_length;
    uint64_t life_s;
} s_row_t;

static const s_row_t s_rows[S_CHAIN] = {
    [S_ROOT] = {"SIMULATED aws.nitro-enclaves", 3, TACIT_NITRO_ROOT_S},
    [S_REGION] = {"SIMULATED region.aws.nitro-enclaves", 2, TACIT_NITRO_CERTIFICATE_S},
    [S_ZONE] = {"SIMULATED zonal.aws.nitro-enclaves", 1, TACIT_NITRO_CERTIFICATE_S},
    [S_INSTANCE] = {"SIMULATED instance.aws.nitro-enclaves", 0, TACIT_NITRO_CERTIFICATE_S},
    [S_LEAF] = {"SIMULATED enclave.aws.nitro-enclaves", TACIT_CERTIFICATE_LEAF, TACIT_NITRO_LEAF_S},
};

static tacit_status_t s_encode(tacit_nitro_vendor_t *vendor, size_t place)
{
    uint8_t *der = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_certificate_der(vendor->certificates[place], &der, &size);
    if (!status) {
        free((uint8_t *)vendor->ders[place].data);
        vendor->ders[place] = tacit_span(der, size);
    }
    return status;
}

static tacit_status_t s_issue(tacit_nitro_vendor_t *vendor, size_t place)
{
    const s_row_t *row = &s_rows[place];
    size_t issuer = place == S_ROOT ? S_ROOT : place - 1;
    uint64_t from_s = (uint64_t)time(NULL) - TACIT_NITRO_BACKDATE_S;
    X509 *certificate = NULL;
    const tacit_certificate_spec_t spec = {
        .name = row->name,
        .subject_key = vendor->keys[place],
        .issuer = place == S_ROOT ? NULL : vendor->certificates[issuer],
        .issuer_key = vendor->keys[issuer],
        .path_length = row->path_length,
        .from_s = from_s,
        .until_s = from_s + row->life_s,
    };
    tacit_status_t status = tacit_certificate_issue(&spec, &certificate);
    if (status) {
        return status;
    }
    X509_free(vendor->certificates[place]);
    vendor->certificates[place] = certificate;
    return s_encode(vendor, place);
}

static tacit_status_t s_make_key(tacit_nitro_vendor_t *vendor, size_t place)
{
    vendor->keys[place] = EVP_EC_gen("P-384");
    ERR_clear_error();
    return vendor->keys[place] ? TACIT_OK : TACIT_INTERNAL;
}

tacit_status_t tacit_nitro_vendor_refresh(tacit_nitro_vendor_t *vendor)
{
    uint64_t until_s = (uint64_t)time(NULL) - TACIT_NITRO_BACKDATE_S + TACIT_NITRO_LEAF_S;
    tacit_status_t status = s_issue(vendor, S_LEAF);
    if (!status) {
        vendor->leaf_until_s = until_s;
    }
    return status;
}

bool tacit_nitro_vendor_due(const tacit_nitro_vendor_t *vendor, uint64_t now_s)
{
    return now_s + TACIT_NITRO_REFRESH_S >= vendor->leaf_until_s;
}

static tacit_status_t s_make(tacit_nitro_vendor_t *vendor)
{
    tacit_status_t status = TACIT_OK;
    randombytes_buf(vendor->instance_id, sizeof vendor->instance_id);
    for (size_t i = 0; i < S_STORED && !status; i++) {
        status = s_make_key(vendor, i);
        if (!status) {
            status = s_issue(vendor, i);
        }
    }
    return status;
}

/*  What is not stored.  */
static tacit_status_t s_complete(tacit_nitro_vendor_t *vendor)
{
    tacit_status_t status = s_make_key(vendor, S_LEAF);
    return status ? status : tacit_nitro_vendor_refresh(vendor);
}

static tacit_nitro_vendor_t *s_alloc(void)
{
    return sodium_init() < 0 ? NULL : calloc(1, sizeof(tacit_nitro_vendor_t));
}

tacit_status_t tacit_nitro_vendor_new(tacit_nitro_vendor_t **ret_vendor)
{
    tacit_nitro_vendor_t *vendor = s_alloc();
    if (!vendor) {
        return TACIT_NO_MEMORY;
    }
    tacit_status_t status = s_make(vendor);
    if (!status) {
        status = s_complete(vendor);
    }
    if (status) {
        tacit_nitro_vendor_destroy(&vendor);
        return status;
    }
    *ret_vendor = vendor;
    return TACIT_OK;
}

void tacit_nitro_vendor_destroy(tacit_nitro_vendor_t **vendor)
{
    if (!vendor || !*vendor) {
        return;
    }
    for (size_t i = 0; i < S_CHAIN; i++) {
        EVP_PKEY_free((*vendor)->keys[i]);
        X509_free((*vendor)->certificates[i]);
        free((uint8_t *)(*vendor)->ders[i].data);
    }
    free(*vendor);
    *vendor = NULL;
}

tacit_span_t tacit_nitro_vendor_root_der(const tacit_nitro_vendor_t *vendor)
{
    return vendor->ders[S_ROOT];
}

/*  --- state ----------------------------------------------------------------------------------- */

static bool s_write(const void *self, BIO *bio)
{
    const tacit_nitro_vendor_t *vendor = self;
    bool written = tacit_pem_write_id(bio, S_INSTANCE_NAME,
                                      tacit_span(vendor->instance_id, sizeof vendor->instance_id));
    for (size_t i = 0; written && i < S_STORED; i++) {
        written = tacit_pem_write_key(bio, vendor->keys[i]) &&
                  PEM_write_bio_X509(bio, vendor->certificates[i]) == 1;
    }
    return written;
}

tacit_status_t tacit_nitro_vendor_export(const tacit_nitro_vendor_t *vendor,
                                         tacit_secret_t **ret_state)
{
    return tacit_pem_state_export(vendor, s_write, TACIT_NITRO_STATE_MAX, ret_state);
}

static bool s_read(void *self, BIO *bio)
{
    tacit_nitro_vendor_t *vendor = self;
    char name[TACIT_PEM_NAME_MAX];
    bool read = tacit_pem_read_id(bio, name, vendor->instance_id, sizeof vendor->instance_id) &&
                strcmp(name, S_INSTANCE_NAME) == 0;
    for (size_t i = 0; read && i < S_STORED; i++) {
        read = tacit_pem_read_key(bio, &vendor->keys[i]) &&
               tacit_pem_read_certificate(bio, vendor->keys[i], &vendor->certificates[i]) &&
               s_encode(vendor, i) == TACIT_OK;
    }
    return read;
}

bool tacit_nitro_vendor_is_state(tacit_span_t state)
{
    static const char head[] = "-----BEGIN " S_INSTANCE_NAME "-----";
    return state.size >= sizeof head - 1 && memcmp(state.data, head, sizeof head - 1) == 0;
}

tacit_status_t tacit_nitro_vendor_import(tacit_span_t state, tacit_nitro_vendor_t **ret_vendor)
{
    tacit_nitro_vendor_t *vendor = s_alloc();
    tacit_status_t status =
        vendor ? tacit_pem_state_import(state, TACIT_NITRO_STATE_MAX, s_read, vendor)
               : TACIT_NO_MEMORY;
    if (!status) {
        status = s_complete(vendor);
    }
    if (status) {
        tacit_nitro_vendor_destroy(&vendor);
        return status;
    }
    *ret_vendor = vendor;
    return TACIT_OK;
}

/*  --- documents ------------------------------------------------------------------------------- */

static void s_write_module(const tacit_nitro_vendor_t *vendor, tacit_cbor_writer_t *out)
{
    char hex[2 * S_INSTANCE_ID_SIZE + 1];
    char text[sizeof hex + 16];
    sodium_bin2hex(hex, sizeof hex, vendor->instance_id, sizeof vendor->instance_id);
    snprintf(text, sizeof text, "i-SIMULATED-%s", hex);
    tacit_cbor_write_text(out, "module_id");
    tacit_cbor_write_text(out, text);
}

/*  Nitro tells the PCRs that are locked: the first 16 always, one more by the program.  */
static void s_write_pcrs(const tacit_nitro_vendor_t *vendor, const tacit_self_t *self,
                         tacit_cbor_writer_t *out)
{
    uint8_t pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE];
    tacit_launch_pcrs(self, tacit_span(vendor->instance_id, sizeof vendor->instance_id), pcrs);
    tacit_cbor_write_text(out, "pcrs");
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, TACIT_LAUNCH_PCRS);
    for (size_t i = 0; i < TACIT_LAUNCH_PCRS; i++) {
        tacit_cbor_write_head(out, TACIT_CBOR_UNSIGNED, i);
        tacit_cbor_write_bytes(out, tacit_span(pcrs[i], sizeof pcrs[i]));
    }
}

static void s_write_chain(const tacit_nitro_vendor_t *vendor, tacit_cbor_writer_t *out)
{
    tacit_cbor_write_text(out, "certificate");
    tacit_cbor_write_bytes(out, vendor->ders[S_LEAF]);
    tacit_cbor_write_text(out, "cabundle");
    tacit_cbor_write_head(out, TACIT_CBOR_ARRAY, S_LEAF);
    for (size_t i = 0; i < S_LEAF; i++) {
        tacit_cbor_write_bytes(out, vendor->ders[i]);
    }
}

static void s_write_payload(const tacit_nitro_vendor_t *vendor, const tacit_self_t *self,
                            const uint8_t report_data[64], tacit_cbor_writer_t *out)
{
    uint8_t user_data[TACIT_LAUNCH_USER_DATA_SIZE];
    tacit_launch_user_data(self, report_data, user_data);
    tacit_cbor_write_head(out, TACIT_CBOR_MAP, S_MEMBERS);
    s_write_module(vendor, out);
    tacit_cbor_write_text(out, "digest");
    tacit_cbor_write_text(out, "SHA384");
    tacit_cbor_write_text(out, "timestamp");
    tacit_cbor_write_head(out, TACIT_CBOR_UNSIGNED, tacit_now_ms());
    s_write_pcrs(vendor, self, out);
    s_write_chain(vendor, out);
    tacit_cbor_write_text(out, "public_key");
    tacit_cbor_write_null(out);
    tacit_cbor_write_text(out, "user_data");
    tacit_cbor_write_bytes(out, tacit_span(user_data, sizeof user_data));
    tacit_cbor_write_text(out, "nonce");
    tacit_cbor_write_null(out);
}

static const uint8_t s_es384[] = {0xa1, 0x01, 0x38, 0x22}; /* {1: -35} */

/*  Over the structure that COSE signs: ["Signature1", protected, external data (none), payload]. */
static tacit_status_t s_sign(EVP_PKEY *key, tacit_span_t payload,
                             uint8_t ret_signature[S_SIGNATURE_SIZE])
{
    uint8_t *buffer = malloc(TACIT_QUOTE_MAX);
    if (!buffer) {
        return TACIT_NO_MEMORY;
    }
    tacit_cbor_writer_t out = tacit_cbor_writer(buffer, TACIT_QUOTE_MAX);
    tacit_cbor_write_head(&out, TACIT_CBOR_ARRAY, 4);
    tacit_cbor_write_text(&out, "Signature1");
    tacit_cbor_write_bytes(&out, tacit_span(s_es384, sizeof s_es384));
    tacit_cbor_write_bytes(&out, tacit_span(NULL, 0));
    tacit_cbor_write_bytes(&out, payload);
    tacit_status_t status = out.failed
                                ? TACIT_TOO_LARGE
                                : tacit_raw_signature(key, TACIT_P384_HALF,
                                                      tacit_span(buffer, out.size), ret_signature);
    free(buffer);
    return status;
}

tacit_status_t tacit_nitro_vendor_document(const tacit_nitro_vendor_t *vendor,
                                           const tacit_self_t *self, const uint8_t report_data[64],
                                           uint8_t *ret_document, size_t *ret_size)
{
    uint8_t bytes[S_PAYLOAD_MAX];
    uint8_t signature[S_SIGNATURE_SIZE];
    tacit_cbor_writer_t payload = tacit_cbor_writer(bytes, sizeof bytes);
    s_write_payload(vendor, self, report_data, &payload);
    if (payload.failed) {
        return TACIT_TOO_LARGE;
    }
    tacit_status_t status =
        s_sign(vendor->keys[S_LEAF], tacit_span(bytes, payload.size), signature);
    if (status) {
        return status;
    }
    tacit_cbor_writer_t out = tacit_cbor_writer(ret_document, TACIT_QUOTE_MAX);
    tacit_cbor_write_head(&out, TACIT_CBOR_ARRAY, 4);
    tacit_cbor_write_bytes(&out, tacit_span(s_es384, sizeof s_es384));
    tacit_cbor_write_head(&out, TACIT_CBOR_MAP, 0);
    tacit_cbor_write_bytes(&out, tacit_span(bytes, payload.size));
    tacit_cbor_write_bytes(&out, tacit_span(signature, sizeof signature));
    if (out.failed) {
        return TACIT_TOO_LARGE;
    }
    *ret_size = out.size;
    return TACIT_OK;
}
