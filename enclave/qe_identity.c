/*  qe_identity.c - the quoting enclave's report against its signed identity.  */

#include "enclave/qe_identity.h"

#include "enclave/evidence_refusal.h"
#include "enclave/signed_json.h"

enum {
    IDENTITY_VERSION = 2,
    LEVELS_MAX = 64,
    FIELD_MAX = 32, /* bytes of the longest field compared */
    MISCSELECT_SIZE = 4,
    MRSIGNER_SIZE = 32
};

static const tacit_signed_json_t s_kind = {"qe_identity", "enclaveIdentity"};

/*  One field of the report: equal to the identity's, where the mask (if there is one) has bits.  */
static tacit_status_t s_check_field(const json_t *identity, const char *member, const char *mask,
                                    tacit_span_t field, tacit_error_t *error)
{
    uint8_t expected[FIELD_MAX];
    uint8_t bits[FIELD_MAX];
    uint8_t got[FIELD_MAX];
    memset(bits, 0xff, sizeof bits);
    if (!tacit_json_hex(identity, member, expected, field.size)) {
        return tacit_signed_json_malformed(&s_kind, member, "its bytes in hexadecimal", error);
    }
    if (mask && !tacit_json_hex(identity, mask, bits, field.size)) {
        return tacit_signed_json_malformed(&s_kind, mask, "its bytes in hexadecimal", error);
    }
    for (size_t i = 0; i < field.size; i++) {
        expected[i] &= bits[i];
        got[i] = field.data[i] & bits[i];
    }
    if (memcmp(expected, got, field.size) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_QE_REFUSED, member,
                                           tacit_span(expected, field.size),
                                           tacit_span(got, field.size));
    }
    return TACIT_OK;
}

static tacit_status_t s_check_fields(const json_t *identity, const tacit_sgx_report_t *report,
                                     tacit_error_t *error)
{
    const struct {
        const char *member;
        const char *mask;
        tacit_span_t field;
    } fields[] = {
        {"miscselect", "miscselectMask", tacit_span(report->miscselect, MISCSELECT_SIZE)},
        {"attributes", "attributesMask", tacit_span(report->attributes, TACIT_ATTRIBUTES_SIZE)},
        {"mrsigner", NULL, tacit_span(report->mrsigner, MRSIGNER_SIZE)},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        tacit_status_t status =
            s_check_field(identity, fields[i].member, fields[i].mask, fields[i].field, error);
        if (status != TACIT_OK) {
            return status;
        }
    }
    uint64_t product_id = 0;
    if (!tacit_json_number(identity, "isvprodid", UINT16_MAX, &product_id)) {
        return tacit_signed_json_malformed(&s_kind, "isvprodid", "a number", error);
    }
    if (report->product_id != product_id) {
        return tacit_evidence_refuse_number(error, TACIT_QE_REFUSED, "isvprodid", product_id,
                                            report->product_id);
    }
    return TACIT_OK;
}

/*  Hardening and configuration are the platform's matter: no enclave has a status of that kind.  */
static tacit_status_t s_check_status(tacit_tcb_status_t status, tacit_error_t *error)
{
    if (status == TACIT_TCB_UP_TO_DATE || status == TACIT_TCB_OUT_OF_DATE ||
        status == TACIT_TCB_REVOKED) {
        return TACIT_OK;
    }
    return tacit_evidence_refuse(error, TACIT_TCB_STATUS_REFUSED, "qe_identity.tcbStatus",
                                 "a status of an enclave", tacit_tcb_status_name(status));
}

static tacit_status_t s_match(const json_t *identity, const tacit_sgx_report_t *report,
                              tacit_level_t *reached, tacit_error_t *error)
{
    const json_t *levels = json_object_get(identity, "tcbLevels");
    size_t count = json_array_size(levels);
    if (count == 0 || count > LEVELS_MAX) {
        return tacit_signed_json_malformed(&s_kind, "tcbLevels", "a list of levels", error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *level = json_array_get(levels, i);
        uint64_t svn = 0;
        if (!tacit_json_number(json_object_get(level, "tcb"), "isvsvn", UINT16_MAX, &svn)) {
            return tacit_signed_json_malformed(&s_kind, "tcbLevels", "an ISVSVN each", error);
        }
        if (report->svn >= svn) {
            tacit_status_t status = tacit_signed_json_level(&s_kind, level, reached, error);
            return status ? status : s_check_status(reached->status, error);
        }
    }
    return tacit_evidence_refuse(error, TACIT_QE_REFUSED, "isvsvn",
                                 "a level that the quoting enclave reaches", "none");
}

static tacit_status_t s_judge(const json_t *identity, const char *id,
                              const tacit_sgx_report_t *report, tacit_level_t *reached,
                              tacit_error_t *error)
{
    uint64_t version = 0;
    if (!tacit_json_number(identity, "version", UINT32_MAX, &version) ||
        version != IDENTITY_VERSION || !tacit_json_is_text(identity, "id", id)) {
        return tacit_evidence_refuse(error, TACIT_UNSUPPORTED, "qe_identity.version",
                                     strcmp(id, "QE") == 0 ? "QE, version 2" : "TD_QE, version 2",
                                     "another");
    }
    tacit_status_t status = s_check_fields(identity, report, error);
    if (status != TACIT_OK) {
        return status;
    }
    return s_match(identity, report, reached, error);
}

tacit_status_t tacit_qe_identity_judge(tacit_span_t text, EVP_PKEY *signer, const char *id,
                                       uint64_t now_ms, const tacit_sgx_report_t *report,
                                       tacit_level_t *ret_reached, tacit_error_t *ret_error)
{
    json_t *identity = NULL;
    tacit_level_t reached;
    tacit_status_t status =
        tacit_signed_json_open(&s_kind, text, signer, now_ms, &identity, &reached, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = s_judge(identity, id, report, &reached, ret_error);
    json_decref(identity);
    if (status == TACIT_OK) {
        *ret_reached = reached;
    }
    return status;
}
