/*  native_test.c - libtacit-client.so by its exports alone: bounds, ownership, refusals.

    Its users are other languages, which nothing keeps from passing what makes no sense.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "clients/python/native/native.h"

enum { S_OVERHEAD = 40, S_CHUNK_MAX = 256 * 1024 + S_OVERHEAD };

static char s_folder[64];

static int s_setup(void **state)
{
    (void)state;
    snprintf(s_folder, sizeof s_folder, "/tmp/tacit-native-XXXXXX");
    return mkdtemp(s_folder) && tacit_native_init() == TACIT_NATIVE_VERSION ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof path, "%s/identity.json", s_folder);
    (void)unlink(path);
    return rmdir(s_folder);
}

static tacit_identity_t *s_identity(void)
{
    tacit_identity_t *identity = NULL;
    int made = 0;
    assert_int_equal(tacit_native_identity_open(NULL, 0, &identity, &made, NULL), 0);
    assert_int_equal(made, 1);
    return identity;
}

static tacit_secret_t *s_secret(size_t size)
{
    tacit_secret_t *secret = NULL;
    assert_int_equal(tacit_native_secret_random(size, &secret, NULL), 0);
    return secret;
}

/*  --- tests ----------------------------------------------------------------------------------- */

static void test_nothing_is_destroyed(void **state)
{
    (void)state;
    tacit_native_trust_destroy(NULL);
    tacit_native_identity_destroy(NULL);
    tacit_native_mesh_destroy(NULL);
    tacit_native_binding_destroy(NULL);
    tacit_native_session_destroy(NULL);
    tacit_native_secret_destroy(NULL);
    tacit_native_package_destroy(NULL);
}

static void test_sizes_end_where_they_end(void **state)
{
    (void)state;
    uint32_t sizes[12];
    memset(sizes, 0xff, sizeof sizes);
    tacit_native_sizes(sizes, 11);
    assert_int_equal(sizes[0], sizeof(tacit_error_t));
    assert_int_equal(sizes[7], sizeof(tacit_native_exchange_t));
    assert_int_equal(sizes[8], 0);
    assert_int_equal(sizes[11], UINT32_MAX);
}

static void test_identities(void **state)
{
    (void)state;
    tacit_identity_t *identity = NULL;
    tacit_error_t error;
    uint8_t keys[4][32];
    int made = 0;
    assert_int_equal(tacit_native_identity_open(s_folder, 0, &identity, &made, &error),
                     TACIT_NOT_FOUND);
    assert_null(identity);
    assert_int_equal(tacit_native_identity_open(s_folder, 1, &identity, &made, &error), 0);
    assert_int_equal(made, 1);
    tacit_native_identity_public(identity, keys[0], keys[1]);
    tacit_native_identity_destroy(identity);
    assert_int_equal(tacit_native_identity_open(s_folder, 1, &identity, &made, &error), 0);
    assert_int_equal(made, 0);
    tacit_native_identity_public(identity, keys[2], keys[3]);
    tacit_native_identity_destroy(identity);
    assert_memory_equal(keys[0], keys[2], 64);
}

static void test_a_socket_is_armed(void **state)
{
    (void)state;
    tacit_identity_t *identity = s_identity();
    uint8_t curve[32];
    uint8_t signing[32];
    uint8_t got[32] = {0};
    size_t size = sizeof got;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_DEALER);
    tacit_native_identity_public(identity, curve, signing);
    assert_int_equal(tacit_native_identity_arm(identity, socket, signing, NULL), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_CURVE_PUBLICKEY, got, &size), 0);
    assert_memory_equal(got, curve, 32);
    zmq_close(socket);
    zmq_ctx_term(context);
    tacit_native_identity_destroy(identity);
}

static void test_secrets_have_bounds(void **state)
{
    (void)state;
    static const uint8_t bytes[TACIT_NATIVE_FIELD_MAX + 1];
    static const size_t refused[] = {0, TACIT_NATIVE_FIELD_MAX + 1};
    tacit_secret_t *secret = NULL;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tacit_native_secret_random(refused[i], &secret, NULL), TACIT_TOO_LARGE);
        assert_int_equal(tacit_native_secret_copy(bytes, refused[i], &secret, NULL),
                         TACIT_TOO_LARGE);
    }
    assert_null(secret);
    assert_int_equal(tacit_native_secret_copy(bytes, TACIT_NATIVE_FIELD_MAX, &secret, NULL), 0);
    assert_int_equal(tacit_native_secret_size(secret), TACIT_NATIVE_FIELD_MAX);
    tacit_native_secret_destroy(secret);
}

static void test_evidence_has_bounds(void **state)
{
    (void)state;
    static const uint8_t bytes[512 * 1024 + 1];
    tacit_trust_t trust = {.simulated = true};
    tacit_native_mesh_t *mesh = NULL;
    tacit_native_attestation_t said;
    uint8_t nonce[32] = {0};
    static const struct {
        size_t size;
        int code;
    } cases[] = {
        {0, TACIT_TOO_LARGE},
        {1, TACIT_MALFORMED},
        {512 * 1024, TACIT_MALFORMED},
        {512 * 1024 + 1, TACIT_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            tacit_native_mesh_verify(&trust, bytes, cases[i].size, nonce, &mesh, &said, NULL),
            cases[i].code);
        assert_null(mesh);
    }
}

static void test_a_binding_is_used_once_and_in_order(void **state)
{
    (void)state;
    static const uint8_t zeroes[64];
    tacit_identity_t *identity = s_identity();
    tacit_native_binding_t *binding = NULL;
    tacit_native_session_t *session = NULL;
    tacit_native_session_facts_t facts;
    tacit_error_t error;
    uint8_t nonce[32];
    uint8_t ephemeral[32];
    uint8_t mac[64];
    static const uint32_t roles[] = {0, TACIT_ROLE_WORKER, TACIT_ROLE_MESH, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) { /* nobody is an enclave by saying so */
        assert_int_equal(tacit_native_binding_open(NULL, NULL, identity, roles[i], zeroes,
                                                   TACIT_ROLE_MESH, &binding, nonce, ephemeral,
                                                   &error),
                         TACIT_BAD_INPUT);
    }
    assert_int_not_equal(tacit_native_binding_open(NULL, NULL, identity, TACIT_ROLE_USER, zeroes,
                                                   99, &binding, nonce, ephemeral, &error),
                         0);
    assert_null(binding);
    assert_int_equal(tacit_native_binding_open(NULL, NULL, identity, TACIT_ROLE_USER, zeroes,
                                               TACIT_ROLE_MESH, &binding, nonce, ephemeral, NULL),
                     0);
    assert_int_not_equal(tacit_native_binding_finish(binding, zeroes, &session, &facts, NULL), 0);
    assert_int_not_equal(tacit_native_binding_confirm(binding, zeroes, zeroes, zeroes, ephemeral,
                                                      NULL, 0, NULL, 0, mac, NULL),
                         0);
    assert_null(session);
    tacit_native_binding_destroy(binding);
    tacit_native_identity_destroy(identity);
}

static void test_requests_have_room_a_key_and_a_name(void **state)
{
    (void)state;
    tacit_envelope_t envelope = {.name = "digits"};
    tacit_secret_t *key = s_secret(32);
    tacit_secret_t *other = s_secret(31);
    uint8_t plain[8] = {0};
    uint8_t sealed[sizeof plain + S_OVERHEAD];
    assert_int_equal(
        tacit_native_request_seal(&envelope, key, plain, sizeof plain, sealed, sizeof sealed, NULL),
        0);
    assert_int_equal(tacit_native_request_seal(&envelope, key, plain, sizeof plain, sealed,
                                               sizeof sealed - 1, NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(
        tacit_native_request_seal(&envelope, key, plain, 0, sealed, S_OVERHEAD - 1, NULL),
        TACIT_BAD_INPUT);
    assert_int_equal(tacit_native_request_seal(&envelope, other, plain, sizeof plain, sealed,
                                               sizeof sealed, NULL),
                     TACIT_BAD_INPUT);
    memset(envelope.name, 'a', sizeof envelope.name); /* no NUL ends it */
    assert_int_equal(
        tacit_native_request_seal(&envelope, key, plain, sizeof plain, sealed, sizeof sealed, NULL),
        TACIT_BAD_INPUT);
    tacit_native_secret_destroy(key);
    tacit_native_secret_destroy(other);
}

static void test_packages_have_bounds(void **state)
{
    (void)state;
    static const uint8_t content[256 * 1024 + 1];
    static uint8_t sealed[S_CHUNK_MAX];
    tacit_identity_t *identity = s_identity();
    tacit_secret_t *key = s_secret(32);
    tacit_native_package_t *package = NULL;
    uint8_t manifest[256];
    uint8_t signature[64];
    uint8_t digest[32];
    uint32_t chunks = 0;
    size_t size = 0;
    assert_int_not_equal(
        tacit_native_package_seal(identity, s_folder, "m", 1, key, content, 0, &package, NULL), 0);
    assert_int_not_equal(tacit_native_package_seal(identity, s_folder, "no/name", 1, key, content,
                                                   1, &package, NULL),
                         0);
    assert_int_not_equal(
        tacit_native_package_seal(identity, s_folder, "m", 0, key, content, 1, &package, NULL), 0);
    assert_int_not_equal(tacit_native_package_seal(identity, "/nonexistent", "m", 1, key, content,
                                                   1, &package, NULL),
                         0);
    assert_null(package);
    assert_int_equal(tacit_native_package_seal(identity, s_folder, "m", 1, key, content,
                                               sizeof content, &package, NULL),
                     0);
    tacit_native_package_facts(package, manifest, signature, digest, &chunks);
    assert_int_equal(chunks, 2);
    assert_int_equal(tacit_native_package_chunk(package, 1, sealed, sizeof sealed, &size, NULL), 0);
    assert_int_equal(size, 1 + S_OVERHEAD);
    assert_int_equal(tacit_native_package_chunk(package, 2, sealed, sizeof sealed, &size, NULL),
                     TACIT_BAD_INPUT);
    assert_int_equal(tacit_native_package_chunk(package, 0, sealed, sizeof sealed - 1, &size, NULL),
                     TACIT_BAD_INPUT);
    tacit_native_package_destroy(package);
    tacit_native_secret_destroy(key);
    tacit_native_identity_destroy(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_destroyed),
        cmocka_unit_test(test_sizes_end_where_they_end),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_a_socket_is_armed),
        cmocka_unit_test(test_secrets_have_bounds),
        cmocka_unit_test(test_evidence_has_bounds),
        cmocka_unit_test(test_a_binding_is_used_once_and_in_order),
        cmocka_unit_test(test_requests_have_room_a_key_and_a_name),
        cmocka_unit_test(test_packages_have_bounds),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
