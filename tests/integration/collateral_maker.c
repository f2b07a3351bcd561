/*  collateral_maker.c - collateral of a platform's own vendor as it should not be.

        collateral_maker PKI.PEM KIND

    Signed with the very keys that the mesh trusts, so that nothing is wrong but what KIND says.
    Prints the six parts in hex, separated by spaces.  */

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "enclave/whole_file.h"
#include "services/platform/pki.h"

enum {
    S_PKI_MAX = 64 * 1024,
    S_HOUR_S = 3600,
    S_YESTERDAY = 1 /* stands for the time of a day ago */
};

typedef struct {
    const char *kind;
    int item;       /* whose validity is changed; -1: nobody's */
    int from_hours; /* of the validity, from now */
    int until_hours;
    tacit_pki_options_t options;
} s_row_t;

static const s_row_t s_rows[] = {
    {"good", -1, 0, 0, {0}},
    {"expired-pck-crl", TACIT_PKI_ITEM_PCK_CRL, -48, -1, {0}},
    {"expired-root-crl", TACIT_PKI_ITEM_ROOT_CRL, -48, -1, {0}},
    {"future-pck-crl", TACIT_PKI_ITEM_PCK_CRL, 1, 48, {0}},
    {"expired-tcb-info", TACIT_PKI_ITEM_TCB_INFO, -48, -1, {0}},
    {"expired-qe-identity", TACIT_PKI_ITEM_QE_IDENTITY, -48, -1, {0}},
    {"revoked-platform", -1, 0, 0, {.revoke_pck = true}},
    {"revoked-ca", -1, 0, 0, {.revoke_ca = true}},
    {"revoked-tcb-signer", -1, 0, 0, {.revoke_tcb_signer = true}},
    {"out-of-date", -1, 0, 0, {.tcb_status = "OutOfDate"}},
    {"no-level", -1, 0, 0, {.tcb_above_platform = true}},
    {"foreign-qe", -1, 0, 0, {.foreign_qe_signer = true}},
    {"older-lists", -1, 0, 0, {.now_s = S_YESTERDAY}},
    {"older-levels", -1, 0, 0, {.tcb_evaluation_number = 16}},
};

static void s_print(const tacit_collateral_t *collateral)
{
    const tacit_span_t parts[] = {
        collateral->tcb_info,          collateral->qe_identity,
        collateral->tcb_signing_chain, collateral->pck_crl_issuer_chain,
        collateral->root_crl,          collateral->pck_crl,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (size_t k = 0; k < parts[i].size; k++) {
            printf("%02x", parts[i].data[k]);
        }
        printf("%s", i + 1 < sizeof parts / sizeof *parts ? " " : "\n");
    }
}

static tacit_status_t s_issue(tacit_pki_t *pki, const s_row_t *row)
{
    tacit_pki_options_t options = row->options;
    if (options.now_s == S_YESTERDAY) {
        options.now_s = (uint64_t)time(NULL) - UINT64_C(24) * S_HOUR_S;
    }
    if (row->item >= 0) {
        int64_t now_s = (int64_t)time(NULL);
        options.validity[row->item] = (tacit_validity_t){
            .from_s = (uint64_t)(now_s + (int64_t)row->from_hours * S_HOUR_S),
            .until_s = (uint64_t)(now_s + (int64_t)row->until_hours * S_HOUR_S),
        };
    }
    return tacit_pki_issue(pki, &options);
}

static int s_run(const char *path, const s_row_t *row)
{
    uint8_t *text = NULL;
    size_t size = 0;
    tacit_pki_t *pki = NULL;
    tacit_status_t status = tacit_whole_file_read(path, S_PKI_MAX, &text, &size);
    if (!status) {
        status = tacit_pki_import(tacit_span(text, size), &pki);
    }
    if (!status) {
        status = s_issue(pki, row);
    }
    if (!status) {
        s_print(tacit_pki_collateral(pki));
    } else {
        fprintf(stderr, "collateral_maker: %s\n", tacit_status_name(status));
    }
    tacit_pki_destroy(&pki);
    free(text);
    return status ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 3 || sodium_init() < 0) {
        return 2;
    }
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        if (strcmp(s_rows[i].kind, argv[2]) == 0) {
            return s_run(argv[1], &s_rows[i]);
        }
    }
    fprintf(stderr, "collateral_maker: no such kind\n");
    return 2;
}
