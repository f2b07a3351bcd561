/*  policy_diff.c - each kind of privilege is a list and a question: the privileges that one side
    lists and has, and the other has not, are the difference. Asked both ways.

    What is void counts as absent: entries of revoked code or signers, platforms listed and revoked,
    an anchor listed a second time.  */

#include "enclave/policy_diff.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct s_diff {
    const tacit_policy_rules_t *has; /* whose privileges are looked at */
    const tacit_policy_rules_t *lacks;
    bool gained;
    tacit_policy_tell_t *tell;
    void *context;
    size_t count;
} s_diff_t;

typedef struct s_hex {
    char text[2 * TACIT_REGISTER_SIZE + 1];
} s_hex_t;

static s_hex_t s_hex(const uint8_t *bytes, size_t size)
{
    s_hex_t hex;
    (void)sodium_bin2hex(hex.text, sizeof hex.text, bytes, size);
    return hex;
}

static void s_tell(s_diff_t *self, bool gained, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void s_tell(s_diff_t *self, bool gained, const char *what, const char *format, ...)
{
    tacit_policy_change_t change = {.gained = gained, .what = what};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(change.subject, sizeof change.subject, format, arguments);
    va_end(arguments);
    self->count++;
    if (self->tell) {
        self->tell(self->context, &change);
    }
}

/*  --- enclaves -------------------------------------------------------------------------------- */

static bool s_in_force(const tacit_policy_rules_t *rules, const tacit_policy_enclave_t *entry)
{
    return !tacit_policy_lists(entry->by_signer ? &rules->revoked_signers
                                                : &rules->revoked_measurements,
                               entry->measurement, 32);
}

/*  Does wide let in whatever narrow lets in?  */
static bool s_includes(const tacit_policy_enclave_t *wide, const tacit_policy_enclave_t *narrow)
{
    return wide->role == narrow->role && wide->tee == narrow->tee &&
           wide->by_signer == narrow->by_signer &&
           memcmp(wide->measurement, narrow->measurement, 32) == 0 &&
           wide->minimum_svn <= narrow->minimum_svn &&
           (wide->debug_allowed || !narrow->debug_allowed);
}

/*  Is the entry void, or said better (or before) by another of the same policy?  */
static bool s_is_redundant(const tacit_policy_rules_t *rules, size_t place)
{
    const tacit_policy_enclave_t *entry = &rules->enclaves[place];
    for (size_t i = 0; i < rules->enclave_count; i++) {
        const tacit_policy_enclave_t *other = &rules->enclaves[i];
        if (i != place && s_includes(other, entry) && (i < place || !s_includes(entry, other))) {
            return true;
        }
    }
    return !s_in_force(rules, entry);
}

static bool s_lets_in(const tacit_policy_rules_t *rules, const tacit_policy_enclave_t *entry)
{
    for (size_t i = 0; i < rules->enclave_count; i++) {
        if (s_includes(&rules->enclaves[i], entry) && s_in_force(rules, &rules->enclaves[i])) {
            return true;
        }
    }
    return false;
}

static void s_diff_enclaves(s_diff_t *self)
{
    for (size_t i = 0; i < self->has->enclave_count; i++) {
        const tacit_policy_enclave_t *entry = &self->has->enclaves[i];
        if (s_is_redundant(self->has, i) || s_lets_in(self->lacks, entry)) {
            continue;
        }
        char svn[40] = "";
        if (entry->by_signer) {
            snprintf(svn, sizeof svn, ", SVN %u or higher", (unsigned)entry->minimum_svn);
        }
        s_tell(self, self->gained, "enclave", "%s: %s %s of %s%s%s", tacit_role_name(entry->role),
               entry->by_signer ? "signer" : "code", s_hex(entry->measurement, 32).text,
               tacit_tee_name(entry->tee), svn, entry->debug_allowed ? ", debug allowed" : "");
    }
}

/*  --- roots, statuses, advisories ------------------------------------------------------------- */

/*  The first entry of an anchor counts, as in an appraisal.  */
static const tacit_policy_root_t *s_root(const tacit_policy_rules_t *rules,
                                         const uint8_t sha256[32])
{
    for (size_t i = 0; i < rules->root_count; i++) {
        if (memcmp(rules->roots[i].sha256, sha256, 32) == 0) {
            return &rules->roots[i];
        }
    }
    return NULL;
}

static void s_diff_roots(s_diff_t *self)
{
    for (size_t i = 0; i < self->has->root_count; i++) {
        const tacit_policy_root_t *root = &self->has->roots[i];
        const tacit_policy_root_t *other = s_root(self->lacks, root->sha256);
        if (s_root(self->has, root->sha256) == root &&
            (!other || other->simulated != root->simulated)) {
            s_tell(self, self->gained, "root", "%s%s", s_hex(root->sha256, 32).text,
                   root->simulated ? " (SIMULATED)" : "");
        }
    }
}

static void s_diff_statuses(s_diff_t *self)
{
    uint32_t only = self->has->statuses & ~self->lacks->statuses;
    for (uint32_t status = 0; status < TACIT_TCB_STATUSES; status++) {
        if (only & (UINT32_C(1) << status)) {
            s_tell(self, self->gained, "status", "%s",
                   tacit_tcb_status_name((tacit_tcb_status_t)status));
        }
    }
}

/*  Among the first count advisories.  */
static bool s_accepts(const tacit_policy_rules_t *rules, size_t count, const char *advisory)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rules->advisories[i], advisory) == 0) {
            return true;
        }
    }
    return false;
}

static void s_diff_advisories(s_diff_t *self)
{
    for (size_t i = 0; i < self->has->advisory_count; i++) {
        const char *advisory = self->has->advisories[i];
        if (!s_accepts(self->has, i, advisory) &&
            !s_accepts(self->lacks, self->lacks->advisory_count, advisory)) {
            s_tell(self, self->gained, "advisory", "%s", advisory);
        }
    }
}

/*  --- lists of ids ---------------------------------------------------------------------------- */

static bool s_listed_before(const tacit_policy_ids_t *ids, size_t place, size_t size)
{
    for (size_t i = 0; i < place; i++) {
        if (memcmp(ids->items[i], ids->items[place], size) == 0) {
            return true;
        }
    }
    return false;
}

/*  To be revoked is to lose: what only the other revokes is gained.  */
static void s_diff_revoked(s_diff_t *self, const char *what, const tacit_policy_ids_t *has,
                           const tacit_policy_ids_t *lacks)
{
    for (size_t i = 0; i < has->count; i++) {
        if (!s_listed_before(has, i, 32) && !tacit_policy_lists(lacks, has->items[i], 32)) {
            s_tell(self, !self->gained, what, "%s", s_hex(has->items[i], 32).text);
        }
    }
}

static bool s_platform_passes(const tacit_policy_rules_t *rules, const uint8_t *platform)
{
    return !tacit_policy_lists(&rules->revoked_platforms, platform, 16) &&
           (rules->platforms.count == 0 || tacit_policy_lists(&rules->platforms, platform, 16));
}

static void s_diff_platform_ids(s_diff_t *self, const tacit_policy_ids_t *ids,
                                const tacit_policy_ids_t *told)
{
    const tacit_policy_rules_t *has = self->has;
    const tacit_policy_rules_t *lacks = self->lacks;
    for (size_t i = 0; i < ids->count; i++) {
        const uint8_t *platform = ids->items[i];
        if (!s_listed_before(ids, i, 16) && !(told && tacit_policy_lists(told, platform, 16)) &&
            s_platform_passes(has, platform) && !s_platform_passes(lacks, platform)) {
            s_tell(self, self->gained, "platform", "%s", s_hex(platform, 16).text);
        }
    }
}

/*  Every platform that somebody names, and all that nobody names. A platform can only differ where
    the one that has it lists it, or the other revokes it, or the list of the one is open.  */
static void s_diff_platforms(s_diff_t *self)
{
    const tacit_policy_rules_t *has = self->has;
    const tacit_policy_rules_t *lacks = self->lacks;
    s_diff_platform_ids(self, &has->platforms, NULL);
    s_diff_platform_ids(self, &lacks->revoked_platforms, &has->platforms);
    if (has->platforms.count == 0 && lacks->platforms.count > 0) {
        s_tell(self, self->gained, "platform", "any that is not listed");
    }
}

/*  --- numbers and keys ------------------------------------------------------------------------ */

static void s_diff_evaluation(s_diff_t *self)
{
    uint32_t minimum = self->has->minimum_tcb_evaluation_number;
    if (minimum < self->lacks->minimum_tcb_evaluation_number) {
        s_tell(self, self->gained, "collateral", "from evaluation number %" PRIu32 " on", minimum);
    }
}

static bool s_may_change(const tacit_policy_changers_t *changers, const uint8_t *key)
{
    for (size_t i = 0; i < changers->count; i++) {
        if (memcmp(changers->keys[i], key, 32) == 0) {
            return true;
        }
    }
    return false;
}

/*  Fewer signatures are a privilege of those who may sign. The operator signs where nobody is
    named.  */
static void s_diff_changers(s_diff_t *self)
{
    const tacit_policy_changers_t *has = &self->has->changers;
    const tacit_policy_changers_t *lacks = &self->lacks->changers;
    for (size_t i = 0; i < has->count; i++) {
        if (!s_may_change(lacks, has->keys[i])) {
            s_tell(self, self->gained, "changer", "%s", s_hex(has->keys[i], 32).text);
        }
    }
    if (has->count == 0 && lacks->count > 0) {
        s_tell(self, self->gained, "changer", "the operator alone");
    }
    uint32_t needed = has->count ? has->needed : 1;
    if (needed < (lacks->count ? lacks->needed : 1)) {
        s_tell(self, self->gained, "changer", "a change by %" PRIu32 " signature%s", needed,
               needed == 1 ? "" : "s");
    }
}

static void s_diff_one_way(s_diff_t *self)
{
    const tacit_policy_rules_t *has = self->has;
    const tacit_policy_rules_t *lacks = self->lacks;
    s_diff_enclaves(self);
    s_diff_roots(self);
    s_diff_statuses(self);
    s_diff_advisories(self);
    s_diff_platforms(self);
    s_diff_evaluation(self);
    s_diff_changers(self);
    s_diff_revoked(self, "measurement", &has->revoked_measurements, &lacks->revoked_measurements);
    s_diff_revoked(self, "signer", &has->revoked_signers, &lacks->revoked_signers);
    s_diff_revoked(self, "user", &has->revoked_users, &lacks->revoked_users);
}

size_t tacit_policy_diff(const tacit_policy_rules_t *from, const tacit_policy_rules_t *to,
                         tacit_policy_tell_t *tell, void *context)
{
    s_diff_t lost = {.has = from, .lacks = to, .tell = tell, .context = context};
    s_diff_t gained = {.has = to, .lacks = from, .gained = true, .tell = tell, .context = context};
    s_diff_one_way(&lost);
    s_diff_one_way(&gained);
    return lost.count + gained.count;
}
