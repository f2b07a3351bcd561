/*  main.c - tacit-platformd, the executable. No service of rpc/service.h: those have a platform and
   a trust, this one is below both.  */

#include "enclave/secret.h"
#include "services/platform/platformd.h"

static tacit_status_t s_prepare(void *args, tacit_error_t *ret_error)
{
    (void)args;
    return tacit_process_seal()
               ? tacit_error_set(ret_error, TACIT_INTERNAL, "cannot make the process undumpable")
               : TACIT_OK;
}

int main(int argc, char **argv)
{
    static const tacit_line_option_t options[] = {
        {.name = "state",
         .argument = "DIR",
         .help = "keys, counters and the SIMULATED root",
         .kind = TACIT_OPTION_TEXT,
         .required = true,
         .offset = offsetof(tacit_platformd_args_t, state),
         .size = TACIT_PLATFORMD_PATH_MAX},
        {.name = "socket",
         .argument = "PATH",
         .help = "where services connect",
         .kind = TACIT_OPTION_TEXT,
         .required = true,
         .offset = offsetof(tacit_platformd_args_t, socket),
         .size = TACIT_PLATFORMD_PATH_MAX},
        {.name = "tee",
         .argument = "KIND",
         .help = "sgx, tdx or nitro, for life (default: as the state is; a new one: sgx)",
         .kind = TACIT_OPTION_TEXT,
         .offset = offsetof(tacit_platformd_args_t, tee),
         .size = TACIT_PLATFORMD_TEE_MAX},
        TACIT_DAEMON_OPTIONS,
    };
    static const tacit_command_line_t line = {
        .name = "tacit-platformd",
        .summary = "the SIMULATED trusted platform of one host",
        .usage = "--state DIR --socket PATH [OPTION]...",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .notes = TACIT_DAEMON_NOTES,
    };
    static const tacit_daemon_t daemon = {
        .line = &line,
        .actor = tacit_platformd_actor,
        .prepare = s_prepare,
    };
    tacit_platformd_args_t args = {.state = ""};
    return tacit_daemon_main(argc, argv, &daemon, &args);
}
