/*  binding.c - the two state machines of the attested binding.

    A binding is of one side and used once. It copies its party at the start, since a service
    renews its own result at any time. A step leaves the failed state behind unless it succeeds;
    failing wipes the keys at once.

        step            from        to            does
        client          new         opened        makes Nc, Ec
        client_confirm  opened      confirmed     judges the server, makes quote_c and MAC_c
        client_finish   confirmed   established   checks MAC_s
        server          new         accepted      makes session, Ns, Es, K, quote_s
        server_finish   accepted    established   judges the client, checks MAC_c, makes MAC_s

    X(label, side, context) is that of schedule.h. With H = SHA-512 over server result, server
    quote, client result, client quote, each after its size (u64 little-endian):
        MAC of a side = X("tacit/binding/confirm/v1", side, H)           64 bytes
        key a side sends under = X("tacit/binding/key/v1", side, H)      32 bytes
        exporter = X("tacit/binding/exporter/v1", "server", H)           32 bytes  */

#include "enclave/binding.h"

#include "enclave/clock.h"
#include "enclave/peer_evidence.h"
#include "enclave/schedule.h"
#include "enclave/seal.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert((int)TACIT_SESSION_ID_SIZE == (int)TACIT_SCHEDULE_SESSION_SIZE, "session id");

typedef enum s_state {
    S_NEW,
    S_OPENED,
    S_CONFIRMED,
    S_ACCEPTED,
    S_ESTABLISHED,
    S_FAILED
} s_state_t;

typedef enum s_step {
    S_CLIENT,
    S_CLIENT_CONFIRM,
    S_CLIENT_FINISH,
    S_SERVER,
    S_SERVER_FINISH
} s_step_t;

static const struct {
    s_state_t from;
    s_state_t to;
} s_transitions[] = {
    [S_CLIENT] = {S_NEW, S_OPENED},
    [S_CLIENT_CONFIRM] = {S_OPENED, S_CONFIRMED},
    [S_CLIENT_FINISH] = {S_CONFIRMED, S_ESTABLISHED},
    [S_SERVER] = {S_NEW, S_ACCEPTED},
    [S_SERVER_FINISH] = {S_ACCEPTED, S_ESTABLISHED},
};

struct tacit_binding {
    s_state_t state;
    tacit_side_t side;            /* which one this is */
    tacit_schedule_facts_t facts; /* both ends, as far as known */
    tacit_schedule_t schedule;    /* once both ephemeral keys are known */
    tacit_secret_t *ephemeral;    /* X25519 secret, until the schedule is made */
    tacit_platform_t *platform;   /* borrowed; NULL where no enclave */
    bool has_issuer;
    uint8_t issuer[32];
    uint64_t opened_ms;                /* when the own nonce was made, Unix ms */
    uint64_t expires_ms;               /* of the session to be */
    uint8_t result[TACIT_RESULT_SIZE]; /* own, where an enclave */
    uint8_t quote[TACIT_QUOTE_MAX];    /* own, over this channel */
    size_t quote_size;                 /* 0 where no enclave */
    bool peer_attested;
    tacit_result_t peer_result;
    uint8_t evidence[TACIT_SCHEDULE_HASH_SIZE]; /* H */
};

static tacit_schedule_end_t *s_own(tacit_binding_t *self)
{
    return &self->facts.ends[self->side];
}

static tacit_side_t s_peer_side(const tacit_binding_t *self)
{
    return self->side == TACIT_SIDE_CLIENT ? TACIT_SIDE_SERVER : TACIT_SIDE_CLIENT;
}

static tacit_schedule_end_t *s_peer(tacit_binding_t *self)
{
    return &self->facts.ends[s_peer_side(self)];
}

tacit_role_t tacit_binding_peer_role(const tacit_binding_t *binding)
{
    return binding->facts.ends[s_peer_side(binding)].role;
}

static void s_wipe(tacit_binding_t *self)
{
    tacit_secret_destroy(&self->ephemeral);
    tacit_schedule_clear(&self->schedule);
}

/*  Failed until the step's end says otherwise.  */
static tacit_status_t s_begin(tacit_binding_t *self, s_step_t step, tacit_error_t *error)
{
    bool in_order = self->state == s_transitions[step].from;
    self->state = S_FAILED;
    if (!in_order) {
        s_wipe(self);
        return tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.state",
                                 "each step once and in order", "another step");
    }
    return TACIT_OK;
}

static tacit_status_t s_end(tacit_binding_t *self, s_step_t step, tacit_status_t status)
{
    if (status == TACIT_OK) {
        self->state = s_transitions[step].to;
    } else {
        s_wipe(self);
    }
    return status;
}

static bool s_role_known(tacit_role_t role)
{
    return tacit_role_from_name(tacit_role_name(role)) != TACIT_ROLE_NONE;
}

static tacit_status_t s_take_party(tacit_binding_t *self, const tacit_party_t *party)
{
    bool enclave = tacit_role_is_enclave(party->role);
    if (!s_role_known(party->role) ||
        (enclave && (!party->platform || party->result.size != TACIT_RESULT_SIZE))) {
        return TACIT_BAD_INPUT;
    }
    s_own(self)->role = party->role;
    memcpy(s_own(self)->curve, party->curve_public, 32);
    memcpy(self->facts.mesh_id, party->mesh_id, 32);
    self->has_issuer = party->issuer != NULL;
    if (party->issuer) {
        memcpy(self->issuer, party->issuer, 32);
    }
    if (enclave) {
        self->platform = party->platform;
        memcpy(self->result, party->result.data, TACIT_RESULT_SIZE);
    }
    return TACIT_OK;
}

static tacit_status_t s_make_keys(tacit_binding_t *self)
{
    tacit_status_t status = tacit_secret_random(crypto_scalarmult_SCALARBYTES, &self->ephemeral);
    if (status == TACIT_OK) {
        randombytes_buf(s_own(self)->nonce, sizeof s_own(self)->nonce);
        (void)crypto_scalarmult_base(s_own(self)->ephemeral, self->ephemeral->data);
    }
    return status;
}

/*  A binding with its own end filled in.  */
static tacit_status_t s_new(tacit_side_t side, const tacit_party_t *party,
                            const uint8_t peer_curve[32], tacit_binding_t **ret_binding)
{
    tacit_binding_t *self = calloc(1, sizeof *self);
    tacit_status_t status = self ? TACIT_OK : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        self->side = side;
        memcpy(s_peer(self)->curve, peer_curve, 32);
        status = s_take_party(self, party);
    }
    if (status == TACIT_OK) {
        status = s_make_keys(self);
    }
    if (status == TACIT_OK) {
        *ret_binding = self;
        self = NULL;
    }
    tacit_binding_destroy(&self);
    return status;
}

void tacit_binding_destroy(tacit_binding_t **binding)
{
    if (binding && *binding) {
        s_wipe(*binding);
        free(*binding);
        *binding = NULL;
    }
}

void tacit_session_destroy(tacit_session_t **session)
{
    if (session && *session) {
        tacit_secret_destroy(&(*session)->send_key);
        tacit_secret_destroy(&(*session)->receive_key);
        sodium_memzero(*session, sizeof **session);
        free(*session);
        *session = NULL;
    }
}

/*  The clock may step either way between two messages; far enough either way is too old.  */
static tacit_status_t s_check_age(const tacit_binding_t *self, uint64_t now_ms,
                                  tacit_error_t *error)
{
    uint64_t age = now_ms > self->opened_ms ? now_ms - self->opened_ms : self->opened_ms - now_ms;
    if (age > TACIT_BINDING_OPEN_MS) {
        tacit_error_claim(error, TACIT_NONCE_REFUSED, "binding.nonce", "at most 30 s old", "older");
        tacit_error_remedy(error, "connect again");
        return TACIT_NONCE_REFUSED;
    }
    return TACIT_OK;
}

/*  Nothing of the peer's may be one's own: that would be one's own words coming back.  */
static tacit_status_t s_check_reflection(tacit_binding_t *self, tacit_error_t *error)
{
    const tacit_schedule_end_t *own = s_own(self);
    const tacit_schedule_end_t *peer = s_peer(self);
    if (memcmp(own->curve, peer->curve, 32) == 0 ||
        memcmp(own->ephemeral, peer->ephemeral, 32) == 0 ||
        memcmp(own->nonce, peer->nonce, 32) == 0) {
        return tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.peer",
                                 "keys and nonce of its own", "those of this side");
    }
    return TACIT_OK;
}

static tacit_status_t s_derive(tacit_binding_t *self, tacit_error_t *error)
{
    tacit_status_t status = s_check_reflection(self, error);
    if (status != TACIT_OK) {
        return status;
    }
    status = tacit_schedule_start(&self->facts, self->side, self->ephemeral->data, &self->schedule);
    tacit_secret_destroy(&self->ephemeral);
    if (status == TACIT_PROTOCOL_ERROR) {
        return tacit_error_claim(error, status, "binding.ephemeral", "an X25519 key of full order",
                                 "a point of small order");
    }
    return status == TACIT_OK ? status : tacit_error_set(error, status, NULL);
}

/*  No session outlives what vouches for its ends.  */
static void s_expire_by(tacit_binding_t *self, uint64_t expires_ms)
{
    if (self->expires_ms > expires_ms) {
        self->expires_ms = expires_ms;
    }
}

/*  Own quote over this channel, and when one's own result ends. Nothing where no enclave.  */
static tacit_status_t s_prove(tacit_binding_t *self, uint64_t now_ms, tacit_error_t *error)
{
    uint8_t commitment[TACIT_SCHEDULE_HASH_SIZE];
    tacit_result_t result = {0};
    if (!tacit_role_is_enclave(s_own(self)->role)) {
        return TACIT_OK;
    }
    if (!self->has_issuer) {
        return tacit_error_claim(error, TACIT_RESULT_INVALID, "own result.issuer",
                                 "the attestation service", "none is trusted here yet");
    }
    tacit_status_t status =
        tacit_result_verify(tacit_span(self->result, sizeof self->result), self->issuer,
                            self->facts.mesh_id, now_ms, &result, error);
    if (status != TACIT_OK) {
        return status;
    }
    s_expire_by(self, result.expires_ms);
    tacit_schedule_commitment(&self->schedule, self->side, commitment);
    return tacit_platform_quote(self->platform, TACIT_QUOTE_BINDING, commitment, self->quote,
                                &self->quote_size, error);
}

static tacit_span_t s_own_result(const tacit_binding_t *self)
{
    return self->quote_size > 0 ? tacit_span(self->result, sizeof self->result)
                                : tacit_span(NULL, 0);
}

static tacit_span_t s_own_quote(const tacit_binding_t *self)
{
    return self->quote_size > 0 ? tacit_span(self->quote, self->quote_size) : tacit_span(NULL, 0);
}

/*  Enclaves need evidence; a peer that is its key alone must send none.  */
static tacit_status_t s_judge(tacit_binding_t *self, uint64_t now_ms, tacit_span_t result,
                              tacit_span_t quote, tacit_error_t *error)
{
    uint8_t commitment[TACIT_SCHEDULE_HASH_SIZE];
    if (!tacit_role_is_enclave(s_peer(self)->role)) {
        return result.size == 0 && quote.size == 0
                   ? TACIT_OK
                   : tacit_error_claim(error, TACIT_PROTOCOL_ERROR, "binding.evidence",
                                       "none from who is no enclave", "some");
    }
    tacit_schedule_commitment(&self->schedule, s_peer_side(self), commitment);
    const tacit_peer_expected_t expected = {
        .issuer = self->has_issuer ? self->issuer : NULL,
        .mesh_id = self->facts.mesh_id,
        .curve_key = s_peer(self)->curve,
        .policy_head = self->side == TACIT_SIDE_CLIENT ? self->facts.policy_head : NULL,
        .commitment = commitment,
        .role = s_peer(self)->role,
        .now_ms = now_ms,
    };
    tacit_status_t status =
        tacit_peer_evidence_judge(&expected, result, quote, &self->peer_result, error);
    if (status == TACIT_OK) {
        self->peer_attested = true;
        s_expire_by(self, self->peer_result.expires_ms);
    }
    return status;
}

static void s_hash_evidence(tacit_binding_t *self, tacit_span_t peer_result,
                            tacit_span_t peer_quote)
{
    bool client = self->side == TACIT_SIDE_CLIENT;
    const tacit_span_t parts[] = {
        client ? peer_result : s_own_result(self),
        client ? peer_quote : s_own_quote(self),
        client ? s_own_result(self) : peer_result,
        client ? s_own_quote(self) : peer_quote,
    };
    crypto_hash_sha512_state state;
    (void)crypto_hash_sha512_init(&state);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        uint8_t size[8];
        for (size_t k = 0; k < sizeof size; k++) {
            size[k] = (uint8_t)((uint64_t)parts[i].size >> (8 * k));
        }
        (void)crypto_hash_sha512_update(&state, size, sizeof size);
        (void)crypto_hash_sha512_update(&state, parts[i].data, parts[i].size);
    }
    (void)crypto_hash_sha512_final(&state, self->evidence);
}

static void s_expand(const tacit_binding_t *self, const char *label, tacit_side_t side,
                     uint8_t *ret_bytes, size_t size)
{
    tacit_schedule_expand(&self->schedule, label, side,
                          tacit_span(self->evidence, sizeof self->evidence), ret_bytes, size);
}

static void s_make_mac(const tacit_binding_t *self, tacit_side_t side, uint8_t ret_mac[64])
{
    s_expand(self, "tacit/binding/confirm/v1", side, ret_mac, 64);
}

static tacit_status_t s_check_mac(const tacit_binding_t *self, const uint8_t mac[64],
                                  tacit_error_t *error)
{
    uint8_t expected[64];
    s_make_mac(self, s_peer_side(self), expected);
    bool equal = sodium_memcmp(expected, mac, sizeof expected) == 0;
    sodium_memzero(expected, sizeof expected);
    return equal ? TACIT_OK
                 : tacit_error_claim(error, TACIT_CONFIRMATION_FAILED, "binding.mac",
                                     "one over this channel's evidence", "another");
}

static tacit_status_t s_make_key(const tacit_binding_t *self, tacit_side_t side,
                                 tacit_secret_t **ret_key)
{
    tacit_status_t status = tacit_secret_new(TACIT_KEY_SIZE, ret_key);
    if (status == TACIT_OK) {
        s_expand(self, "tacit/binding/key/v1", side, (*ret_key)->data, TACIT_KEY_SIZE);
    }
    return status;
}

static tacit_status_t s_establish(tacit_binding_t *self, tacit_session_t **ret_session,
                                  tacit_error_t *error)
{
    tacit_session_t *session = calloc(1, sizeof *session);
    tacit_status_t status = session ? TACIT_OK : TACIT_NO_MEMORY;
    if (status == TACIT_OK) {
        status = s_make_key(self, self->side, &session->send_key);
    }
    if (status == TACIT_OK) {
        status = s_make_key(self, s_peer_side(self), &session->receive_key);
    }
    if (status != TACIT_OK) {
        tacit_session_destroy(&session);
        return tacit_error_set(error, status, NULL);
    }
    memcpy(session->id, self->facts.session_id, sizeof session->id);
    session->peer_role = s_peer(self)->role;
    memcpy(session->peer_curve, s_peer(self)->curve, sizeof session->peer_curve);
    session->peer_attested = self->peer_attested;
    session->peer_result = self->peer_result;
    memcpy(session->policy_head, self->facts.policy_head, sizeof session->policy_head);
    session->expires_ms = self->expires_ms;
    s_expand(self, "tacit/binding/exporter/v1", TACIT_SIDE_SERVER, session->exporter,
             sizeof session->exporter);
    tacit_schedule_clear(&self->schedule);
    *ret_session = session;
    return TACIT_OK;
}

tacit_status_t tacit_binding_client(const tacit_party_t *party, const uint8_t peer_curve[32],
                                    tacit_role_t peer_role, tacit_binding_t **ret_binding,
                                    tacit_binding_open_t *ret_open)
{
    tacit_binding_t *self = NULL;
    if (!s_role_known(peer_role)) {
        return TACIT_BAD_INPUT;
    }
    tacit_status_t status = s_new(TACIT_SIDE_CLIENT, party, peer_curve, &self);
    if (status != TACIT_OK) {
        return status;
    }
    s_peer(self)->role = peer_role;
    self->opened_ms = tacit_now_ms();
    ret_open->role = (uint8_t)s_own(self)->role;
    memcpy(ret_open->mesh_id, self->facts.mesh_id, sizeof ret_open->mesh_id);
    memcpy(ret_open->nonce, s_own(self)->nonce, sizeof ret_open->nonce);
    memcpy(ret_open->ephemeral, s_own(self)->ephemeral, sizeof ret_open->ephemeral);
    *ret_binding = self;
    return s_end(self, S_CLIENT, TACIT_OK);
}

static tacit_status_t s_client_confirm(tacit_binding_t *self, uint64_t now_ms,
                                       const tacit_binding_accept_t *accept, tacit_error_t *error)
{
    self->expires_ms = now_ms + TACIT_SESSION_LIFETIME_MS;
    memcpy(self->facts.session_id, accept->session_id, sizeof self->facts.session_id);
    memcpy(self->facts.policy_head, accept->policy_head, sizeof self->facts.policy_head);
    memcpy(s_peer(self)->nonce, accept->nonce, sizeof accept->nonce);
    memcpy(s_peer(self)->ephemeral, accept->ephemeral, sizeof accept->ephemeral);
    tacit_status_t status = s_check_age(self, now_ms, error);
    if (status == TACIT_OK) {
        status = s_derive(self, error);
    }
    if (status == TACIT_OK) {
        status = s_judge(self, now_ms, accept->result, accept->quote, error);
    }
    if (status == TACIT_OK) {
        status = s_prove(self, now_ms, error);
    }
    return status;
}

tacit_status_t tacit_binding_client_confirm(tacit_binding_t *binding, uint64_t now_ms,
                                            const tacit_binding_accept_t *accept,
                                            tacit_binding_confirm_t *ret_confirm,
                                            tacit_error_t *ret_error)
{
    tacit_status_t status = s_begin(binding, S_CLIENT_CONFIRM, ret_error);
    if (status == TACIT_OK) {
        status =
            s_end(binding, S_CLIENT_CONFIRM, s_client_confirm(binding, now_ms, accept, ret_error));
    }
    if (status == TACIT_OK) {
        s_hash_evidence(binding, accept->result, accept->quote);
        ret_confirm->result = s_own_result(binding);
        ret_confirm->quote = s_own_quote(binding);
        s_make_mac(binding, TACIT_SIDE_CLIENT, ret_confirm->mac);
    }
    return status;
}

tacit_status_t tacit_binding_client_finish(tacit_binding_t *binding, const uint8_t mac[64],
                                           tacit_session_t **ret_session, tacit_error_t *ret_error)
{
    tacit_status_t status = s_begin(binding, S_CLIENT_FINISH, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = s_check_mac(binding, mac, ret_error);
    if (status == TACIT_OK) {
        status = s_establish(binding, ret_session, ret_error);
    }
    return s_end(binding, S_CLIENT_FINISH, status);
}

static tacit_status_t s_check_open(const tacit_party_t *party, const tacit_binding_open_t *open,
                                   tacit_error_t *error)
{
    if (memcmp(open->mesh_id, party->mesh_id, sizeof open->mesh_id) != 0) {
        tacit_error_claim(error, TACIT_WRONG_MESH, "binding.mesh_id", "this mesh", "another mesh");
        tacit_error_remedy(error, "use the trust file of this mesh");
        return TACIT_WRONG_MESH;
    }
    if (!s_role_known((tacit_role_t)open->role)) {
        return tacit_error_claim(error, TACIT_ROLE_REFUSED, "binding.role", "a role of this mesh",
                                 "an unknown one");
    }
    return TACIT_OK;
}

static tacit_status_t s_server(tacit_binding_t *self, const tacit_party_t *party, uint64_t now_ms,
                               const tacit_binding_open_t *open, tacit_error_t *error)
{
    self->opened_ms = now_ms;
    self->expires_ms = now_ms + TACIT_SESSION_LIFETIME_MS;
    s_peer(self)->role = (tacit_role_t)open->role;
    memcpy(s_peer(self)->nonce, open->nonce, sizeof open->nonce);
    memcpy(s_peer(self)->ephemeral, open->ephemeral, sizeof open->ephemeral);
    memcpy(self->facts.policy_head, party->policy_head, sizeof self->facts.policy_head);
    randombytes_buf(self->facts.session_id, sizeof self->facts.session_id);
    tacit_status_t status = s_derive(self, error);
    return status == TACIT_OK ? s_prove(self, now_ms, error) : status;
}

tacit_status_t tacit_binding_server(const tacit_party_t *party, const uint8_t peer_curve[32],
                                    uint64_t now_ms, const tacit_binding_open_t *open,
                                    tacit_binding_t **ret_binding,
                                    tacit_binding_accept_t *ret_accept, tacit_error_t *ret_error)
{
    tacit_binding_t *self = NULL;
    tacit_status_t status = s_check_open(party, open, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    status = s_new(TACIT_SIDE_SERVER, party, peer_curve, &self);
    if (status != TACIT_OK) {
        return tacit_error_set(ret_error, status, NULL);
    }
    status = s_end(self, S_SERVER, s_server(self, party, now_ms, open, ret_error));
    if (status != TACIT_OK) {
        tacit_binding_destroy(&self);
        return status;
    }
    memcpy(ret_accept->session_id, self->facts.session_id, sizeof ret_accept->session_id);
    memcpy(ret_accept->policy_head, self->facts.policy_head, sizeof ret_accept->policy_head);
    memcpy(ret_accept->nonce, s_own(self)->nonce, sizeof ret_accept->nonce);
    memcpy(ret_accept->ephemeral, s_own(self)->ephemeral, sizeof ret_accept->ephemeral);
    ret_accept->result = s_own_result(self);
    ret_accept->quote = s_own_quote(self);
    *ret_binding = self;
    return TACIT_OK;
}

static tacit_status_t s_server_finish(tacit_binding_t *self, uint64_t now_ms,
                                      const tacit_binding_confirm_t *confirm, uint8_t ret_mac[64],
                                      tacit_session_t **ret_session, tacit_error_t *error)
{
    uint8_t mac[64];
    tacit_status_t status = s_check_age(self, now_ms, error);
    if (status == TACIT_OK) {
        status = s_judge(self, now_ms, confirm->result, confirm->quote, error);
    }
    if (status != TACIT_OK) {
        return status;
    }
    s_hash_evidence(self, confirm->result, confirm->quote);
    status = s_check_mac(self, confirm->mac, error);
    if (status == TACIT_OK && now_ms >= self->expires_ms) {
        status = tacit_error_claim(error, TACIT_RESULT_EXPIRED, "own result.expires",
                                   "in the future", "ended while this channel was opened");
    }
    if (status != TACIT_OK) {
        return status;
    }
    s_make_mac(self, TACIT_SIDE_SERVER, mac);
    status = s_establish(self, ret_session, error);
    if (status == TACIT_OK) {
        memcpy(ret_mac, mac, sizeof mac);
    }
    return status;
}

tacit_status_t tacit_binding_server_finish(tacit_binding_t *binding, uint64_t now_ms,
                                           const tacit_binding_confirm_t *confirm,
                                           uint8_t ret_mac[64], tacit_session_t **ret_session,
                                           tacit_error_t *ret_error)
{
    tacit_status_t status = s_begin(binding, S_SERVER_FINISH, ret_error);
    if (status != TACIT_OK) {
        return status;
    }
    return s_end(binding, S_SERVER_FINISH,
                 s_server_finish(binding, now_ms, confirm, ret_mac, ret_session, ret_error));
}
