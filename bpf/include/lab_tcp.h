/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP at the far end: a segment is read, answered by the pair's state, and the
 * reply written from scratch, because the segment of a kernel peer may carry an
 * unfilled checksum.
 */
#ifndef PRTIP_LAB_TCP_H
#define PRTIP_LAB_TCP_H

#include "lab_pair.h"

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
	failed = said == SAID_ICMP ? write_error(ctx, cfg, p, hash, 0) :
				     write_segment(ctx, cfg, p, flags, seq, ack);
	if (failed)
		return drop(LAB_UNSENT);
	return send(ctx, cfg, p, PROTO_TCP, hash, copies);
}

#endif
