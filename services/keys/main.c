/*  main.c - tacit-keyd: the key service as a process of its own.  */

#include "services/keys/keyd.h"

int main(int argc, char **argv)
{
    static const tacit_daemon_t daemon = {
        .name = "tacit-keyd",
        .summary = "keeps model and request keys, and releases them to attested workers",
        .actor = tacit_keyd_actor,
    };
    return tacit_daemon_main(argc, argv, &daemon);
}
