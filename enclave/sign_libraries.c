/*  sign_libraries.c - asks the dynamic linker, as ldd does, what it would load.

    The executable is started with LD_TRACE_LOADED_OBJECTS and no other environment: its linker
    lists the libraries and exits before the program's own code runs. Only an executable that names
    a linker (PT_INTERP) is started so; another would really run.  */

#include "enclave/sign_libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/measurement.h"

enum { S_OUTPUT_MAX = 64 * 1024, S_TRACE_MS = 30 * 1000, S_HEADERS_MAX = 128 };

static bool s_read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX && pread(fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

/*  Is it a 64-bit ELF file, and does it name a dynamic linker?  */
static bool s_inspect(int fd, bool *ret_dynamic)
{
    Elf64_Ehdr header;
    if (!s_read_at(fd, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phnum > S_HEADERS_MAX || header.e_phoff > INT32_MAX) {
        return false;
    }
    *ret_dynamic = false;
    for (uint64_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        if (!s_read_at(fd, &segment, sizeof segment, header.e_phoff + i * sizeof segment)) {
            return false;
        }
        *ret_dynamic = *ret_dynamic || segment.p_type == PT_INTERP;
    }
    return true;
}

static bool s_is_dynamic(const char *executable, bool *ret_dynamic)
{
    int fd = open(executable, O_RDONLY | O_CLOEXEC);
    bool inspected = fd >= 0 && s_inspect(fd, ret_dynamic);
    if (fd >= 0) {
        close(fd);
    }
    return inspected;
}

static bool s_spawn(const char *executable, int output, pid_t *ret_child)
{
    char *const arguments[] = {(char *)executable, NULL};
    char trace[] = "LD_TRACE_LOADED_OBJECTS=1";
    char *const environment[] = {trace, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    bool spawned =
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) == 0 &&
        posix_spawn(ret_child, executable, &actions, NULL, arguments, environment) == 0;
    posix_spawn_file_actions_destroy(&actions);
    return spawned;
}

/*  All that the child writes until it ends, at most S_OUTPUT_MAX bytes.  */
static bool s_collect(int fd, char *text)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    size_t size = 0;
    for (;;) {
        if (poll(&item, 1, S_TRACE_MS) <= 0 || size == S_OUTPUT_MAX) {
            return false;
        }
        ssize_t count = read(fd, text + size, S_OUTPUT_MAX - size);
        if (count < 0) {
            return false;
        }
        size += (size_t)count;
        if (count == 0) {
            text[size] = '\0';
            return true;
        }
    }
}

static bool s_ended_well(pid_t child)
{
    int code = 0;
    while (waitpid(child, &code, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static bool s_trace(const char *executable, char *text)
{
    int ends[2];
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    bool spawned = s_spawn(executable, ends[1], &child);
    close(ends[1]);
    bool collected = spawned && s_collect(ends[0], text);
    close(ends[0]);
    if (spawned && !collected) {
        kill(child, SIGKILL);
    }
    return spawned && s_ended_well(child) && collected;
}

/*  "\tlibz.so.1 => /lib/libz.so.1 (0x7f..)" or "\t/lib64/ld-linux-x86-64.so.2 (0x7f..)". The
    kernel's own page (linux-vdso) has no path. NULL where the line names no file.  */
static char *s_path_in(char *line)
{
    char *address = strstr(line, " (0x");
    if (address) {
        *address = '\0';
    }
    char *arrow = strstr(line, " => ");
    char *path = arrow ? arrow + 4 : line + strspn(line, "\t ");
    return path[0] == '/' ? path : NULL;
}

static tacit_status_t s_hash_library(const char *path, uint8_t ret_sha256[32])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return TACIT_NOT_FOUND;
    }
    tacit_status_t status = tacit_measure_file(fd, ret_sha256);
    close(fd);
    return status;
}

tacit_status_t tacit_sign_library(const char *path, tacit_enclave_configuration_t *configuration,
                                  tacit_error_t *ret_error)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        return tacit_error_set(ret_error, TACIT_NOT_FOUND, "no library %s", path);
    }
    if (tacit_enclave_configuration_find(configuration, real)) {
        return TACIT_OK;
    }
    if (configuration->library_count >= TACIT_CONFIGURATION_LIBRARIES_MAX ||
        strlen(real) >= TACIT_CONFIGURATION_PATH_MAX) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE,
                               "too many libraries, or too long a path");
    }
    tacit_library_t *library = &configuration->libraries[configuration->library_count];
    tacit_status_t status = s_hash_library(real, library->sha256);
    if (status) {
        return tacit_error_set(ret_error, status, "cannot read the library %s", real);
    }
    memcpy(library->path, real, strlen(real) + 1);
    configuration->library_count++;
    return TACIT_OK;
}

static tacit_status_t s_add_all(char *text, tacit_enclave_configuration_t *configuration,
                                tacit_error_t *ret_error)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(line, "not found")) {
            return tacit_error_set(ret_error, TACIT_NOT_FOUND, "a library is missing:%s", line);
        }
        const char *path = s_path_in(line);
        tacit_status_t status =
            path ? tacit_sign_library(path, configuration, ret_error) : TACIT_OK;
        if (status) {
            return status;
        }
    }
    return TACIT_OK;
}

tacit_status_t tacit_sign_libraries(const char *executable,
                                    tacit_enclave_configuration_t *configuration,
                                    tacit_error_t *ret_error)
{
    bool dynamic = false;
    if (!s_is_dynamic(executable, &dynamic)) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, "%s is no 64-bit ELF executable",
                               executable);
    }
    if (!dynamic) {
        return TACIT_OK;
    }
    char *text = malloc(S_OUTPUT_MAX + 1);
    if (!text) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_status_t status =
        s_trace(executable, text)
            ? s_add_all(text, configuration, ret_error)
            : tacit_error_set(ret_error, TACIT_BAD_INPUT,
                              "the dynamic linker does not list the libraries of %s", executable);
    free(text);
    return status;
}
