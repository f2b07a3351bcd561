/*  codec.c - tacit-bench-codec: nanoseconds to decode and to encode the messages that a mesh at
   work has most of, beside msgpack-c's own unpack of the same bytes.

    Decoding checks every bound of the contract and fills a struct; msgpack_unpack only makes a tree
    of objects, in a zone that is used again. One line of JSON for each.  */

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/load.h"
#include "idl/inference.h"
#include "rpc/arena.h"
#include "rpc/codec.h"
#include "rpc/frame.h"

enum { S_ROUNDS = 20000, S_VALUE_MAX = 1024 };

typedef struct {
    const char *name;
    const tacit_record_t *record;
    const void *value;
} s_message_t;

typedef struct {
    tacit_arena_t *arena;
    tacit_buffer_t buffer;
    msgpack_zone *zone;
    const s_message_t *message;
} s_bench_t;

static const uint8_t s_bytes[TACIT_RESULT_SIZE];
static const uint8_t s_name[] = "breast-cancer";
static const uint8_t s_trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static const tacit_inference_infer_args_t s_request = {.owner = {s_bytes, 32},
                                                       .name = {s_name, sizeof s_name - 1},
                                                       .version = 3,
                                                       .request_id = {s_bytes, 16}};
static const tacit_inference_infer_result_t s_answer = {.receipt = {s_bytes, 512},
                                                        .result = {s_bytes, 512},
                                                        .queued_us = 1,
                                                        .worker_us = 181,
                                                        .answer_us = 3,
                                                        .receipt_us = 17};
static const tacit_inference_fetch_result_t s_job = {.job = 100000,
                                                     .user = {s_bytes, 32},
                                                     .owner = {s_bytes, 32},
                                                     .name = {s_name, sizeof s_name - 1},
                                                     .version = 3,
                                                     .request_id = {s_bytes, 16},
                                                     .remaining_ms = 59990,
                                                     .has_traceparent = true,
                                                     .traceparent = {s_trace, sizeof s_trace - 1}};
static const tacit_inference_complete_args_t s_done = {.job = 100000,
                                                       .has_receipt = true,
                                                       .receipt = {s_bytes, 512},
                                                       .has_result = true,
                                                       .result = {s_bytes, 512},
                                                       .has_answer_us = true,
                                                       .answer_us = 3,
                                                       .has_receipt_us = true,
                                                       .receipt_us = 17};
static tacit_inference_resident_t s_residents[2] = {
    {.owner = {s_bytes, 32}, .name = {s_name, sizeof s_name - 1}, .version = 3},
    {.owner = {s_bytes, 32}, .name = {s_name, 6}, .version = 1}};
static const tacit_inference_heartbeat_args_t s_heartbeat = {
    .residents = {.items = s_residents, .count = 2}};

static void s_encode(s_bench_t *bench)
{
    tacit_buffer_clear(&bench->buffer);
    load_check(tacit_codec_encode(bench->message->record, bench->message->value, NULL,
                                  &bench->buffer, NULL) == TACIT_OK,
               "encode");
}

static void s_decode(s_bench_t *bench)
{
    _Alignas(16) uint8_t value[S_VALUE_MAX];
    tacit_arena_reset(bench->arena);
    load_check(tacit_codec_decode(bench->message->record, tacit_buffer_span(&bench->buffer), NULL,
                                  bench->arena, value, NULL) == TACIT_OK,
               "decode");
}

static void s_unpack(s_bench_t *bench)
{
    msgpack_object object;
    size_t offset = 0;
    msgpack_zone_clear(bench->zone);
    load_check(msgpack_unpack((const char *)bench->buffer.data, bench->buffer.size, &offset,
                              bench->zone, &object) == MSGPACK_UNPACK_SUCCESS,
               "unpack");
}

static double s_time(s_bench_t *bench, void (*step)(s_bench_t *bench))
{
    for (size_t i = 0; i < S_ROUNDS / 10; i++) {
        step(bench);
    }
    uint64_t since = load_now_ns();
    for (size_t i = 0; i < S_ROUNDS; i++) {
        step(bench);
    }
    return (double)(load_now_ns() - since) / S_ROUNDS;
}

int main(void)
{
    const s_message_t messages[] = {
        {"infer's request", tacit_inference_infer.args, &s_request},
        {"infer's answer", tacit_inference_infer.result, &s_answer},
        {"fetch's answer", tacit_inference_fetch.result, &s_job},
        {"complete's request", tacit_inference_complete.args, &s_done},
        {"heartbeat", tacit_inference_heartbeat.args, &s_heartbeat},
    };
    s_bench_t bench = {.arena = tacit_arena_new(), .zone = msgpack_zone_new(8192)};
    load_check(bench.arena && bench.zone, "memory");
    tacit_buffer_init(&bench.buffer, TACIT_FRAME_MAX);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        bench.message = &messages[i];
        load_check(messages[i].record->size <= S_VALUE_MAX, "room");
        double encode = s_time(&bench, s_encode);
        double decode = s_time(&bench, s_decode);
        double unpack = s_time(&bench, s_unpack);
        printf("{\"what\": \"decode %s, %zu B\", \"unit\": \"ns\", \"value\": %.1f, "
               "\"msgpack\": %.1f}\n",
               messages[i].name, bench.buffer.size, decode, unpack);
        printf("{\"what\": \"encode %s, %zu B\", \"unit\": \"ns\", \"value\": %.1f}\n",
               messages[i].name, bench.buffer.size, encode);
    }
    msgpack_zone_free(bench.zone);
    tacit_buffer_free(&bench.buffer);
    tacit_arena_destroy(&bench.arena);
    return 0;
}
