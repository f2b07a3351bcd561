/*  options.c - getopt_long twice: up to the command, and after it.  */

#include "clients/lib/options.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/help.h"
#include "clients/lib/print_error.h"
#include "clients/lib/suggest.h"
#include "enclave/secret.h"
#include "enclave/whole_file.h"
#include "rpc/trace.h"

static const tacit_option_t s_globals[] = {
    {"state", 0, "DIR", "the mesh to talk to (TACIT_STATE, ~/.local/state/tacit)"},
    {"identity", 0, "DIR", "the keys to act with (a folder below the state)"},
    {"timeout", 0, "SECONDS", "give up after so long"},
    {"json", 0, NULL, "print JSON, for programs"},
    {"metrics", 0, "FILE", "write there at the end what the calls came to, as OpenMetrics text"},
    {"help", 'h', NULL, "print this help"},
    {"version", 'V', NULL, "print the version"},
};

enum {
    S_METRICS_MODE = 0644,
    S_GLOBAL_COUNT = sizeof s_globals / sizeof *s_globals,
    S_VALUE_BASE = 256 /* getopt_long's value of the first option; below are letters and signs */
};

/*  The options of one stage, in the forms that getopt_long wants.  */
typedef struct s_set {
    const tacit_option_t *options[TACIT_OPTIONS_MAX];
    struct option longs[TACIT_OPTIONS_MAX + 1]; /* ends with a zeroed one */
    char letters[2 * TACIT_OPTIONS_MAX + 3];
    size_t count;
} s_set_t;

const tacit_option_t *tacit_options_global(size_t *ret_count)
{
    *ret_count = S_GLOBAL_COUNT;
    return s_globals;
}

static void s_add(s_set_t *set, const tacit_option_t *options, size_t count)
{
    size_t letters = strlen(set->letters);
    for (size_t i = 0; i < count && set->count < TACIT_OPTIONS_MAX; i++) {
        const tacit_option_t *option = &options[i];
        set->options[set->count] = option;
        set->longs[set->count] = (struct option){
            .name = option->name,
            .has_arg = option->argument ? required_argument : no_argument,
            .val = S_VALUE_BASE + (int)set->count,
        };
        set->count++;
        if (option->letter) {
            set->letters[letters++] = option->letter;
            if (option->argument) {
                set->letters[letters++] = ':';
            }
        }
    }
    set->letters[letters] = '\0';
}

static const tacit_option_t *s_option_of(const s_set_t *set, int value)
{
    if (value >= S_VALUE_BASE) {
        return set->options[value - S_VALUE_BASE];
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->options[i]->letter == value) {
            return set->options[i];
        }
    }
    return NULL;
}

static tacit_status_t s_usage(const tacit_invocation_t *invocation, tacit_error_t *ret_error,
                              const char *what, const char *which)
{
    const char *command = invocation->command ? invocation->command->name : NULL;
    (void)tacit_error_set_named(ret_error, TACIT_CLIENT_USAGE, "usage", "%s%s", what, which);
    tacit_error_remedy(ret_error, "see '%s%s%s --help'", invocation->program->name,
                       command ? " " : "", command ? command : "");
    return TACIT_CLIENT_USAGE;
}

tacit_status_t tacit_usage_error(const tacit_invocation_t *invocation, tacit_error_t *ret_error,
                                 const char *format, ...)
{
    char text[TACIT_ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return s_usage(invocation, ret_error, text, "");
}

static tacit_status_t s_refuse_option(const tacit_invocation_t *invocation, int value, char **argv,
                                      tacit_error_t *ret_error)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt < S_VALUE_BASE;
    const char *what = value == '?' ? "unknown option, or one that takes no argument: "
                                    : "this option needs an argument: ";
    return s_usage(invocation, ret_error, what, is_letter ? letter : argv[optind - 1]);
}

/*  Take the options of one stage into the invocation; ret_operands counts what stands before the
    first operand then (getopt_long has moved operands to the end, or stopped at the first).  */
static tacit_status_t s_collect(tacit_invocation_t *invocation, const s_set_t *set, int argc,
                                char **argv, int *ret_operands, tacit_error_t *ret_error)
{
    int value = 0;
    opterr = 0;
    optind = 0; /* begin anew */
    while ((value = getopt_long(argc, argv, set->letters, set->longs, NULL)) != -1) {
        if (value == '?' || value == ':') {
            return s_refuse_option(invocation, value, argv, ret_error);
        }
        if (invocation->value_count == TACIT_OPTION_VALUES_MAX) {
            return s_usage(invocation, ret_error, "too many options", "");
        }
        const tacit_option_t *option = s_option_of(set, value);
        if (option && option->argument && *optarg == '\0') {
            return s_usage(invocation, ret_error, "an option's argument is empty: --",
                           option->name);
        }
        invocation->values[invocation->value_count].option = option;
        invocation->values[invocation->value_count].value = optarg;
        invocation->value_count++;
    }
    *ret_operands = optind;
    return TACIT_OK;
}

size_t tacit_invocation_count(const tacit_invocation_t *invocation, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < invocation->value_count; i++) {
        count += strcmp(invocation->values[i].option->name, name) == 0;
    }
    return count;
}

const char *tacit_invocation_nth(const tacit_invocation_t *invocation, const char *name,
                                 size_t index)
{
    for (size_t i = 0; i < invocation->value_count; i++) {
        if (strcmp(invocation->values[i].option->name, name) == 0 && index-- == 0) {
            return invocation->values[i].value;
        }
    }
    return NULL;
}

const char *tacit_invocation_value(const tacit_invocation_t *invocation, const char *name)
{
    size_t count = tacit_invocation_count(invocation, name);
    return count > 0 ? tacit_invocation_nth(invocation, name, count - 1) : NULL;
}

static bool s_path(char ret_path[PATH_MAX], const char *folder, const char *below)
{
    int size = snprintf(ret_path, PATH_MAX, "%s%s%s", folder, *below ? "/" : "", below);
    return size > 0 && size < PATH_MAX;
}

static const char *s_home(void)
{
    const char *home = secure_getenv("HOME");
    if (!home || !*home) {
        const struct passwd *user = getpwuid(getuid());
        home = user ? user->pw_dir : "/";
    }
    return home;
}

static tacit_status_t s_settle_folders(tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *state = tacit_invocation_value(invocation, "state");
    const char *identity = tacit_invocation_value(invocation, "identity");
    const char *given = secure_getenv("TACIT_STATE");
    state = !state && given && *given ? given : state;
    bool fits = state ? s_path(invocation->state, state, "")
                      : s_path(invocation->state, s_home(), ".local/state/tacit");
    fits = fits && (identity ? s_path(invocation->identity, identity, "")
                             : s_path(invocation->identity, invocation->state,
                                      invocation->program->identity));
    return fits ? TACIT_OK : s_usage(invocation, ret_error, "the path of a folder is too long", "");
}

static tacit_status_t s_settle_timeout(tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const char *text = tacit_invocation_value(invocation, "timeout");
    if (!text) {
        return TACIT_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long seconds = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || seconds == 0 ||
        seconds > TACIT_OPTION_TIMEOUT_MAX) {
        return tacit_usage_error(invocation, ret_error, "--timeout takes 1 to %d seconds",
                                 TACIT_OPTION_TIMEOUT_MAX);
    }
    invocation->timeout_ms = (uint32_t)seconds * 1000;
    return TACIT_OK;
}

static tacit_status_t s_settle(tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    invocation->help = tacit_invocation_count(invocation, "help") > 0;
    invocation->version = tacit_invocation_count(invocation, "version") > 0;
    invocation->json = tacit_invocation_count(invocation, "json") > 0;
    if (invocation->help || invocation->version) {
        return TACIT_OK;
    }
    if (!invocation->command) {
        return s_usage(invocation, ret_error, "which command?", "");
    }
    if (invocation->operand_count < invocation->command->operands_min) {
        return s_usage(invocation, ret_error,
                       "operands are missing: ", invocation->command->operands);
    }
    if (invocation->operand_count > invocation->command->operands_max) {
        return s_usage(invocation, ret_error, "one operand too many: ",
                       invocation->operands[invocation->command->operands_max]);
    }
    tacit_status_t status = s_settle_folders(invocation, ret_error);
    return status == TACIT_OK ? s_settle_timeout(invocation, ret_error) : status;
}

static tacit_status_t s_find_command(tacit_invocation_t *invocation, const char *name,
                                     tacit_error_t *ret_error)
{
    const tacit_program_t *program = invocation->program;
    for (size_t i = 0; i < program->command_count; i++) {
        if (strcmp(program->commands[i].name, name) == 0) {
            invocation->command = &program->commands[i];
            return TACIT_OK;
        }
    }
    const tacit_command_t *nearest = tacit_help_nearest(program, name);
    (void)s_usage(invocation, ret_error, "unknown command: ", name);
    if (nearest) {
        tacit_error_remedy(ret_error, "did you mean '%s %s'?", program->name, nearest->name);
    }
    return TACIT_CLIENT_USAGE;
}

static tacit_status_t s_parse_rest(tacit_invocation_t *invocation, int argc, char **argv,
                                   tacit_error_t *ret_error)
{
    s_set_t set = {.letters = ":"};
    int operands = 0;
    s_add(&set, s_globals, S_GLOBAL_COUNT);
    s_add(&set, invocation->command->options, invocation->command->option_count);
    tacit_status_t status = s_collect(invocation, &set, argc, argv, &operands, ret_error);
    if (status == TACIT_OK) {
        invocation->operands = argv + operands;
        invocation->operand_count = (size_t)(argc - operands);
    }
    return status;
}

/*  --json is honoured even where the rest of the line is wrong, so that a program that asked for
    JSON gets the error in JSON.  */
static bool s_wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

tacit_status_t tacit_invocation_parse(const tacit_program_t *program, int argc, char **argv,
                                      tacit_invocation_t *ret_invocation, tacit_error_t *ret_error)
{
    s_set_t set = {.letters = "+:"}; /* stop at the first operand, the command */
    tacit_invocation_t invocation = {.program = program};
    int operands = 0;
    s_add(&set, s_globals, S_GLOBAL_COUNT);
    tacit_status_t status = s_collect(&invocation, &set, argc, argv, &operands, ret_error);
    if (status == TACIT_OK && operands < argc) {
        status = s_find_command(&invocation, argv[operands], ret_error);
        if (status == TACIT_OK) {
            status = s_parse_rest(&invocation, argc - operands, argv + operands, ret_error);
        }
    }
    if (status == TACIT_OK) {
        status = s_settle(&invocation, ret_error);
    }
    if (status == TACIT_OK) {
        *ret_invocation = invocation;
    }
    return status;
}

/*  All calls of one command are one trace: the caller's (TRACEPARENT) where there is one.  */
static tacit_trace_t s_trace(void)
{
    tacit_trace_t trace;
    const char *text = getenv("TRACEPARENT");
    return text && tacit_trace_parse(tacit_span_string(text), &trace) == TACIT_OK
               ? trace
               : tacit_trace_root();
}

static tacit_status_t s_run(const tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    const tacit_program_t *program = invocation->program;
    if (invocation->version) {
        (void)printf("%s %s\n", program->name, TACIT_VERSION);
        return TACIT_OK;
    }
    if (invocation->help || !invocation->command) { /* without one nothing else was let pass */
        if (invocation->command) {
            tacit_help_command(stdout, program, invocation->command);
        } else {
            tacit_help_program(stdout, program);
        }
        return TACIT_OK;
    }
    tacit_status_t status = tacit_process_init();
    if (status == TACIT_OK) {
        status = tacit_process_seal();
    }
    if (status != TACIT_OK) {
        return tacit_error_set(ret_error, status, "the process cannot be hardened");
    }
    tacit_trace_t trace = s_trace();
    tacit_trace_enter(&trace);
    return invocation->command->run(invocation, ret_error);
}

/*  What was called and how it ended is told of commands that failed, too.  */
static tacit_status_t s_write_metrics(const tacit_invocation_t *invocation,
                                      tacit_error_t *ret_error)
{
    const char *path = tacit_invocation_value(invocation, "metrics");
    tacit_buffer_t text;
    tacit_buffer_init(&text, TACIT_METRICS_TEXT_MAX);
    tacit_status_t status = tacit_client_metrics_write(invocation->metrics, &text);
    if (!status) {
        status = tacit_whole_file_replace(path, tacit_buffer_span(&text), S_METRICS_MODE);
    }
    tacit_buffer_free(&text);
    if (status) {
        tacit_status_t code = status == TACIT_STORAGE_FULL ? status : TACIT_STORAGE_FAILED;
        tacit_error_set(ret_error, code, "cannot write the metrics to %s: %s", path,
                        status == TACIT_NOT_FOUND ? "no such folder" : tacit_status_text(status));
        return code;
    }
    return TACIT_OK;
}

static tacit_status_t s_run_counted(tacit_invocation_t *invocation, tacit_error_t *ret_error)
{
    if (!invocation->command || tacit_invocation_count(invocation, "metrics") == 0) {
        return s_run(invocation, ret_error);
    }
    invocation->metrics = tacit_client_metrics_new();
    if (!invocation->metrics) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    tacit_error_t unwritten = {.code = TACIT_OK};
    tacit_status_t status = s_run(invocation, ret_error);
    tacit_status_t written = s_write_metrics(invocation, &unwritten);
    tacit_client_metrics_destroy(&invocation->metrics);
    if (!status && written) {
        *ret_error = unwritten;
    }
    return status ? status : written;
}

int tacit_program_run(const tacit_program_t *program, int argc, char **argv)
{
    tacit_error_t error = {.code = TACIT_OK};
    tacit_invocation_t invocation;
    bool json = s_wants_json(argc, argv);
    tacit_status_t status = tacit_invocation_parse(program, argc, argv, &invocation, &error);
    if (status == TACIT_OK) {
        status = s_run_counted(&invocation, &error);
    }
    if (fflush(stdout) != 0 && status == TACIT_OK) {
        status = tacit_error_set(&error, TACIT_STORAGE_FAILED, "the output cannot be written");
    }
    if (status == TACIT_OK) {
        return TACIT_EXIT_OK;
    }
    if (error.code != status) {
        (void)tacit_error_set(&error, status, NULL); /* the command gave no reason */
    }
    tacit_suggest(&error);
    if (json) {
        tacit_print_error_json(stderr, &error);
    } else {
        tacit_print_error(stderr, program->name, &error);
    }
    return (int)tacit_exit_code(status);
}
