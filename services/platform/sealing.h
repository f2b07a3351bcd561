/*  sealing.h - sealing keys from the platform's fuse key, as EGETKEY derives them.

    HKDF-Expand (RFC 5869, SHA-256) over everything that separates one key from another. The debug
    flag is always part of it: a debug enclave, whose memory can be read, never gets the keys of a
    production one. For the signer's policy the SVN is, too: newer code may ask for an older
    version's key, older code never for a newer one's.  */

#ifndef TACIT_PLATFORM_SEALING_H
#define TACIT_PLATFORM_SEALING_H

#include "enclave/platform.h"

enum { TACIT_FUSE_KEY_SIZE = 32, TACIT_SEALING_KEY_SIZE = 32 };

/*  SVN_TOO_LOW where svn is above self's own (signer's policy); BAD_INPUT for an unknown policy. */
TACIT_MUST_CHECK tacit_status_t tacit_sealing_key(const uint8_t fuse_key[TACIT_FUSE_KEY_SIZE],
                                                  const tacit_self_t *self,
                                                  tacit_seal_policy_t policy, uint16_t svn,
                                                  const uint8_t context[32],
                                                  uint8_t ret_key[TACIT_SEALING_KEY_SIZE],
                                                  tacit_error_t *ret_error);

#endif
