/*  print_error.c - errors may quote a peer, so that every string is cleaned before it is shown.  */

#include "clients/lib/print_error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "clients/lib/terminal.h"

typedef struct s_part {
    const char *name;  /* in JSON */
    const char *title; /* for people */
    size_t offset;     /* of the string in tacit_error_t */
} s_part_t;

static const s_part_t s_parts[] = {
    {"claim", "what", offsetof(tacit_error_t, claim)},
    {"expected", "expected", offsetof(tacit_error_t, expected)},
    {"got", "got", offsetof(tacit_error_t, got)},
    {"policy", "policy", offsetof(tacit_error_t, policy)},
    {"remedy", "to do", offsetof(tacit_error_t, remedy)},
};

/*  The part's text, cleaned. No part is longer than a message.  */
static bool s_text(const tacit_error_t *error, size_t offset,
                   char ret_text[TACIT_ERROR_MESSAGE_MAX])
{
    return tacit_terminal_clean((const char *)error + offset, ret_text, TACIT_ERROR_MESSAGE_MAX) >
           0;
}

static void s_message(const tacit_error_t *error, char ret_text[TACIT_ERROR_MESSAGE_MAX])
{
    if (!s_text(error, offsetof(tacit_error_t, message), ret_text)) {
        (void)snprintf(ret_text, TACIT_ERROR_MESSAGE_MAX, "%s", tacit_status_text(error->code));
    }
}

void tacit_print_error(FILE *stream, const char *program, const tacit_error_t *error)
{
    char text[TACIT_ERROR_MESSAGE_MAX];
    s_message(error, text);
    (void)fprintf(stream, "%s: %s\n", program, text);
    for (size_t i = 0; i < sizeof s_parts / sizeof *s_parts; i++) {
        if (s_text(error, s_parts[i].offset, text)) {
            (void)fprintf(stream, "  %-9s %s\n", s_parts[i].title, text);
        }
    }
}

void tacit_print_error_json(FILE *stream, const tacit_error_t *error)
{
    char text[TACIT_ERROR_MESSAGE_MAX];
    tacit_exit_t exit_code = tacit_exit_code(error->code);
    json_t *body = json_object();
    json_t *root = json_object();
    const char *name = *error->name ? error->name : tacit_status_name(error->code);
    s_message(error, text);
    (void)json_object_set_new(body, "code", json_integer(error->code));
    (void)json_object_set_new(body, "name", json_string(name));
    (void)json_object_set_new(body, "message", json_string(text));
    (void)json_object_set_new(body, "exit", json_integer(exit_code));
    (void)json_object_set_new(body, "exit_name", json_string(tacit_exit_name(exit_code)));
    for (size_t i = 0; i < sizeof s_parts / sizeof *s_parts; i++) {
        if (s_text(error, s_parts[i].offset, text)) {
            (void)json_object_set_new(body, s_parts[i].name, json_string(text));
        }
    }
    (void)json_object_set_new(root, "error", body);
    (void)json_dumpf(root, stream, JSON_COMPACT | JSON_PRESERVE_ORDER);
    (void)fputc('\n', stream);
    json_decref(root);
}
