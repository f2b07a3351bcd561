/*  progress.c - one line, redrawn in place.  */

#include "clients/lib/progress.h"

#include <string.h>
#include <time.h>

#include "clients/lib/terminal.h"

enum { S_BAR = 30 /* columns of the bar itself */ };

static uint64_t s_now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void tacit_progress_start(tacit_progress_t *progress, FILE *stream, const char *label,
                          uint64_t total)
{
    memset(progress, 0, sizeof *progress);
    progress->stream = tacit_terminal_is(stream) ? stream : NULL;
    progress->total = total;
    progress->next_ms = s_now_ms() + TACIT_PROGRESS_DELAY_MS;
    (void)tacit_terminal_clean(label, progress->label, sizeof progress->label);
}

static void s_draw(const tacit_progress_t *progress, uint64_t done)
{
    char bar[S_BAR + 1];
    uint64_t total = progress->total;
    if (total == 0) {
        (void)fprintf(progress->stream, "\r\033[K%s %llu", progress->label,
                      (unsigned long long)done);
    } else {
        double part = done >= total ? 1.0 : (double)done / (double)total;
        memset(bar, ' ', S_BAR);
        memset(bar, '=', (size_t)(part * S_BAR));
        bar[S_BAR] = '\0';
        (void)fprintf(progress->stream, "\r\033[K%s [%s] %3d%%", progress->label, bar,
                      (int)(part * 100));
    }
    (void)fflush(progress->stream);
}

void tacit_progress_update(tacit_progress_t *progress, uint64_t done)
{
    if (!progress->stream) {
        return;
    }
    uint64_t now = s_now_ms();
    if (now >= progress->next_ms) {
        s_draw(progress, done);
        progress->drawn = 1;
        progress->next_ms = now + TACIT_PROGRESS_INTERVAL_MS;
    }
}

void tacit_progress_end(tacit_progress_t *progress)
{
    if (progress->stream && progress->drawn) {
        (void)fputs("\r\033[K", progress->stream);
        (void)fflush(progress->stream);
    }
    progress->stream = NULL;
}
