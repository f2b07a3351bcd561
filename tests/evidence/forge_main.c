/*  forge_main.c - writes evidence of every class that the simulated vendors know.

        evidence_forge DIR

    DIR/tdx/CLASS, DIR/nitro/CLASS and DIR/snp/CLASS, laid out as tacit-attest reads them, with the
    vendor's root beside it (root.der) and what a verifier must say (expected.json).  */

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "enclave/tcb_status.h"
#include "enclave/whole_file.h"
#include "tests/evidence/nitro_forge.h"
#include "tests/evidence/snp_forge.h"
#include "tests/evidence/tdx_forge.h"

enum { PATH_SIZE = 1024, TEXT_SIZE = 512 };

static void s_folder(char path[PATH_SIZE], const char *root, const char *format, const char *class)
{
    snprintf(path, PATH_SIZE, "%s/%s", root, format);
    (void)mkdir(path, 0755);
    snprintf(path, PATH_SIZE, "%s/%s/%s", root, format, class);
    (void)mkdir(path, 0755);
}

static void s_write(const char *folder, const char *name, tacit_span_t bytes)
{
    char path[PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    forge_check(tacit_whole_file_replace(path, bytes, 0644) == TACIT_OK, path);
}

/*  status: of genuine evidence that has one; NULL.  */
static void s_write_expected(const char *folder, tacit_status_t expected, const char *status)
{
    char text[TEXT_SIZE];
    char graded[64] = "";
    char code[64] = "";
    if (expected == TACIT_OK && status) {
        snprintf(graded, sizeof graded, ", \"tcb_status\": \"%s\"", status);
    }
    if (expected != TACIT_OK) {
        snprintf(code, sizeof code, ", \"code\": \"%s\"", tacit_status_name(expected));
    }
    snprintf(text, sizeof text,
             "{\"result\": \"%s\"%s%s, \"validation_time\": \"2026-09-21T14:13:20+00:00\"}\n",
             expected == TACIT_OK ? "VERIFIED" : "REJECT", graded, code);
    s_write(folder, "expected.json", tacit_span_string(text));
}

static void s_write_tdx(const char *root)
{
    for (size_t i = 0; i < tdx_class_count; i++) {
        char folder[PATH_SIZE];
        tdx_sample_t sample;
        tdx_forge_open(&tdx_classes[i], &sample);
        s_folder(folder, root, "tdx", tdx_classes[i].name);
        s_write(folder, "quote.bin", tacit_span(sample.quote, sample.quote_size));
        s_write(folder, "tcb_info.json", sample.collateral.tcb_info);
        s_write(folder, "qe_identity.json", sample.collateral.qe_identity);
        s_write(folder, "tcb_signing_chain.pem", sample.collateral.tcb_signing_chain);
        s_write(folder, "pck_crl_issuer_chain.pem", sample.collateral.pck_crl_issuer_chain);
        s_write(folder, "root_ca_crl.der", sample.collateral.root_crl);
        s_write(folder, "pck_crl.der", sample.collateral.pck_crl);
        s_write(folder, "root.der", tacit_pki_root_der(sample.pki));
        s_write_expected(folder, tdx_classes[i].expected,
                         tacit_tcb_status_name(tdx_classes[i].merged));
        tdx_forge_close(&sample);
    }
}

static void s_write_nitro(const char *root)
{
    static uint8_t document[NITRO_FORGE_MAX];
    static forge_der_t der;
    nitro_forge_t forge;
    nitro_forge_open(&forge);
    forge_certificate_der(forge.certificates[0], &der);
    for (size_t i = 0; i < nitro_class_count; i++) {
        char folder[PATH_SIZE];
        size_t size = nitro_forge_document(&forge, &nitro_classes[i], document);
        s_folder(folder, root, "nitro", nitro_classes[i].name);
        s_write(folder, "doc.cbor", tacit_span(document, size));
        s_write(folder, "root.der", forge_span(&der));
        s_write_expected(folder, nitro_classes[i].expected, NULL);
    }
    nitro_forge_close(&forge);
}

static void s_write_snp(const char *root)
{
    static snp_sample_t sample;
    snp_forge_t forge;
    snp_forge_open(&forge);
    for (size_t i = 0; i < snp_class_count; i++) {
        char folder[PATH_SIZE];
        snp_forge_sample(&forge, &snp_classes[i], &sample);
        s_folder(folder, root, "snp", snp_classes[i].name);
        s_write(folder, "report.bin", tacit_span(sample.report, sizeof sample.report));
        s_write(folder, "vek.der", forge_span(&sample.vek));
        s_write(folder, "ask.der", forge_span(&sample.ask));
        s_write(folder, "ark.der", forge_span(&sample.ark));
        if (sample.crl.size > 0) {
            s_write(folder, "crl.der", forge_span(&sample.crl));
        }
        /*  Where another root is trusted, any other certificate will do.  */
        s_write(folder, "root.der",
                snp_classes[i].expected == TACIT_TRUST_ANCHOR_REFUSED ? forge_span(&sample.ask)
                                                                      : forge_span(&sample.ark));
        s_write_expected(folder, snp_classes[i].expected, NULL);
    }
    snp_forge_close(&forge);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: evidence_forge DIR\n");
        return 2;
    }
    s_write_tdx(argv[1]);
    s_write_nitro(argv[1]);
    s_write_snp(argv[1]);
    return 0;
}
