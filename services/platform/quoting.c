/*  quoting.c - lays out a v3 quote: header, report, signature data with the quoting enclave's own
    report and the PCK chain.

    The quoting enclave's report and its signature by the PCK key do not change while the platform
    runs, so that they are made once and a quote costs one signature.  */

#include "services/platform/quoting.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/sgx_quote.h"
#include "services/platform/tcb_info.h"

enum {
    S_AUTH_SIZE = 32,
    S_PCE_SVN = 13,
    S_XFRM_OFFSET = TACIT_REPORT_ATTRIBUTES + 8,
    S_XFRM = 0xe7,                     /* x87, SSE, AVX, AVX-512 */
    S_ATTRIBUTE_PROVISION_KEY = 1 << 4 /* only the quoting enclave's */
};

struct tacit_quoting {
    const tacit_pki_t *pki; /* borrowed */
    uint8_t attestation_key[64];
    uint8_t auth[S_AUTH_SIZE];
    uint8_t qe_report[TACIT_REPORT_SIZE];
    uint8_t qe_signature[64]; /* by the PCK key */
};

typedef struct {
    uint8_t *data;
    size_t size;
} s_writer_t;

static void s_bytes(s_writer_t *out, const void *bytes, size_t size)
{
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
}

static void s_little(s_writer_t *out, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        out->data[out->size++] = (uint8_t)(value >> (8 * i));
    }
}

static void s_zeroes(s_writer_t *out, size_t size)
{
    memset(out->data + out->size, 0, size);
    out->size += size;
}

static void s_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void s_report(const tacit_sgx_platform_t *platform, const tacit_self_t *self, uint8_t flags,
                     const uint8_t report_data[64], uint8_t ret_report[TACIT_REPORT_SIZE])
{
    memset(ret_report, 0, TACIT_REPORT_SIZE);
    memcpy(ret_report + TACIT_REPORT_CPUSVN, platform->cpusvn, sizeof platform->cpusvn);
    ret_report[TACIT_REPORT_ATTRIBUTES] =
        (uint8_t)(flags | (self->debug ? TACIT_ATTRIBUTE_DEBUG : 0));
    ret_report[S_XFRM_OFFSET] = S_XFRM;
    memcpy(ret_report + TACIT_REPORT_MRENCLAVE, self->mrenclave, sizeof self->mrenclave);
    memcpy(ret_report + TACIT_REPORT_MRSIGNER, self->mrsigner, sizeof self->mrsigner);
    s_put_u16(ret_report + TACIT_REPORT_PRODUCT_ID, self->product_id);
    s_put_u16(ret_report + TACIT_REPORT_SVN, self->svn);
    memcpy(ret_report + TACIT_REPORT_DATA, report_data, TACIT_REPORT_DATA_SIZE);
}

/*  The quoting enclave says in its own report which attestation key it holds.  */
static tacit_status_t s_certify(tacit_quoting_t *quoting)
{
    static const char name[] = "SIMULATED quoting enclave";
    tacit_self_t qe = {.product_id = TACIT_QE_PRODUCT_ID, .svn = TACIT_QE_SVN};
    uint8_t bound[sizeof quoting->attestation_key + sizeof quoting->auth];
    uint8_t report_data[TACIT_REPORT_DATA_SIZE] = {0};

    SHA256((const unsigned char *)name, sizeof name - 1, qe.mrenclave);
    tacit_qe_mrsigner(qe.mrsigner);
    memcpy(bound, quoting->attestation_key, sizeof quoting->attestation_key);
    memcpy(bound + sizeof quoting->attestation_key, quoting->auth, sizeof quoting->auth);
    SHA256(bound, sizeof bound, report_data);
    s_report(tacit_pki_platform(quoting->pki), &qe,
             TACIT_ATTRIBUTE_INIT | TACIT_ATTRIBUTE_MODE64 | S_ATTRIBUTE_PROVISION_KEY, report_data,
             quoting->qe_report);
    return tacit_pki_sign(quoting->pki, TACIT_PKI_PCK,
                          tacit_span(quoting->qe_report, sizeof quoting->qe_report),
                          quoting->qe_signature);
}

tacit_status_t tacit_quoting_new(const tacit_pki_t *pki, tacit_quoting_t **ret_quoting)
{
    tacit_quoting_t *quoting = calloc(1, sizeof *quoting);
    if (!quoting) {
        return TACIT_NO_MEMORY;
    }
    quoting->pki = pki;
    randombytes_buf(quoting->auth, sizeof quoting->auth);
    tacit_status_t status = tacit_pki_public(pki, TACIT_PKI_ATTESTATION, quoting->attestation_key);
    if (!status) {
        status = s_certify(quoting);
    }
    if (status) {
        tacit_quoting_destroy(&quoting);
        return status;
    }
    *ret_quoting = quoting;
    return TACIT_OK;
}

void tacit_quoting_destroy(tacit_quoting_t **quoting)
{
    if (quoting && *quoting) {
        free(*quoting);
        *quoting = NULL;
    }
}

static void s_header(const tacit_quoting_t *quoting, s_writer_t *out)
{
    s_little(out, TACIT_QUOTE_VERSION_3, 2);
    s_little(out, TACIT_QUOTE_KEY_TYPE_P256, 2);
    s_little(out, 0, 4);
    s_little(out, TACIT_QE_SVN, 2);
    s_little(out, S_PCE_SVN, 2);
    s_bytes(out, TACIT_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    /*  User data: as Intel's, the first bytes name the platform.  */
    s_bytes(out, tacit_pki_platform(quoting->pki)->ppid, 16);
    s_zeroes(out, 4);
}

static size_t s_signature_size(const tacit_quoting_t *quoting)
{
    return 64 + 64 + TACIT_REPORT_SIZE + 64 + 2 + S_AUTH_SIZE + 2 + 4 +
           tacit_pki_pck_chain(quoting->pki).size;
}

tacit_status_t tacit_quoting_quote(const tacit_quoting_t *quoting, const tacit_self_t *self,
                                   const uint8_t report_data[64], uint8_t *ret_quote,
                                   size_t *ret_size)
{
    uint8_t body[TACIT_QUOTE_SIGNED_SIZE];
    uint8_t signature[64];
    tacit_span_t chain = tacit_pki_pck_chain(quoting->pki);
    if (sizeof body + 4 + s_signature_size(quoting) > TACIT_QUOTE_MAX) {
        return TACIT_TOO_LARGE;
    }
    s_writer_t head = {.data = body};
    s_header(quoting, &head);
    s_report(tacit_pki_platform(quoting->pki), self, TACIT_ATTRIBUTE_INIT | TACIT_ATTRIBUTE_MODE64,
             report_data, body + head.size);
    tacit_status_t status = tacit_pki_sign(quoting->pki, TACIT_PKI_ATTESTATION,
                                           tacit_span(body, sizeof body), signature);
    if (status) {
        return status;
    }
    s_writer_t out = {.data = ret_quote};
    s_bytes(&out, body, sizeof body);
    s_little(&out, s_signature_size(quoting), 4);
    s_bytes(&out, signature, sizeof signature);
    s_bytes(&out, quoting->attestation_key, sizeof quoting->attestation_key);
    s_bytes(&out, quoting->qe_report, sizeof quoting->qe_report);
    s_bytes(&out, quoting->qe_signature, sizeof quoting->qe_signature);
    s_little(&out, S_AUTH_SIZE, 2);
    s_bytes(&out, quoting->auth, sizeof quoting->auth);
    s_little(&out, TACIT_QUOTE_CERT_TYPE_PEM, 2);
    s_little(&out, chain.size, 4);
    s_bytes(&out, chain.data, chain.size);
    *ret_size = out.size;
    return TACIT_OK;
}
