/*  help.h - help texts, formatted from the tables of options.h.  */

#ifndef TACIT_CLIENTS_HELP_H
#define TACIT_CLIENTS_HELP_H

#include <stdio.h>

#include "clients/lib/options.h"

/*  The program's help (commands, global options, exit codes), or a command's.  */
void tacit_help_program(FILE *stream, const tacit_program_t *program);
void tacit_help_command(FILE *stream, const tacit_program_t *program,
                        const tacit_command_t *command);

/*  The command whose name is nearest to what was typed; NULL where none is near.  */
const tacit_command_t *tacit_help_nearest(const tacit_program_t *program, const char *typed);

#endif
