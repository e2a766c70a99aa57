/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Frames as the lab's far end reads and writes them: headers as on the wire,
 * what a reply needs to know of its probe, checksums, the Ethernet and IP headers
 * of a reply, and ICMP errors.  Decides nothing but whose an address is.
 */
#ifndef PRTIP_LAB_FRAME_H
#define PRTIP_LAB_FRAME_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lab.h"

#define INLINE static inline __attribute__((always_inline))

/* Spelled out: clang 14 cannot use all of the kernel's headers for bpf. */
#define ETH_LEN 14
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMPV6 58
#define IPV4_LEN 20
#define IPV6_LEN 40
#define ICMP_LEN 8
#define UDP_LEN 8
#define ECHO 8
#define ECHO_REPLY 0
#define ECHO6 128
#define ECHO_REPLY6 129
#define TCP_LEN 20
#define TCP_MAX_LEN 60
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define WINDOW 64240
#define HOP_LIMIT 64
#define QUOTE_MAX 28
#define FORGE_MASK 0x5bd1e995

struct eth {
	__u8 dst[6];
	__u8 src[6];
	__u16 type;
};

struct ipv4 {
	__u8 ver_ihl;
	__u8 tos;
	__u16 len;
	__u16 id;
	__u16 frag;
	__u8 ttl;
	__u8 proto;
	__u16 csum;
	__u32 src;
	__u32 dst;
};

struct ipv6 {
	__u32 ver_flow;
	__u16 len;
	__u8 next;
	__u8 hops;
	__u32 src[4];
	__u32 dst[4];
};

struct tcp {
	__u16 src;
	__u16 dst;
	__u32 seq;
	__u32 ack;
	__u8 off;
	__u8 flags;
	__u16 window;
	__u16 csum;
	__u16 urgent;
};

struct icmp {
	__u8 type;
	__u8 code;
	__u16 csum;
	__u32 rest;          /* of an echo: id and sequence number; else zero */
};

struct udp {
	__u16 src;
	__u16 dst;
	__u16 len;
	__u16 csum;
};

/* What a reply needs to know of its probe. */
struct probe {
	__u32 l3_off;        /* 14, 18 or 22 */
	__u32 ip_len;        /* IPv4 with options, or 40 */
	__u32 quotable;      /* what an error may quote behind the IP header: for TCP
			      * its header with options; a multiple of 4 */
	__u32 payload_len;
	__u32 v6;
	__u32 tags[2];       /* VLAN tags as on the wire */
	__u8 peer_mac[6];
	__u16 type_be;
	__u32 src[4];        /* the scanner; IPv4 in [0] */
	__u32 dst[4];
	__u16 sport_be;
	__u16 dport_be;
	__u32 seq;
	__u32 ack;
	__u32 flags;
	__u64 came_ns;       /* where answers are noted */
};

INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* Sum of up to `max` 32-bit words of the packet, of which `words` count.  The
 * empty asm keeps clang from rewriting the bound as arithmetic on data_end,
 * which the verifier forbids. */
#define SUM_WORDS(sum, ptr, words, max, data_end, truncated)                   \
	do {                                                                   \
		__u32 *word_ = (ptr);                                          \
		int i_;                                                        \
		for (i_ = 0; i_ < (max); i_++) {                               \
			if (i_ >= (int)(words))                                \
				break;                                         \
			asm volatile("" : "+r"(word_));                        \
			if ((void *)(word_ + 1) > (data_end)) {                \
				truncated = 1;                                 \
				break;                                         \
			}                                                      \
			sum += *word_++;                                       \
		}                                                              \
	} while (0)

INLINE __u64 pseudo_header(const struct probe *p, __u32 proto, __u32 len)
{
	__u64 sum = (__u64)p->src[0] + p->dst[0];

	if (p->v6)
		sum += (__u64)p->src[1] + p->src[2] + p->src[3] + p->dst[1] +
		       p->dst[2] + p->dst[3];
	return sum + bpf_htons(proto) + bpf_htons(len);
}

/* By hand: clang 14 makes a call of __builtin_memcmp. */
INLINE int same_mac(const __u8 *a, const __u8 *b)
{
	const __u16 *x = (const void *)a, *y = (const void *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

/* Addresses the frame back to the scanner, tags and all. */
INLINE int write_ethernet(const struct lab_config *cfg, const struct probe *p,
			  void *data, void *data_end)
{
	struct eth *eth = data;
	__u32 *tags = data + 12;

	/* Every reply has more behind than two tags take. */
	if (data + 22 > data_end)
		return -1;
	__builtin_memcpy(eth->dst, p->peer_mac, 6);
	__builtin_memcpy(eth->src, cfg->router_mac, 6);
	if (p->l3_off == ETH_LEN) {
		eth->type = p->type_be;
		return 0;
	}
	tags[0] = p->tags[0];
	if (p->l3_off > ETH_LEN + 4)
		tags[1] = p->tags[1];
	*(__u16 *)(data + (p->l3_off > ETH_LEN + 4 ? 20 : 16)) = p->type_be;
	return 0;
}

/* An IPv4 header without options; `src` and `dst` as on the wire. */
INLINE void write_ipv4(struct ipv4 *ip, __u32 src, __u32 dst, __u8 proto,
		       __u32 payload_len)
{
	__u64 sum;

	ip->ver_ihl = 0x45;
	ip->tos = 0;
	ip->len = bpf_htons(IPV4_LEN + payload_len);
	ip->id = 0;
	ip->frag = bpf_htons(0x4000);
	ip->ttl = HOP_LIMIT;
	ip->proto = proto;
	ip->csum = 0;
	ip->src = src;
	ip->dst = dst;
	sum = (__u64)bpf_htons(0x4500) + ip->len + ip->frag +
	      bpf_htons(HOP_LIMIT << 8 | proto) + src + dst;
	ip->csum = ~fold(sum);
}

INLINE void write_ipv6(struct ipv6 *ip, const __u32 *src, const __u32 *dst,
		       __u8 next, __u32 payload_len)
{
	ip->ver_flow = bpf_htonl(0x60000000);
	ip->len = bpf_htons(payload_len);
	ip->next = next;
	ip->hops = HOP_LIMIT;
	__builtin_memcpy(ip->src, src, 16);
	__builtin_memcpy(ip->dst, dst, 16);
}

INLINE int resize(struct xdp_md *ctx, __u32 want)
{
	long have = bpf_xdp_get_buff_len(ctx);

	/* Longer at the front: a veth has room there, and behind the frame perhaps
	 * none.  Who asks for more writes the whole frame anew. */
	if ((long)want > have)
		return bpf_xdp_adjust_head(ctx, (int)(have - (long)want));
	return bpf_xdp_adjust_tail(ctx, (int)want - (int)have);
}

/* Turns the frame into an ICMP error that quotes the IP header and 8 to 28 bytes
 * behind it: from the router "administratively prohibited" or "host unreachable",
 * from the target itself "port unreachable". */
INLINE int write_error(struct xdp_md *ctx, const struct lab_config *cfg,
		       const struct probe *p, __u64 hash, int from_target)
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
		if (from_target)
			__builtin_memcpy(from, p->dst, 16);
		else
			__builtin_memcpy(from, cfg->router_v6, 16);
		write_ipv6(ip, from, p->src, PROTO_ICMPV6, ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 1;
		icmp->code = from_target ? 4 : 1;
		sum = (__u64)from[0] + from[1] + from[2] + from[3] +
		      p->src[0] + p->src[1] + p->src[2] + p->src[3] +
		      bpf_htons(PROTO_ICMPV6) + bpf_htons(ICMP_LEN + quote) +
		      bpf_htons(0x0100 | icmp->code);
	} else {
		struct ipv4 *ip = data + l3_off;
		__u32 from = from_target ? p->dst[0] : cfg->router_v4_be;

		if ((void *)(ip + 1) > data_end)
			return -1;
		write_ipv4(ip, from, p->src[0], PROTO_ICMP, ICMP_LEN + quote);
		icmp = (void *)(ip + 1);
		if ((void *)(icmp + 1) > data_end)
			return -1;
		icmp->type = 3;
		icmp->code = from_target ? 3 : hash >> 8 & 1 ? 13 : 1;
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

#endif
