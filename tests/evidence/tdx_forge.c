/*  tdx_forge.c - quotes by the platform's own vendor, in the forms that the platform does not
    issue.

    Keys, certificates and collateral are those of the simulated platform; the quote is written
    here.  */

#include "tests/evidence/tdx_forge.h"

#include <string.h>

#include "services/platform/quoting.h"
#include "services/platform/tcb_info.h"

const tdx_class_t tdx_classes[] = {
    {"v4_td", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"v4_sgx", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"v5_sgx", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"v5_td", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"v5_td15", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"debug", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"trailing_zeroes", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"low_first_svn", TACIT_OK, TACIT_TCB_OUT_OF_DATE}, /* levels are judged from index 2 */
    {"module_version_0", TACIT_OK, TACIT_TCB_UP_TO_DATE},
    {"module_out_of_date", TACIT_OK, TACIT_TCB_OUT_OF_DATE},
    {"relaunch", TACIT_OK, TACIT_TCB_TD_RELAUNCH_ADVISED},
    {"relaunch_too_old", TACIT_OK, TACIT_TCB_OUT_OF_DATE},
    {"module_revoked", TACIT_OK, TACIT_TCB_REVOKED},
    {"older_level", TACIT_OK, TACIT_TCB_OUT_OF_DATE},
    {"low_first_svn_version_0", TACIT_TCB_UNSUPPORTED, 0},
    {"no_level", TACIT_TCB_UNSUPPORTED, 0},
    {"module_below_all", TACIT_TCB_UNSUPPORTED, 0},
    {"module_unknown", TACIT_TCB_UNSUPPORTED, 0},
    {"module_signer", TACIT_MEASUREMENT_REFUSED, 0},
    {"module_attributes", TACIT_MEASUREMENT_REFUSED, 0},
    {"mrtd_changed", TACIT_SIGNATURE_INVALID, 0},
    {"report_data_changed", TACIT_SIGNATURE_INVALID, 0},
    {"qe_report_changed", TACIT_SIGNATURE_INVALID, 0},
    {"auth_changed", TACIT_QE_REFUSED, 0},
    {"trailing_one", TACIT_EVIDENCE_MALFORMED, 0},
    {"outer_type_5", TACIT_UNSUPPORTED, 0},
    {"inner_type_1", TACIT_UNSUPPORTED, 0},
    {"body_size", TACIT_EVIDENCE_MALFORMED, 0},
    {"body_type_for_sgx", TACIT_UNSUPPORTED, 0},
    {"body_type_4", TACIT_UNSUPPORTED, 0},
    {"tee_type_1", TACIT_UNSUPPORTED, 0},
    {"tcb_info_of_sgx", TACIT_UNSUPPORTED, 0},
    {"qe_identity_of_sgx", TACIT_UNSUPPORTED, 0},
    {"tdx_tcb_info_for_sgx", TACIT_UNSUPPORTED, 0},
    {"tcb_info_version_2", TACIT_UNSUPPORTED, 0},
    {"no_tdx_components", TACIT_EVIDENCE_MALFORMED, 0},
};
const size_t tdx_class_count = sizeof tdx_classes / sizeof tdx_classes[0];

enum { AUTH_SIZE = 32, MODULE_SVN = TACIT_TDX_MODULE_SVN };

typedef struct writer {
    uint8_t *data;
    size_t size;
} writer_t;

static bool s_is(const tdx_class_t *class, const char *name)
{
    return strcmp(class->name, name) == 0;
}

static bool s_is_tdx(const tdx_class_t *class)
{
    return !s_is(class, "v4_sgx") && !s_is(class, "v5_sgx") && !s_is(class, "tdx_tcb_info_for_sgx");
}

/*  Type of a v5 body; 0: a v4 quote.  */
static unsigned s_body_type(const tdx_class_t *class)
{
    static const struct {
        const char *class;
        unsigned type;
    } rows[] = {
        {"v5_sgx", 1},           {"v5_td", 2},     {"v5_td15", 3},     {"relaunch", 3},
        {"relaunch_too_old", 3}, {"body_size", 2}, {"body_type_4", 4}, {"body_type_for_sgx", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (s_is(class, rows[i].class)) {
            return rows[i].type;
        }
    }
    return 0;
}

static void s_bytes(writer_t *out, const void *bytes, size_t size)
{
    forge_check(size <= TACIT_QUOTE_MAX - out->size, "a quote so long");
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
}

static void s_little(writer_t *out, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        s_bytes(out, &byte, 1);
    }
}

/*  --- Collateral ---------------------------------------------------------------------------- */

/*  The platform's own, with the mistake of the class in it.  */
static tacit_pki_options_t s_options(const tdx_class_t *class)
{
    bool of_sgx = s_is(class, "tcb_info_of_sgx");
    tacit_pki_options_t options = {.tee = s_is_tdx(class) ? TACIT_TEE_TDX : TACIT_TEE_SGX,
                                   .now_s = FORGE_NOW_S};
    options.no_tdx_components = s_is(class, "no_tdx_components");
    options.module_status = s_is(class, "module_revoked") ? "Revoked" : NULL;
    options.tcb_info_version = s_is(class, "tcb_info_version_2") ? 2 : 0;
    options.tcb_info_id = of_sgx ? "SGX" : s_is(class, "tdx_tcb_info_for_sgx") ? "TDX" : NULL;
    options.qe_id = s_is(class, "qe_identity_of_sgx") ? "QE" : NULL;
    return options;
}

/*  --- Quote --------------------------------------------------------------------------------- */

/*  The SVNs that the domain began on, and (TDX 1.5) that run now.  */
static void s_svns(const tdx_class_t *class, uint8_t svn[16], uint8_t svn2[16])
{
    bool old = s_is(class, "module_out_of_date") || s_is(class, "relaunch") ||
               s_is(class, "relaunch_too_old") || s_is(class, "module_revoked");
    bool version_0 = s_is(class, "module_version_0") || s_is(class, "low_first_svn_version_0");
    memset(svn, 0, 16);
    memset(svn2, 0, 16);
    svn[0] = old ? MODULE_SVN - 1 : MODULE_SVN;
    svn[1] = version_0 ? 0 : 1;
    svn[2] = s_is(class, "no_level")      ? TACIT_TDX_COMPONENT_OLD - 1
             : s_is(class, "older_level") ? TACIT_TDX_COMPONENT_OLD
                                          : TACIT_TDX_COMPONENT;
    svn[0] = s_is(class, "low_first_svn_version_0") ? 4 : svn[0];
    svn[0] = s_is(class, "low_first_svn") ? 3 : svn[0];
    svn[0] = s_is(class, "module_below_all") ? 1 : svn[0];
    svn[1] = s_is(class, "module_unknown") ? 7 : svn[1];
    svn2[0] = s_is(class, "relaunch_too_old") ? MODULE_SVN - 1 : MODULE_SVN;
    svn2[1] = 1;
    svn2[2] = 3;
}

static size_t s_td_body(const tdx_class_t *class, uint8_t body[TACIT_TD_REPORT_15_SIZE])
{
    uint8_t svn2[16];
    memset(body, 0, TACIT_TD_REPORT_15_SIZE);
    s_svns(class, body + TACIT_TD_TEE_TCB_SVN, svn2);
    tacit_tdx_module_signer(body + TACIT_TD_MRSIGNERSEAM);
    body[TACIT_TD_MRSIGNERSEAM] ^= s_is(class, "module_signer");
    body[TACIT_TD_SEAM_ATTRIBUTES] = s_is(class, "module_attributes");
    body[TACIT_TD_ATTRIBUTES] = s_is(class, "debug");
    memset(body + TACIT_TD_MRTD, 0x3d, 48);
    memset(body + TACIT_TD_REPORT_DATA, 0x44, 64);
    if (s_body_type(class) != TACIT_QUOTE_BODY_TD_15) {
        return TACIT_TD_REPORT_SIZE;
    }
    memcpy(body + TACIT_TD_TEE_TCB_SVN2, svn2, sizeof svn2);
    return TACIT_TD_REPORT_15_SIZE;
}

static size_t s_sgx_body(uint8_t body[TACIT_TD_REPORT_15_SIZE])
{
    memset(body, 0, TACIT_TD_REPORT_15_SIZE);
    memset(body + TACIT_REPORT_MRENCLAVE, 0x3e, 32);
    memset(body + TACIT_REPORT_DATA, 0x44, 64);
    return TACIT_REPORT_SIZE;
}

static void s_head(writer_t *out, const tdx_class_t *class)
{
    static const uint8_t user_data[20];
    uint8_t body[TACIT_TD_REPORT_15_SIZE];
    unsigned type = s_body_type(class);
    uint64_t tee = s_is_tdx(class) ? TACIT_QUOTE_TEE_TDX : TACIT_QUOTE_TEE_SGX;
    size_t size = s_is_tdx(class) ? s_td_body(class, body) : s_sgx_body(body);
    s_little(out, type ? 5 : 4, 2);
    s_little(out, TACIT_QUOTE_KEY_TYPE_P256, 2);
    s_little(out, s_is(class, "tee_type_1") ? 1 : tee, 4);
    s_little(out, 0, 4);
    s_bytes(out, TACIT_QE_VENDOR, TACIT_QE_VENDOR_SIZE);
    s_bytes(out, user_data, sizeof user_data);
    if (type) {
        s_little(out, type, 2);
        s_little(out, size + s_is(class, "body_size"), 4);
    }
    s_bytes(out, body, size);
}

/*  QE report to PCK chain.  */
static void s_certification(writer_t *out, const tdx_sample_t *sample, const tdx_class_t *class,
                            const uint8_t key[64])
{
    uint8_t report[TACIT_REPORT_SIZE];
    uint8_t signature[64];
    uint8_t auth[AUTH_SIZE] = {1, 2, 3};
    tacit_span_t chain = tacit_pki_pck_chain(sample->pki);
    tacit_quoting_report(sample->pki, key, tacit_span(auth, sizeof auth), report);
    forge_check(tacit_pki_sign(sample->pki, TACIT_PKI_PCK, tacit_span(report, sizeof report),
                               signature) == TACIT_OK,
                "a signature");
    report[TACIT_REPORT_MRENCLAVE] ^= s_is(class, "qe_report_changed");
    auth[0] ^= s_is(class, "auth_changed");
    s_bytes(out, report, sizeof report);
    s_bytes(out, signature, sizeof signature);
    s_little(out, AUTH_SIZE, 2);
    s_bytes(out, auth, sizeof auth);
    s_little(out, s_is(class, "inner_type_1") ? 1 : TACIT_QUOTE_CERT_TYPE_PEM, 2);
    s_little(out, chain.size, 4);
    s_bytes(out, chain.data, chain.size);
}

static void s_quote(tdx_sample_t *sample, const tdx_class_t *class)
{
    static uint8_t inner_bytes[TACIT_QUOTE_MAX];
    static const uint8_t zeroes[70];
    uint8_t key[64];
    uint8_t signature[64];
    writer_t out = {.data = sample->quote};
    writer_t inner = {.data = inner_bytes};
    s_head(&out, class);
    forge_check(tacit_pki_public(sample->pki, TACIT_PKI_ATTESTATION, key) == TACIT_OK &&
                    tacit_pki_sign(sample->pki, TACIT_PKI_ATTESTATION,
                                   tacit_span(out.data, out.size), signature) == TACIT_OK,
                "a signature");
    s_certification(&inner, sample, class, key);
    s_little(&out, sizeof signature + sizeof key + 2 + 4 + inner.size, 4);
    s_bytes(&out, signature, sizeof signature);
    s_bytes(&out, key, sizeof key);
    s_little(&out, s_is(class, "outer_type_5") ? 5 : TACIT_QUOTE_CERT_TYPE_QE_REPORT, 2);
    s_little(&out, inner.size, 4);
    s_bytes(&out, inner.data, inner.size);
    s_bytes(&out, zeroes, s_is(class, "trailing_zeroes") ? sizeof zeroes : 0);
    s_little(&out, 1, s_is(class, "trailing_one") ? 1 : 0);
    sample->quote[TACIT_QUOTE_HEADER_SIZE + TACIT_TD_MRTD] ^= s_is(class, "mrtd_changed");
    sample->quote[TACIT_QUOTE_HEADER_SIZE + TACIT_TD_REPORT_DATA] ^=
        s_is(class, "report_data_changed");
    sample->quote_size = out.size;
}

void tdx_forge_open(const tdx_class_t *class, tdx_sample_t *ret_sample)
{
    const tacit_pki_options_t options = s_options(class);
    memset(ret_sample, 0, sizeof *ret_sample);
    forge_check(tacit_pki_new(&options, &ret_sample->pki) == TACIT_OK, "a vendor");
    tacit_pki_root_sha256(ret_sample->pki, ret_sample->root_sha256);
    s_quote(ret_sample, class);
    ret_sample->collateral = *tacit_pki_collateral(ret_sample->pki);
}

void tdx_forge_close(tdx_sample_t *sample)
{
    tacit_pki_destroy(&sample->pki);
}
