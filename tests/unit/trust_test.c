/*  trust_test.c - trust.json is read strictly, written whole, and names the mesh.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/trust.h"

enum { S_PATH_MAX = 128, S_FILE_LIMIT = 64 * 1024 };

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char s_folder[S_PATH_MAX];
static char s_path[S_PATH_MAX];

static int s_setup(void **state)
{
    (void)state;
    snprintf(s_folder, sizeof s_folder, "%s", "/tmp/tacit-trust-XXXXXX");
    if (!mkdtemp(s_folder)) {
        return -1;
    }
    snprintf(s_path, sizeof s_path, "%.100s/trust.json", s_folder);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    unlink(s_path);
    return rmdir(s_folder);
}

static tacit_trust_t s_sample(void)
{
    tacit_trust_t trust;
    memset(&trust, 0, sizeof trust);
    trust.simulated = true;
    memset(trust.root_sha256, 0x11, 32);
    memset(trust.operator_signing_key, 0x22, 32);
    memset(trust.operator_curve_key, 0x33, 32);
    memset(trust.attestation_mrsigner, 0xff, 32);
    trust.attestation_svn = 65535;
    trust.has_attestation_mrenclave = true;
    memset(trust.attestation_mrenclave, 0x55, 32);
    snprintf(trust.introduction, sizeof trust.introduction, "%s", "tcp://127.0.0.1:5550");
    return trust;
}

static void s_write(const char *text, size_t size)
{
    FILE *file = fopen(s_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static tacit_status_t s_load_text(const char *text, tacit_error_t *ret_error)
{
    tacit_trust_t before;
    tacit_trust_t trust;
    memset(&before, 0xa5, sizeof before);
    trust = before;
    s_write(text, strlen(text));
    tacit_status_t status = tacit_trust_load(s_path, &trust, ret_error);
    if (status != TACIT_OK) {
        assert_memory_equal(&trust, &before, sizeof trust);
        assert_int_equal(ret_error->code, status);
    }
    return status;
}

static void saving_and_loading_give_the_same(void **state)
{
    tacit_trust_t sent = s_sample();
    (void)state;
    for (int round = 0; round < 2; round++) {
        tacit_trust_t received;
        memset(&received, 0, sizeof received);
        assert_int_equal(tacit_trust_save(&sent, s_path, NULL), TACIT_OK);
        assert_int_equal(tacit_trust_load(s_path, &received, NULL), TACIT_OK);
        assert_memory_equal(&received, &sent, sizeof sent);
        sent.has_attestation_mrenclave = false;
        memset(sent.attestation_mrenclave, 0, 32);
        sent.simulated = false;
    }
}

static void saving_leaves_one_readable_file(void **state)
{
    tacit_trust_t trust = s_sample();
    struct stat about;
    size_t files = 0;
    (void)state;
    assert_int_equal(tacit_trust_save(&trust, s_path, NULL), TACIT_OK);
    assert_int_equal(tacit_trust_save(&trust, s_path, NULL), TACIT_OK);
    assert_int_equal(stat(s_path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0644);
    DIR *folder = opendir(s_folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        files += entry->d_name[0] != '.';
    }
    closedir(folder);
    assert_int_equal(files, 1);
}

static void saving_fails_with_a_reason(void **state)
{
    tacit_trust_t trust = s_sample();
    tacit_error_t error;
    (void)state;
    assert_int_equal(tacit_trust_save(&trust, "/proc/none/trust.json", &error),
                     TACIT_STORAGE_FAILED);
    trust.introduction[0] = '\0';
    assert_int_equal(tacit_trust_save(&trust, s_path, &error), TACIT_BAD_INPUT);
    memset(trust.introduction, 'x', sizeof trust.introduction); /* no NUL */
    assert_int_equal(tacit_trust_save(&trust, s_path, &error), TACIT_BAD_INPUT);
    snprintf(trust.introduction, sizeof trust.introduction, "%s", "tcp://\xff");
    assert_int_equal(tacit_trust_save(&trust, s_path, &error), TACIT_BAD_INPUT);
}

static void a_missing_file_is_told(void **state)
{
    tacit_trust_t trust;
    tacit_error_t error;
    (void)state;
    assert_int_equal(tacit_trust_load("/nowhere/trust.json", &trust, &error), TACIT_NOT_FOUND);
    assert_non_null(strstr(error.message, "/nowhere/trust.json"));
    assert_int_equal(tacit_trust_load("/tmp", &trust, &error), TACIT_STORAGE_FAILED);
}

#define MEMBERS                                                                                    \
    "\"simulated\": true, \"root_sha256\": \"" HEX "\", \"operator_signing_key\": \"" HEX          \
    "\", \"operator_curve_key\": \"" HEX "\", \"attestation_mrsigner\": \"" HEX "\""

static void keys_are_exactly_the_known_ones(void **state)
{
    tacit_error_t error;
    (void)state;
    assert_int_equal(
        s_load_text("{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"x\"}", &error),
        TACIT_OK);
    assert_int_equal(s_load_text("{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"x\", "
                                 "\"verify\": false}",
                                 &error),
                     TACIT_MALFORMED);
    assert_string_equal(error.claim, "verify");
    assert_int_equal(s_load_text("{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"x\", "
                                 "\"simulated\": true}",
                                 &error),
                     TACIT_MALFORMED);
    assert_int_equal(s_load_text("{" MEMBERS ", \"introduction\": \"x\"}", &error),
                     TACIT_MALFORMED);
    assert_string_equal(error.claim, "attestation_svn");
}

static void values_are_exactly_of_their_kind(void **state)
{
    static const struct {
        const char *rest;
        tacit_status_t status;
    } rows[] = {
        {"\"attestation_svn\": 0, \"introduction\": \"x\"", TACIT_OK},
        {"\"attestation_svn\": 65535, \"introduction\": \"x\"", TACIT_OK},
        {"\"attestation_svn\": 65536, \"introduction\": \"x\"", TACIT_MALFORMED},
        {"\"attestation_svn\": -1, \"introduction\": \"x\"", TACIT_MALFORMED},
        {"\"attestation_svn\": 1.0, \"introduction\": \"x\"", TACIT_MALFORMED},
        {"\"attestation_svn\": \"1\", \"introduction\": \"x\"", TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": \"\"", TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": null", TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": \"x\\u0000y\"", TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": \"x\", \"attestation_mrenclave\": \"" HEX "\"",
         TACIT_OK},
        {"\"attestation_svn\": 1, \"introduction\": \"x\", \"attestation_mrenclave\": null",
         TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": \"x\", \"attestation_mrenclave\": \"" HEX
         "00\"",
         TACIT_MALFORMED},
        {"\"attestation_svn\": 1, \"introduction\": \"x\", \"attestation_mrenclave\": \"\"",
         TACIT_MALFORMED},
    };
    char text[2048];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tacit_error_t error;
        snprintf(text, sizeof text, "{" MEMBERS ", %s}", rows[i].rest);
        assert_int_equal(s_load_text(text, &error), rows[i].status);
    }
}

static void hex_is_lowercase_and_whole(void **state)
{
    tacit_trust_t trust = s_sample();
    char text[4096];
    char changed[4096];
    tacit_error_t error;
    (void)state;
    assert_int_equal(tacit_trust_save(&trust, s_path, NULL), TACIT_OK);
    FILE *file = fopen(s_path, "r");
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_int_equal(s_load_text(text, &error), TACIT_OK);
    const char letters[] = "Fg :\n-";
    for (size_t i = 0; letters[i]; i++) {
        snprintf(changed, sizeof changed, "%s", text);
        *strstr(changed, "ffff") = letters[i];
        assert_int_equal(s_load_text(changed, &error), TACIT_MALFORMED);
    }
    for (size_t cut = 0; cut + 2 < size; cut++) { /* all but the last brace and newline */
        snprintf(changed, sizeof changed, "%s", text);
        changed[cut] = '\0';
        assert_int_equal(s_load_text(changed, &error), TACIT_MALFORMED);
    }
    snprintf(changed, sizeof changed, "%s", text);
    snprintf(changed + size, sizeof changed - size, "{}");
    assert_int_equal(s_load_text(changed, &error), TACIT_MALFORMED);
    assert_int_equal(s_load_text("[]", &error), TACIT_MALFORMED);
    assert_int_equal(s_load_text("null", &error), TACIT_MALFORMED);
}

static void endpoints_and_files_are_bounded(void **state)
{
    static char text[S_FILE_LIMIT + 2];
    tacit_trust_t trust = s_sample();
    tacit_error_t error;
    char endpoint[TACIT_ENDPOINT_MAX + 1] = {0};
    (void)state;
    for (size_t length = TACIT_ENDPOINT_MAX - 1; length <= TACIT_ENDPOINT_MAX; length++) {
        memset(endpoint, 'e', length);
        snprintf(text, sizeof text,
                 "{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"%s\"}", endpoint);
        assert_int_equal(s_load_text(text, &error),
                         length < TACIT_ENDPOINT_MAX ? TACIT_OK : TACIT_MALFORMED);
    }
    memset(text, ' ', sizeof text);
    snprintf(text, sizeof text, "{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"x\"}");
    text[strlen(text)] = ' ';
    s_write(text, S_FILE_LIMIT);
    assert_int_equal(tacit_trust_load(s_path, &trust, &error), TACIT_OK);
    s_write(text, S_FILE_LIMIT + 1);
    assert_int_equal(tacit_trust_load(s_path, &trust, &error), TACIT_TOO_LARGE);
}

static void the_mesh_id_depends_on_everything_but_the_endpoint(void **state)
{
    uint8_t first[32];
    uint8_t other[32];
    tacit_trust_t trust = s_sample();
    (void)state;
    tacit_trust_mesh_id(&trust, first);
    snprintf(trust.introduction, sizeof trust.introduction, "%s", "tcp://elsewhere:1");
    tacit_trust_mesh_id(&trust, other);
    assert_memory_equal(first, other, 32);
    uint8_t *const places[] = {trust.root_sha256,           trust.operator_signing_key,
                               trust.operator_curve_key,    trust.attestation_mrsigner,
                               trust.attestation_mrenclave, (uint8_t *)&trust.attestation_svn};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        *places[i] ^= 1;
        tacit_trust_mesh_id(&trust, other);
        assert_memory_not_equal(first, other, 32);
        *places[i] ^= 1;
    }
    trust.simulated = false;
    tacit_trust_mesh_id(&trust, other);
    assert_memory_not_equal(first, other, 32);
    trust = s_sample();
    trust.has_attestation_mrenclave = false;
    tacit_trust_mesh_id(&trust, other);
    assert_memory_not_equal(first, other, 32);
    trust = s_sample();
    trust.tee = TACIT_TEE_TDX;
    tacit_trust_mesh_id(&trust, other);
    assert_memory_not_equal(first, other, 32);
}

static void the_kind_stands_in_the_file_where_it_is_not_sgx(void **state)
{
    (void)state;
    tacit_error_t error;
    tacit_trust_t loaded;
    for (int i = 0; i < TACIT_TEES; i++) {
        tacit_trust_t trust = s_sample();
        trust.tee = (tacit_tee_t)i;
        assert_int_equal(tacit_trust_save(&trust, s_path, &error), TACIT_OK);
        assert_int_equal(tacit_trust_load(s_path, &loaded, &error), TACIT_OK);
        assert_int_equal(loaded.tee, i);
        assert_true(loaded.has_attestation_mrenclave == trust.has_attestation_mrenclave);
    }
    const char *const wrong[] = {"\"snp\"", "\"\"", "1", "null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 "{" MEMBERS ", \"attestation_svn\": 1, \"introduction\": \"x\", \"tee\": %s}",
                 wrong[i]);
        assert_int_equal(s_load_text(text, &error), TACIT_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saving_and_loading_give_the_same),
        cmocka_unit_test(saving_leaves_one_readable_file),
        cmocka_unit_test(saving_fails_with_a_reason),
        cmocka_unit_test(a_missing_file_is_told),
        cmocka_unit_test(the_kind_stands_in_the_file_where_it_is_not_sgx),
        cmocka_unit_test(keys_are_exactly_the_known_ones),
        cmocka_unit_test(values_are_exactly_of_their_kind),
        cmocka_unit_test(hex_is_lowercase_and_whole),
        cmocka_unit_test(endpoints_and_files_are_bounded),
        cmocka_unit_test(the_mesh_id_depends_on_everything_but_the_endpoint),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
