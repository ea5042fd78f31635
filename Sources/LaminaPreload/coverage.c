// What the run carries, by its rules. A rule is kept as it came: flags, bits, two ports, an address.
#define _GNU_SOURCE
#include "coverage.h"

#include <string.h>

#include "calls.h"

enum { NAME_SERVICE = 53 };

typedef struct rule {
    unsigned char flags, bits, first[2], last[2], network[16];
} rule;

_Static_assert(sizeof(rule) == LAMINA_RUN_RULE_SIZE, "a rule as the environment has it");

static rule rules[LAMINA_RUN_RULES];
static unsigned count;

int parse_rules(const char *text) {
    unsigned found = 0;
    while (*text && found < LAMINA_RUN_RULES) {
        unsigned char *byte = (unsigned char *)&rules[found];
        for (unsigned i = 0; i < sizeof(rule); i++, text += 2) {
            int high = hexadecimal_digit(text[0]);
            int low = high < 0 ? -1 : hexadecimal_digit(text[1]);
            if (low < 0) return 0;
            byte[i] = (unsigned char)(high << 4 | low);
        }
        found++;
    }
    count = found;
    return *text == 0;
}

// An address in IPv6 form and its port; 0 where it is none.
static int plain(const struct sockaddr *address, socklen_t length, struct in6_addr *host, unsigned *port) {
    if (length >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        memset(host, 0, 10);
        memset(host->s6_addr + 10, 0xff, 2);
        memcpy(host->s6_addr + 12, &four->sin_addr, 4);
        *port = ntohs(four->sin_port);
        return 1;
    }
    if (length >= 24 && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        *host = six->sin6_addr;
        *port = ntohs(six->sin6_port);
        return 1;
    }
    return 0;
}

static int matches(const rule *rule, const struct in6_addr *host, unsigned port) {
    if (port < (unsigned)(rule->first[0] << 8 | rule->first[1])) return 0;
    if (port > (unsigned)(rule->last[0] << 8 | rule->last[1])) return 0;
    if ((rule->flags & LAMINA_RUN_RULE_IPV6) && IN6_IS_ADDR_V4MAPPED(host)) return 0;
    unsigned whole = rule->bits / 8, rest = rule->bits % 8;
    if (memcmp(rule->network, host->s6_addr, whole)) return 0;
    return !rest || !((rule->network[whole] ^ host->s6_addr[whole]) & (0xff00 >> rest));
}

static enum coverage judge(const struct in6_addr *host, unsigned port, unsigned direction) {
    int asked = 0, restricted = 0, matched = 0, maybe = 0;
    for (unsigned i = 0; i < count; i++) {
        const rule *rule = &rules[i];
        if (rule->flags & LAMINA_RUN_RULE_ASKED) continue;
        int named = rule->flags & LAMINA_RUN_RULE_NAMED;
        int bypass = rule->flags & LAMINA_RUN_RULE_BYPASS;
        int always = rule->flags & LAMINA_RUN_RULE_ALWAYS;
        if (!bypass && !always) restricted = 1;
        if (!(rule->flags & direction) || !matches(rule, host, port)) continue;
        // Nothing that is served has a name.
        if (named && direction == LAMINA_RUN_RULE_IN) continue;
        if (always) return CARRIED;
        if (bypass && !named) return BYPASSED;
        if (bypass) asked = 1;
        else if (named) maybe = 1;
        else matched = 1;
    }
    if (asked) return UNDECIDED;
    if (!restricted || matched) return CARRIED;
    return maybe ? UNDECIDED : BYPASSED;
}

enum coverage coverage_of(const struct sockaddr *address, socklen_t length) {
    struct in6_addr host;
    unsigned port;
    if (!count || !plain(address, length, &host, &port)) return CARRIED;
    return judge(&host, port, LAMINA_RUN_RULE_OUT);
}

int is_asked_about(const struct sockaddr *address, socklen_t length) {
    struct in6_addr host;
    unsigned port;
    int some = 0;
    if (!plain(address, length, &host, &port)) return 1;
    for (unsigned i = 0; i < count; i++) {
        const rule *rule = &rules[i];
        if (!(rule->flags & (LAMINA_RUN_RULE_ASKED | LAMINA_RUN_RULE_ALWAYS))) continue;
        if (matches(rule, &host, port)) return 1;
        some |= rule->flags & LAMINA_RUN_RULE_ASKED;
    }
    return !some;
}

int is_stand_in(const struct sockaddr *address, socklen_t length) {
    struct in6_addr host;
    unsigned port;
    if (!plain(address, length, &host, &port)) return 0;
    if (IN6_IS_ADDR_LOOPBACK(&host)) return 1;
    return IN6_IS_ADDR_V4MAPPED(&host) && (ntohl(host.s6_addr32[3]) & 0xffffff00) == LAMINA_RUN_NAME_SERVERS;
}

static int is_loopback(const struct in6_addr *host) {
    return IN6_IS_ADDR_LOOPBACK(host) || (IN6_IS_ADDR_V4MAPPED(host) && host->s6_addr[12] == 127);
}

int passes_datagrams(const struct sockaddr *address, socklen_t length) {
    struct in6_addr host;
    unsigned port;
    if (!plain(address, length, &host, &port)) return 0;
    // A question for names is the guard's to carry.
    if (port == NAME_SERVICE) return judge(&host, port, LAMINA_RUN_RULE_OUT) == BYPASSED;
    // A destination that is no address is this machine.
    if (is_loopback(&host) || IN6_IS_ADDR_UNSPECIFIED(&host)) return 1;
    if (IN6_IS_ADDR_V4MAPPED(&host) && !host.s6_addr32[3]) return 1;
    return judge(&host, port, LAMINA_RUN_RULE_OUT) == BYPASSED;
}

int passes_server(const struct sockaddr *address, socklen_t length) {
    struct in6_addr host;
    unsigned port;
    if (!plain(address, length, &host, &port)) return 0;
    return is_loopback(&host) || judge(&host, port, LAMINA_RUN_RULE_IN) == BYPASSED;
}

int passes_server_socket(int fd) {
    lamina_run_address local;
    socklen_t length = sizeof local.storage;
    if (known_call(current_run(), SYS_getsockname, fd, &local.storage, (long)&length, 0) < 0) return 0;
    return passes_server(&local.storage.any, length);
}
