/*  attack_test.c - the known attacks on attested channels, by name.

    Each is tried three times: on the real judge, on a test double that has every defence, and on
    one that was built without the defence that is meant to stop it. The first two refuse, the last
    one is taken in: that is the positive control, without which a refusal may have any cause.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <sodium.h>
#include <stdlib.h>

#include "enclave/peer_evidence.h"
#include "enclave/policy.h"
#include "services/platform/quoting.h"
#include "tests/unit/attack_end.h"

#define NOW_S  UINT64_C(1790000000)
#define NOW_MS (NOW_S * 1000)

static const tacit_self_t s_worker = {
    .mrenclave = {1}, .mrsigner = {2}, .product_id = TACIT_ROLE_WORKER, .svn = 1};
static const tacit_self_t s_gateway = {
    .mrenclave = {3}, .mrsigner = {2}, .product_id = TACIT_ROLE_GATEWAY, .svn = 1};

/*  A platform, an attestation service's key, and the client that is attacked: it wants to speak to
    a worker over one channel.  */
typedef struct world {
    tacit_pki_t *pki;
    tacit_quoting_t *quoting;
    uint8_t attestation_key_sha256[32];
    uint8_t issuer_secret[64];
    attack_mind_t mind;
    attack_channel_t client; /* as the client sees the channel */
    attack_channel_t server; /* as the server at its other end does */
    uint8_t result[TACIT_RESULT_SIZE];
    uint8_t quote[TACIT_QUOTE_MAX];
    size_t quote_size;
} world_t;

/*  --- a channel and its evidence -------------------------------------------------------------- */

static void s_new_end(tacit_schedule_end_t *end, uint8_t ephemeral_secret[32])
{
    randombytes_buf(ephemeral_secret, 32);
    (void)crypto_scalarmult_base(end->ephemeral, ephemeral_secret);
    randombytes_buf(end->nonce, sizeof end->nonce);
}

/*  A new session between the same two keys: what is fresh is fresh.  */
static void s_new_session(world_t *world)
{
    tacit_schedule_facts_t *facts = &world->client.facts;
    s_new_end(&facts->ends[TACIT_SIDE_CLIENT], world->client.ephemeral_secret);
    s_new_end(&facts->ends[TACIT_SIDE_SERVER], world->server.ephemeral_secret);
    randombytes_buf(facts->session_id, sizeof facts->session_id);
    world->server.facts = *facts;
}

static void s_quote(world_t *world, const attack_end_t *end, const attack_channel_t *channel,
                    tacit_side_t side, const tacit_self_t *self)
{
    uint8_t commitment[64];
    uint8_t report_data[64];
    end->commit(channel, side, commitment);
    tacit_report_data(TACIT_QUOTE_BINDING, commitment, report_data);
    assert_int_equal(
        tacit_quoting_quote(world->quoting, self, report_data, world->quote, &world->quote_size),
        TACIT_OK);
}

/*  What the attestation service says of a program and key.  */
static tacit_result_t s_say(const world_t *world, const tacit_self_t *self, const uint8_t curve[32])
{
    tacit_result_t result = {.role = (tacit_role_t)self->product_id,
                             .simulated = true,
                             .product_id = self->product_id,
                             .svn = self->svn,
                             .issued_ms = NOW_MS,
                             .expires_ms = NOW_MS + TACIT_RESULT_LIFETIME_MS};
    memcpy(result.curve_key, curve, 32);
    memcpy(result.attestation_key_sha256, world->attestation_key_sha256, 32);
    memcpy(result.mrenclave, self->mrenclave, 32);
    memcpy(result.mrsigner, self->mrsigner, 32);
    memcpy(result.platform_id, world->mind.platform, 16);
    memcpy(result.policy_head, world->mind.policy_head, 32);
    memcpy(result.mesh_id, world->client.facts.mesh_id, 32);
    return result;
}

static void s_sign(world_t *world, tacit_result_t result)
{
    tacit_result_sign(&result, world->issuer_secret, world->result);
}

static const uint8_t *s_server_key(const world_t *world)
{
    return world->client.facts.ends[TACIT_SIDE_SERVER].curve;
}

static int s_set_up(void **state)
{
    static world_t world;
    const tacit_pki_options_t options = {.now_s = NOW_S};
    uint8_t key[64];
    memset(&world, 0, sizeof world);
    assert_int_equal(tacit_pki_new(&options, &world.pki), TACIT_OK);
    assert_int_equal(tacit_quoting_new(world.pki, &world.quoting), TACIT_OK);
    assert_int_equal(tacit_pki_public(world.pki, TACIT_PKI_ATTESTATION, key), TACIT_OK);
    crypto_hash_sha256(world.attestation_key_sha256, key, sizeof key);
    tacit_pki_root_sha256(world.pki, world.mind.root_sha256);
    (void)crypto_sign_keypair(world.mind.issuer, world.issuer_secret);
    randombytes_buf(world.mind.policy_head, 32);
    randombytes_buf(world.mind.platform, 16);
    world.mind.now_ms = NOW_MS;
    world.client.side = TACIT_SIDE_CLIENT;
    world.server.side = TACIT_SIDE_SERVER;
    tacit_schedule_facts_t *facts = &world.client.facts;
    facts->ends[TACIT_SIDE_CLIENT].role = TACIT_ROLE_WORKER;
    facts->ends[TACIT_SIDE_SERVER].role = TACIT_ROLE_WORKER;
    randombytes_buf(facts->ends[TACIT_SIDE_CLIENT].curve, 32);
    randombytes_buf(facts->ends[TACIT_SIDE_SERVER].curve, 32);
    randombytes_buf(facts->mesh_id, 32);
    memcpy(facts->policy_head, world.mind.policy_head, 32);
    s_new_session(&world);
    s_sign(&world, s_say(&world, &s_worker, s_server_key(&world)));
    *state = &world;
    return 0;
}

static int s_tear_down(void **state)
{
    world_t *world = *state;
    tacit_quoting_destroy(&world->quoting);
    tacit_pki_destroy(&world->pki);
    return 0;
}

/*  --- three judges ---------------------------------------------------------------------------- */

/*  Tacit's own, on that channel.  */
static tacit_status_t s_real(const world_t *world, const attack_channel_t *channel)
{
    tacit_schedule_t schedule;
    uint8_t commitment[64];
    tacit_result_t result;
    tacit_side_t peer = channel->side == TACIT_SIDE_CLIENT ? TACIT_SIDE_SERVER : TACIT_SIDE_CLIENT;
    assert_int_equal(
        tacit_schedule_start(&channel->facts, channel->side, channel->ephemeral_secret, &schedule),
        TACIT_OK);
    tacit_schedule_commitment(&schedule, peer, commitment);
    tacit_schedule_clear(&schedule);
    const tacit_peer_expected_t expected = {.issuer = world->mind.issuer,
                                            .mesh_id = channel->facts.mesh_id,
                                            .curve_key = channel->facts.ends[peer].curve,
                                            .policy_head = world->mind.policy_head,
                                            .commitment = commitment,
                                            .role = channel->facts.ends[peer].role,
                                            .now_ms = NOW_MS};
    return tacit_peer_evidence_judge(&expected, tacit_span(world->result, sizeof world->result),
                                     tacit_span(world->quote, world->quote_size), &result, NULL);
}

static tacit_status_t s_judge(world_t *world, const attack_end_t *end,
                              const attack_channel_t *channel)
{
    return end->judge_peer(&world->mind, channel, tacit_span(world->result, sizeof world->result),
                           tacit_span(world->quote, world->quote_size));
}

/*  The attack as it looks where everybody runs that end's protocol.  */
typedef void attack_t(world_t *world, const attack_end_t *end);

/*  Refused by the real judge and the whole double with that code, and for that alone: the honest
    exchange passes everywhere, and the attack where its defence is lacking.  */
static void s_try(void **state, attack_t *attack, const attack_end_t *lacking,
                  const attack_channel_t *channel, tacit_status_t code)
{
    world_t *world = *state;
    const attack_end_t *const ends[] = {&attack_end_whole, lacking};
    const attack_end_t *whole = &attack_end_whole;
    for (size_t i = 0; i < 2; i++) {
        s_quote(world, ends[i], &world->server, TACIT_SIDE_SERVER, &s_worker);
        assert_int_equal(s_judge(world, ends[i], &world->client), TACIT_OK);
        s_new_session(world);
    }
    s_quote(world, whole, &world->server, TACIT_SIDE_SERVER, &s_worker);
    assert_int_equal(s_real(world, &world->client), TACIT_OK);
    s_new_session(world);
    attack(world, whole);
    assert_int_equal(s_real(world, channel), code);
    assert_int_equal(s_judge(world, whole, channel), code);
    s_new_session(world);
    attack(world, lacking);
    assert_int_equal(s_judge(world, lacking, channel), TACIT_OK);
}

/*  --- on channels ----------------------------------------------------------------------------- */

/*  The attacker holds the server's CURVE key, extracted from some enclave of the mesh, and no
    enclave. It passes what the client says on to the true server, over a connection of its own.  */
static void s_relay(world_t *world, const attack_end_t *end)
{
    world->server.facts = world->client.facts;
    randombytes_buf(world->server.facts.ends[TACIT_SIDE_CLIENT].curve, 32);
    s_quote(world, end, &world->server, TACIT_SIDE_SERVER, &s_worker);
}

static void relay(void **state)
{
    s_try(state, s_relay, &attack_end_relay, &((world_t *)*state)->client,
          TACIT_REPORT_DATA_MISMATCH);
}

/*  What an enclave showed yesterday, to the same client, by who has its key today.  */
static void s_replay(world_t *world, const attack_end_t *end)
{
    s_quote(world, end, &world->server, TACIT_SIDE_SERVER, &s_worker);
    s_new_session(world);
}

static void replay(void **state)
{
    s_try(state, s_replay, &attack_end_replay, &((world_t *)*state)->client,
          TACIT_REPORT_DATA_MISMATCH);
}

/*  Both ends run the same code. The server is shown the quote that it has just made itself, by who
    has a client's key and result, and no enclave any more.  */
static void s_reflect(world_t *world, const attack_end_t *end)
{
    s_sign(world, s_say(world, &s_worker, world->client.facts.ends[TACIT_SIDE_CLIENT].curve));
    s_quote(world, end, &world->server, TACIT_SIDE_SERVER, &s_worker);
}

static void reflection(void **state)
{
    s_try(state, s_reflect, &attack_end_reflection, &((world_t *)*state)->server,
          TACIT_REPORT_DATA_MISMATCH);
}

/*  A gateway, as genuine as the worker that the client asked for, and with less to lose.  */
static void s_take_role(world_t *world, const attack_end_t *end)
{
    world->server.facts.ends[TACIT_SIDE_SERVER].role = TACIT_ROLE_GATEWAY;
    s_sign(world, s_say(world, &s_gateway, s_server_key(world)));
    s_quote(world, end, &world->server, TACIT_SIDE_SERVER, &s_gateway);
}

static void cross_role_use(void **state)
{
    s_try(state, s_take_role, &attack_end_role, &((world_t *)*state)->client, TACIT_ROLE_REFUSED);
}

/*  A result that was given before a measurement was revoked, and has not expired.  */
static void s_downgrade_policy(world_t *world, const attack_end_t *end)
{
    tacit_result_t result = s_say(world, &s_worker, s_server_key(world));
    result.policy_head[0] ^= 1;
    s_sign(world, result);
    s_quote(world, end, &world->server, TACIT_SIDE_SERVER, &s_worker);
}

static void downgrade_of_policy(void **state)
{
    s_try(state, s_downgrade_policy, &attack_end_policy, &((world_t *)*state)->client,
          TACIT_RESULT_INVALID);
}

/*  --- diversion ------------------------------------------------------------------------------- */

/*  Would the policy give such a program on that platform a result? It lists the one platform.  */
static tacit_status_t s_appraise(const world_t *world, const uint8_t platform_id[16])
{
    tacit_claims_t claims = {
        .simulated = true, .product_id = s_worker.product_id, .svn = s_worker.svn};
    tacit_policy_rules_t *rules = calloc(1, sizeof *rules);
    tacit_policy_t *policy = NULL;
    char *text = NULL;
    assert_non_null(rules);
    memcpy(claims.mrenclave, s_worker.mrenclave, 32);
    memcpy(claims.platform_id, platform_id, 16);
    rules->number = 1;
    rules->root_count = 1;
    rules->roots[0].simulated = true;
    rules->statuses = 1;
    rules->enclave_count = 1;
    rules->enclaves[0].role = TACIT_ROLE_WORKER;
    memcpy(rules->enclaves[0].measurement, s_worker.mrenclave, 32);
    rules->platforms.count = 1;
    memcpy(rules->platforms.items[0], world->mind.platform, 16);
    assert_int_equal(tacit_policy_format(rules, &text, NULL), TACIT_OK);
    assert_int_equal(tacit_policy_parse(tacit_span_string(text), &policy, NULL), TACIT_OK);
    tacit_status_t status = tacit_policy_appraise(policy, &claims, TACIT_ROLE_WORKER, NULL);
    tacit_policy_destroy(&policy);
    free(text);
    free(rules);
    return status;
}

/*  The right code, genuine and fresh, on a machine that the attacker can open. Evidence says what
    runs, not whose machine it is; in Tacit the policy's list of platforms says whose it may be, and
    who is not on it gets no result.  */
static void diversion(void **state)
{
    world_t *world = *state;
    uint8_t elsewhere[16];
    memcpy(elsewhere, world->mind.platform, sizeof elsewhere);
    elsewhere[0] ^= 1;
    assert_int_equal(s_appraise(world, world->mind.platform), TACIT_OK);
    assert_int_equal(s_appraise(world, elsewhere), TACIT_PLATFORM_REFUSED);
    const attack_end_t *const ends[] = {&attack_end_whole, &attack_end_diversion};
    static const tacit_status_t expected[] = {TACIT_PLATFORM_REFUSED, TACIT_OK};
    for (size_t i = 0; i < 2; i++) {
        tacit_result_t result = s_say(world, &s_worker, s_server_key(world));
        s_sign(world, result);
        s_quote(world, ends[i], &world->server, TACIT_SIDE_SERVER, &s_worker);
        assert_int_equal(s_judge(world, ends[i], &world->client), TACIT_OK);
        s_new_session(world);
        memcpy(result.platform_id, elsewhere, sizeof elsewhere);
        s_sign(world, result);
        s_quote(world, ends[i], &world->server, TACIT_SIDE_SERVER, &s_worker);
        assert_int_equal(s_judge(world, ends[i], &world->client), expected[i]);
        s_new_session(world);
    }
}

/*  --- malleation ------------------------------------------------------------------------------ */

/*  (r, n - s) is as good a signature as (r, s).  */
static void s_malleate(uint8_t signature[64])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *s = BN_bin2bn(signature + 32, 32, NULL);
    assert_true(group && s && BN_sub(s, EC_GROUP_get0_order(group), s) &&
                BN_bn2binpad(s, signature + 32, 32) == 32);
    BN_free(s);
    EC_GROUP_free(group);
}

/*  The same quote in other bytes. Who remembers quotes to know a replay is shown one twice; who
    gives each nonce away once is not, and the real channel has another nonce by then.  */
static void quote_bytes_malleated(void **state)
{
    world_t *world = *state;
    const attack_end_t *const ends[] = {&attack_end_whole, &attack_end_malleation};
    static const tacit_status_t expected[] = {TACIT_PROTOCOL_ERROR, TACIT_OK};
    for (size_t i = 0; i < 2; i++) {
        s_quote(world, ends[i], &world->server, TACIT_SIDE_SERVER, &s_worker);
        assert_int_equal(s_judge(world, ends[i], &world->client), TACIT_OK);
        assert_int_equal(s_judge(world, ends[i], &world->client), TACIT_PROTOCOL_ERROR);
        s_malleate(world->quote + TACIT_QUOTE_SIGNATURE);
        assert_int_equal(s_judge(world, ends[i], &world->client), expected[i]);
        s_new_session(world);
    }
    s_quote(world, &attack_end_whole, &world->server, TACIT_SIDE_SERVER, &s_worker);
    s_malleate(world->quote + TACIT_QUOTE_SIGNATURE);
    assert_int_equal(s_real(world, &world->client), TACIT_OK); /* it is the same quote */
    s_new_session(world);
    assert_int_equal(s_real(world, &world->client), TACIT_REPORT_DATA_MISMATCH);
}

/*  --- collateral ------------------------------------------------------------------------------ */

static tacit_status_t s_judge_under(world_t *world, const attack_end_t *end, uint32_t number,
                                    bool revoked)
{
    const tacit_pki_options_t options = {
        .now_s = NOW_S - (number < 18), .tcb_evaluation_number = number, .revoke_pck = revoked};
    assert_int_equal(tacit_pki_issue(world->pki, &options), TACIT_OK);
    return end->judge_evidence(&world->mind, tacit_span(world->quote, world->quote_size),
                               tacit_pki_collateral(world->pki));
}

/*  The vendor revoked the platform; the host serves the list of the day before, which is valid for
    weeks. identity_test.py tries the same on a mesh's attestation service.  */
static void downgrade_of_collateral(void **state)
{
    world_t *world = *state;
    const attack_end_t *const ends[] = {&attack_end_whole, &attack_end_collateral};
    static const tacit_status_t expected[] = {TACIT_COLLATERAL_EXPIRED, TACIT_OK};
    s_quote(world, &attack_end_whole, &world->server, TACIT_SIDE_SERVER, &s_worker);
    for (size_t i = 0; i < 2; i++) {
        memset(&world->mind.marks, 0, sizeof world->mind.marks);
        assert_int_equal(s_judge_under(world, ends[i], 17, false), TACIT_OK);
        assert_int_equal(s_judge_under(world, ends[i], 18, false), TACIT_OK);
        assert_int_equal(s_judge_under(world, ends[i], 18, true), TACIT_CERTIFICATE_REVOKED);
        assert_int_equal(s_judge_under(world, ends[i], 17, false), expected[i]);
    }
}

#define S_TEST(name) cmocka_unit_test_setup_teardown(name, s_set_up, s_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S_TEST(relay),
        S_TEST(replay),
        S_TEST(reflection),
        S_TEST(diversion),
        S_TEST(downgrade_of_collateral),
        S_TEST(downgrade_of_policy),
        S_TEST(cross_role_use),
        S_TEST(quote_bytes_malleated),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
