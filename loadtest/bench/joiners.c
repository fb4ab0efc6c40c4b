/* Viewers who come, stay, are cut off and come back; what each was told is checked by `seq`.
 *
 * joiners HOST PORT PEOPLE SEED DEFLATE   PEOPLE: a file, "PATH TOKEN" a line; DEFLATE: 1 offers it
 *   open FROM COUNT WINDOW      connect and upgrade, so many at a time
 *   hello FROM COUNT WINDOW     hello to welcome on sockets that are open
 *   join FROM COUNT WINDOW      all of it, one after the other
 *   cut FROM COUNT              close the sockets
 *   resume FROM COUNT WINDOW    join, and say where the last socket stopped
 *   until SEQ MILLISECONDS      wait for everybody to be there
 *   snap                        just the counters
 *
 * Each answers with the counters since the start, and with the CPU and wall time that it took itself.
 * Sockets are drained between commands as well. A gap is an event whose `seq` is not the next one,
 * a duplicate one that was there before; a resume has to end at its welcome's `seq`. In JSON a quote
 * within a string is escaped, so `"seq":` is never somebody's text. */
#include "wire.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define BUFFER_SIZE (1 << 20)
#define PATIENCE_MS 60000
/* Each source address has 28,000 ports to one destination, and closed ones rest for a minute. */
#define PORTS_PER_SOURCE 20000
#define SOURCES 200

enum step { AWAY, UPGRADING, OPEN, GREETING, LIVE };

struct viewer {
    const char *path, *token;
    uint8_t *kept;
    size_t kept_size;
    uint64_t seq;
    int fd;
    enum step step;
    uint8_t resumes;
};

static struct viewer *viewers;
static int viewer_count, epoll, deflate;
static struct sockaddr_in server;
static char epoch[65];
static uint32_t seed;
static uint64_t upgraded, welcomed, recovered, events, gaps, duplicates, frames, bytes, closed, errors, connects,
    deflated;
static int under_way;
static enum step goal; /* of the command under way: OPEN or LIVE */

static void complain(const char *what, const uint8_t *payload, size_t size) {
    if (errors++ < 5) fprintf(stderr, "%s: %.*s\n", what, (int)(size < 500 ? size : 500), payload);
}

static void send_whole(struct viewer *viewer, const void *data, size_t size) {
    if (send(viewer->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
        complain("send", (const uint8_t *)strerror(errno), strlen(strerror(errno)));
}

static void leave(struct viewer *viewer) {
    if (viewer->step == UPGRADING || viewer->step == GREETING) under_way--;
    close(viewer->fd);
    free(viewer->kept);
    viewer->kept = NULL;
    viewer->kept_size = 0;
    viewer->step = AWAY;
}

/* Blocking: fewer are under way than the server's backlog holds, so it ends at once. */
static void knock(struct viewer *viewer) {
    char request[1024];
    int yes = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(connects++ / PORTS_PER_SOURCE % SOURCES));
    viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (viewer->fd < 0) die("socket");
    setsockopt(viewer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(viewer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(viewer->fd, (struct sockaddr *)&source, sizeof source) < 0) die("bind");
    if (connect(viewer->fd, (struct sockaddr *)&server, sizeof server) < 0) die("connect");
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: miaodan\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: AAAAAAAAAAAAA%08xA==\r\nSec-WebSocket-Version: 13\r\n%s"
                        "Sec-WebSocket-Protocol: miaodan.v1.json\r\n\r\n",
                        viewer->path, next_random(&seed),
                        deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
    send_whole(viewer, request, (size_t)size);
    viewer->step = UPGRADING;
    under_way++;
    watch(epoll, viewer->fd, (uint32_t)(viewer - viewers));
}

static void greet(struct viewer *viewer) {
    uint8_t payload[2048], frame[2100];
    char resume[128] = "";
    if (viewer->resumes)
        snprintf(resume, sizeof resume, ",\"resume\":{\"epoch\":\"%s\",\"seq\":%lu}", epoch, viewer->seq);
    int size = snprintf((char *)payload, sizeof payload, "{\"type\":\"hello\",\"token\":\"%s\"%s}", viewer->token, resume);
    if (size >= (int)sizeof payload) die("a token too long");
    viewer->step = GREETING;
    send_whole(viewer, frame, masked_frame(frame, payload, (size_t)size, next_random(&seed)));
}

/* The number behind the next `"seq":`, or 0; `at` moves behind it. */
static uint64_t next_seq(const uint8_t **at, const uint8_t *end) {
    const uint8_t *found = memmem(*at, (size_t)(end - *at), "\"seq\":", 6);
    uint64_t seq = 0;
    if (found == NULL) return 0;
    for (found += 6; found < end && *found >= '0' && *found <= '9'; found++) seq = seq * 10 + (*found - '0');
    *at = found;
    return seq;
}

static void follow(struct viewer *viewer, const uint8_t *at, const uint8_t *end) {
    uint64_t seq;
    while ((seq = next_seq(&at, end)) != 0) {
        events++;
        if (seq <= viewer->seq) {
            duplicates++;
        } else {
            gaps += seq != viewer->seq + 1;
            viewer->seq = seq;
        }
    }
}

static void read_welcome(struct viewer *viewer, const uint8_t *payload, size_t size) {
    const uint8_t *at = payload, *end = payload + size;
    if (size < 19 || memcmp(payload, "[{\"type\":\"welcome\"", 18) != 0) {
        complain("expected a welcome", payload, size);
        return;
    }
    const char *said = memmem(payload, size, "\"epoch\":\"", 9);
    if (said == NULL || sscanf(said + 9, "%64[^\"]", epoch) != 1) complain("a welcome without epoch", payload, size);
    uint64_t seq = next_seq(&at, end);
    int whole = memmem(payload, size, "\"recovered\":true", 16) != NULL;
    if (!whole) viewer->seq = seq;
    recovered += (uint64_t)whole;
    follow(viewer, at, end);
    gaps += viewer->seq != seq;
    viewer->step = LIVE;
    welcomed++;
    under_way--;
}

/* Compressed frames are not looked into: with DEFLATE the first one is taken for the welcome. */
static void read_frame(struct viewer *viewer, uint8_t first, const uint8_t *payload, size_t size) {
    frames++;
    if ((first & 0x0f) == 0x8) {
        complain("closed", size > 2 ? payload + 2 : payload, size > 2 ? size - 2 : 0);
        closed++;
        leave(viewer);
    } else if ((first & 0x0f) < 0x8 && (first & 0x40) == 0) {
        if (viewer->step == GREETING) read_welcome(viewer, payload, size);
        else follow(viewer, payload, payload + size);
    } else if (viewer->step == GREETING && (first & 0x40) != 0) {
        viewer->step = LIVE;
        welcomed++;
        under_way--;
    }
}

/* Size of the handshake's answer at the beginning of `data`; 0 when it is not there in whole. */
static size_t read_answer(struct viewer *viewer, const uint8_t *data, size_t size) {
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    if (size < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) complain("not upgraded", data, (size_t)(end - data));
    upgraded++;
    deflated += memmem(data, (size_t)(end - data), "permessage-deflate", 18) != NULL;
    viewer->step = OPEN;
    if (goal == LIVE) greet(viewer);
    else under_way--;
    return (size_t)(end - data) + 4;
}

static void hear(struct viewer *viewer) {
    static uint8_t buffer[BUFFER_SIZE];
    if (viewer->kept_size) memcpy(buffer, viewer->kept, viewer->kept_size);
    ssize_t got = recv(viewer->fd, buffer + viewer->kept_size, sizeof buffer - viewer->kept_size, MSG_DONTWAIT);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        closed++;
        leave(viewer);
        return;
    }
    bytes += (uint64_t)got;
    size_t size = viewer->kept_size + (size_t)got, at = 0;
    if (viewer->step == UPGRADING) at = read_answer(viewer, buffer, size);
    while (viewer->step > UPGRADING && size - at >= 2) {
        unsigned head = header_size(buffer[at + 1]);
        if (size - at < head) break;
        uint64_t length = payload_size(buffer + at);
        if (length > BUFFER_SIZE / 2) die("a frame too long to look at");
        if (size - at < head + length) break;
        read_frame(viewer, buffer[at], buffer + at + head, (size_t)length);
        at += head + (size_t)length;
    }
    if (viewer->step == AWAY) return;
    viewer->kept_size = size - at;
    if (viewer->kept_size == 0) {
        free(viewer->kept);
        viewer->kept = NULL;
        return;
    }
    viewer->kept = realloc(viewer->kept, viewer->kept_size);
    if (viewer->kept == NULL) die("realloc");
    memcpy(viewer->kept, buffer + at, viewer->kept_size);
}

/* One turn of the loop; 1 when there is a line on stdin. */
static int turn(int timeout) {
    static struct epoll_event ready[1024];
    int told = 0, count = epoll_wait(epoll, ready, 1024, timeout);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; i++) {
        if (ready[i].data.u32 == STDIN_TAG) told = 1;
        else if (viewers[ready[i].data.u32].step != AWAY) hear(&viewers[ready[i].data.u32]);
    }
    return told;
}

static void each(int from, int count, int window, void (*begin)(struct viewer *)) {
    uint64_t give_up = clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * 1000000ull;
    int next = from, end = from + count < viewer_count ? from + count : viewer_count;
    under_way = 0;
    while ((next < end || under_way > 0) && clock_ns(CLOCK_MONOTONIC) < give_up) {
        for (; next < end && under_way < window; next++) begin(&viewers[next]);
        turn(100);
    }
}

static void come(struct viewer *viewer) {
    if (viewer->step != AWAY) return;
    viewer->resumes = 0;
    knock(viewer);
}

static void come_back(struct viewer *viewer) {
    if (viewer->step != AWAY) return;
    viewer->resumes = 1;
    knock(viewer);
}

static void say_hello(struct viewer *viewer) {
    if (viewer->step != OPEN) return;
    under_way++;
    greet(viewer);
}

static int all_at(uint64_t seq) {
    for (int i = 0; i < viewer_count; i++)
        if (viewers[i].step == LIVE && viewers[i].seq < seq) return 0;
    return 1;
}

static void wait_until(uint64_t seq, uint64_t milliseconds) {
    uint64_t give_up = clock_ns(CLOCK_MONOTONIC) + milliseconds * 1000000u;
    while (!all_at(seq) && clock_ns(CLOCK_MONOTONIC) < give_up) turn(20);
}

static int obey(const char *line) {
    int from, count, window;
    unsigned long seq, milliseconds;
    goal = strncmp(line, "open", 4) == 0 ? OPEN : LIVE;
    if (sscanf(line, "open %d %d %d", &from, &count, &window) == 3) each(from, count, window, come);
    else if (sscanf(line, "join %d %d %d", &from, &count, &window) == 3) each(from, count, window, come);
    else if (sscanf(line, "hello %d %d %d", &from, &count, &window) == 3) each(from, count, window, say_hello);
    else if (sscanf(line, "resume %d %d %d", &from, &count, &window) == 3) each(from, count, window, come_back);
    else if (sscanf(line, "until %lu %lu", &seq, &milliseconds) == 2) wait_until(seq, milliseconds);
    else if (sscanf(line, "cut %d %d", &from, &count) == 2) {
        for (int i = from; i < from + count && i < viewer_count; i++)
            if (viewers[i].step != AWAY) leave(&viewers[i]);
    } else if (strncmp(line, "snap", 4) != 0) return 0;
    return 1;
}

static void answer(uint64_t cpu, uint64_t start) {
    uint64_t opened = 0, live = 0, least = UINT64_MAX, most = 0;
    for (int i = 0; i < viewer_count; i++) {
        opened += viewers[i].step >= OPEN;
        if (viewers[i].step != LIVE) continue;
        live++;
        if (viewers[i].seq < least) least = viewers[i].seq;
        if (viewers[i].seq > most) most = viewers[i].seq;
    }
    printf("{\"opened\":%lu,\"live\":%lu,\"least_seq\":%lu,\"most_seq\":%lu,\"upgraded\":%lu,\"deflated\":%lu,\"welcomed\":%lu,\"recovered\":%lu,"
           "\"events\":%lu,\"gaps\":%lu,\"duplicates\":%lu,\"frames\":%lu,\"bytes\":%lu,\"closed\":%lu,\"errors\":%lu,"
           "\"cpu_ns\":%lu,\"wall_ns\":%lu}\n",
           opened, live, live ? least : 0, most, upgraded, deflated, welcomed, recovered, events, gaps, duplicates, frames, bytes, closed,
           errors, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, clock_ns(CLOCK_MONOTONIC) - start);
    fflush(stdout);
}

static void read_people(const char *name) {
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    int capacity = 0;
    if (file == NULL) die(name);
    while (getline(&line, &room, file) > 0) {
        if (viewer_count == capacity) {
            capacity = capacity ? capacity * 2 : 1024;
            viewers = realloc(viewers, (size_t)capacity * sizeof *viewers);
            if (viewers == NULL) die("realloc");
        }
        char *path = strtok(strdup(line), " \n"), *token = strtok(NULL, " \n");
        if (path == NULL || token == NULL || strlen(path) > 256) die("PATH TOKEN expected");
        viewers[viewer_count++] = (struct viewer){.path = path, .token = token};
    }
    free(line);
    fclose(file);
}

int main(int argc, char **argv) {
    char line[256];
    if (argc != 6) {
        fprintf(stderr, "usage: joiners HOST PORT PEOPLE SEED DEFLATE\n");
        return 2;
    }
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) die("HOST has to be an IPv4 address");
    read_people(argv[3]);
    seed = (uint32_t)strtoul(argv[4], NULL, 10) | 1u;
    deflate = atoi(argv[5]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    watch(epoll, STDIN_FILENO, STDIN_TAG);
    for (;;) {
        if (!turn(-1)) continue;
        if (!read_command(line, sizeof line)) return 0;
        uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), start = clock_ns(CLOCK_MONOTONIC);
        if (!obey(line)) return 2;
        answer(cpu, start);
    }
}
