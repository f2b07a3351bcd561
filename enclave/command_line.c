/*  command_line.c - see command_line.h. getopt_long does the work.  */

#include "enclave/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/wrap.h"

enum {
    S_FIRST = 256,
    S_HELP = S_FIRST + TACIT_COMMAND_LINE_OPTIONS_MAX,
    S_VERSION,
    S_NAME_MAX = 48,
    S_HELP_MAX = 320 /* of one option, or of one way to call the program */
};

/*  --- help ------------------------------------------------------------------------------------ */

static size_t s_name(char *name, const char *option, const char *argument)
{
    return (size_t)snprintf(name, S_NAME_MAX, "--%s%s%s", option, argument ? " " : "",
                            argument ? argument : "");
}

static size_t s_widest(const tacit_command_line_t *line)
{
    char name[S_NAME_MAX];
    size_t widest = sizeof "--version" - 1;
    for (size_t i = 0; i < line->option_count; i++) {
        size_t width = s_name(name, line->options[i].name, line->options[i].argument);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static void s_print_row(size_t width, const char *option, const char *argument, const char *help,
                        bool required)
{
    char name[S_NAME_MAX];
    char text[S_HELP_MAX];
    s_name(name, option, argument);
    snprintf(text, sizeof text, "%s%s", help, required ? " (required)" : "");
    printf("  %-*s  ", (int)width, name);
    tacit_wrap(stdout, text, (int)width + 4);
}

/*  Each line of the usage is one way to call it.  */
static void s_print_usage(const tacit_command_line_t *line)
{
    const char *usage = line->usage;
    for (const char *word = "Usage:"; *usage; word = "") {
        char way[S_HELP_MAX];
        size_t size = strcspn(usage, "\n");
        snprintf(way, sizeof way, "%.*s", (int)size, usage);
        printf("%-6s %s ", word, line->name);
        tacit_wrap(stdout, way, (int)strlen(line->name) + 8);
        usage += size + (usage[size] == '\n');
    }
}

static void s_print_help(const tacit_command_line_t *line)
{
    size_t width = s_widest(line);
    printf("%s - ", line->name);
    tacit_wrap(stdout, line->summary, (int)strlen(line->name) + 3);
    putchar('\n');
    s_print_usage(line);
    putchar('\n');
    for (size_t i = 0; i < line->option_count; i++) {
        const tacit_line_option_t *option = &line->options[i];
        s_print_row(width, option->name, option->argument, option->help, option->required);
    }
    s_print_row(width, "help", NULL, "this text", false);
    s_print_row(width, "version", NULL, "the version", false);
    if (line->notes) {
        putchar('\n');
        tacit_wrap(stdout, line->notes, 0);
    }
}

int tacit_command_line_refuse(const tacit_command_line_t *line, const char *what, const char *value)
{
    fprintf(stderr, "%s: %s%s%s; see %s --help\n", line->name, what, value ? ": " : "",
            value ? value : "", line->name);
    return TACIT_COMMAND_LINE_USAGE;
}

/*  --- values ---------------------------------------------------------------------------------- */

bool tacit_command_line_number(const char *value, unsigned long most, unsigned long *ret_number)
{
    if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0' || strlen(value) > 9) {
        return false;
    }
    unsigned long number = strtoul(value, NULL, 10);
    if (number > most) {
        return false;
    }
    *ret_number = number;
    return true;
}

static bool s_store(const tacit_line_option_t *option, void *self, const char *value)
{
    void *place = (char *)self + option->offset;
    switch (option->kind) {
    case TACIT_OPTION_FLAG:
        *(bool *)place = true;
        return true;
    case TACIT_OPTION_WORD:
        memcpy(place, &value, sizeof value);
        return true;
    case TACIT_OPTION_TEXT:
        return (size_t)snprintf(place, option->size, "%s", value) < option->size;
    case TACIT_OPTION_TAKE:
        return option->take(self, value);
    }
    return false;
}

static bool s_is_set(const tacit_line_option_t *option, const void *self)
{
    const char *place = (const char *)self + option->offset;
    const char *word = NULL;
    memcpy(&word, option->kind == TACIT_OPTION_WORD ? place : (const char *)&place, sizeof word);
    return word && word[0];
}

/*  --- parsing --------------------------------------------------------------------------------- */

static void s_describe(const tacit_command_line_t *line, struct option *options)
{
    size_t count = 0;
    for (; count < line->option_count && count < TACIT_COMMAND_LINE_OPTIONS_MAX; count++) {
        options[count] = (struct option){
            .name = line->options[count].name,
            .has_arg = line->options[count].argument ? required_argument : no_argument,
            .val = S_FIRST + (int)count,
        };
    }
    options[count] = (struct option){.name = "help", .val = S_HELP};
    options[count + 1] = (struct option){.name = "version", .val = S_VERSION};
}

static int s_check(const tacit_command_line_t *line, int argc, char **argv, const void *self,
                   const char **ret_operand)
{
    for (size_t i = 0; i < line->option_count; i++) {
        if (line->options[i].required && !s_is_set(&line->options[i], self)) {
            return tacit_command_line_refuse(line, "required option", line->options[i].name);
        }
    }
    int operands = line->operand ? 1 : 0;
    if (argc - optind > operands) {
        return tacit_command_line_refuse(line, "unexpected argument", argv[optind + operands]);
    }
    if (argc - optind < operands) {
        return tacit_command_line_refuse(line, "missing", line->operand);
    }
    if (operands) {
        *ret_operand = argv[optind];
    }
    return -1;
}

int tacit_command_line_parse(const tacit_command_line_t *line, int argc, char **argv, void *self,
                             const char **ret_operand)
{
    struct option options[TACIT_COMMAND_LINE_OPTIONS_MAX + 3] = {{0}};
    s_describe(line, options);
    optind = 0; /* glibc: start anew, whoever parsed before */
    int found = 0;
    while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (found == S_HELP) {
            s_print_help(line);
            return 0;
        }
        if (found == S_VERSION) {
            printf("%s %s\n", line->name, TACIT_VERSION);
            return 0;
        }
        if (found < S_FIRST || found >= S_HELP) { /* getopt_long has said which */
            return tacit_command_line_refuse(line, "bad option", NULL);
        }
        const tacit_line_option_t *option = &line->options[found - S_FIRST];
        if (!s_store(option, self, optarg)) {
            fprintf(stderr, "%s: --%s: not a value for it: %s\n", line->name, option->name, optarg);
            return TACIT_COMMAND_LINE_USAGE;
        }
    }
    return s_check(line, argc, argv, self, ret_operand);
}
