/* Drains viewers' sockets and counts the frames that arrive; paces the danmaku that cause them.
 *
 * receiver VIEWERS SENDERS SEED      descriptors as "3,4,5"; senders may be ""
 *   text BYTES   the danmaku's text length
 *   send W B     begin with B danmaku at once; the next goes out when one was accepted, as long as
 *                fewer than W are under way (sent, and not yet seen on the first viewer)
 *   stop         send no more
 *   awake 0|1    whether to poll without sleeping: waking a sleeping receiver is paid by whoever
 *                writes to it, and a slower sender would pay it more often than the floor beside it
 *   snap         counters since the start
 *
 * With one under way a flush carries one event; the first viewer gets its frame first, so the next
 * danmaku travels while the server still writes to the others. Frames are counted on every socket;
 * events, on the first viewer alone. */
#include "wire.h"

#define STALL_MS 2000

static int *fds, *senders;
static int viewer_count, sender_count, total;
static struct stream *streams;
static uint64_t frames, bytes, watched_frames, danmaku_frames, danmaku, sent, errors, closed, stalls;
static struct kept {
    uint8_t bytes[KEEP_SIZE];
    size_t size;
} *kept; /* of the first viewer, then of each sender: their frames are read in full */
static int window, burst, under_way, ready, turn, awake;
static size_t text_size = 8;
static uint32_t seed;
static uint64_t last_seen;

static void send_one(void) {
    uint8_t payload[512], frame[600];
    char text[256];
    size_t size = text_size < sizeof text - 1 ? text_size : sizeof text - 1;
    memset(text, 'x', size);
    text[size] = '\0';
    int length = snprintf((char *)payload, sizeof payload, "{\"type\":\"danmaku.send\",\"text\":\"%s\",\"id\":%u}",
                          text, (unsigned)(sent & 0xffffff));
    size_t whole = masked_frame(frame, payload, (size_t)length, next_random(&seed));
    if (send(senders[turn], frame, whole, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)whole) {
        errors++;
        return;
    }
    turn = (turn + 1) % sender_count;
    sent++;
    under_way++;
}

static void send_ready(void) {
    for (; window > 0 && ready > 0 && under_way < window; ready--) send_one();
}

static unsigned occurrences(const uint8_t *data, size_t size, const char *needle) {
    size_t length = strlen(needle);
    unsigned found = 0;
    const uint8_t *at = data, *end = data + size;
    while ((at = memmem(at, (size_t)(end - at), needle, length)) != NULL) {
        found++;
        at += length;
    }
    return found;
}

static void read_frame(int is_sender, const uint8_t *payload, size_t size) {
    if (is_sender) {
        ready += (int)occurrences(payload, size, "\"type\":\"danmaku.accepted\"");
        if (memmem(payload, size, "\"type\":\"error\"", 14) == NULL) return;
        if (errors++ == 0) fprintf(stderr, "a danmaku was refused: %.*s\n", (int)size, payload);
        return;
    }
    unsigned seen = occurrences(payload, size, "\"type\":\"danmaku\"");
    watched_frames++;
    if (seen == 0) return;
    danmaku_frames++;
    danmaku += seen;
    under_way = under_way > (int)seen ? under_way - (int)seen : 0;
    last_seen = clock_ns(CLOCK_MONOTONIC);
}

static void look(struct kept *keep, int is_sender, const uint8_t *data, size_t size) {
    size_t at = 0;
    if (keep->size + size > sizeof keep->bytes) {
        fprintf(stderr, "a frame too long to look at\n");
        exit(2);
    }
    memcpy(keep->bytes + keep->size, data, size);
    keep->size += size;
    while (keep->size - at >= 2) {
        unsigned head = header_size(keep->bytes[at + 1]);
        if (keep->size - at < head) break;
        uint64_t length = payload_size(keep->bytes + at);
        if (keep->size - at < head + length) break;
        read_frame(is_sender, keep->bytes + at + head, (size_t)length);
        at += head + (size_t)length;
    }
    memmove(keep->bytes, keep->bytes + at, keep->size - at);
    keep->size -= at;
    send_ready();
}

static void drain(int epoll, uint32_t index) {
    static uint8_t buffer[READ_SIZE];
    ssize_t got = recv(fds[index], buffer, sizeof buffer, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        closed++;
        epoll_ctl(epoll, EPOLL_CTL_DEL, fds[index], NULL);
        return;
    }
    bytes += (uint64_t)got;
    frames += count_frames(&streams[index], buffer, (size_t)got);
    if (index == 0) look(&kept[0], 0, buffer, (size_t)got);
    else if (index >= (uint32_t)viewer_count) look(&kept[1 + index - (uint32_t)viewer_count], 1, buffer, (size_t)got);
}

static void begin(void) {
    under_way = 0;
    ready = burst;
    last_seen = clock_ns(CLOCK_MONOTONIC);
    send_ready();
}

static int obey(void) {
    char line[256];
    if (!read_command(line, sizeof line)) return 0;
    if (strncmp(line, "text ", 5) == 0) {
        text_size = (size_t)atoi(line + 5);
    } else if (sscanf(line, "send %d %d", &window, &burst) == 2) {
        if (sender_count == 0) window = 0;
        begin();
    } else if (strncmp(line, "awake ", 6) == 0) {
        awake = atoi(line + 6);
    } else if (strncmp(line, "stop", 4) == 0) {
        window = 0;
    }
    printf("{\"frames\":%lu,\"bytes\":%lu,\"watched_frames\":%lu,\"danmaku_frames\":%lu,\"danmaku\":%lu,"
           "\"sent\":%lu,\"errors\":%lu,\"closed\":%lu,\"stalls\":%lu,\"sockets\":%d,\"cpu_ns\":%lu,\"wall_ns\":%lu}\n",
           frames, bytes, watched_frames, danmaku_frames, danmaku, sent, errors, closed, stalls, total,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC));
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: receiver VIEWERS SENDERS SEED\n");
        return 2;
    }
    if (nice(10) < 0 && errno) die("nice"); /* the store shares this CPU and goes first */
    int *viewers = parse_fds(argv[1], &viewer_count);
    senders = parse_fds(argv[2], &sender_count);
    seed = (uint32_t)strtoul(argv[3], NULL, 10) | 1u;
    total = viewer_count + sender_count;
    fds = must_calloc((size_t)total, sizeof *fds);
    streams = must_calloc((size_t)total, sizeof *streams);
    kept = must_calloc((size_t)sender_count + 1, sizeof *kept);
    memcpy(fds, viewers, (size_t)viewer_count * sizeof *fds);
    memcpy(fds + viewer_count, senders, (size_t)sender_count * sizeof *fds);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    for (int i = 0; i < total; i++) watch(epoll, fds[i], (uint32_t)i);
    watch(epoll, STDIN_FILENO, STDIN_TAG);
    static struct epoll_event events[1024];
    for (;;) {
        int ready = epoll_wait(epoll, events, 1024, awake ? 0 : window > 0 ? STALL_MS : -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 != STDIN_TAG) drain(epoll, events[i].data.u32);
            else if (!obey()) return 0;
        }
        if (window > 0 && clock_ns(CLOCK_MONOTONIC) - last_seen > STALL_MS * 1000000ull) {
            stalls++;
            begin();
        }
    }
}
