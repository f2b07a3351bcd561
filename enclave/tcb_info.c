/*  tcb_info.c - which TCB level does this platform reach?

    Levels come best first, and the first one that the platform reaches is its own, as the vendor
    orders them; versions 2 and 3 differ in how the sixteen components are written.  */

#include "enclave/tcb_info.h"

#include <stdio.h>

#include "enclave/evidence_refusal.h"
#include "enclave/signed_json.h"

enum { LEVELS_MAX = 128 /* of one platform model */ };

static const tacit_signed_json_t s_kind = {"tcb_info", "tcbInfo"};

typedef bool read_components_t(const json_t *tcb, uint8_t ret_components[TACIT_PCK_COMPONENTS]);

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

/*  Version 3: sgxtcbcomponents, a list of {"svn": n}.  */
static bool s_read_listed(const json_t *tcb, uint8_t ret_components[TACIT_PCK_COMPONENTS])
{
    const json_t *list = json_object_get(tcb, "sgxtcbcomponents");
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

/*  How to read the version, or NULL. Version 2 knew SGX only and has no id.  */
static read_components_t *s_reader(const json_t *info)
{
    uint64_t version = 0;
    if (!tacit_json_number(info, "version", UINT32_MAX, &version)) {
        return NULL;
    }
    if (version == 2 && !json_object_get(info, "id")) {
        return s_read_named;
    }
    return version == 3 && tacit_json_is_text(info, "id", "SGX") ? s_read_listed : NULL;
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

/*  Does the platform reach this level? Sets *ret_reached; false where the level is malformed.  */
static bool s_reaches(const json_t *level, read_components_t *read, const tacit_pck_t *pck,
                      bool *ret_reached)
{
    const json_t *tcb = json_object_get(level, "tcb");
    uint8_t components[TACIT_PCK_COMPONENTS];
    uint64_t pcesvn = 0;
    if (!read(tcb, components) || !tacit_json_number(tcb, "pcesvn", UINT16_MAX, &pcesvn)) {
        return false;
    }
    bool reached = pck->pcesvn >= pcesvn;
    for (size_t i = 0; i < TACIT_PCK_COMPONENTS; i++) {
        reached = reached && pck->components[i] >= components[i];
    }
    *ret_reached = reached;
    return true;
}

static tacit_status_t s_match(const json_t *info, read_components_t *read, const tacit_pck_t *pck,
                              tacit_verdict_t *verdict, tacit_error_t *error)
{
    const json_t *levels = json_object_get(info, "tcbLevels");
    size_t count = json_array_size(levels);
    if (count == 0 || count > LEVELS_MAX) {
        return tacit_signed_json_malformed(&s_kind, "tcbLevels", "a list of levels", error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *level = json_array_get(levels, i);
        bool reached = false;
        if (!s_reaches(level, read, pck, &reached)) {
            return tacit_signed_json_malformed(&s_kind, "tcbLevels",
                                               "sixteen components and a PCESVN each", error);
        }
        if (reached) {
            return tacit_signed_json_level(&s_kind, level, verdict, error);
        }
    }
    return tacit_evidence_refuse(error, TACIT_TCB_UNSUPPORTED, "tcb_info.tcbLevels",
                                 "a level that the platform reaches", "none");
}

tacit_status_t tacit_tcb_info_judge(tacit_span_t text, EVP_PKEY *signer, uint64_t now_ms,
                                    const tacit_pck_t *pck, tacit_verdict_t *ret_verdict,
                                    tacit_error_t *ret_error)
{
    json_t *info = NULL;
    tacit_verdict_t verdict;
    tacit_status_t status =
        tacit_signed_json_open(&s_kind, text, signer, now_ms, &info, &verdict, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    read_components_t *read = s_reader(info);
    if (!read) {
        status = tacit_evidence_refuse(ret_error, TACIT_UNSUPPORTED, "tcb_info.version",
                                       "SGX, version 2 or 3", "another");
    } else {
        status = s_check_model(info, pck, ret_error);
    }
    if (status == TACIT_OK) {
        status = s_match(info, read, pck, &verdict, ret_error);
    }
    json_decref(info);
    if (status == TACIT_OK) {
        *ret_verdict = verdict;
    }
    return status;
}
