/*  tcb_info.c - writes the vendor's JSON with the members and the order that Intel's service has,
    without white space: the signature is over these bytes.  */

#include "services/platform/tcb_info.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    S_EVALUATION_NUMBER = 17,
    S_VERSION = 3,
    S_DATE_MAX = 32,
    S_OLD_SVN = 1,
    S_OLD_MODULE_SVN = 2
};

typedef struct {
    char *text;
    size_t size;
} s_text_t;

static void s_add(s_text_t *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*  Everything written here is of bounded size; to run over the buffer is a programmer error.  */
static void s_add(s_text_t *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = TACIT_TCB_INFO_TEXT_MAX - out->size;
    int size = vsnprintf(out->text + out->size, room, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= room) {
        abort();
    }
    out->size += (size_t)size;
}

static void s_date(uint64_t seconds, char ret_text[S_DATE_MAX])
{
    time_t time = (time_t)seconds;
    struct tm parts;
    gmtime_r(&time, &parts);
    strftime(ret_text, S_DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void s_add_dates(s_text_t *out, tacit_validity_t validity)
{
    char issue[S_DATE_MAX];
    char next[S_DATE_MAX];
    s_date(validity.from_s, issue);
    s_date(validity.until_s, next);
    s_add(out, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",", issue, next);
}

static void s_add_status(s_text_t *out, const char *date, const char *status, const char *advisory)
{
    s_add(out, "\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", date, status);
    if (advisory) {
        s_add(out, ",\"advisoryIDs\":[\"%s\"]", advisory);
    }
    s_add(out, "}");
}

/*  What a level asks of a platform.  */
typedef struct {
    uint8_t sgx[TACIT_TCB_COMPONENTS];
    uint8_t tdx[TACIT_TCB_COMPONENTS]; /* where the collateral is that of TDX */
    unsigned int pcesvn;
} s_level_t;

static void s_add_components(s_text_t *out, const char *name,
                             const uint8_t components[TACIT_TCB_COMPONENTS])
{
    s_add(out, "\"%s\":[", name);
    for (size_t i = 0; i < TACIT_TCB_COMPONENTS; i++) {
        s_add(out, "%s{\"svn\":%u}", i > 0 ? "," : "", components[i]);
    }
    s_add(out, "],");
}

static void s_add_level(s_text_t *out, const tacit_pki_options_t *options, const s_level_t *level)
{
    s_add(out, "{\"tcb\":{");
    s_add_components(out, "sgxtcbcomponents", level->sgx);
    if (options->tee == TACIT_TEE_TDX && !options->no_tdx_components) {
        s_add_components(out, "tdxtcbcomponents", level->tdx);
    }
    s_add(out, "\"pcesvn\":%u},", level->pcesvn);
}

/*  The platform's own level stands between one that is newer and one that is older.  */
static void s_levels(const tacit_sgx_platform_t *platform, s_level_t ret_levels[3])
{
    static const uint8_t wanted[] = {TACIT_TDX_COMPONENT, TACIT_TDX_COMPONENT,
                                     TACIT_TDX_COMPONENT_OLD};
    for (size_t i = 0; i < TACIT_TCB_COMPONENTS; i++) {
        uint8_t own = platform->components[i];
        ret_levels[0].sgx[i] = (uint8_t)(own < UINT8_MAX ? own + 1 : UINT8_MAX);
        ret_levels[1].sgx[i] = own;
        ret_levels[2].sgx[i] = (uint8_t)(own / 2);
    }
    for (size_t i = 0; i < 3; i++) {
        ret_levels[i].pcesvn = i < 2 ? platform->pcesvn : S_OLD_SVN;
        memset(ret_levels[i].tdx, 0, sizeof ret_levels[i].tdx);
        ret_levels[i].tdx[0] = TACIT_TDX_MODULE_SVN - 1;
        ret_levels[i].tdx[2] = wanted[i];
    }
}

static void s_add_tcb_levels(s_text_t *out, const tacit_sgx_platform_t *platform,
                             const tacit_pki_options_t *options)
{
    s_level_t levels[3];
    s_levels(platform, levels);
    s_add(out, "\"tcbLevels\":[");
    s_add_level(out, options, &levels[0]);
    s_add_status(out, "2026-05-13T00:00:00Z", "UpToDate", NULL);
    if (!options->tcb_above_platform) {
        s_add(out, ",");
        s_add_level(out, options, &levels[1]);
        s_add_status(out, "2025-11-12T00:00:00Z",
                     options->tcb_status ? options->tcb_status : "UpToDate", options->advisory);
        s_add(out, ",");
        s_add_level(out, options, &levels[2]);
        s_add_status(out, "2023-08-09T00:00:00Z", "OutOfDate", "SIMULATED-SA-00001");
    }
    s_add(out, "]");
}

void tacit_tdx_module_signer(uint8_t ret_signer[TACIT_TDX_SIGNER_SIZE])
{
    static const char name[] = "SIMULATED TDX module signer";
    SHA384((const unsigned char *)name, sizeof name - 1, ret_signer);
}

static void s_add_module(s_text_t *out)
{
    uint8_t signer[TACIT_TDX_SIGNER_SIZE];
    tacit_tdx_module_signer(signer);
    s_add(out, "\"mrsigner\":\"");
    for (size_t i = 0; i < sizeof signer; i++) {
        s_add(out, "%02X", signer[i]);
    }
    s_add(out, "\",\"attributes\":\"0000000000000000\",\"attributesMask\":"
               "\"FFFFFFFFFFFFFFFF\"");
}

static void s_add_modules(s_text_t *out, const tacit_pki_options_t *options)
{
    s_add(out, "\"tdxModule\":{");
    s_add_module(out);
    s_add(out, "},\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",", TACIT_TDX_MODULE_VERSION);
    s_add_module(out);
    s_add(out, ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%d},", TACIT_TDX_MODULE_SVN);
    s_add_status(out, "2025-11-12T00:00:00Z", "UpToDate", NULL);
    s_add(out, ",{\"tcb\":{\"isvsvn\":%d},", S_OLD_MODULE_SVN);
    s_add_status(out, "2023-08-09T00:00:00Z",
                 options->module_status ? options->module_status : "OutOfDate", NULL);
    s_add(out, "]}],");
}

static uint32_t s_evaluation_number(const tacit_pki_options_t *options)
{
    return options->tcb_evaluation_number ? options->tcb_evaluation_number : S_EVALUATION_NUMBER;
}

void tacit_tcb_info_text(const tacit_sgx_platform_t *platform, const tacit_pki_options_t *options,
                         tacit_validity_t validity, char ret_text[TACIT_TCB_INFO_TEXT_MAX])
{
    s_text_t out = {.text = ret_text};
    uint8_t fmspc[sizeof platform->fmspc];
    memcpy(fmspc, platform->fmspc, sizeof fmspc);
    fmspc[0] ^= options->foreign_fmspc ? 0xff : 0;
    s_add(&out, "{\"id\":\"%s\",\"version\":%u,",
          options->tcb_info_id            ? options->tcb_info_id
          : options->tee == TACIT_TEE_TDX ? "TDX"
                                          : "SGX",
          options->tcb_info_version ? options->tcb_info_version : S_VERSION);
    s_add_dates(&out, validity);
    s_add(&out, "\"fmspc\":\"%02X%02X%02X%02X%02X%02X\",", fmspc[0], fmspc[1], fmspc[2], fmspc[3],
          fmspc[4], fmspc[5]);
    s_add(&out, "\"pceId\":\"%02X%02X\",\"tcbType\":0,\"tcbEvaluationDataNumber\":%u,",
          platform->pceid[0], platform->pceid[1] ^ (options->foreign_pceid ? 0xff : 0),
          s_evaluation_number(options));
    if (options->tee == TACIT_TEE_TDX) {
        s_add_modules(&out, options);
    }
    s_add_tcb_levels(&out, platform, options);
    s_add(&out, "}");
}

void tacit_qe_mrsigner(uint8_t ret_mrsigner[32])
{
    static const char name[] = "SIMULATED quoting enclave signer";
    crypto_hash_sha256(ret_mrsigner, (const unsigned char *)name, sizeof name - 1);
}

static void s_add_qe_level(s_text_t *out, unsigned int svn)
{
    s_add(out, "{\"tcb\":{\"isvsvn\":%u},", svn);
}

void tacit_qe_identity_text(const tacit_pki_options_t *options, tacit_validity_t validity,
                            char ret_text[TACIT_TCB_INFO_TEXT_MAX])
{
    s_text_t out = {.text = ret_text};
    uint8_t mrsigner[32];
    tacit_qe_mrsigner(mrsigner);
    mrsigner[0] ^= options->foreign_qe_signer ? 0xff : 0;
    s_add(&out, "{\"id\":\"%s\",\"version\":2,",
          options->qe_id                  ? options->qe_id
          : options->tee == TACIT_TEE_TDX ? "TD_QE"
                                          : "QE");
    s_add_dates(&out, validity);
    s_add(&out, "\"tcbEvaluationDataNumber\":%u,", s_evaluation_number(options));
    s_add(&out, "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
                "\"attributes\":\"11000000000000000000000000000000\","
                "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"");
    for (size_t i = 0; i < sizeof mrsigner; i++) {
        s_add(&out, "%02X", mrsigner[i]);
    }
    s_add(&out, "\",\"isvprodid\":%u,\"tcbLevels\":[", TACIT_QE_PRODUCT_ID);
    s_add_qe_level(&out, TACIT_QE_SVN);
    s_add_status(&out, "2025-11-12T00:00:00Z", options->qe_status ? options->qe_status : "UpToDate",
                 NULL);
    s_add(&out, ",");
    s_add_qe_level(&out, S_OLD_SVN);
    s_add_status(&out, "2023-08-09T00:00:00Z", "OutOfDate", "SIMULATED-SA-00002");
    s_add(&out, "]}");
}
