/*  supervisor_parts_test.c - the manifest's schema, and one supervised process.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "enclave/clock.h"
#include "enclave/whole_file.h"
#include "services/mesh/manifest.h"
#include "services/mesh/process.h"
#include "state_folder.h"

enum { S_PATIENCE_MS = 10000 };

/*  --- the manifest ---------------------------------------------------------------------------- */

static tacit_status_t s_load(const char *text, tacit_manifest_t *ret_manifest)
{
    char path[STATE_FOLDER_MAX + 32];
    snprintf(path, sizeof path, "%s/mesh.yaml", state_folder);
    assert_int_equal(tacit_whole_file_replace(path, tacit_span_string(text), 0600), TACIT_OK);
    return tacit_manifest_load(path, ret_manifest, NULL);
}

#define S_HEAD "mesh: 1\n"
#define S_REST "listen: tcp://127.0.0.1:*\nintroduction: tcp://127.0.0.1:7700\nlog_level: info\n"

static void the_default_is_valid(void **state)
{
    (void)state;
    tacit_manifest_t manifest;
    assert_int_equal(tacit_manifest_load(NULL, &manifest, NULL), TACIT_OK);
    assert_int_equal(manifest.workers, 2);
}

static void workers_at_the_limit_and_above(void **state)
{
    (void)state;
    tacit_manifest_t manifest;
    assert_int_equal(s_load(S_HEAD "workers: 64\n" S_REST, &manifest), TACIT_OK);
    assert_int_equal(manifest.workers, 64);
    assert_int_equal(s_load(S_HEAD "workers: 0\n" S_REST, &manifest), TACIT_OK);
    assert_int_equal(s_load(S_HEAD "workers: 65\n" S_REST, &manifest), TACIT_BAD_INPUT);
    assert_int_equal(s_load(S_HEAD "workers: -1\n" S_REST, &manifest), TACIT_BAD_INPUT);
}

static void s_expect_worker(const char *more, const char *isolation, const char *backend,
                            const char *program)
{
    char text[256];
    tacit_manifest_t manifest;
    snprintf(text, sizeof text, S_HEAD "workers: 1\n" S_REST "%s", more);
    tacit_status_t status = s_load(text, &manifest);
    if (!status) {
        status = tacit_manifest_isolate(&manifest, isolation, backend, NULL);
    }
    assert_int_equal(status, program ? TACIT_OK : TACIT_BAD_INPUT);
    if (program) {
        assert_string_equal(tacit_manifest_worker(&manifest), program);
    }
}

static void isolation_and_backend_name_the_workers_program(void **state)
{
    (void)state;
    s_expect_worker("", NULL, NULL, "tacit-workerd");
    s_expect_worker("isolation: strict\n", NULL, NULL, "tacit-workerd-strict");
    s_expect_worker("isolation: strict\nbackend: portable\n", NULL, NULL, "tacit-workerd-strict");
    s_expect_worker("backend: portable\n", NULL, NULL, "tacit-workerd-portable");
    s_expect_worker("backend: onednn\n", NULL, "portable", "tacit-workerd-portable");
    s_expect_worker("", "strict", NULL, "tacit-workerd-strict");
    s_expect_worker("isolation: strict\n", "standard", NULL, "tacit-workerd");
    s_expect_worker("isolation: strict\n", "standard", "portable", "tacit-workerd-portable");
}

static void isolation_that_cannot_be_is_refused(void **state)
{
    (void)state;
    s_expect_worker("isolation: strict\nbackend: onednn\n", NULL, NULL, NULL);
    s_expect_worker("backend: onednn\n", "strict", NULL, NULL);
    s_expect_worker("", "strict", "onednn", NULL);
    s_expect_worker("isolation: none\n", NULL, NULL, NULL);
    s_expect_worker("isolation: a-name-that-is-longer-than-all\n", NULL, NULL, NULL);
    s_expect_worker("", "loose", NULL, NULL);
    s_expect_worker("", NULL, "cuda", NULL);
    s_expect_worker("", "", "x", NULL);
}

static void what_is_unknown_missing_or_odd_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "mesh: 2\nworkers: 1\n" S_REST,
        "workers: 1\n" S_REST,
        S_HEAD S_REST,
        S_HEAD "workers: 1\nsurprise: 1\n" S_REST,
        S_HEAD "workers: [1]\n" S_REST,
        S_HEAD
        "workers: 1\nlisten: ipc:///tmp/x\nintroduction: tcp://127.0.0.1:1\nlog_level: info\n",
        S_HEAD "workers: 1\nlisten: tcp://127.0.0.1:*\nintroduction: tcp://127.0.0.1:1\n"
               "log_level: loud\n",
        "\x00\xff",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tacit_manifest_t manifest;
        assert_int_equal(s_load(texts[i], &manifest), TACIT_BAD_INPUT);
    }
}

/*  --- a process ------------------------------------------------------------------------------- */

static tacit_process_t s_process(const char *script)
{
    tacit_process_t process;
    assert_int_equal(tacit_process_describe(&process, "probe", "/bin", "sh", state_folder, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_process_add(&process, "-c"), TACIT_OK);
    assert_int_equal(tacit_process_add(&process, script), TACIT_OK);
    return process;
}

static void s_wait(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&item, 1, S_PATIENCE_MS), 1);
}

static void it_says_that_it_is_ready(void **state)
{
    (void)state;
    tacit_process_t process = s_process("echo READY tcp://somewhere >&3; exec sleep 100");
    assert_int_equal(tacit_process_start(&process, 1, NULL), TACIT_OK);
    s_wait(process.ready_fd);
    tacit_process_on_ready(&process);
    assert_int_equal(process.state, TACIT_PROCESS_READY);
    assert_string_equal(process.endpoint, "tcp://somewhere");
    assert_int_equal(process.launched_ms, 1);
    assert_in_range(tacit_now_ms() - process.started_ms, 0, S_PATIENCE_MS); /* Unix time */
    tacit_process_stop(&process, SIGTERM);
    s_wait(process.pidfd);
    tacit_process_on_exit(&process, 2);
    assert_int_equal(process.state, TACIT_PROCESS_STOPPED);
    assert_int_equal(process.restarts, 0);
}

static void why_it_failed_is_kept(void **state)
{
    (void)state;
    tacit_process_t process = s_process("echo FAILED busy: no room >&3; exit 1");
    assert_int_equal(tacit_process_start(&process, 1, NULL), TACIT_OK);
    s_wait(process.pidfd);
    tacit_process_on_exit(&process, 5);
    assert_int_equal(process.state, TACIT_PROCESS_BACKING_OFF);
    assert_string_equal(process.last_exit, "FAILED busy: no room");
    assert_int_equal(process.due_ms, 5 + TACIT_PROCESS_BACKOFF_MS);
}

static void back_off_doubles_up_to_its_bound_and_starts_anew(void **state)
{
    (void)state;
    tacit_process_t process = s_process("exit 3");
    uint32_t expected = TACIT_PROCESS_BACKOFF_MS;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(tacit_process_start(&process, 0, NULL), TACIT_OK);
        s_wait(process.pidfd);
        tacit_process_on_exit(&process, 0);
        assert_int_equal(process.due_ms, expected);
        expected = expected * 2 < TACIT_PROCESS_BACKOFF_MAX_MS ? expected * 2
                                                               : TACIT_PROCESS_BACKOFF_MAX_MS;
    }
    assert_string_equal(process.last_exit, "exit code 3");
    assert_int_equal(tacit_process_start(&process, 0, NULL), TACIT_OK);
    s_wait(process.pidfd);
    tacit_process_on_exit(&process, TACIT_PROCESS_STABLE_MS);
    assert_int_equal(process.due_ms, TACIT_PROCESS_STABLE_MS + TACIT_PROCESS_BACKOFF_MS);
}

static void arguments_have_their_limits(void **state)
{
    (void)state;
    char longest[TACIT_PROCESS_ARGUMENT_MAX + 1];
    tacit_process_t process = s_process("exit 0");
    memset(longest, 'x', sizeof longest);
    longest[TACIT_PROCESS_ARGUMENT_MAX - 1] = '\0';
    assert_int_equal(tacit_process_add(&process, longest), TACIT_OK);
    longest[TACIT_PROCESS_ARGUMENT_MAX - 1] = 'x';
    longest[TACIT_PROCESS_ARGUMENT_MAX] = '\0';
    assert_int_equal(tacit_process_add(&process, longest), TACIT_BAD_INPUT);
    while (process.argument_count < TACIT_PROCESS_ARGUMENTS_MAX) {
        assert_int_equal(tacit_process_add(&process, "y"), TACIT_OK);
    }
    assert_int_equal(tacit_process_add(&process, "y"), TACIT_BAD_INPUT);
}

#define S_TEST(name)                                                                               \
    cmocka_unit_test_setup_teardown(name, state_folder_setup, state_folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(the_default_is_valid),
        S_TEST(workers_at_the_limit_and_above),
        S_TEST(isolation_and_backend_name_the_workers_program),
        S_TEST(isolation_that_cannot_be_is_refused),
        S_TEST(what_is_unknown_missing_or_odd_is_refused),
        S_TEST(it_says_that_it_is_ready),
        S_TEST(why_it_failed_is_kept),
        S_TEST(back_off_doubles_up_to_its_bound_and_starts_anew),
        S_TEST(arguments_have_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
