// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The far end of the lab: a stateless synthetic internet.
 *
 * Attached to the far end of a veth pair it answers for every address of
 * 198.18.0.0/15 and 2001:2::/48 and every TCP port, as lab.h's rule says, and
 * leaves everything else (ARP, neighbour discovery, the lab's own addresses in
 * 198.19.255.0/24 and 2001:2:0:ffff::/64) to the kernel.
 *
 * A probe goes through: is it well formed and ours to answer -> may the
 * receiver take it (receiver_interval) -> is it lost on the way -> what does
 * the pair answer -> is this the first packet it ever got -> which copies of
 * the reply are lost -> out.  UDP and ICMP echo are counted and dropped: the
 * rule already covers them by its protocol byte, the replies are not written.
 *
 * Replies go out through a DEVMAP that holds this very interface, not by
 * XDP_TX: veth drops XDP_TX frames unless the other end has an XDP program,
 * which a scanner on AF_PACKET does not have.  k slots and BPF_F_BROADCAST give
 * k copies.  With delay, replies go to user space, in front of each its due
 * time.  Replies are built from scratch, because the segment of a kernel peer
 * may carry an unfilled checksum.
 */

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

INLINE __u64 pair_hash(const struct lab_config *cfg, const struct probe *p)
{
	struct prtip_key key = { .k0 = cfg->seed, .k1 = LAB_KEY1 };
	__u64 words[2];

	if (p->v6) {
		words[0] = (__u64)p->dst[0] | (__u64)p->dst[1] << 32;
		words[1] = (__u64)p->dst[2] | (__u64)p->dst[3] << 32;
		return prtip_siphash13(&key, words, 2,
				       20ULL << 56 | (__u64)PROTO_TCP << 16 |
					       (__u64)p->dport_be);
	}
	words[0] = (__u64)p->dst[0] | (__u64)p->dport_be << 32 |
		   (__u64)PROTO_TCP << 48;
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

/* Turns the frame into "administratively prohibited" or "host unreachable"
 * from the router, quoting the IP header and 8 to 28 bytes behind it. */
INLINE int write_unreachable(struct xdp_md *ctx, const struct lab_config *cfg,
			     const struct probe *p, __u64 hash)
{
	__u32 outer = p->v6 ? IPV6_LEN + ICMP_LEN : IPV4_LEN + ICMP_LEN;
	__u32 l3_off = p->l3_off & 31;
	__u32 quoted_tcp = hash >> 7 & 1 ? 8 :
			   p->tcp_len < QUOTE_TCP_MAX ? p->tcp_len : QUOTE_TCP_MAX;
	__u32 quote = (p->ip_len & 63) + quoted_tcp;
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
		__u32 router[4];

		if ((void *)(ip + 1) > data_end)
			return -1;
		__builtin_memcpy(router, cfg->router_v6, 16);
		write_ipv6(ip, router, p->src, PROTO_ICMPV6, ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 1;
		icmp->code = 1;
		sum = (__u64)router[0] + router[1] + router[2] + router[3] +
		      p->src[0] + p->src[1] + p->src[2] + p->src[3] +
		      bpf_htons(PROTO_ICMPV6) + bpf_htons(ICMP_LEN + quote) +
		      bpf_htons(0x0101);
	} else {
		struct ipv4 *ip = data + l3_off;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, cfg->router_v4_be, p->src[0], PROTO_ICMP,
			   ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 3;
		icmp->code = hash >> 8 & 1 ? 13 : 1;
		sum = bpf_htons(0x0300 | icmp->code);
	}
	icmp->csum = 0;
	icmp->unused = 0;
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

/* What the pair answers to a well-formed segment. */
INLINE int answer(struct xdp_md *ctx, const struct lab_config *cfg,
		  const struct probe *p)
{
	__u64 number, random, hash;
	__u32 share, small, copies = 1, counter, flags, seq = 0, ack = 0;
	int failed;

	if (p->flags & TCP_RST)
		return drop(LAB_RST);
	number = count_by(LAB_PROBES, 1);
	if (cfg->flags & LAB_FLAG_ARRIVALS)
		note_arrival(cfg);
	if (cfg->receiver_interval && !receiver_takes(cfg))
		return drop(LAB_OVER_RATE);

	hash = pair_hash(cfg, p);
	random = mix64(hash ^ (number << 8 | (bpf_get_smp_processor_id() & 0xff)));
	if ((__u32)random < cfg->loss_below)
		return drop(LAB_LOST_PROBE);

	share = ((hash & 0xffffffff) * 1000) >> 32;
	small = ((hash >> 32 & 0xffff) * 1000) >> 16;
	flags = TCP_RST;
	if (p->flags & TCP_ACK) {
		/* A kernel that connects must find the connection made. */
		if (share < cfg->open_below && !p->payload_len &&
		    !(p->flags & (TCP_SYN | TCP_FIN)) &&
		    p->ack == (__u32)(hash * LAB_MIX_ISN >> 32) + 1)
			return drop(LAB_HANDSHAKE);
		counter = LAB_ACK;
		seq = p->ack;
	} else if (!(p->flags & TCP_SYN)) {
		return drop(LAB_ODD_FLAGS);
	} else {
		ack = p->seq + 1 + p->payload_len;
		if (share < cfg->open_below) {
			counter = LAB_OPEN;
			flags = TCP_SYN | TCP_ACK;
			ack = p->seq + 1;
			seq = hash * LAB_MIX_ISN >> 32;
		} else if (share < cfg->closed_below) {
			counter = LAB_CLOSED;
			flags = TCP_RST | TCP_ACK;
		} else if (share < cfg->icmp_below) {
			counter = LAB_ICMP;
		} else if (small < cfg->forge) {
			counter = LAB_FORGED;
			flags = TCP_SYN | TCP_ACK;
			ack = p->seq ^ 0x5bd1e995;
			seq = hash * LAB_MIX_ISN >> 32;
		} else {
			return drop(LAB_SILENT);
		}
		if (counter != LAB_FORGED) {
			if (cfg->lose_first &&
			    ((hash >> 48) * 1000) >> 16 < cfg->lose_first &&
			    is_first_packet(cfg, hash))
				return drop(LAB_LOST_FIRST);
			if (small < cfg->dup)
				copies = LAB_MAX_COPIES;
		}
	}
	count_by(counter, 1);
	if (cfg->loss_below) {
		__u32 left = surviving(cfg, copies, random);

		if (left < copies)
			count_by(LAB_LOST_REPLY, copies - left);
		if (!left)
			return XDP_DROP;
		copies = left;
	}
	failed = counter == LAB_ICMP ? write_unreachable(ctx, cfg, p, hash) :
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
	p->tcp_len = (tcp->off >> 4) * 4;
	if (p->tcp_len < TCP_LEN || p->tcp_len > len ||
	    (void *)tcp + p->tcp_len > data_end)
		return LAB_MALFORMED;
	p->payload_len = len - p->tcp_len;
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
	SUM_WORDS(sum, (void *)tcp, p->tcp_len / 4, TCP_MAX_LEN / 4, data_end,
		  truncated);
	if (truncated)
		return LAB_MALFORMED;
	/* A kernel peer leaves the sum of the pseudo header for the card. */
	if (fold(sum) != 0xffff && tcp->csum != pseudo)
		return LAB_BAD_CHECKSUM;
	return 0;
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

SEC("xdp.frags")
int lab_far_end(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct probe p = {};
	struct lab_config *cfg;
	__u32 zero = 0, len;
	int fault, i;
	__u16 type;

	cfg = bpf_map_lookup_elem(&lab_config, &zero);
	if (!cfg || data + ETH_LEN > data_end)
		return XDP_PASS;
	type = eth->type;
	p.l3_off = ETH_LEN;
#pragma unroll
	for (i = 0; i < 2; i++) {
		__u32 *tag = data + 12 + 4 * i;

		if (type != bpf_htons(TYPE_VLAN) && type != bpf_htons(TYPE_QINQ))
			break;
		if (data + ETH_LEN + 4 * (i + 1) > data_end)
			break;
		p.tags[i] = *tag;
		type = *(__u16 *)(data + 16 + 4 * i);
		p.l3_off += 4;
	}
	p.type_be = type;
	__builtin_memcpy(p.peer_mac, eth->src, 6);

	if (type == bpf_htons(TYPE_IPV4)) {
		struct ipv4 *ip = data + p.l3_off;
		__u64 sum = 0;
		int truncated = 0;

		if ((void *)(ip + 1) > data_end || !is_lab_v4(ip->dst))
			goto pass;
		p.ip_len = (ip->ver_ihl & 15) * 4;
		len = bpf_ntohs(ip->len);
		if (ip->ver_ihl >> 4 != 4 || p.ip_len < IPV4_LEN || len < p.ip_len ||
		    (void *)ip + len > data_end)
			return drop(LAB_MALFORMED);
		SUM_WORDS(sum, (void *)ip, p.ip_len / 4, 15, data_end, truncated);
		if (truncated)
			return drop(LAB_MALFORMED);
		if (fold(sum) != 0xffff)
			return drop(LAB_BAD_CHECKSUM);
		if (ip->proto != PROTO_TCP || ip->frag & bpf_htons(0x3fff))
			return drop(LAB_NOT_TCP);
		p.src[0] = ip->src;
		p.dst[0] = ip->dst;
		fault = parse_tcp(&p, (void *)ip + p.ip_len, len - p.ip_len, data_end);
	} else if (type == bpf_htons(TYPE_IPV6)) {
		struct ipv6 *ip = data + p.l3_off;

		if ((void *)(ip + 1) > data_end || !is_lab_v6(ip->dst))
			goto pass;
		p.v6 = 1;
		p.ip_len = IPV6_LEN;
		len = bpf_ntohs(ip->len);
		if ((void *)(ip + 1) + len > data_end)
			return drop(LAB_MALFORMED);
		if (ip->next != PROTO_TCP)
			return drop(LAB_NOT_TCP);
		__builtin_memcpy(p.src, ip->src, 16);
		__builtin_memcpy(p.dst, ip->dst, 16);
		fault = parse_tcp(&p, (void *)(ip + 1), len, data_end);
	} else {
		goto pass;
	}
	if (fault)
		return drop(fault);
	if (!same_mac(eth->dst, cfg->router_mac))
		return drop(LAB_WRONG_MAC);
	return answer(ctx, cfg, &p);
pass:
	count_by(LAB_PASSED, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
