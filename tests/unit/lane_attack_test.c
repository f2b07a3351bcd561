/*  lane_attack_test.c - strangers at the lanes' socket, and peers that send another's frames, old
    ones, or parts of them. Each time a good client goes on by its lane: the positive control.  */

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "idl/echo.h"
#include "rpc/client_internal.h"
#include "tests/unit/echo_service.h"
#include "tests/unit/stranger.h"

enum { LARGE = 600 * 1000, STRANGERS = 1000 };

static uint8_t s_bytes[LARGE];

static int s_setup(void **state)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 3 * (rlim_t)STRANGERS) {
        files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    assert_int_equal(echo_setup(state), 0);
    randombytes_buf(s_bytes, sizeof s_bytes);
    return 0;
}

static tacit_client_t *s_bind(void)
{
    tacit_client_t *client = echo_bind(&echo_of_test, &echo_of_test.user, TACIT_ROLE_USER);
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    return client;
}

/*  A bulk there and back, both ways by the lane.  */
static void s_assert_served_by_lane(tacit_client_t *client)
{
    const tacit_echo_bulk_args_t args = {.copy = true};
    tacit_echo_bulk_result_t result;
    tacit_span_t bulk = {NULL, 0};
    uint64_t sent = client->lane.sent;
    uint64_t received = client->lane.received;
    assert_int_equal(tacit_client_call(client, &tacit_echo_bulk, &args, tacit_span(s_bytes, LARGE),
                                       2000, &result, &bulk, NULL),
                     TACIT_OK);
    assert_int_equal(bulk.size, LARGE);
    assert_memory_equal(bulk.data, s_bytes, LARGE);
    assert_int_equal(client->lane.sent, sent + 1);
    assert_int_equal(client->lane.received, received + 1);
}

/*  --- frames ---------------------------------------------------------------------------------- */

/*  What a client can do to its own lane with frames that are not what must come next. Frames are
    those of one bulk of three.  */
typedef struct {
    const char *what;
    size_t order[5]; /* of the bulk's frames, as they are sent; 0 ends */
    size_t cut;      /* bytes that the first one of them lacks */
    bool ends;
} s_attack_t;

static const s_attack_t s_attacks[] = {
    {"as it should be", {1, 2, 3}, 0, false},
    {"the first one twice", {1, 1, 2, 3}, 0, true},
    {"an old one after the next", {1, 2, 1, 3}, 0, true},
    {"two change places", {2, 1, 3}, 0, true},
    {"one is missing", {1, 3}, 0, true},
    {"all again", {1, 2, 3, 1}, 0, true},
    {"a byte short", {1, 2, 3}, 1, true},
    {"without a tag", {1, 2, 3}, TACIT_LANE_TAG_SIZE, true},
    {"a head alone", {1, 2, 3}, TACIT_LANE_FRAGMENT, true},
};

static tacit_slot_t *s_announce(tacit_client_t *client)
{
    const tacit_echo_bulk_args_t args = {.copy = true};
    const tacit_frame_meta_t meta = {.has_deadline_ms = true, .deadline_ms = 5000};
    tacit_lane_ticket_t ticket;
    tacit_buffer_t frame;
    zmq_msg_t message;
    tacit_slot_t *slot =
        tacit_outstanding_open(&client->calls, &tacit_echo_bulk, tacit_client_now() + 10000);
    void *socket = tacit_endpoint_socket(client->endpoint);
    assert_true(tacit_lane_sender_offer(client->lane.sender, LARGE, &ticket));
    tacit_buffer_init(&frame, TACIT_FRAME_MAX);
    assert_int_equal(tacit_frame_request_begin(&frame, slot->msgid, "echo.bulk"), TACIT_OK);
    assert_int_equal(tacit_codec_encode(tacit_echo_bulk.args, &args, NULL, &frame, NULL), TACIT_OK);
    assert_int_equal(tacit_frame_request_end(&frame, &meta), TACIT_OK);
    tacit_lane_ticket_message(&ticket, &message);
    assert_true(zmq_send(socket, frame.data, frame.size, ZMQ_SNDMORE) > 0);
    assert_int_equal(zmq_send(socket, "", 0, ZMQ_SNDMORE), 0);
    assert_true(zmq_msg_send(&message, socket, 0) > 0);
    tacit_buffer_free(&frame);
    return slot;
}

/*  The frames of the announced bulk, sealed as they must be.  */
static void s_seal(tacit_client_t *client, zmq_msg_t frames[3])
{
    zmq_msg_t bulk;
    assert_int_equal(zmq_msg_init_size(&bulk, LARGE), 0);
    memcpy(zmq_msg_data(&bulk), s_bytes, LARGE);
    tacit_lane_sender_put(client->lane.sender, &bulk);
    zmq_msg_close(&bulk);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tacit_lane_sender_next(client->lane.sender, &frames[i]), TACIT_OK);
    }
}

static void s_send_part(tacit_client_t *client, zmq_msg_t *frame, size_t size)
{
    void *socket = tacit_endpoint_socket(client->lane.endpoint);
    assert_int_equal(zmq_send(socket, zmq_msg_data(frame), size, 0), (int)size);
}

static tacit_status_t s_outcome(tacit_client_t *client, tacit_slot_t *slot)
{
    uint64_t until = tacit_client_now() + 5000;
    while (slot->state == TACIT_SLOT_WAITING && tacit_client_now() < until) {
        if (!tacit_client_pump(client)) {
            tacit_client_sleep(client, until);
        }
    }
    assert_int_equal(slot->state, TACIT_SLOT_ENDED);
    tacit_status_t status = slot->error.code;
    tacit_outstanding_release(&client->calls, slot);
    return status;
}

static void s_mount(const s_attack_t *attack)
{
    zmq_msg_t frames[3];
    tacit_client_t *attacker = s_bind();
    tacit_slot_t *slot = s_announce(attacker);
    uint64_t ended = echo_metric(&echo_of_test, "tacit_rpc_lanes_broken_total") +
                     echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total");
    s_seal(attacker, frames);
    for (size_t i = 0; i < 5 && attack->order[i]; i++) {
        zmq_msg_t *frame = &frames[attack->order[i] - 1];
        s_send_part(attacker, frame, zmq_msg_size(frame) - (i == 0 ? attack->cut : 0));
    }
    tacit_status_t status = s_outcome(attacker, slot);
    bool whole = status == TACIT_OK; /* it was complete before the wrong frame */
    assert_true(whole || status == TACIT_BULK_LOST || status == TACIT_INTERRUPTED);
    assert_true(whole || attack->ends);
    for (size_t i = 0; attack->ends && i < 500; i++) {
        uint64_t now = echo_metric(&echo_of_test, "tacit_rpc_lanes_broken_total") +
                       echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total");
        if (now > ended) {
            break;
        }
        assert_true(i < 499);
        zclock_sleep(2);
    }
    if (attack->ends) {
        echo_await_metric(&echo_of_test, "tacit_rpc_lanes", 1); /* the good client's */
    }
    for (size_t i = 0; i < 3; i++) {
        zmq_msg_close(&frames[i]);
    }
    tacit_client_destroy(&attacker);
}

static void frames_that_are_not_the_next_end_their_lane_alone(void **state)
{
    (void)state;
    tacit_client_t *good = s_bind();
    for (size_t i = 0; i < sizeof s_attacks / sizeof *s_attacks; i++) {
        print_message("%s\n", s_attacks[i].what);
        s_mount(&s_attacks[i]);
        s_assert_served_by_lane(good);
    }
    tacit_client_destroy(&good);
    echo_await_metric(&echo_of_test, "tacit_rpc_pending", 0);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_pending_bytes"), 0);
}

/*  Frames of a lane that was, under the next lane of the same session: recorded and sent again.  */
static void frames_of_a_former_lane_open_nothing(void **state)
{
    (void)state;
    zmq_msg_t frames[3];
    tacit_client_t *client = s_bind();
    tacit_client_t *good = s_bind();
    tacit_slot_t *slot = s_announce(client);
    s_seal(client, frames);
    for (size_t i = 0; i < 3; i++) {
        s_send_part(client, &frames[i], zmq_msg_size(&frames[i]));
    }
    assert_int_equal(s_outcome(client, slot), TACIT_OK);
    tacit_client_lane_end(client, "another one");
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    uint64_t dropped = echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total");
    s_send_part(client, &frames[0], zmq_msg_size(&frames[0])); /* names the former lane */
    s_assert_served_by_lane(client);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lane_frames_dropped_total"),
                     dropped + 1);
    slot = s_announce(client);
    for (size_t i = 0; i < 3; i++) { /* with the new lane's name and place put in */
        uint8_t *head = zmq_msg_data(&frames[i]);
        memcpy(head, client->lane.reopen.names[1], TACIT_LANE_ID_SIZE);
        head[TACIT_LANE_ID_SIZE] = (uint8_t)(4 + i);
        s_send_part(client, &frames[i], zmq_msg_size(&frames[i]));
        zmq_msg_close(&frames[i]);
    }
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    s_assert_served_by_lane(good);
    tacit_client_destroy(&client);
    tacit_client_destroy(&good);
}

/*  Who announces and sends nothing, or waits for credit that it does not give, keeps no place.  */
static void a_lane_on_which_nothing_moves_is_ended(void **state)
{
    (void)state;
    echo_service_t echo;
    echo_init(&echo);
    echo.own_lane_times = true;
    echo.lane_idle_ms = 100;
    echo.lane_spare_ms = 100;
    echo.lane_recall_ms = 100;
    echo_start(&echo);
    tacit_client_t *client = echo_bind(&echo, &echo.user, TACIT_ROLE_USER);
    assert_int_equal(tacit_client_open_lane(client, NULL), TACIT_OK);
    tacit_slot_t *slot = s_announce(client);
    uint64_t began = tacit_client_now();
    assert_int_equal(s_outcome(client, slot), TACIT_BULK_LOST);
    assert_true(tacit_client_now() - began < 4000); /* its deadline was later */
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes"), 0);
    assert_int_equal(echo_metric(&echo, "tacit_rpc_lanes_broken_total"), 1);
    tacit_client_destroy(&client);
    echo_stop(&echo);
}

/*  --- strangers ------------------------------------------------------------------------------- */

/*  A right greeting of PLAIN, or not; then bytes.  */
typedef struct {
    const char *mechanism; /* NULL: noise instead of a greeting */
    const uint8_t *bytes;
    size_t size;
} s_visit_t;

static const uint8_t s_hello[] = "\x04\x29\x05HELLO\x10"
                                 "0123456789abcdef\x10"
                                 "0123456789abcdef";

/*  Bytes that are no ZMTP; other mechanisms; headers that claim 4 GiB and more; a HELLO that claims
    more than it has, and one with a name and a token of its own making.  */
static const s_visit_t s_visits[] = {
    {NULL, s_bytes, 300},
    {"CURVE", s_bytes, 300},
    {"NULL", s_bytes, 300},
    {"PLAIN", s_bytes, 300},
    {"PLAIN", (const uint8_t *)"\x06\0\0\0\1\0\0\0\0", 9},
    {"PLAIN", (const uint8_t *)"\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9},
    {"PLAIN", (const uint8_t *)"\x04\x09\x05HELLO\xff!!", 11},
    {"PLAIN", s_hello, sizeof s_hello - 1},
};

enum { VISITS = sizeof s_visits / sizeof *s_visits };

static int s_visit(const char *address, const s_visit_t *visit)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0};
    int file = stranger_dial(address);
    if (visit->mechanism) {
        memcpy(greeting + 12, visit->mechanism, strlen(visit->mechanism));
        assert_int_equal(send(file, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    }
    (void)send(file, visit->bytes, visit->size, MSG_NOSIGNAL);
    return file;
}

/*  A thousand who never send, and among them those who send what they should not: they hold nothing
    but their connections, which the server closes in its time, and stand in nobody's way.  */
static void strangers_are_hung_up_on_and_stand_in_nobodys_way(void **state)
{
    (void)state;
    static int silent[STRANGERS];
    int loud[VISITS];
    tacit_client_t *good = s_bind();
    const char *address = tacit_endpoint_address(good->lane.endpoint);
    s_assert_served_by_lane(good);
    s_bytes[0] = 0x17; /* what noise begins with is no greeting */
    long before = stranger_address_space();
    uint64_t began = tacit_client_now();
    for (size_t i = 0; i < STRANGERS; i++) {
        silent[i] = stranger_dial(address);
    }
    for (size_t i = 0; i < VISITS; i++) {
        loud[i] = s_visit(address, &s_visits[i]);
    }
    s_assert_served_by_lane(good);
    tacit_client_t *another = s_bind(); /* a lane is opened among them */
    s_assert_served_by_lane(another);
    assert_true(tacit_client_now() - began < TACIT_HANDSHAKE_MS); /* they were all there */
    assert_true(stranger_address_space() - before < 512L * 1024 * 1024);
    for (size_t i = 0; i < VISITS; i++) {
        assert_true(stranger_is_closed(loud[i]));
        close(loud[i]);
    }
    for (size_t i = 0; i < STRANGERS; i++) {
        assert_true(i % 100 > 0 || stranger_is_closed(silent[i]));
        close(silent[i]);
    }
    s_assert_served_by_lane(good);
    assert_int_equal(echo_metric(&echo_of_test, "tacit_rpc_lanes"), 2);
    tacit_client_destroy(&another);
    tacit_client_destroy(&good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_are_not_the_next_end_their_lane_alone),
        cmocka_unit_test(frames_of_a_former_lane_open_nothing),
        cmocka_unit_test(a_lane_on_which_nothing_moves_is_ended),
        cmocka_unit_test(strangers_are_hung_up_on_and_stand_in_nobodys_way),
    };
    return cmocka_run_group_tests(tests, s_setup, echo_teardown);
}
