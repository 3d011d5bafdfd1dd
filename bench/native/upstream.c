/* A model server much faster than any gateway: one thread, epoll, canned answers, loopback only.
 *
 *     upstream PORT
 *
 * Reads a chat completion request and answers as its body asks:
 *   "stream": true   an event stream of max_tokens tokens (50 where it says none), each event
 *                    written by itself; else one JSON body
 *   "seed": N        milliseconds between two tokens; 0 or none: as fast as the reader takes them
 *   include_usage    one more chunk with the usage
 * Streams without a pace take turns, one event each, so that a gateway meets them as it would meet
 * many models: small reads from many connections.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 8192               /* file descriptors */
#define OUT 4096                /* one event and its frame fit many times */
#define LARGEST (4 << 20)       /* bytes of a request */

struct conn {
    char *in;
    size_t have, room;
    char out[OUT];
    size_t out_at, out_end;
    int streaming, usage, listed;
    long sent, tokens, pace_ms, prompt_tokens;
    double due;
    struct conn *next;
    int fd, waits_out;
};

static struct conn *conns[MOST];
static int poller;
static struct conn *busy_head, *busy_tail;   /* streams without a pace */
static struct conn *paced_head, *paced_tail; /* by the time they are due: the pace is the same */
static struct conn *dead; /* closed, and in no list: whoever called `drop` may still look at it */

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void append(struct conn **head, struct conn **tail, struct conn *c) {
    c->next = NULL;
    c->listed = 1;
    if (*tail) (*tail)->next = c; else *head = c;
    *tail = c;
}

static struct conn *take(struct conn **head, struct conn **tail) {
    struct conn *c = *head;
    *head = c->next;
    if (!*head) *tail = NULL;
    c->listed = 0;
    return c;
}

static void watch(struct conn *c, int writable) {
    if (c->waits_out == writable) return;
    struct epoll_event e = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
    c->waits_out = writable;
}

static void drop(struct conn *c) {
    if (c->fd < 0) return;
    close(c->fd);
    conns[c->fd] = NULL;
    c->fd = -1;
    if (!c->listed) { c->next = dead; dead = c; }
}

static void bury(struct conn *c) {
    free(c->in);
    free(c);
}

/* Whether all of it is out. */
static int flush(struct conn *c) {
    while (c->out_at < c->out_end) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_end - c->out_at, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) { watch(c, 1); return 0; }
            drop(c);
            return 0;
        }
        c->out_at += n;
    }
    c->out_at = c->out_end = 0;
    watch(c, 0);
    return 1;
}

static void event(struct conn *c, const char *text) {
    c->out_end += snprintf(c->out + c->out_end, OUT - c->out_end, "%zx\r\n%s\r\n", strlen(text), text);
}

#define CHUNK "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\"," \
    "\"created\":1700000000,\"model\":\"bench\",\"system_fingerprint\":\"fp_bench\","

/* The next part of a stream; 0 when it is over. */
static int step(struct conn *c) {
    char text[512];
    if (!flush(c)) return c->fd >= 0;
    if (c->sent == 0) {
        event(c, CHUNK "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                 "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    } else if (c->sent <= c->tokens) {
        event(c, CHUNK "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" words\"},"
                 "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    } else {
        event(c, CHUNK "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                 "\"finish_reason\":\"stop\"}]}\n\n");
        if (c->usage) {
            snprintf(text, sizeof text, CHUNK "\"choices\":[],\"usage\":{\"prompt_tokens\":%ld,"
                     "\"completion_tokens\":%ld,\"total_tokens\":%ld}}\n\n",
                     c->prompt_tokens, c->tokens, c->prompt_tokens + c->tokens);
            event(c, text);
        }
        event(c, "data: [DONE]\n\n");
        c->out_end += snprintf(c->out + c->out_end, OUT - c->out_end, "0\r\n\r\n");
        c->streaming = 0;
    }
    c->sent++;
    flush(c);
    return c->fd >= 0 && c->streaming;
}

/* The number that follows `"name":` in the body, or `otherwise`; true counts as 1. */
static long field(const char *body, size_t size, const char *name, long otherwise) {
    const char *at = memmem(body, size, name, strlen(name));
    if (!at) return otherwise;
    at += strlen(name);
    while (at < body + size && (*at == ' ' || *at == ':' || *at == '"')) at++;
    if (at < body + size && *at == 't') return 1;
    return at < body + size && *at >= '0' && *at <= '9' ? strtol(at, NULL, 10) : otherwise;
}

static void answer(struct conn *c, const char *body, size_t size) {
    c->prompt_tokens = size / 5 + 1;
    c->tokens = field(body, size, "\"max_tokens\"", 50);
    c->pace_ms = field(body, size, "\"seed\"", 0);
    c->usage = field(body, size, "\"include_usage\"", 0) == 1;
    if (field(body, size, "\"stream\"", 0) == 1) {
        c->streaming = 1;
        c->sent = 0;
        c->out_end += snprintf(c->out, OUT, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
        if (c->pace_ms) { c->due = now_ms(); }
        if (step(c)) {
            c->due += c->pace_ms;
            if (c->pace_ms) append(&paced_head, &paced_tail, c);
            else append(&busy_head, &busy_tail, c);
        }
        return;
    }
    char text[1024];
    int length = snprintf(text, sizeof text,
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"A canned answer of about the length that a short chat turn has, so that reading its usage"
        " costs what it would cost with a model: a gateway parses the body once and passes it on."
        "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%ld,"
        "\"completion_tokens\":50,\"total_tokens\":%ld},\"system_fingerprint\":\"fp_bench\"}",
        c->prompt_tokens, c->prompt_tokens + 50);
    c->out_end += snprintf(c->out, OUT, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: %d\r\n\r\n%s", length, text);
    flush(c);
}

/* The body's size of a request whose head is `size` bytes long, or -1. */
static long announced(const char *head, size_t size) {
    for (const char *at = head; at < head + size;) {
        if (!strncasecmp(at, "content-length:", 15)) return strtol(at + 15, NULL, 10);
        at = memchr(at, '\n', head + size - at);
        if (!at) break;
        at++;
    }
    return 0;
}

static void readable(struct conn *c) {
    if (c->room - c->have < 65536) {
        if (c->room >= LARGEST) { drop(c); return; }
        c->room = c->room ? c->room * 2 : 131072;
        c->in = realloc(c->in, c->room);
    }
    ssize_t n = recv(c->fd, c->in + c->have, c->room - c->have - 1, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) drop(c);
        return;
    }
    c->have += n;
    c->in[c->have] = 0;
    if (c->streaming) return;
    char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    if (!end) return;
    size_t head = end + 4 - c->in;
    long size = announced(c->in, head);
    if (c->have < head + size) return;
    size_t used = head + size;
    answer(c, c->in + head, size);
    if (c->fd < 0) return;
    memmove(c->in, c->in + used, c->have - used);
    c->have -= used;
}

static void welcome(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct conn *c = calloc(1, sizeof *c);
        c->fd = fd;
        conns[fd] = c;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static void advance(void) {
    struct conn *last = busy_tail;
    while (busy_head) {
        struct conn *c = take(&busy_head, &busy_tail);
        int was_last = c == last;
        if (c->fd < 0) bury(c);
        else if (step(c)) append(&busy_head, &busy_tail, c);
        if (was_last) break;
    }
    double now = now_ms();
    while (paced_head && paced_head->due <= now) {
        struct conn *c = take(&paced_head, &paced_tail);
        if (c->fd < 0) bury(c);
        else if (step(c)) { c->due += c->pace_ms; append(&paced_head, &paced_tail, c); }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) { fprintf(stderr, "usage: upstream PORT\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files = {MOST, MOST};
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&place, sizeof place) || listen(listener, 4096)) {
        perror("upstream: cannot listen");
        return 1;
    }
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int wait = busy_head ? 0 : -1;
        if (wait < 0 && paced_head) {
            double left = paced_head->due - now_ms();
            wait = left <= 0 ? 0 : (int)left + 1;
        }
        int n = epoll_wait(poller, events, 512, wait);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) { welcome(listener); continue; }
            struct conn *c = conns[fd];
            if (c && (events[i].events & EPOLLOUT) && !flush(c)) continue;
            if (c && c->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) readable(c);
        }
        advance();
        while (dead) {
            struct conn *c = dead;
            dead = c->next;
            bury(c);
        }
    }
}
