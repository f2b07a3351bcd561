/*  service_main.c - the options that all services share.  */

#include "rpc/service.h"

static const tacit_line_option_t s_options[] = {
    {.name = "trust",
     .argument = "FILE",
     .help = "trust.json: roots, operator, attestation service",
     .kind = TACIT_OPTION_WORD,
     .required = true,
     .offset = offsetof(tacit_service_args_t, trust_file)},
    {.name = "platform",
     .argument = "SOCKET",
     .help = "socket of this host's tacit-platformd",
     .kind = TACIT_OPTION_TEXT,
     .required = true,
     .offset = offsetof(tacit_service_args_t, platform),
     .size = TACIT_PATH_MAX},
    {.name = "state",
     .argument = "DIR",
     .help = "folder of this service's state",
     .kind = TACIT_OPTION_TEXT,
     .offset = offsetof(tacit_service_args_t, state),
     .size = TACIT_PATH_MAX},
    {.name = "listen",
     .argument = "ENDPOINT",
     .help = "where to serve (default: tcp://127.0.0.1:*)",
     .kind = TACIT_OPTION_TEXT,
     .offset = offsetof(tacit_service_args_t, listen),
     .size = TACIT_ENDPOINT_MAX},
    {.name = "introduction",
     .argument = "ENDPOINT",
     .help = "plaintext endpoint, of the attestation service only",
     .kind = TACIT_OPTION_TEXT,
     .offset = offsetof(tacit_service_args_t, introduction),
     .size = TACIT_ENDPOINT_MAX},
    TACIT_DAEMON_OPTIONS,
};

static tacit_status_t s_prepare(void *argument, tacit_error_t *ret_error)
{
    tacit_service_args_t *args = argument;
    return tacit_trust_load(args->trust_file, &args->trust, ret_error);
}

int tacit_service_main(int argc, char **argv, const char *name, const char *summary,
                       zactor_fn *actor)
{
    const tacit_command_line_t line = {
        .name = name,
        .summary = summary,
        .usage = "--trust FILE --platform SOCKET [OPTION]...",
        .options = s_options,
        .option_count = sizeof s_options / sizeof *s_options,
        .notes = TACIT_DAEMON_NOTES,
    };
    const tacit_daemon_t daemon = {.line = &line, .actor = actor, .prepare = s_prepare};
    tacit_service_args_t args = {.listen = "tcp://127.0.0.1:*"};
    return tacit_daemon_main(argc, argv, &daemon, &args);
}
