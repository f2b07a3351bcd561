/*  zap_test.c - whom the ZAP handler admits, what requests it refuses, and that the process does
    not outlive it.  */

#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <czmq.h>

#include "enclave/span.h"
#include "rpc/endpoint.h"
#include "rpc/zap.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"

typedef struct {
    tacit_span_t parts[12];
    size_t count;
} s_request_t;

typedef struct {
    char code[8];
    char user_id[256];
} s_answer_t;

static const uint8_t s_key[32] = {0xab, 0xcd, 1};

static s_request_t s_request(const char *domain, const char *mechanism, tacit_span_t key)
{
    s_request_t request = {
        .parts = {tacit_span_string("1.0"), tacit_span_string("7"), tacit_span_string(domain),
                  tacit_span_string("127.0.0.1"), tacit_span_string("routing"),
                  tacit_span_string(mechanism), key},
        .count = key.data ? 7 : 6,
    };
    return request;
}

static s_request_t s_curve(const char *domain)
{
    return s_request(domain, "CURVE", tacit_span(s_key, sizeof s_key));
}

/*  As libzmq asks: a request over inproc, six frames back.  */
static s_answer_t s_ask(const s_request_t *request)
{
    zsock_t *socket = zsock_new(ZMQ_REQ);
    zsock_set_rcvtimeo(socket, 2000);
    assert_int_equal(zsock_connect(socket, ZAP_ADDRESS), 0);
    zmsg_t *message = zmsg_new();
    for (size_t i = 0; i < request->count; i++) {
        zmsg_addmem(message, request->parts[i].data, request->parts[i].size);
    }
    assert_int_equal(zmsg_send(&message, socket), 0);
    message = zmsg_recv(socket);
    assert_non_null(message);
    assert_int_equal(zmsg_size(message), 6);
    s_answer_t answer;
    char *parts[6];
    for (size_t i = 0; i < 6; i++) {
        parts[i] = zmsg_popstr(message);
    }
    assert_string_equal(parts[0], "1.0");
    snprintf(answer.code, sizeof answer.code, "%s", parts[2]);
    snprintf(answer.user_id, sizeof answer.user_id, "%s", parts[4]);
    assert_string_equal(parts[5], "");
    for (size_t i = 0; i < 6; i++) {
        zstr_free(&parts[i]);
    }
    zmsg_destroy(&message);
    zsock_destroy(&socket);
    return answer;
}

static void s_assert_refused(const s_request_t *request)
{
    s_answer_t answer = s_ask(request);
    assert_string_equal(answer.code, "400");
    assert_string_equal(answer.user_id, "");
}

static void s_assert_admitted(const s_request_t *request, const char *user_id)
{
    s_answer_t answer = s_ask(request);
    assert_string_equal(answer.code, "200");
    assert_string_equal(answer.user_id, user_id);
}

static char *s_hex(const uint8_t key[32])
{
    static char hex[65];
    return sodium_bin2hex(hex, sizeof hex, key, 32);
}

static int s_setup(void **state)
{
    (void)state;
    tacit_zap_start();
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    tacit_zap_stop();
    return 0;
}

static void names_a_curve_peer_by_its_key(void **state)
{
    (void)state;
    s_request_t request = s_curve("any");
    s_assert_admitted(&request, s_hex(s_key));
}

static void admits_plaintext_to_the_introduction_only(void **state)
{
    (void)state;
    s_request_t request = s_request(TACIT_ZAP_INTRODUCTION, "NULL", tacit_span(NULL, 0));
    s_assert_admitted(&request, "");
    request = s_request("any", "NULL", tacit_span(NULL, 0));
    s_assert_refused(&request);
    request = s_request("", "NULL", tacit_span(NULL, 0));
    s_assert_refused(&request);
    request = s_request(TACIT_ZAP_INTRODUCTION, "NULL", tacit_span("x", 1));
    s_assert_refused(&request);
}

static void refuses_other_mechanisms(void **state)
{
    (void)state;
    static const char *const names[] = {"PLAIN", "GSSAPI", "", "curve", "NULL2", "CURVE "};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        s_request_t request =
            s_request(TACIT_ZAP_INTRODUCTION, names[i], tacit_span(s_key, sizeof s_key));
        s_assert_refused(&request);
    }
}

static void refuses_keys_of_another_size(void **state)
{
    (void)state;
    static const uint8_t key[40];
    static const size_t sizes[] = {0, 1, 31, 33, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        s_request_t request = s_request("any", "CURVE", tacit_span(key, sizes[i]));
        s_assert_refused(&request);
    }
    s_request_t none = s_request("any", "CURVE", tacit_span(NULL, 0));
    s_assert_refused(&none);
}

static void refuses_requests_of_another_shape(void **state)
{
    (void)state;
    for (size_t count = 1; count < 7; count++) {
        s_request_t few = s_curve("any");
        few.count = count;
        s_assert_refused(&few);
    }
    for (size_t count = 8; count <= 12; count++) {
        s_request_t many = s_curve("any");
        for (size_t i = 7; i < count; i++) {
            many.parts[i] = tacit_span("x", 1);
        }
        many.count = count;
        s_assert_refused(&many);
    }
    s_request_t version = s_curve("any");
    version.parts[0] = tacit_span_string("1.1");
    s_assert_refused(&version);
    s_request_t domain = s_curve("");
    s_assert_refused(&domain);
}

static void bounds_every_part(void **state)
{
    (void)state;
    static const uint8_t bytes[256] = {'x'};
    for (size_t part = 1; part < 5; part++) {
        s_request_t request = s_curve("any");
        request.parts[part] = tacit_span(bytes, 255);
        s_assert_admitted(&request, s_hex(s_key));
        request.parts[part] = tacit_span(bytes, 256);
        s_assert_refused(&request);
    }
}

static void a_listed_domain_admits_its_keys_only(void **state)
{
    (void)state;
    uint8_t keys[3][32] = {{3}, {1}, {2}};
    assert_int_equal(tacit_zap_admit("listed", keys, 3), TACIT_OK);
    for (size_t i = 0; i < 3; i++) {
        s_request_t request = s_request("listed", "CURVE", tacit_span(keys[i], 32));
        s_assert_admitted(&request, s_hex(keys[i]));
    }
    s_request_t stranger = s_curve("listed");
    s_assert_refused(&stranger);
    s_request_t elsewhere = s_curve("listed2");
    s_assert_admitted(&elsewhere, s_hex(s_key));
    assert_int_equal(tacit_zap_admit("listed", keys, 0), TACIT_OK);
    s_request_t former = s_request("listed", "CURVE", tacit_span(keys[0], 32));
    s_assert_refused(&former);
    assert_int_equal(tacit_zap_admit("listed", NULL, 0), TACIT_OK);
    s_assert_admitted(&stranger, s_hex(s_key));
}

static void lists_outlive_the_handler(void **state)
{
    (void)state;
    uint8_t keys[1][32] = {{1}};
    assert_int_equal(tacit_zap_admit("kept", keys, 1), TACIT_OK);
    tacit_zap_stop();
    tacit_zap_start();
    s_request_t stranger = s_curve("kept");
    s_assert_refused(&stranger);
    assert_int_equal(tacit_zap_admit("kept", NULL, 0), TACIT_OK);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    uint8_t(*keys)[32] = calloc(TACIT_ZAP_KEYS_MAX + 1, 32);
    assert_non_null(keys);
    assert_int_equal(tacit_zap_admit("many", keys, TACIT_ZAP_KEYS_MAX), TACIT_OK);
    assert_int_equal(tacit_zap_admit("many", keys, TACIT_ZAP_KEYS_MAX + 1), TACIT_TOO_LARGE);
    char name[300];
    for (int i = 1; i < TACIT_ZAP_DOMAINS_MAX; i++) {
        snprintf(name, sizeof name, "domain%d", i);
        assert_int_equal(tacit_zap_admit(name, keys, 1), TACIT_OK);
    }
    assert_int_equal(tacit_zap_admit("one more", keys, 1), TACIT_TOO_LARGE);
    assert_int_equal(tacit_zap_admit("many", keys, 2), TACIT_OK);
    for (int i = 1; i < TACIT_ZAP_DOMAINS_MAX; i++) {
        snprintf(name, sizeof name, "domain%d", i);
        assert_int_equal(tacit_zap_admit(name, NULL, 0), TACIT_OK);
    }
    assert_int_equal(tacit_zap_admit("many", NULL, 0), TACIT_OK);
    free(keys);
    assert_int_equal(tacit_zap_admit("", NULL, 0), TACIT_BAD_INPUT);
    assert_int_equal(tacit_zap_admit(NULL, NULL, 0), TACIT_BAD_INPUT);
    memset(name, 'x', 256);
    name[256] = 0;
    assert_int_equal(tacit_zap_admit(name, NULL, 0), TACIT_BAD_INPUT);
}

/*  --- life and death, each in a process of its own -------------------------------------------- */

static tacit_endpoint_t *s_bind(void)
{
    uint8_t public_key[32];
    uint8_t secret_key[32];
    tacit_endpoint_t *endpoint = NULL;
    crypto_box_keypair(public_key, secret_key);
    tacit_endpoint_bind_t config = {.address = "tcp://127.0.0.1:*",
                                    .public_key = public_key,
                                    .secret_key = secret_key,
                                    .zap_domain = "test",
                                    .frame_max = 1024};
    return tacit_endpoint_bind(&config, &endpoint, NULL) == TACIT_OK ? endpoint : NULL;
}

/*  The context is taken away under an endpoint.  */
static int s_lose_context(void)
{
    if (!s_bind()) {
        return 1;
    }
    zmq_ctx_shutdown(tacit_endpoint_context());
    zclock_sleep(2000);
    return 0;
}

static int s_stop_twice(void)
{
    tacit_zap_start();
    tacit_zap_stop();
    tacit_zap_stop();
    return 0;
}

/*  Somebody else's handler would decide.  */
static int s_find_another(void)
{
    (void)tacit_endpoint_context();
    zsock_t *other = zsock_new(ZMQ_REP);
    if (zsock_bind(other, ZAP_ADDRESS) < 0) {
        return 1;
    }
    tacit_endpoint_t *endpoint = s_bind();
    tacit_endpoint_destroy(&endpoint);
    return 0;
}

static int s_live(void)
{
    tacit_endpoint_t *one = s_bind();
    tacit_endpoint_t *other = s_bind();
    if (!one || !other) {
        return 1;
    }
    tacit_endpoint_destroy(&one);
    zclock_sleep(50);
    tacit_endpoint_destroy(&other);
    one = s_bind();
    tacit_endpoint_destroy(&one);
    return 42;
}

/*  With an endpoint that nobody closed.  */
static int s_exit(void)
{
    static tacit_endpoint_t *volatile kept; /* still reachable: no leak */
    kept = s_bind();
    return kept ? 43 : 1;
}

static const struct {
    const char *name;
    int (*run)(void);
} s_children[] = {
    {"lose-context", s_lose_context},
    {"stop-twice", s_stop_twice},
    {"find-another", s_find_another},
    {"live", s_live},
    {"exit", s_exit},
};

static int s_run_child(const char *name)
{
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(126);
        }
        execl("/proc/self/exe", "zap_test", name, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void s_assert_aborts(const char *name)
{
    int status = s_run_child(name);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void the_process_dies_with_its_handler(void **state)
{
    (void)state;
    s_assert_aborts("lose-context");
}

static void the_process_dies_where_another_handles(void **state)
{
    (void)state;
    s_assert_aborts("find-another");
}

static void stopping_too_often_is_fatal(void **state)
{
    (void)state;
    s_assert_aborts("stop-twice");
}

static void an_orderly_end_is_none(void **state)
{
    (void)state;
    int status = s_run_child("live");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    status = s_run_child("exit");
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 43);
}

#define CASE(name) cmocka_unit_test(name)

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof s_children / sizeof *s_children; i++) {
        if (strcmp(argv[1], s_children[i].name) == 0) {
            return s_children[i].run();
        }
    }
    const struct CMUnitTest tests[] = {
        CASE(names_a_curve_peer_by_its_key),
        CASE(admits_plaintext_to_the_introduction_only),
        CASE(refuses_other_mechanisms),
        CASE(refuses_keys_of_another_size),
        CASE(refuses_requests_of_another_shape),
        CASE(bounds_every_part),
        CASE(a_listed_domain_admits_its_keys_only),
        CASE(lists_outlive_the_handler),
        CASE(lists_are_bounded),
        CASE(the_process_dies_with_its_handler),
        CASE(the_process_dies_where_another_handles),
        CASE(stopping_too_often_is_fatal),
        CASE(an_orderly_end_is_none),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
