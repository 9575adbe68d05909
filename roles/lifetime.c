/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of JSON and of HTTP, each in its one strict form; of the many others none is taken. */
#include "roles/lifetime.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

/* COUNT digits at *ATP, which moves behind them. */
static bool digits(const char **atp, size_t count, int *valuep)
{
    int value = 0;

    for (size_t i = 0; i < count; i++, (*atp)++) {
        if (**atp < '0' || **atp > '9') {
            return false;
        }
        value = value * 10 + (**atp - '0');
    }
    *valuep = value;
    return true;
}

static bool literal(const char **atp, const char *text)
{
    size_t size = strlen(text);

    if (strncmp(*atp, text, size) != 0) {
        return false;
    }
    *atp += size;
    return true;
}

/* What timegm() mends is refused: 30 February is no day, and becomes one of another month. */
static bool to_seconds(struct tm *parts, int64_t *secondsp)
{
    const struct tm given = *parts;
    bool leap = parts->tm_sec == 60; /* a leap second is the next minute's first */

    parts->tm_sec -= leap;
    time_t seconds = timegm(parts);
    if (given.tm_mon != parts->tm_mon || given.tm_hour > 23 || given.tm_min > 59 ||
        given.tm_sec > 60) {
        return false;
    }
    *secondsp = (int64_t)seconds + leap;
    return true;
}

static bool clock_time(const char **atp, struct tm *parts)
{
    return digits(atp, 2, &parts->tm_hour) && literal(atp, ":") && digits(atp, 2, &parts->tm_min) &&
           literal(atp, ":") && digits(atp, 2, &parts->tm_sec);
}

static bool fraction(const char **atp)
{
    int digit;

    if (**atp != '.') {
        return true;
    }
    (*atp)++;
    bool any = false;
    while (digits(atp, 1, &digit)) {
        any = true;
    }
    return any;
}

static bool zone(const char **atp, int *minutesp)
{
    int hours, minutes;
    bool west = **atp == '-';

    *minutesp = 0;
    if (**atp == 'Z' || **atp == 'z') {
        (*atp)++;
        return true;
    }
    if (!west && **atp != '+') {
        return false;
    }
    (*atp)++;
    if (!digits(atp, 2, &hours) || !literal(atp, ":") || !digits(atp, 2, &minutes) || hours > 23 ||
        minutes > 59) {
        return false;
    }
    *minutesp = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool atls_time_of_rfc3339(const char *text, int64_t *secondsp)
{
    struct tm parts = {.tm_isdst = 0};
    int64_t seconds;
    int east;
    bool ok = digits(&text, 4, &parts.tm_year) && literal(&text, "-") &&
              digits(&text, 2, &parts.tm_mon) && literal(&text, "-") &&
              digits(&text, 2, &parts.tm_mday) && (literal(&text, "T") || literal(&text, "t")) &&
              clock_time(&text, &parts) && fraction(&text) && zone(&text, &east) && *text == '\0';

    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    if (!ok || !to_seconds(&parts, &seconds)) {
        return false;
    }
    *secondsp = seconds - (int64_t)east * 60;
    return true;
}

bool atls_time_of_http(const char *text, int64_t *secondsp)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char *const days[] = {"Mon, ", "Tue, ", "Wed, ", "Thu, ",
                                       "Fri, ", "Sat, ", "Sun, "};
    struct tm parts = {.tm_mon = -1};
    bool ok = false;

    for (size_t i = 0; !ok && i < sizeof days / sizeof *days; i++) {
        ok = literal(&text, days[i]);
    }
    ok = ok && digits(&text, 2, &parts.tm_mday) && literal(&text, " ");
    for (int i = 0; ok && i < 12 && parts.tm_mon < 0; i++) {
        if (strncmp(text, names + (size_t)i * 3, 3) == 0) {
            parts.tm_mon = i;
            text += 3;
        }
    }
    ok = ok && parts.tm_mon >= 0 && literal(&text, " ") && digits(&text, 4, &parts.tm_year) &&
         literal(&text, " ") && clock_time(&text, &parts) && literal(&text, " GMT") &&
         *text == '\0';
    parts.tm_year -= 1900;
    return ok && to_seconds(&parts, secondsp);
}

int64_t atls_lifetime(const char *expiry, const char *date)
{
    int64_t from, until;

    if (!expiry || !atls_time_of_rfc3339(expiry, &until)) {
        return 0;
    }
    if (!date || !atls_time_of_http(date, &from)) {
        from = (int64_t)time(NULL);
    }
    return until > from ? until - from : 0;
}
