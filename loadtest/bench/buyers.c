/* Buyers: a closed loop, in which each socket places an order, waits for its reply, places the next; and an
 * open one, in which orders come when they are due, by one buyer after another, whatever was answered.
 *
 * buyers SOCKETS SEED PREFIX SKU     descriptors as "3,4,5"
 *   run MILLISECONDS                 every buyer buys until then; answers when the last reply came
 *   pace PER_SECOND MILLISECONDS     so many orders a second until then; the same
 *
 * Latencies are from the send to the arrival of the reply; of a paced order, from when it was due. A buyer
 * with UNDER_WAY unanswered orders sends no more: such orders are `unsent`. */
#include "histogram.h"
#include "wire.h"

#define PATIENCE_MS 10000
#define UNDER_WAY 64

struct buyer {
    int fd;
    struct stream stream;
    uint8_t *kept;
    size_t kept_size;
    uint64_t due[UNDER_WAY]; /* by the id of an order under way; 0: none */
    uint32_t orders;
};

static struct buyer *buyers;
static int count;
static const char *prefix, *sku;
static uint32_t seed, run_number;
static uint64_t accepted, refused, frames, waiting, unsent;
static struct histogram replies;

static void ask(struct buyer *buyer, uint64_t due) {
    uint8_t payload[512], frame[600];
    uint32_t id = buyer->orders + 1;
    if (buyer->due[id % UNDER_WAY] != 0) {
        unsent++;
        return;
    }
    int size = snprintf((char *)payload, sizeof payload,
                        "{\"type\":\"order.place\",\"id\":%u,\"request_id\":\"%s-%u-%d-%u\",\"sku\":\"%s\",\"quantity\":1}",
                        id, prefix, run_number, (int)(buyer - buyers), buyer->orders, sku);
    size_t whole = masked_frame(frame, payload, (size_t)size, next_random(&seed));
    buyer->due[id % UNDER_WAY] = due;
    if (send(buyer->fd, frame, whole, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)whole) die("send");
    buyer->orders++;
    waiting++;
}

/* The id of the reply that `head` begins, or 0 where there is none. */
static uint32_t reply_id(const uint8_t *payload, size_t size, const char *head) {
    const uint8_t *end = payload + size, *found = memmem(payload, size, head, strlen(head));
    if (found != NULL) found = memmem(found, (size_t)(end - found), "\"id\":", 5);
    uint32_t id = 0;
    if (found == NULL) return 0;
    for (const uint8_t *at = found + 5; at < end && *at >= '0' && *at <= '9'; at++)
        id = id * 10 + (uint32_t)(*at - '0');
    return id;
}

static void read_frame(struct buyer *buyer, const uint8_t *payload, size_t size, uint64_t stop_at) {
    frames++;
    uint32_t good = reply_id(payload, size, "\"type\":\"order.accepted\"");
    uint32_t bad = good ? 0 : reply_id(payload, size, "\"type\":\"error\"");
    if (!good && !bad) return;
    uint64_t now = clock_ns(CLOCK_MONOTONIC), *due = &buyer->due[(good | bad) % UNDER_WAY];
    accepted += good != 0;
    refused += bad != 0;
    if (bad && refused == 1) fprintf(stderr, "an order was refused: %.*s\n", (int)size, payload);
    if (*due == 0) {
        fprintf(stderr, "an order was answered twice: %.*s\n", (int)size, payload);
        exit(3);
    }
    record(&replies, (now - *due) / 1000);
    *due = 0;
    waiting--;
    if (now < stop_at) ask(buyer, now);
}

static void listen_to(struct buyer *buyer, uint64_t stop_at) {
    ssize_t got = recv(buyer->fd, buyer->kept + buyer->kept_size, KEEP_SIZE - buyer->kept_size, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        fprintf(stderr, "the server closed a buyer's socket\n");
        exit(3);
    }
    buyer->kept_size += (size_t)got;
    size_t at = 0;
    while (buyer->kept_size - at >= 2) {
        unsigned head = header_size(buyer->kept[at + 1]);
        if (buyer->kept_size - at < head) break;
        uint64_t length = payload_size(buyer->kept + at);
        if (buyer->kept_size - at < head + length) break;
        if (buyer->kept[at] == 0x88) {
            fprintf(stderr, "the server closed a buyer's socket\n");
            exit(3);
        }
        read_frame(buyer, buyer->kept + at + head, (size_t)length, stop_at);
        at += head + (size_t)length;
    }
    memmove(buyer->kept, buyer->kept + at, buyer->kept_size - at);
    buyer->kept_size -= at;
}

static uint64_t begun_ns, begun_cpu;

static void begin(void) {
    memset(&replies, 0, sizeof replies);
    accepted = refused = frames = waiting = unsent = 0;
    for (int i = 0; i < count; i++) memset(buyers[i].due, 0, sizeof buyers[i].due);
    run_number++;
    begun_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    begun_ns = clock_ns(CLOCK_MONOTONIC);
}

static void turn(int epoll, int timeout_ms, uint64_t stop_at) {
    static struct epoll_event events[1024];
    int ready = epoll_wait(epoll, events, 1024, timeout_ms);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) listen_to(&buyers[events[i].data.u32], stop_at);
}

/* To the last reply; those that come before `buy_until` are followed by another order. */
static void end(int epoll, uint64_t buy_until) {
    uint64_t give_up = (buy_until ? buy_until : clock_ns(CLOCK_MONOTONIC)) + PATIENCE_MS * 1000000ull;
    while (waiting > 0 && clock_ns(CLOCK_MONOTONIC) < give_up) turn(epoll, 100, buy_until);
    printf("{\"accepted\":%lu,\"refused\":%lu,\"unanswered\":%lu,\"unsent\":%lu,\"frames\":%lu,\"p50_us\":%lu,"
           "\"p99_us\":%lu,\"cpu_ns\":%lu,\"wall_ns\":%lu}\n",
           accepted, refused, waiting, unsent, frames, percentile(&replies, 0.50), percentile(&replies, 0.99),
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_cpu, clock_ns(CLOCK_MONOTONIC) - begun_ns);
    fflush(stdout);
}

static void run(int epoll, uint64_t milliseconds) {
    begin();
    uint64_t stop_at = begun_ns + milliseconds * 1000000u;
    for (int i = 0; i < count; i++) ask(&buyers[i], clock_ns(CLOCK_MONOTONIC));
    end(epoll, stop_at);
}

static void pace(int epoll, uint64_t per_second, uint64_t milliseconds) {
    begin();
    uint64_t total = per_second * milliseconds / 1000;
    for (uint64_t sent = 0; sent < total;) {
        uint64_t due = begun_ns + sent * 1000000000ull / per_second;
        if (due <= clock_ns(CLOCK_MONOTONIC))
            ask(&buyers[sent++ % (uint64_t)count], due);
        else
            turn(epoll, 1, 0);
    }
    while (clock_ns(CLOCK_MONOTONIC) < begun_ns + milliseconds * 1000000u) turn(epoll, 1, 0);
    end(epoll, 0);
}

int main(int argc, char **argv) {
    char line[256];
    if (argc != 5) {
        fprintf(stderr, "usage: buyers SOCKETS SEED PREFIX SKU\n");
        return 2;
    }
    int *fds = parse_fds(argv[1], &count);
    seed = (uint32_t)strtoul(argv[2], NULL, 10) | 1u;
    prefix = argv[3];
    sku = argv[4];
    if (strlen(prefix) > 16 || strlen(sku) > 64) return 2;
    buyers = must_calloc((size_t)count, sizeof *buyers);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) die("epoll_create1");
    for (int i = 0; i < count; i++) {
        buyers[i].fd = fds[i];
        buyers[i].kept = must_calloc(1, KEEP_SIZE);
        watch(epoll, fds[i], (uint32_t)i);
    }
    while (read_command(line, sizeof line)) {
        unsigned long milliseconds, per_second;
        if (sscanf(line, "run %lu", &milliseconds) == 1)
            run(epoll, milliseconds);
        else if (sscanf(line, "pace %lu %lu", &per_second, &milliseconds) == 2 && per_second > 0)
            pace(epoll, per_second, milliseconds);
        else
            return 2;
    }
    return 0;
}
