/*  whole_digest.c - see whole_digest.h.  */

#include "clients/lib/whole_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { S_PIECE = 65536 };

tacit_status_t tacit_whole_digest(const char *path, uint8_t ret_digest[32],
                                  tacit_error_t *ret_error)
{
    uint8_t piece[S_PIECE];
    crypto_hash_sha256_state hash;
    ssize_t got = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        tacit_status_t status = errno == ENOENT ? TACIT_NOT_FOUND : TACIT_BAD_INPUT;
        return tacit_error_set(ret_error, status, "cannot open %s: %s", path, strerror(errno));
    }
    (void)crypto_hash_sha256_init(&hash);
    do {
        got = read(file, piece, sizeof piece);
        if (got > 0) {
            (void)crypto_hash_sha256_update(&hash, piece, (unsigned long long)got);
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    int reason = errno;
    (void)close(file);
    if (got < 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "cannot read %s: %s", path,
                               strerror(reason));
    }
    (void)crypto_hash_sha256_final(&hash, ret_digest);
    return TACIT_OK;
}
