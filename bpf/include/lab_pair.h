/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A pair and its probes, whatever the protocol: the far end's maps, what the pair
 * is, what the wire and a slow receiver do to it, the counters, and the way out.
 */
#ifndef PRTIP_LAB_PAIR_H
#define PRTIP_LAB_PAIR_H

#include "lab_frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lab_config);
} lab_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LAB_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} lab_counters SEC(".maps");

/* Which pairs got their first packet; resized by the loader to 2^24 words when
 * lose-first is asked for.  A pair's bit is a hash of the pair. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lab_first SEC(".maps");

/* Theoretical arrival time of the receiver's token bucket, 1/256 ns. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lab_receiver SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lab_times);
} lab_times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LAB_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} lab_arrivals SEC(".maps");

/* Resized by the loader to LAB_ANSWERED where LAB_FLAG_ANSWERED is set; answers
 * beyond are counted and not kept. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lab_answered);
} lab_answered SEC(".maps");

/* How many answers there were. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lab_answers SEC(".maps");

/* This interface, once, twice and three times. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} lab_out1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} lab_out2 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} lab_out3 SEC(".maps");

/* The AF_XDP sockets of the delay path, by receive queue. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, LAB_MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} lab_delay SEC(".maps");

INLINE __u64 count_by(__u32 counter, __u64 by)
{
	__u64 *value = bpf_map_lookup_elem(&lab_counters, &counter);

	if (!value)
		return 0;
	*value += by;
	return *value;
}

INLINE int drop(__u32 counter)
{
	count_by(counter, 1);
	return XDP_DROP;
}

INLINE __u64 mix64(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* What a pair answers, SAID_FORGED for some of the silent ones.  In the order of
 * the counters from LAB_UDP and LAB_ECHO on. */
enum said { SAID_OPEN, SAID_CLOSED, SAID_ICMP, SAID_FORGED, SAID_NOTHING };

INLINE __u32 small_share(__u64 hash)
{
	return ((hash >> 32 & 0xffff) * 1000) >> 16;
}

INLINE __u64 pair_hash(const struct lab_config *cfg, const struct probe *p,
		       __u32 proto)
{
	struct prtip_key key = { .k0 = cfg->seed, .k1 = LAB_KEY1 };
	__u64 words[2];

	if (p->v6) {
		words[0] = (__u64)p->dst[0] | (__u64)p->dst[1] << 32;
		words[1] = (__u64)p->dst[2] | (__u64)p->dst[3] << 32;
		return prtip_siphash13(&key, words, 2,
				       20ULL << 56 | (__u64)proto << 16 |
					       (__u64)p->dport_be);
	}
	words[0] = (__u64)p->dst[0] | (__u64)p->dport_be << 32 |
		   (__u64)proto << 48;
	return prtip_siphash13(&key, words, 1, 8ULL << 56);
}

INLINE void note_arrival(const struct lab_config *cfg)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 bucket = (now - cfg->start_ns) / LAB_BUCKET_NS;
	__u32 index = bucket < LAB_BUCKETS ? bucket : LAB_BUCKETS - 1;
	__u32 zero = 0;
	struct lab_times *times = bpf_map_lookup_elem(&lab_times, &zero);
	__u64 *arrivals = bpf_map_lookup_elem(&lab_arrivals, &index);

	if (times) {
		if (!times->first_ns)
			times->first_ns = now;
		times->last_ns = now;
	}
	if (arrivals)
		*arrivals += 1;
}

/* A token bucket as one word, the time at which the next probe is due: no lock
 * between the queues.  Losing the race eight times counts as over the rate. */
INLINE int receiver_takes(const struct lab_config *cfg)
{
	__u64 now = bpf_ktime_get_ns() << 8;
	__u32 zero = 0;
	__u64 *due = bpf_map_lookup_elem(&lab_receiver, &zero);
	int i;

	if (!due)
		return 0;
	for (i = 0; i < 8; i++) {
		__u64 old = *(volatile __u64 *)due;
		__u64 from = old > now ? old : now;

		if (from - now > cfg->receiver_burst)
			return 0;
		if (__sync_val_compare_and_swap(due, old,
						from + cfg->receiver_interval) == old)
			return 1;
	}
	return 0;
}

INLINE int is_first_packet(const struct lab_config *cfg, __u64 hash)
{
	__u64 bit = mix64(hash) & cfg->first_mask;
	__u32 index = bit >> 6;
	__u64 mask = 1ULL << (bit & 63);
	__u64 *word = bpf_map_lookup_elem(&lab_first, &index);

	if (!word)
		return 0;
	return !(__sync_fetch_and_or(word, mask) & mask);
}

/* How many of `copies` the wire keeps; draws come from `random`. */
INLINE __u32 surviving(const struct lab_config *cfg, __u32 copies, __u64 random)
{
	__u32 left = 0;
	int i;

#pragma unroll
	for (i = 0; i < LAB_MAX_COPIES; i++) {
		if (i < copies) {
			random = mix64(random + LAB_MIX_DELAY);
			left += (__u32)random >= cfg->loss_below;
		}
	}
	return left;
}

/* Notes that the reply leaves now; where.  Delayed ones are noted again by who
 * holds them. */
INLINE __u32 note_answer(const struct probe *p, __u32 proto)
{
	__u32 zero = 0, place;
	__u64 *answers = bpf_map_lookup_elem(&lab_answers, &zero);
	struct lab_answered *answered;
	__u64 number;

	if (!answers)
		return 0;
	number = __sync_fetch_and_add(answers, 1);
	if (number >= LAB_ANSWERED)
		return 0;
	place = number;
	answered = bpf_map_lookup_elem(&lab_answered, &place);
	if (!answered)
		return 0;
	answered->came_ns = p->came_ns;
	__builtin_memcpy(answered->addr, p->dst, sizeof(answered->addr));
	answered->port_be = p->dport_be;
	answered->scanner_port_be = p->sport_be;
	answered->proto = proto;
	answered->v6 = p->v6;
	answered->left_ns = bpf_ktime_get_ns();
	return place + 1;
}

/* Sends the finished frame `copies` times, now or at its time. */
INLINE int send(struct xdp_md *ctx, const struct lab_config *cfg,
		const struct probe *p, __u32 proto, __u64 hash, __u32 copies)
{
	__u32 place = 0;

	count_by(LAB_COPIES, copies);
	/* Not the scanner's: a host that the kernel knows the way to. */
	if (cfg->zombie && !p->v6 &&
	    p->src[0] == bpf_htonl(0xc613ff00 | cfg->zombie)) {
		struct eth *eth = (void *)(long)ctx->data;

		if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
			return drop(LAB_UNSENT);
		__builtin_memcpy(eth->dst, cfg->router_mac, 6);
		return XDP_PASS;
	}
	if (cfg->flags & LAB_FLAG_ANSWERED)
		place = note_answer(p, proto);
	if (cfg->flags & LAB_FLAG_DELAY) {
		struct lab_delayed *delayed;

		if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*delayed)))
			return drop(LAB_UNSENT);
		delayed = (void *)(long)ctx->data;
		if ((void *)(delayed + 1) > (void *)(long)ctx->data_end)
			return drop(LAB_UNSENT);
		delayed->due_ns = bpf_ktime_get_ns() + cfg->delay_min_ns +
				  (((hash * LAB_MIX_DELAY >> 32) *
				    cfg->delay_span_ns) >> 32);
		delayed->copies = copies;
		delayed->place = place;
		return bpf_redirect_map(&lab_delay, ctx->rx_queue_index, XDP_DROP);
	}
	if (copies == 3)
		return bpf_redirect_map(&lab_out3, 0, BPF_F_BROADCAST);
	if (copies == 2)
		return bpf_redirect_map(&lab_out2, 0, BPF_F_BROADCAST);
	return bpf_redirect_map(&lab_out1, 0, XDP_DROP);
}

/* Whether the receiver takes a well-formed probe, the `number`th of this CPU. */
INLINE int arrive(const struct lab_config *cfg, __u64 *number)
{
	*number = count_by(LAB_PROBES, 1);
	if (cfg->flags & LAB_FLAG_ARRIVALS)
		note_arrival(cfg);
	return !cfg->receiver_interval || receiver_takes(cfg);
}

/* What the wire draws from for a probe and its replies. */
INLINE __u64 draw(__u64 hash, __u64 number)
{
	return mix64(hash ^ (number << 8 | (bpf_get_smp_processor_id() & 0xff)));
}

/* What the pair is, as lab.h's rule says. */
INLINE enum said decide(const struct lab_config *cfg, __u64 hash)
{
	__u32 share = ((hash & 0xffffffff) * 1000) >> 32;

	if (share < cfg->open_below)
		return SAID_OPEN;
	if (share < cfg->closed_below)
		return SAID_CLOSED;
	if (share < cfg->icmp_below)
		return SAID_ICMP;
	return small_share(hash) < cfg->forge ? SAID_FORGED : SAID_NOTHING;
}

/* Whether the pair does not answer its first packet, which this is. */
INLINE int loses_first(const struct lab_config *cfg, __u64 hash, enum said said)
{
	return said != SAID_FORGED && cfg->lose_first &&
	       ((hash >> 48) * 1000) >> 16 < cfg->lose_first &&
	       is_first_packet(cfg, hash);
}

/* How many copies of the pair's reply reach the scanner. */
INLINE __u32 copies_of(const struct lab_config *cfg, __u64 hash, __u64 random,
		       enum said said)
{
	__u32 copies = said != SAID_FORGED && small_share(hash) < cfg->dup ?
			       LAB_MAX_COPIES : 1;

	if (cfg->loss_below) {
		__u32 left = surviving(cfg, copies, random);

		if (left < copies)
			count_by(LAB_LOST_REPLY, copies - left);
		return left;
	}
	return copies;
}

#endif
