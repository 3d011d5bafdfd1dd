/* A load generator: keep-alive connections that ask again as soon as they were answered.
 *
 *     load PORT PATH CONNECTIONS REQUESTS SECONDS HEAD_FILE BODY_FILE
 *
 * Ends after REQUESTS answers or SECONDS, whichever comes first, and only ever talks to 127.0.0.1.
 * HEAD_FILE holds header lines to add (a credential), each ended by CRLF. Prints one JSON object;
 * times are in microseconds. An answer that is not 200 or breaks off is an error, and the connection
 * is opened again. A stream's `last` is the time to its last byte, `first` to its first of the body.
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

enum { HEAD, LENGTH, SIZE, SIZE_END, DATA, DATA_END, TRAILER };

struct conn {
    int fd, state, status, ready;
    char head[16384];
    size_t have, sent;
    long left;
    double began, first;
    int newline, line;
};

static struct sockaddr_in place;
static char *request;
static size_t request_size;
static int poller, slots;
static long most, begun, done, errors, events_seen;
static double *firsts, *lasts;
static long long bytes;
static char worst[200];

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void opened(struct conn *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connect(c->fd, (struct sockaddr *)&place, sizeof place);
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
    c->ready = 0;
}

static void want(struct conn *c, unsigned what) {
    struct epoll_event e = {.events = what, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void put(struct conn *c) {
    while (c->sent < request_size) {
        ssize_t n = send(c->fd, request + c->sent, request_size - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) { want(c, EPOLLIN | EPOLLOUT); c->ready = 0; }
            return;
        }
        c->sent += n;
    }
    if (!c->ready) { want(c, EPOLLIN); c->ready = 1; }
}

static void begin(struct conn *c) {
    if (begun >= most) { if (c->fd >= 0) close(c->fd); c->fd = -1; return; }
    if (c->fd < 0) opened(c);
    begun++;
    c->state = HEAD;
    c->have = c->sent = 0;
    c->first = 0;
    c->newline = 0;
    c->began = now_us();
    put(c);
}

static void again(struct conn *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    errors++;
    begin(c);
}

static void complete(struct conn *c) {
    double end = now_us();
    if (c->status != 200) {
        errors++;
        if (!worst[0]) snprintf(worst, sizeof worst, "status %d", c->status);
    } else {
        firsts[done] = (c->first ? c->first : end) - c->began;
        lasts[done++] = end - c->began;
    }
    begin(c);
}

static void payload(struct conn *c, const char *data, size_t size) {
    if (!c->first) c->first = now_us();
    bytes += size;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') { events_seen += c->newline; c->newline = !c->newline; }
        else if (data[i] != '\r') c->newline = 0;
    }
}

static int head(struct conn *c) {
    c->head[c->have] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return -1;
    *end = 0;
    c->status = c->have > 12 ? atoi(c->head + 9) : 0;
    char *length = strcasestr(c->head, "\ncontent-length:");
    if (length) { c->state = LENGTH; c->left = atol(length + 16); }
    else { c->state = SIZE; c->left = 0; c->line = 0; }
    return end + 4 - c->head;
}

/* Takes what came; 1 when the answer is complete. */
static int feed(struct conn *c, const char *data, size_t size) {
    for (size_t i = 0; i < size;) {
        size_t take = size - i;
        switch (c->state) {
        case LENGTH:
            if ((long)take > c->left) take = c->left;
            payload(c, data + i, take);
            c->left -= take;
            i += take;
            if (!c->left) return 1;
            break;
        case SIZE:
            for (; i < size; i++) {
                char x = data[i];
                if (x >= '0' && x <= '9') c->left = c->left * 16 + x - '0';
                else if ((x | 32) >= 'a' && (x | 32) <= 'f') c->left = c->left * 16 + (x | 32) - 'a' + 10;
                else if (x == '\n') { c->state = c->left ? DATA : TRAILER; c->line = 0; i++; break; }
            }
            break;
        case DATA:
            if ((long)take > c->left) take = c->left;
            payload(c, data + i, take);
            c->left -= take;
            i += take;
            if (!c->left) c->state = DATA_END;
            break;
        case DATA_END:
            if (data[i++] == '\n') { c->state = SIZE; c->left = 0; }
            break;
        case TRAILER:
            if (data[i] == '\n') { if (!c->line) return 1; c->line = 0; }
            else if (data[i] != '\r') c->line++;
            i++;
            break;
        }
    }
    return c->state == LENGTH && c->left == 0;
}

static void come(struct conn *c) {
    static char buffer[262144];
    if (c->state == HEAD) {
        ssize_t n = recv(c->fd, c->head + c->have, sizeof c->head - c->have - 1, 0);
        if (n <= 0) { if (n == 0 || errno != EAGAIN) again(c); return; }
        c->have += n;
        size_t have = c->have;
        int used = head(c);
        if (used < 0) { if (have >= sizeof c->head - 1) again(c); return; }
        if (feed(c, c->head + used, have - used)) complete(c);
        return;
    }
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n <= 0) { if (n == 0 || errno != EAGAIN) again(c); return; }
    if (feed(c, buffer, n)) complete(c);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at(double *samples, double share) {
    return done ? samples[(long)(share * (done - 1))] : 0;
}

static char *slurp(const char *name, size_t *size) {
    FILE *f = fopen(name, "rb");
    if (!f) { perror(name); exit(2); }
    char *data = malloc(8 << 20);
    *size = fread(data, 1, 8 << 20, f);
    fclose(f);
    return data;
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: load PORT PATH CONNECTIONS REQUESTS SECONDS HEAD_FILE BODY_FILE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files = {8192, 8192};
    setrlimit(RLIMIT_NOFILE, &files);
    slots = atoi(argv[3]);
    most = atol(argv[4]);
    double seconds = atof(argv[5]);
    size_t head_size, body_size;
    char *extra = slurp(argv[6], &head_size), *body = slurp(argv[7], &body_size);
    request = malloc(head_size + body_size + 512);
    request_size = sprintf(request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nContent-Type: "
                           "application/json\r\nContent-Length: %zu\r\n%.*s\r\n",
                           argv[2], argv[1], body_size, (int)head_size, extra);
    memcpy(request + request_size, body, body_size);
    request_size += body_size;
    place = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    firsts = malloc(sizeof(double) * (most + 1));
    lasts = malloc(sizeof(double) * (most + 1));
    poller = epoll_create1(0);
    struct conn *all = calloc(slots, sizeof *all);
    double start = now_us(), end = start + seconds * 1e6;
    for (int i = 0; i < slots; i++) { all[i].fd = -1; begin(&all[i]); }
    struct epoll_event events[512];
    while (done + errors < most && now_us() < end) {
        int n = epoll_wait(poller, events, 512, 50);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->fd < 0) continue;
            if (events[i].events & EPOLLOUT) put(c);
            if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) come(c);
        }
    }
    double spent = (now_us() - start) / 1e6;
    qsort(firsts, done, sizeof(double), ascending);
    qsort(lasts, done, sizeof(double), ascending);
    printf("{\"requests\":%ld,\"errors\":%ld,\"events\":%ld,\"bytes\":%lld,\"seconds\":%.4f,"
           "\"first_p50\":%.1f,\"first_p99\":%.1f,\"last_p50\":%.1f,\"last_p90\":%.1f,"
           "\"last_p99\":%.1f,\"last_max\":%.1f,\"worst\":\"%s\"}\n",
           done, errors, events_seen, bytes, spent, at(firsts, .5), at(firsts, .99), at(lasts, .5),
           at(lasts, .9), at(lasts, .99), at(lasts, 1), worst);
    return 0;
}
