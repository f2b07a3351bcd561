/*  secret_test.c - secrets are zeroed, locked, copied whole; the process keeps others out.

    What changes the process is tried in a child of its own.  */

#include "enclave/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { S_SANITIZED = 1 }; /* sanitizers make mlock do nothing */
#else
enum { S_SANITIZED = 0 };
#endif

static void is_zero_and_of_its_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 32, 4096, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        tacit_secret_t *secret = NULL;
        assert_int_equal(tacit_secret_new(sizes[i], &secret), TACIT_OK);
        assert_int_equal(secret->size, sizes[i]);
        assert_true(sodium_is_zero(secret->data, secret->size));
        secret->data[sizes[i] - 1] = 1;
        tacit_secret_destroy(&secret);
        assert_null(secret);
    }
}

static void refuses_an_empty_secret(void **state)
{
    (void)state;
    tacit_secret_t *secret = NULL;
    assert_int_equal(tacit_secret_new(0, &secret), TACIT_BAD_INPUT);
    assert_int_equal(tacit_secret_copy(tacit_span(NULL, 0), &secret), TACIT_BAD_INPUT);
    assert_null(secret);
}

static void copies_and_makes_keys(void **state)
{
    (void)state;
    tacit_secret_t *copy = NULL;
    tacit_secret_t *first = NULL;
    tacit_secret_t *second = NULL;
    assert_int_equal(tacit_secret_copy(tacit_span_string("secret"), &copy), TACIT_OK);
    assert_true(tacit_span_equal(tacit_secret_span(copy), tacit_span_string("secret")));
    assert_int_equal(tacit_secret_random(32, &first), TACIT_OK);
    assert_int_equal(tacit_secret_random(32, &second), TACIT_OK);
    assert_memory_not_equal(first->data, second->data, 32);
    tacit_secret_destroy(&copy);
    tacit_secret_destroy(&first);
    tacit_secret_destroy(&second);
}

static void is_destroyed_twice_without_harm(void **state)
{
    (void)state;
    tacit_secret_t *secret = NULL;
    tacit_secret_destroy(NULL);
    tacit_secret_destroy(&secret);
    assert_int_equal(tacit_secret_new(8, &secret), TACIT_OK);
    tacit_secret_destroy(&secret);
    tacit_secret_destroy(&secret);
}

/*  kB locked in this process.  */
static long s_locked(void)
{
    char line[256];
    long locked = -1;
    FILE *status = fopen("/proc/self/status", "re");
    assert_non_null(status);
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmLck:", 6) == 0) {
            locked = strtol(line + 6, NULL, 10);
        }
    }
    (void)fclose(status);
    return locked;
}

static void is_locked(void **state)
{
    (void)state;
    tacit_secret_t *secret = NULL;
    if (S_SANITIZED) {
        skip();
    }
    long before = s_locked();
    assert_int_equal(tacit_secret_new(65536, &secret), TACIT_OK);
    assert_true(s_locked() - before >= 64);
    tacit_secret_destroy(&secret);
    assert_int_equal(s_locked(), before);
}

/*  What a child's function says.  */
static int s_in_child(int (*function)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(function());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int s_without_lockable_memory(void)
{
    const struct rlimit none = {0};
    tacit_secret_t *secret = NULL;
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) {
        return 2;
    }
    return tacit_secret_new(32, &secret) == TACIT_NO_MEMORY && !secret ? 0 : 1;
}

static void is_refused_rather_than_left_unlocked(void **state)
{
    (void)state;
    if (S_SANITIZED) {
        skip();
    }
    assert_int_equal(s_in_child(s_without_lockable_memory), 0);
}

static int s_initialised(void)
{
    struct rlimit core = {1, 1};
    return tacit_process_init() == TACIT_OK && tacit_process_init() == TACIT_OK &&
                   getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0 &&
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
               ? 0
               : 1;
}

static int s_sealed(void)
{
    return prctl(PR_GET_DUMPABLE) == 1 && tacit_process_seal() == TACIT_OK &&
                   prctl(PR_GET_DUMPABLE) == 0
               ? 0
               : 1;
}

static void a_process_forbids_core_dumps_and_new_privileges(void **state)
{
    (void)state;
    assert_int_equal(s_in_child(s_initialised), 0);
}

static void a_sealed_process_is_undumpable(void **state)
{
    (void)state;
    assert_int_equal(s_in_child(s_sealed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_zero_and_of_its_size),
        cmocka_unit_test(refuses_an_empty_secret),
        cmocka_unit_test(copies_and_makes_keys),
        cmocka_unit_test(is_destroyed_twice_without_harm),
        cmocka_unit_test(is_locked),
        cmocka_unit_test(is_refused_rather_than_left_unlocked),
        cmocka_unit_test(a_process_forbids_core_dumps_and_new_privileges),
        cmocka_unit_test(a_sealed_process_is_undumpable),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
