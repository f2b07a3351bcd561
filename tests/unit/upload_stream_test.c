/*  upload_stream_test.c - who comes for an upload while what came before is being stored: the sync
    is held up here, in the pool, for as long as a test wants.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "idl/models.h"
#include "model_sample.h"
#include "rpc/client_stream.h"
#include "rpc/resume.h"
#include "services/models/upload_keeper.h"
#include "services/models/upload_stream.h"
#include "state_folder.h"
#include "tests/unit/echo_service.h"
#include "tests/unit/test_actor.h"
#include "tests/unit/test_service.h"

enum {
    S_SIZE = TACIT_UPLOAD_STEP + TACIT_MODEL_CHUNK_SIZE + 7, /* of the model */
    S_PIECE = 256 * 1024,                                    /* of a stream's chunk */
    S_PATIENCE_S = 60
};

static char s_folder[STATE_FOLDER_MAX];
static tacit_model_store_t *s_store;
static tacit_upload_keeper_t *s_keeper;
static echo_service_t s_keys; /* keys and endpoint alone: it does not run */
static zactor_t *s_actor;
static model_sample_t s_sample;
static uint8_t s_sealed[S_SIZE + 64 * TACIT_SEAL_OVERHEAD];
static uint64_t s_sealed_size;

/*  --- the disk -------------------------------------------------------------------------------- */

static atomic_bool s_held;
static sem_t s_waiting; /* a sync has begun, and waits */
static sem_t s_go;

/*  In place of the C library's: the storage's syncs alone come here.  */
int fdatasync(int fd)
{
    if (atomic_load(&s_held)) {
        sem_post(&s_waiting);
        while (sem_wait(&s_go) != 0) {
        }
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void s_await_sync(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += S_PATIENCE_S;
    assert_int_equal(sem_timedwait(&s_waiting, &until), 0);
}

static void s_let_go(void)
{
    atomic_store(&s_held, false);
    sem_post(&s_go);
}

/*  --- the service ----------------------------------------------------------------------------- */

static tacit_status_t s_push(void *context, tacit_call_t *call,
                             const tacit_models_push_args_t *args,
                             tacit_models_push_result_t *ret_result)
{
    (void)ret_result;
    return tacit_upload_stream_begin(context, call, args->manifest, args->signature);
}

static void s_serve(zsock_t *pipe, void *unused)
{
    static const tacit_models_handlers_t handlers = {.push = s_push};
    const tacit_server_config_t config = {
        .endpoint = "tcp://127.0.0.1:*",
        .public_key = s_keys.server.public_key,
        .secret_key = s_keys.server.secret_key,
        .party = &s_keys.party,
        .zap_domain = "test.models",
    };
    (void)unused;
    test_service_serve(pipe, &config, &tacit_models_service, &handlers, s_keeper, s_keys.endpoint,
                       sizeof s_keys.endpoint);
}

static int s_setup(void **state)
{
    const tacit_model_limits_t limits = {0};
    (void)state;
    state_folder_make(s_folder);
    assert_int_equal(tacit_model_store_open(s_folder, &limits, &s_store, NULL), TACIT_OK);
    assert_int_equal(tacit_upload_keeper_open(s_store, &s_keeper, NULL), TACIT_OK);
    echo_init(&s_keys);
    s_sample = model_sample_of(s_keys.user.public_key, "m", 1, S_SIZE);
    s_sealed_size = 0;
    for (uint32_t i = 0; i < s_sample.manifest.chunk_count; i++) {
        tacit_span_t chunk = model_sample_chunk(&s_sample, i);
        assert_true(s_sealed_size + chunk.size <= sizeof s_sealed);
        memcpy(s_sealed + s_sealed_size, chunk.data, chunk.size);
        s_sealed_size += chunk.size;
    }
    assert_int_equal(sem_init(&s_waiting, 0, 0), 0);
    assert_int_equal(sem_init(&s_go, 0, 0), 0);
    atomic_store(&s_held, true);
    s_actor = test_actor_new(s_serve, NULL);
    assert_non_null(s_actor);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    s_let_go();
    zactor_destroy(&s_actor);
    tacit_upload_keeper_destroy(&s_keeper);
    tacit_model_store_destroy(&s_store);
    sem_destroy(&s_waiting);
    sem_destroy(&s_go);
    state_folder_remove(s_folder);
    return 0;
}

/*  --- owners ---------------------------------------------------------------------------------- */

static uint64_t s_begin(tacit_client_t *client)
{
    const tacit_models_push_args_t args = {
        .manifest = tacit_span(s_sample.bytes, sizeof s_sample.bytes),
        .signature = tacit_span(s_sample.signature, sizeof s_sample.signature),
    };
    uint64_t call = 0;
    assert_int_equal(
        tacit_client_start(client, &tacit_models_push, &args, tacit_span(NULL, 0), 0, &call, NULL),
        TACIT_OK);
    return call;
}

static void s_send(tacit_client_t *client, uint64_t call, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to; at += S_PIECE) {
        size_t size = to - at < S_PIECE ? (size_t)(to - at) : S_PIECE;
        assert_int_equal(tacit_client_send(client, call, s_sealed + at, size, NULL, NULL, NULL),
                         TACIT_OK);
    }
}

static tacit_status_t s_finish(tacit_client_t *client, uint64_t call)
{
    tacit_reply_t reply;
    assert_int_equal(tacit_client_finish(client, call, &reply, NULL), TACIT_OK);
    return reply.status;
}

/*  Begins; what is kept, or why it may not.  */
static tacit_status_t s_open(tacit_client_t *client, uint64_t *ret_call, uint64_t *ret_kept)
{
    *ret_call = s_begin(client);
    tacit_status_t status =
        tacit_client_kept(client, *ret_call, S_PATIENCE_S * 1000, ret_kept, NULL);
    if (status) {
        assert_int_equal(s_finish(client, *ret_call), status);
    }
    return status;
}

static void s_await_kept(tacit_client_t *client, uint64_t call, uint64_t bytes)
{
    uint64_t kept = UINT64_MAX;
    while (kept != bytes) {
        assert_int_equal(tacit_client_kept(client, call, S_PATIENCE_S * 1000, &kept, NULL),
                         TACIT_OK);
    }
}

/*  An owner whose first step is being stored, until the test lets go of the disk.  */
static tacit_client_t *s_half(uint64_t *ret_call)
{
    tacit_client_t *client = echo_bind(&s_keys, &s_keys.user, TACIT_ROLE_USER);
    *ret_call = s_begin(client);
    s_await_kept(client, *ret_call, 0);
    s_send(client, *ret_call, 0, TACIT_UPLOAD_STEP);
    s_await_sync();
    return client;
}

/*  Carries the rest of it from another connection, as soon as it may.  */
static void s_carry_on(tacit_client_t *client)
{
    uint64_t call = 0;
    uint64_t kept = 0;
    tacit_status_t status = TACIT_BUSY;
    while ((status = s_open(client, &call, &kept)) == TACIT_BUSY) {
        zclock_sleep(10);
    }
    assert_int_equal(status, TACIT_OK);
    assert_int_equal(kept, TACIT_UPLOAD_STEP);
    s_send(client, call, TACIT_UPLOAD_STEP, s_sealed_size);
    assert_int_equal(tacit_client_end(client, call, NULL), TACIT_OK);
    assert_int_equal(s_finish(client, call), TACIT_OK);
}

/*  --- the tests ------------------------------------------------------------------------------- */

static void who_comes_meanwhile_is_told_to_wait_and_takes_over_afterwards(void **state)
{
    (void)state;
    uint64_t call = 0;
    uint64_t other = 0;
    uint64_t kept = 0;
    tacit_client_t *former = s_half(&call);
    tacit_client_t *client = echo_bind(&s_keys, &s_keys.user, TACIT_ROLE_USER);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s_open(client, &other, &kept), TACIT_BUSY);
    }
    s_let_go();
    s_await_kept(former, call, TACIT_UPLOAD_STEP);
    s_carry_on(client);
    assert_int_equal(s_finish(former, call), TACIT_MODELS_TAKEN_OVER);
    tacit_client_destroy(&former);
    tacit_client_destroy(&client);
}

static void what_is_stored_for_a_lost_connection_is_kept(void **state)
{
    (void)state;
    uint64_t call = 0;
    uint64_t kept = 0;
    tacit_client_t *former = s_half(&call);
    tacit_client_destroy(&former);
    tacit_client_t *client = echo_bind(&s_keys, &s_keys.user, TACIT_ROLE_USER);
    assert_int_equal(s_open(client, &call, &kept), TACIT_BUSY);
    s_let_go();
    s_carry_on(client);
    tacit_client_destroy(&client);
}

static tacit_status_t s_read(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size,
                             tacit_error_t *ret_error)
{
    (void)context;
    (void)ret_error;
    memcpy(ret_bytes, s_sealed + offset, size);
    return TACIT_OK;
}

typedef struct {
    unsigned waits; /* how often it was told to wait */
    uint64_t from;  /* where it went on */
} s_story_t;

static void s_on_progress(void *context, uint64_t bytes, bool resumed, const tacit_error_t *why)
{
    s_story_t *story = context;
    if (why) {
        assert_int_equal(why->code, TACIT_BUSY);
        story->waits++;
        s_let_go();
    }
    story->from = resumed ? bytes : story->from;
}

/*  As tacit-mlowner does it: it waits, and goes on from what was stored.  */
static void a_transfer_that_is_resumed_waits_by_itself(void **state)
{
    (void)state;
    uint64_t call = 0;
    tacit_client_t *former = s_half(&call);
    tacit_client_t *client = echo_bind(&s_keys, &s_keys.user, TACIT_ROLE_USER);
    s_story_t story = {.waits = 0};
    const tacit_resume_t resume = {.client = &client, .progress = s_on_progress, .self = &story};
    const tacit_models_push_args_t args = {
        .manifest = tacit_span(s_sample.bytes, sizeof s_sample.bytes),
        .signature = tacit_span(s_sample.signature, sizeof s_sample.signature),
    };
    assert_int_equal(tacit_resume_send(&resume, &tacit_models_push, &args, s_sealed_size, s_read,
                                       NULL, NULL, NULL),
                     TACIT_OK);
    assert_true(story.waits > 0);
    assert_int_equal(story.from, TACIT_UPLOAD_STEP);
    assert_int_equal(s_finish(former, call), TACIT_MODELS_TAKEN_OVER);
    tacit_client_destroy(&former);
    tacit_client_destroy(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            who_comes_meanwhile_is_told_to_wait_and_takes_over_afterwards, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(what_is_stored_for_a_lost_connection_is_kept, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(a_transfer_that_is_resumed_waits_by_itself, s_setup,
                                        s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
