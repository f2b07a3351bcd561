/*  platform.h - the enclave's side of its platform: what EREPORT, EGETKEY and the quoting enclave
    are on SGX is here a connection to tacit-platformd (services/platform) on an AF_UNIX
    SOCK_SEQPACKET socket.

    The platform learns who asks from the kernel, measures the executable, its enclave
    configuration and every library it runs, checks the signature file, and only then answers;
    nothing of the caller's identity is taken from the caller. The measurement holds for the
    connection: a process connects once, before it seals itself, and a lost platform is the end of
    the enclave. Not thread-safe: calls are serialised by a lock inside.

    The messages are in docs/PROTOCOL.md, "The platform".  */

#ifndef TACIT_ENCLAVE_PLATFORM_H
#define TACIT_ENCLAVE_PLATFORM_H

#include "enclave/error.h"
#include "enclave/evidence.h"
#include "enclave/secret.h"
#include "enclave/tee.h"

typedef struct tacit_platform tacit_platform_t;

/*  Who this process is, as the platform measured it, in the words of its kind (tee.h).  */
typedef struct tacit_self {
    tacit_tee_t tee;
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint16_t product_id; /* also the enclave's role */
    uint16_t svn;
    bool debug;
} tacit_self_t;

/*  Connect and be measured. PLATFORM_REFUSED (with claim, expected, got) where the platform does
    not launch this process as an enclave; UNREACHABLE where there is no platform.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_connect(const char *socket_path,
                                                       tacit_platform_t **ret_platform,
                                                       tacit_error_t *ret_error);
/*  Did the platform end, or an exchange with it fail? Then every later one does, and what the
   enclave was writing may not have been counted: it ends, and finds out when it starts anew.  */
bool tacit_platform_is_lost(tacit_platform_t *platform);
void tacit_platform_destroy(tacit_platform_t **platform);

const tacit_self_t *tacit_platform_self(const tacit_platform_t *platform);

/*  The enclave configuration that was measured (text, borrowed while the platform lives).  */
tacit_span_t tacit_platform_configuration(const tacit_platform_t *platform);

/*  What a quote may commit to. The platform makes report_data = SHA-512(label || 0 || commitment)
    itself, so that a quote made for one purpose is worth nothing for another.  */
typedef enum tacit_quote_purpose {
    TACIT_QUOTE_BINDING = 1,     /* label "tacit/quote/binding/v1" */
    TACIT_QUOTE_INTRODUCTION = 2 /* label "tacit/quote/introduction/v1" */
} tacit_quote_purpose_t;

/*  report_data for a purpose and commitment: what the platform computes, and a verifier expects. */
void tacit_report_data(tacit_quote_purpose_t purpose, const uint8_t commitment[64],
                       uint8_t ret_report_data[TACIT_REPORT_DATA_SIZE]);

/*  A quote over the commitment (the caller's hash of what it binds). Writes at most
    TACIT_QUOTE_MAX bytes to ret_quote.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_quote(tacit_platform_t *platform,
                                                     tacit_quote_purpose_t purpose,
                                                     const uint8_t commitment[64],
                                                     uint8_t *ret_quote, size_t *ret_size,
                                                     tacit_error_t *ret_error);

/*  The collateral for this platform's quotes. The spans live in *ret_storage: free() it.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_collateral(tacit_platform_t *platform,
                                                          tacit_collateral_t *ret_collateral,
                                                          void **ret_storage,
                                                          tacit_error_t *ret_error);

/*  Sealing keys, as EGETKEY derives them: for exactly this code, or for every code of this signer
    and product whose SVN is at least the one sealed with. context separates purposes and meshes;
    svn (at most one's own, for the signer's key; ignored otherwise) names whose key it is.  */
typedef enum tacit_seal_policy {
    TACIT_SEAL_MRENCLAVE = 1,
    TACIT_SEAL_MRSIGNER = 2
} tacit_seal_policy_t;

TACIT_MUST_CHECK tacit_status_t tacit_platform_sealing_key(tacit_platform_t *platform,
                                                           tacit_seal_policy_t policy, uint16_t svn,
                                                           const uint8_t context[32],
                                                           tacit_secret_t **ret_key,
                                                           tacit_error_t *ret_error);

/*  Monotonic counters of this signer and product, named by 32 bytes; durable before they answer.
    A counter never made reads 0. Advance sets it to value, which must be above the present one
    (ROLLBACK_DETECTED otherwise). Move does so only where the present one is exactly from: of two
    who continue the same state one succeeds.  */
TACIT_MUST_CHECK tacit_status_t tacit_platform_counter_read(tacit_platform_t *platform,
                                                            const uint8_t name[32],
                                                            uint64_t *ret_value,
                                                            tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_platform_counter_advance(tacit_platform_t *platform,
                                                               const uint8_t name[32],
                                                               uint64_t value,
                                                               tacit_error_t *ret_error);
TACIT_MUST_CHECK tacit_status_t tacit_platform_counter_move(tacit_platform_t *platform,
                                                            const uint8_t name[32], uint64_t from,
                                                            uint64_t value,
                                                            tacit_error_t *ret_error);

#endif
