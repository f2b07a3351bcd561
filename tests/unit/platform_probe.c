/*  platform_probe.c - a small enclave for platform_test: does one thing with its platform and
    prints what came of it on one line.

        platform_probe SOCKET COMMAND [ARGUMENT]...

    "refused CODE CLAIM" where the platform does not launch it, else what the command says.  */

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/platform.h"

enum { S_PAGE = 4096 };

static void s_print_hex(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        printf("%02x", bytes[i]);
    }
}

static void s_fill(uint8_t bytes[32], const char *value)
{
    memset(bytes, (int)strtol(value, NULL, 10), 32);
}

static int s_print_status(tacit_status_t status)
{
    printf("status %d\n", (int)status);
    return 0;
}

static int s_self(tacit_platform_t *platform, char **arguments)
{
    (void)arguments;
    const tacit_self_t *self = tacit_platform_self(platform);
    printf("self ");
    s_print_hex(self->mrenclave, 32);
    printf(" ");
    s_print_hex(self->mrsigner, 32);
    printf(" %u %u %d\n", self->product_id, self->svn, self->debug);
    return 0;
}

/*  key POLICY SVN CONTEXT  */
static int s_key(tacit_platform_t *platform, char **arguments)
{
    uint8_t context[32];
    tacit_secret_t *key = NULL;
    s_fill(context, arguments[2]);
    tacit_status_t status =
        tacit_platform_sealing_key(platform, (tacit_seal_policy_t)strtol(arguments[0], NULL, 10),
                                   (uint16_t)strtol(arguments[1], NULL, 10), context, &key, NULL);
    if (status) {
        return s_print_status(status);
    }
    printf("key ");
    s_print_hex(key->data, key->size);
    printf("\n");
    tacit_secret_destroy(&key);
    return 0;
}

/*  advance NAME VALUE  */
static int s_advance(tacit_platform_t *platform, char **arguments)
{
    uint8_t name[32];
    s_fill(name, arguments[0]);
    return s_print_status(
        tacit_platform_counter_advance(platform, name, strtoull(arguments[1], NULL, 10), NULL));
}

/*  read NAME  */
static int s_read(tacit_platform_t *platform, char **arguments)
{
    uint8_t name[32];
    uint64_t value = 0;
    s_fill(name, arguments[0]);
    tacit_status_t status = tacit_platform_counter_read(platform, name, &value, NULL);
    if (status) {
        return s_print_status(status);
    }
    printf("value %" PRIu64 "\n", value);
    return 0;
}

/*  A child asks over its parent's connection.  */
static int s_fork(tacit_platform_t *platform, char **arguments)
{
    (void)arguments;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        uint8_t name[32] = {0};
        uint64_t value = 0;
        printf("status %d\n", (int)tacit_platform_counter_read(platform, name, &value, NULL));
        fflush(stdout);
        _exit(0);
    }
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

/*  ThreadSanitizer has no shadow for code, into which nobody writes.  */
#ifdef __SANITIZE_THREAD__
__attribute__((no_sanitize("thread")))
#endif
static int
s_alter_code(void)
{
    uintptr_t page = (uintptr_t)s_alter_code & ~(uintptr_t)(S_PAGE - 1);
    volatile uint8_t *byte = (volatile uint8_t *)page;
    if (mprotect((void *)page, S_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        return 1;
    }
    *byte = *byte; /* the page becomes this process's own */
    return mprotect((void *)page, S_PAGE, PROT_READ | PROT_EXEC);
}

static int s_make_code(void)
{
    void *page = mmap(NULL, S_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED;
}

static int s_be_traced(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0;
}

typedef struct {
    const char *name;
    int (*before)(void); /* connecting; may be NULL */
    int (*after)(tacit_platform_t *, char **);
    int arguments;
} s_command_t;

static const s_command_t s_commands[] = {
    {"self", NULL, s_self, 0},
    {"key", NULL, s_key, 3},
    {"advance", NULL, s_advance, 2},
    {"read", NULL, s_read, 1},
    {"fork", NULL, s_fork, 0},
    {"alter-code", s_alter_code, s_self, 0},
    {"make-code", s_make_code, s_self, 0},
    {"be-traced", s_be_traced, s_self, 0},
};

static int s_run(const s_command_t *command, const char *socket, char **arguments)
{
    tacit_platform_t *platform = NULL;
    tacit_error_t error;
    if (command->before && command->before() != 0) {
        return 3;
    }
    tacit_status_t status = tacit_platform_connect(socket, &platform, &error);
    if (status) {
        printf("refused %d %s\n", (int)status, error.claim);
    }
    int code = status ? 0 : command->after(platform, arguments);
    tacit_platform_destroy(&platform);
    if (command->before == s_be_traced) {
        fflush(stdout);
        _exit(code); /* LeakSanitizer, which would run now, cannot under ptrace */
    }
    return code;
}

int main(int argc, char **argv)
{
    if (tacit_process_init() || argc < 3) {
        return 2;
    }
    for (size_t i = 0; i < sizeof s_commands / sizeof s_commands[0]; i++) {
        if (strcmp(s_commands[i].name, argv[2]) == 0 && argc == 3 + s_commands[i].arguments) {
            return s_run(&s_commands[i], argv[1], argv + 3);
        }
    }
    return 2;
}
