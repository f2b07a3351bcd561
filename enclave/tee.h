/*  tee.h - the kinds of trusted environment that a mesh can be made of, and how the registers of
    each become one measurement and one signer.

    A mesh speaks of code by 32 bytes: in SGX they are MRENCLAVE and MRSIGNER themselves, elsewhere
    the hash of the registers that say the same, under a label of their own, so that no code of one
    kind passes for another's:

        kind    code                           signer
        SGX     MRENCLAVE                      MRSIGNER
        TDX     MRTD, RTMR0, RTMR1..RTMR3      MROWNER
        Nitro   PCR0, PCR1, PCR2               PCR8

    Registers of SHA-384 have 48 bytes each; nothing here is secret.  */

#ifndef TACIT_ENCLAVE_TEE_H
#define TACIT_ENCLAVE_TEE_H

#include "enclave/span.h"

/*  The numbers are in attestation results.  */
typedef enum tacit_tee {
    TACIT_TEE_SGX = 0,
    TACIT_TEE_TDX = 1,
    TACIT_TEE_NITRO = 2,
    TACIT_TEES
} tacit_tee_t;

enum {
    TACIT_REGISTER_SIZE = 48, /* SHA-384 */
    TACIT_REGISTERS_MAX = 5   /* that name a code */
};

/*  What names a code, or in the first of them a signer; those that the kind has not are zero.  */
typedef struct tacit_registers {
    uint8_t values[TACIT_REGISTERS_MAX][TACIT_REGISTER_SIZE];
} tacit_registers_t;

/*  "sgx", "tdx", "nitro"; "none".  */
const char *tacit_tee_name(tacit_tee_t tee);

/*  The kind of that name, or false.  */
bool tacit_tee_from_name(const char *name, tacit_tee_t *ret_tee);

/*  Does the vendor grade platforms of that kind by TCB status?  */
bool tacit_tee_is_graded(tacit_tee_t tee);

/*  How a policy calls the register of that place, of a code or a signer; NULL where there is none,
    as for SGX, whose measurements have 32 bytes.  */
const char *tacit_tee_register_name(tacit_tee_t tee, bool of_signer, size_t place);

/*  TDX and Nitro: the registers as 32 bytes.  */
void tacit_tee_measurement(tacit_tee_t tee, const tacit_registers_t *registers,
                           uint8_t ret_measurement[32]);
void tacit_tee_signer(tacit_tee_t tee, const uint8_t value[TACIT_REGISTER_SIZE],
                      uint8_t ret_signer[32]);

#endif
