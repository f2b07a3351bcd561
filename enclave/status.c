/*  status.c - names and texts of the stable codes, from the one table in status.h.  */

#include "enclave/status.h"

#include <stddef.h>

typedef struct {
    int code;
    const char *name;
    const char *text;
} s_row_t;

#define ROW(name, code, wire, text) {code, wire, text},
static const s_row_t s_rows[] = {TACIT_STATUS_TABLE(ROW)};
#undef ROW

static const s_row_t *s_find(tacit_status_t status)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        if (s_rows[i].code == (int)status) {
            return &s_rows[i];
        }
    }
    return NULL;
}

const char *tacit_status_name(tacit_status_t status)
{
    const s_row_t *row = s_find(status);
    return row ? row->name : "error";
}

const char *tacit_status_text(tacit_status_t status)
{
    const s_row_t *row = s_find(status);
    return row ? row->text : "the service refused";
}
