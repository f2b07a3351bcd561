/*  platform_test.c - the platform in this process, and enclaves good and bad around it: this test
    itself (signed by the build) and copies of platform_probe, changed and signed anew.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sodium.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "enclave/measurement.h"
#include "enclave/platform.h"
#include "enclave/platform_message.h"
#include "enclave/whole_file.h"
#include "rpc/actor.h"
#include "services/platform/platformd.h"
#include "tests/unit/test_actor.h"

enum { S_START_MS = 30 * 1000, S_OUTPUT_MAX = 4096, S_EXECUTABLE_MAX = 256 * 1024 * 1024 };

static char s_folder[64];
static tacit_platformd_args_t s_args;
static zactor_t *s_daemon;

/*  --- the daemon -------------------------------------------------------------------------------
 */

static void s_start(void)
{
    char endpoint[TACIT_ENDPOINT_MAX];
    tacit_error_t error = {.code = TACIT_OK};
    s_daemon = test_actor_new(tacit_platformd_actor, &s_args);
    assert_non_null(s_daemon);
    if (tacit_actor_wait(s_daemon, S_START_MS, endpoint, &error)) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(endpoint, s_args.socket);
}

static void s_restart(void)
{
    zactor_destroy(&s_daemon);
    s_start();
}

static int s_setup(void **state)
{
    (void)state;
    snprintf(s_folder, sizeof s_folder, "/tmp/tacit-platform-XXXXXX");
    if (!mkdtemp(s_folder)) {
        return -1;
    }
    snprintf(s_args.state, sizeof s_args.state, "%s/state", s_folder);
    snprintf(s_args.socket, sizeof s_args.socket, "%s/socket", s_folder);
    s_start();
    return 0;
}

static int s_remove(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static int s_teardown(void **state)
{
    (void)state;
    zactor_destroy(&s_daemon);
    return nftw(s_folder, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static tacit_platform_t *s_connect(void)
{
    tacit_platform_t *platform = NULL;
    tacit_error_t error;
    if (tacit_platform_connect(s_args.socket, &platform, &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    return platform;
}

static void s_daemon_still_answers(void)
{
    tacit_platform_t *platform = s_connect();
    uint8_t name[32] = {0};
    uint64_t value = 1;
    assert_int_equal(tacit_platform_counter_read(platform, name, &value, NULL), TACIT_OK);
    tacit_platform_destroy(&platform);
}

/*  --- other processes --------------------------------------------------------------------------
 */

extern char **environ;

/*  Runs a program; its standard output, without the last newline.  */
static int s_run(char *const arguments[], char *const environment[], char *ret_output)
{
    int ends[2];
    pid_t child = 0;
    int code = 0;
    size_t size = 0;
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    assert_int_equal(posix_spawn(&child, arguments[0], &actions, NULL, arguments, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    for (ssize_t count = 1; count > 0 && size < S_OUTPUT_MAX - 1; size += (size_t)count) {
        count = read(ends[0], ret_output + size, S_OUTPUT_MAX - 1 - size);
        assert_true(count >= 0);
    }
    close(ends[0]);
    ret_output[size] = '\0';
    ret_output[strcspn(ret_output, "\n")] = '\0';
    assert_int_equal(waitpid(child, &code, 0), child);
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

/*  A probe's answer to "COMMAND [ARGUMENT]...".  */
static const char *s_probe(const char *executable, const char *command)
{
    static char output[S_OUTPUT_MAX];
    char words[256];
    char *arguments[8] = {(char *)executable, s_args.socket};
    char *rest = NULL;
    size_t count = 2;
    snprintf(words, sizeof words, "%s", command);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        arguments[count++] = word;
    }
    assert_int_equal(s_run(arguments, environ, output), 0);
    return output;
}

/*  --- enclaves ---------------------------------------------------------------------------------
 */

static void s_copy(const char *from, const char *to, mode_t mode)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(tacit_whole_file_read(from, S_EXECUTABLE_MAX, &bytes, &size), TACIT_OK);
    assert_int_equal(tacit_whole_file_replace(to, tacit_span(bytes, size), mode), TACIT_OK);
    free(bytes);
}

static const char *s_beside(const char *executable, const char *suffix)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", executable, suffix);
    return path;
}

/*  A copy of the probe, signed as the build did it, by a name of its own.  */
static char *s_copy_probe(const char *name)
{
    char *path = NULL;
    char from[PATH_MAX];
    assert_true(asprintf(&path, "%s/%s", s_folder, name) > 0);
    s_copy(TACIT_PROBE, path, 0755);
    snprintf(from, sizeof from, "%s%s", TACIT_PROBE, TACIT_CONFIGURATION_SUFFIX);
    s_copy(from, s_beside(path, TACIT_CONFIGURATION_SUFFIX), 0644);
    snprintf(from, sizeof from, "%s%s", TACIT_PROBE, TACIT_SIGSTRUCT_SUFFIX);
    s_copy(from, s_beside(path, TACIT_SIGSTRUCT_SUFFIX), 0644);
    return path;
}

/*  Change the last byte, which no program loads: it runs as before.  */
static void s_alter(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_true(fd >= 0);
    off_t last = lseek(fd, -1, SEEK_END);
    assert_int_equal(pread(fd, &byte, 1, last), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, last), 1);
    close(fd);
}

static void s_sign(const char *executable, const char *key, const char *svn, bool debug)
{
    char output[S_OUTPUT_MAX];
    char key_path[PATH_MAX];
    snprintf(key_path, sizeof key_path, "%s/%s.pem", s_folder, key);
    char *arguments[] = {TACIT_SIGN,
                         "--key",
                         key_path,
                         "--role",
                         "worker",
                         "--svn",
                         (char *)svn,
                         (char *)executable,
                         debug ? "--debug" : NULL,
                         NULL};
    assert_int_equal(s_run(arguments, environ, output), 0);
}

/*  A probe of a version and signer of its own.  */
static char *s_signed_probe(const char *name, const char *key, const char *svn, bool debug)
{
    char *path = s_copy_probe(name);
    s_sign(path, key, svn, debug);
    return path;
}

typedef struct {
    char mrenclave[65];
    char mrsigner[65];
    unsigned long product_id;
    unsigned long svn;
    bool debug;
} s_identity_t;

static s_identity_t s_identity(const char *executable)
{
    s_identity_t identity;
    const char *output = s_probe(executable, "self");
    char numbers[3][8];
    if (sscanf(output, "self %64s %64s %7s %7s %7s", identity.mrenclave, identity.mrsigner,
               numbers[0], numbers[1], numbers[2]) != 5) {
        fail_msg("%s", output);
    }
    identity.product_id = strtoul(numbers[0], NULL, 10);
    identity.svn = strtoul(numbers[1], NULL, 10);
    identity.debug = strcmp(numbers[2], "1") == 0;
    return identity;
}

/*  --- measuring --------------------------------------------------------------------------------
 */

static void s_measures_this_test(void **state)
{
    (void)state;
    uint8_t sha256[32];
    uint8_t mrenclave[32];
    tacit_platform_t *platform = s_connect();
    const tacit_self_t *self = tacit_platform_self(platform);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(tacit_measure_file(fd, sha256), TACIT_OK);
    close(fd);
    tacit_measure(sha256, tacit_platform_configuration(platform), mrenclave);
    assert_memory_equal(self->mrenclave, mrenclave, 32);
    assert_int_equal(self->product_id, TACIT_ROLE_WORKER);
    assert_false(self->debug);
    tacit_platform_destroy(&platform);
    assert_null(platform);
}

static void s_measures_a_copy_the_same(void **state)
{
    (void)state;
    char *copy = s_copy_probe("same");
    s_identity_t original = s_identity(TACIT_PROBE);
    s_identity_t copied = s_identity(copy);
    assert_string_equal(original.mrenclave, copied.mrenclave);
    assert_string_equal(original.mrsigner, copied.mrsigner);
    free(copy);
}

static void s_refuses_one_changed_byte(void **state)
{
    (void)state;
    char *copy = s_copy_probe("changed");
    s_alter(copy);
    assert_string_equal(s_probe(copy, "self"), "refused 322 measurement");
    free(copy);
}

static void s_refuses_a_changed_configuration(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *copy = s_copy_probe("configured");
    const char *path = s_beside(copy, TACIT_CONFIGURATION_SUFFIX);
    assert_int_equal(tacit_whole_file_read(path, S_EXECUTABLE_MAX, &bytes, &size), TACIT_OK);
    char *debug = strstr((char *)bytes, "debug = no");
    assert_non_null(debug);
    char *changed = NULL;
    assert_true(asprintf(&changed, "%.*sdebug = yes%s", (int)(debug - (char *)bytes), (char *)bytes,
                         debug + strlen("debug = no")) > 0);
    assert_int_equal(tacit_whole_file_replace(path, tacit_span_string(changed), 0644), TACIT_OK);
    assert_string_equal(s_probe(copy, "self"), "refused 322 measurement");
    free(changed);
    free(bytes);
    free(copy);
}

static void s_refuses_the_unsigned(void **state)
{
    (void)state;
    char *copy = s_copy_probe("unsigned");
    assert_int_equal(unlink(s_beside(copy, TACIT_SIGSTRUCT_SUFFIX)), 0);
    assert_string_equal(s_probe(copy, "self"), "refused 322 sigstruct");
    assert_int_equal(unlink(s_beside(copy, TACIT_CONFIGURATION_SUFFIX)), 0);
    assert_string_equal(s_probe(copy, "self"), "refused 322 enclave");
    free(copy);
}

static void s_refuses_anothers_signature(void **state)
{
    (void)state;
    char *copy = s_copy_probe("foreign");
    char *other = s_signed_probe("foreign-other", "a", "2", false);
    char from[PATH_MAX];
    snprintf(from, sizeof from, "%s%s", other, TACIT_SIGSTRUCT_SUFFIX);
    s_copy(from, s_beside(copy, TACIT_SIGSTRUCT_SUFFIX), 0644);
    assert_string_equal(s_probe(copy, "self"), "refused 322 measurement");
    s_alter(s_beside(copy, TACIT_SIGSTRUCT_SUFFIX));
    assert_string_equal(s_probe(copy, "self"), "refused 322 sigstruct signature");
    free(other);
    free(copy);
}

static void s_another_key_is_another_signer(void **state)
{
    (void)state;
    char *first = s_signed_probe("signer-a", "a", "1", false);
    char *second = s_signed_probe("signer-b", "b", "1", false);
    s_identity_t a = s_identity(first);
    s_identity_t b = s_identity(second);
    assert_string_equal(a.mrenclave, b.mrenclave);
    assert_string_not_equal(a.mrsigner, b.mrsigner);
    free(second);
    free(first);
}

static void s_debug_shows(void **state)
{
    (void)state;
    char *probe = s_signed_probe("debug", "a", "3", true);
    s_identity_t identity = s_identity(probe);
    assert_true(identity.debug);
    assert_int_equal(identity.svn, 3);
    assert_int_equal(identity.product_id, TACIT_ROLE_WORKER);
    free(probe);
}

static void s_refuses_preloaded_libraries(void **state)
{
    (void)state;
    char output[S_OUTPUT_MAX];
    char *arguments[] = {TACIT_PROBE, s_args.socket, "self", NULL};
    /*  The second is for builds with AddressSanitizer, which wants to be loaded first.  */
    char *environment[] = {"LD_PRELOAD=" TACIT_PRELOAD, "ASAN_OPTIONS=verify_asan_link_order=0",
                           NULL};
    assert_int_equal(s_run(arguments, environment, output), 0);
    assert_string_equal(output, "refused 322 library");
}

static void s_refuses_altered_memory(void **state)
{
    (void)state;
    char *debug = s_signed_probe("altered-debug", "a", "1", true);
    assert_string_equal(s_probe(TACIT_PROBE, "alter-code"), "refused 322 code in memory");
    assert_string_equal(s_probe(TACIT_PROBE, "make-code"), "refused 322 code in memory");
    assert_string_equal(s_probe(TACIT_PROBE, "be-traced"), "refused 322 tracer");
    assert_memory_equal(s_probe(debug, "alter-code"), "self ", 5); /* as under a debugger */
    assert_memory_equal(s_probe(debug, "be-traced"), "self ", 5);
    free(debug);
}

static void s_refuses_a_forked_child(void **state)
{
    (void)state;
    const char *output = s_probe(TACIT_PROBE, "fork");
    assert_string_not_equal(output, "status 0");
    assert_memory_equal(output, "status ", 7);
    s_daemon_still_answers();
}

static void s_no_platform_is_unreachable(void **state)
{
    (void)state;
    tacit_platform_t *platform = NULL;
    tacit_error_t error;
    char path[200];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(tacit_platform_connect("/tmp/no/such/socket", &platform, &error),
                     TACIT_UNREACHABLE);
    assert_non_null(strstr(error.remedy, "tacit-platformd"));
    assert_int_equal(tacit_platform_connect(path, &platform, &error), TACIT_BAD_INPUT);
}

/*  --- quotes -----------------------------------------------------------------------------------
 */

static void s_root_sha256(uint8_t ret_sha256[32])
{
    char path[PATH_MAX];
    uint8_t *der = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/root.der", s_args.state);
    assert_int_equal(tacit_whole_file_read(path, 4096, &der, &size), TACIT_OK);
    crypto_hash_sha256(ret_sha256, der, size);
    free(der);
}

static void s_verify_a_quote(const uint8_t root_sha256[32])
{
    uint8_t quote[TACIT_QUOTE_MAX];
    uint8_t commitment[64];
    uint8_t report_data[64];
    size_t size = 0;
    void *storage = NULL;
    tacit_collateral_t collateral;
    tacit_claims_t claims;
    tacit_error_t error;
    tacit_platform_t *platform = s_connect();
    const tacit_self_t *self = tacit_platform_self(platform);
    randombytes_buf(commitment, sizeof commitment);
    assert_int_equal(
        tacit_platform_quote(platform, TACIT_QUOTE_BINDING, commitment, quote, &size, NULL),
        TACIT_OK);
    assert_int_equal(tacit_platform_collateral(platform, &collateral, &storage, NULL), TACIT_OK);
    if (tacit_evidence_verify(tacit_span(quote, size), &collateral, root_sha256,
                              (uint64_t)time(NULL) * 1000, &claims, &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
    tacit_report_data(TACIT_QUOTE_BINDING, commitment, report_data);
    assert_memory_equal(claims.report_data, report_data, 64);
    assert_memory_equal(claims.mrenclave, self->mrenclave, 32);
    assert_memory_equal(claims.mrsigner, self->mrsigner, 32);
    assert_int_equal(claims.product_id, self->product_id);
    assert_int_equal(claims.svn, self->svn);
    assert_false(claims.debug);
    assert_true(claims.simulated);
    assert_int_equal(claims.tcb_status, TACIT_TCB_UP_TO_DATE);
    free(storage);
    tacit_platform_destroy(&platform);
}

static void s_quotes_verify(void **state)
{
    (void)state;
    uint8_t root_sha256[32];
    s_root_sha256(root_sha256);
    s_verify_a_quote(root_sha256);
}

static void s_the_root_outlives_the_daemon(void **state)
{
    (void)state;
    uint8_t before[32];
    s_root_sha256(before);
    s_restart();
    s_verify_a_quote(before);
}

static void s_purposes_differ(void **state)
{
    (void)state;
    uint8_t quotes[2][TACIT_QUOTE_MAX];
    uint8_t commitment[64] = {1};
    size_t size = 0;
    tacit_platform_t *platform = s_connect();
    assert_int_equal(
        tacit_platform_quote(platform, TACIT_QUOTE_BINDING, commitment, quotes[0], &size, NULL),
        TACIT_OK);
    assert_int_equal(tacit_platform_quote(platform, TACIT_QUOTE_INTRODUCTION, commitment, quotes[1],
                                          &size, NULL),
                     TACIT_OK);
    assert_memory_not_equal(quotes[0] + 368, quotes[1] + 368, 64);
    assert_int_equal(tacit_platform_quote(platform, (tacit_quote_purpose_t)3, commitment, quotes[0],
                                          &size, NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(
        tacit_platform_quote(platform, TACIT_QUOTE_BINDING, commitment, quotes[0], &size, NULL),
        TACIT_OK); /* a refused argument is not the end of the connection */
    tacit_platform_destroy(&platform);
}

/*  --- sealing keys -----------------------------------------------------------------------------
 */

static char *s_key(const char *executable, const char *arguments)
{
    char command[64];
    snprintf(command, sizeof command, "key %s", arguments);
    return strdup(s_probe(executable, command));
}

static void s_expect_keys(const char *a, const char *a_arguments, const char *b,
                          const char *b_arguments, bool same)
{
    char *first = s_key(a, a_arguments);
    char *second = s_key(b, b_arguments);
    assert_memory_equal(first, "key ", 4);
    assert_memory_equal(second, "key ", 4);
    assert_int_equal(strcmp(first, second) == 0, same);
    free(second);
    free(first);
}

static void s_sealing_keys_follow_the_code(void **state)
{
    (void)state;
    char *old = s_signed_probe("seal-1", "a", "1", false);
    char *new = s_copy_probe("seal-2");
    s_alter(new);
    s_sign(new, "a", "2", false);
    char *debug = s_signed_probe("seal-debug", "a", "1", true);
    char *foreign = s_signed_probe("seal-foreign", "b", "1", false);
    s_expect_keys(old, "1 0 7", old, "1 0 7", true);
    s_expect_keys(old, "1 0 7", old, "1 0 8", false);   /* context */
    s_expect_keys(old, "1 0 7", old, "2 0 7", false);   /* policy */
    s_expect_keys(old, "1 0 7", new, "1 0 7", false);   /* code */
    s_expect_keys(old, "2 1 7", new, "2 1 7", true);    /* same signer: the old version's key */
    s_expect_keys(new, "2 1 7", new, "2 2 7", false);   /* version */
    s_expect_keys(old, "2 1 7", debug, "2 1 7", false); /* debug */
    s_expect_keys(old, "2 1 7", foreign, "2 1 7", false);
    assert_string_equal(s_probe(old, "key 2 2 7"), "status 313"); /* a newer version's key */
    assert_string_equal(s_probe(old, "key 3 0 7"), "status 102");
    free(foreign);
    free(debug);
    free(new);
    free(old);
}

static void s_sealing_keys_outlive_the_daemon(void **state)
{
    (void)state;
    char *before = s_key(TACIT_PROBE, "2 1 9");
    s_restart();
    char *after = s_key(TACIT_PROBE, "2 1 9");
    assert_string_equal(before, after);
    free(after);
    free(before);
}

/*  --- counters ---------------------------------------------------------------------------------
 */

static void s_counters_only_go_up(void **state)
{
    (void)state;
    char *foreign = s_signed_probe("counter-foreign", "b", "1", false);
    assert_string_equal(s_probe(TACIT_PROBE, "read 5"), "value 0");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 0"), "status 113");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 10"), "status 0");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 10"), "status 113");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 9"), "status 113");
    s_restart();
    assert_string_equal(s_probe(TACIT_PROBE, "read 5"), "value 10");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 9"), "status 113");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 5 11"), "status 0");
    assert_string_equal(s_probe(TACIT_PROBE, "read 6"), "value 0"); /* another name */
    assert_string_equal(s_probe(foreign, "read 5"), "value 0");     /* another owner */
    assert_string_equal(s_probe(TACIT_PROBE, "advance 7 9223372036854775807"), "status 0");
    assert_string_equal(s_probe(TACIT_PROBE, "read 7"), "value 9223372036854775807");
    assert_string_equal(s_probe(TACIT_PROBE, "advance 7 9223372036854775808"), "status 102");
    free(foreign);
}

/*  --- the socket, by hand ----------------------------------------------------------------------
 */

typedef struct {
    int fd;
    uint8_t request[TACIT_PLATFORM_REQUEST_MAX + 1]; /* a valid counter read */
    size_t size;
} s_raw_t;

static s_raw_t s_raw_connect(void)
{
    s_raw_t raw = {.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
                   .size = TACIT_PLATFORM_REQUEST_HEADER + TACIT_PLATFORM_READ_REQUEST};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t *hello = malloc(TACIT_PLATFORM_REPLY_MAX);
    memcpy(address.sun_path, s_args.socket, strlen(s_args.socket));
    assert_int_equal(connect(raw.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(recv(raw.fd, hello, TACIT_PLATFORM_REPLY_MAX, 0) > 12 + 32);
    memcpy(raw.request, "TPQ1\x05\0\0\0", 8);
    memcpy(raw.request + 8, hello + 12, 32);
    free(hello);
    return raw;
}

/*  The status that the platform answers to size bytes, and whether it closes the connection.  */
static tacit_status_t s_raw_ask(const s_raw_t *raw, size_t size, bool *ret_closed)
{
    uint8_t reply[2048];
    uint8_t more = 0;
    assert_int_equal(send(raw->fd, raw->request, size, 0), (ssize_t)size);
    assert_true(recv(raw->fd, reply, sizeof reply, 0) >= 12);
    assert_memory_equal(reply, "TPR1", 4);
    *ret_closed = recv(raw->fd, &more, 1, MSG_DONTWAIT) == 0;
    for (int i = 0; !*ret_closed && i < 20; i++) { /* it may close a moment later */
        zclock_sleep(reply[8] ? 10 : 1);
        *ret_closed = recv(raw->fd, &more, 1, MSG_DONTWAIT) == 0;
    }
    return (tacit_status_t)(reply[8] | reply[9] << 8);
}

static void s_expect_refused(size_t size, int alter_at, tacit_status_t expected)
{
    bool closed = false;
    s_raw_t raw = s_raw_connect();
    if (alter_at >= 0) {
        raw.request[alter_at] ^= 0x40;
    }
    assert_int_equal(s_raw_ask(&raw, size, &closed), expected);
    assert_true(closed);
    close(raw.fd);
}

static void s_refuses_broken_messages(void **state)
{
    (void)state;
    const size_t whole = TACIT_PLATFORM_REQUEST_HEADER + TACIT_PLATFORM_READ_REQUEST;
    bool closed = true;
    s_raw_t raw = s_raw_connect();
    assert_int_equal(s_raw_ask(&raw, whole, &closed), TACIT_OK);
    assert_false(closed);
    close(raw.fd);
    for (size_t size = 1; size < whole; size++) {
        s_expect_refused(size, -1, TACIT_PROTOCOL_ERROR);
    }
    s_expect_refused(whole + 1, -1, TACIT_PROTOCOL_ERROR);
    s_expect_refused(TACIT_PLATFORM_REQUEST_MAX, -1, TACIT_PROTOCOL_ERROR);
    s_expect_refused(TACIT_PLATFORM_REQUEST_MAX + 1, -1, TACIT_TOO_LARGE);
    s_expect_refused(whole, 0, TACIT_PROTOCOL_ERROR);  /* magic */
    s_expect_refused(whole, 4, TACIT_PROTOCOL_ERROR);  /* operation */
    s_expect_refused(whole, 6, TACIT_PROTOCOL_ERROR);  /* reserved */
    s_expect_refused(whole, 8, TACIT_PROTOCOL_ERROR);  /* challenge */
    s_expect_refused(whole, 39, TACIT_PROTOCOL_ERROR); /* challenge, last byte */
    s_daemon_still_answers();
}

/*  A descriptor that comes along is never taken.  */
static void s_refuses_descriptors(void **state)
{
    (void)state;
    s_raw_t raw = s_raw_connect();
    uint8_t reply[2048];
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = raw.request, .iov_len = raw.size};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    struct cmsghdr *item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &raw.fd, sizeof(int));
    assert_int_equal(sendmsg(raw.fd, &header, 0), (ssize_t)raw.size);
    assert_true(recv(raw.fd, reply, sizeof reply, 0) >= 12);
    assert_int_equal(reply[8], TACIT_PROTOCOL_ERROR);
    close(raw.fd);
    s_daemon_still_answers();
}

static void s_connections_are_limited(void **state)
{
    (void)state;
    tacit_platform_t *platforms[TACIT_PLATFORMD_CONNECTIONS_MAX] = {NULL};
    tacit_platform_t *more = NULL;
    for (size_t i = 0; i < TACIT_PLATFORMD_CONNECTIONS_MAX; i++) {
        platforms[i] = s_connect();
    }
    assert_int_equal(tacit_platform_connect(s_args.socket, &more, NULL), TACIT_BUSY);
    for (size_t i = 0; i < TACIT_PLATFORMD_CONNECTIONS_MAX; i++) {
        tacit_platform_destroy(&platforms[i]);
    }
    s_daemon_still_answers();
}

/*  The end of the platform is the end of its enclaves.  */
static void s_a_lost_platform_stays_lost(void **state)
{
    (void)state;
    uint8_t name[32] = {0};
    uint64_t value = 0;
    tacit_platform_t *platform = s_connect();
    s_restart();
    assert_int_equal(tacit_platform_counter_read(platform, name, &value, NULL), TACIT_UNREACHABLE);
    assert_int_equal(tacit_platform_counter_read(platform, name, &value, NULL), TACIT_UNREACHABLE);
    tacit_platform_destroy(&platform);
    s_daemon_still_answers();
}

/*  --- state ------------------------------------------------------------------------------------
 */

static tacit_status_t s_start_another(const tacit_platformd_args_t *args)
{
    char endpoint[TACIT_ENDPOINT_MAX];
    zactor_t *actor = test_actor_new(tacit_platformd_actor, (void *)args);
    assert_non_null(actor);
    tacit_status_t status = tacit_actor_wait(actor, S_START_MS, endpoint, NULL);
    zactor_destroy(&actor);
    return status;
}

static void s_two_daemons_never_share(void **state)
{
    (void)state;
    tacit_platformd_args_t args = s_args;
    snprintf(args.socket, sizeof args.socket, "%s/socket-2", s_folder);
    assert_int_equal(s_start_another(&args), TACIT_BUSY);
    args = s_args;
    snprintf(args.state, sizeof args.state, "%s/state-2", s_folder);
    assert_int_equal(s_start_another(&args), TACIT_BUSY);
    s_daemon_still_answers();
}

/*  A state that lost a part is refused, not completed.  */
static void s_half_a_state_is_refused(void **state)
{
    (void)state;
    static const char *const parts[] = {"fuse.key", "counters.db"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[TACIT_PLATFORMD_PATH_MAX + 32];
        tacit_platformd_args_t args = s_args;
        snprintf(args.state, sizeof args.state, "%s/half-%zu", s_folder, i);
        snprintf(args.socket, sizeof args.socket, "%s/half-socket", s_folder);
        assert_int_equal(s_start_another(&args), TACIT_OK);
        snprintf(path, sizeof path, "%s/%s", args.state, parts[i]);
        assert_int_equal(unlink(path), 0);
        assert_int_not_equal(s_start_another(&args), TACIT_OK);
    }
}

static void s_secrets_are_for_the_platform_alone(void **state)
{
    (void)state;
    static const char *const parts[] = {"fuse.key", "counters.db", "pki.pem", "lock"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char path[TACIT_PLATFORMD_PATH_MAX + 32];
        struct stat facts;
        snprintf(path, sizeof path, "%s/%s", s_args.state, parts[i]);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_measures_this_test),
        cmocka_unit_test(s_measures_a_copy_the_same),
        cmocka_unit_test(s_refuses_one_changed_byte),
        cmocka_unit_test(s_refuses_a_changed_configuration),
        cmocka_unit_test(s_refuses_the_unsigned),
        cmocka_unit_test(s_refuses_anothers_signature),
        cmocka_unit_test(s_another_key_is_another_signer),
        cmocka_unit_test(s_debug_shows),
        cmocka_unit_test(s_refuses_preloaded_libraries),
        cmocka_unit_test(s_refuses_altered_memory),
        cmocka_unit_test(s_refuses_a_forked_child),
        cmocka_unit_test(s_no_platform_is_unreachable),
        cmocka_unit_test(s_quotes_verify),
        cmocka_unit_test(s_the_root_outlives_the_daemon),
        cmocka_unit_test(s_purposes_differ),
        cmocka_unit_test(s_sealing_keys_follow_the_code),
        cmocka_unit_test(s_sealing_keys_outlive_the_daemon),
        cmocka_unit_test(s_counters_only_go_up),
        cmocka_unit_test(s_refuses_broken_messages),
        cmocka_unit_test(s_refuses_descriptors),
        cmocka_unit_test(s_connections_are_limited),
        cmocka_unit_test(s_a_lost_platform_stays_lost),
        cmocka_unit_test(s_two_daemons_never_share),
        cmocka_unit_test(s_half_a_state_is_refused),
        cmocka_unit_test(s_secrets_are_for_the_platform_alone),
    };
    /*  The daemon's actor shares this process: signals are the test's own.  */
    zsys_handler_set(NULL);
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
