/*  sign_test.c - tacit-sign as the build uses it: in parallel, over and over, on the wrong files.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/enclave_configuration.h"
#include "enclave/measurement.h"
#include "enclave/whole_file.h"

enum { S_ARGUMENTS_MAX = 12, S_FILE_MAX = 256 * 1024 * 1024, S_PARALLEL = 6 };

extern char **environ;

static char s_folder[64];

static int s_setup(void **state)
{
    (void)state;
    snprintf(s_folder, sizeof s_folder, "/tmp/tacit-sign-XXXXXX");
    return mkdtemp(s_folder) ? 0 : -1;
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
    return nftw(s_folder, s_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/*  Starts "tacit-sign WORDS..." in the temporary folder; output goes to the file "output".  */
static pid_t s_start(const char *words)
{
    char copy[512];
    char output[128];
    char *arguments[S_ARGUMENTS_MAX] = {TACIT_SIGN};
    char *rest = NULL;
    size_t count = 1;
    pid_t child = 0;
    posix_spawn_file_actions_t actions;
    snprintf(copy, sizeof copy, "%s", words);
    snprintf(output, sizeof output, "%s/output", s_folder);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        arguments[count++] = word;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, s_folder);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    assert_int_equal(posix_spawn(&child, TACIT_SIGN, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

static int s_wait(pid_t child)
{
    int code = 0;
    assert_int_equal(waitpid(child, &code, 0), child);
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

static int s_run(const char *words)
{
    return s_wait(s_start(words));
}

static char *s_read(const char *name)
{
    char path[PATH_MAX];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", s_folder, name);
    assert_int_equal(tacit_whole_file_read(path, S_FILE_MAX, &bytes, &size), TACIT_OK);
    return (char *)bytes;
}

static void s_write(const char *name, const char *text, mode_t mode)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", s_folder, name);
    assert_int_equal(tacit_whole_file_replace(path, tacit_span_string(text), mode), TACIT_OK);
}

static void s_copy_probe(const char *name)
{
    char path[PATH_MAX];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", s_folder, name);
    assert_int_equal(tacit_whole_file_read(TACIT_PROBE, S_FILE_MAX, &bytes, &size), TACIT_OK);
    assert_int_equal(tacit_whole_file_replace(path, tacit_span(bytes, size), 0755), TACIT_OK);
    free(bytes);
}

static void s_parallel_signers_share_one_key(void **state)
{
    (void)state;
    pid_t children[S_PARALLEL];
    char words[128];
    char signer[65] = "";
    struct stat facts;
    for (int i = 0; i < S_PARALLEL; i++) {
        snprintf(words, sizeof words, "parallel-%d", i);
        s_copy_probe(words);
        snprintf(words, sizeof words, "--key shared.pem --role worker parallel-%d", i);
        children[i] = s_start(words);
    }
    for (int i = 0; i < S_PARALLEL; i++) {
        assert_int_equal(s_wait(children[i]), 0);
    }
    for (int i = 0; i < S_PARALLEL; i++) {
        snprintf(words, sizeof words, "--show --json parallel-%d", i);
        assert_int_equal(s_run(words), 0);
        char *text = s_read("output");
        json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        const char *found = json_string_value(json_object_get(root, "signer"));
        assert_non_null(found);
        assert_true(!signer[0] || strcmp(signer, found) == 0);
        snprintf(signer, sizeof signer, "%s", found);
        json_decref(root);
        free(text);
    }
    snprintf(words, sizeof words, "%s/shared.pem", s_folder);
    assert_int_equal(stat(words, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
}

static void s_lists_real_paths_of_libraries(void **state)
{
    (void)state;
    tacit_enclave_configuration_t *configuration = NULL;
    s_copy_probe("libraries");
    assert_int_equal(s_run("--key a.pem --role keys --svn 9 libraries"), 0);
    char *text = s_read("libraries" TACIT_CONFIGURATION_SUFFIX);
    assert_int_equal(
        tacit_enclave_configuration_parse(tacit_span_string(text), &configuration, NULL), TACIT_OK);
    assert_int_equal(configuration->role, TACIT_ROLE_KEYS);
    assert_int_equal(configuration->svn, 9);
    assert_false(configuration->debug);
    assert_true(configuration->library_count >= 3); /* libsodium, libc and the linker */
    for (size_t i = 0; i < configuration->library_count; i++) {
        char real[PATH_MAX];
        assert_non_null(realpath(configuration->libraries[i].path, real));
        assert_string_equal(real, configuration->libraries[i].path);
    }
    tacit_enclave_configuration_destroy(&configuration);
    free(text);
}

static void s_adds_named_libraries(void **state)
{
    (void)state;
    s_copy_probe("named");
    assert_int_equal(s_run("--key a.pem --role worker --library " TACIT_PRELOAD " named"), 0);
    char *text = s_read("named" TACIT_CONFIGURATION_SUFFIX);
    assert_non_null(strstr(text, "libplatform_preload"));
    free(text);
    assert_int_equal(s_run("--key a.pem --role worker --library /no/such.so named"), 1);
}

static void s_signing_again_gives_the_same(void **state)
{
    (void)state;
    s_copy_probe("again");
    assert_int_equal(s_run("--key a.pem --role worker again"), 0);
    char *first = s_read("again" TACIT_CONFIGURATION_SUFFIX);
    assert_int_equal(s_run("--key a.pem --role worker again"), 0);
    char *second = s_read("again" TACIT_CONFIGURATION_SUFFIX);
    assert_string_equal(first, second);
    free(second);
    free(first);
}

static void s_shows_only_what_holds(void **state)
{
    (void)state;
    s_copy_probe("shown");
    assert_int_equal(s_run("--show shown"), 1); /* not signed yet */
    assert_int_equal(s_run("--key a.pem --role gateway --debug shown"), 0);
    assert_int_equal(s_run("--show shown"), 0);
    char *text = s_read("output");
    assert_non_null(strstr(text, "product     4 (gateway)"));
    assert_non_null(strstr(text, "debug       yes"));
    free(text);
    s_write("shown", "another program", 0755);
    assert_int_equal(s_run("--show shown"), 1);
}

static void s_refuses_what_it_cannot_sign(void **state)
{
    (void)state;
    s_copy_probe("good");
    s_write("script", "#!/bin/sh\n", 0755);
    assert_int_equal(s_run("--key a.pem --role worker script"), 1);
    assert_int_equal(s_run("--key a.pem --role worker missing"), 1);
    assert_int_equal(s_run("--key no/folder/a.pem --role worker good"), 1);
    s_write("bad.pem", "no key", 0600);
    assert_int_equal(s_run("--key bad.pem --role worker good"), 1);
}

static void s_refuses_a_key_that_others_read(void **state)
{
    (void)state;
    char path[PATH_MAX];
    s_copy_probe("guarded");
    assert_int_equal(s_run("--key open.pem --role worker guarded"), 0);
    snprintf(path, sizeof path, "%s/open.pem", s_folder);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(s_run("--key open.pem --role worker guarded"), 1);
}

static void s_wrong_use_is_2(void **state)
{
    (void)state;
    assert_int_equal(s_run(""), 2);
    assert_int_equal(s_run("--key a.pem good"), 2);
    assert_int_equal(s_run("--role worker good"), 2);
    assert_int_equal(s_run("--key a.pem --role user good"), 2);
    assert_int_equal(s_run("--key a.pem --role worker --svn 65536 good"), 2);
    assert_int_equal(s_run("--key a.pem --role worker --svn -1 good"), 2);
    assert_int_equal(s_run("--key a.pem --role worker good good"), 2);
    assert_int_equal(s_run("--unknown"), 2);
    assert_int_equal(s_run("--help"), 0);
    assert_int_equal(s_run("--version"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s_parallel_signers_share_one_key),
        cmocka_unit_test(s_lists_real_paths_of_libraries),
        cmocka_unit_test(s_adds_named_libraries),
        cmocka_unit_test(s_signing_again_gives_the_same),
        cmocka_unit_test(s_shows_only_what_holds),
        cmocka_unit_test(s_refuses_what_it_cannot_sign),
        cmocka_unit_test(s_refuses_a_key_that_others_read),
        cmocka_unit_test(s_wrong_use_is_2),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
