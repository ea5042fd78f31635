// Looks names up in every way that libc has, and connects to what came of it. Each mode prints what it got.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *given(const char *text) { return strcmp(text, "-") ? text : 0; }

static const char *text_of(const struct sockaddr *address, char *text, size_t room) {
    const void *bytes = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                                                      : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    return inet_ntop(address->sa_family, bytes, text, (socklen_t)room);
}

static void print_entry(const struct addrinfo *entry) {
    char text[64];
    unsigned port = ntohs(((const struct sockaddr_in *)entry->ai_addr)->sin_port), scope = 0;
    if (entry->ai_family == AF_INET6) scope = ((const struct sockaddr_in6 *)entry->ai_addr)->sin6_scope_id;
    printf("%d %d %d %u %s %u %u %s\n", entry->ai_family, entry->ai_socktype, entry->ai_protocol, entry->ai_addrlen,
        text_of(entry->ai_addr, text, sizeof text), port, scope, entry->ai_canonname ? entry->ai_canonname : "-");
}

// info NODE SERVICE FAMILY TYPE PROTOCOL FLAGS, or with a single further word: without hints
static int mode_info(int count, char **v) {
    struct addrinfo hints = {0}, *list = 0;
    if (count > 2) {
        hints.ai_family = atoi(v[2]);
        hints.ai_socktype = atoi(v[3]);
        hints.ai_protocol = atoi(v[4]);
        hints.ai_flags = (int)strtol(v[5], 0, 0);
    }
    int status = getaddrinfo(given(v[0]), given(v[1]), count > 2 ? &hints : 0, &list);
    printf("status %d\n", status);
    if (status) return 0;
    for (struct addrinfo *entry = list; entry; entry = entry->ai_next) print_entry(entry);
    freeaddrinfo(list);
    return 0;
}

static void print_host(const struct hostent *host) {
    char text[64];
    printf("name %s type %d length %d aliases %d", host->h_name, host->h_addrtype, host->h_length,
        host->h_aliases[0] != 0);
    for (char **address = host->h_addr_list; *address; address++) {
        printf(" %s", inet_ntop(host->h_addrtype, *address, text, sizeof text));
    }
    printf("\n");
}

// host NODE FAMILY
static int mode_host(int count, char **v) {
    (void)count;
    h_errno = 0;
    struct hostent *host = atoi(v[1]) ? gethostbyname2(v[0], atoi(v[1])) : gethostbyname(v[0]);
    if (host) print_host(host);
    else printf("error %d\n", h_errno);
    return 0;
}

// host-r NODE FAMILY ROOM
static int mode_host_r(int count, char **v) {
    (void)count;
    struct hostent host, *result = &host;
    int error = 0, room = atoi(v[2]);
    char *buffer = malloc((size_t)room + 1);
    buffer[room] = 'x';
    int status = atoi(v[1]) ? gethostbyname2_r(v[0], atoi(v[1]), &host, buffer, (size_t)room, &result, &error)
                            : gethostbyname_r(v[0], &host, buffer, (size_t)room, &result, &error);
    if (buffer[room] != 'x') printf("overrun\n");
    if (result) print_host(result);
    else printf("status %d error %d\n", status, error);
    free(buffer);
    return 0;
}

// address ADDRESS ROOM: 0 for gethostbyaddr
static int mode_address(int count, char **v) {
    (void)count;
    unsigned char bytes[16];
    int family = strchr(v[0], ':') ? AF_INET6 : AF_INET, room = atoi(v[1]), error = 0;
    inet_pton(family, v[0], bytes);
    struct hostent host, *result;
    if (!room) {
        h_errno = 0;
        result = gethostbyaddr(bytes, family == AF_INET ? 4 : 16, family);
        if (result) print_host(result);
        else printf("error %d\n", h_errno);
        return 0;
    }
    char *buffer = malloc((size_t)room);
    int status = gethostbyaddr_r(
        bytes, family == AF_INET ? 4 : 16, family, &host, buffer, (size_t)room, &result, &error);
    if (result) print_host(result);
    else printf("status %d error %d\n", status, error);
    free(buffer);
    return 0;
}

// name ADDRESS PORT FLAGS ROOM SERVICE-ROOM
static int mode_name(int count, char **v) {
    (void)count;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    int status = getaddrinfo(v[0], v[1], &hints, &list);
    if (status) return 1;
    char host[256] = "-", service[64] = "-";
    int rooms[] = {atoi(v[3]), atoi(v[4])};
    status = getnameinfo(list->ai_addr, list->ai_addrlen, rooms[0] ? host : 0, (socklen_t)rooms[0],
        rooms[1] ? service : 0, (socklen_t)rooms[1], (int)strtol(v[2], 0, 0));
    printf("status %d %s %s\n", status, status ? "-" : host, status ? "-" : service);
    freeaddrinfo(list);
    return 0;
}

static void ignore(union sigval value) { (void)value; }

// list NODE…: getaddrinfo_a, waiting, and then with a signal
static int mode_list(int count, char **v) {
    struct gaicb questions[8], *list[8];
    for (int i = 0; i < count; i++) {
        questions[i] = (struct gaicb){.ar_name = v[i], .ar_service = "80"};
        list[i] = &questions[i];
    }
    printf("wait %d\n", getaddrinfo_a(GAI_WAIT, list, count, 0));
    for (int i = 0; i < count; i++) {
        printf("%s %d\n", v[i], gai_error(list[i]));
        if (!gai_error(list[i])) {
            print_entry(list[i]->ar_result);
            freeaddrinfo(list[i]->ar_result);
        }
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    printf("start %d\n", getaddrinfo_a(GAI_NOWAIT, list, 1, &event));
    siginfo_t information;
    sigwaitinfo(&set, &information);
    printf("signal %d value %d error %d\n", information.si_signo == SIGUSR1, information.si_value.sival_int,
        gai_error(list[0]));
    event.sigev_notify = SIGEV_THREAD;
    event.sigev_notify_function = ignore;
    printf("thread %d\n", getaddrinfo_a(GAI_NOWAIT, list, 1, &event) != 0);
    return 0;
}

// do COMMAND…: each works on numbered places, in the order of the look-ups
static struct { struct sockaddr_storage address; socklen_t length; int socket; } places[64];
static int used;

static int look_up(const char *name, int family) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
    int status = getaddrinfo(name, 0, &hints, &list);
    if (status) return status;
    places[used].length = list->ai_addrlen;
    places[used].socket = -1;
    memcpy(&places[used].address, list->ai_addr, list->ai_addrlen);
    used++;
    freeaddrinfo(list);
    return 0;
}

static void print_place(const char *what, int place) {
    char text[64];
    printf("%s %s\n", what, text_of((void *)&places[place].address, text, sizeof text));
}

static void connect_place(int place, unsigned port) {
    struct sockaddr_storage address = places[place].address;
    ((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
    if (places[place].socket >= 0) close(places[place].socket);
    places[place].socket = socket(address.ss_family, SOCK_STREAM, 0);
    int status = connect(places[place].socket, (void *)&address, places[place].length);
    printf("connect %d\n", status ? errno : 0);
}

static void print_peer(int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    char text[64];
    if (getpeername(fd, (void *)&name, &length)) printf("peer error %d\n", errno);
    else printf("peer %s %u\n", text_of((void *)&name, text, sizeof text), ntohs(((struct sockaddr_in *)&name)->sin_port));
}

static void echo(int fd) {
    char text[64] = "";
    if (write(fd, "echo\nhello", 10) != 10) printf("write %d\n", errno);
    shutdown(fd, SHUT_WR);
    ssize_t count = read(fd, text, sizeof text - 1);
    printf("read %.*s\n", (int)(count < 0 ? 0 : count), text);
}

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int mode_do(int count, char **v) {
    for (int i = 0; i < count; i++) {
        char word[256] = "";
        int place = 0, number = 0;
        if (sscanf(v[i], "resolve %255s %d", word, &number) >= 1) {
            int status = look_up(word, number);
            if (status) printf("error %d\n", status);
            else print_place("address", used - 1);
        } else if (sscanf(v[i], "until %255s", word) == 1) {
            int64_t end = milliseconds() + 20000;
            int status, tries = 0;
            do {
                status = look_up(word, AF_INET);
                tries++;
            } while (status == EAI_AGAIN && milliseconds() < end);
            printf("found %d %d\n", status, tries > 1);
            if (!status) print_place("address", used - 1);
        } else if (sscanf(v[i], "connect %d %d", &place, &number) == 2) {
            connect_place(place, (unsigned)number);
        } else if (sscanf(v[i], "echo %d", &place) == 1) {
            echo(places[place].socket);
        } else if (sscanf(v[i], "peer %d", &place) == 1) {
            print_peer(places[place].socket);
        } else if (sscanf(v[i], "close %d", &place) == 1) {
            close(places[place].socket);
        } else if (sscanf(v[i], "name %d", &place) == 1) {
            char host[256];
            int status = getnameinfo((void *)&places[place].address, places[place].length, host, sizeof host, 0, 0,
                NI_NAMEREQD);
            printf("name %d %s\n", status, status ? "-" : host);
        } else if (sscanf(v[i], "exec %d %d", &place, &number) == 2) {
            // Another program connects to what this one has looked up, and a third gets the socket.
            char text[64], port[16], fd[16];
            text_of((void *)&places[place].address, text, sizeof text);
            snprintf(port, sizeof port, "%d", number);
            fflush(stdout);
            pid_t child = fork();
            if (!child) {
                execl("/proc/self/exe", "names", "far", text, port, (char *)0);
                _exit(127);
            }
            waitpid(child, 0, 0);
            connect_place(place, (unsigned)number);
            snprintf(fd, sizeof fd, "%d", places[place].socket);
            fflush(stdout);
            child = fork();
            if (!child) {
                execl("/proc/self/exe", "names", "given", fd, (char *)0);
                _exit(127);
            }
            waitpid(child, 0, 0);
        } else if (strcmp(v[i], "go") == 0) {
            printf("ready\n");
            fflush(stdout);
            char line[16];
            if (!fgets(line, sizeof line, stdin)) return 1;
        } else {
            printf("unknown command %s\n", v[i]);
        }
        fflush(stdout);
    }
    return 0;
}

static int mode_far(int count, char **v) {
    (void)count;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo(v[0], v[1], &hints, &list)) return 1;
    int fd = socket(list->ai_family, SOCK_STREAM, 0);
    int status = connect(fd, list->ai_addr, list->ai_addrlen) ? errno : 0;
    printf("far %d\n", status);
    if (status) return 1;
    print_peer(fd);
    echo(fd);
    return 0;
}

static int mode_given(int count, char **v) {
    (void)count;
    print_peer(atoi(v[0]));
    echo(atoi(v[0]));
    return 0;
}

// time NODE COUNT: nanoseconds of the median look-up
static int compare(const void *one, const void *two) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)two;
    return (a > b) - (a < b);
}

static int mode_time(int count, char **v) {
    (void)count;
    int rounds = atoi(v[1]);
    int64_t *samples = calloc((size_t)rounds, sizeof *samples);
    for (int i = 0; i < rounds; i++) {
        struct timespec before, after;
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *list;
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (getaddrinfo(v[0], 0, &hints, &list)) return 1;
        clock_gettime(CLOCK_MONOTONIC, &after);
        freeaddrinfo(list);
        samples[i] = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    }
    qsort(samples, (size_t)rounds, sizeof *samples, compare);
    printf("%lld\n", (long long)samples[rounds / 2]);
    free(samples);
    return 0;
}

int main(int count, char **v) {
    static const struct { const char *name; int (*run)(int, char **); } modes[] = {
        {"info", mode_info}, {"host", mode_host}, {"host-r", mode_host_r}, {"address", mode_address},
        {"name", mode_name}, {"list", mode_list}, {"do", mode_do}, {"far", mode_far}, {"given", mode_given},
        {"time", mode_time},
    };
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, v[1]) == 0) return modes[i].run(count - 2, v + 2);
    }
    return 2;
}
