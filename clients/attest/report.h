/*  report.h - a judgement as its readers see it: JSON for programs, lines for people.  */

#ifndef TACIT_CLIENTS_ATTEST_REPORT_H
#define TACIT_CLIENTS_ATTEST_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "clients/attest/judge.h"

/*  Everything that is known, as one object; NULL where memory ends. Of evidence that was refused it
    shows what an Intel quote claims to be, unverified.  */
json_t *tacit_attest_report(const tacit_sample_t *sample, const tacit_judgement_t *judgement,
                            uint64_t now_ms);

/*  One "name  value" to a line, in ASCII.  */
void tacit_attest_print(FILE *stream, const json_t *report);

#endif
