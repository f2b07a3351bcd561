/*  vault_test.c - users, keys, grants and the release: every refusal by its code, every limit at it
    and one above, and a full disk that changes nothing. On the real platform.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "enclave/clock.h"
#include "idl/keys.h"
#include "platform_fixture.h"
#include "services/keys/vault.h"
#include "state_folder.h"

enum { S_OWNER = 1, S_USER = 2, S_OTHER = 3, S_WORKER = 50, S_MEASUREMENT = 60 };

static char s_base[STATE_FOLDER_MAX]; /* of the platform */
static char s_folder[STATE_FOLDER_MAX];
static uint8_t s_mesh_id[32]; /* of this test case */
static tacit_secret_t *s_key;
static tacit_vault_t *s_vault;

/*  32 bytes that stand for a key: the same for the same number.  */
static const uint8_t *s_bytes(uint32_t number)
{
    static uint8_t bytes[16][32];
    static size_t next;
    uint8_t *made = bytes[next++ % 16];
    memset(made, 0x5a, 32);
    memcpy(made, &number, sizeof number);
    return made;
}

static tacit_model_ref_t s_model(const char *name)
{
    tacit_model_ref_t ref;
    assert_int_equal(tacit_model_ref(s_bytes(S_OWNER), tacit_span_string(name), &ref, NULL),
                     TACIT_OK);
    return ref;
}

/*  --- opening --------------------------------------------------------------------------------- */

static void s_open(void)
{
    tacit_error_t error = {.code = TACIT_OK};
    if (tacit_vault_open(s_folder, s_key, platform_fixture(), s_mesh_id, &s_vault, &error)) {
        fail_msg("%s (%s: expected %s, got %s)", error.message, error.claim, error.expected,
                 error.got);
    }
}

static void s_open_again(void)
{
    tacit_vault_destroy(&s_vault);
    s_open();
}

static int s_setup_group(void **state)
{
    (void)state;
    state_folder_make(s_base);
    platform_fixture_start(s_base);
    return tacit_secret_random(TACIT_KEY_SIZE, &s_key) ? -1 : 0;
}

static int s_teardown_group(void **state)
{
    (void)state;
    platform_fixture_end();
    tacit_secret_destroy(&s_key);
    state_folder_remove(s_base);
    return 0;
}

static int s_setup(void **state)
{
    (void)state;
    state_folder_make(s_folder);
    randombytes_buf(s_mesh_id, sizeof s_mesh_id);
    s_open();
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    state_disk_free();
    tacit_vault_destroy(&s_vault);
    state_folder_remove(s_folder);
    return 0;
}

/*  --- what is asked --------------------------------------------------------------------------- */

static tacit_status_t s_enrol(uint32_t user)
{
    return tacit_vault_enrol(s_vault, s_bytes(user), s_bytes(user + 1000), NULL);
}

static tacit_status_t s_put_key(const char *name, uint32_t version, uint32_t key)
{
    tacit_model_ref_t model = s_model(name);
    return tacit_vault_put_model_key(s_vault, &model, version, s_bytes(key), s_bytes(key + 1),
                                     NULL);
}

static tacit_status_t s_remove_key(const char *name, uint32_t version)
{
    tacit_model_ref_t model = s_model(name);
    return tacit_vault_remove_model_key(s_vault, &model, version, NULL);
}

static tacit_status_t s_grant(const char *name, uint32_t user, uint64_t expires_ms, uint32_t uses,
                              uint8_t ret_id[16])
{
    tacit_grant_t grant = {.model = s_model(name), .expires_ms = expires_ms, .uses = uses};
    memcpy(grant.user, s_bytes(user), 32);
    memcpy(grant.measurement, s_bytes(S_MEASUREMENT), 32);
    return tacit_vault_grant(s_vault, &grant, ret_id, NULL);
}

static tacit_status_t s_put_request_key(const char *name, uint32_t user, uint32_t key)
{
    tacit_model_ref_t model = s_model(name);
    return tacit_vault_put_request_key(s_vault, s_bytes(user), &model, s_bytes(S_MEASUREMENT),
                                       s_bytes(key), NULL);
}

typedef struct {
    const char *name;
    uint32_t version;
    uint32_t user;
    uint32_t measurement;
    uint32_t request;
} s_ask_t;

static tacit_status_t s_ask(const s_ask_t *ask, tacit_release_t *ret_release,
                            tacit_error_t *ret_error)
{
    const tacit_release_request_t request = {
        .worker = s_bytes(S_WORKER),
        .measurement = s_bytes(ask->measurement),
        .user = s_bytes(ask->user),
        .model = s_model(ask->name),
        .version = ask->version,
        .request_id = s_bytes(ask->request),
    };
    return tacit_vault_release(s_vault, &request, ret_release, ret_error);
}

/*  The usual question: model m, newest version, by the user.  */
static tacit_status_t s_release(uint32_t request)
{
    tacit_release_t release;
    const s_ask_t ask = {"m", 0, S_USER, S_MEASUREMENT, request};
    return s_ask(&ask, &release, NULL);
}

/*  Owner and user, model m version 1 with key 100, a request key 200, and a grant.  */
static void s_prepare(uint32_t uses, uint8_t ret_id[16])
{
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    assert_int_equal(s_enrol(S_USER), TACIT_OK);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_OK);
    assert_int_equal(s_grant("m", S_USER, 0, uses, ret_id), TACIT_OK);
    assert_int_equal(s_put_request_key("m", S_USER, 200), TACIT_OK);
}

/*  The newest audit entry.  */
static tacit_audit_record_t s_newest_entry(void)
{
    static tacit_audit_record_t records[256];
    size_t count = 0;
    assert_int_equal(tacit_vault_read_audit(s_vault, 1, records, 256, &count), TACIT_OK);
    assert_true(count > 0 && count < 256);
    return records[count - 1];
}

/*  --- users ----------------------------------------------------------------------------------- */

static void a_user_is_enrolled_for_good(void **state)
{
    (void)state;
    tacit_error_t error = {.code = TACIT_OK};
    assert_false(tacit_vault_enrolled(s_vault, s_bytes(S_USER)));
    assert_int_equal(s_enrol(S_USER), TACIT_OK);
    assert_int_equal(s_enrol(S_USER), TACIT_OK);
    assert_int_equal(tacit_vault_enrol(s_vault, s_bytes(S_USER), s_bytes(9), &error),
                     TACIT_ALREADY_EXISTS);
    assert_string_equal(error.claim, "signing key");
    s_open_again();
    assert_true(tacit_vault_enrolled(s_vault, s_bytes(S_USER)));
    assert_false(tacit_vault_enrolled(s_vault, s_bytes(S_OTHER)));
    assert_int_equal(tacit_vault_enrol(s_vault, s_bytes(S_USER), s_bytes(9), NULL),
                     TACIT_ALREADY_EXISTS);
}

static void who_is_not_enrolled_can_do_nothing(void **state)
{
    (void)state;
    uint8_t id[16] = {0};
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(s_put_key("m", 1, 100), TACIT_KEYS_NOT_ENROLLED);
    assert_int_equal(s_remove_key("m", 1), TACIT_KEYS_NOT_ENROLLED);
    assert_int_equal(s_grant("m", S_USER, 0, 0, id), TACIT_KEYS_NOT_ENROLLED);
    assert_int_equal(s_put_request_key("m", S_USER, 200), TACIT_KEYS_NOT_ENROLLED);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, &error),
                     TACIT_KEYS_NOT_ENROLLED);
    assert_string_equal(error.name, "not_enrolled");
    assert_true(error.message[0]);
}

static void a_model_has_a_valid_name(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".m", "M", "a/b", "a b"};
    char longest[TACIT_MODEL_NAME_MAX + 2];
    tacit_model_ref_t ref;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(tacit_model_ref(s_bytes(1), tacit_span_string(bad[i]), &ref, NULL),
                         TACIT_BAD_INPUT);
    }
    memset(longest, 'a', sizeof longest);
    assert_int_equal(
        tacit_model_ref(s_bytes(1), tacit_span(longest, TACIT_MODEL_NAME_MAX), &ref, NULL),
        TACIT_OK);
    assert_int_equal(
        tacit_model_ref(s_bytes(1), tacit_span(longest, TACIT_MODEL_NAME_MAX + 1), &ref, NULL),
        TACIT_BAD_INPUT);
}

/*  --- versions -------------------------------------------------------------------------------- */

static void versions_only_go_up(void **state)
{
    (void)state;
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    assert_int_equal(s_put_key("m", 0, 100), TACIT_KEYS_STALE_VERSION);
    assert_int_equal(s_put_key("m", 2, 100), TACIT_OK);
    assert_int_equal(s_put_key("m", 2, 100), TACIT_OK); /* the very same again */
    assert_int_equal(s_put_key("m", 2, 101), TACIT_KEYS_STALE_VERSION);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_KEYS_STALE_VERSION);
    assert_int_equal(s_put_key("m", UINT32_MAX, 102), TACIT_OK);
    assert_int_equal(s_put_key("m", 2, 100), TACIT_KEYS_STALE_VERSION);
    assert_int_equal(s_put_key("other", 1, 100), TACIT_OK); /* another model counts for itself */
    s_open_again();
    assert_int_equal(s_put_key("m", 3, 103), TACIT_KEYS_STALE_VERSION);
    assert_int_equal(s_put_key("m", UINT32_MAX, 102), TACIT_OK);
}

static void the_same_key_for_other_content_is_another_version(void **state)
{
    (void)state;
    tacit_model_ref_t model = s_model("m");
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_OK);
    assert_int_equal(
        tacit_vault_put_model_key(s_vault, &model, 1, s_bytes(100), s_bytes(999), NULL),
        TACIT_KEYS_STALE_VERSION);
}

static void a_release_is_of_the_version_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint32_t asked;
        tacit_status_t status;
        uint32_t version;
        uint32_t key;
    } rows[] = {{0, TACIT_OK, 5, 105},
                {5, TACIT_OK, 5, 105},
                {1, TACIT_OK, 1, 100},
                {2, TACIT_KEYS_NO_MODEL_KEY, 0, 0},
                {6, TACIT_KEYS_NO_MODEL_KEY, 0, 0}};
    uint8_t id[16];
    s_prepare(0, id);
    assert_int_equal(s_put_key("m", 5, 105), TACIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_release_t release = {0};
        const s_ask_t ask = {"m", rows[i].asked, S_USER, S_MEASUREMENT, 1};
        assert_int_equal(s_ask(&ask, &release, NULL), rows[i].status);
        assert_int_equal(release.version, rows[i].version);
        if (!rows[i].status) {
            assert_memory_equal(release.model_key, s_bytes(rows[i].key), 32);
            assert_memory_equal(release.content_sha256, s_bytes(rows[i].key + 1), 32);
        }
    }
}

static void a_removed_version_is_not_released(void **state)
{
    (void)state;
    uint8_t id[16];
    s_prepare(0, id);
    assert_int_equal(s_put_key("m", 2, 102), TACIT_OK);
    assert_int_equal(s_put_key("m", 3, 103), TACIT_OK);
    assert_int_equal(s_remove_key("m", 4), TACIT_KEYS_NO_MODEL_KEY);
    assert_int_equal(s_remove_key("n", 0), TACIT_KEYS_NO_MODEL_KEY);
    assert_int_equal(s_remove_key("m", 3), TACIT_OK);
    tacit_release_t release = {0};
    const s_ask_t ask = {"m", 0, S_USER, S_MEASUREMENT, 1};
    assert_int_equal(s_ask(&ask, &release, NULL), TACIT_OK);
    assert_int_equal(release.version, 2);
    s_open_again();
    assert_int_equal(s_remove_key("m", 0), TACIT_OK);
    assert_int_equal(s_release(2), TACIT_KEYS_NO_MODEL_KEY);
    assert_int_equal(s_remove_key("m", 0), TACIT_KEYS_NO_MODEL_KEY);
    s_open_again();
    assert_int_equal(s_release(3), TACIT_KEYS_NO_MODEL_KEY);
}

/*  --- the release ----------------------------------------------------------------------------- */

static void a_release_hands_out_what_was_put(void **state)
{
    (void)state;
    uint8_t id[16];
    s_prepare(0, id);
    for (size_t i = 0; i < 2; i++) {
        tacit_release_t release = {0};
        const s_ask_t ask = {"m", 1, S_USER, S_MEASUREMENT, 1};
        assert_int_equal(s_ask(&ask, &release, NULL), TACIT_OK);
        assert_int_equal(release.version, 1);
        assert_int_equal(release.lease_ms, TACIT_VAULT_LEASE_MS);
        assert_memory_equal(release.model_key, s_bytes(100), 32);
        assert_memory_equal(release.request_key, s_bytes(200), 32);
        assert_memory_equal(release.content_sha256, s_bytes(101), 32);
        assert_memory_equal(release.owner_signing_key, s_bytes(S_OWNER + 1000), 32);
        tacit_audit_record_t entry = s_newest_entry();
        assert_string_equal(entry.action, "release");
        assert_string_equal(entry.outcome, "ok");
        assert_memory_equal(entry.actor, s_bytes(S_WORKER), 32);
        assert_non_null(strstr(entry.subject, "/m user "));
        s_open_again();
    }
}

static void a_new_request_key_replaces_the_old(void **state)
{
    (void)state;
    uint8_t id[16];
    tacit_release_t release = {0};
    const s_ask_t ask = {"m", 1, S_USER, S_MEASUREMENT, 1};
    s_prepare(0, id);
    assert_int_equal(s_put_request_key("m", S_USER, 201), TACIT_OK);
    assert_int_equal(s_ask(&ask, &release, NULL), TACIT_OK);
    assert_memory_equal(release.request_key, s_bytes(201), 32);
    s_open_again();
    assert_int_equal(s_ask(&ask, &release, NULL), TACIT_OK);
    assert_memory_equal(release.request_key, s_bytes(201), 32);
}

/*  One thing is wrong in each row; nothing is handed out, and the audit chain names the refusal. */
static void every_refusal_has_its_code(void **state)
{
    (void)state;
    static const struct {
        s_ask_t ask;
        tacit_status_t status;
        const char *name;
    } rows[] = {
        {{"m", 0, 77, S_MEASUREMENT, 1}, TACIT_KEYS_NOT_ENROLLED, "not_enrolled"},
        {{"m", 0, S_OTHER, S_MEASUREMENT, 1}, TACIT_KEYS_NOT_GRANTED, "not_granted"},
        {{"m", 0, S_USER, S_MEASUREMENT + 1, 1}, TACIT_KEYS_NOT_GRANTED, "not_granted"},
        {{"none", 0, S_USER, S_MEASUREMENT, 1}, TACIT_KEYS_NOT_GRANTED, "not_granted"},
        {{"m", 9, S_USER, S_MEASUREMENT, 1}, TACIT_KEYS_NO_MODEL_KEY, "no_model_key"},
        {{"keyless", 0, S_USER, S_MEASUREMENT, 1}, TACIT_KEYS_NO_REQUEST_KEY, "no_request_key"},
        {{"expired", 0, S_USER, S_MEASUREMENT, 1}, TACIT_KEYS_GRANT_EXPIRED, "grant_expired"},
        {{"revoked", 0, S_USER, S_MEASUREMENT, 1}, TACIT_KEYS_GRANT_REVOKED, "grant_revoked"},
    };
    uint8_t id[16];
    s_prepare(0, id);
    assert_int_equal(s_enrol(S_OTHER), TACIT_OK);
    assert_int_equal(s_put_key("keyless", 1, 1), TACIT_OK);
    assert_int_equal(s_grant("keyless", S_USER, 0, 0, id), TACIT_OK);
    assert_int_equal(s_put_key("expired", 1, 1), TACIT_OK);
    assert_int_equal(s_grant("expired", S_USER, 1, 0, id), TACIT_OK);
    assert_int_equal(s_put_key("revoked", 1, 1), TACIT_OK);
    assert_int_equal(s_grant("revoked", S_USER, 0, 0, id), TACIT_OK);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, NULL), TACIT_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_release_t release = {0};
        tacit_error_t error = {.code = TACIT_OK};
        assert_int_equal(s_ask(&rows[i].ask, &release, &error), rows[i].status);
        assert_int_equal(error.code, rows[i].status);
        assert_string_equal(error.name, rows[i].name);
        assert_true(sodium_is_zero((const unsigned char *)&release, sizeof release));
        assert_string_equal(s_newest_entry().outcome, rows[i].name);
    }
    assert_int_equal(s_release(1), TACIT_OK);
}

static void a_model_of_nobody_is_not_released(void **state)
{
    (void)state;
    tacit_release_t release;
    const s_ask_t ask = {"m", 0, S_USER, S_MEASUREMENT, 1};
    assert_int_equal(s_enrol(S_USER), TACIT_OK);
    assert_int_equal(s_ask(&ask, &release, NULL), TACIT_KEYS_NOT_GRANTED);
}

/*  --- grants ---------------------------------------------------------------------------------- */

static void a_grant_ends_at_its_time(void **state)
{
    (void)state;
    uint8_t id[16];
    s_prepare(0, id);
    assert_int_equal(s_grant("m", S_USER, tacit_now_ms() + 60000, 0, id), TACIT_OK);
    assert_int_equal(s_release(1), TACIT_OK);
    assert_int_equal(s_grant("m", S_USER, tacit_now_ms() + 30, 0, id), TACIT_OK);
    usleep(40 * 1000);
    assert_int_equal(s_release(1), TACIT_KEYS_GRANT_EXPIRED);
    s_open_again();
    assert_int_equal(s_release(1), TACIT_KEYS_GRANT_EXPIRED);
    assert_int_equal(s_grant("m", S_USER, UINT64_MAX, 0, id), TACIT_OK);
    assert_int_equal(s_release(1), TACIT_OK);
}

static void uses_are_counted_once_per_request(void **state)
{
    (void)state;
    static const struct {
        uint32_t request;
        tacit_status_t status;
        uint32_t used;
    } rows[] = {
        {1, TACIT_OK, 1},
        {1, TACIT_OK, 1},
        {2, TACIT_OK, 2},
        {3, TACIT_KEYS_GRANT_USED_UP, 2},
        {1, TACIT_OK, 2},
        {2, TACIT_OK, 2},
        {4, TACIT_KEYS_GRANT_USED_UP, 2},
    };
    uint8_t id[16];
    s_prepare(2, id);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tacit_release_t release = {0};
        tacit_grant_t grant;
        const s_ask_t ask = {"m", 0, S_USER, S_MEASUREMENT, rows[i].request};
        assert_int_equal(s_ask(&ask, &release, NULL), rows[i].status);
        assert_int_equal(release.lease_ms, 0); /* each use is asked for */
        assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_USER), 0, &grant, 1), 1);
        assert_int_equal(grant.used, rows[i].used);
        s_open_again(); /* what was spent is spent, and what was remembered is remembered */
    }
}

static void a_request_that_is_long_ago_is_a_new_one(void **state)
{
    (void)state;
    uint8_t id[16];
    tacit_grant_t grant;
    s_prepare(TACIT_VAULT_RECENT_MAX + 2, id);
    for (uint32_t i = 0; i < TACIT_VAULT_RECENT_MAX + 1; i++) {
        assert_int_equal(s_release(500 + i), TACIT_OK);
    }
    assert_int_equal(s_release(501), TACIT_OK); /* the last that is remembered */
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_USER), 0, &grant, 1), 1);
    assert_int_equal(grant.used, TACIT_VAULT_RECENT_MAX + 1);
    assert_int_equal(s_release(500), TACIT_OK);
    assert_int_equal(s_release(500), TACIT_OK);
    assert_int_equal(s_release(600), TACIT_KEYS_GRANT_USED_UP);
}

static void a_refusal_spends_nothing(void **state)
{
    (void)state;
    uint8_t id[16];
    tacit_grant_t grant;
    s_prepare(1, id);
    assert_int_equal(s_remove_key("m", 1), TACIT_OK);
    assert_int_equal(s_release(1), TACIT_KEYS_NO_MODEL_KEY);
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_USER), 0, &grant, 1), 1);
    assert_int_equal(grant.used, 0);
}

static void a_grant_again_replaces_the_one_before(void **state)
{
    (void)state;
    uint8_t first[16];
    uint8_t second[16];
    tacit_grant_t grants[3];
    s_prepare(1, first);
    assert_int_equal(s_release(1), TACIT_OK);
    assert_int_equal(s_release(2), TACIT_KEYS_GRANT_USED_UP);
    assert_int_equal(s_grant("m", S_USER, 0, 1, second), TACIT_OK);
    assert_memory_not_equal(first, second, 16);
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_USER), 0, grants, 3), 1);
    assert_int_equal(grants[0].used, 0);
    assert_int_equal(s_release(1), TACIT_OK); /* is a use of the new one */
    assert_int_equal(s_release(2), TACIT_KEYS_GRANT_USED_UP);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), first, NULL), TACIT_NOT_FOUND);
}

static void what_is_revoked_stays_so_until_it_is_granted_again(void **state)
{
    (void)state;
    uint8_t id[16];
    s_prepare(0, id);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, NULL), TACIT_OK);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, NULL), TACIT_OK);
    assert_int_equal(s_release(1), TACIT_KEYS_GRANT_REVOKED);
    s_open_again();
    assert_int_equal(s_release(1), TACIT_KEYS_GRANT_REVOKED);
    assert_int_equal(s_grant("m", S_USER, 0, 0, id), TACIT_OK);
    assert_int_equal(s_release(1), TACIT_OK);
}

static void only_the_owner_revokes(void **state)
{
    (void)state;
    uint8_t id[16];
    const uint8_t unknown[16] = {1};
    s_prepare(0, id);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_USER), id, NULL), TACIT_NOT_FOUND);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), unknown, NULL), TACIT_NOT_FOUND);
    assert_int_equal(s_release(1), TACIT_OK);
}

static void a_grant_needs_a_model(void **state)
{
    (void)state;
    uint8_t id[16];
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    assert_int_equal(s_grant("m", S_USER, 0, 0, id), TACIT_KEYS_NO_MODEL_KEY);
}

/*  --- lists ----------------------------------------------------------------------------------- */

static void lists_are_read_in_pages(void **state)
{
    (void)state;
    uint8_t id[16];
    tacit_model_key_entry_t models[4];
    tacit_grant_t grants[4];
    s_prepare(0, id);
    assert_int_equal(s_put_key("m", 2, 1), TACIT_OK);
    assert_int_equal(s_put_key("n", 1, 1), TACIT_OK);
    assert_int_equal(s_grant("n", S_OTHER, 0, 0, id), TACIT_OK);
    assert_int_equal(tacit_vault_list_models(s_vault, s_bytes(S_OWNER), 0, models, 4), 3);
    assert_string_equal(models[0].model.name, "m");
    assert_int_equal(models[1].version, 2);
    assert_int_equal(tacit_vault_list_models(s_vault, s_bytes(S_OWNER), 1, models, 1), 1);
    assert_int_equal(models[0].version, 2);
    assert_int_equal(tacit_vault_list_models(s_vault, s_bytes(S_OWNER), 3, models, 4), 0);
    assert_int_equal(tacit_vault_list_models(s_vault, s_bytes(S_USER), 0, models, 4), 0);
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_OWNER), 0, grants, 4), 2);
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_OWNER), 1, grants, 4), 1);
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_OTHER), 0, grants, 4), 1);
    assert_string_equal(grants[0].model.name, "n");
    assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_WORKER), 0, grants, 4), 0);
}

/*  --- limits: filled by hand, in one transaction ---------------------------------------------- */

static tacit_status_t s_ignore(void *context, unsigned kind, tacit_span_t key, tacit_span_t value)
{
    (void)context;
    (void)kind;
    (void)key;
    (void)value;
    return TACIT_OK;
}

typedef struct {
    unsigned kind;
    size_t key_size;
    size_t value_size;
    void (*fill)(uint32_t number, uint8_t *key);
} s_kind_t;

/*  Closes the vault, adds records numbered from first on, and opens it again.  */
static tacit_status_t s_try_fill(const s_kind_t *kind, uint32_t first, uint32_t count)
{
    uint8_t counter[32];
    uint8_t key[TACIT_RECORD_KEY_MAX] = {0};
    static const uint8_t value[TACIT_RECORD_VALUE_MAX];
    tacit_sealed_store_t *store = NULL;
    tacit_transcript_t transcript;
    tacit_transcript_start(&transcript, "tacit/counter/keys/v1");
    tacit_transcript_add(&transcript, tacit_span(s_mesh_id, 32));
    crypto_hash_sha256(counter, transcript.data, transcript.size);
    tacit_vault_destroy(&s_vault);
    assert_int_equal(tacit_sealed_store_open(state_path(s_folder, "keys.db"), s_key,
                                             platform_fixture(), counter, s_ignore, NULL, &store,
                                             NULL),
                     TACIT_OK);
    tacit_sealed_store_begin(store);
    for (uint32_t i = 0; i < count; i++) {
        kind->fill(first + i, key);
        tacit_sealed_store_put(store, kind->kind, tacit_span(key, kind->key_size),
                               tacit_span(value, kind->value_size));
    }
    assert_int_equal(tacit_sealed_store_commit(store, NULL), TACIT_OK);
    tacit_sealed_store_destroy(&store);
    return tacit_vault_open(s_folder, s_key, platform_fixture(), s_mesh_id, &s_vault, NULL);
}

static void s_fill(const s_kind_t *kind, uint32_t first, uint32_t count)
{
    assert_int_equal(s_try_fill(kind, first, count), TACIT_OK);
}

static void s_fill_user(uint32_t number, uint8_t *key)
{
    memcpy(key, s_bytes(number), 32);
}

static void s_fill_model_key(uint32_t number, uint8_t *key)
{
    tacit_model_ref_t model = s_model("full");
    memcpy(key, &model, sizeof model);
    memcpy(key + sizeof model, &number, sizeof number);
}

/*  Grants of models of the owner, for users of that number.  */
static void s_fill_grant(uint32_t number, uint8_t *key)
{
    tacit_model_ref_t model = s_model("m");
    memcpy(key, &model, sizeof model);
    memcpy(key + sizeof model, s_bytes(number), 32);
    memcpy(key + sizeof model + 32, s_bytes(S_MEASUREMENT), 32);
}

/*  Request keys of the user, for measurements of that number.  */
static void s_fill_request_key(uint32_t number, uint8_t *key)
{
    tacit_model_ref_t model = s_model("m");
    memcpy(key, &model, sizeof model);
    memcpy(key + sizeof model, s_bytes(S_USER), 32);
    memcpy(key + sizeof model + 32, s_bytes(number), 32);
}

static const s_kind_t s_users = {1, 32, 32, s_fill_user};
static const s_kind_t s_model_keys = {2, 32 + 64 + 4, 32 + 32 + 8, s_fill_model_key};
static const s_kind_t s_grants = {3, 32 + 64 + 64, 16 + 8 + 4 + 4 + 1 + 16 * 16, s_fill_grant};
static const s_kind_t s_request_keys = {4, 32 + 64 + 64, 32, s_fill_request_key};

static void users_are_limited(void **state)
{
    (void)state;
    s_fill(&s_users, 10000, TACIT_VAULT_USERS_MAX - 1);
    assert_int_equal(s_enrol(1), TACIT_OK);
    assert_int_equal(s_enrol(2), TACIT_KEYS_QUOTA_EXCEEDED);
    assert_int_equal(s_enrol(1), TACIT_OK);
}

static void model_keys_of_an_owner_are_limited(void **state)
{
    (void)state;
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    s_fill(&s_model_keys, 1, TACIT_VAULT_MODEL_KEYS_MAX - 1);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_OK);
    assert_int_equal(s_put_key("m", 2, 102), TACIT_KEYS_QUOTA_EXCEEDED);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_OK);
    assert_int_equal(s_remove_key("full", 1), TACIT_OK);
    assert_int_equal(s_put_key("m", 2, 102), TACIT_OK);
}

static void grants_of_an_owner_are_limited(void **state)
{
    (void)state;
    uint8_t id[16];
    assert_int_equal(s_enrol(S_OWNER), TACIT_OK);
    assert_int_equal(s_put_key("m", 1, 100), TACIT_OK);
    s_fill(&s_grants, 10000, TACIT_VAULT_GRANTS_MAX - 1);
    assert_int_equal(s_grant("m", 1, 0, 0, id), TACIT_OK);
    assert_int_equal(s_grant("m", 2, 0, 0, id), TACIT_KEYS_QUOTA_EXCEEDED);
    assert_int_equal(s_grant("m", 1, 0, 5, id), TACIT_OK); /* one that is there is replaced */
}

static void request_keys_of_a_user_are_limited(void **state)
{
    (void)state;
    assert_int_equal(s_enrol(S_USER), TACIT_OK);
    s_fill(&s_request_keys, 10000, TACIT_VAULT_REQUEST_KEYS_MAX - 1);
    assert_int_equal(s_put_request_key("m", S_USER, 200), TACIT_OK);
    assert_int_equal(s_put_request_key("n", S_USER, 200), TACIT_KEYS_QUOTA_EXCEEDED);
    assert_int_equal(s_put_request_key("m", S_USER, 201), TACIT_OK);
}

static void a_record_of_another_shape_is_corrupt(void **state)
{
    (void)state;
    const s_kind_t kinds[] = {s_users, s_model_keys, s_grants, s_request_keys};
    for (size_t i = 0; i < 4 * sizeof kinds / sizeof kinds[0]; i++) {
        s_kind_t wrong = kinds[i / 4];
        wrong.key_size -= i % 4 == 0;
        wrong.value_size -= i % 4 == 1;
        wrong.value_size += i % 4 == 2;
        wrong.kind = i % 4 == 3 ? 5 + (unsigned)i : wrong.kind;
        assert_int_equal(s_try_fill(&wrong, 1, 1), TACIT_CORRUPT);
        assert_null(s_vault);
        assert_int_equal(s_teardown(state), 0);
        assert_int_equal(s_setup(state), 0);
    }
}

/*  --- a full disk ----------------------------------------------------------------------------- */

static void a_full_disk_changes_nothing_in_memory(void **state)
{
    (void)state;
    uint8_t id[16];
    uint8_t other[16] = {9};
    tacit_release_t release = {0};
    tacit_grant_t grant;
    const s_ask_t ask = {"m", 0, S_USER, S_MEASUREMENT, 7};
    s_prepare(3, id);
    state_disk_full(0);
    assert_int_equal(s_enrol(S_OTHER), TACIT_STORAGE_FULL);
    assert_int_equal(s_put_key("m", 2, 102), TACIT_STORAGE_FULL);
    assert_int_equal(s_put_key("n", 1, 102), TACIT_STORAGE_FULL);
    assert_int_equal(s_remove_key("m", 1), TACIT_STORAGE_FULL);
    assert_int_equal(s_grant("m", S_USER, 1, 9, other), TACIT_STORAGE_FULL);
    assert_int_equal(s_grant("m", S_OTHER, 0, 0, other), TACIT_STORAGE_FULL);
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, NULL), TACIT_STORAGE_FULL);
    assert_int_equal(s_put_request_key("m", S_USER, 201), TACIT_STORAGE_FULL);
    assert_int_equal(s_put_request_key("n", S_USER, 201), TACIT_STORAGE_FULL);
    assert_int_equal(s_ask(&ask, &release, NULL), TACIT_STORAGE_FULL);
    assert_true(sodium_is_zero((const unsigned char *)&release, sizeof release));
    assert_int_equal(other[0], 9);
    state_disk_free();
    for (size_t i = 0; i < 2; i++) {
        assert_false(tacit_vault_enrolled(s_vault, s_bytes(S_OTHER)));
        assert_int_equal(tacit_vault_list_grants(s_vault, s_bytes(S_OWNER), 0, &grant, 1), 1);
        assert_memory_equal(grant.id, id, 16);
        assert_int_equal(grant.used, i);
        assert_int_equal(s_ask(&ask, &release, NULL), TACIT_OK);
        assert_int_equal(release.version, 1);
        assert_memory_equal(release.request_key, s_bytes(200), 32);
        s_open_again();
    }
}

/*  A refusal that cannot be recorded is not one: it is a failure.  */
static void a_full_disk_hides_no_refusal(void **state)
{
    (void)state;
    uint8_t id[16];
    s_prepare(0, id);
    state_disk_full(0);
    tacit_error_t error = {.code = TACIT_OK};
    tacit_release_t release;
    const s_ask_t ask = {"none", 0, S_USER, S_MEASUREMENT, 1};
    assert_int_equal(s_ask(&ask, &release, &error), TACIT_STORAGE_FULL);
    assert_int_equal(error.code, TACIT_STORAGE_FULL);
}

static void keys_are_not_in_the_file(void **state)
{
    (void)state;
    static uint8_t bytes[512 * 1024];
    uint8_t id[16];
    s_prepare(0, id);
    tacit_vault_destroy(&s_vault);
    FILE *file = fopen(state_path(s_folder, "keys.db"), "rbe");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    assert_true(size > 0);
    assert_null(memmem(bytes, size, s_bytes(100), 32));
    assert_null(memmem(bytes, size, s_bytes(200), 32));
}

static void an_older_vault_is_refused(void **state)
{
    (void)state;
    uint8_t id[16];
    tacit_error_t error = {.code = TACIT_OK};
    s_prepare(0, id);
    tacit_vault_destroy(&s_vault);
    state_copy_database(state_path(s_folder, "keys.db"), state_path(s_folder, "old.db"));
    s_open();
    assert_int_equal(tacit_vault_revoke(s_vault, s_bytes(S_OWNER), id, NULL), TACIT_OK);
    tacit_vault_destroy(&s_vault);
    state_copy_database(state_path(s_folder, "old.db"), state_path(s_folder, "keys.db"));
    assert_int_equal(
        tacit_vault_open(s_folder, s_key, platform_fixture(), s_mesh_id, &s_vault, &error),
        TACIT_ROLLBACK_DETECTED);
    assert_null(s_vault);
}

#define S_CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_CASE(a_user_is_enrolled_for_good),
        S_CASE(who_is_not_enrolled_can_do_nothing),
        S_CASE(a_model_has_a_valid_name),
        S_CASE(versions_only_go_up),
        S_CASE(the_same_key_for_other_content_is_another_version),
        S_CASE(a_release_is_of_the_version_asked_for),
        S_CASE(a_removed_version_is_not_released),
        S_CASE(a_release_hands_out_what_was_put),
        S_CASE(a_new_request_key_replaces_the_old),
        S_CASE(every_refusal_has_its_code),
        S_CASE(a_model_of_nobody_is_not_released),
        S_CASE(a_grant_ends_at_its_time),
        S_CASE(uses_are_counted_once_per_request),
        S_CASE(a_request_that_is_long_ago_is_a_new_one),
        S_CASE(a_refusal_spends_nothing),
        S_CASE(a_grant_again_replaces_the_one_before),
        S_CASE(what_is_revoked_stays_so_until_it_is_granted_again),
        S_CASE(only_the_owner_revokes),
        S_CASE(a_grant_needs_a_model),
        S_CASE(lists_are_read_in_pages),
        S_CASE(users_are_limited),
        S_CASE(model_keys_of_an_owner_are_limited),
        S_CASE(grants_of_an_owner_are_limited),
        S_CASE(request_keys_of_a_user_are_limited),
        S_CASE(a_record_of_another_shape_is_corrupt),
        S_CASE(a_full_disk_changes_nothing_in_memory),
        S_CASE(a_full_disk_hides_no_refusal),
        S_CASE(keys_are_not_in_the_file),
        S_CASE(an_older_vault_is_refused),
    };
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, s_setup_group, s_teardown_group);
}
