/* The floor: what one core can do at best. Bare non-blocking send() of one same frame to every socket.
 *
 * floor SOCKETS                      descriptors as "3,4,5"
 *   run FRAME_BYTES MILLISECONDS PERIOD_US
 *                                    round after round over all sockets, a round each PERIOD_US (0: at
 *                                    once); a full socket is waited for
 *
 * A "send" here is one frame accepted by the kernel in full. */
#include "wire.h"
#include <poll.h>

static uint64_t blocked, partial;

/* Waiting in poll() costs wall time, not CPU time of the sender. */
static void wait_for(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    blocked++;
    poll(&entry, 1, 1000);
}

static int send_frame(int fd, const uint8_t *frame, size_t size) {
    size_t at = 0;
    while (at < size) {
        ssize_t put = send(fd, frame + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put >= 0) {
            at += (size_t)put;
            if (at < size) partial++;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for(fd);
        } else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

static void run(const int *fds, int count, size_t size, uint64_t milliseconds, uint64_t period_us) {
    uint8_t *frame = must_calloc(1, size);
    size_t head = size < 128 ? 2 : 4;
    frame[0] = 0x82;
    frame[1] = size < 128 ? (uint8_t)(size - 2) : 126;
    if (head == 4) {
        frame[2] = (uint8_t)((size - 4) >> 8);
        frame[3] = (uint8_t)(size - 4);
    }
    memset(frame + head, 'x', size - head);
    blocked = partial = 0;
    uint64_t writes = 0, rounds = 0;
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), start = clock_ns(CLOCK_MONOTONIC), now = start;
    while (now - start < milliseconds * 1000000u) {
        for (int i = 0; i < count; i++) {
            if (!send_frame(fds[i], frame, size)) die("send");
            writes++;
        }
        rounds++;
        now = clock_ns(CLOCK_MONOTONIC);
        uint64_t due = start + rounds * period_us * 1000u;
        if (due > now) {
            struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            now = clock_ns(CLOCK_MONOTONIC);
        }
    }
    printf("{\"writes\":%lu,\"rounds\":%lu,\"blocked\":%lu,\"partial\":%lu,\"cpu_ns\":%lu,\"wall_ns\":%lu}\n", writes,
           rounds, blocked, partial, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, now - start);
    fflush(stdout);
    free(frame);
}

int main(int argc, char **argv) {
    char line[256];
    int count;
    if (argc != 2) {
        fprintf(stderr, "usage: floor SOCKETS\n");
        return 2;
    }
    int *fds = parse_fds(argv[1], &count);
    while (read_command(line, sizeof line)) {
        unsigned long size, milliseconds, period;
        if (sscanf(line, "run %lu %lu %lu", &size, &milliseconds, &period) != 3) return 2;
        if (size < 6 || size > 60000) return 2;
        run(fds, count, size, milliseconds, period);
    }
    return 0;
}
