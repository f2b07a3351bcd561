/*  resume_test.c - transfers that lose their call or their connection, and come whole all the same.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/resume.h"
#include "tests/unit/flow_service.h"

static flow_service_t s_service;

/*  What a transfer was told, and what it does to its connections.  */
typedef struct {
    tacit_client_t *client;
    unsigned connects, refusals, resumed;
    uint64_t told;
    uint64_t cut_at; /* the connection is dropped when so much is through; 0: never */
    uint64_t got;
    bool wrong;
    tacit_status_t why;
} s_end_t;

static int s_setup(void **state)
{
    (void)state;
    memset(s_service.uploads, 0, sizeof s_service.uploads);
    s_service.lie = 0;
    flow_start(&s_service);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    flow_stop(&s_service);
    return 0;
}

static tacit_status_t s_connect(void *self, tacit_client_t **ret_client, tacit_error_t *ret_error)
{
    s_end_t *end = self;
    end->connects++;
    if (end->refusals > 0) {
        end->refusals--;
        return tacit_error_set(ret_error, TACIT_UNREACHABLE, NULL);
    }
    *ret_client = flow_connect(&s_service);
    return TACIT_OK;
}

static void s_progress(void *self, uint64_t bytes, bool resumed, const tacit_error_t *why)
{
    s_end_t *end = self;
    assert_true(bytes >= end->told);
    end->told = bytes;
    end->resumed += resumed;
    end->why = why ? why->code : end->why;
}

static tacit_status_t s_source(void *context, uint64_t offset, uint8_t *ret_bytes, size_t size,
                               tacit_error_t *ret_error)
{
    s_end_t *end = context;
    for (size_t i = 0; i < size; i++) {
        ret_bytes[i] = flow_byte(offset + i);
    }
    if (end->cut_at > 0 && offset + size >= end->cut_at) {
        end->cut_at = 0;
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, NULL);
    }
    return TACIT_OK;
}

static tacit_status_t s_sink(void *context, tacit_span_t bytes, tacit_error_t *ret_error)
{
    s_end_t *end = context;
    for (size_t i = 0; i < bytes.size; i++) {
        end->wrong = end->wrong || bytes.data[i] != flow_byte(end->got + i);
    }
    end->got += bytes.size;
    if (end->cut_at > 0 && end->got >= end->cut_at) {
        return tacit_error_set(ret_error, TACIT_STORAGE_FAILED, NULL);
    }
    return TACIT_OK;
}

static tacit_resume_t s_with(s_end_t *end)
{
    return (tacit_resume_t){.client = &end->client,
                            .connect = s_connect,
                            .progress = s_progress,
                            .self = end,
                            .deadline_ms = 20000};
}

static tacit_status_t s_upload(s_end_t *end, uint64_t size, const tacit_flow_upload_args_t *args,
                               tacit_flow_upload_result_t *ret_result)
{
    const tacit_resume_t with = s_with(end);
    return tacit_resume_send(&with, &tacit_flow_upload, args, size, s_source, end, ret_result,
                             NULL);
}

static tacit_status_t s_download(s_end_t *end, const tacit_flow_download_args_t *args,
                                 tacit_flow_download_result_t *ret_result)
{
    const tacit_resume_t with = s_with(end);
    return tacit_resume_receive(&with, &tacit_flow_download, args, s_sink, end, ret_result, NULL);
}

static void s_assert_whole(const flow_upload_t *upload, uint64_t size)
{
    assert_int_equal(upload->kept, size);
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(upload->bytes[i], flow_byte(i));
    }
}

/*  --- uploads --------------------------------------------------------------------------------- */

static void an_upload_without_a_loss_is_one_call(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, 1, 999, 1000, 1001, FLOW_SIZE};
    for (uint32_t i = 0; i < 6; i++) {
        s_end_t end = {.client = NULL};
        tacit_flow_upload_args_t args = {.id = i, .step = 3000};
        tacit_flow_upload_result_t result = {0};
        assert_int_equal(s_upload(&end, sizes[i], &args, &result), TACIT_OK);
        assert_int_equal(result.bytes, sizes[i]);
        assert_true(result.calls == 1 && end.connects == 1 && end.resumed == 0);
        s_assert_whole(&s_service.uploads[i], sizes[i]);
        tacit_client_destroy(&end.client);
    }
}

static void an_upload_that_breaks_goes_on_from_what_is_kept(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL, .refusals = 1};
    tacit_flow_upload_args_t args = {.id = 0, .step = 2000, .breaks = 5000};
    tacit_flow_upload_result_t result = {0};
    assert_int_equal(s_upload(&end, FLOW_SIZE, &args, &result), TACIT_OK);
    assert_int_equal(result.calls, 5); /* each brings 4000 on, the last one ends within 5000 */
    assert_int_equal(end.resumed, 4);
    assert_int_equal(end.told, FLOW_SIZE);
    assert_int_equal(end.why, TACIT_INTERRUPTED);
    s_assert_whole(&s_service.uploads[0], FLOW_SIZE);
    tacit_client_destroy(&end.client);
}

static void an_upload_that_never_gets_on_ends_after_its_tries(void **state)
{
    (void)state;
    for (uint32_t tries = 1; tries <= 3; tries++) {
        s_end_t end = {.client = NULL};
        tacit_resume_t with = s_with(&end);
        tacit_flow_upload_args_t args = {.id = tries, .step = 2000, .breaks = 1000};
        with.tries_max = tries;
        assert_int_equal(tacit_resume_send(&with, &tacit_flow_upload, &args, FLOW_SIZE, s_source,
                                           &end, NULL, NULL),
                         TACIT_INTERRUPTED);
        assert_int_equal(s_service.uploads[tries].calls, tries);
        tacit_client_destroy(&end.client);
    }
}

static void an_upload_ends_by_its_deadline(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL, .refusals = 1000};
    tacit_resume_t with = s_with(&end);
    tacit_flow_upload_args_t args = {.id = 0, .step = 2000};
    with.deadline_ms = 700;
    with.tries_max = 1000;
    uint64_t begun = (uint64_t)zclock_mono();
    assert_int_equal(
        tacit_resume_send(&with, &tacit_flow_upload, &args, FLOW_SIZE, s_source, &end, NULL, NULL),
        TACIT_UNREACHABLE);
    assert_true((uint64_t)zclock_mono() - begun < 1500);
}

static void a_source_that_fails_ends_it_at_once(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL, .cut_at = 8000};
    tacit_flow_upload_args_t args = {.id = 0, .step = 2000};
    assert_int_equal(s_upload(&end, FLOW_SIZE, &args, NULL), TACIT_STORAGE_FAILED);
    assert_int_equal(end.connects, 1);
    flow_await_none(end.client);
    /*  The next transfer of the same bytes goes on.  */
    bool kept = s_service.uploads[0].kept > 0;
    assert_int_equal(s_upload(&end, FLOW_SIZE, &args, NULL), TACIT_OK);
    assert_int_equal(end.resumed, kept);
    s_assert_whole(&s_service.uploads[0], FLOW_SIZE);
    tacit_client_destroy(&end.client);
}

static void a_service_that_keeps_more_than_there_is_is_not_believed(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL};
    tacit_flow_upload_args_t args = {.id = 0, .step = 2000};
    s_service.lie = 101;
    assert_int_equal(s_upload(&end, 100, &args, NULL), TACIT_CORRUPT);
    assert_int_equal(end.connects, 1);
    tacit_client_destroy(&end.client);
}

static void stop_ends_a_transfer_soon(void **state)
{
    (void)state;
    atomic_bool stop = true;
    s_end_t end = {.client = NULL};
    tacit_resume_t with = s_with(&end);
    tacit_flow_upload_args_t args = {.id = 0, .step = 2000};
    with.stop = &stop;
    assert_int_equal(
        tacit_resume_send(&with, &tacit_flow_upload, &args, FLOW_SIZE, s_source, &end, NULL, NULL),
        TACIT_INTERRUPTED);
    assert_int_equal(end.connects, 0);
}

/*  --- downloads ------------------------------------------------------------------------------- */

static void a_download_that_breaks_goes_on_from_what_came(void **state)
{
    (void)state;
    for (uint64_t breaks = 0; breaks <= 6000; breaks += 3000) {
        s_end_t end = {.client = NULL};
        tacit_flow_download_args_t args = {.size = FLOW_SIZE, .breaks = breaks};
        tacit_flow_download_result_t result = {0};
        assert_int_equal(s_download(&end, &args, &result), TACIT_OK);
        assert_true(end.got == FLOW_SIZE && !end.wrong && end.told == FLOW_SIZE);
        assert_true(breaks == 0 ? end.resumed == 0 : end.resumed >= 3);
        tacit_client_destroy(&end.client);
    }
}

static void a_download_begins_at_any_offset_within_bounds(void **state)
{
    (void)state;
    const uint64_t offsets[] = {0, 1, 19999, FLOW_SIZE, FLOW_SIZE + 1, UINT64_MAX};
    for (size_t i = 0; i < 6; i++) {
        s_end_t end = {.client = NULL, .got = offsets[i]};
        tacit_flow_download_args_t args = {.size = FLOW_SIZE, .offset = offsets[i]};
        tacit_status_t status = s_download(&end, &args, NULL);
        assert_int_equal(status, offsets[i] <= FLOW_SIZE ? TACIT_OK : TACIT_BAD_INPUT);
        assert_true(status != TACIT_OK || (end.got == FLOW_SIZE && !end.wrong));
        assert_int_equal(end.connects, 1);
        tacit_client_destroy(&end.client);
    }
}

static void a_sink_that_fails_ends_it_at_once(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL, .cut_at = 5000};
    tacit_flow_download_args_t args = {.size = FLOW_SIZE};
    assert_int_equal(s_download(&end, &args, NULL), TACIT_STORAGE_FAILED);
    assert_int_equal(end.connects, 1);
    flow_await_none(end.client);
    tacit_client_destroy(&end.client);
}

static void what_is_not_resumable_is_refused(void **state)
{
    (void)state;
    s_end_t end = {.client = NULL};
    const tacit_resume_t with = s_with(&end);
    tacit_flow_push_args_t args = {.sleeper = false};
    assert_int_equal(
        tacit_resume_send(&with, &tacit_flow_push, &args, 1, s_source, &end, NULL, NULL),
        TACIT_BAD_INPUT);
    assert_int_equal(
        tacit_resume_receive(&with, &tacit_flow_upload, &args, s_sink, &end, NULL, NULL),
        TACIT_BAD_INPUT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_upload_without_a_loss_is_one_call),
        CASE(an_upload_that_breaks_goes_on_from_what_is_kept),
        CASE(an_upload_that_never_gets_on_ends_after_its_tries),
        CASE(an_upload_ends_by_its_deadline),
        CASE(a_source_that_fails_ends_it_at_once),
        CASE(a_service_that_keeps_more_than_there_is_is_not_believed),
        CASE(stop_ends_a_transfer_soon),
        CASE(a_download_that_breaks_goes_on_from_what_came),
        CASE(a_download_begins_at_any_offset_within_bounds),
        CASE(a_sink_that_fails_ends_it_at_once),
        CASE(what_is_not_resumable_is_refused),
    };
#undef CASE
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
