/*  snp_forge.h - SEV-SNP reports of simulated processors, in order or with one thing wrong.  */

#ifndef TACIT_TESTS_EVIDENCE_SNP_FORGE_H
#define TACIT_TESTS_EVIDENCE_SNP_FORGE_H

#include "enclave/snp_report.h"
#include "enclave/status.h"
#include "tests/evidence/forge.h"

/*  Keys of a vendor: RSA-4096 takes a while to make, so that all classes share them.  */
typedef struct snp_forge {
    EVP_PKEY *ark_key; /* owned, as the next two */
    EVP_PKEY *ask_key;
    EVP_PKEY *vek_key;
} snp_forge_t;

typedef struct snp_class {
    const char *name;
    tacit_status_t expected;
} snp_class_t;

/*  One report with its chain.  */
typedef struct snp_sample {
    uint8_t report[TACIT_SNP_REPORT_SIZE];
    forge_der_t vek;
    forge_der_t ask;
    forge_der_t ark;
    forge_der_t crl;         /* empty: none */
    uint8_t root_sha256[32]; /* of the ARK that is trusted */
} snp_sample_t;

extern const snp_class_t snp_classes[];
extern const size_t snp_class_count;

void snp_forge_open(snp_forge_t *forge);
void snp_forge_close(snp_forge_t *forge);
void snp_forge_sample(const snp_forge_t *forge, const snp_class_t *class, snp_sample_t *ret_sample);

#endif
