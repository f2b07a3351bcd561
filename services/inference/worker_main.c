/*  worker_main.c - tacit-workerd: an inference worker as a process of its own.  */

#include "services/inference/workerd.h"

int main(int argc, char **argv)
{
    static const tacit_daemon_t daemon = {
        .name = "tacit-workerd",
        .summary = "decrypts model and request, runs the engine, seals the answer",
        .actor = tacit_workerd_actor,
    };
    return tacit_daemon_main(argc, argv, &daemon);
}
