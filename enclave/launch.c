/*  launch.c - extending registers as the hardware does: SHA-384(old || SHA-384(event)), from
    zeroes.  */

#include "enclave/launch.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "enclave/evidence_refusal.h"

_Static_assert(SHA384_DIGEST_LENGTH == TACIT_REGISTER_SIZE, "registers are SHA-384");
_Static_assert(TACIT_TD_RTMR0 + 3 * TACIT_TD_DIGEST_SIZE + TACIT_TD_DIGEST_SIZE ==
                   TACIT_TD_REPORT_DATA,
               "four RTMRs");

enum {
    S_EVENT_MAX = 256,        /* bytes */
    S_TD_DEBUG = 1,           /* first byte of the attributes */
    S_TD_SEPT_VE_DISABLE = 3, /* the byte that holds bit 28 */
    S_TD_SEPT_VE_BIT = 1 << 4,
    S_RTMR3 = TACIT_TD_RTMR0 + 3 * TACIT_TD_DIGEST_SIZE,
    S_LAUNCHER_REGISTERS = 4, /* MRTD, RTMR0 to RTMR2 */
    S_KERNEL = 1,             /* PCRs */
    S_APPLICATION = 2,
    S_ROLE = 3
};

/*  An event is a label with its zero byte, then what was measured.  */
static void s_hash_event(const char *label, tacit_span_t measured,
                         uint8_t ret_event[TACIT_REGISTER_SIZE])
{
    uint8_t event[S_EVENT_MAX];
    size_t size = strlen(label) + 1;
    if (size + measured.size > sizeof event) {
        abort(); /* programmer error: all events are this file's */
    }
    memcpy(event, label, size);
    if (measured.size > 0) {
        memcpy(event + size, measured.data, measured.size);
    }
    SHA384(event, size + measured.size, ret_event);
}

static void s_extend(uint8_t value[TACIT_REGISTER_SIZE], const char *label, tacit_span_t measured)
{
    uint8_t both[2 * TACIT_REGISTER_SIZE];
    memcpy(both, value, TACIT_REGISTER_SIZE);
    s_hash_event(label, measured, both + TACIT_REGISTER_SIZE);
    SHA384(both, sizeof both, value);
}

static void s_put_svn(uint8_t *at, const tacit_self_t *program)
{
    at[0] = (uint8_t)program->product_id;
    at[1] = (uint8_t)(program->product_id >> 8);
    at[2] = (uint8_t)program->svn;
    at[3] = (uint8_t)(program->svn >> 8);
}

static void s_take_svn(const uint8_t *at, tacit_self_t *identity)
{
    identity->product_id = (uint16_t)(at[0] | at[1] << 8);
    identity->svn = (uint16_t)(at[2] | at[3] << 8);
}

/*  --- TDX ------------------------------------------------------------------------------------- */

static const struct {
    size_t offset;
    const char *event;
} s_launcher[S_LAUNCHER_REGISTERS] = {
    {TACIT_TD_MRTD, "SIMULATED TDX launcher: firmware"},
    {TACIT_TD_RTMR0, "SIMULATED TDX launcher: configuration"},
    {TACIT_TD_RTMR0 + TACIT_TD_DIGEST_SIZE, "SIMULATED TDX launcher: kernel"},
    {TACIT_TD_RTMR0 + 2 * TACIT_TD_DIGEST_SIZE, "SIMULATED TDX launcher: command line"},
};

static void s_launcher_register(size_t place, uint8_t ret_value[TACIT_REGISTER_SIZE])
{
    memset(ret_value, 0, TACIT_REGISTER_SIZE);
    s_extend(ret_value, s_launcher[place].event, tacit_span(NULL, 0));
}

/*  What the launcher found and the host named: MRCONFIGID, MROWNER, MROWNERCONFIG lie in a row.  */
static void s_replay(const uint8_t *body, uint8_t ret_value[TACIT_REGISTER_SIZE])
{
    const tacit_span_t named =
        tacit_span(body + TACIT_TD_MRCONFIGID, (size_t)3 * TACIT_TD_DIGEST_SIZE);
    memset(ret_value, 0, TACIT_REGISTER_SIZE);
    s_extend(ret_value, "tacit/launch/tdx/v1", named);
}

void tacit_launch_td(const tacit_self_t *program, uint8_t *body)
{
    body[TACIT_TD_ATTRIBUTES] = program->debug ? S_TD_DEBUG : 0;
    body[TACIT_TD_ATTRIBUTES + S_TD_SEPT_VE_DISABLE] = S_TD_SEPT_VE_BIT;
    memset(body + TACIT_TD_MRCONFIGID, 0, (size_t)3 * TACIT_TD_DIGEST_SIZE);
    memcpy(body + TACIT_TD_MRCONFIGID, program->mrenclave, sizeof program->mrenclave);
    memcpy(body + TACIT_TD_MROWNER, program->mrsigner, sizeof program->mrsigner);
    s_put_svn(body + TACIT_TD_MROWNERCONFIG, program);
    for (size_t i = 0; i < S_LAUNCHER_REGISTERS; i++) {
        s_launcher_register(i, body + s_launcher[i].offset);
    }
    s_replay(body, body + S_RTMR3);
}

static void s_td_registers(const uint8_t *body, tacit_registers_t *ret_code)
{
    memset(ret_code, 0, sizeof *ret_code);
    for (size_t i = 0; i < S_LAUNCHER_REGISTERS; i++) {
        memcpy(ret_code->values[i], body + s_launcher[i].offset, TACIT_REGISTER_SIZE);
    }
    memcpy(ret_code->values[S_LAUNCHER_REGISTERS], body + S_RTMR3, TACIT_REGISTER_SIZE);
}

static tacit_status_t s_compare(const char *claim, const uint8_t expected[TACIT_REGISTER_SIZE],
                                const uint8_t *got, tacit_error_t *error)
{
    if (memcmp(expected, got, TACIT_REGISTER_SIZE) == 0) {
        return TACIT_OK;
    }
    return tacit_evidence_refuse_bytes(error, TACIT_MEASUREMENT_REFUSED, claim,
                                       tacit_span(expected, TACIT_REGISTER_SIZE),
                                       tacit_span(got, TACIT_REGISTER_SIZE));
}

tacit_status_t tacit_launch_read_td(const tacit_td_report_t *td, tacit_self_t *ret_identity,
                                    tacit_error_t *ret_error)
{
    const uint8_t *body = td->bytes.data;
    uint8_t expected[TACIT_REGISTER_SIZE];
    tacit_registers_t code;
    tacit_status_t status = TACIT_OK;
    for (size_t i = 0; i < S_LAUNCHER_REGISTERS && !status; i++) {
        s_launcher_register(i, expected);
        status = s_compare(tacit_tee_register_name(TACIT_TEE_TDX, false, i), expected,
                           body + s_launcher[i].offset, ret_error);
    }
    if (!status) {
        s_replay(body, expected);
        status = s_compare("rtmr3", expected, body + S_RTMR3, ret_error);
    }
    if (status) {
        return status;
    }
    tacit_self_t identity = {.tee = TACIT_TEE_TDX, .debug = tacit_td_debug(td)};
    s_td_registers(body, &code);
    tacit_tee_measurement(TACIT_TEE_TDX, &code, identity.mrenclave);
    tacit_tee_signer(TACIT_TEE_TDX, body + TACIT_TD_MROWNER, identity.mrsigner);
    s_take_svn(body + TACIT_TD_MROWNERCONFIG, &identity);
    *ret_identity = identity;
    return TACIT_OK;
}

/*  --- Nitro ----------------------------------------------------------------------------------- */

static const char s_version_label[] = "tacit/launch/nitro/v1";

static void s_extend_version(uint8_t value[TACIT_REGISTER_SIZE], const uint8_t *version)
{
    s_extend(value, s_version_label, tacit_span(version, TACIT_LAUNCH_SVN_SIZE));
}

void tacit_launch_version_event(const tacit_self_t *program, uint8_t ret_event[TACIT_REGISTER_SIZE])
{
    uint8_t version[TACIT_LAUNCH_SVN_SIZE];
    s_put_svn(version, program);
    s_hash_event(s_version_label, tacit_span(version, sizeof version), ret_event);
}

void tacit_launch_pcrs(const tacit_self_t *program, tacit_span_t instance,
                       uint8_t ret_pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE])
{
    const tacit_span_t code = tacit_span(program->mrenclave, sizeof program->mrenclave);
    const tacit_span_t signer = tacit_span(program->mrsigner, sizeof program->mrsigner);
    uint8_t version[TACIT_LAUNCH_SVN_SIZE];
    memset(ret_pcrs, 0, (size_t)TACIT_LAUNCH_PCRS * TACIT_REGISTER_SIZE);
    if (!program->debug) {
        s_extend(ret_pcrs[0], "SIMULATED Nitro image", code);
        s_extend(ret_pcrs[S_KERNEL], "SIMULATED Nitro kernel", tacit_span(NULL, 0));
        s_extend(ret_pcrs[S_APPLICATION], "SIMULATED Nitro application", code);
    }
    s_extend(ret_pcrs[S_ROLE], "SIMULATED Nitro role", tacit_span(NULL, 0));
    s_extend(ret_pcrs[TACIT_LAUNCH_PCR_INSTANCE], "SIMULATED Nitro instance", instance);
    s_extend(ret_pcrs[TACIT_LAUNCH_PCR_SIGNER], "SIMULATED Nitro signer", signer);
    s_put_svn(version, program);
    s_extend_version(ret_pcrs[TACIT_LAUNCH_PCR_VERSION], version);
}

void tacit_launch_user_data(const tacit_self_t *program, const uint8_t report_data[64],
                            uint8_t ret_user_data[TACIT_LAUNCH_USER_DATA_SIZE])
{
    memcpy(ret_user_data, report_data, TACIT_REPORT_DATA_SIZE);
    s_put_svn(ret_user_data + TACIT_REPORT_DATA_SIZE, program);
}

static tacit_status_t s_check_present(const uint8_t *const pcrs[TACIT_NITRO_PCRS],
                                      tacit_error_t *error)
{
    static const struct {
        size_t place;
        const char *claim;
    } wanted[] = {{0, "pcr0"}, {1, "pcr1"}, {2, "pcr2"}, {4, "pcr4"}, {8, "pcr8"}, {16, "pcr16"}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!pcrs[wanted[i].place]) {
            return tacit_evidence_refuse(error, TACIT_MEASUREMENT_REFUSED, wanted[i].claim,
                                         "48 bytes", "nothing");
        }
    }
    return TACIT_OK;
}

static bool s_is_zero(const uint8_t *value)
{
    static const uint8_t zeroes[TACIT_REGISTER_SIZE];
    return memcmp(value, zeroes, sizeof zeroes) == 0;
}

tacit_status_t tacit_launch_read_pcrs(const uint8_t *const pcrs[TACIT_NITRO_PCRS],
                                      tacit_span_t user_data, tacit_self_t *ret_identity,
                                      tacit_error_t *ret_error)
{
    uint8_t expected[TACIT_REGISTER_SIZE] = {0};
    tacit_registers_t code = {0};
    tacit_status_t status = s_check_present(pcrs, ret_error);
    if (status) {
        return status;
    }
    if (user_data.size != TACIT_LAUNCH_USER_DATA_SIZE) {
        return tacit_evidence_refuse(ret_error, TACIT_REPORT_DATA_MISMATCH, "nitro.user_data",
                                     "report data, product and SVN", "another form");
    }
    s_extend_version(expected, user_data.data + TACIT_REPORT_DATA_SIZE);
    status = s_compare("pcr16", expected, pcrs[TACIT_LAUNCH_PCR_VERSION], ret_error);
    if (!status && s_is_zero(pcrs[TACIT_LAUNCH_PCR_SIGNER])) {
        status = tacit_evidence_refuse(ret_error, TACIT_MEASUREMENT_REFUSED, "pcr8",
                                       "an image that was signed", "an unsigned one");
    }
    if (status) {
        return status;
    }
    tacit_self_t identity = {.tee = TACIT_TEE_NITRO, .debug = s_is_zero(pcrs[0])};
    for (size_t i = 0; i <= S_APPLICATION; i++) {
        memcpy(code.values[i], pcrs[i], TACIT_REGISTER_SIZE);
    }
    tacit_tee_measurement(TACIT_TEE_NITRO, &code, identity.mrenclave);
    tacit_tee_signer(TACIT_TEE_NITRO, pcrs[TACIT_LAUNCH_PCR_SIGNER], identity.mrsigner);
    s_take_svn(user_data.data + TACIT_REPORT_DATA_SIZE, &identity);
    *ret_identity = identity;
    return TACIT_OK;
}

/*  --- both ------------------------------------------------------------------------------------ */

void tacit_launch_registers(tacit_tee_t tee, const tacit_self_t *program,
                            tacit_registers_t *ret_code, tacit_registers_t *ret_signer)
{
    uint8_t pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE];
    uint8_t body[TACIT_TD_REPORT_SIZE] = {0};
    memset(ret_code, 0, sizeof *ret_code);
    memset(ret_signer, 0, sizeof *ret_signer);
    if (tee == TACIT_TEE_TDX) {
        tacit_launch_td(program, body);
        s_td_registers(body, ret_code);
        memcpy(ret_signer->values[0], body + TACIT_TD_MROWNER, TACIT_REGISTER_SIZE);
    } else if (tee == TACIT_TEE_NITRO) {
        tacit_launch_pcrs(program, tacit_span(NULL, 0), pcrs);
        memcpy(ret_code->values, pcrs, (size_t)(S_APPLICATION + 1) * TACIT_REGISTER_SIZE);
        memcpy(ret_signer->values[0], pcrs[TACIT_LAUNCH_PCR_SIGNER], TACIT_REGISTER_SIZE);
    }
}

tacit_self_t tacit_launch_identity(tacit_tee_t tee, const tacit_self_t *program)
{
    tacit_self_t identity = *program;
    tacit_registers_t code;
    tacit_registers_t signer;
    identity.tee = tee;
    if (tee != TACIT_TEE_SGX) {
        tacit_launch_registers(tee, program, &code, &signer);
        tacit_tee_measurement(tee, &code, identity.mrenclave);
        tacit_tee_signer(tee, signer.values[0], identity.mrsigner);
    }
    return identity;
}
