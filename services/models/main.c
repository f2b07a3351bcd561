/*  main.c - tacit-modeld: the model store as a process of its own.  */

#include "services/models/modeld.h"

int main(int argc, char **argv)
{
    static const tacit_daemon_t daemon = {
        .name = "tacit-modeld",
        .summary = "stores encrypted models, with versions, for their owners",
        .actor = tacit_modeld_actor,
    };
    return tacit_daemon_main(argc, argv, &daemon);
}
