/*  command_line.h - options of programs that do one thing: daemons and build tools.

    One table says what there is; parsing, --help and --version follow from it. The clients, whose
    programs have commands, have more in clients/lib/options.h.  */

#ifndef TACIT_ENCLAVE_COMMAND_LINE_H
#define TACIT_ENCLAVE_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TACIT_COMMAND_LINE_OPTIONS_MAX = 24,
    TACIT_COMMAND_LINE_USAGE = 2 /* exit code of a command line that the table does not allow */
};

/*  Where an option's value goes in the structure that the caller hands over, by offset.  */
typedef enum tacit_option_kind {
    TACIT_OPTION_FLAG, /* bool */
    TACIT_OPTION_WORD, /* const char *, borrowed from argv */
    TACIT_OPTION_TEXT, /* char[size]; a longer value is refused */
    TACIT_OPTION_TAKE  /* take(structure, value) judges and stores it */
} tacit_option_kind_t;

typedef struct tacit_line_option {
    const char *name;     /* without the dashes */
    const char *argument; /* what help calls its value; NULL for a flag */
    const char *help;     /* wrapped where it is long */
    tacit_option_kind_t kind;
    bool required; /* of WORD and TEXT */
    size_t offset;
    size_t size;
    bool (*take)(void *self, const char *value); /* false: not a value for it */
} tacit_line_option_t;

typedef struct tacit_command_line {
    const char *name;    /* "tacit-keyd" */
    const char *summary; /* one line */
    const char *usage;   /* what follows the name, a line for each way to call it */
    const tacit_line_option_t *options;
    size_t option_count;
    const char *operand; /* what the one operand is called; NULL: there is none */
    const char *notes;   /* more help, wrapped; may be NULL */
} tacit_command_line_t;

/*  Fills self, which holds the defaults. Returns -1 to go on, or the exit code: 0 after --help and
    --version, TACIT_COMMAND_LINE_USAGE after having said on standard error what is wrong.
    ret_operand may be NULL where there is no operand.  */
int tacit_command_line_parse(const tacit_command_line_t *line, int argc, char **argv, void *self,
                             const char **ret_operand);

/*  Says what is wrong with the command line; the exit code. value may be NULL.  */
int tacit_command_line_refuse(const tacit_command_line_t *line, const char *what,
                              const char *value);

/*  A whole number from 0 to most, in decimal and nothing else.  */
bool tacit_command_line_number(const char *value, unsigned long most, unsigned long *ret_number);

#endif
