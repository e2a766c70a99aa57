/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The steering program of a scan.  It picks the true replies to our own probes
 * out of the traffic of an interface and redirects them to the AF_XDP socket of
 * the queue they came in on.  Everything else passes untouched, so the host goes
 * on as if no scan were running.
 *
 * A reply is true when it carries the cookie (see include/prtip.h) of the probe
 * it claims to answer: a SYN-ACK with ack = cookie + 1, a RST with ack = cookie
 * or cookie + 1, an ICMP or ICMPv6 error whose quoted TCP header has seq =
 * cookie.  Checksums are not looked at: a kernel peer on a virtual link leaves
 * them unfilled, and the cookie decides.
 *
 * Only the linear part of a multi-buffer frame is read; every header that counts
 * lies there.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "prtip.h"

/* <linux/icmp.h> and <linux/icmpv6.h> ask for headers of a 32-bit libc. */
struct icmp_error {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 unused;
};

#define ICMP4_UNREACHABLE 3
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER_PROBLEM 12
#define ICMP6_UNREACHABLE 1
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER_PROBLEM 4

#define MAX_VLAN_TAGS 2
#define MAX_IPV6_EXTENSIONS 4
#define IPV4_FRAGMENT 0x3fff      /* more fragments, or an offset */

/* What an ICMP error quotes at least of a TCP header. */
struct quoted_tcp {
	__be16 source;
	__be16 dest;
	__be32 seq;
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* Every IPv6 extension header but the authentication header, which counts its
 * length in other units. */
struct ipv6_extension {
	__u8 next;
	__u8 len;
};

const volatile struct prtip_steer_config config = {};

/* The AF_XDP socket of each receive queue.  User space sets max_entries of this
 * and the next map to the number of queues before the program is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* Frames redirected, by receive queue: what each socket must account for. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} steered SEC(".maps");

/* Every frame, by verdict. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PRTIP_VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline int is_our_port(__be16 port_be)
{
	__u16 port = bpf_ntohs(port_be);

	return port >= config.port_first && port <= config.port_last;
}

static __always_inline int is_our_addr6(const struct in6_addr *addr)
{
	const volatile __u32 *ours = (const volatile __u32 *)config.source_v6;

	return addr->s6_addr32[0] == ours[0] && addr->s6_addr32[1] == ours[1] &&
	       addr->s6_addr32[2] == ours[2] && addr->s6_addr32[3] == ours[3];
}

static __always_inline __u32 cookie4(__be32 addr, __be16 port, __be16 our_port)
{
	struct prtip_key key = { config.tcp4.k0, config.tcp4.k1 };

	return prtip_cookie4(&key, addr, port, our_port);
}

static __always_inline __u32 cookie6(const struct in6_addr *addr, __be16 port,
				     __be16 our_port)
{
	struct prtip_key key = { config.tcp6.k0, config.tcp6.k1 };
	__u64 words[2] = {
		(__u64)addr->s6_addr32[0] | (__u64)addr->s6_addr32[1] << 32,
		(__u64)addr->s6_addr32[2] | (__u64)addr->s6_addr32[3] << 32,
	};

	return prtip_cookie6(&key, words, port, our_port);
}

/* Whether a TCP segment could answer a SYN of ours, its cookie aside. */
static __always_inline enum prtip_verdict tcp_shape(const struct tcphdr *tcp)
{
	if (tcp->doff < 5)
		return PRTIP_PASS_MALFORMED;
	if (!is_our_port(tcp->dest))
		return PRTIP_PASS_OTHER;
	if (tcp->rst)
		return PRTIP_STEER_RST;
	if (tcp->syn && tcp->ack)
		return PRTIP_STEER_SYN_ACK;
	return PRTIP_PASS_OTHER;
}

/* `shape` stands when the segment acknowledges the probe with `cookie`. */
static __always_inline enum prtip_verdict
tcp_verdict(enum prtip_verdict shape, const struct tcphdr *tcp, __u32 cookie)
{
	__u32 ack = bpf_ntohl(tcp->ack_seq);

	if (ack == cookie + 1)
		return shape;
	if (ack == cookie && shape == PRTIP_STEER_RST)
		return shape;
	return PRTIP_PASS_COOKIE;
}

static __always_inline enum prtip_verdict
icmp4_verdict(void *at, __u32 room, void *data_end)
{
	struct icmp_error *icmp = at;
	struct iphdr *quoted = (void *)(icmp + 1);
	struct quoted_tcp *tcp;
	__u32 header_len;

	if ((void *)(icmp + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (icmp->type != ICMP4_UNREACHABLE &&
	    icmp->type != ICMP4_TIME_EXCEEDED &&
	    icmp->type != ICMP4_PARAMETER_PROBLEM)
		return PRTIP_PASS_OTHER;
	if ((void *)(quoted + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (quoted->version != 4 || quoted->ihl < 5)
		return PRTIP_PASS_MALFORMED;
	if (quoted->protocol != IPPROTO_TCP ||
	    quoted->saddr != config.source_v4_be ||
	    quoted->frag_off & bpf_htons(IPV4_FRAGMENT))
		return PRTIP_PASS_OTHER;
	header_len = quoted->ihl * 4;
	tcp = (void *)quoted + header_len;
	if ((void *)(tcp + 1) > data_end ||
	    room < sizeof(*icmp) + header_len + sizeof(*tcp))
		return PRTIP_PASS_MALFORMED;
	if (!is_our_port(tcp->source))
		return PRTIP_PASS_OTHER;
	if (bpf_ntohl(tcp->seq) != cookie4(quoted->daddr, tcp->dest, tcp->source))
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_ICMP;
}

static __always_inline enum prtip_verdict
ipv4_verdict(void *at, void *data_end)
{
	struct iphdr *ip = at;
	enum prtip_verdict shape;
	struct tcphdr *tcp;
	__u32 header_len, room;
	void *l4;

	if ((void *)(ip + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (ip->version != 4 || ip->ihl < 5)
		return PRTIP_PASS_MALFORMED;
	if (!config.source_v4_be || ip->daddr != config.source_v4_be)
		return PRTIP_PASS_OTHER;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_ICMP)
		return PRTIP_PASS_OTHER;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return PRTIP_PASS_FRAGMENT;

	header_len = ip->ihl * 4;
	l4 = at + header_len;
	room = bpf_ntohs(ip->tot_len);
	if (room < header_len)
		return PRTIP_PASS_MALFORMED;
	room -= header_len;
	if (ip->protocol == IPPROTO_ICMP)
		return icmp4_verdict(l4, room, data_end);

	tcp = l4;
	if ((void *)(tcp + 1) > data_end || room < sizeof(*tcp))
		return PRTIP_PASS_MALFORMED;
	shape = tcp_shape(tcp);
	if (shape < PRTIP_STEER_SYN_ACK)
		return shape;
	return tcp_verdict(shape, tcp, cookie4(ip->saddr, tcp->source, tcp->dest));
}

static __always_inline enum prtip_verdict
icmp6_verdict(void *at, __u32 room, void *data_end)
{
	struct icmp_error *icmp = at;
	struct ipv6hdr *quoted = (void *)(icmp + 1);
	struct quoted_tcp *tcp = (void *)(quoted + 1);

	if ((void *)(icmp + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (icmp->type != ICMP6_UNREACHABLE &&
	    icmp->type != ICMP6_TIME_EXCEEDED &&
	    icmp->type != ICMP6_PARAMETER_PROBLEM)
		return PRTIP_PASS_OTHER;
	if ((void *)(tcp + 1) > data_end ||
	    room < sizeof(*icmp) + sizeof(*quoted) + sizeof(*tcp))
		return PRTIP_PASS_MALFORMED;
	if (quoted->version != 6)
		return PRTIP_PASS_MALFORMED;
	/* Our probes have no extension headers. */
	if (quoted->nexthdr != IPPROTO_TCP || !is_our_addr6(&quoted->saddr) ||
	    !is_our_port(tcp->source))
		return PRTIP_PASS_OTHER;
	if (bpf_ntohl(tcp->seq) != cookie6(&quoted->daddr, tcp->dest, tcp->source))
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_ICMP;
}

static __always_inline enum prtip_verdict
ipv6_verdict(void *at, void *data_end)
{
	struct ipv6hdr *ip = at;
	void *l4 = ip + 1;
	enum prtip_verdict shape;
	struct tcphdr *tcp;
	__u32 room;
	__u8 next;
	int i;

	if ((void *)(ip + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (ip->version != 6)
		return PRTIP_PASS_MALFORMED;
	/* No IPv6 scan: our address is ::, which nothing is sent to. */
	if (!is_our_addr6(&ip->daddr))
		return PRTIP_PASS_OTHER;

	room = bpf_ntohs(ip->payload_len);
	next = ip->nexthdr;
#pragma unroll
	for (i = 0; i < MAX_IPV6_EXTENSIONS; i++) {
		struct ipv6_extension *extension = l4;
		__u32 len;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		    next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
			break;
		if ((void *)(extension + 1) > data_end)
			return PRTIP_PASS_MALFORMED;
		len = next == IPPROTO_AH ? (extension->len + 2) * 4 :
					   (extension->len + 1) * 8;
		if (room < len)
			return PRTIP_PASS_MALFORMED;
		next = extension->next;
		room -= len;
		l4 += len;
	}
	if (next == IPPROTO_FRAGMENT)
		return PRTIP_PASS_FRAGMENT;
	if (next == IPPROTO_ICMPV6)
		return icmp6_verdict(l4, room, data_end);
	if (next != IPPROTO_TCP)
		return PRTIP_PASS_OTHER;

	tcp = l4;
	if ((void *)(tcp + 1) > data_end || room < sizeof(*tcp))
		return PRTIP_PASS_MALFORMED;
	shape = tcp_shape(tcp);
	if (shape < PRTIP_STEER_SYN_ACK)
		return shape;
	return tcp_verdict(shape, tcp,
			   cookie6(&ip->saddr, tcp->source, tcp->dest));
}

static __always_inline enum prtip_verdict
frame_verdict(void *data, void *data_end)
{
	struct ethhdr *eth = data;
	void *at = eth + 1;
	__be16 proto;
	int i;

	if (at > data_end)
		return PRTIP_PASS_MALFORMED;
	proto = eth->h_proto;
#pragma unroll
	for (i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_tag *tag = at;

		if (proto != bpf_htons(ETH_P_8021Q) &&
		    proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > data_end)
			return PRTIP_PASS_MALFORMED;
		proto = tag->proto;
		at = tag + 1;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return ipv4_verdict(at, data_end);
	if (proto == bpf_htons(ETH_P_IPV6))
		return ipv6_verdict(at, data_end);
	return PRTIP_PASS_OTHER;
}

static __always_inline void count(void *map, __u32 index)
{
	__u64 *counter = bpf_map_lookup_elem(map, &index);

	if (counter)
		*counter += 1;
}

/* Puts the receive time in front of the frame, where the driver has room. */
static __always_inline void stamp(struct xdp_md *ctx)
{
	struct prtip_rx_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return;
	meta->rx_ns = bpf_ktime_get_ns();
	meta->tag = meta->rx_ns ^ PRTIP_RX_META_MAGIC;
}

SEC("xdp.frags")
int prtip_steer(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	enum prtip_verdict verdict;

	verdict = frame_verdict((void *)(long)ctx->data,
				(void *)(long)ctx->data_end);
	/* bpf_redirect_map only notes the target, so a frame that finds no
	 * socket passes as it came. */
	if (verdict >= PRTIP_STEER_SYN_ACK &&
	    bpf_redirect_map(&sockets, queue, XDP_PASS) != XDP_REDIRECT)
		verdict = PRTIP_NO_SOCKET;
	count(&verdicts, verdict);
	if (verdict < PRTIP_STEER_SYN_ACK || verdict == PRTIP_NO_SOCKET)
		return XDP_PASS;
	count(&steered, queue);
	stamp(ctx);
	return XDP_REDIRECT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
