/*  progress.c - one line, redrawn in place.  */

#include "clients/lib/progress.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/terminal.h"
#include "enclave/clock.h"

enum { S_BAR = 30 /* columns of the bar itself */ };

/*  ^C ends the program as it always does, but not with half a bar before the shell's prompt. The
   one thing that is shared: the handler has no other way to know.  */
static volatile sig_atomic_t s_shown = -1; /* the terminal that a bar is on */

static void s_on_interrupt(int number)
{
    static const char erase[] = "\r\033[K";
    if (s_shown >= 0) {
        (void)!write((int)s_shown, erase, sizeof erase - 1);
    }
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/*  Only where ^C would end the program anyway.  */
static void s_catch(void)
{
    struct sigaction before;
    const struct sigaction erasing = {.sa_handler = s_on_interrupt};
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
        (void)sigaction(SIGINT, &erasing, NULL);
    }
}

void tacit_progress_start(tacit_progress_t *progress, FILE *stream, const char *label,
                          uint64_t total)
{
    memset(progress, 0, sizeof *progress);
    progress->stream = tacit_terminal_is(stream) ? stream : NULL;
    progress->total = total;
    progress->next_ms = tacit_monotonic_ns() / 1000000 + TACIT_PROGRESS_DELAY_MS;
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
    uint64_t now = tacit_monotonic_ns() / 1000000;
    if (now >= progress->next_ms) {
        if (!progress->drawn) {
            s_catch();
        }
        s_shown = fileno(progress->stream);
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
        s_shown = -1;
    }
    progress->stream = NULL;
}
