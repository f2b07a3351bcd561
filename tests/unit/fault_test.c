/*  fault_test.c - fault points: their rules, and what clients make of each fault.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "enclave/whole_file.h"
#include "idl/echo.h"
#include "rpc/fault.h"
#include "tests/unit/echo_service.h"
#include "tests/unit/state_folder.h"

static const uint8_t s_peer[TACIT_CURVE_KEY_SIZE] = {0xab, 0xcd};

static tacit_faults_t *s_open(const char *text)
{
    tacit_faults_t *faults = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    assert_int_equal(tacit_faults_new(text, &faults, &error), TACIT_OK);
    return faults;
}

static tacit_fault_action_t s_judge(const char *text, const char *method)
{
    tacit_faults_t *faults = s_open(text);
    tacit_fault_t fault = tacit_faults_judge(faults, TACIT_FAULT_REPLY, method, s_peer);
    tacit_faults_destroy(&faults);
    return fault.action;
}

/*  --- rules ----------------------------------------------------------------------------------- */

static void no_text_is_no_fault(void **state)
{
    (void)state;
    assert_null(s_open(NULL));
    assert_null(s_open(""));
    assert_int_equal(tacit_faults_judge(NULL, TACIT_FAULT_REPLY, "a.b", s_peer).action,
                     TACIT_FAULT_NONE);
}

static void rules_choose_by_method_and_peer(void **state)
{
    (void)state;
    assert_int_equal(s_judge("drop a.b", "a.b"), TACIT_FAULT_DROP);
    assert_int_equal(s_judge("drop a.b", "a.bc"), TACIT_FAULT_NONE);
    assert_int_equal(s_judge("drop a.*", "a.bc"), TACIT_FAULT_DROP);
    assert_int_equal(s_judge("drop a.*", "b.a"), TACIT_FAULT_NONE);
    assert_int_equal(s_judge("drop *", "b.a"), TACIT_FAULT_DROP);
    assert_int_equal(s_judge("drop * peer=abcd", "b.a"), TACIT_FAULT_DROP);
    assert_int_equal(s_judge("drop * peer=abce", "b.a"), TACIT_FAULT_NONE);
    assert_int_equal(s_judge("drop a.b; delay *  ms=5", "a.b"), TACIT_FAULT_DROP);
    assert_int_equal(s_judge("drop a.b; delay *  ms=5", "a.c"), TACIT_FAULT_DELAY);
    assert_int_equal(s_judge("drop a.b rate=0; corrupt *", "a.b"), TACIT_FAULT_CORRUPT);
}

static void rules_act_at_their_place_only(void **state)
{
    (void)state;
    static const char *const places[] = {"reply",      "request", "stream-in",
                                         "stream-out", "lane-in", "lane-out"};
    for (size_t i = 0; i < 6; i++) {
        char rule[64];
        snprintf(rule, sizeof rule, "drop * at=%s", places[i]);
        tacit_faults_t *faults = s_open(rule);
        for (size_t j = 0; j < 6; j++) {
            tacit_fault_t fault = tacit_faults_judge(faults, (tacit_fault_place_t)j, "a.b", s_peer);
            assert_int_equal(fault.action, j == i ? TACIT_FAULT_DROP : TACIT_FAULT_NONE);
        }
        tacit_faults_destroy(&faults);
    }
}

static void rules_act_after_some_and_some_times(void **state)
{
    (void)state;
    tacit_faults_t *faults = s_open("drop a.b after=2 times=3; corrupt * times=1");
    static const tacit_fault_action_t acts[] = {
        TACIT_FAULT_CORRUPT, TACIT_FAULT_NONE, TACIT_FAULT_DROP, TACIT_FAULT_DROP,
        TACIT_FAULT_DROP,    TACIT_FAULT_NONE, TACIT_FAULT_NONE};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        assert_int_equal(tacit_faults_judge(faults, TACIT_FAULT_REPLY, "a.b", s_peer).action,
                         acts[i]);
    }
    tacit_faults_destroy(&faults);
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "drop",          "explode *",       "drop * rate=2", "drop * rate=-1", "drop * rate=x",
        "drop * ms=1x",  "drop * ms=-1",    "drop * seed=x", "drop * peer=xy", "delay * ms=60001",
        "drop * what=1", "drop a.b c.d",    "; drop",        "drop * at=",     "drop * at=lane",
        "drop * times=", "drop * after=-1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tacit_faults_t *faults = NULL;
        tacit_error_t error;
        assert_int_equal(tacit_faults_new(bad[i], &faults, &error), TACIT_BAD_INPUT);
        assert_null(faults);
    }
}

static void rules_and_text_are_bounded(void **state)
{
    (void)state;
    static const char rule[] = "drop *;";
    char text[TACIT_FAULT_TEXT_MAX + 1] = "";
    tacit_faults_t *faults = NULL;
    tacit_error_t error;
    for (size_t i = 0; i < TACIT_FAULT_RULES_MAX; i++) {
        memcpy(text + i * (sizeof rule - 1), rule, sizeof rule);
    }
    faults = s_open(text);
    tacit_faults_destroy(&faults);
    memcpy(text + strlen(text), rule, sizeof rule);
    assert_int_equal(tacit_faults_new(text, &faults, &error), TACIT_BAD_INPUT);
    memset(text, ' ', TACIT_FAULT_TEXT_MAX);
    text[TACIT_FAULT_TEXT_MAX] = '\0';
    assert_int_equal(tacit_faults_new(text, &faults, &error), TACIT_TOO_LARGE);
}

static void s_write(const char *path, const char *text)
{
    const struct timespec longer = {.tv_nsec = (TACIT_FAULT_LOOK_MS + 20) * 1000000L};
    assert_int_equal(tacit_whole_file_replace(path, tacit_span_string(text), 0600), TACIT_OK);
    nanosleep(&longer, NULL);
}

static tacit_fault_action_t s_watched(tacit_faults_t *faults)
{
    return tacit_faults_judge(faults, TACIT_FAULT_REPLY, "a.b", s_peer).action;
}

static void a_file_is_followed_as_it_changes(void **state)
{
    (void)state;
    char folder[STATE_FOLDER_MAX];
    tacit_faults_t *faults = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    state_folder_make(folder);
    const char *path = state_path(folder, "faults");
    assert_int_equal(tacit_faults_watch(path, &faults, &error), TACIT_OK); /* none yet */
    assert_false(tacit_faults_any(faults));
    s_write(path, "drop a.b times=1\n\ndelay a.* ms=5;\n");
    assert_int_equal(s_watched(faults), TACIT_FAULT_DROP);
    assert_int_equal(s_watched(faults), TACIT_FAULT_DELAY);
    s_write(path, "duplicate a.b");
    assert_int_equal(s_watched(faults), TACIT_FAULT_DUPLICATE);
    s_write(path, "explode a.b");
    assert_int_equal(s_watched(faults), TACIT_FAULT_NONE);
    s_write(path, "drop *");
    assert_int_equal(s_watched(faults), TACIT_FAULT_DROP);
    s_write(path, "");
    assert_false(tacit_faults_any(faults));
    tacit_faults_destroy(&faults);
    s_write(path, "explode a.b");
    assert_int_equal(tacit_faults_watch(path, &faults, &error), TACIT_BAD_INPUT);
    assert_null(faults);
    state_folder_remove(folder);
}

static void the_seed_decides(void **state)
{
    (void)state;
    tacit_faults_t *one = s_open("drop * rate=0.25 seed=7");
    tacit_faults_t *other = s_open("drop * rate=0.25 seed=7");
    size_t dropped = 0;
    for (size_t i = 0; i < 4000; i++) {
        tacit_fault_t fault = tacit_faults_judge(one, TACIT_FAULT_REPLY, "a.b", s_peer);
        assert_int_equal(fault.action,
                         tacit_faults_judge(other, TACIT_FAULT_REPLY, "a.b", s_peer).action);
        dropped += fault.action == TACIT_FAULT_DROP;
    }
    assert_in_range(dropped, 800, 1200);
    tacit_faults_destroy(&one);
    tacit_faults_destroy(&other);
}

/*  --- calls ----------------------------------------------------------------------------------- */

typedef struct {
    echo_service_t echo;
    tacit_client_t *client;
} s_pair_t;

static void s_start(s_pair_t *pair, const char *faults)
{
    memset(pair, 0, sizeof *pair);
    assert_int_equal(setenv("TACIT_FAULTS", faults, 1), 0);
    echo_init(&pair->echo);
    echo_start(&pair->echo);
    assert_int_equal(unsetenv("TACIT_FAULTS"), 0);
    pair->client = echo_connect(&pair->echo, &pair->echo.user);
}

static void s_stop(s_pair_t *pair)
{
    tacit_client_destroy(&pair->client);
    echo_stop(&pair->echo);
}

static tacit_status_t s_echo(s_pair_t *pair, const char *text, uint32_t deadline_ms)
{
    tacit_echo_echo_args_t args = {.text = tacit_span_string(text)};
    tacit_echo_echo_result_t result;
    tacit_status_t status =
        tacit_client_call(pair->client, &tacit_echo_echo, &args, tacit_span(NULL, 0), deadline_ms,
                          &result, NULL, NULL);
    if (status == TACIT_OK) {
        assert_true(tacit_span_equal(result.text, args.text));
    }
    return status;
}

static void a_dropped_reply_ends_by_the_deadline(void **state)
{
    (void)state;
    s_pair_t pair;
    s_start(&pair, "drop echo.echo");
    assert_int_equal(s_echo(&pair, "x", 200), TACIT_DEADLINE_EXCEEDED);
    s_stop(&pair);
}

static void a_delayed_reply_comes_late(void **state)
{
    (void)state;
    s_pair_t pair;
    s_start(&pair, "delay echo.echo ms=150");
    int64_t begin = zclock_mono();
    assert_int_equal(s_echo(&pair, "x", 5000), TACIT_OK);
    assert_true(zclock_mono() - begin >= 140);
    assert_int_equal(s_echo(&pair, "x", 50), TACIT_DEADLINE_EXCEEDED);
    s_stop(&pair); /* one is still held back */
}

static void a_second_reply_is_passed_over(void **state)
{
    (void)state;
    s_pair_t pair;
    s_start(&pair, "duplicate echo.echo");
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(s_echo(&pair, i % 2 ? "one" : "two", 5000), TACIT_OK);
    }
    s_stop(&pair);
}

static void replies_out_of_order_find_their_calls(void **state)
{
    (void)state;
    s_pair_t pair;
    tacit_echo_echo_args_t args = {.text = tacit_span_string("first")};
    tacit_echo_bulk_args_t other = {.copy = false};
    uint64_t first = 0;
    uint64_t second = 0;
    tacit_reply_t reply;
    s_start(&pair, "reorder echo.echo");
    assert_int_equal(tacit_client_start(pair.client, &tacit_echo_echo, &args, tacit_span(NULL, 0),
                                        5000, &first, NULL),
                     TACIT_OK);
    assert_int_equal(tacit_client_start(pair.client, &tacit_echo_bulk, &other, tacit_span("y", 1),
                                        5000, &second, NULL),
                     TACIT_OK);
    for (size_t i = 0; i < 2; i++) { /* both may be there before the first look */
        assert_int_equal(tacit_client_next(pair.client, 5000, &reply, NULL), TACIT_OK);
        assert_int_equal(reply.status, TACIT_OK);
        assert_ptr_equal(reply.method, reply.call == first ? &tacit_echo_echo : &tacit_echo_bulk);
    }
    assert_int_not_equal(first, second);
    s_stop(&pair);
}

/*  Whatever the byte was: an answer or an error by the deadline, and the service serves on.  */
static void an_altered_reply_harms_nobody_else(void **state)
{
    (void)state;
    s_pair_t pair;
    s_start(&pair, "corrupt echo.fail seed=3");
    for (size_t i = 0; i < 50; i++) {
        tacit_echo_fail_args_t args = {.how = 0};
        tacit_error_t error = {.code = TACIT_OK};
        assert_int_not_equal(tacit_client_call(pair.client, &tacit_echo_fail, &args,
                                               tacit_span(NULL, 0), 100, NULL, NULL, &error),
                             TACIT_OK);
        tacit_client_destroy(&pair.client);
        pair.client = echo_connect(&pair.echo, &pair.echo.user);
    }
    assert_int_equal(s_echo(&pair, "well", 5000), TACIT_OK);
    s_stop(&pair);
}

static void a_disconnected_caller_knows_at_once(void **state)
{
    (void)state;
    s_pair_t pair;
    s_start(&pair, "disconnect echo.fail");
    tacit_echo_fail_args_t args = {.how = 0};
    int64_t begin = zclock_mono();
    assert_int_equal(tacit_client_call(pair.client, &tacit_echo_fail, &args, tacit_span(NULL, 0),
                                       5000, NULL, NULL, NULL),
                     TACIT_UNREACHABLE);
    assert_true(zclock_mono() - begin < 4000);
    tacit_client_destroy(&pair.client);
    pair.client = echo_connect(&pair.echo, &pair.echo.user);
    assert_int_equal(s_echo(&pair, "again", 5000), TACIT_OK);
    s_stop(&pair);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_text_is_no_fault),
        CASE(rules_choose_by_method_and_peer),
        CASE(rules_act_at_their_place_only),
        CASE(rules_act_after_some_and_some_times),
        CASE(other_texts_are_refused),
        CASE(rules_and_text_are_bounded),
        CASE(a_file_is_followed_as_it_changes),
        CASE(the_seed_decides),
        CASE(a_dropped_reply_ends_by_the_deadline),
        CASE(a_delayed_reply_comes_late),
        CASE(a_second_reply_is_passed_over),
        CASE(replies_out_of_order_find_their_calls),
        CASE(an_altered_reply_harms_nobody_else),
        CASE(a_disconnected_caller_knows_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
