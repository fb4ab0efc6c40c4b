/* Log-linear buckets of microseconds, 32 to the octave: a percentile is at most 3 % too high. */
#ifndef MIAODAN_BENCH_HISTOGRAM_H
#define MIAODAN_BENCH_HISTOGRAM_H

#include "wire.h"

#define BUCKETS 2048

struct histogram {
    uint64_t buckets[BUCKETS];
    uint64_t total, most;
};

static inline unsigned bucket_of(uint64_t micros) {
    if (micros < 32) return (unsigned)micros;
    unsigned octave = 63 - (unsigned)__builtin_clzll(micros);
    unsigned bucket = (octave - 4) * 32 + (unsigned)((micros >> (octave - 5)) & 31);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static inline uint64_t bucket_top(unsigned bucket) {
    if (bucket < 32) return bucket;
    unsigned octave = bucket / 32 + 4;
    return ((32ull + bucket % 32 + 1) << (octave - 5)) - 1;
}

static inline void record(struct histogram *histogram, uint64_t micros) {
    histogram->buckets[bucket_of(micros)]++;
    histogram->total++;
    if (micros > histogram->most) histogram->most = micros;
}

static inline uint64_t percentile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->total), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted) return bucket_top(i) < histogram->most ? bucket_top(i) : histogram->most;
    }
    return 0;
}

#endif
