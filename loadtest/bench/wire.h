/* WebSocket frames as a client reads and writes them (RFC 6455 section 5), and a few small tools
 * shared by the benchmark's programs. Every program is driven by lines on stdin and answers each
 * with one JSON line on stdout; it ends when stdin does. */
#ifndef MIAODAN_BENCH_WIRE_H
#define MIAODAN_BENCH_WIRE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536
#define KEEP_SIZE (4 * READ_SIZE)
#define LINE_SIZE 65536
#define STDIN_TAG UINT32_MAX

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static inline void *must_calloc(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) die("calloc");
    return memory;
}

/* "3,4,5" -> {3, 4, 5}; the descriptors are made non-blocking. */
static inline int *parse_fds(const char *list, int *count) {
    int capacity = 16, found = 0;
    int *fds = must_calloc((size_t)capacity, sizeof *fds);
    while (*list != '\0') {
        char *end;
        long fd = strtol(list, &end, 10);
        if (end == list) break;
        if (found == capacity) {
            capacity *= 2;
            fds = realloc(fds, (size_t)capacity * sizeof *fds);
            if (fds == NULL) die("realloc");
        }
        if (fcntl((int)fd, F_SETFL, fcntl((int)fd, F_GETFL) | O_NONBLOCK) < 0) die("fcntl");
        fds[found++] = (int)fd;
        list = *end == ',' ? end + 1 : end;
    }
    *count = found;
    return fds;
}

static inline void watch(int epoll, int fd, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* One line of stdin into `line`; 0 at its end. Commands come one at a time, each after an answer. */
static inline int read_command(char *line, size_t size) {
    ssize_t got = read(STDIN_FILENO, line, size - 1);
    if (got <= 0) return 0;
    line[got] = '\0';
    return 1;
}

/* Where one socket's byte stream stands: within a header, or within a payload. */
struct stream {
    uint64_t payload_left;
    uint8_t header[10];
    uint8_t header_have;
    uint8_t in_payload;
};

static inline unsigned header_size(uint8_t second) {
    unsigned length = second & 0x7f;
    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

static inline uint64_t payload_size(const uint8_t *header) {
    unsigned length = header[1] & 0x7f;
    uint64_t size = 0;
    if (length < 126) return length;
    for (unsigned i = 2; i < header_size(header[1]); i++) size = size << 8 | header[i];
    return size;
}

/* Takes bytes of one socket; returns how many frames ended in them. */
static inline unsigned count_frames(struct stream *stream, const uint8_t *data, size_t size) {
    unsigned frames = 0;
    size_t at = 0;
    while (at < size) {
        if (!stream->in_payload) {
            stream->header[stream->header_have++] = data[at++];
            if (stream->header_have < 2 || stream->header_have < header_size(stream->header[1])) continue;
            stream->payload_left = payload_size(stream->header);
            stream->in_payload = 1;
        }
        size_t step = size - at < stream->payload_left ? size - at : (size_t)stream->payload_left;
        at += step;
        stream->payload_left -= step;
        if (stream->payload_left == 0) {
            stream->in_payload = 0;
            stream->header_have = 0;
            frames++;
        }
    }
    return frames;
}

/* Masks `payload` (at most 65,535 bytes) into `out`; returns the frame's size. */
static inline size_t masked_frame(uint8_t *out, const uint8_t *payload, size_t size, uint32_t key) {
    size_t at = 0;
    uint8_t mask[4];
    memcpy(mask, &key, 4);
    out[at++] = 0x81;
    if (size < 126) {
        out[at++] = 0x80 | (uint8_t)size;
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) out[at + i] = payload[i] ^ mask[i & 3];
    return at + size;
}

/* xorshift32 (Marsaglia, 2003): mask keys of a load generator, never a secret. */
static inline uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
