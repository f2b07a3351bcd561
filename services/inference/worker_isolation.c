/*  worker_isolation.c - memory locked, code fixed, as the measured configuration has it.  */

#include "services/inference/worker_isolation.h"

#include <stdio.h>
#include <sys/mman.h>

#include "enclave/enclave_configuration.h"
#include "enclave/no_code.h"
#include "rpc/log.h"

static bool s_swap_is_off(void)
{
    FILE *swaps = fopen("/proc/swaps", "re");
    char line[256];
    int lines = 0;
    if (!swaps) {
        return false;
    }
    while (lines < 2 && fgets(line, sizeof line, swaps)) {
        lines++;
    }
    fclose(swaps);
    return lines == 1; /* the heading */
}

/*  Weights and activations lie in the engine's and oneDNN's memory: lock all of the process. Where
    the limit forbids that, it is as good if there is nothing to swap to; else refuse.  */
tacit_status_t tacit_worker_lock_memory(tacit_error_t *ret_error)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 || s_swap_is_off()) {
        return TACIT_OK;
    }
    tacit_error_set(ret_error, TACIT_NO_MEMORY, "cannot lock memory, and this host swaps");
    tacit_error_remedy(ret_error, "raise the memlock limit (ulimit -l unlimited) or turn swap off");
    return TACIT_NO_MEMORY;
}

/*  Nothing else that this host says counts.  */
tacit_status_t tacit_worker_isolate(const tacit_node_t *node, tacit_isolation_t *ret_isolation,
                                    tacit_engine_options_t *options, tacit_error_t *ret_error)
{
    tacit_enclave_configuration_t *measured = NULL;
    tacit_span_t text = tacit_platform_configuration(tacit_node_platform(node));
    tacit_status_t status = tacit_enclave_configuration_parse(text, &measured, ret_error);
    if (status) {
        return status;
    }
    *ret_isolation = measured->isolation;
    options->portable = measured->backend == TACIT_BACKEND_PORTABLE;
    tacit_log(TACIT_LOG_INFO, "isolation", "%s, %s backend",
              tacit_isolation_name(measured->isolation), tacit_backend_name(measured->backend));
    tacit_enclave_configuration_destroy(&measured);
    if (!tacit_engine_offers(TACIT_PRECISION_FP32, options->portable)) {
        return tacit_error_set(ret_error, TACIT_UNSUPPORTED,
                               "this program has no oneDNN: sign it with --backend portable");
    }
    return options->portable ? tacit_process_forbid_code(ret_error) : TACIT_OK;
}
