/*  ear.c - from verdicts to AR4SI's claims, and the rules between claims and tiers.  */

#include "enclave/ear.h"

#include <stdio.h>
#include <string.h>

/*  Values of AR4SI, section 2.3.4.  */
enum {
    S_UNEXPECTED_EVIDENCE = 1,
    S_GENUINE_HARDWARE = 2,
    S_ENCRYPTED_MEMORY = 2,
    S_APPROVED_CONFIGURATION = 2,
    S_UNSAFE_CONFIGURATION = 32,
    S_UNSAFE_HARDWARE = 32,
    S_CONTRAINDICATED_HARDWARE = 96,
    S_VISIBLE_MEMORY = 96,
    S_CRYPTO_VALIDATION_FAILED = 99
};

static const char *const s_categories[TACIT_EAR_CATEGORIES] = {
    [TACIT_EAR_INSTANCE_IDENTITY] = "instance-identity",
    [TACIT_EAR_CONFIGURATION] = "configuration",
    [TACIT_EAR_EXECUTABLES] = "executables",
    [TACIT_EAR_FILE_SYSTEM] = "file-system",
    [TACIT_EAR_HARDWARE] = "hardware",
    [TACIT_EAR_RUNTIME_OPAQUE] = "runtime-opaque",
    [TACIT_EAR_STORAGE_OPAQUE] = "storage-opaque",
    [TACIT_EAR_SOURCED_DATA] = "sourced-data",
};

const char *tacit_ear_category_name(tacit_ear_category_t category)
{
    return s_categories[category];
}

tacit_tier_t tacit_ear_tier(int8_t value)
{
    if (value >= -1 && value <= 1) {
        return TACIT_TIER_NONE;
    }
    if (value >= -32 && value <= 31) {
        return TACIT_TIER_AFFIRMING;
    }
    return value >= -96 && value <= 95 ? TACIT_TIER_WARNING : TACIT_TIER_CONTRAINDICATED;
}

/*  --- appraisals ------------------------------------------------------------------------------ */

static int8_t s_hardware(const tacit_verdict_t *verdict)
{
    static const int8_t by_status[] = {
        [TACIT_TCB_UP_TO_DATE] = S_GENUINE_HARDWARE,
        [TACIT_TCB_REVOKED] = S_CONTRAINDICATED_HARDWARE,
    };
    if (verdict->simulated) {
        return 0;
    }
    if (!verdict->has_tcb_status) {
        return S_GENUINE_HARDWARE;
    }
    size_t status = (size_t)verdict->tcb_status;
    int8_t value = status < sizeof by_status ? by_status[status] : 0;
    bool weak = value == 0 || (value == S_GENUINE_HARDWARE && verdict->advisories[0]);
    return weak ? S_UNSAFE_HARDWARE : value;
}

/*  Said of the platform's configuration by Intel alone.  */
static int8_t s_configuration(const tacit_verdict_t *verdict)
{
    if (!verdict->has_tcb_status || verdict->tcb_status == TACIT_TCB_REVOKED) {
        return 0;
    }
    return strstr(tacit_tcb_status_name(verdict->tcb_status), "Configuration")
               ? S_UNSAFE_CONFIGURATION
               : S_APPROVED_CONFIGURATION;
}

static void s_conclude(tacit_ear_appraisal_t *appraisal)
{
    for (size_t i = 0; i < TACIT_EAR_CATEGORIES; i++) {
        tacit_tier_t tier = tacit_ear_tier(appraisal->vector[i]);
        appraisal->status = tier > appraisal->status ? tier : appraisal->status;
    }
}

static void s_start(tacit_ear_appraisal_t *appraisal)
{
    *appraisal = (tacit_ear_appraisal_t){.is_ours = true, .policy_count = 1};
    snprintf(appraisal->policies[0], sizeof appraisal->policies[0], "%s", TACIT_EAR_POLICY);
}

void tacit_ear_appraise(const tacit_verdict_t *verdict, tacit_ear_appraisal_t *ret_appraisal)
{
    s_start(ret_appraisal);
    ret_appraisal->simulated = verdict->simulated;
    memcpy(ret_appraisal->trust_anchor, verdict->root_sha256, 32);
    ret_appraisal->vector[TACIT_EAR_HARDWARE] = s_hardware(verdict);
    ret_appraisal->vector[TACIT_EAR_CONFIGURATION] = s_configuration(verdict);
    ret_appraisal->vector[TACIT_EAR_RUNTIME_OPAQUE] =
        verdict->debug ? S_VISIBLE_MEMORY : S_ENCRYPTED_MEMORY;
    s_conclude(ret_appraisal);
}

/*  Nothing can be said: the collateral is missing or out of date, or the format unknown to us.  */
static bool s_is_undecided(tacit_status_t status)
{
    static const tacit_status_t undecided[] = {
        TACIT_UNSUPPORTED,     TACIT_COLLATERAL_MISSING, TACIT_COLLATERAL_EXPIRED,
        TACIT_TCB_UNSUPPORTED, TACIT_NO_MEMORY,          TACIT_INTERNAL,
    };
    for (size_t i = 0; i < sizeof undecided / sizeof *undecided; i++) {
        if (undecided[i] == status) {
            return true;
        }
    }
    return false;
}

void tacit_ear_refuse(tacit_status_t status, tacit_ear_appraisal_t *ret_appraisal)
{
    s_start(ret_appraisal);
    int8_t *hardware = &ret_appraisal->vector[TACIT_EAR_HARDWARE];
    if (status == TACIT_EVIDENCE_MALFORMED) {
        *hardware = S_UNEXPECTED_EVIDENCE;
    } else if (!s_is_undecided(status)) {
        *hardware = S_CRYPTO_VALIDATION_FAILED;
    }
    s_conclude(ret_appraisal);
}

void tacit_ear_conclude(tacit_ear_t *ear)
{
    ear->status = TACIT_TIER_NONE;
    for (size_t i = 0; i < ear->submod_count; i++) {
        tacit_tier_t status = ear->submods[i].status;
        ear->status = status > ear->status ? status : ear->status;
    }
}

/*  --- checks ---------------------------------------------------------------------------------- */

tacit_status_t tacit_ear_malformed(const char *claim, const char *expected,
                                   tacit_error_t *ret_error)
{
    tacit_error_claim(ret_error, TACIT_MALFORMED, claim, expected, "something else");
    tacit_error_remedy(ret_error, "ask for a token of the profile %s", TACIT_EAR_PROFILE);
    return TACIT_MALFORMED;
}

tacit_status_t tacit_ear_check(const tacit_ear_t *ear, tacit_error_t *ret_error)
{
    tacit_ear_t worst = *ear;
    tacit_ear_conclude(&worst);
    if (ear->submod_count == 0) {
        return tacit_ear_malformed("submods", "at least one", ret_error);
    }
    for (size_t i = 0; i < ear->submod_count; i++) {
        tacit_ear_appraisal_t concluded = ear->submods[i];
        s_conclude(&concluded);
        if (concluded.status != ear->submods[i].status) {
            return tacit_ear_malformed("ear_status", "no better than the worst claim", ret_error);
        }
    }
    if (worst.status > ear->status) {
        return tacit_ear_malformed("ear_status", "no better than the worst submodule", ret_error);
    }
    return ear->expires_s == 0 || ear->expires_s > ear->issued_s
               ? TACIT_OK
               : tacit_ear_malformed("exp", "a time after iat", ret_error);
}
