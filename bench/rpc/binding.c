/*  binding.c - tacit-bench-binding: what a connection's attested binding is made of, each step
    alone: quote, verification, key agreement. No network. One line of JSON for each.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rpc/identity.h"
#include "bench/rpc/load.h"
#include "enclave/clock.h"

enum { S_OPEN, S_QUOTE, S_ACCEPT, S_CONFIRM, S_FINISH, S_STEPS, S_ROUNDS = 100 };

typedef struct {
    identity_t *user;
    identity_t *enclave;
    uint64_t step_ns[S_STEPS];
} s_bench_t;

static void s_count(s_bench_t *bench, int step, uint64_t *since_ns)
{
    uint64_t now = load_now_ns();
    bench->step_ns[step] += now - *since_ns;
    *since_ns = load_now_ns();
}

/*  A user binds to an enclave: everything that both ends compute.  */
static void s_bind(s_bench_t *bench)
{
    static uint8_t quote[TACIT_QUOTE_MAX];
    static const uint8_t commitment[64];
    const identity_t *user = bench->user;
    const identity_t *enclave = bench->enclave;
    tacit_binding_t *client = NULL;
    tacit_binding_t *server = NULL;
    tacit_session_t *sessions[2] = {NULL};
    tacit_binding_open_t open;
    tacit_binding_accept_t accept;
    tacit_binding_confirm_t confirm;
    tacit_error_t error = {.code = TACIT_OK};
    uint8_t mac[64];
    size_t size = 0;
    uint64_t since = load_now_ns();
    must(tacit_platform_quote(enclave->platform, TACIT_QUOTE_BINDING, commitment, quote, &size,
                              &error),
         &error);
    s_count(bench, S_QUOTE, &since);
    must(tacit_binding_client(&user->party, enclave->public_key, TACIT_ROLE_WORKER, &client, &open),
         &error);
    s_count(bench, S_OPEN, &since);
    must(tacit_binding_server(&enclave->party, user->public_key, tacit_now_ms(), &open, &server,
                              &accept, &error),
         &error);
    s_count(bench, S_ACCEPT, &since);
    must(tacit_binding_client_confirm(client, tacit_now_ms(), &accept, &confirm, &error), &error);
    s_count(bench, S_CONFIRM, &since);
    must(tacit_binding_server_finish(server, tacit_now_ms(), &confirm, mac, &sessions[0], &error),
         &error);
    must(tacit_binding_client_finish(client, mac, &sessions[1], &error), &error);
    s_count(bench, S_FINISH, &since);
    tacit_binding_destroy(&client);
    tacit_binding_destroy(&server);
    tacit_session_destroy(&sessions[0]);
    tacit_session_destroy(&sessions[1]);
}

int main(int argc, char **argv)
{
    static const char *const names[S_STEPS] = {
        [S_OPEN] = "of a binding: nonce and ephemeral key",
        [S_QUOTE] = "of a binding: a quote by the platform (in accept too)",
        [S_ACCEPT] = "of a binding: accept: quote, key agreement",
        [S_CONFIRM] = "of a binding: confirm: verify result (Ed25519) and quote (P-256), keys",
        [S_FINISH] = "of a binding: both MACs, both sessions in locked memory",
    };
    load_check(argc == 3 && strcmp(argv[1], "--folder") == 0, "usage: --folder FOLDER");
    s_bench_t bench = {.user = identity_new(argv[2], false),
                       .enclave = identity_new(argv[2], true)};
    s_bind(&bench);
    memset(bench.step_ns, 0, sizeof bench.step_ns);
    for (size_t i = 0; i < S_ROUNDS; i++) {
        s_bind(&bench);
    }
    for (size_t i = 0; i < S_STEPS; i++) {
        printf("{\"what\": \"%s\", \"unit\": \"us\", \"value\": %.3f}\n", names[i],
               (double)bench.step_ns[i] / 1e3 / S_ROUNDS);
    }
    identity_destroy(&bench.user);
    identity_destroy(&bench.enclave);
    return 0;
}
