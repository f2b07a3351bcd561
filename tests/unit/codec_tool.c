/*  codec_tool.c - the sample record on standard input and output, for codec_python_test.py.

        codec_tool write    the filled sample
        codec_tool copy     decodes what comes in and encodes it again; exit code 1: refused  */

#include <stdio.h>
#include <string.h>

#include "rpc/codec.h"
#include "tests/unit/codec_sample.h"

enum { S_MAX = 64 * 1024 };

static int s_print(const sample_t *sample)
{
    tacit_buffer_t buffer;
    tacit_buffer_init(&buffer, S_MAX);
    tacit_status_t status = tacit_codec_encode(&sample_record, sample, NULL, &buffer, NULL);
    size_t written = status == TACIT_OK ? fwrite(buffer.data, 1, buffer.size, stdout) : 0;
    bool whole = status == TACIT_OK && written == buffer.size;
    tacit_buffer_free(&buffer);
    return whole ? 0 : 2;
}

static int s_copy(void)
{
    static uint8_t bytes[S_MAX];
    tacit_error_t error;
    sample_t sample;
    size_t size = fread(bytes, 1, sizeof bytes, stdin);
    tacit_arena_t *arena = tacit_arena_new();
    if (!arena) {
        return 2;
    }
    tacit_status_t status =
        tacit_codec_decode(&sample_record, tacit_span(bytes, size), NULL, arena, &sample, &error);
    int code = 1;
    if (status == TACIT_OK) {
        code = s_print(&sample);
    } else {
        fprintf(stderr, "%s %s\n", error.name, error.claim);
    }
    tacit_arena_destroy(&arena);
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "write") == 0) {
        sample_t sample;
        sample_fill(&sample);
        return s_print(&sample);
    }
    return argc == 2 && strcmp(argv[1], "copy") == 0 ? s_copy() : 2;
}
