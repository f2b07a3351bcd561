/*  print_error.h - a refusal as its reader sees it: what happened, why, what to do.  */

#ifndef TACIT_CLIENTS_PRINT_ERROR_H
#define TACIT_CLIENTS_PRINT_ERROR_H

#include <stdio.h>

#include "clients/lib/exit_code.h"
#include "enclave/error.h"

/*  For people: the message after the program's name, then claim, expected, got, policy and what to
    do, one to a line, as far as they are known.  */
void tacit_print_error(FILE *stream, const char *program, const tacit_error_t *error);

/*  For programs: one line of JSON,
    {"error":{"code":4031,"name":"not_granted","message":"...","exit":8,"exit_name":"not_granted",
    "claim":"...","expected":"...","got":"...","policy":"...","remedy":"..."}}, empty ones left
    out.  */
void tacit_print_error_json(FILE *stream, const tacit_error_t *error);

#endif
