// Questions for names in C, and a system's resolver that gets stuck: this program's own getaddrinfo stands in for it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

enum { PATIENCE = 20000, STUCK = 24, QUEUED = 1100 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int stuck, released, answered, freed;

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef void (*freer)(struct addrinfo *);

// The plug-in's calls come here: a program's symbols go before the C library's.
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    const int is_slow = node && strncmp(node, "stuck", 5) == 0 && !(hints && hints->ai_flags & AI_NUMERICHOST);
    if (is_slow) {
        pthread_mutex_lock(&lock);
        stuck++;
        pthread_cond_broadcast(&changed);
        while (!released) pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        node = "127.0.0.1";
    }
    resolver system = (resolver)dlsym(RTLD_NEXT, "getaddrinfo");
    const int status = system(node, service, hints, list);
    if (status == 0) __atomic_fetch_add(&answered, 1, __ATOMIC_SEQ_CST);
    return status;
}

void freeaddrinfo(struct addrinfo *list) {
    __atomic_fetch_add(&freed, 1, __ATOMIC_SEQ_CST);
    ((freer)dlsym(RTLD_NEXT, "freeaddrinfo"))(list);
}

typedef struct question {
    lamina_request request;
    lamina_resolve_arguments query;
    lamina_address addresses[4];
    lamina_status status;
    int completions;
} question;

static lamina_status completed(lamina_slot *slot, lamina_request *request, void *context) {
    question *asked = context;
    (void)slot;
    pthread_mutex_lock(&lock);
    asked->status = request->status;
    asked->completions++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return 0;
}

static question *ask(lamina_chain *chain, const char *name, int64_t deadline) {
    question *asked = calloc(1, sizeof *asked);
    CHECK(asked);
    lamina_request_prepare(&asked->request, completed, asked);
    asked->request.deadline = deadline;
    asked->query = (lamina_resolve_arguments){
        .size = sizeof asked->query, .name = name, .capacity = 4, .addresses = asked->addresses};
    (void)lamina_chain_resolve(chain, &asked->query, &asked->request);
    return asked;
}

static lamina_status finish(question *asked) {
    pthread_mutex_lock(&lock);
    while (!asked->completions) pthread_cond_wait(&changed, &lock);
    const lamina_status status = asked->status;
    const int count = asked->completions;
    pthread_mutex_unlock(&lock);
    CHECK(count == 1);
    return status;
}

static void expect_localhost(lamina_chain *chain) {
    lamina_address found[4];
    const int64_t deadline = lamina_deadline_after_ms(PATIENCE);
    CHECK_STATUS(lamina_wait_resolve(chain, "localhost", 80, AF_INET, found, 4, deadline, &error), 1);
    CHECK(found[0].storage.ipv4.sin_port == htons(80));
}

// A question that a thread is stuck on. One whose deadline comes before a thread does is asked again.
static question *ask_stuck(lamina_chain *chain, int64_t patience) {
    for (;;) {
        pthread_mutex_lock(&lock);
        const int before = stuck;
        pthread_mutex_unlock(&lock);
        question *asked = ask(chain, "stuck.late", patience ? lamina_deadline_after_ms(patience) : 0);
        pthread_mutex_lock(&lock);
        while (stuck == before && !asked->completions) pthread_cond_wait(&changed, &lock);
        const int is_stuck = stuck > before;
        pthread_mutex_unlock(&lock);
        if (is_stuck) return asked;
        CHECK(finish(asked) == -ETIMEDOUT);
        free(asked);
    }
}

static void waiting_calls(lamina_chain *chain) {
    lamina_address found[4];
    char name[LAMINA_NAME_CAPACITY], small[4];
    const int64_t deadline = lamina_deadline_after_ms(PATIENCE);
    CHECK_STATUS(lamina_wait_look_up(chain, "localhost", "http", AF_INET, AI_CANONNAME, found, 4, name, deadline, &error),
        1);
    CHECK(found[0].storage.ipv4.sin_port == htons(80) && strcmp(name, "localhost") == 0);
    CHECK_STATUS(lamina_wait_look_up(chain, "localhost", "nosuch", 0, 0, found, 4, 0, deadline, &error),
        -EPROTONOSUPPORT);
    CHECK_STATUS(lamina_wait_look_up(chain, "nosuch.invalid", 0, 0, 0, found, 4, 0, deadline, &error), -ENOENT);
    CHECK(lamina_eai_of_status(error.status) == EAI_NONAME && strstr(error.message, "nosuch.invalid"));
    CHECK_STATUS(lamina_wait_name(chain, &found[0], NI_NAMEREQD, name, sizeof name, deadline, &error), 9);
    CHECK(strcmp(name, "localhost") == 0);
    CHECK_STATUS(lamina_wait_name(chain, &found[0], 0, small, sizeof small, deadline, &error), -ENOBUFS);
    CHECK_STATUS(lamina_wait_look_up(0, "localhost", 0, 0, 0, found, 4, 0, 0, &error), -EINVAL);
    CHECK(lamina_chain_resolve(chain, 0, 0) == -EINVAL && lamina_chain_reverse_resolve(0, 0, 0) == -EINVAL);
    lamina_request request;
    lamina_reverse_arguments reverse = {.size = sizeof reverse, .flags = NI_NUMERICHOST, .address = found[0]};
    lamina_request_prepare(&request, 0, 0);
    CHECK(lamina_chain_reverse_resolve(chain, &reverse, &request) == 0 && strcmp(reverse.name, "127.0.0.1") == 0);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    lamina_chain *chain = 0;
    CHECK_STATUS(lamina_chain_open(0, 0, arguments[1], 0, 0, &chain, &error), 0);
    waiting_calls(chain);

    // Threads that are stuck on questions nobody wants any more are replaced: three times as many as there are.
    question *late[STUCK];
    for (int i = 0; i < STUCK; i++) {
        late[i] = ask_stuck(chain, i % 2 ? 0 : 30);
        if (i % 2) CHECK(lamina_cancel(&late[i]->request) == 1);
        CHECK(finish(late[i]) == (i % 2 ? -ECANCELED : -ETIMEDOUT));
        if (i % 6 == 5) expect_localhost(chain);
    }

    // Questions that are wanted take every thread there may be; others wait, and too many are refused.
    static question *wanted[QUEUED];
    int refused = 0, is_cancelled = 0;
    for (int i = 0; i < QUEUED; i++) wanted[i] = ask(chain, "stuck.wanted", 0);
    for (int i = 0; i < QUEUED; i++) {
        pthread_mutex_lock(&lock);
        refused += wanted[i]->completions && wanted[i]->status == -EAGAIN;
        pthread_mutex_unlock(&lock);
    }
    // The queue has 1024 places, and up to eight threads take one out meanwhile.
    CHECK(refused >= QUEUED - 1024 - 8 && refused <= QUEUED - 1024);
    is_cancelled = lamina_cancel(&wanted[500]->request);
    CHECK(is_cancelled == 1 && finish(wanted[500]) == -ECANCELED);

    // A child has its own threads, and nothing of its parent's questions.
    const pid_t child = fork();
    if (child == 0) {
        // Threads that aren't here may have had them.
        pthread_mutex_init(&lock, 0);
        pthread_cond_init(&changed, 0);
        released = 1;
        expect_localhost(chain);
        (void)lamina_cancel(&wanted[600]->request);
        (void)lamina_cancel(&wanted[0]->request);
        expect_localhost(chain);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);

    // What was abandoned comes back to nobody, and its memory is given back.
    pthread_mutex_lock(&lock);
    released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < QUEUED; i++) {
        const lamina_status end = finish(wanted[i]);
        CHECK(end == 0 || end == -EAGAIN || (i == 500 && end == -ECANCELED));
    }
    expect_localhost(chain);
    const int64_t deadline = lamina_deadline_after_ms(PATIENCE);
    while (__atomic_load_n(&freed, __ATOMIC_SEQ_CST) < __atomic_load_n(&answered, __ATOMIC_SEQ_CST)) {
        CHECK(lamina_deadline_after_ms(0) < deadline);
        sched_yield();
    }
    for (int i = 0; i < STUCK; i++) CHECK(late[i]->completions == 1);
    lamina_chain_close(chain);
    puts("done");
    return 0;
}
