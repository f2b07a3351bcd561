/*  listener.h - the platform's socket: listening, accepting, and packets with their sender.  */

#ifndef TACIT_PLATFORM_LISTENER_H
#define TACIT_PLATFORM_LISTENER_H

#include <sys/types.h>

#include "enclave/error.h"
#include "enclave/span.h"

enum { TACIT_LISTENER_BACKLOG = 64 };

/*  Listen at path. A socket left behind by a dead platform is replaced, a live one is not (BUSY).
 */
TACIT_MUST_CHECK tacit_status_t tacit_listener_open(const char *path, int *ret_fd,
                                                    tacit_error_t *ret_error);

typedef struct tacit_peer {
    int fd;    /* of the connection */
    int pidfd; /* readable when the process is gone */
    pid_t pid;
    uid_t uid;
} tacit_peer_t;

/*  The next caller, held by pidfd. UNREACHABLE where it is gone already.  */
TACIT_MUST_CHECK tacit_status_t tacit_listener_accept(int fd, tacit_peer_t *ret_peer);
void tacit_peer_close(tacit_peer_t *peer);

/*  True when the process has ended.  */
bool tacit_peer_is_gone(const tacit_peer_t *peer);

/*  A packet that the peer itself sent: TACIT_OK. PENDING where there is none, UNREACHABLE at the
    end, TOO_LARGE, CALLER_REFUSED where another process sent it, PROTOCOL_ERROR where descriptors
    came with it.  */
TACIT_MUST_CHECK tacit_status_t tacit_peer_receive(const tacit_peer_t *peer, uint8_t *ret_bytes,
                                                   size_t size_max, size_t *ret_size);

/*  Never waits: UNREACHABLE where the peer does not take its replies.  */
TACIT_MUST_CHECK tacit_status_t tacit_peer_send(const tacit_peer_t *peer, tacit_span_t bytes);

#endif
