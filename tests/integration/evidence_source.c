/*  evidence_source.c - an enclave that gives its evidence away: quotes over whatever it is asked.

        evidence_source SOCKET

    Genuine code on a genuine platform, but with no honesty of its own: the tests' attackers take
    its quotes wherever they like. It answers lines of standard input, each with one line of hex:

        quote PURPOSE COMMITMENT    a quote (purpose 1 binding, 2 introduction; 64 bytes)
        collateral                  the six parts, separated by spaces

    or "refused NAME", where the platform refuses; at once if it does not launch it at all.  */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/platform.h"

enum { S_LINE_MAX = 256 };

static void s_print_hex(tacit_span_t bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        printf("%02x", bytes.data[i]);
    }
}

static tacit_status_t s_quote(tacit_platform_t *platform, const char *arguments,
                              tacit_error_t *ret_error)
{
    uint8_t commitment[64];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t size = 0;
    char *hex = NULL;
    unsigned long purpose = strtoul(arguments, &hex, 10);
    if (*hex == '\0' ||
        sodium_hex2bin(commitment, sizeof commitment, hex + 1, 128, NULL, &size, NULL) != 0) {
        return tacit_error_set(ret_error, TACIT_BAD_INPUT, NULL);
    }
    tacit_status_t status = tacit_platform_quote(platform, (tacit_quote_purpose_t)purpose,
                                                 commitment, quote, &size, ret_error);
    if (!status) {
        s_print_hex(tacit_span(quote, size));
    }
    return status;
}

static tacit_status_t s_collateral(tacit_platform_t *platform, tacit_error_t *ret_error)
{
    tacit_collateral_t collateral;
    void *storage = NULL;
    tacit_status_t status = tacit_platform_collateral(platform, &collateral, &storage, ret_error);
    if (!status) {
        const tacit_span_t parts[] = {
            collateral.tcb_info,          collateral.qe_identity,
            collateral.tcb_signing_chain, collateral.pck_crl_issuer_chain,
            collateral.root_crl,          collateral.pck_crl,
        };
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            s_print_hex(parts[i]);
            printf(" ");
        }
        free(storage);
    }
    return status;
}

static tacit_status_t s_answer(tacit_platform_t *platform, const char *line,
                               tacit_error_t *ret_error)
{
    if (strncmp(line, "quote ", 6) == 0) {
        return s_quote(platform, line + 6, ret_error);
    }
    if (strcmp(line, "collateral") == 0) {
        return s_collateral(platform, ret_error);
    }
    return tacit_error_set(ret_error, TACIT_BAD_INPUT, "no such request");
}

int main(int argc, char **argv)
{
    tacit_platform_t *platform = NULL;
    tacit_error_t error = {.code = TACIT_OK};
    char line[S_LINE_MAX];
    if (argc != 2 || tacit_process_init()) {
        return 2;
    }
    if (tacit_platform_connect(argv[1], &platform, &error)) {
        printf("refused %s\n", error.name);
        return 1;
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (s_answer(platform, line, &error)) {
            printf("refused %s", error.name);
        }
        printf("\n");
        fflush(stdout);
    }
    tacit_platform_destroy(&platform);
    return 0;
}
