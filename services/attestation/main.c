/*  main.c - tacit-attestd: the attestation service as a process of its own.  */

#include "rpc/service.h"
#include "services/attestation/attestd.h"

int main(int argc, char **argv)
{
    return tacit_service_main(argc, argv, "tacit-attestd",
                              "judges evidence by the operator's policy and says who is genuine",
                              tacit_attestd_actor);
}
