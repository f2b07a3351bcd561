/*  gateway_main.c - tacit-gatewayd: the inference gateway as a process of its own.  */

#include "rpc/service.h"
#include "services/inference/gatewayd.h"

int main(int argc, char **argv)
{
    return tacit_service_main(argc, argv, "tacit-gatewayd",
                              "routes sealed requests to attested workers", tacit_gatewayd_actor);
}
