/*  main.c - tacit-modeld: the model store as a process of its own.  */

#include "rpc/service.h"
#include "services/models/modeld.h"

int main(int argc, char **argv)
{
    return tacit_service_main(argc, argv, "tacit-modeld",
                              "stores encrypted models, with versions, for their owners",
                              tacit_modeld_actor);
}
