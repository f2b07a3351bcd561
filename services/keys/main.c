/*  main.c - tacit-keyd: the key service as a process of its own.  */

#include "rpc/service.h"
#include "services/keys/keyd.h"

int main(int argc, char **argv)
{
    return tacit_service_main(argc, argv, "tacit-keyd",
                              "keeps model and request keys, and releases them to attested workers",
                              tacit_keyd_actor);
}
