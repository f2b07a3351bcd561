/*  sample.c - a table of file names, read as far as they are there.  */

#include "clients/attest/sample.h"

#include <limits.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "enclave/certificates.h"
#include "enclave/evidence.h"
#include "enclave/evidence_refusal.h"
#include "enclave/whole_file.h"

enum { FILE_MAX = TACIT_COLLATERAL_PART_MAX };

static const struct {
    const char *name;
    bool certificate; /* name.der or name.pem, kept as DER */
} s_files[TACIT_PARTS] = {
    [TACIT_PART_QUOTE] = {"quote.bin", false},
    [TACIT_PART_TCB_INFO] = {"tcb_info.json", false},
    [TACIT_PART_QE_IDENTITY] = {"qe_identity.json", false},
    [TACIT_PART_TCB_SIGNING_CHAIN] = {"tcb_signing_chain.pem", false},
    [TACIT_PART_PCK_CRL_ISSUER_CHAIN] = {"pck_crl_issuer_chain.pem", false},
    [TACIT_PART_ROOT_CRL] = {"root_ca_crl.der", false},
    [TACIT_PART_PCK_CRL] = {"pck_crl.der", false},
    [TACIT_PART_DOCUMENT] = {"doc.cbor", false},
    [TACIT_PART_REPORT] = {"report.bin", false},
    [TACIT_PART_TPM_MESSAGE] = {"quote.msg", false},
    [TACIT_PART_TPM_SIGNATURE] = {"quote.sig", false},
    [TACIT_PART_TPM_PCRS] = {"pcrs.bin", false},
    [TACIT_PART_TPM_KEY] = {"ak.pem", false},
    [TACIT_PART_HCL_REPORT] = {"hcl_report.bin", false},
    [TACIT_PART_VEK] = {"vek", true},
    [TACIT_PART_ASK] = {"ask", true},
    [TACIT_PART_ARK] = {"ark", true},
    [TACIT_PART_AMD_CRL] = {"crl.der", false},
};

/*  Which file tells which kind.  */
static const struct {
    tacit_sample_part_t part;
    tacit_sample_kind_t kind;
} s_kinds[] = {
    {TACIT_PART_QUOTE, TACIT_SAMPLE_DCAP},
    {TACIT_PART_DOCUMENT, TACIT_SAMPLE_NITRO},
    {TACIT_PART_REPORT, TACIT_SAMPLE_SNP},
    {TACIT_PART_TPM_MESSAGE, TACIT_SAMPLE_TPM},
};

/*  A refusal of the bytes where they are too many, an error of the storage else.  */
static tacit_status_t s_fail(tacit_status_t code, const char *path, tacit_error_t *error)
{
    if (code == TACIT_TOO_LARGE) {
        return tacit_evidence_refuse(error, code, path, "at most 64 KiB", "more");
    }
    return tacit_error_set(error, code, "%s: %s", path, tacit_status_text(code));
}

static tacit_status_t s_read(const char *path, tacit_span_t *ret_bytes, tacit_error_t *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    tacit_status_t status = tacit_whole_file_read(path, FILE_MAX, &bytes, &size);
    if (status != TACIT_OK) {
        return s_fail(status, path, error);
    }
    *ret_bytes = tacit_span(bytes, size);
    return TACIT_OK;
}

static void s_free(tacit_span_t *span)
{
    free((void *)span->data);
    *span = tacit_span(NULL, 0);
}

/*  The DER of the one certificate in a PEM text; empty where there is none, or anything more.  */
static tacit_span_t s_pem_to_der(tacit_span_t pem)
{
    tacit_span_t der = tacit_span(NULL, 0);
    X509 *certificate = tacit_certificate_only(pem);
    int size = certificate ? i2d_X509(certificate, NULL) : 0;
    uint8_t *bytes = size > 0 ? malloc((size_t)size) : NULL;
    if (bytes) {
        uint8_t *end = bytes;
        der = tacit_span(bytes, (size_t)i2d_X509(certificate, &end));
    }
    X509_free(certificate);
    return der;
}

tacit_status_t tacit_sample_certificate(const char *path, tacit_span_t *ret_der,
                                        tacit_error_t *ret_error)
{
    static const char begin[] = "-----BEGIN";
    tacit_span_t bytes = {0};
    tacit_status_t status = s_read(path, &bytes, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    if (bytes.size >= strlen(begin) && memcmp(bytes.data, begin, strlen(begin)) == 0) {
        tacit_span_t der = s_pem_to_der(bytes);
        s_free(&bytes);
        bytes = der;
    }
    if (bytes.size == 0) {
        s_free(&bytes);
        return tacit_evidence_refuse(ret_error, TACIT_EVIDENCE_MALFORMED, path,
                                     "a certificate, DER or PEM", "something else");
    }
    *ret_der = bytes;
    return TACIT_OK;
}

static tacit_status_t s_load_part(const char *folder, size_t part, tacit_sample_t *sample,
                                  tacit_error_t *error)
{
    static const char *const ends[] = {".der", ".pem"};
    char path[PATH_MAX];
    tacit_status_t status = TACIT_NOT_FOUND;
    if (!s_files[part].certificate) {
        snprintf(path, sizeof path, "%s/%s", folder, s_files[part].name);
        status = s_read(path, &sample->parts[part], error);
    }
    for (size_t i = 0; s_files[part].certificate && status == TACIT_NOT_FOUND && i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s%s", folder, s_files[part].name, ends[i]);
        status = tacit_sample_certificate(path, &sample->parts[part], error);
    }
    return status == TACIT_NOT_FOUND ? TACIT_OK : status;
}

static tacit_status_t s_check_folder(const char *folder, tacit_error_t *error)
{
    struct stat about;
    if (strlen(folder) > PATH_MAX - 64 || stat(folder, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return tacit_error_set(error, TACIT_NOT_FOUND, "%.200s: no such folder", folder);
    }
    return TACIT_OK;
}

/*  A file that is there tells, even if it is empty.  */
static tacit_sample_kind_t s_kind(const tacit_sample_t *sample)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof s_kinds[0]; i++) {
        if (sample->parts[s_kinds[i].part].data) {
            return s_kinds[i].kind;
        }
    }
    return TACIT_SAMPLE_NONE;
}

tacit_status_t tacit_sample_load(const char *folder, tacit_sample_t *ret_sample,
                                 tacit_error_t *ret_error)
{
    tacit_sample_t sample = {0};
    tacit_status_t status = s_check_folder(folder, ret_error);
    for (size_t i = 0; status == TACIT_OK && i < TACIT_PARTS; i++) {
        status = s_load_part(folder, i, &sample, ret_error);
    }
    if (status != TACIT_OK) {
        tacit_sample_clear(&sample);
        return status;
    }
    sample.kind = s_kind(&sample);
    *ret_sample = sample;
    return TACIT_OK;
}

void tacit_sample_clear(tacit_sample_t *sample)
{
    for (size_t i = 0; i < TACIT_PARTS; i++) {
        s_free(&sample->parts[i]);
    }
}
