/*  worker_main.c - tacit-workerd: an inference worker as a process of its own.  */

#include "rpc/service.h"
#include "services/inference/workerd.h"

int main(int argc, char **argv)
{
    return tacit_service_main(argc, argv, "tacit-workerd",
                              "decrypts model and request, runs the engine, seals the answer",
                              tacit_workerd_actor);
}
