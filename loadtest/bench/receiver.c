/* Drains viewers' sockets and counts the frames that arrive; paces the danmaku that cause them.
 *
 * receiver VIEWERS SENDERS SEED      descriptors as "3,4,5"; senders may be ""
 *   text BYTES     the danmaku's text length
 *   words W W ...  what texts are made of, drawn at random, and filled up with x; x alone unless told
 *   speech TEXT    what a sender sends, with $text and $id in it; danmaku.send unless told
 *   heard TEXT     what marks a danmaku in a frame of the first viewer; its type unless told
 *   accepted TEXT  what marks the answer to a sender; "accepted" alone: there is none, the danmaku's
 *                  arrival at the first viewer is one
 *   send W B       begin with B danmaku at once; the next goes out when one was accepted, as long as
 *                  fewer than W are under way (sent, and not yet seen on the first viewer)
 *   pace N         send N danmaku a second on a schedule, whatever is answered
 *   stop           send no more
 *   latency 0|1    forget the latencies; from here on stamp texts (of 17 bytes or more) and look
 *                  for stamps on every viewer's socket, or do not: it costs a read half as much again
 *   awake 0|1      whether to poll without sleeping: waking a sleeping receiver is paid by whoever
 *                  writes to it, and a slower sender would pay it more often than the floor beside it
 *   snap           counters since the start, latencies since the last `latency`
 *
 * With one under way a flush carries one event; the first viewer gets its frame first, so the next
 * danmaku travels while the server still writes to the others. Frames are counted on every socket;
 * events, on the first viewer alone; stamps, on all viewers, once for each viewer and danmaku. */
#include "speech.h"

#define STALL_MS 2000
#define MARK_SIZE 64
#define SECOND 1000000000ull

static int *fds, *senders;
static int viewer_count, sender_count, total;
static struct stream *streams;
static struct tail *tails;
static struct histogram latencies;
static uint64_t frames, bytes, watched_frames, danmaku_frames, danmaku, sent, errors, closed, stalls;
static struct kept {
    uint8_t bytes[KEEP_SIZE];
    size_t size;
} *kept; /* of the first viewer, then of each sender: their frames are read in full */
static int window, burst, under_way, ready, turn, awake, stamping;
static char heard[MARK_SIZE] = "\"type\":\"danmaku\"", accepted[MARK_SIZE] = "\"type\":\"danmaku.accepted\"";
static size_t text_size = 8;
static uint32_t seed;
static uint64_t last_seen, pace, paced, pace_start, late;

static void send_one(void) {
    uint8_t payload[SPEECH_MAX], frame[SPEECH_MAX + 14];
    char text[TEXT_MAX + 1];
    write_text(text, text_size, stamping, &seed);
    size_t length = write_speech(payload, text, sent);
    size_t whole = masked_frame(frame, payload, length, next_random(&seed));
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

static uint64_t due_at(void) { return pace_start + paced * SECOND / pace; }

static void send_due(void) {
    for (uint64_t now; pace > 0 && due_at() <= (now = clock_ns(CLOCK_MONOTONIC)); paced++) {
        if (now - due_at() > late) late = now - due_at();
        send_one();
    }
}

static unsigned occurrences(const uint8_t *data, size_t size, const char *needle) {
    size_t length = strlen(needle);
    unsigned found = 0;
    if (length == 0) return 0;
    const uint8_t *at = data, *end = data + size;
    while ((at = memmem(at, (size_t)(end - at), needle, length)) != NULL) {
        found++;
        at += length;
    }
    return found;
}

static void read_frame(int is_sender, const uint8_t *payload, size_t size) {
    if (is_sender) {
        ready += (int)occurrences(payload, size, accepted);
        if (memmem(payload, size, "\"type\":\"error\"", 14) == NULL) return;
        if (errors++ == 0) fprintf(stderr, "a danmaku was refused: %.*s\n", (int)size, payload);
        return;
    }
    unsigned seen = occurrences(payload, size, heard);
    watched_frames++;
    if (seen == 0) return;
    danmaku_frames++;
    danmaku += seen;
    under_way = under_way > (int)seen ? under_way - (int)seen : 0;
    if (accepted[0] == '\0') ready += (int)seen;
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
    static uint8_t room[STAMP_TAIL + READ_SIZE], *const buffer = room + STAMP_TAIL;
    ssize_t got = recv(fds[index], buffer, READ_SIZE, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        closed++;
        epoll_ctl(epoll, EPOLL_CTL_DEL, fds[index], NULL);
        return;
    }
    int is_sender = index >= (uint32_t)viewer_count;
    bytes += (uint64_t)got;
    frames += count_frames(&streams[index], buffer, (size_t)got);
    if (stamping && !is_sender) find_stamps(&tails[index], buffer, (size_t)got, &latencies);
    if (index == 0) look(&kept[0], 0, buffer, (size_t)got);
    else if (is_sender) look(&kept[1 + index - (uint32_t)viewer_count], 1, buffer, (size_t)got);
}

static void begin(void) {
    under_way = 0;
    ready = burst;
    last_seen = clock_ns(CLOCK_MONOTONIC);
    send_ready();
}

static void keep_pace(uint64_t per_second) {
    window = 0;
    paced = 0;
    pace = sender_count > 0 ? per_second : 0;
    pace_start = clock_ns(CLOCK_MONOTONIC);
    send_due();
}

static void measure_latency(int wanted) {
    if (wanted && text_size < 1 + STAMP_DIGITS) {
        fprintf(stderr, "a text of %zu bytes has no room for a stamp\n", text_size);
        exit(2);
    }
    stamping = wanted;
    late = 0;
    memset(&latencies, 0, sizeof latencies);
    memset(tails, 0, (size_t)viewer_count * sizeof *tails);
}

static void tell(void) {
    printf("{\"frames\":%lu,\"bytes\":%lu,\"watched_frames\":%lu,\"danmaku_frames\":%lu,\"danmaku\":%lu,"
           "\"sent\":%lu,\"errors\":%lu,\"closed\":%lu,\"stalls\":%lu,\"sockets\":%d,\"cpu_ns\":%lu,\"wall_ns\":%lu,"
           "\"stamped\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,\"max_us\":%lu,\"late_us\":%lu}\n",
           frames, bytes, watched_frames, danmaku_frames, danmaku, sent, errors, closed, stalls, total,
           clock_ns(CLOCK_PROCESS_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC), latencies.total, percentile(&latencies, 0.50),
           percentile(&latencies, 0.99), latencies.most, late / 1000);
    fflush(stdout);
}

/* The rest of the line when it begins with `command`, else NULL. */
static const char *after(const char *line, const char *command) {
    size_t length = strlen(command);
    if (strncmp(line, command, length) != 0 || (line[length] != ' ' && line[length] != '\0')) return NULL;
    return line[length] == ' ' ? line + length + 1 : line + length;
}

static void set(char *place, size_t size, const char *value) {
    if (strlen(value) >= size) {
        fprintf(stderr, "too long: %s\n", value);
        exit(2);
    }
    strcpy(place, value);
}

static int obey(void) {
    char line[SPEECH_MAX];
    const char *rest;
    if (!read_command(line, sizeof line)) return 0;
    line[strcspn(line, "\n")] = '\0';
    if ((rest = after(line, "text")) != NULL) {
        text_size = (size_t)atoi(rest) < TEXT_MAX ? (size_t)atoi(rest) : TEXT_MAX;
    } else if ((rest = after(line, "words")) != NULL) {
        learn_words(rest);
    } else if ((rest = after(line, "speech")) != NULL) {
        set(speech, sizeof speech, rest);
    } else if ((rest = after(line, "heard")) != NULL) {
        set(heard, sizeof heard, rest);
    } else if ((rest = after(line, "accepted")) != NULL) {
        set(accepted, sizeof accepted, rest);
    } else if (sscanf(line, "send %d %d", &window, &burst) == 2) {
        pace = 0;
        if (sender_count == 0) window = 0;
        begin();
    } else if ((rest = after(line, "pace")) != NULL) {
        keep_pace(strtoul(rest, NULL, 10));
    } else if ((rest = after(line, "latency")) != NULL) {
        measure_latency(atoi(rest));
    } else if ((rest = after(line, "awake")) != NULL) {
        awake = atoi(rest);
    } else if (after(line, "stop") != NULL) {
        window = 0;
        pace = 0;
    } else if (after(line, "snap") == NULL) {
        fprintf(stderr, "no such command: %s\n", line);
        exit(2);
    }
    tell();
    return 1;
}

/* Milliseconds epoll may sleep: to the next danmaku that is due, or to the moment of a stall. */
static int patience(void) {
    if (awake) return 0;
    if (pace == 0) return window > 0 ? STALL_MS : -1;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    return due_at() <= now ? 0 : (int)((due_at() - now + 999999) / 1000000);
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
    tails = must_calloc((size_t)viewer_count + 1, sizeof *tails);
    kept = must_calloc((size_t)sender_count + 1, sizeof *kept);
    memcpy(fds, viewers, (size_t)viewer_count * sizeof *fds);
    memcpy(fds + viewer_count, senders, (size_t)sender_count * sizeof *fds);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    for (int i = 0; i < total; i++) watch(epoll, fds[i], (uint32_t)i);
    watch(epoll, STDIN_FILENO, STDIN_TAG);
    static struct epoll_event events[1024];
    for (;;) {
        int awoken = epoll_wait(epoll, events, 1024, patience());
        if (awoken < 0 && errno != EINTR) die("epoll_wait");
        send_due();
        for (int i = 0; i < awoken; i++) {
            if (events[i].data.u32 != STDIN_TAG) drain(epoll, events[i].data.u32);
            else if (!obey()) return 0;
            send_due();
        }
        if (window > 0 && clock_ns(CLOCK_MONOTONIC) - last_seen > STALL_MS * 1000000ull) {
            stalls++;
            begin();
        }
    }
}
