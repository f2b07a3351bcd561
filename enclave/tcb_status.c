/*  tcb_status.c - names of TCB states, their merge, and lists of advisories.  */

#include "enclave/tcb_status.h"

#include <stdio.h>

static const char *const s_names[] = {
    [TACIT_TCB_UP_TO_DATE] = "UpToDate",
    [TACIT_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [TACIT_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [TACIT_TCB_OUT_OF_DATE] = "OutOfDate",
    [TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [TACIT_TCB_REVOKED] = "Revoked",
    [TACIT_TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
};

enum { NAME_COUNT = sizeof s_names / sizeof s_names[0] };

/*  What an out-of-date part makes of each platform status.  */
static const tacit_tcb_status_t s_with_part_out_of_date[] = {
    [TACIT_TCB_UP_TO_DATE] = TACIT_TCB_OUT_OF_DATE,
    [TACIT_TCB_SW_HARDENING_NEEDED] = TACIT_TCB_OUT_OF_DATE,
    [TACIT_TCB_CONFIGURATION_NEEDED] = TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    [TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    [TACIT_TCB_OUT_OF_DATE] = TACIT_TCB_OUT_OF_DATE,
    [TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    [TACIT_TCB_REVOKED] = TACIT_TCB_REVOKED,
    [TACIT_TCB_TD_RELAUNCH_ADVISED] = TACIT_TCB_OUT_OF_DATE,
    [TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] =
        TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
};

static const char s_more[] = "...";

const char *tacit_tcb_status_name(tacit_tcb_status_t status)
{
    return (unsigned)status < NAME_COUNT ? s_names[status] : "Unknown";
}

bool tacit_tcb_status_from_name(const char *name, tacit_tcb_status_t *ret_status)
{
    for (size_t i = 0; name && i < NAME_COUNT; i++) {
        if (strcmp(name, s_names[i]) == 0) {
            *ret_status = (tacit_tcb_status_t)i;
            return true;
        }
    }
    return false;
}

tacit_tcb_status_t tacit_tcb_status_merge(tacit_tcb_status_t platform, tacit_tcb_status_t part)
{
    if ((unsigned)platform >= NAME_COUNT) {
        return TACIT_TCB_REVOKED;
    }
    switch (part) {
    case TACIT_TCB_UP_TO_DATE:
        return platform;
    case TACIT_TCB_OUT_OF_DATE:
        return s_with_part_out_of_date[platform];
    default:
        /*  No part has any other status but Revoked.  */
        return TACIT_TCB_REVOKED;
    }
}

bool tacit_tcb_status_needs_configuration(tacit_tcb_status_t status)
{
    return status == TACIT_TCB_CONFIGURATION_NEEDED ||
           status == TACIT_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           status == TACIT_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ||
           status == TACIT_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
}

static bool s_listed(const char *list, const char *advisory, size_t size)
{
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length == size && memcmp(list, advisory, size) == 0) {
            return true;
        }
        list += length;
        list += *list == ',';
    }
    return false;
}

void tacit_advisories_add(char *list, size_t list_size, const char *advisory, size_t size)
{
    if (size == 0 || s_listed(list, advisory, size) || s_listed(list, s_more, strlen(s_more))) {
        return;
    }
    /*  Room for ",..." and the NUL is kept, so that a list that was cut says so.  */
    size_t used = strlen(list);
    size_t room = list_size - used;
    size_t reserve = 1 + 1 + sizeof s_more;
    const char *comma = used > 0 ? "," : "";
    if (room < reserve || size > room - reserve) {
        snprintf(list + used, room, "%s%s", comma, s_more);
        return;
    }
    snprintf(list + used, room, "%s%.*s", comma, (int)size, advisory);
}

void tacit_advisories_merge(char *list, size_t list_size, const char *other)
{
    while (*other) {
        size_t length = strcspn(other, ",");
        tacit_advisories_add(list, list_size, other, length);
        other += length;
        other += *other == ',';
    }
}
