/*  progress.h - a bar for work that takes long, on a terminal only.

    It appears when the work has taken a third of a second, is drawn at most ten times a second,
    and leaves no trace. Where the stream is no terminal it does nothing at all.  */

#ifndef TACIT_CLIENTS_PROGRESS_H
#define TACIT_CLIENTS_PROGRESS_H

#include <stdint.h>
#include <stdio.h>

enum {
    TACIT_PROGRESS_DELAY_MS = 333,    /* before it appears */
    TACIT_PROGRESS_INTERVAL_MS = 100, /* between two drawings */
    TACIT_PROGRESS_LABEL_MAX = 64     /* bytes, with the final NUL */
};

typedef struct tacit_progress {
    FILE *stream; /* NULL: nothing is drawn */
    char label[TACIT_PROGRESS_LABEL_MAX];
    uint64_t total;   /* 0: unknown, only what is done is shown */
    uint64_t next_ms; /* not drawn before then (monotonic) */
    int drawn;        /* something is on the screen */
} tacit_progress_t;

/*  Begins; the label is cleaned. stream is stderr as a rule.  */
void tacit_progress_start(tacit_progress_t *progress, FILE *stream, const char *label,
                          uint64_t total);

/*  So much of the total is done.  */
void tacit_progress_update(tacit_progress_t *progress, uint64_t done);

/*  Erases the bar. Idempotent.  */
void tacit_progress_end(tacit_progress_t *progress);

#endif
