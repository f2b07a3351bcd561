/*  gateway_main.c - tacit-gatewayd: the inference gateway as a process of its own.  */

#include "services/inference/gatewayd.h"

int main(int argc, char **argv)
{
    static const tacit_daemon_t daemon = {
        .name = "tacit-gatewayd",
        .summary = "routes sealed requests to attested workers",
        .actor = tacit_gatewayd_actor,
    };
    return tacit_daemon_main(argc, argv, &daemon);
}
