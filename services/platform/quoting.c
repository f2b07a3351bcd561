/*  quoting.c - lays out a quote: header, report, signature data with the quoting enclave's own
    report and the PCK chain.

    The quoting enclave's report and its signature by the PCK key do not change while the platform
    runs, so that they are made once and a quote costs one signature.  */

#include "services/platform/quoting.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/dcap_quote.h"
#include "enclave/launch.h"
#include "services/platform/tcb_info.h"

enum {
    S_AUTH_SIZE = 32,
    S_PCE_SVN = 13,
    S_NESTED_HEAD = 2 + 4, /* type and size, from v4 on */
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

void tacit_quoting_report(const tacit_pki_t *pki, const uint8_t attestation_key[64],
                          tacit_span_t auth, uint8_t ret_report[TACIT_REPORT_SIZE])
{
    static const char name[] = "SIMULATED quoting enclave";
    tacit_self_t qe = {.product_id = TACIT_QE_PRODUCT_ID, .svn = TACIT_QE_SVN};
    uint8_t report_data[TACIT_REPORT_DATA_SIZE] = {0};
    crypto_hash_sha256_state state;
    SHA256((const unsigned char *)name, sizeof name - 1, qe.mrenclave);
    tacit_qe_mrsigner(qe.mrsigner);
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, attestation_key, TACIT_ECDSA_KEY_SIZE);
    (void)crypto_hash_sha256_update(&state, auth.data, auth.size);
    (void)crypto_hash_sha256_final(&state, report_data);
    s_report(tacit_pki_platform(pki), &qe,
             TACIT_ATTRIBUTE_INIT | TACIT_ATTRIBUTE_MODE64 | S_ATTRIBUTE_PROVISION_KEY, report_data,
             ret_report);
}

static tacit_status_t s_certify(tacit_quoting_t *quoting)
{
    tacit_quoting_report(quoting->pki, quoting->attestation_key,
                         tacit_span(quoting->auth, sizeof quoting->auth), quoting->qe_report);
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

static bool s_is_tdx(const tacit_quoting_t *quoting)
{
    return tacit_pki_tee(quoting->pki) == TACIT_TEE_TDX;
}

static void s_header(const tacit_quoting_t *quoting, s_writer_t *out)
{
    bool tdx = s_is_tdx(quoting);
    s_little(out, tdx ? TACIT_QUOTE_VERSION_4 : TACIT_QUOTE_VERSION_3, 2);
    s_little(out, TACIT_QUOTE_KEY_TYPE_P256, 2);
    s_little(out, tdx ? TACIT_QUOTE_TEE_TDX : TACIT_QUOTE_TEE_SGX, 4);
    s_little(out, tdx ? 0 : TACIT_QE_SVN, 2); /* reserved from v4 on, as the next */
    s_little(out, tdx ? 0 : S_PCE_SVN, 2);
    s_bytes(out, TACIT_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    /*  User data: as Intel's, the first bytes name the platform.  */
    s_bytes(out, tacit_pki_platform(quoting->pki)->ppid, 16);
    s_zeroes(out, 4);
}

static void s_td_report(const tacit_self_t *self, const uint8_t report_data[64], uint8_t *body)
{
    static const char module[] = "SIMULATED TDX module";
    memset(body, 0, TACIT_TD_REPORT_SIZE);
    body[TACIT_TD_TEE_TCB_SVN] = TACIT_TDX_MODULE_SVN;
    body[TACIT_TD_TEE_TCB_SVN + 1] = TACIT_TDX_MODULE_VERSION;
    body[TACIT_TD_TEE_TCB_SVN + 2] = TACIT_TDX_COMPONENT;
    SHA384((const unsigned char *)module, sizeof module - 1, body + TACIT_TD_MRSEAM);
    tacit_tdx_module_signer(body + TACIT_TD_MRSIGNERSEAM);
    body[TACIT_TD_XFAM] = S_XFRM;
    tacit_launch_td(self, body);
    memcpy(body + TACIT_TD_REPORT_DATA, report_data, TACIT_REPORT_DATA_SIZE);
}

/*  What the attestation key signs.  */
static void s_body(const tacit_quoting_t *quoting, const tacit_self_t *self,
                   const uint8_t report_data[64], s_writer_t *out)
{
    s_header(quoting, out);
    if (s_is_tdx(quoting)) {
        s_td_report(self, report_data, out->data + out->size);
        out->size += TACIT_TD_REPORT_SIZE;
    } else {
        s_report(tacit_pki_platform(quoting->pki), self,
                 TACIT_ATTRIBUTE_INIT | TACIT_ATTRIBUTE_MODE64, report_data, out->data + out->size);
        out->size += TACIT_REPORT_SIZE;
    }
}

/*  From the quoting enclave's report on.  */
static size_t s_certification_size(const tacit_quoting_t *quoting)
{
    return TACIT_REPORT_SIZE + 64 + 2 + S_AUTH_SIZE + 2 + 4 +
           tacit_pki_pck_chain(quoting->pki).size;
}

static void s_certification(const tacit_quoting_t *quoting, s_writer_t *out)
{
    tacit_span_t chain = tacit_pki_pck_chain(quoting->pki);
    s_bytes(out, quoting->qe_report, sizeof quoting->qe_report);
    s_bytes(out, quoting->qe_signature, sizeof quoting->qe_signature);
    s_little(out, S_AUTH_SIZE, 2);
    s_bytes(out, quoting->auth, sizeof quoting->auth);
    s_little(out, TACIT_QUOTE_CERT_TYPE_PEM, 2);
    s_little(out, chain.size, 4);
    s_bytes(out, chain.data, chain.size);
}

tacit_status_t tacit_quoting_quote(const tacit_quoting_t *quoting, const tacit_self_t *self,
                                   const uint8_t report_data[64], uint8_t *ret_quote,
                                   size_t *ret_size)
{
    uint8_t body[TACIT_QUOTE_HEADER_SIZE + TACIT_TD_REPORT_SIZE];
    uint8_t signature[64];
    size_t certification = s_certification_size(quoting);
    size_t section = sizeof signature + sizeof quoting->attestation_key +
                     (s_is_tdx(quoting) ? S_NESTED_HEAD : 0) + certification;
    if (sizeof body + 4 + section > TACIT_QUOTE_MAX) {
        return TACIT_TOO_LARGE;
    }
    s_writer_t head = {.data = body};
    s_body(quoting, self, report_data, &head);
    tacit_status_t status =
        tacit_pki_sign(quoting->pki, TACIT_PKI_ATTESTATION, tacit_span(body, head.size), signature);
    if (status) {
        return status;
    }
    s_writer_t out = {.data = ret_quote};
    s_bytes(&out, body, head.size);
    s_little(&out, section, 4);
    s_bytes(&out, signature, sizeof signature);
    s_bytes(&out, quoting->attestation_key, sizeof quoting->attestation_key);
    if (s_is_tdx(quoting)) {
        s_little(&out, TACIT_QUOTE_CERT_TYPE_QE_REPORT, 2);
        s_little(&out, certification, 4);
    }
    s_certification(quoting, &out);
    *ret_size = out.size;
    return TACIT_OK;
}
