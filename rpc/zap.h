/*  zap.h - our ZAP handler (RFC 27): the one place that admits a connection.

    An actor on inproc://zeromq.zap.01, one per process, started before any endpoint and stopped
    after all; if it ends otherwise the process aborts, because libzmq then admits everyone. CURVE
    peers are admitted with User-Id = hex of their public key, unless their domain lists keys and
    theirs is not among them (400). NULL is admitted in the introduction domain only, with no
    User-Id. PLAIN is admitted for connections that were announced (bulk lanes), each once, with
    their name as User-Id; everything else is 400.  */

#ifndef TACIT_RPC_ZAP_H
#define TACIT_RPC_ZAP_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/error.h"

enum {
    TACIT_ZAP_DOMAINS_MAX = 32,
    TACIT_ZAP_KEYS_MAX = 4096,    /* listed keys of one domain */
    TACIT_ZAP_DOMAIN_MAX = 63,    /* bytes of a domain's name where connections are announced */
    TACIT_ZAP_EXPECTED_MAX = 256, /* connections that were announced and have not come yet */
    TACIT_ZAP_EXPECTED_SIZE = 16  /* bytes of their names and of their tokens */
};

#define TACIT_ZAP_INTRODUCTION "tacit.introduction" /* the only plaintext domain */

/*  Start the handler of this process; counts its users, of whom every bound endpoint is one. Aborts
    the process if it cannot start.  */
void tacit_zap_start(void);
void tacit_zap_stop(void);

/*  Admit only those keys (32 bytes each) in a domain from now on, for new connections; count 0
    with keys non-NULL admits nobody; keys NULL admits every key again. Lists stay when the handler
    stops. BAD_INPUT for a bad domain name, TOO_LARGE beyond the limits.  */
TACIT_MUST_CHECK tacit_status_t tacit_zap_admit(const char *domain, const uint8_t (*keys)[32],
                                                size_t count);

/*  Admit one connection by PLAIN in that domain, within so many ms: its user name is that name, its
    password that token, both in lowercase hex. BUSY where too many are expected. forget takes back
    what was expected in a domain under that name; NULL: under any.  */
TACIT_MUST_CHECK tacit_status_t tacit_zap_expect(const char *domain,
                                                 const uint8_t name[TACIT_ZAP_EXPECTED_SIZE],
                                                 const uint8_t token[TACIT_ZAP_EXPECTED_SIZE],
                                                 uint32_t within_ms);
void tacit_zap_forget(const char *domain, const uint8_t *name);

#endif
