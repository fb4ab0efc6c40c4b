/* Closed-loop buyers: each socket places an order, waits for its reply, places the next.
 *
 * buyers SOCKETS SEED PREFIX SKU     descriptors as "3,4,5"
 *   run MILLISECONDS                 every buyer buys until then; answers when the last reply came
 *
 * Latencies are from the send to the arrival of the reply. */
#include "histogram.h"
#include "wire.h"

#define PATIENCE_MS 10000

struct buyer {
    int fd;
    struct stream stream;
    uint8_t *kept;
    size_t kept_size;
    uint64_t asked_at;
    uint32_t orders;
};

static struct buyer *buyers;
static int count;
static const char *prefix, *sku;
static uint32_t seed, run_number;
static uint64_t accepted, refused, frames, waiting;
static struct histogram replies;

static void ask(struct buyer *buyer) {
    uint8_t payload[512], frame[600];
    int size = snprintf((char *)payload, sizeof payload,
                        "{\"type\":\"order.place\",\"id\":%u,\"request_id\":\"%s-%u-%d-%u\",\"sku\":\"%s\",\"quantity\":1}",
                        buyer->orders + 1, prefix, run_number, (int)(buyer - buyers), buyer->orders, sku);
    size_t whole = masked_frame(frame, payload, (size_t)size, next_random(&seed));
    buyer->asked_at = clock_ns(CLOCK_MONOTONIC);
    if (send(buyer->fd, frame, whole, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)whole) die("send");
    buyer->orders++;
    waiting++;
}

static void read_frame(struct buyer *buyer, const uint8_t *payload, size_t size, uint64_t stop_at) {
    frames++;
    int good = memmem(payload, size, "\"type\":\"order.accepted\"", 23) != NULL;
    int bad = !good && memmem(payload, size, "\"type\":\"error\"", 14) != NULL;
    if (!good && !bad) return;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    accepted += (uint64_t)good;
    refused += (uint64_t)bad;
    if (bad && refused == 1) fprintf(stderr, "an order was refused: %.*s\n", (int)size, payload);
    record(&replies, (now - buyer->asked_at) / 1000);
    waiting--;
    if (now < stop_at) ask(buyer);
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

static void run(int epoll, uint64_t milliseconds) {
    static struct epoll_event events[1024];
    memset(&replies, 0, sizeof replies);
    accepted = refused = frames = waiting = 0;
    run_number++;
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), start = clock_ns(CLOCK_MONOTONIC);
    uint64_t stop_at = start + milliseconds * 1000000u, give_up = stop_at + PATIENCE_MS * 1000000ull;
    for (int i = 0; i < count; i++) ask(&buyers[i]);
    while (waiting > 0 && clock_ns(CLOCK_MONOTONIC) < give_up) {
        int ready = epoll_wait(epoll, events, 1024, 100);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < ready; i++) listen_to(&buyers[events[i].data.u32], stop_at);
    }
    uint64_t wall = clock_ns(CLOCK_MONOTONIC) - start;
    printf("{\"accepted\":%lu,\"refused\":%lu,\"unanswered\":%lu,\"frames\":%lu,\"p50_us\":%lu,\"p99_us\":%lu,"
           "\"cpu_ns\":%lu,\"wall_ns\":%lu}\n",
           accepted, refused, waiting, frames, percentile(&replies, 0.50), percentile(&replies, 0.99),
           clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall);
    fflush(stdout);
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
        unsigned long milliseconds;
        if (sscanf(line, "run %lu", &milliseconds) != 1) return 2;
        run(epoll, milliseconds);
    }
    return 0;
}
