/*  attest_bench.c - tacit-bench-attest: verifications a second on one core, by format.

    tacit-bench-attest [SECONDS]

    Evidence is of simulated vendors, whose algorithms are the real ones. Cold: everything. Known:
   the chain was validated before (Nitro, SEV-SNP: chain_cache.h), or an attestation result names
   the attestation key (SGX, TDX), as in every session of a mesh.  */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enclave/dcap.h"
#include "enclave/nitro.h"
#include "enclave/snp.h"
#include "tests/evidence/nitro_forge.h"
#include "tests/evidence/snp_forge.h"
#include "tests/evidence/tdx_forge.h"

typedef struct s_bench {
    tdx_sample_t intel;
    nitro_forge_t aws;
    uint8_t document[NITRO_FORGE_MAX];
    size_t document_size;
    snp_sample_t amd;
    tacit_chain_cache_t *cache; /* NULL: cold */
} s_bench_t;

/*  Of the core that this one thread had, so that whoever else uses the machine does not count.  */
static double s_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static tacit_status_t s_intel(s_bench_t *bench)
{
    static tacit_verdict_t verdict;
    tacit_dcap_quote_t quote;
    uint8_t key[32];
    tacit_span_t bytes = tacit_span(bench->intel.quote, bench->intel.quote_size);
    if (!bench->cache) {
        return tacit_dcap_verify(bytes, &bench->intel.collateral, bench->intel.root_sha256,
                                 FORGE_NOW_MS, &verdict, NULL);
    }
    tacit_status_t status = tacit_dcap_quote_parse(bytes, &quote, NULL);
    return status ? status : tacit_dcap_verify_body(&quote, key, NULL);
}

static tacit_status_t s_aws(s_bench_t *bench)
{
    static tacit_verdict_t verdict;
    return tacit_nitro_verify(tacit_span(bench->document, bench->document_size),
                              bench->aws.root_sha256, bench->cache, FORGE_NOW_MS, &verdict, NULL);
}

static tacit_status_t s_amd(s_bench_t *bench)
{
    static tacit_verdict_t verdict;
    const tacit_snp_chain_t chain = {.vek = forge_span(&bench->amd.vek),
                                     .ask = forge_span(&bench->amd.ask),
                                     .ark = forge_span(&bench->amd.ark)};
    return tacit_snp_verify(tacit_span(bench->amd.report, sizeof bench->amd.report), &chain,
                            bench->amd.root_sha256, bench->cache, FORGE_NOW_MS, &verdict, NULL);
}

static double s_rate(s_bench_t *bench, tacit_status_t (*verify)(s_bench_t *), double seconds)
{
    double start = s_now();
    double count = 0;
    forge_check(verify(bench) == TACIT_OK, "evidence that verifies");
    while (s_now() - start < seconds) {
        forge_check(verify(bench) == TACIT_OK, "evidence that verifies");
        count++;
    }
    return count / (s_now() - start);
}

static void s_measure(s_bench_t *bench, const char *name, tacit_status_t (*verify)(s_bench_t *),
                      double seconds)
{
    static tacit_chain_cache_t cache;
    bench->cache = NULL;
    double cold = s_rate(bench, verify, seconds);
    bench->cache = &cache;
    printf("verify %s: cold %.0f /s, chain known %.0f /s\n", name, cold,
           s_rate(bench, verify, seconds));
}

static void s_measure_intel(s_bench_t *bench, const char *name, const char *class, double seconds)
{
    size_t row = 0;
    while (strcmp(tdx_classes[row].name, class) != 0) {
        row++;
    }
    tdx_forge_open(&tdx_classes[row], &bench->intel);
    s_measure(bench, name, s_intel, seconds);
    tdx_forge_close(&bench->intel);
}

int main(int argc, char **argv)
{
    static s_bench_t bench;
    snp_forge_t amd;
    double seconds = argc == 2 ? strtod(argv[1], NULL) : 2;
    if (argc > 2 || !(seconds > 0 && seconds <= 60)) {
        puts("usage: tacit-bench-attest [SECONDS]\n\n"
             "Verifications of evidence a second on one core, for each format, everything\n"
             "anew and with the chain known. SECONDS (2) for each figure, 60 at most.");
        return argc == 2 && argv[1][0] == '-' ? 0 : 2;
    }
    nitro_forge_open(&bench.aws);
    bench.document_size = nitro_forge_document(&bench.aws, &nitro_classes[0], bench.document);
    snp_forge_open(&amd);
    snp_forge_sample(&amd, &snp_classes[0], &bench.amd);
    s_measure_intel(&bench, "SGX v4", "v4_sgx", seconds);
    s_measure_intel(&bench, "TDX v5", "v5_td15", seconds);
    s_measure(&bench, "Nitro", s_aws, seconds);
    s_measure(&bench, "SEV-SNP", s_amd, seconds);
    nitro_forge_close(&bench.aws);
    snp_forge_close(&amd);
    return 0;
}
