/*  help.c - every text follows from the tables, so that help cannot lag behind the program.  */

#include "clients/lib/help.h"

#include <stdbool.h>
#include <string.h>

#include "enclave/wrap.h"

enum {
    S_COMMAND_COLUMN = 14, /* where explanations begin */
    S_OPTION_COLUMN = 28,
    S_CODE_COLUMN = 26,
    S_USAGE_COLUMN = 18, /* beside the name: "Usage: NAME [OPTIONS] " */
    S_NAME_MAX = 32,     /* bytes of a name that is compared */
    S_DISTANCE_NEAR = 2  /* typing errors that are forgiven */
};

static void s_row(FILE *stream, int column, const char *left, const char *right)
{
    if ((int)strlen(left) + 4 > column) {
        (void)fprintf(stream, "  %s\n%*s", left, column, "");
    } else {
        (void)fprintf(stream, "  %-*s", column - 2, left);
    }
    tacit_wrap(stream, right, column);
}

/*  "NAME - what it is", the rest of it below.  */
static void s_title(FILE *stream, const char *name, const char *summary)
{
    (void)fprintf(stream, "%s - ", name);
    tacit_wrap(stream, summary, (int)strlen(name) + 3);
}

static void s_options(FILE *stream, const char *title, const tacit_option_t *options, size_t count)
{
    char left[128];
    if (count == 0) {
        return;
    }
    (void)fprintf(stream, "\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        const tacit_option_t *option = &options[i];
        char letter[] = {'-', option->letter ? option->letter : ' ', ',', ' ', '\0'};
        (void)snprintf(left, sizeof left, "%s--%s%s%s", option->letter ? letter : "    ",
                       option->name, option->argument ? " " : "",
                       option->argument ? option->argument : "");
        s_row(stream, S_OPTION_COLUMN, left, option->help);
    }
}

static void s_global_options(FILE *stream)
{
    size_t count = 0;
    const tacit_option_t *options = tacit_options_global(&count);
    s_options(stream, "Options of every command:", options, count);
}

static void s_exit_codes(FILE *stream)
{
    size_t count = 0;
    char left[64];
    const tacit_exit_row_t *rows = tacit_exit_rows(&count);
    (void)fputs("\nExit codes:\n", stream);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(left, sizeof left, "%3d  %s", (int)rows[i].code, rows[i].name);
        s_row(stream, S_CODE_COLUMN, left, rows[i].meaning);
    }
}

void tacit_help_program(FILE *stream, const tacit_program_t *program)
{
    s_title(stream, program->name, program->summary);
    (void)fprintf(stream, "\nUsage: %s COMMAND [OPTIONS] [OPERANDS]\n\nCommands:\n", program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        s_row(stream, S_COMMAND_COLUMN, program->commands[i].name, program->commands[i].summary);
    }
    s_global_options(stream);
    s_exit_codes(stream);
    (void)fprintf(stream, "\n'%s COMMAND --help' tells more about a command.\n", program->name);
}

void tacit_help_command(FILE *stream, const tacit_program_t *program,
                        const tacit_command_t *command)
{
    char name[2 * S_NAME_MAX];
    (void)snprintf(name, sizeof name, "%s %s", program->name, command->name);
    s_title(stream, name, command->summary);
    (void)fprintf(stream, "\nUsage: %s [OPTIONS]%s", name, *command->operands ? " " : "");
    tacit_wrap(stream, command->operands, (int)strlen(name) + S_USAGE_COLUMN);
    if (command->notes) {
        size_t size = strlen(command->notes);
        bool whole = size > 0 && command->notes[size - 1] == '\n';
        (void)fprintf(stream, "\n%s%s", command->notes, whole ? "" : "\n");
    }
    s_options(stream, "Options:", command->options, command->option_count);
    s_global_options(stream);
}

static size_t s_least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/*  Levenshtein's distance, one row at a time. Both names are at most S_NAME_MAX long.  */
static size_t s_distance(const char *a, const char *b)
{
    size_t row[S_NAME_MAX + 1];
    size_t b_size = strlen(b);
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_size; j++) {
            size_t above = row[j + 1];
            row[j + 1] = s_least(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[b_size];
}

const tacit_command_t *tacit_help_nearest(const tacit_program_t *program, const char *typed)
{
    const tacit_command_t *nearest = NULL;
    size_t best = S_DISTANCE_NEAR + 1;
    if (strlen(typed) > S_NAME_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < program->command_count; i++) {
        const char *name = program->commands[i].name;
        size_t distance = strlen(name) > S_NAME_MAX ? best : s_distance(typed, name);
        if (distance < best && distance < strlen(name)) {
            best = distance;
            nearest = &program->commands[i];
        }
    }
    return nearest;
}
