/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UDP and ICMP echo at the far end: a datagram or an echo request is read,
 * answered by the pair's state, and the reply written.  What a UDP service says
 * is lab_udp.h's affair.
 */
#ifndef PRTIP_LAB_DATAGRAM_H
#define PRTIP_LAB_DATAGRAM_H

#include "lab_pair.h"
#include "lab_udp.h"

/* Parts of a payload that a checksum is verified over; more is left alone. */
#define SUM_CHUNKS 4

/* Where a reply of UDP is made. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datagram);
} lab_datagram SEC(".maps");

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
		failed = write_error(ctx, cfg, p, hash, said == SAID_CLOSED);
	else if (proto == PROTO_UDP)
		failed = write_service(ctx, cfg, p, d, hash, said == SAID_FORGED);
	else
		failed = write_echo(ctx, cfg, p, said == SAID_FORGED);
	if (failed)
		return drop(LAB_UNSENT);
	return send(ctx, cfg, p, proto, hash, copies);
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

#endif
