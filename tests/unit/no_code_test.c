/*  no_code_test.c - what a process can no longer do, each in a child of its own.  */

#include "enclave/no_code.h"
#include "enclave/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096, CANNOT = 77 };

/*  The child's exit code: 0 where `possible` says so under the filter, 1 where not.  */
static int s_under_filter(bool (*possible)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tacit_error_t error = {0};
        if (tacit_process_init() != TACIT_OK || tacit_process_forbid_code(&error) != TACIT_OK) {
            _exit(CANNOT);
        }
        _exit(possible() ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool s_map(int protection)
{
    return mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool s_map_data(void)
{
    return s_map(PROT_READ | PROT_WRITE);
}

static bool s_map_writable_code(void)
{
    return s_map(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static bool s_map_code(void)
{
    return s_map(PROT_READ | PROT_EXEC);
}

static bool s_write_then_run(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0;
}

static bool s_map_file_as_code(void)
{
    int file = memfd_create("code", 0);
    return file >= 0 && ftruncate(file, PAGE) == 0 &&
           mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED;
}

static bool s_change_personality(void)
{
    return personality(READ_IMPLIES_EXEC) != -1;
}

static bool s_protect_data(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && mprotect(page, PAGE, PROT_NONE) == 0;
}

static void data_is_mapped_and_protected_as_before(void **state)
{
    (void)state;
    int code = s_under_filter(s_map_data);
    if (code == CANNOT) {
        skip();
    }
    assert_int_equal(code, 0);
    assert_int_equal(s_under_filter(s_protect_data), 0);
}

static void code_is_refused_however_it_comes(void **state)
{
    static bool (*const ways[])(void) = {s_map_writable_code, s_map_code, s_write_then_run,
                                         s_map_file_as_code, s_change_personality};
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        int code = s_under_filter(ways[i]);
        if (code == CANNOT) {
            skip();
        }
        assert_int_equal(code, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_mapped_and_protected_as_before),
        cmocka_unit_test(code_is_refused_however_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
