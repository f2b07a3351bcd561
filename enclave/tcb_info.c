/*  tcb_info.c - which TCB level does this platform reach?

    Levels come best first, and the first one that the platform reaches is its own, as the vendor
    orders them; versions 2 and 3 differ in how the sixteen components are written.  */

#include "enclave/tcb_info.h"

#include <stdio.h>

#include "enclave/evidence_refusal.h"
#include "enclave/signed_json.h"
#include "enclave/tdx_module.h"

enum { LEVELS_MAX = 128 /* of one platform model */ };

static const tacit_signed_json_t s_kind = {"tcb_info", "tcbInfo"};

typedef bool read_components_t(const json_t *tcb, uint8_t ret_components[TACIT_PCK_COMPONENTS]);

/*  One document while it is read.  */
typedef struct reading {
    const json_t *info;
    read_components_t *read; /* how this version writes the SGX components */
    const tacit_tcb_subject_t *subject;
} reading_t;

/*  Version 2: sgxtcbcomp01svn .. sgxtcbcomp16svn.  */
static bool s_read_named(const json_t *tcb, uint8_t ret_components[TACIT_PCK_COMPONENTS])
{
    for (unsigned i = 0; i < TACIT_PCK_COMPONENTS; i++) {
        char name[24];
        uint64_t svn = 0;
        snprintf(name, sizeof name, "sgxtcbcomp%02usvn", i + 1);
        if (!tacit_json_number(tcb, name, UINT8_MAX, &svn)) {
            return false;
        }
        ret_components[i] = (uint8_t)svn;
    }
    return true;
}

/*  Version 3: a list of {"svn": n}.  */
static bool s_read_list(const json_t *tcb, const char *member,
                        uint8_t ret_components[TACIT_PCK_COMPONENTS])
{
    const json_t *list = json_object_get(tcb, member);
    if (json_array_size(list) != TACIT_PCK_COMPONENTS) {
        return false;
    }
    for (size_t i = 0; i < TACIT_PCK_COMPONENTS; i++) {
        uint64_t svn = 0;
        if (!tacit_json_number(json_array_get(list, i), "svn", UINT8_MAX, &svn)) {
            return false;
        }
        ret_components[i] = (uint8_t)svn;
    }
    return true;
}

static bool s_read_listed(const json_t *tcb, uint8_t ret_components[TACIT_PCK_COMPONENTS])
{
    return s_read_list(tcb, "sgxtcbcomponents", ret_components);
}

/*  How to read the version, or NULL. Version 2 knew SGX only and has no id.  */
static read_components_t *s_reader(const json_t *info, const char *id, uint32_t *ret_version)
{
    uint64_t version = 0;
    if (!tacit_json_number(info, "version", UINT32_MAX, &version)) {
        return NULL;
    }
    *ret_version = (uint32_t)version;
    if (version == 2 && !json_object_get(info, "id") && strcmp(id, "SGX") == 0) {
        return s_read_named;
    }
    return version == 3 && tacit_json_is_text(info, "id", id) ? s_read_listed : NULL;
}

static tacit_status_t s_check_model(const json_t *info, const tacit_pck_t *pck,
                                    tacit_error_t *error)
{
    uint8_t fmspc[TACIT_FMSPC_SIZE];
    uint8_t pceid[TACIT_PCEID_SIZE];
    uint64_t type = 0;
    if (!tacit_json_hex(info, "fmspc", fmspc, sizeof fmspc)) {
        return tacit_signed_json_malformed(&s_kind, "fmspc", "6 bytes in hexadecimal", error);
    }
    if (!tacit_json_hex(info, "pceId", pceid, sizeof pceid)) {
        return tacit_signed_json_malformed(&s_kind, "pceId", "2 bytes in hexadecimal", error);
    }
    if (!tacit_json_number(info, "tcbType", 0, &type)) {
        return tacit_signed_json_malformed(&s_kind, "tcbType", "0", error);
    }
    if (memcmp(fmspc, pck->fmspc, sizeof fmspc) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_COLLATERAL_MISSING, "tcb_info.fmspc",
                                           tacit_span(pck->fmspc, sizeof pck->fmspc),
                                           tacit_span(fmspc, sizeof fmspc));
    }
    if (memcmp(pceid, pck->pceid, sizeof pceid) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_COLLATERAL_MISSING, "tcb_info.pceId",
                                           tacit_span(pck->pceid, sizeof pck->pceid),
                                           tacit_span(pceid, sizeof pceid));
    }
    return TACIT_OK;
}

static bool s_at_least(const uint8_t *got, const uint8_t *needed, size_t from)
{
    for (size_t i = from; i < TACIT_PCK_COMPONENTS; i++) {
        if (got[i] < needed[i]) {
            return false;
        }
    }
    return true;
}

/*  Does the platform reach this level, with its SGX parts and (TDX) with all of them? False where
    the level is malformed. The first two SVNs of a module that has a version of its own are judged
    by its identity instead.  */
static bool s_reaches(const reading_t *reading, const json_t *level, bool *ret_sgx, bool *ret_all)
{
    const json_t *tcb = json_object_get(level, "tcb");
    const tacit_pck_t *pck = reading->subject->pck;
    uint8_t components[TACIT_PCK_COMPONENTS];
    uint64_t pcesvn = 0;
    if (!reading->read(tcb, components) || !tacit_json_number(tcb, "pcesvn", UINT16_MAX, &pcesvn)) {
        return false;
    }
    *ret_sgx = pck->pcesvn >= pcesvn && s_at_least(pck->components, components, 0);
    *ret_all = *ret_sgx;
    if (reading->subject->td) {
        const uint8_t *svn = tacit_td_svn(reading->subject->td);
        if (!s_read_list(tcb, "tdxtcbcomponents", components)) {
            return false;
        }
        *ret_all = *ret_sgx && s_at_least(svn, components, svn[1] > 0 ? 2 : 0);
    }
    return true;
}

static tacit_status_t s_match(const reading_t *reading, tacit_tcb_finding_t *finding,
                              tacit_error_t *error)
{
    const json_t *levels = json_object_get(reading->info, "tcbLevels");
    size_t count = json_array_size(levels);
    const json_t *sgx_level = NULL;
    if (count == 0 || count > LEVELS_MAX) {
        return tacit_signed_json_malformed(&s_kind, "tcbLevels", "a list of levels", error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *level = json_array_get(levels, i);
        bool sgx = false;
        bool all = false;
        if (!s_reaches(reading, level, &sgx, &all)) {
            return tacit_signed_json_malformed(&s_kind, "tcbLevels",
                                               "sixteen components and a PCESVN each", error);
        }
        sgx_level = sgx && !sgx_level ? level : sgx_level;
        if (all) {
            tacit_level_t first = {0};
            tacit_status_t status = tacit_signed_json_level(&s_kind, sgx_level, &first, error);
            finding->sgx_status = first.status;
            return status ? status
                          : tacit_signed_json_level(&s_kind, level, &finding->platform, error);
        }
    }
    return tacit_evidence_refuse(error, TACIT_TCB_UNSUPPORTED, "tcb_info.tcbLevels",
                                 "a level that the platform reaches", "none");
}

static tacit_status_t s_judge(reading_t *reading, tacit_tcb_finding_t *finding,
                              tacit_error_t *error)
{
    const tacit_td_report_t *td = reading->subject->td;
    reading->read = s_reader(reading->info, td ? "TDX" : "SGX", &finding->version);
    if (!reading->read) {
        return tacit_evidence_refuse(error, TACIT_UNSUPPORTED, "tcb_info.version",
                                     td ? "TDX, version 3" : "SGX, version 2 or 3", "another");
    }
    tacit_status_t status = s_check_model(reading->info, reading->subject->pck, error);
    if (status == TACIT_OK) {
        status = s_match(reading, finding, error);
    }
    if (status == TACIT_OK && td) {
        status = tacit_tdx_module_judge(reading->info, td, &finding->has_module, &finding->module,
                                        error);
        finding->relaunched_is_current = tacit_tdx_module_is_current(reading->info, td);
    }
    return status;
}

tacit_status_t tacit_tcb_info_judge(tacit_span_t text, EVP_PKEY *signer, uint64_t now_ms,
                                    const tacit_tcb_subject_t *subject,
                                    tacit_tcb_finding_t *ret_finding, tacit_error_t *ret_error)
{
    json_t *info = NULL;
    tacit_tcb_finding_t finding = {0};
    tacit_status_t status =
        tacit_signed_json_open(&s_kind, text, signer, now_ms, &info, &finding.platform, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    reading_t reading = {.info = info, .subject = subject};
    status = s_judge(&reading, &finding, ret_error);
    json_decref(info);
    if (status == TACIT_OK) {
        *ret_finding = finding;
    }
    return status;
}

static bool s_is_out_of_date(tacit_tcb_status_t status)
{
    return status == TACIT_TCB_OUT_OF_DATE || status == TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/*  Everything but the module that the domain began on is current, and a newer module runs now.  */
static bool s_needs_relaunch_only(const tacit_tcb_finding_t *finding, tacit_tcb_status_t status,
                                  tacit_tcb_status_t enclave)
{
    return enclave == TACIT_TCB_UP_TO_DATE && !s_is_out_of_date(finding->sgx_status) &&
           finding->sgx_status != TACIT_TCB_REVOKED && s_is_out_of_date(status) &&
           finding->has_module && finding->module.status == TACIT_TCB_OUT_OF_DATE &&
           finding->relaunched_is_current;
}

tacit_tcb_status_t tacit_tcb_finding_status(const tacit_tcb_finding_t *finding,
                                            tacit_tcb_status_t enclave)
{
    tacit_tcb_status_t status = finding->platform.status;
    if (finding->has_module) {
        status = tacit_tcb_status_merge(status, finding->module.status);
    }
    if (s_needs_relaunch_only(finding, status, enclave)) {
        bool configure = tacit_tcb_status_needs_configuration(finding->sgx_status) ||
                         tacit_tcb_status_needs_configuration(status);
        status = configure ? TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                           : TACIT_TCB_TD_RELAUNCH_ADVISED;
    }
    return tacit_tcb_status_merge(status, enclave);
}
