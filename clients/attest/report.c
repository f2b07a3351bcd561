/*  report.c - fields by table, so that names and places stand beside each other.  */

#include "clients/attest/report.h"

#include <sodium.h>
#include <stdlib.h>

#include "clients/attest/utc.h"
#include "enclave/certificates.h"
#include "enclave/pck.h"
#include "enclave/tcb_status.h"

enum { HEX_MAX = TACIT_NITRO_FIELD_MAX };

static const char *const s_kinds[] = {
    [TACIT_SAMPLE_NONE] = "unknown",         [TACIT_SAMPLE_DCAP] = "intel-dcap",
    [TACIT_SAMPLE_NITRO] = "aws-nitro",      [TACIT_SAMPLE_SNP] = "amd-snp",
    [TACIT_SAMPLE_TPM] = "tpm2-quote-azure",
};

static void s_text(json_t *report, const char *name, const char *text)
{
    (void)json_object_set_new(report, name, json_string(text));
}

static void s_number(json_t *report, const char *name, uint64_t number)
{
    (void)json_object_set_new(report, name, json_integer((json_int_t)number));
}

static void s_flag(json_t *report, const char *name, bool flag)
{
    (void)json_object_set_new(report, name, json_boolean(flag));
}

static void s_hex(json_t *report, const char *name, const uint8_t *bytes, size_t size)
{
    char text[2 * HEX_MAX + 1];
    if (size <= HEX_MAX) {
        s_text(report, name, sodium_bin2hex(text, sizeof text, bytes, size));
    }
}

static void s_time(json_t *report, const char *name, uint64_t time_ms)
{
    char text[TACIT_UTC_TEXT_SIZE];
    tacit_utc_format(time_ms, 'T', text);
    s_text(report, name, text);
}

static void s_period(json_t *report, const char *name, tacit_period_t period, char separator)
{
    char from[TACIT_UTC_TEXT_SIZE];
    char until[TACIT_UTC_TEXT_SIZE];
    tacit_utc_format(period.from_ms, separator, from);
    tacit_utc_format(period.until_ms, separator, until);
    (void)json_object_set_new(report, name, json_pack("[s, s]", from, until));
}

/*  --- Intel --------------------------------------------------------------------------------- */

typedef struct field {
    const char *name;
    size_t offset;
    size_t size;
} field_t;

static const field_t s_sgx_fields[] = {
    {"mrenclave", TACIT_REPORT_MRENCLAVE, 32},
    {"mrsigner", TACIT_REPORT_MRSIGNER, 32},
    {"report_data", TACIT_REPORT_DATA, 64},
    {"cpusvn", TACIT_REPORT_CPUSVN, 16},
    {"attributes", TACIT_REPORT_ATTRIBUTES, TACIT_ATTRIBUTES_SIZE},
    {"isvextprodid", TACIT_REPORT_EXT_PRODUCT_ID, 16},
    {"isvfamilyid", TACIT_REPORT_FAMILY_ID, 16},
    {"configid", TACIT_REPORT_CONFIG_ID, 64},
};

static const field_t s_td_fields[] = {
    {"tee_tcb_svn", TACIT_TD_TEE_TCB_SVN, TACIT_TD_SVN_SIZE},
    {"mrseam", TACIT_TD_MRSEAM, TACIT_TD_DIGEST_SIZE},
    {"mrsignerseam", TACIT_TD_MRSIGNERSEAM, TACIT_TD_DIGEST_SIZE},
    {"seamattributes", TACIT_TD_SEAM_ATTRIBUTES, 8},
    {"tdattributes", TACIT_TD_ATTRIBUTES, 8},
    {"xfam", TACIT_TD_XFAM, 8},
    {"mrtd", TACIT_TD_MRTD, TACIT_TD_DIGEST_SIZE},
    {"mrconfigid", TACIT_TD_MRCONFIGID, TACIT_TD_DIGEST_SIZE},
    {"mrowner", TACIT_TD_MROWNER, TACIT_TD_DIGEST_SIZE},
    {"mrownerconfig", TACIT_TD_MROWNERCONFIG, TACIT_TD_DIGEST_SIZE},
    {"rtmr0", TACIT_TD_RTMR0, TACIT_TD_DIGEST_SIZE},
    {"rtmr1", TACIT_TD_RTMR0 + TACIT_TD_DIGEST_SIZE, TACIT_TD_DIGEST_SIZE},
    {"rtmr2", TACIT_TD_RTMR0 + 2 * TACIT_TD_DIGEST_SIZE, TACIT_TD_DIGEST_SIZE},
    {"rtmr3", TACIT_TD_RTMR0 + 3 * TACIT_TD_DIGEST_SIZE, TACIT_TD_DIGEST_SIZE},
    {"report_data", TACIT_TD_REPORT_DATA, 64},
    {"tee_tcb_svn2", TACIT_TD_TEE_TCB_SVN2, TACIT_TD_SVN_SIZE},
    {"mrservicetd", TACIT_TD_MRSERVICETD, TACIT_TD_DIGEST_SIZE},
};

/*  Those of the fields that the body is long enough for.  */
static void s_fields(json_t *report, const field_t *fields, size_t count, tacit_span_t body)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].offset + fields[i].size <= body.size) {
            s_hex(report, fields[i].name, body.data + fields[i].offset, fields[i].size);
        }
    }
}

static void s_report_body(json_t *report, bool is_tdx, tacit_span_t body)
{
    s_text(report, "tee", is_tdx ? "TDX" : "SGX");
    if (is_tdx) {
        s_fields(report, s_td_fields, sizeof s_td_fields / sizeof s_td_fields[0], body);
        return;
    }
    tacit_sgx_report_t sgx = tacit_sgx_report(body.data);
    s_fields(report, s_sgx_fields, sizeof s_sgx_fields / sizeof s_sgx_fields[0], body);
    s_number(report, "isvprodid", sgx.product_id);
    s_number(report, "isvsvn", sgx.svn);
}

static void s_report_advisories(json_t *report, const char *list)
{
    json_t *advisories = json_array();
    while (*list) {
        size_t size = strcspn(list, ",");
        (void)json_array_append_new(advisories, json_stringn(list, size));
        list += size + (list[size] == ',');
    }
    (void)json_object_set_new(report, "advisories", advisories);
}

static void s_report_marks(json_t *report, const tacit_collateral_marks_t *marks)
{
    s_number(report, "tcb_evaluation_number", marks->tcb_info);
    s_number(report, "qe_evaluation_number", marks->qe_identity);
    s_hex(report, "root_crl_number", marks->root_crl, sizeof marks->root_crl);
    s_hex(report, "pck_crl_number", marks->pck_crl, sizeof marks->pck_crl);
}

static void s_report_dcap(json_t *report, const tacit_verdict_t *verdict)
{
    const tacit_dcap_claims_t *claims = &verdict->claims.dcap;
    s_number(report, "quote_version", claims->version);
    s_report_body(report, claims->is_tdx, tacit_span(claims->body, claims->body_size));
    s_text(report, "tcb_status", tacit_tcb_status_name(verdict->tcb_status));
    s_text(report, "platform_tcb", tacit_tcb_status_name(claims->platform_status));
    s_text(report, "qe_tcb", tacit_tcb_status_name(claims->qe_status));
    (void)json_object_set_new(report, "tdx_module",
                              claims->has_module_status
                                  ? json_string(tacit_tcb_status_name(claims->module_status))
                                  : json_null());
    s_text(report, "tcb_date", claims->tcb_date);
    s_report_advisories(report, verdict->advisories);
    s_flag(report, "debug", verdict->debug);
    s_hex(report, "fmspc", claims->fmspc, sizeof claims->fmspc);
    s_number(report, "trailing_bytes", claims->trailing);
    s_number(report, "tcb_info_version", claims->tcb_info_version);
    s_flag(report, "strict_policy_accepts",
           verdict->tcb_status == TACIT_TCB_UP_TO_DATE && !verdict->debug);
    s_period(report, "collateral_window", claims->collateral, 'T');
    s_period(report, "pck_validity", claims->pck, 'T');
    s_report_marks(report, &claims->marks);
}

/*  The platform model of a quote that was refused, if its PCK certificate can be read.  */
static void s_claimed_fmspc(json_t *report, tacit_span_t bytes)
{
    tacit_dcap_quote_t quote;
    if (tacit_dcap_quote_parse(bytes, &quote, NULL) != TACIT_OK) {
        return;
    }
    tacit_pck_t pck;
    X509 *leaf = tacit_certificate_first(quote.certificates);
    if (leaf && tacit_pck_parse(leaf, &pck, NULL) == TACIT_OK) {
        s_hex(report, "fmspc", pck.fmspc, sizeof pck.fmspc);
    }
    X509_free(leaf);
}

static void s_report_claimed(json_t *report, const tacit_sample_t *sample)
{
    tacit_dcap_quote_t quote;
    tacit_span_t bytes = sample->parts[TACIT_PART_QUOTE];
    s_flag(report, "claims_verified", false);
    if (sample->kind == TACIT_SAMPLE_DCAP &&
        tacit_dcap_quote_parse_body(bytes, &quote, NULL) == TACIT_OK) {
        s_number(report, "quote_version", quote.version);
        s_report_body(report, quote.is_tdx, quote.body);
        s_claimed_fmspc(report, bytes);
    }
}

/*  --- AWS ----------------------------------------------------------------------------------- */

static void s_report_field(json_t *report, const char *name, const tacit_nitro_field_t *field)
{
    if (field->present) {
        s_hex(report, name, field->bytes, field->size);
    } else {
        (void)json_object_set_new(report, name, json_null());
    }
}

static void s_report_nitro(json_t *report, const tacit_verdict_t *verdict)
{
    const tacit_nitro_claims_t *claims = &verdict->claims.nitro;
    json_t *pcrs = json_object();
    for (size_t i = 0; i < TACIT_NITRO_PCRS; i++) {
        char name[8];
        snprintf(name, sizeof name, "%zu", i);
        if (claims->pcr_mask >> i & 1) {
            s_hex(pcrs, name, claims->pcrs[i], TACIT_NITRO_PCR_SIZE);
        }
    }
    (void)json_object_set_new(report, "pcrs", pcrs);
    s_text(report, "module_id", claims->module_id);
    s_number(report, "timestamp_ms", claims->timestamp_ms);
    s_flag(report, "debug_mode", verdict->debug);
    s_report_field(report, "public_key", &claims->public_key);
    s_report_field(report, "user_data", &claims->user_data);
    s_report_field(report, "nonce", &claims->nonce);
    s_flag(report, "tagged", claims->tagged);
    s_period(report, "chain_window", claims->chain, ' ');
}

/*  --- AMD ----------------------------------------------------------------------------------- */

static void s_report_snp(json_t *report, const tacit_verdict_t *verdict)
{
    static const field_t fields[] = {
        {"measurement", TACIT_SNP_MEASUREMENT, TACIT_SNP_MEASUREMENT_SIZE},
        {"report_data", TACIT_SNP_REPORT_DATA, 64},
        {"host_data", TACIT_SNP_HOST_DATA, 32},
        {"reported_tcb", TACIT_SNP_REPORTED_TCB, TACIT_SNP_TCB_SIZE},
        {"chip_id", TACIT_SNP_CHIP_ID, TACIT_SNP_CHIP_ID_SIZE},
    };
    const tacit_snp_claims_t *claims = &verdict->claims.snp;
    tacit_span_t bytes = tacit_span(claims->report, TACIT_SNP_REPORT_SIZE);
    tacit_snp_report_t snp;
    char policy[24];
    if (tacit_snp_report_parse(bytes, &snp, NULL) != TACIT_OK) {
        return;
    }
    snprintf(policy, sizeof policy, "0x%llx", (unsigned long long)snp.policy);
    s_number(report, "report_version", snp.version);
    s_text(report, "product", claims->product);
    s_flag(report, "vlek", claims->is_vlek);
    s_text(report, "policy", policy);
    s_flag(report, "debug_allowed", verdict->debug);
    s_number(report, "vmpl", snp.vmpl);
    s_fields(report, fields, sizeof fields / sizeof fields[0], bytes);
    s_period(report, "vek_window", claims->vek, ' ');
}

static void s_report_tpm(json_t *report, const tacit_judgement_t *judgement)
{
    char binding[96];
    const tacit_tpm_claims_t *claims = &judgement->tpm;
    s_text(report, "sig_alg", "RSASSA-PKCS1v15-SHA256");
    s_flag(report, "pcr_digest_ok", true);
    s_number(report, "n_pcrs", claims->pcr_count);
    s_hex(report, "extra_data", claims->extra_data, claims->extra_size);
    snprintf(binding, sizeof binding,
             "SHA-256(HCL runtime JSON at offset %zu) == SNP report_data[0:32]",
             claims->json_offset);
    s_text(report, "ak_binding", binding);
    s_text(report, "hardware_report",
           judgement->has_verdict ? "genuine" : "not judged: no vek, ask and ark beside it");
}

/*  --- All ----------------------------------------------------------------------------------- */

static void s_report_verdict(json_t *report, const tacit_verdict_t *verdict)
{
    static void (*const reports[])(json_t *, const tacit_verdict_t *) = {
        [TACIT_EVIDENCE_DCAP] = s_report_dcap,
        [TACIT_EVIDENCE_NITRO] = s_report_nitro,
        [TACIT_EVIDENCE_SNP] = s_report_snp,
    };
    s_hex(report, "trust_anchor", verdict->root_sha256, sizeof verdict->root_sha256);
    s_text(report, "trust_anchor_name", verdict->root_name);
    s_flag(report, "simulated", verdict->simulated);
    s_hex(report, "platform_id", verdict->platform_id, verdict->platform_id_size);
    s_time(report, "expires", verdict->expires_ms);
    reports[verdict->kind](report, verdict);
}

static void s_report_refusal(json_t *report, const tacit_judgement_t *judgement)
{
    const tacit_error_t *error = &judgement->error;
    const struct {
        const char *name;
        const char *text;
    } parts[] = {
        {"explanation", error->message[0] ? error->message : tacit_status_text(judgement->status)},
        {"claim", error->claim},
        {"expected", error->expected},
        {"got", error->got},
        {"remedy", error->remedy},
    };
    s_text(report, "code", tacit_status_name(judgement->status));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].text[0]) {
            s_text(report, parts[i].name, parts[i].text);
        }
    }
}

json_t *tacit_attest_report(const tacit_sample_t *sample, const tacit_judgement_t *judgement,
                            uint64_t now_ms)
{
    json_t *report = json_object();
    if (!report) {
        return NULL;
    }
    s_text(report, "result", judgement->status == TACIT_OK ? "VERIFIED" : "REJECT");
    s_text(report, "kind", s_kinds[sample->kind]);
    s_time(report, "validation_time", now_ms);
    if (judgement->status != TACIT_OK) {
        s_report_refusal(report, judgement);
        s_report_claimed(report, sample);
        return report;
    }
    if (judgement->has_verdict) {
        s_report_verdict(report, &judgement->verdict);
    }
    if (sample->kind == TACIT_SAMPLE_TPM) {
        s_report_tpm(report, judgement);
    }
    return report;
}

void tacit_attest_print(FILE *stream, const json_t *report)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)report, name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        size_t size = text ? strlen(text) : 0;
        bool quoted = size >= 2 && text[0] == '"';
        fprintf(stream, "%-22s %.*s\n", name, (int)(quoted ? size - 2 : size),
                text ? text + quoted : "");
        free(text);
    }
}
