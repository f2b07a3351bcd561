/*  main.c - tacit-attestd: the attestation service as a process of its own.  */

#include "services/attestation/attestd.h"

int main(int argc, char **argv)
{
    static const tacit_daemon_t daemon = {
        .name = "tacit-attestd",
        .summary = "judges evidence by the operator's policy and says who is genuine",
        .actor = tacit_attestd_actor,
    };
    return tacit_daemon_main(argc, argv, &daemon);
}
