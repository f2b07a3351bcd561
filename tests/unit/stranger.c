/*  stranger.c - see stranger.h.  */

#include "tests/unit/stranger.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

int stranger_dial(const char *address)
{
    unsigned long port = strtoul(strrchr(address, ':') + 1, NULL, 10);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0);
    assert_int_equal(connect(file, (struct sockaddr *)&to, sizeof to), 0);
    struct timeval patience = {.tv_sec = 10};
    assert_int_equal(setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return file;
}

bool stranger_is_closed(int file)
{
    char bytes[256];
    ssize_t size = 0;
    do {
        size = recv(file, bytes, sizeof bytes, 0);
    } while (size > 0);
    return size == 0 || errno == ECONNRESET;
}

long stranger_address_space(void)
{
    char line[256] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    return strtol(line, NULL, 10) * sysconf(_SC_PAGESIZE);
}
