/*  tdx_module.c - TDX module identities of signed TCB info.  */

#include "enclave/tdx_module.h"

#include <stdio.h>
#include <strings.h>

#include "enclave/evidence_refusal.h"
#include "enclave/signed_json.h"

enum {
    MODULES_MAX = 64,
    LEVELS_MAX = 64,
    ATTRIBUTES_SIZE = 8,
    SVN_ISVSVN = 0, /* places in the module's SVNs */
    SVN_VERSION = 1,
    SVN_LATE = 2 /* of the part that is not the module */
};

static const tacit_signed_json_t s_kind = {"tcb_info", "tcbInfo"};

static tacit_status_t s_malformed(const char *member, tacit_error_t *error)
{
    return tacit_signed_json_malformed(&s_kind, member, "as the vendor writes it", error);
}

/*  The identity of that version; NULL where none is listed.  */
static const json_t *s_find(const json_t *tcb_info, uint8_t version)
{
    const json_t *modules = json_object_get(tcb_info, "tdxModuleIdentities");
    size_t count = json_array_size(modules);
    char id[16];
    snprintf(id, sizeof id, "TDX_%02X", (unsigned)version);
    for (size_t i = 0; i < count && i < MODULES_MAX; i++) {
        const json_t *module = json_array_get(modules, i);
        const char *found = json_string_value(json_object_get(module, "id"));
        if (found && strcasecmp(found, id) == 0) {
            return module;
        }
    }
    return NULL;
}

static tacit_status_t s_check_signer(const json_t *module, const tacit_td_report_t *td,
                                     tacit_error_t *error)
{
    uint8_t expected[TACIT_TD_DIGEST_SIZE];
    const uint8_t *got = td->bytes.data + TACIT_TD_MRSIGNERSEAM;
    if (!tacit_json_hex(module, "mrsigner", expected, sizeof expected)) {
        return s_malformed("tdxModule.mrsigner", error);
    }
    if (memcmp(expected, got, sizeof expected) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_MEASUREMENT_REFUSED, "mrsignerseam",
                                           tacit_span(expected, sizeof expected),
                                           tacit_span(got, sizeof expected));
    }
    return TACIT_OK;
}

static tacit_status_t s_check_attributes(const json_t *module, const tacit_td_report_t *td,
                                         tacit_error_t *error)
{
    uint8_t expected[ATTRIBUTES_SIZE];
    uint8_t mask[ATTRIBUTES_SIZE];
    uint8_t got[ATTRIBUTES_SIZE];
    if (!tacit_json_hex(module, "attributes", expected, sizeof expected) ||
        !tacit_json_hex(module, "attributesMask", mask, sizeof mask)) {
        return s_malformed("tdxModule.attributes", error);
    }
    memcpy(got, td->bytes.data + TACIT_TD_SEAM_ATTRIBUTES, sizeof got);
    for (size_t i = 0; i < sizeof got; i++) {
        got[i] &= mask[i];
        expected[i] &= mask[i];
    }
    if (memcmp(expected, got, sizeof got) != 0) {
        return tacit_evidence_refuse_bytes(error, TACIT_MEASUREMENT_REFUSED, "seamattributes",
                                           tacit_span(expected, sizeof expected),
                                           tacit_span(got, sizeof got));
    }
    return TACIT_OK;
}

static tacit_status_t s_match(const json_t *module, uint8_t svn, tacit_level_t *level,
                              tacit_error_t *error)
{
    const json_t *levels = json_object_get(module, "tcbLevels");
    size_t count = json_array_size(levels);
    if (count == 0 || count > LEVELS_MAX) {
        return s_malformed("tdxModuleIdentities.tcbLevels", error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(levels, i);
        uint64_t needed = 0;
        if (!tacit_json_number(json_object_get(item, "tcb"), "isvsvn", UINT16_MAX, &needed)) {
            return s_malformed("tdxModuleIdentities.tcbLevels", error);
        }
        if (svn >= needed) {
            return tacit_signed_json_level(&s_kind, item, level, error);
        }
    }
    return tacit_evidence_refuse(error, TACIT_TCB_UNSUPPORTED, "tcb_info.tdxModuleIdentities",
                                 "a level that the TDX module reaches", "none");
}

/*  A module is UpToDate, OutOfDate or Revoked; hardening is the platform's matter.  */
static tacit_status_t s_check_status(tacit_tcb_status_t status, tacit_error_t *error)
{
    if (status == TACIT_TCB_UP_TO_DATE || status == TACIT_TCB_OUT_OF_DATE ||
        status == TACIT_TCB_REVOKED) {
        return TACIT_OK;
    }
    return tacit_evidence_refuse(error, TACIT_TCB_STATUS_REFUSED,
                                 "tcb_info.tdxModuleIdentities.tcbStatus", "a status of a module",
                                 tacit_tcb_status_name(status));
}

tacit_status_t tacit_tdx_module_judge(const json_t *tcb_info, const tacit_td_report_t *td,
                                      bool *ret_has_level, tacit_level_t *ret_level,
                                      tacit_error_t *ret_error)
{
    uint8_t version = tacit_td_svn(td)[SVN_VERSION];
    const json_t *module =
        version > 0 ? s_find(tcb_info, version) : json_object_get(tcb_info, "tdxModule");
    tacit_level_t level = {0};
    if (!module) {
        return tacit_evidence_refuse(ret_error, TACIT_TCB_UNSUPPORTED,
                                     version > 0 ? "tcb_info.tdxModuleIdentities"
                                                 : "tcb_info.tdxModule",
                                     "the TDX module of this version", "none");
    }
    tacit_status_t status = s_check_signer(module, td, ret_error);
    if (status == TACIT_OK) {
        status = s_check_attributes(module, td, ret_error);
    }
    if (status == TACIT_OK && version > 0) {
        status = s_match(module, tacit_td_svn(td)[SVN_ISVSVN], &level, ret_error);
    }
    if (status == TACIT_OK && version > 0) {
        status = s_check_status(level.status, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_has_level = version > 0;
        *ret_level = level;
    }
    return status;
}

/*  Component i of the newest TDX level, which comes first; UINT64_MAX where it is malformed.  */
static uint64_t s_newest_component(const json_t *tcb_info, size_t i)
{
    uint64_t svn = UINT64_MAX;
    const json_t *level = json_array_get(json_object_get(tcb_info, "tcbLevels"), 0);
    const json_t *list = json_object_get(json_object_get(level, "tcb"), "tdxtcbcomponents");
    (void)tacit_json_number(json_array_get(list, i), "svn", UINT8_MAX, &svn);
    return svn;
}

/*  The newest ISVSVN of a module's version; UINT64_MAX where there is none.  */
static uint64_t s_newest_module(const json_t *tcb_info, uint8_t version)
{
    uint64_t svn = UINT64_MAX;
    const json_t *module = s_find(tcb_info, version);
    const json_t *level = json_array_get(json_object_get(module, "tcbLevels"), 0);
    (void)tacit_json_number(json_object_get(level, "tcb"), "isvsvn", UINT16_MAX, &svn);
    return svn;
}

bool tacit_tdx_module_is_current(const json_t *tcb_info, const tacit_td_report_t *td)
{
    const uint8_t *svn = tacit_td_svn2(td);
    if (!svn) {
        return false;
    }
    uint64_t module = svn[SVN_VERSION] == 0 ? s_newest_component(tcb_info, SVN_ISVSVN)
                                            : s_newest_module(tcb_info, svn[SVN_VERSION]);
    return svn[SVN_ISVSVN] >= module && svn[SVN_LATE] >= s_newest_component(tcb_info, SVN_LATE);
}
