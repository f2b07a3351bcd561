/*  fault.c - rules and dice.  */

#include "rpc/fault.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "enclave/clock.h"
#include "enclave/whole_file.h"
#include "rpc/log.h"

typedef struct {
    tacit_fault_action_t action;
    tacit_fault_place_t place;
    char method[TACIT_METHOD_NAME_MAX + 1];
    char peer[2 * TACIT_CURVE_KEY_SIZE + 1]; /* prefix */
    double rate;
    uint32_t ms;
    uint64_t after; /* that fit and pass before it acts */
    uint64_t times; /* that it still acts */
    uint64_t dice;  /* state of the generator */
} s_rule_t;

struct tacit_faults {
    char *path;       /* of the file with the rules; NULL: there is none */
    struct stat seen; /* of the file when it was read */
    uint64_t next_ns; /* not looked at before */
    s_rule_t rules[TACIT_FAULT_RULES_MAX];
    size_t count;
};

/*  --- rules ----------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int value;
} s_word_t;

static const s_word_t s_actions[] = {
    {"delay", TACIT_FAULT_DELAY},         {"drop", TACIT_FAULT_DROP},
    {"duplicate", TACIT_FAULT_DUPLICATE}, {"reorder", TACIT_FAULT_REORDER},
    {"corrupt", TACIT_FAULT_CORRUPT},     {"disconnect", TACIT_FAULT_DISCONNECT},
    {"shorten", TACIT_FAULT_SHORTEN},
};

static const s_word_t s_places[] = {
    {"reply", TACIT_FAULT_REPLY},         {"request", TACIT_FAULT_REQUEST},
    {"stream-in", TACIT_FAULT_STREAM_IN}, {"stream-out", TACIT_FAULT_STREAM_OUT},
    {"lane-in", TACIT_FAULT_LANE_IN},     {"lane-out", TACIT_FAULT_LANE_OUT},
    {"session", TACIT_FAULT_SESSION},
};

/*  Both tables have as many.  */
enum { S_WORDS = sizeof s_actions / sizeof *s_actions };

static bool s_take_word(const s_word_t words[S_WORDS], const char *word, int *ret_value)
{
    for (size_t i = 0; i < S_WORDS; i++) {
        if (strcmp(word, words[i].name) == 0) {
            *ret_value = words[i].value;
            return true;
        }
    }
    return false;
}

static bool s_take_action(s_rule_t *rule, const char *word)
{
    int action = TACIT_FAULT_NONE;
    bool known = s_take_word(s_actions, word, &action);
    rule->action = (tacit_fault_action_t)action;
    return known;
}

static bool s_take_place(s_rule_t *rule, const char *word)
{
    int place = TACIT_FAULT_REPLY;
    bool known = s_take_word(s_places, word, &place);
    rule->place = (tacit_fault_place_t)place;
    return known;
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

static bool s_take_seed(s_rule_t *rule, const char *text)
{
    return s_take_number(text, UINT64_MAX, &rule->dice);
}

static bool s_take_after(s_rule_t *rule, const char *text)
{
    return s_take_number(text, UINT64_MAX, &rule->after);
}

static bool s_take_times(s_rule_t *rule, const char *text)
{
    return s_take_number(text, UINT64_MAX, &rule->times);
}

static bool s_take_ms(s_rule_t *rule, const char *text)
{
    uint64_t number = 0;
    bool good = s_take_number(text, TACIT_FAULT_MS_MAX, &number);
    rule->ms = (uint32_t)number;
    return good;
}

static bool s_take_peer(s_rule_t *rule, const char *text)
{
    int size = snprintf(rule->peer, sizeof rule->peer, "%s", text);
    return (size_t)size < sizeof rule->peer && strspn(text, "0123456789abcdef") == (size_t)size;
}

static const struct {
    const char *name;
    bool (*take)(s_rule_t *rule, const char *text);
} s_settings[] = {
    {"at=", s_take_place},    {"rate=", s_take_rate},   {"seed=", s_take_seed},
    {"after=", s_take_after}, {"times=", s_take_times}, {"ms=", s_take_ms},
    {"peer=", s_take_peer},
};

static bool s_take_setting(s_rule_t *rule, const char *word)
{
    for (size_t i = 0; i < sizeof s_settings / sizeof *s_settings; i++) {
        size_t size = strlen(s_settings[i].name);
        if (strncmp(word, s_settings[i].name, size) == 0) {
            return s_settings[i].take(rule, word + size);
        }
    }
    return false;
}

/*  Changes text.  */
static bool s_parse_rule(char *text, s_rule_t *rule)
{
    char *rest = NULL;
    const char *action = strtok_r(text, " \t", &rest);
    const char *method = action ? strtok_r(NULL, " \t", &rest) : NULL;
    *rule = (s_rule_t){.rate = 1, .times = UINT64_MAX};
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
    return (rule->action == TACIT_FAULT_SHORTEN) == (rule->place == TACIT_FAULT_SESSION);
}

static tacit_status_t s_parse(tacit_faults_t *self, char *text, tacit_error_t *ret_error)
{
    char *rest = NULL;
    for (char *rule = strtok_r(text, ";\n", &rest); rule; rule = strtok_r(NULL, ";\n", &rest)) {
        if (rule[strspn(rule, " \t")] == '\0') {
            continue;
        }
        char shown[TACIT_ERROR_VALUE_MAX];
        snprintf(shown, sizeof shown, "%s", rule);
        if (self->count == TACIT_FAULT_RULES_MAX ||
            !s_parse_rule(rule, &self->rules[self->count])) {
            return tacit_error_claim(
                ret_error, TACIT_BAD_INPUT, "rule of faults",
                "ACTION METHOD [at=] [rate=] [seed=] [after=] [times=] [ms=] [peer=]; ...", shown);
        }
        self->count++;
    }
    return TACIT_OK;
}

static tacit_status_t s_set(tacit_faults_t *self, const char *text, tacit_error_t *ret_error)
{
    char copy[TACIT_FAULT_TEXT_MAX];
    self->count = 0;
    if (strlen(text) >= sizeof copy) {
        return tacit_error_set(ret_error, TACIT_TOO_LARGE, "the rules of faults are too long");
    }
    snprintf(copy, sizeof copy, "%s", text);
    tacit_status_t status = s_parse(self, copy, ret_error);
    self->count = status ? 0 : self->count;
    return status;
}

tacit_status_t tacit_faults_new(const char *text, tacit_faults_t **ret_faults,
                                tacit_error_t *ret_error)
{
    if (!text || text[0] == '\0') {
        *ret_faults = NULL;
        return TACIT_OK;
    }
    tacit_faults_t *self = calloc(1, sizeof *self);
    tacit_status_t status =
        self ? s_set(self, text, ret_error) : tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    if (status) {
        tacit_faults_destroy(&self);
        return status;
    }
    *ret_faults = self;
    return TACIT_OK;
}

/*  --- a file of rules ------------------------------------------------------------------------- */

static tacit_status_t s_read(tacit_faults_t *self, tacit_error_t *ret_error)
{
    uint8_t *text = NULL;
    size_t size = 0;
    self->count = 0;
    tacit_status_t status = tacit_whole_file_read(self->path, TACIT_FAULT_TEXT_MAX, &text, &size);
    if (status == TACIT_NOT_FOUND) {
        return TACIT_OK;
    }
    status = status ? tacit_error_set(ret_error, status, "cannot read %s", self->path)
                    : s_set(self, (const char *)text, ret_error);
    free(text);
    return status;
}

tacit_status_t tacit_faults_watch(const char *path, tacit_faults_t **ret_faults,
                                  tacit_error_t *ret_error)
{
    tacit_faults_t *self = calloc(1, sizeof *self);
    if (!self || !(self->path = strdup(path))) {
        free(self);
        return tacit_error_set(ret_error, TACIT_NO_MEMORY, NULL);
    }
    (void)stat(path, &self->seen);
    tacit_status_t status = s_read(self, ret_error);
    if (status) {
        tacit_faults_destroy(&self);
        return status;
    }
    *ret_faults = self;
    return TACIT_OK;
}

/*  Whoever changes it puts another file in its place.  */
static void s_look(tacit_faults_t *self)
{
    struct stat now = {0};
    uint64_t now_ns = self->path ? tacit_monotonic_ns() : 0;
    if (!self->path || now_ns < self->next_ns) {
        return;
    }
    self->next_ns = now_ns + TACIT_FAULT_LOOK_MS * UINT64_C(1000000);
    (void)stat(self->path, &now);
    if (now.st_ino == self->seen.st_ino && now.st_size == self->seen.st_size &&
        now.st_mtim.tv_sec == self->seen.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == self->seen.st_mtim.tv_nsec) {
        return;
    }
    tacit_error_t error = {.code = TACIT_OK};
    self->seen = now;
    if (s_read(self, &error)) {
        tacit_log_error("faults", &error);
    } else {
        tacit_log(TACIT_LOG_INFO, "faults", "%zu rules of faults are in force", self->count);
    }
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

static bool s_fits(const s_rule_t *rule, tacit_fault_place_t place, const char *method,
                   const char *peer)
{
    return rule->place == place && s_fits_method(rule->method, method) &&
           strncmp(rule->peer, peer, strlen(rule->peer)) == 0;
}

/*  Does a rule that fits act this time?  */
static bool s_acts(s_rule_t *rule)
{
    if (rule->after > 0 || rule->times == 0) {
        rule->after -= rule->after > 0;
        return false;
    }
    bool acts = (double)(s_roll(rule) >> 11) * 0x1p-53 < rule->rate;
    rule->times -= acts;
    return acts;
}

bool tacit_faults_any(tacit_faults_t *faults)
{
    if (faults) {
        s_look(faults);
    }
    return faults && faults->count > 0;
}

tacit_fault_t tacit_faults_judge(tacit_faults_t *faults, tacit_fault_place_t place,
                                 const char *method, const uint8_t peer[TACIT_CURVE_KEY_SIZE])
{
    char hex[2 * TACIT_CURVE_KEY_SIZE + 1];
    if (!tacit_faults_any(faults)) {
        return (tacit_fault_t){.action = TACIT_FAULT_NONE};
    }
    sodium_bin2hex(hex, sizeof hex, peer, TACIT_CURVE_KEY_SIZE);
    for (size_t i = 0; i < faults->count; i++) {
        s_rule_t *rule = &faults->rules[i];
        if (s_fits(rule, place, method, hex) && s_acts(rule)) {
            return (tacit_fault_t){rule->action, rule->ms, s_roll(rule)};
        }
    }
    return (tacit_fault_t){.action = TACIT_FAULT_NONE};
}

void tacit_faults_destroy(tacit_faults_t **faults)
{
    if (faults && *faults) {
        free((*faults)->path);
        free(*faults);
        *faults = NULL;
    }
}
