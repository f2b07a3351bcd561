/*  fault.c - rules, dice, and replies that are held back.  */

#include "rpc/fault.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef struct {
    tacit_fault_action_t action;
    char method[TACIT_METHOD_NAME_MAX + 1];
    char peer[2 * TACIT_CURVE_KEY_SIZE + 1]; /* prefix */
    double rate;
    uint32_t ms;
    uint64_t dice; /* state of the generator */
} s_rule_t;

typedef struct s_held {
    tacit_faults_t *faults;
    void *socket;
    int timer;
    bool reorder; /* goes behind the next reply */
    uint8_t routing[TACIT_ROUTING_ID_SIZE];
    zmq_msg_t frame;
    zmq_msg_t bulk;
    bool has_bulk;
    struct s_held *next;
} s_held_t;

struct tacit_faults {
    s_rule_t rules[TACIT_FAULT_RULES_MAX];
    size_t count;
    s_held_t *held;
    size_t held_count;
    zloop_t *loop; /* of the timers; NULL: none yet */
};

/*  --- rules ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    tacit_fault_action_t action;
} s_actions[] = {
    {"delay", TACIT_FAULT_DELAY},         {"drop", TACIT_FAULT_DROP},
    {"duplicate", TACIT_FAULT_DUPLICATE}, {"reorder", TACIT_FAULT_REORDER},
    {"corrupt", TACIT_FAULT_CORRUPT},     {"disconnect", TACIT_FAULT_DISCONNECT},
};

static bool s_take_action(s_rule_t *rule, const char *word)
{
    for (size_t i = 0; i < sizeof s_actions / sizeof *s_actions; i++) {
        if (strcmp(word, s_actions[i].name) == 0) {
            rule->action = s_actions[i].action;
            return true;
        }
    }
    return false;
}

static bool s_take_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool good = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number <= most;
    *ret_number = number;
    return good;
}

static bool s_take_rate(s_rule_t *rule, const char *text)
{
    char *end = NULL;
    rule->rate = strtod(text, &end);
    return end != text && *end == '\0' && rule->rate >= 0 && rule->rate <= 1;
}

static bool s_take_setting(s_rule_t *rule, const char *word)
{
    uint64_t number = 0;
    if (strncmp(word, "rate=", 5) == 0) {
        return s_take_rate(rule, word + 5);
    }
    if (strncmp(word, "seed=", 5) == 0) {
        return s_take_number(word + 5, UINT64_MAX, &rule->dice);
    }
    if (strncmp(word, "ms=", 3) == 0 && s_take_number(word + 3, TACIT_FAULT_MS_MAX, &number)) {
        rule->ms = (uint32_t)number;
        return true;
    }
    if (strncmp(word, "peer=", 5) == 0 && strlen(word + 5) < sizeof rule->peer) {
        snprintf(rule->peer, sizeof rule->peer, "%s", word + 5);
        return strspn(word + 5, "0123456789abcdef") == strlen(word + 5);
    }
    return false;
}

/*  Changes text.  */
static bool s_parse_rule(char *text, s_rule_t *rule)
{
    char *rest = NULL;
    const char *action = strtok_r(text, " \t", &rest);
    const char *method = action ? strtok_r(NULL, " \t", &rest) : NULL;
    *rule = (s_rule_t){.rate = 1};
    if (!method || !s_take_action(rule, action) || strlen(method) >= sizeof rule->method) {
        return false;
    }
    snprintf(rule->method, sizeof rule->method, "%s", method);
    const char *word = NULL;
    while ((word = strtok_r(NULL, " \t", &rest))) {
        if (!s_take_setting(rule, word)) {
            return false;
        }
    }
    return true;
}

static tacit_status_t s_parse(tacit_faults_t *self, char *text, tacit_error_t *ret_error)
{
    char *rest = NULL;
    for (char *rule = strtok_r(text, ";", &rest); rule; rule = strtok_r(NULL, ";", &rest)) {
        if (self->count == TACIT_FAULT_RULES_MAX ||
            !s_parse_rule(rule, &self->rules[self->count])) {
            return tacit_error_claim(ret_error, TACIT_BAD_INPUT, "TACIT_FAULTS",
                                     "ACTION METHOD [rate=] [seed=] [ms=] [peer=]; ...", rule);
        }
        self->count++;
    }
    return TACIT_OK;
}

tacit_status_t tacit_faults_new(const char *text, tacit_faults_t **ret_faults,
                                tacit_error_t *ret_error)
{
    char copy[TACIT_FAULT_TEXT_MAX];
    if (!text || text[0] == '\0') {
        *ret_faults = NULL;
        return TACIT_OK;
    }
    if (strlen(text) >= sizeof copy) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "TACIT_FAULTS is too long");
    }
    tacit_faults_t *self = calloc(1, sizeof *self);
    if (!self) {
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    snprintf(copy, sizeof copy, "%s", text);
    tacit_status_t status = s_parse(self, copy, ret_error);
    if (status) {
        tacit_faults_destroy(&self);
        return status;
    }
    *ret_faults = self;
    return TACIT_OK;
}

/*  --- judging --------------------------------------------------------------------------------- */

/*  splitmix64: the same seed, the same faults, on every machine.  */
static uint64_t s_roll(s_rule_t *rule)
{
    rule->dice += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = rule->dice;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static bool s_fits_method(const char *pattern, const char *method)
{
    size_t size = strlen(pattern);
    bool open = size > 0 && pattern[size - 1] == '*';
    return open ? strncmp(pattern, method, size - 1) == 0 : strcmp(pattern, method) == 0;
}

tacit_fault_t tacit_faults_judge(tacit_faults_t *faults, const char *method,
                                 const uint8_t peer[TACIT_CURVE_KEY_SIZE])
{
    char hex[2 * TACIT_CURVE_KEY_SIZE + 1];
    sodium_bin2hex(hex, sizeof hex, peer, TACIT_CURVE_KEY_SIZE);
    for (size_t i = 0; faults && i < faults->count; i++) {
        s_rule_t *rule = &faults->rules[i];
        if (!s_fits_method(rule->method, method) ||
            strncmp(rule->peer, hex, strlen(rule->peer)) != 0) {
            continue;
        }
        uint64_t dice = s_roll(rule);
        if ((double)(dice >> 11) * 0x1p-53 < rule->rate) {
            return (tacit_fault_t){rule->action, rule->ms, s_roll(rule)};
        }
    }
    return (tacit_fault_t){.action = TACIT_FAULT_NONE};
}

/*  --- sending --------------------------------------------------------------------------------- */

/*  Failures are what this file is for. A part that was not taken ends the message there.  */
static void s_send(void *socket, const uint8_t *routing, zmq_msg_t *frame, zmq_msg_t *bulk)
{
    bool sent = zmq_send(socket, routing, TACIT_ROUTING_ID_SIZE, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                zmq_msg_send(frame, socket, (bulk ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0;
    if (sent && bulk) {
        (void)zmq_msg_send(bulk, socket, ZMQ_DONTWAIT);
    }
    zmq_msg_close(frame);
}

static void s_free(s_held_t *held)
{
    s_held_t **at = &held->faults->held;
    while (*at && *at != held) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = held->next;
        held->faults->held_count--;
    }
    zmq_msg_close(&held->frame);
    zmq_msg_close(&held->bulk);
    free(held);
}

static void s_release(s_held_t *held)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    zmq_msg_move(&frame, &held->frame);
    s_send(held->socket, held->routing, &frame, held->has_bulk ? &held->bulk : NULL);
    s_free(held);
}

static int s_on_timer(zloop_t *loop, int timer, void *argument)
{
    (void)loop;
    (void)timer;
    s_release(argument);
    return 0;
}

/*  False where it cannot be held.  */
static bool s_hold(tacit_faults_t *self, void *socket, zloop_t *loop,
                   const tacit_fault_reply_t *reply, const tacit_fault_t *fault)
{
    s_held_t *held =
        loop && self->held_count < TACIT_FAULT_HELD_MAX ? calloc(1, sizeof *held) : NULL;
    if (!held) {
        return false;
    }
    held->faults = self;
    held->socket = socket;
    held->reorder = fault->action == TACIT_FAULT_REORDER;
    memcpy(held->routing, reply->routing, sizeof held->routing);
    zmq_msg_init(&held->frame);
    zmq_msg_init(&held->bulk);
    zmq_msg_move(&held->frame, reply->frame);
    held->has_bulk = reply->bulk != NULL;
    if (reply->bulk) {
        zmq_msg_move(&held->bulk, reply->bulk);
    }
    held->next = self->held;
    self->held = held;
    self->held_count++;
    self->loop = loop;
    uint32_t ms = held->reorder ? TACIT_FAULT_REORDER_MS : fault->ms;
    held->timer = zloop_timer(loop, ms > 0 ? ms : 1, 1, s_on_timer, held);
    return true;
}

/*  Those that were to go behind the reply just sent.  */
static void s_release_reordered(tacit_faults_t *self)
{
    s_held_t *next = NULL;
    for (s_held_t *held = self->held; held; held = next) {
        next = held->next;
        if (held->reorder) {
            zloop_timer_end(self->loop, held->timer);
            s_release(held);
        }
    }
}

static void s_send_copy(void *socket, const tacit_fault_reply_t *reply)
{
    zmq_msg_t frame;
    zmq_msg_t bulk;
    zmq_msg_init(&frame);
    zmq_msg_init(&bulk);
    zmq_msg_copy(&frame, reply->frame);
    if (reply->bulk) {
        zmq_msg_copy(&bulk, reply->bulk);
    }
    s_send(socket, reply->routing, &frame, reply->bulk ? &bulk : NULL);
    zmq_msg_close(&bulk);
}

void tacit_faults_take(tacit_faults_t *faults, void *socket, zloop_t *loop,
                       const tacit_fault_reply_t *reply)
{
    tacit_fault_t fault = tacit_faults_judge(faults, reply->method, reply->peer);
    uint8_t *bytes = zmq_msg_data(reply->frame);
    bool hold = fault.action == TACIT_FAULT_DELAY || fault.action == TACIT_FAULT_REORDER;
    if (hold && s_hold(faults, socket, loop, reply, &fault)) {
        return;
    }
    if (fault.action == TACIT_FAULT_DISCONNECT && reply->fd >= 0) {
        (void)shutdown(reply->fd, SHUT_RDWR);
    }
    if (fault.action == TACIT_FAULT_DROP || fault.action == TACIT_FAULT_DISCONNECT) {
        zmq_msg_close(reply->frame);
        return;
    }
    if (fault.action == TACIT_FAULT_CORRUPT && zmq_msg_size(reply->frame) > 0) {
        bytes[fault.dice % zmq_msg_size(reply->frame)] ^= (uint8_t)(1 + (fault.dice >> 32) % 255);
    }
    if (fault.action == TACIT_FAULT_DUPLICATE) {
        s_send_copy(socket, reply);
    }
    s_send(socket, reply->routing, reply->frame, reply->bulk);
    s_release_reordered(faults);
}

void tacit_faults_destroy(tacit_faults_t **faults)
{
    tacit_faults_t *self = faults ? *faults : NULL;
    if (self) {
        while (self->held) {
            s_free(self->held);
        }
        free(self);
        *faults = NULL;
    }
}
