// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The far end of the lab: a stateless synthetic internet.
 *
 * Attached to the far end of a veth pair it answers for every address of
 * 198.18.0.0/15 and 2001:2::/48, every TCP and UDP port and ICMP echo, as
 * lab.h's rule says, and leaves everything else (ARP, neighbour discovery, the
 * lab's own addresses in 198.19.255.0/24 and 2001:2:0:ffff::/64) to the kernel.
 *
 * A probe goes through: is it well formed and ours to answer -> may the
 * receiver take it (receiver_interval) -> is it lost on the way -> what does
 * the pair answer -> is this the first packet it ever got -> which copies of
 * the reply are lost -> out.  TCP is lab_far_end's own affair; it
 * calls lab_datagrams for UDP and echo.
 *
 * Replies go out through a DEVMAP that holds this very interface, not by
 * XDP_TX: veth drops XDP_TX frames unless the other end has an XDP program,
 * which a scanner on AF_PACKET does not have.  k slots and BPF_F_BROADCAST give
 * k copies.  With delay, replies go to user space, in front of each its due
 * time.  Replies are built from scratch, because the segment of a kernel peer
 * may carry an unfilled checksum.
 */
#include "lab_frame.h"
#include "lab_udp.h"

/* Parts of a payload that a checksum is verified over; more is left alone. */
#define SUM_CHUNKS 4

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

/* Where a reply of UDP is made. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datagram);
} lab_datagram SEC(".maps");

/* lab_datagrams. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} lab_programs SEC(".maps");

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

/* Turns the frame into the segment (flags, seq, ack) from the probed pair. */
INLINE int write_segment(struct xdp_md *ctx, const struct lab_config *cfg,
			 const struct probe *p, __u8 flags, __u32 seq, __u32 ack)
{
	__u32 tcp_len = flags & TCP_SYN ? TCP_LEN + 4 : TCP_LEN;
	__u32 ip_len = p->v6 ? IPV6_LEN : IPV4_LEN;
	__u32 l3_off = p->l3_off & 31;
	void *data, *data_end;
	struct tcp *tcp;
	__u32 *option;
	__u32 mss = bpf_htonl(0x02040000 | (p->v6 ? 1440 : 1460));
	__u64 sum;

	if (resize(ctx, l3_off + ip_len + tcp_len))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (write_ethernet(cfg, p, data, data_end))
		return -1;
	if (p->v6) {
		struct ipv6 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv6(ip, p->dst, p->src, PROTO_TCP, tcp_len);
		tcp = (void *)(ip + 1);
	} else {
		struct ipv4 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, p->dst[0], p->src[0], PROTO_TCP, tcp_len);
		tcp = (void *)(ip + 1);
	}
	if ((void *)(tcp + 1) > data_end)
		return -1;
	tcp->src = p->dport_be;
	tcp->dst = p->sport_be;
	tcp->seq = bpf_htonl(seq);
	tcp->ack = bpf_htonl(ack);
	tcp->off = tcp_len << 2;
	tcp->flags = flags;
	tcp->window = flags & TCP_SYN ? bpf_htons(WINDOW) : 0;
	tcp->csum = 0;
	tcp->urgent = 0;
	sum = pseudo_header(p, PROTO_TCP, tcp_len) + tcp->src + tcp->dst +
	      tcp->seq + tcp->ack + bpf_htons(tcp_len << 10 | flags) + tcp->window;
	if (flags & TCP_SYN) {
		option = (void *)(tcp + 1);
		if ((void *)(option + 1) > data_end)
			return -1;
		*option = mss;
		sum += mss;
	}
	tcp->csum = ~fold(sum);
	return 0;
}

/* Turns the frame into the ICMP error that `said` stands for, quoting the IP
 * header and 8 to 28 bytes behind it: from the router "administratively
 * prohibited" or "host unreachable", from the target itself "port unreachable". */
INLINE int write_error(struct xdp_md *ctx, const struct lab_config *cfg,
		       const struct probe *p, __u64 hash, enum said said)
{
	__u32 outer = p->v6 ? IPV6_LEN + ICMP_LEN : IPV4_LEN + ICMP_LEN;
	__u32 l3_off = p->l3_off & 31;
	__u32 quoted = hash >> 7 & 1 ? 8 :
		       p->quotable < QUOTE_MAX ? p->quotable : QUOTE_MAX;
	__u32 quote = (p->ip_len & 63) + quoted;
	void *data, *data_end;
	struct icmp *icmp;
	__u64 sum;
	int truncated = 0;

	if (resize(ctx, l3_off + quote) || bpf_xdp_adjust_head(ctx, -(int)outer))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (write_ethernet(cfg, p, data, data_end))
		return -1;
	if (p->v6) {
		struct ipv6 *ip = data + l3_off;
		__u32 from[4];

		if ((void *)(ip + 1) > data_end)
			return -1;
		if (said == SAID_CLOSED)
			__builtin_memcpy(from, p->dst, 16);
		else
			__builtin_memcpy(from, cfg->router_v6, 16);
		write_ipv6(ip, from, p->src, PROTO_ICMPV6, ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 1;
		icmp->code = said == SAID_CLOSED ? 4 : 1;
		sum = (__u64)from[0] + from[1] + from[2] + from[3] +
		      p->src[0] + p->src[1] + p->src[2] + p->src[3] +
		      bpf_htons(PROTO_ICMPV6) + bpf_htons(ICMP_LEN + quote) +
		      bpf_htons(0x0100 | icmp->code);
	} else {
		struct ipv4 *ip = data + l3_off;
		__u32 from = said == SAID_CLOSED ? p->dst[0] : cfg->router_v4_be;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, from, p->src[0], PROTO_ICMP, ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 3;
		icmp->code = said == SAID_CLOSED ? 3 : hash >> 8 & 1 ? 13 : 1;
		sum = bpf_htons(0x0300 | icmp->code);
	}
	icmp->csum = 0;
	icmp->rest = 0;
	SUM_WORDS(sum, (void *)(icmp + 1), quote / 4, 22, data_end, truncated);
	if (truncated)
		return -1;
	icmp->csum = ~fold(sum);
	return 0;
}

/* Sends the finished frame `copies` times, now or at its time. */
INLINE int send(struct xdp_md *ctx, const struct lab_config *cfg, __u64 hash,
		__u32 copies)
{
	count_by(LAB_COPIES, copies);
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
		delayed->reserved = 0;
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

/* What the pair answers to a well-formed segment. */
INLINE int answer_tcp(struct xdp_md *ctx, const struct lab_config *cfg,
		      const struct probe *p)
{
	__u32 copies, counter, flags = TCP_RST, seq = 0, ack = 0;
	__u64 number, hash, random;
	enum said said;
	int failed;

	if (p->flags & TCP_RST)
		return drop(LAB_RST);
	if (!arrive(cfg, &number))
		return drop(LAB_OVER_RATE);
	hash = pair_hash(cfg, p, PROTO_TCP);
	random = draw(hash, number);
	if ((__u32)random < cfg->loss_below)
		return drop(LAB_LOST_PROBE);
	said = decide(cfg, hash);
	if (p->flags & TCP_ACK) {
		/* A kernel that connects must find the connection made. */
		if (said == SAID_OPEN && !p->payload_len &&
		    !(p->flags & (TCP_SYN | TCP_FIN)) &&
		    p->ack == (__u32)(hash * LAB_MIX_ISN >> 32) + 1)
			return drop(LAB_HANDSHAKE);
		counter = LAB_ACK;
		seq = said == SAID_FORGED ? p->ack ^ FORGE_MASK : p->ack;
	} else if (!(p->flags & TCP_SYN)) {
		return drop(LAB_ODD_FLAGS);
	} else if (said == SAID_CLOSED) {
		counter = LAB_CLOSED;
		flags = TCP_RST | TCP_ACK;
		ack = p->seq + 1 + p->payload_len;
	} else {
		counter = LAB_OPEN;
		flags = TCP_SYN | TCP_ACK;
		seq = hash * LAB_MIX_ISN >> 32;
		ack = said == SAID_FORGED ? p->seq ^ FORGE_MASK : p->seq + 1;
	}
	if (said == SAID_NOTHING)
		return drop(LAB_SILENT);
	if (said == SAID_ICMP)
		counter = LAB_ICMP;
	if (said == SAID_FORGED)
		counter = LAB_FORGED;
	if (loses_first(cfg, hash, said))
		return drop(LAB_LOST_FIRST);
	count_by(counter, 1);
	copies = copies_of(cfg, hash, random, said);
	if (!copies)
		return XDP_DROP;
	failed = said == SAID_ICMP ? write_error(ctx, cfg, p, hash, SAID_ICMP) :
				     write_segment(ctx, cfg, p, flags, seq, ack);
	if (failed)
		return drop(LAB_UNSENT);
	return send(ctx, cfg, hash, copies);
}

/* The TCP header at `tcp`, `len` bytes of IP payload, into `p`. */
INLINE int parse_tcp(struct probe *p, struct tcp *tcp, __u32 len, void *data_end)
{
	__u64 sum;
	__u16 pseudo;
	int truncated = 0;

	if ((void *)(tcp + 1) > data_end)
		return LAB_MALFORMED;
	p->quotable = (tcp->off >> 4) * 4;
	if (p->quotable < TCP_LEN || p->quotable > len ||
	    (void *)tcp + p->quotable > data_end)
		return LAB_MALFORMED;
	p->payload_len = len - p->quotable;
	p->sport_be = tcp->src;
	p->dport_be = tcp->dst;
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack);
	p->flags = tcp->flags;
	/* With payload the sum is left alone: probes have none. */
	if (p->payload_len)
		return 0;
	sum = pseudo_header(p, PROTO_TCP, len);
	pseudo = fold(sum);
	SUM_WORDS(sum, (void *)tcp, p->quotable / 4, TCP_MAX_LEN / 4, data_end,
		  truncated);
	if (truncated)
		return LAB_MALFORMED;
	/* A kernel peer leaves the sum of the pseudo header for the card. */
	if (fold(sum) != 0xffff && tcp->csum != pseudo)
		return LAB_BAD_CHECKSUM;
	return 0;
}

/* The sum of `len` bytes of the packet from `off` on; -1 where they are too many
 * to be worth it. */
INLINE __s64 packet_sum(struct xdp_md *ctx, struct datagram *d, __u32 off, __u32 len)
{
	__u64 sum = 0;
	int i;

	if (len > SUM_CHUNKS * UDP_COPY_MAX)
		return -1;
	for (i = 0; i < SUM_CHUNKS && len; i++) {
		__u32 part = len < UDP_COPY_MAX ? len : UDP_COPY_MAX;

		asm volatile("" : "+r"(part));
		if (!part || part > UDP_COPY_MAX)
			return -1;
		/* What the last word lacks counts as zero. */
		*(__u32 *)(d->bytes + ((part - 1) & ~3)) = 0;
		if (bpf_xdp_load_bytes(ctx, off, d->bytes, part))
			return -1;
		sum += (__u32)bpf_csum_diff(0, 0, (void *)d->bytes, (part + 3) & ~3, 0);
		off += part;
		len -= part;
	}
	return sum;
}

/* Turns the frame into a datagram of the probed pair with `d` as its payload. */
INLINE int write_datagram(struct xdp_md *ctx, const struct lab_config *cfg,
			  const struct probe *p, struct datagram *d)
{
	__u32 ip_len = p->v6 ? IPV6_LEN : IPV4_LEN;
	__u32 l3_off = p->l3_off & 31;
	__u32 len = d->len, udp_len;
	void *data, *data_end;
	struct udp *udp;
	__u64 sum;
	__u16 csum;

	asm volatile("" : "+r"(len));
	if (!len || len > UDP_COPY_MAX)
		return -1;
	udp_len = UDP_LEN + len;
	__builtin_memset(d->bytes + len, 0, 4);
	sum = (__u32)bpf_csum_diff(0, 0, (void *)d->bytes, (len + 3) & ~3, 0);
	if (resize(ctx, l3_off + ip_len + udp_len))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (write_ethernet(cfg, p, data, data_end))
		return -1;
	if (p->v6) {
		struct ipv6 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv6(ip, p->dst, p->src, PROTO_UDP, udp_len);
		udp = (void *)(ip + 1);
	} else {
		struct ipv4 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, p->dst[0], p->src[0], PROTO_UDP, udp_len);
		udp = (void *)(ip + 1);
	}
	if ((void *)(udp + 1) > data_end)
		return -1;
	udp->src = d->from_be;
	udp->dst = p->sport_be;
	udp->len = bpf_htons(udp_len);
	sum += pseudo_header(p, PROTO_UDP, udp_len) + udp->src + udp->dst + udp->len;
	csum = ~fold(sum);
	/* RFC 768: zero says that there is none. */
	udp->csum = csum ? csum : 0xffff;
	return bpf_xdp_store_bytes(ctx, l3_off + ip_len + UDP_LEN, d->bytes, len) ? -1 : 0;
}

/* Turns the frame into what the UDP service says, or, forged, into what it does
 * not: with every byte wrong where the protocol ties responses to requests, else
 * to a port of the scanner's that asked nothing. */
INLINE int write_service(struct xdp_md *ctx, const struct lab_config *cfg,
			 struct probe *p, struct datagram *d, __u64 hash, int forged)
{
	__u32 payload_off = p->l3_off + p->ip_len + UDP_LEN;
	__u32 len = p->payload_len < UDP_COPY_MAX ? p->payload_len : UDP_COPY_MAX;
	int i;

	__builtin_memset(d->bytes, 0, UDP_FIXED_MAX);
	asm volatile("" : "+r"(len));
	if (len > UDP_COPY_MAX)
		return -1;
	if (len && bpf_xdp_load_bytes(ctx, payload_off, d->bytes, len))
		return -1;
	d->len = len;
	d->from_be = p->dport_be;
	answer_datagram_on(ctx, d, bpf_ntohs(p->dport_be), hash, payload_off);
	if (forged && d->tied) {
		for (i = 0; i < UDP_COPY_MAX; i += 4)
			*(__u32 *)(d->bytes + i) ^= 0xa5a5a5a5;
	} else if (forged) {
		p->sport_be ^= bpf_htons(0x0200);
	}
	return write_datagram(ctx, cfg, p, d);
}

/* Turns the frame into the echo reply; the payload stays where it is.  Forged:
 * with another id and sequence number. */
INLINE int write_echo(struct xdp_md *ctx, const struct lab_config *cfg,
		      const struct probe *p, int forged)
{
	__u32 options = p->v6 ? 0 : (p->ip_len - IPV4_LEN) & 63;
	__u32 len = ICMP_LEN + p->payload_len;
	__u32 ip_len = p->v6 ? IPV6_LEN : IPV4_LEN;
	__u32 l3_off = p->l3_off & 31;
	void *data, *data_end;
	struct icmp *icmp;
	__u64 sum;

	if (resize(ctx, l3_off + ip_len + options + len) ||
	    (options && bpf_xdp_adjust_head(ctx, options)))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (write_ethernet(cfg, p, data, data_end))
		return -1;
	if (p->v6) {
		struct ipv6 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv6(ip, p->dst, p->src, PROTO_ICMPV6, len);
		icmp = (void *)(ip + 1);
	} else {
		struct ipv4 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, p->dst[0], p->src[0], PROTO_ICMP, len);
		icmp = (void *)(ip + 1);
	}
	if ((void *)(icmp + 1) > data_end)
		return -1;
	/* RFC 1624: less the old words, and the new ones. */
	sum = (__u16)~icmp->csum + (__u64)(__u16)~bpf_htons(icmp->type << 8);
	icmp->type = p->v6 ? ECHO_REPLY6 : ECHO_REPLY;
	sum += bpf_htons(icmp->type << 8);
	if (forged) {
		sum += (__u32)~icmp->rest;
		icmp->rest ^= FORGE_MASK;
		sum += icmp->rest;
	}
	icmp->csum = ~fold(sum);
	return 0;
}

/* What the pair answers to a well-formed datagram or echo request. */
INLINE int answer_datagram(struct xdp_md *ctx, const struct lab_config *cfg,
			   struct probe *p, struct datagram *d, __u32 proto)
{
	__u32 counters = proto == PROTO_UDP ? LAB_UDP : LAB_ECHO;
	__u64 number, hash, random;
	__u32 copies;
	enum said said;
	int failed;

	if (!arrive(cfg, &number))
		return drop(LAB_OVER_RATE);
	hash = pair_hash(cfg, p, proto);
	random = draw(hash, number);
	if ((__u32)random < cfg->loss_below)
		return drop(LAB_LOST_PROBE);
	said = decide(cfg, hash);
	/* A host is up or is not: the closed share is silent to echo. */
	if (said == SAID_NOTHING || (said == SAID_CLOSED && proto != PROTO_UDP))
		return drop(counters + said);
	if (loses_first(cfg, hash, said))
		return drop(LAB_LOST_FIRST);
	count_by(counters + said, 1);
	copies = copies_of(cfg, hash, random, said);
	if (!copies)
		return XDP_DROP;
	if (said == SAID_CLOSED || said == SAID_ICMP)
		failed = write_error(ctx, cfg, p, hash, said);
	else if (proto == PROTO_UDP)
		failed = write_service(ctx, cfg, p, d, hash, said == SAID_FORGED);
	else
		failed = write_echo(ctx, cfg, p, said == SAID_FORGED);
	if (failed)
		return drop(LAB_UNSENT);
	return send(ctx, cfg, hash, copies);
}

/* Reads UDP or ICMP echo: `len` bytes of IP payload. */
INLINE int parse_datagram(struct xdp_md *ctx, struct probe *p, struct datagram *d,
			  __u32 proto, __u32 len)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 l4_off = p->l3_off + p->ip_len;
	__u32 udp_len;
	__u16 csum, pseudo;
	__u64 sum = 0;
	__s64 rest;

	if (l4_off > 128)
		return LAB_MALFORMED;
	if (proto == PROTO_UDP) {
		struct udp *udp = data + l4_off;

		if ((void *)(udp + 1) > data_end)
			return LAB_MALFORMED;
		udp_len = bpf_ntohs(udp->len);
		if (udp_len < UDP_LEN || udp_len > len)
			return LAB_MALFORMED;
		len = udp_len;
		p->sport_be = udp->src;
		p->dport_be = udp->dst;
		csum = udp->csum;
	} else if (proto == (p->v6 ? PROTO_ICMPV6 : PROTO_ICMP)) {
		struct icmp *icmp = data + l4_off;

		if ((void *)(icmp + 1) > data_end || len < ICMP_LEN)
			return LAB_MALFORMED;
		if (icmp->type != (p->v6 ? ECHO6 : ECHO))
			return LAB_OTHER;
		csum = icmp->csum;
	} else {
		return LAB_OTHER;
	}
	p->payload_len = len - UDP_LEN;
	p->quotable = len & ~3;
	if (proto != PROTO_ICMP)
		sum = pseudo_header(p, proto, len);
	pseudo = fold(sum);
	if (proto == PROTO_UDP && (csum ? csum == pseudo : !p->v6)) {
		/* A kernel peer leaves the sum of the pseudo header for the card;
		 * zero says that there is none, which IPv6 forbids. */
		return 0;
	}
	if (!csum && proto == PROTO_UDP)
		return LAB_BAD_CHECKSUM;
	rest = packet_sum(ctx, d, l4_off, len);
	return rest >= 0 && fold(sum + rest) != 0xffff ? LAB_BAD_CHECKSUM : 0;
}

INLINE int is_lab_v4(__u32 dst)
{
	return (dst & bpf_htonl(0xfffe0000)) == bpf_htonl(0xc6120000) &&
	       (dst & bpf_htonl(0xffffff00)) != bpf_htonl(0xc613ff00);
}

INLINE int is_lab_v6(const __u32 *dst)
{
	return dst[0] == bpf_htonl(0x20010002) &&
	       (dst[1] & bpf_htonl(0xffff0000)) == 0 &&
	       (dst[1] & bpf_htonl(0xffff)) != bpf_htonl(0xffff);
}

/* Reads Ethernet, tags and IP: 0 and what follows in `proto` and `len`, the
 * counter to drop the frame under, or LAB_PASSED where it is the kernel's. */
INLINE int parse_network(struct xdp_md *ctx, struct probe *p, __u32 *proto, __u32 *len)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	__u16 type;
	int i;

	if (data + ETH_LEN > data_end)
		return LAB_PASSED;
	type = eth->type;
	p->l3_off = ETH_LEN;
#pragma unroll
	for (i = 0; i < 2; i++) {
		__u32 *tag = data + 12 + 4 * i;

		if (type != bpf_htons(TYPE_VLAN) && type != bpf_htons(TYPE_QINQ))
			break;
		if (data + ETH_LEN + 4 * (i + 1) > data_end)
			break;
		p->tags[i] = *tag;
		type = *(__u16 *)(data + 16 + 4 * i);
		p->l3_off += 4;
	}
	p->type_be = type;
	__builtin_memcpy(p->peer_mac, eth->src, 6);

	if (type == bpf_htons(TYPE_IPV4)) {
		struct ipv4 *ip = data + p->l3_off;
		__u64 sum = 0;
		int truncated = 0;

		if ((void *)(ip + 1) > data_end || !is_lab_v4(ip->dst))
			return LAB_PASSED;
		p->ip_len = (ip->ver_ihl & 15) * 4;
		*len = bpf_ntohs(ip->len);
		if (ip->ver_ihl >> 4 != 4 || p->ip_len < IPV4_LEN || *len < p->ip_len ||
		    (void *)ip + *len > data_end)
			return LAB_MALFORMED;
		SUM_WORDS(sum, (void *)ip, p->ip_len / 4, 15, data_end, truncated);
		if (truncated)
			return LAB_MALFORMED;
		if (fold(sum) != 0xffff)
			return LAB_BAD_CHECKSUM;
		if (ip->frag & bpf_htons(0x3fff))
			return LAB_OTHER;
		p->src[0] = ip->src;
		p->dst[0] = ip->dst;
		*proto = ip->proto;
		*len -= p->ip_len;
		return 0;
	}
	if (type == bpf_htons(TYPE_IPV6)) {
		struct ipv6 *ip = data + p->l3_off;

		if ((void *)(ip + 1) > data_end || !is_lab_v6(ip->dst))
			return LAB_PASSED;
		p->v6 = 1;
		p->ip_len = IPV6_LEN;
		*len = bpf_ntohs(ip->len);
		if ((void *)(ip + 1) + *len > data_end)
			return LAB_MALFORMED;
		__builtin_memcpy(p->src, ip->src, 16);
		__builtin_memcpy(p->dst, ip->dst, 16);
		*proto = ip->next;
		return 0;
	}
	return LAB_PASSED;
}

/* UDP and ICMP echo.  A program of its own, which reads the frame once more, so
 * that TCP keeps its stack, its registers and its speed. */
SEC("xdp.frags")
int lab_datagrams(struct xdp_md *ctx)
{
	struct probe p = {};
	struct lab_config *cfg;
	struct datagram *d;
	__u32 zero = 0, proto, len;
	void *data;
	int fault;

	cfg = bpf_map_lookup_elem(&lab_config, &zero);
	d = bpf_map_lookup_elem(&lab_datagram, &zero);
	if (!cfg || !d)
		return drop(LAB_UNSENT);
	fault = parse_network(ctx, &p, &proto, &len);
	if (!fault)
		fault = parse_datagram(ctx, &p, d, proto, len);
	if (fault)
		return drop(fault);
	data = (void *)(long)ctx->data;
	if (data + ETH_LEN > (void *)(long)ctx->data_end ||
	    !same_mac(data, cfg->router_mac))
		return drop(LAB_WRONG_MAC);
	return answer_datagram(ctx, cfg, &p, d, proto);
}

SEC("xdp.frags")
int lab_far_end(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct probe p = {};
	struct lab_config *cfg;
	__u32 zero = 0, proto, len;
	int fault;

	cfg = bpf_map_lookup_elem(&lab_config, &zero);
	if (!cfg)
		return XDP_PASS;
	fault = parse_network(ctx, &p, &proto, &len);
	if (!fault) {
		if (proto != PROTO_TCP) {
			bpf_tail_call(ctx, &lab_programs, 0);
			return drop(LAB_UNSENT);
		}
		fault = parse_tcp(&p, data + p.l3_off + p.ip_len, len, data_end);
	}
	if (fault) {
		count_by(fault, 1);
		return fault == LAB_PASSED ? XDP_PASS : XDP_DROP;
	}
	if (data + ETH_LEN > data_end || !same_mac(data, cfg->router_mac))
		return drop(LAB_WRONG_MAC);
	return answer_tcp(ctx, cfg, &p);
}

char _license[] SEC("license") = "Dual BSD/GPL";
