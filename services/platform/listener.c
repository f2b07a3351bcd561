/*  listener.c - see listener.h.  */

#include "services/platform/listener.h"

#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*  Linux 6.5: a pidfd of the process that connected, with no moment in between in which its pid
    could be another's. Debian 12's headers do not have it yet.  */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/*  True when someone listens there.  */
static bool s_is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
                             errno == EAGAIN);
    if (fd >= 0) {
        close(fd);
    }
    return alive;
}

static bool s_listen(int fd, const struct sockaddr_un *address)
{
    const int on = 1;
    /*  Everyone may connect to root's platform, which serves every user; else the user alone.  */
    mode_t mode = geteuid() == 0 ? 0666 : 0600;
    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && fchmod(fd, mode) == 0 &&
           bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
           listen(fd, TACIT_LISTENER_BACKLOG) == 0;
}

tacit_status_t tacit_listener_open(const char *path, int *ret_fd, tacit_error_t *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof address.sun_path) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT,
                               "the socket's path must have 1 to %zu bytes",
                               sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, size);
    if (s_is_alive(&address)) {
        return tacit_error_set(ret_error, TACIT_BUSY, "another platform serves %s", path);
    }
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !s_listen(fd, &address)) {
        if (fd >= 0) {
            close(fd);
        }
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, "cannot listen at %s", path);
    }
    *ret_fd = fd;
    return TACIT_OK;
}

static int s_pidfd(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
        return pidfd;
    }
    return errno == ENOPROTOOPT ? pidfd_open(pid, 0) : -1;
}

tacit_status_t tacit_listener_accept(int fd, tacit_peer_t *ret_peer)
{
    const int on = 1;
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    tacit_peer_t peer = {.fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), .pidfd = -1};
    if (peer.fd < 0) {
        return TACIT_UNREACHABLE;
    }
    if (setsockopt(peer.fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        getsockopt(peer.fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
        credentials.pid <= 0 || (peer.pidfd = s_pidfd(peer.fd, credentials.pid)) < 0) {
        tacit_peer_close(&peer);
        return TACIT_UNREACHABLE;
    }
    peer.pid = credentials.pid;
    peer.uid = credentials.uid;
    *ret_peer = peer;
    return TACIT_OK;
}

void tacit_peer_close(tacit_peer_t *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    if (peer->pidfd >= 0) {
        close(peer->pidfd);
    }
    peer->fd = -1;
    peer->pidfd = -1;
}

bool tacit_peer_is_gone(const tacit_peer_t *peer)
{
    struct pollfd item = {.fd = peer->pidfd, .events = POLLIN};
    return poll(&item, 1, 0) != 0;
}

static bool s_sent_by(struct msghdr *header, pid_t pid)
{
    struct ucred credentials;
    const struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS ||
        control->cmsg_len != CMSG_LEN(sizeof credentials)) {
        return false;
    }
    memcpy(&credentials, CMSG_DATA(control), sizeof credentials);
    return credentials.pid == pid;
}

tacit_status_t tacit_peer_receive(const tacit_peer_t *peer, uint8_t *ret_bytes, size_t size_max,
                                  size_t *ret_size)
{
    /*  Room for the credentials alone: the kernel drops descriptors that come along, and says so.
     */
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = ret_bytes, .iov_len = size_max};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    ssize_t size = recvmsg(peer->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? TACIT_PENDING : TACIT_UNREACHABLE;
    }
    if (size == 0) {
        return TACIT_UNREACHABLE;
    }
    if (header.msg_flags & MSG_CTRUNC) {
        return TACIT_PROTOCOL_ERROR;
    }
    if (!s_sent_by(&header, peer->pid)) {
        return TACIT_CALLER_REFUSED;
    }
    if (header.msg_flags & MSG_TRUNC) {
        return TACIT_TOO_LARGE;
    }
    *ret_size = (size_t)size;
    return TACIT_OK;
}

tacit_status_t tacit_peer_send(const tacit_peer_t *peer, tacit_span_t bytes)
{
    ssize_t size = 0;
    do {
        size = send(peer->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    return size == (ssize_t)bytes.size ? TACIT_OK : TACIT_UNREACHABLE;
}
