/*  launch.h - what starts a program of Tacit leaves in the registers of a TDX domain or a Nitro
    enclave, and what a verifier reads back from them.

    SGX puts measurement, signer, product and SVN of a signature file into each report. The others
    have no such fields; a measured launcher, which checks the same signature file before it starts
    the program, has to say it in their own terms:

        TDX    MRTD, RTMR0..2    the launcher itself
               MRCONFIGID        MRENCLAVE, 16 zeroes
               MROWNER           MRSIGNER, 16 zeroes
               MROWNERCONFIG     product u16, SVN u16, 44 zeroes
               RTMR3             extended once, by the hash of these three
        Nitro  PCR0, PCR2        the image and the program in it, extended once each by MRENCLAVE
               PCR1, PCR3        kernel and role
               PCR4              the instance
               PCR8              the signer, extended once by MRSIGNER
               PCR16             extended once by product and SVN, and locked by the program
               user_data         report_data 64, product u16, SVN u16

    The host names the three of TDX as it likes: that RTMR3 repeats them says that the launcher
    found them true, and is worth what the launcher is worth. So the launcher is compared too. PCR8
    is checked by Nitro itself; PCR16 is the measured program's own word.

    The only launcher known here is the simulated platform's.  */

#ifndef TACIT_ENCLAVE_LAUNCH_H
#define TACIT_ENCLAVE_LAUNCH_H

#include "enclave/nitro_document.h"
#include "enclave/platform.h"
#include "enclave/td_report.h"

enum {
    TACIT_LAUNCH_SVN_SIZE = 4, /* product, SVN */
    TACIT_LAUNCH_USER_DATA_SIZE = TACIT_REPORT_DATA_SIZE + TACIT_LAUNCH_SVN_SIZE,
    TACIT_LAUNCH_PCR_INSTANCE = 4,
    TACIT_LAUNCH_PCR_SIGNER = 8,
    TACIT_LAUNCH_PCR_VERSION = 16,
    TACIT_LAUNCH_PCRS = 17 /* that a document of a launched program holds, from 0 on */
};

/*  program: what the signature file says (self.h's fields as SGX has them). Writes MRTD to RTMR3
    and the debug bit into a body of TACIT_TD_REPORT_SIZE.  */
void tacit_launch_td(const tacit_self_t *program, uint8_t *body);

/*  The PCRs of a program on that instance. In debug mode PCR0 to PCR2 are zero.  */
void tacit_launch_pcrs(const tacit_self_t *program, tacit_span_t instance,
                       uint8_t ret_pcrs[TACIT_LAUNCH_PCRS][TACIT_REGISTER_SIZE]);

/*  What PCR16 is extended by: the value that the module adds to it.  */
void tacit_launch_version_event(const tacit_self_t *program,
                                uint8_t ret_event[TACIT_REGISTER_SIZE]);

void tacit_launch_user_data(const tacit_self_t *program, const uint8_t report_data[64],
                            uint8_t ret_user_data[TACIT_LAUNCH_USER_DATA_SIZE]);

/*  Registers of code and signer that a policy names.  */
void tacit_launch_registers(tacit_tee_t tee, const tacit_self_t *program,
                            tacit_registers_t *ret_code, tacit_registers_t *ret_signer);

/*  The program as a mesh of that kind calls it: its own words for SGX, else the registers' hashes;
    product, SVN and debug stay.  */
tacit_self_t tacit_launch_identity(tacit_tee_t tee, const tacit_self_t *program);

/*  Read back. MEASUREMENT_REFUSED where the launcher is unknown, or what it found is not what the
    host named.  */
TACIT_MUST_CHECK tacit_status_t tacit_launch_read_td(const tacit_td_report_t *td,
                                                     tacit_self_t *ret_identity,
                                                     tacit_error_t *ret_error);

/*  pcrs by number, NULL where absent. MEASUREMENT_REFUSED as before; REPORT_DATA_MISMATCH where
    user_data has another form.  */
TACIT_MUST_CHECK tacit_status_t tacit_launch_read_pcrs(const uint8_t *const pcrs[TACIT_NITRO_PCRS],
                                                       tacit_span_t user_data,
                                                       tacit_self_t *ret_identity,
                                                       tacit_error_t *ret_error);

#endif
