/*  exit_code.h - what the exit code of a client means: one meaning each, and stable.

    Help and man pages quote this table; scripts branch on it. Which status of the mesh ends in
    which code stands in exit_code.c, and nowhere else.  */

#ifndef TACIT_CLIENTS_EXIT_CODE_H
#define TACIT_CLIENTS_EXIT_CODE_H

#include <stddef.h>

#include "enclave/status.h"

/*  X(NAME, code, name, meaning)  */
#define TACIT_EXIT_TABLE(X)                                                                        \
    X(OK, 0, "ok", "done")                                                                         \
    X(OTHER, 1, "other", "an internal error, or one without a code of its own")                    \
    X(USAGE, 2, "usage", "the command line is not valid")                                          \
    X(BAD_INPUT, 3, "bad_input", "an input, file or argument was refused")                         \
    X(UNREACHABLE, 4, "unreachable", "nothing answers at the endpoint")                            \
    X(WRONG_SERVER_KEY, 5, "wrong_server_key", "the server does not hold the expected key")        \
    X(REFUSED_BY_ZAP, 6, "refused_by_zap", "the server does not admit this client's key")          \
    X(EVIDENCE_REFUSED, 7, "evidence_refused", "a service failed attestation, or no policy holds") \
    X(NOT_GRANTED, 8, "not_granted", "the model's owner has not granted its use")                  \
    X(REVOKED, 9, "revoked", "the grant was revoked, or the user")                                 \
    X(NOT_FOUND, 10, "not_found", "no such model, version, key or object")                         \
    X(DEADLINE, 11, "deadline_exceeded", "no answer before the deadline")                          \
    X(BUSY, 12, "busy", "no worker is ready, or a service is at its limit; try again")             \
    X(FULL, 13, "full", "the storage is full, or a quota is used up")                              \
    X(CORRUPT, 14, "corrupt", "stored or sealed bytes were altered, or an old copy put back")      \
    X(MODEL_REFUSED, 15, "model_refused", "the worker cannot run the model")                       \
    X(NOT_ENROLLED, 16, "not_enrolled", "this identity is not enrolled; run init")                 \
    X(GRANT_OVER, 17, "grant_over", "the grant has expired, or its uses are spent")                \
    X(CONFLICT, 18, "conflict", "it exists already, or a newer version does")                      \
    X(NOT_PERMITTED, 19, "not_permitted", "this caller may not do that")                           \
    X(PROTOCOL, 20, "protocol", "the peer broke the protocol, or the session ended")               \
    X(STORAGE, 21, "storage", "reading or writing storage failed")                                 \
    X(INTERRUPTED, 130, "interrupted", "stopped before it was done")

#define TACIT_EXIT_ENUM(name, code, text, meaning) TACIT_EXIT_##name = (code),

typedef enum tacit_exit { TACIT_EXIT_TABLE(TACIT_EXIT_ENUM) } tacit_exit_t;

#undef TACIT_EXIT_ENUM

/*  A status that only clients have, above those of every service: a wrong command line.  */
#define TACIT_CLIENT_USAGE ((tacit_status_t)9001)

typedef struct tacit_exit_row {
    tacit_exit_t code;
    const char *name;
    const char *meaning;
} tacit_exit_row_t;

/*  All rows, by code.  */
const tacit_exit_row_t *tacit_exit_rows(size_t *ret_count);

/*  The exit code that a status ends in; TACIT_EXIT_OTHER where nothing else fits.  */
tacit_exit_t tacit_exit_code(tacit_status_t status);

/*  Name of an exit code; "other" for one that is not in the table. Never NULL.  */
const char *tacit_exit_name(tacit_exit_t code);

#endif
