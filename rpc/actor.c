/*  actor.c - see actor.h.  */

#include "rpc/actor.h"

#include <sys/stat.h>
#include <time.h>

#include "enclave/clock.h"
#include "rpc/log.h"

enum { S_END_MS = 1000, S_TASK_LINKS = 2 /* of a folder without sub-folders */ };

void tacit_actor_ready(zsock_t *pipe, const char *endpoint)
{
    zstr_sendx(pipe, "READY", endpoint, NULL);
}

void tacit_actor_failed(zsock_t *pipe, const tacit_error_t *error)
{
    tacit_log_error("start_failed", error);
    char code[16];
    snprintf(code, sizeof code, "%d", (int)error->code);
    zstr_sendx(pipe, "FAILED", code, error->name, error->message, error->claim, error->expected,
               error->got, error->policy, error->remedy, NULL);
}

static void s_take(zmsg_t *message, char *to, size_t size)
{
    char *text = zmsg_popstr(message);
    snprintf(to, size, "%s", text ? text : "");
    freen(text);
}

static tacit_status_t s_take_error(zmsg_t *message, tacit_error_t *ret_error)
{
    char code[16];
    tacit_error_t error = {.code = TACIT_INTERNAL};
    s_take(message, code, sizeof code);
    long number = strtol(code, NULL, 10);
    error.code = number > 0 ? (tacit_status_t)number : TACIT_INTERNAL;
    s_take(message, error.name, sizeof error.name);
    s_take(message, error.message, sizeof error.message);
    s_take(message, error.claim, sizeof error.claim);
    s_take(message, error.expected, sizeof error.expected);
    s_take(message, error.got, sizeof error.got);
    s_take(message, error.policy, sizeof error.policy);
    s_take(message, error.remedy, sizeof error.remedy);
    if (ret_error) {
        *ret_error = error;
    }
    return error.code;
}

tacit_status_t tacit_actor_wait(zactor_t *actor, uint32_t timeout_ms, char *ret_endpoint,
                                tacit_error_t *ret_error)
{
    zpoller_t *poller = zpoller_new(actor, NULL);
    void *ready = poller ? zpoller_wait(poller, (int)timeout_ms) : NULL;
    bool stopped = poller && zpoller_terminated(poller);
    zpoller_destroy(&poller);
    if (!ready) {
        return tacit_error_set(ret_error, stopped ? TACIT_INTERRUPTED : TACIT_DEADLINE_EXCEEDED,
                               "the service did not get ready in time");
    }
    zmsg_t *message = zmsg_recv(actor);
    if (!message) {
        return tacit_error_set(ret_error, TACIT_INTERRUPTED, NULL);
    }
    char verb[16];
    s_take(message, verb, sizeof verb);
    tacit_status_t status = TACIT_OK;
    if (strcmp(verb, "READY") == 0) {
        s_take(message, ret_endpoint, TACIT_ENDPOINT_MAX);
    } else {
        status = s_take_error(message, ret_error);
    }
    zmsg_destroy(&message);
    return status;
}

static long s_thread_count(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 ? (long)tasks.st_nlink - S_TASK_LINKS : 1;
}

void tacit_actors_end(void)
{
    zsys_shutdown();
    uint64_t until_ns = tacit_monotonic_ns() + (uint64_t)S_END_MS * 1000000;
    while (s_thread_count() > 1 && tacit_monotonic_ns() < until_ns) {
        struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
    }
}

void tacit_actor_linger(zsock_t *pipe)
{
    for (bool terminated = false; !terminated;) {
        char *command = zstr_recv(pipe);
        terminated = !command || strcmp(command, "$TERM") == 0;
        freen(command);
    }
}
