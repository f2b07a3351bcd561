/*  binding_pair.h - both sides of one attested binding in a test, step by step, so that a test
    alters what passes between them.  */

#ifndef TACIT_TESTS_BINDING_PAIR_H
#define TACIT_TESTS_BINDING_PAIR_H

#include "enclave/binding.h"

typedef struct binding_pair {
    uint8_t client_curve[32]; /* what each side's own key is, */
    uint8_t server_curve[32];
    uint8_t client_seen[32]; /* and whom the other's socket shows */
    uint8_t server_seen[32];
    tacit_role_t expected; /* who the client wants to speak to */
    uint64_t now_ms;
    tacit_party_t client;
    tacit_party_t server;

    tacit_binding_t *client_binding;
    tacit_binding_t *server_binding;
    tacit_binding_open_t open;
    tacit_binding_accept_t accept;
    tacit_binding_confirm_t confirm;
    uint8_t mac[64]; /* the server's */
    tacit_session_t *client_session;
    tacit_session_t *server_session;
    tacit_error_t error; /* of the last step */
} binding_pair_t;

/*  A user and the supervisor, of one mesh, with keys of their own.  */
void binding_pair_init(binding_pair_t *pair);
void binding_pair_clear(binding_pair_t *pair);

tacit_status_t binding_pair_open(binding_pair_t *pair);
tacit_status_t binding_pair_accept(binding_pair_t *pair);
tacit_status_t binding_pair_confirm(binding_pair_t *pair);
tacit_status_t binding_pair_server_finish(binding_pair_t *pair);
tacit_status_t binding_pair_client_finish(binding_pair_t *pair);

/*  Steps from..4 of the five above (0 is open) until one fails.  */
tacit_status_t binding_pair_run(binding_pair_t *pair, int from);

#endif
