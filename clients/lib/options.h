/*  options.h - command lines of the three clients: one table says what there is, and parsing, help
    and exit codes follow from it.

        PROGRAM [global options] COMMAND [options] [operands]

    Global options (--state, --identity, --json, --timeout, --metrics, --help, --version) may stand
    before or after the command. A command line that the table does not allow ends in exit code 2
   with a hint, before anything was done.  */

#ifndef TACIT_CLIENTS_OPTIONS_H
#define TACIT_CLIENTS_OPTIONS_H

#include <limits.h>
#include <stdbool.h>

#include "clients/lib/exit_code.h"
#include "enclave/error.h"
#include "rpc/client_metrics.h"

enum {
    TACIT_OPTIONS_MAX = 32,          /* of a command, global ones included */
    TACIT_OPTION_VALUES_MAX = 256,   /* options given on one command line */
    TACIT_OPTION_TIMEOUT_MAX = 86400 /* seconds */
};

typedef struct tacit_option {
    const char *name;     /* "--name" without the dashes */
    char letter;          /* "-n", or 0 */
    const char *argument; /* what its argument is called in help; NULL: a flag */
    const char *help;     /* one line */
} tacit_option_t;

typedef struct tacit_invocation tacit_invocation_t;

typedef struct tacit_command {
    const char *name;
    const char *summary;  /* one line */
    const char *operands; /* as help shows them, "MODEL FILE..."; "" for none */
    size_t operands_min;
    size_t operands_max;
    const tacit_option_t *options; /* besides the global ones; may be NULL */
    size_t option_count;
    const char *notes; /* more help, whole lines; may be NULL */

    /*  Does it. The error, where it fails, is printed and turned into the exit code by
        tacit_program_run; success prints its own output.  */
    tacit_status_t (*run)(const tacit_invocation_t *invocation, tacit_error_t *ret_error);
} tacit_command_t;

typedef struct tacit_program {
    const char *name;     /* "tacit-dataowner" */
    const char *summary;  /* one line */
    const char *identity; /* the folder below the state folder that holds its identity */
    const tacit_command_t *commands;
    size_t command_count;
} tacit_program_t;

struct tacit_invocation {
    const tacit_program_t *program;
    const tacit_command_t *command;  /* NULL with help or version of the program itself */
    char state[PATH_MAX];            /* --state, TACIT_STATE or ~/.local/state/tacit */
    char identity[PATH_MAX];         /* --identity, or the program's folder below state */
    uint32_t timeout_ms;             /* --timeout; 0: each method's own deadline */
    tacit_client_metrics_t *metrics; /* where calls are counted, with --metrics; else NULL */
    bool json;
    bool help;
    bool version;
    char *const *operands; /* borrowed from argv */
    size_t operand_count;
    struct {
        const tacit_option_t *option;
        const char *value; /* NULL for a flag */
    } values[TACIT_OPTION_VALUES_MAX];
    size_t value_count;
};

/*  The options that every command has.  */
const tacit_option_t *tacit_options_global(size_t *ret_count);

/*  Reads a command line. Wrong ones give TACIT_CLIENT_USAGE with message and remedy. Permutes argv,
    and is not reentrant (getopt_long).  */
TACIT_MUST_CHECK tacit_status_t tacit_invocation_parse(const tacit_program_t *program, int argc,
                                                       char **argv,
                                                       tacit_invocation_t *ret_invocation,
                                                       tacit_error_t *ret_error);

/*  The last value given for an option, NULL where it was not given (or is a flag).  */
const char *tacit_invocation_value(const tacit_invocation_t *invocation, const char *name);

/*  How often it was given, and the value of each time (index below that count).  */
size_t tacit_invocation_count(const tacit_invocation_t *invocation, const char *name);
const char *tacit_invocation_nth(const tacit_invocation_t *invocation, const char *name,
                                 size_t index);

/*  For commands that find fault with their arguments: fills the error, with the command's help as
    remedy, and returns TACIT_CLIENT_USAGE.  */
tacit_status_t tacit_usage_error(const tacit_invocation_t *invocation, tacit_error_t *ret_error,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/*  A whole main: parse, help, version, hardening of the process, run, report. Returns the exit
    code.  */
int tacit_program_run(const tacit_program_t *program, int argc, char **argv);

#endif
