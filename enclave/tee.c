/*  tee.c - one row for each kind.  */

#include "enclave/tee.h"

#include <sodium.h>

typedef struct {
    const char *name;
    bool graded;
    const char *code_label;
    const char *signer_label;
    const char *registers[TACIT_REGISTERS_MAX]; /* of a code */
    const char *signer;
} s_row_t;

static const s_row_t s_rows[TACIT_TEES] = {
    [TACIT_TEE_SGX] = {.name = "sgx", .graded = true},
    [TACIT_TEE_TDX] = {.name = "tdx",
                       .graded = true,
                       .code_label = "tacit/measurement/tdx/v1",
                       .signer_label = "tacit/signer/tdx/v1",
                       .registers = {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"},
                       .signer = "mrowner"},
    [TACIT_TEE_NITRO] = {.name = "nitro",
                         .code_label = "tacit/measurement/nitro/v1",
                         .signer_label = "tacit/signer/nitro/v1",
                         .registers = {"pcr0", "pcr1", "pcr2"},
                         .signer = "pcr8"},
};

const char *tacit_tee_name(tacit_tee_t tee)
{
    return (unsigned)tee < TACIT_TEES ? s_rows[tee].name : "none";
}

bool tacit_tee_from_name(const char *name, tacit_tee_t *ret_tee)
{
    for (unsigned i = 0; i < TACIT_TEES; i++) {
        if (strcmp(s_rows[i].name, name) == 0) {
            *ret_tee = (tacit_tee_t)i;
            return true;
        }
    }
    return false;
}

bool tacit_tee_is_graded(tacit_tee_t tee)
{
    return s_rows[tee].graded;
}

const char *tacit_tee_register_name(tacit_tee_t tee, bool of_signer, size_t place)
{
    if (of_signer) {
        return place == 0 ? s_rows[tee].signer : NULL;
    }
    return place < TACIT_REGISTERS_MAX ? s_rows[tee].registers[place] : NULL;
}

static void s_hash(const char *label, const uint8_t *bytes, size_t size, uint8_t ret_sha256[32])
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)label, strlen(label) + 1);
    (void)crypto_hash_sha256_update(&state, bytes, size);
    (void)crypto_hash_sha256_final(&state, ret_sha256);
}

void tacit_tee_measurement(tacit_tee_t tee, const tacit_registers_t *registers,
                           uint8_t ret_measurement[32])
{
    size_t count = 0;
    while (tacit_tee_register_name(tee, false, count)) {
        count++;
    }
    s_hash(s_rows[tee].code_label, registers->values[0], count * TACIT_REGISTER_SIZE,
           ret_measurement);
}

void tacit_tee_signer(tacit_tee_t tee, const uint8_t value[TACIT_REGISTER_SIZE],
                      uint8_t ret_signer[32])
{
    s_hash(s_rows[tee].signer_label, value, TACIT_REGISTER_SIZE, ret_signer);
}
