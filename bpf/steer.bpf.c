/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The steering program of a scan.  It picks the true replies to our own probes
 * out of the traffic of an interface and redirects them to the AF_XDP socket of
 * the queue they came in on.  Everything else passes untouched, so the host goes
 * on as if no scan were running.
 *
 * A reply is true when it carries the cookie (see include/prtip.h) of the probe
 * it claims to answer: a SYN-ACK with ack = cookie + 1; a RST with ack = cookie
 * or cookie + 1 (it answers a SYN) or seq = cookie (an ACK); an echo reply with
 * id, sequence number and first bytes of the request; an ICMP or ICMPv6 error
 * that quotes such a field.  Of a UDP datagram, and of an error that quotes one,
 * only the ports are judged here: they must be those that the hash has chosen
 * for the address; the transaction id is judged in user space.  Checksums are
 * not looked at: a kernel peer on a virtual link leaves them unfilled, and the
 * cookie decides.
 *
 * Where operating systems are asked for (config.flows) there is no cookie that all
 * answers could carry: those of exactly the flows in a map are steered, see
 * include/steer_flow.h.
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
struct icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;               /* of an echo; unused in errors */
	__be16 seq;
};

#define ICMP4_ECHO_REPLY 0
#define ICMP4_ECHO 8
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP4_UNREACHABLE 3
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER_PROBLEM 12
#define ICMP6_UNREACHABLE 1
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER_PROBLEM 4

#define MAX_VLAN_TAGS 2
#define MAX_IPV6_EXTENSIONS 4
#define IPV4_FRAGMENT 0x3fff      /* more fragments, or an offset */

/* What an ICMP error quotes at least of a probe. */
union quoted {
	struct {
		__be16 source;
		__be16 dest;
		__be32 seq;      /* TCP */
	};
	struct icmp icmp;
};

struct udp {
	__be16 source;
	__be16 dest;
	__be16 len;
	__be16 checksum;
};

/* Which of the keys of one of our addresses. */
enum which { TCP_KEY, UDP_KEY, ICMP_KEY };

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

/* Keys of our further addresses (IPv4 mapped into IPv6), where there are any. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u8[16]);
	__type(value, struct prtip_source_keys);
} more_sources SEC(".maps");

/* Hosts that are being asked for their operating systems, by address (IPv4 mapped into
 * IPv6). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u8[16]);
	__type(value, struct prtip_flow);
} flows SEC(".maps");

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

/* An address of either family, two little-endian words, and the key that holds
 * for it and for one of ours. */
struct peer {
	__u64 addr[2];           /* IPv4 in the low half of [0] */
	struct prtip_key key;
	int v6;
};

static __always_inline int is_our_addr6(const struct in6_addr *addr)
{
	const volatile __u32 *ours = (const volatile __u32 *)config.source_v6;

	return addr->s6_addr32[0] == ours[0] && addr->s6_addr32[1] == ours[1] &&
	       addr->s6_addr32[2] == ours[2] && addr->s6_addr32[3] == ours[3];
}

static __always_inline int further_key(const void *addr, enum which which,
				       struct prtip_key *key)
{
	struct prtip_source_keys *keys = bpf_map_lookup_elem(&more_sources, addr);

	if (!keys)
		return 0;
	*key = which == TCP_KEY ? keys->tcp : which == UDP_KEY ? keys->udp : keys->icmp;
	return 1;
}

#define CONSTANT_KEY(keys, which, key)                                         \
	do {                                                                   \
		if ((which) == TCP_KEY) {                                      \
			(key)->k0 = (keys).tcp.k0;                             \
			(key)->k1 = (keys).tcp.k1;                             \
		} else if ((which) == UDP_KEY) {                               \
			(key)->k0 = (keys).udp.k0;                             \
			(key)->k1 = (keys).udp.k1;                             \
		} else {                                                       \
			(key)->k0 = (keys).icmp.k0;                            \
			(key)->k1 = (keys).icmp.k1;                            \
		}                                                              \
	} while (0)

/* The key for our address `ours`; 0 where it is none of ours. */
static __always_inline int key_of4(__be32 ours, enum which which,
				   struct prtip_key *key)
{
	if (config.source_v4_be && ours == config.source_v4_be) {
		CONSTANT_KEY(config.keys4, which, key);
		return 1;
	}
	if (config.more_sources) {
		__u32 mapped[4] = { 0, 0, bpf_htonl(0xffff), ours };

		return further_key(mapped, which, key);
	}
	return 0;
}

static __always_inline int key_of6(const struct in6_addr *ours, enum which which,
				   struct prtip_key *key)
{
	/* No IPv6 scan: our address is ::, which nothing is sent to. */
	if (is_our_addr6(ours)) {
		CONSTANT_KEY(config.keys6, which, key);
		return 1;
	}
	if (config.more_sources) {
		__u32 copy[4] = { ours->s6_addr32[0], ours->s6_addr32[1],
				  ours->s6_addr32[2], ours->s6_addr32[3] };

		return further_key(copy, which, key);
	}
	return 0;
}

static __always_inline void peer4(struct peer *peer, __be32 addr)
{
	peer->v6 = 0;
	peer->addr[0] = addr;
}

static __always_inline void peer6(struct peer *peer, const struct in6_addr *addr)
{
	peer->v6 = 1;
	peer->addr[0] = (__u64)addr->s6_addr32[0] | (__u64)addr->s6_addr32[1] << 32;
	peer->addr[1] = (__u64)addr->s6_addr32[2] | (__u64)addr->s6_addr32[3] << 32;
}

static __always_inline __u64 token(const struct peer *peer, __be16 port,
				   __be16 our_port)
{
	if (peer->v6)
		return prtip_token6(&peer->key, peer->addr, port, our_port);
	return prtip_token4(&peer->key, (__u32)peer->addr[0], port, our_port);
}

/* Whether our port is one of those that the hash chooses for (peer, port):
 * plan/source_port.rs says how. */
static __always_inline int is_chosen_port(const struct peer *peer, __u16 port,
					  __be16 our_port_be)
{
	__u16 our_port = bpf_ntohs(our_port_be);
	__u64 hash;
	__u32 first;

	if (config.hosts)
		port = 0;
	hash = peer->v6 ? prtip_port_hash6(peer->addr, port, config.salt) :
			  prtip_port_hash4(bpf_ntohl((__u32)peer->addr[0]), port, config.salt);
	first = prtip_first_port(hash, config.slots, config.attempts, config.port_first);
	return our_port >= first && our_port < first + config.attempts;
}

#include "steer_flow.h"

/* Whether a TCP segment could answer a probe of ours, its cookie aside. */
static __always_inline enum prtip_verdict tcp_shape(const struct tcphdr *tcp)
{
	if (tcp->doff < 5)
		return PRTIP_PASS_MALFORMED;
	if (!is_our_port(tcp->dest))
		return PRTIP_PASS_OTHER;
	if (tcp->rst)
		return PRTIP_STEER_RST;
	if (tcp->syn && tcp->ack && config.kinds & PRTIP_KIND_SYN)
		return PRTIP_STEER_SYN_ACK;
	return PRTIP_PASS_OTHER;
}

static __always_inline enum prtip_verdict
tcp_verdict(const struct peer *peer, void *at, __u32 room, void *data_end)
{
	struct tcphdr *tcp = at;
	enum prtip_verdict shape;
	__u32 cookie, ack;

	if ((void *)(tcp + 1) > data_end || room < sizeof(*tcp))
		return PRTIP_PASS_MALFORMED;
	if (config.flows)
		return flow_tcp(peer, tcp);
	shape = tcp_shape(tcp);
	if (shape < PRTIP_STEER_SYN_ACK)
		return shape;
	cookie = token(peer, tcp->source, tcp->dest);
	ack = bpf_ntohl(tcp->ack_seq);
	if (config.kinds & PRTIP_KIND_SYN) {
		if (ack == cookie + 1)
			return shape;
		if (ack == cookie && shape == PRTIP_STEER_RST)
			return shape;
	}
	if (config.kinds & PRTIP_KIND_ACK && shape == PRTIP_STEER_RST &&
	    bpf_ntohl(tcp->seq) == cookie)
		return shape;
	return PRTIP_PASS_COOKIE;
}

static __always_inline enum prtip_verdict
udp_verdict(const struct peer *peer, void *at, __u32 room, void *data_end)
{
	struct udp *udp = at;
	int i;

	if (!(config.kinds & PRTIP_KIND_UDP))
		return PRTIP_PASS_OTHER;
	if ((void *)(udp + 1) > data_end || room < sizeof(*udp))
		return PRTIP_PASS_MALFORMED;
	if (!is_our_port(udp->dest))
		return PRTIP_PASS_OTHER;
	if (is_chosen_port(peer, bpf_ntohs(udp->source), udp->dest))
		return PRTIP_STEER_UDP;
#pragma unroll
	for (i = 0; i < 4; i++) {
		if (config.any_port[i] &&
		    is_chosen_port(peer, config.any_port[i], udp->dest))
			return PRTIP_STEER_UDP;
	}
	return PRTIP_PASS_COOKIE;
}

static __always_inline enum prtip_verdict
echo_verdict(const struct peer *peer, struct icmp *icmp, __u32 room,
	     void *data_end)
{
	__u64 *copy = (void *)(icmp + 1), want;

	if (config.flows)
		return flow_echo(peer, icmp);
	if (!(config.kinds & PRTIP_KIND_ECHO) || !is_our_port(icmp->id))
		return PRTIP_PASS_OTHER;
	if ((void *)(copy + 1) > data_end || room < sizeof(*icmp) + sizeof(*copy))
		return PRTIP_PASS_COOKIE;
	want = token(peer, 0, icmp->id);
	if (icmp->seq != bpf_htons((__u16)want) || *copy != want)
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_ECHO;
}

/* An ICMP error about a probe to `peer`, of which 8 bytes are there. */
static __always_inline enum prtip_verdict
quoted_verdict(const struct peer *peer, __u8 proto, const union quoted *quoted)
{
	if (config.flows)
		return flow_quoted(peer, proto, quoted);
	if (proto == IPPROTO_TCP) {
		if (!is_our_port(quoted->source))
			return PRTIP_PASS_OTHER;
		if (bpf_ntohl(quoted->seq) !=
		    (__u32)token(peer, quoted->dest, quoted->source))
			return PRTIP_PASS_COOKIE;
		return PRTIP_STEER_ICMP;
	}
	if (proto == IPPROTO_UDP) {
		if (!(config.kinds & PRTIP_KIND_UDP) || !is_our_port(quoted->source))
			return PRTIP_PASS_OTHER;
		if (!is_chosen_port(peer, bpf_ntohs(quoted->dest), quoted->source))
			return PRTIP_PASS_COOKIE;
		return PRTIP_STEER_ICMP;
	}
	if (!(config.kinds & PRTIP_KIND_ECHO) || !is_our_port(quoted->icmp.id))
		return PRTIP_PASS_OTHER;
	if (quoted->icmp.type != (peer->v6 ? ICMP6_ECHO : ICMP4_ECHO))
		return PRTIP_PASS_OTHER;
	if (quoted->icmp.seq != bpf_htons((__u16)token(peer, 0, quoted->icmp.id)))
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_ICMP;
}

static __always_inline enum which which_key(__u8 proto)
{
	return proto == IPPROTO_TCP ? TCP_KEY : proto == IPPROTO_UDP ? UDP_KEY : ICMP_KEY;
}

static __always_inline enum prtip_verdict
icmp4_verdict(struct peer *peer, void *at, __u32 room, void *data_end)
{
	struct icmp *icmp = at;
	struct iphdr *quoted = (void *)(icmp + 1);
	union quoted *probe;
	__u32 header_len;

	if ((void *)(icmp + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (icmp->type == ICMP4_ECHO_REPLY)
		return echo_verdict(peer, icmp, room, data_end);
	if (icmp->type != ICMP4_UNREACHABLE &&
	    icmp->type != ICMP4_TIME_EXCEEDED &&
	    icmp->type != ICMP4_PARAMETER_PROBLEM)
		return PRTIP_PASS_OTHER;
	if ((void *)(quoted + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (quoted->version != 4 || quoted->ihl < 5)
		return PRTIP_PASS_MALFORMED;
	if (quoted->protocol != IPPROTO_TCP && quoted->protocol != IPPROTO_UDP &&
	    quoted->protocol != IPPROTO_ICMP)
		return PRTIP_PASS_OTHER;
	if (!key_of4(quoted->saddr, which_key(quoted->protocol), &peer->key) ||
	    quoted->frag_off & bpf_htons(IPV4_FRAGMENT))
		return PRTIP_PASS_OTHER;
	header_len = quoted->ihl * 4;
	probe = (void *)quoted + header_len;
	if ((void *)(probe + 1) > data_end ||
	    room < sizeof(*icmp) + header_len + sizeof(*probe))
		return PRTIP_PASS_MALFORMED;
	peer4(peer, quoted->daddr);
	return quoted_verdict(peer, quoted->protocol, probe);
}

static __always_inline enum prtip_verdict
ipv4_verdict(void *at, void *data_end)
{
	struct iphdr *ip = at;
	struct peer peer = {};
	__u32 header_len, room;
	void *l4;

	if ((void *)(ip + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (ip->version != 4 || ip->ihl < 5)
		return PRTIP_PASS_MALFORMED;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP &&
	    ip->protocol != IPPROTO_ICMP)
		return PRTIP_PASS_OTHER;
	if (!key_of4(ip->daddr, which_key(ip->protocol), &peer.key))
		return PRTIP_PASS_OTHER;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return PRTIP_PASS_FRAGMENT;

	header_len = ip->ihl * 4;
	l4 = at + header_len;
	room = bpf_ntohs(ip->tot_len);
	if (room < header_len)
		return PRTIP_PASS_MALFORMED;
	room -= header_len;
	peer4(&peer, ip->saddr);
	if (ip->protocol == IPPROTO_TCP)
		return tcp_verdict(&peer, l4, room, data_end);
	if (ip->protocol == IPPROTO_UDP)
		return udp_verdict(&peer, l4, room, data_end);
	return icmp4_verdict(&peer, l4, room, data_end);
}

static __always_inline enum prtip_verdict
icmp6_verdict(struct peer *peer, void *at, __u32 room, void *data_end)
{
	struct icmp *icmp = at;
	struct ipv6hdr *quoted = (void *)(icmp + 1);
	union quoted *probe = (void *)(quoted + 1);

	if ((void *)(icmp + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (icmp->type == ICMP6_ECHO_REPLY)
		return echo_verdict(peer, icmp, room, data_end);
	if (icmp->type != ICMP6_UNREACHABLE &&
	    icmp->type != ICMP6_TIME_EXCEEDED &&
	    icmp->type != ICMP6_PARAMETER_PROBLEM)
		return PRTIP_PASS_OTHER;
	if ((void *)(probe + 1) > data_end ||
	    room < sizeof(*icmp) + sizeof(*quoted) + sizeof(*probe))
		return PRTIP_PASS_MALFORMED;
	if (quoted->version != 6)
		return PRTIP_PASS_MALFORMED;
	/* Our probes have no extension headers, but for one that asks for a system. */
	if (quoted->nexthdr != IPPROTO_TCP && quoted->nexthdr != IPPROTO_UDP &&
	    quoted->nexthdr != IPPROTO_ICMPV6 &&
	    !(config.flows && quoted->nexthdr == IPPROTO_DSTOPTS))
		return PRTIP_PASS_OTHER;
	if (!key_of6(&quoted->saddr, which_key(quoted->nexthdr), &peer->key))
		return PRTIP_PASS_OTHER;
	peer6(peer, &quoted->daddr);
	return quoted_verdict(peer, quoted->nexthdr, probe);
}

static __always_inline enum prtip_verdict
ipv6_verdict(void *at, void *data_end)
{
	struct ipv6hdr *ip = at;
	struct peer peer = {};
	void *l4 = ip + 1;
	__u32 room;
	__u8 next;
	int i;

	if ((void *)(ip + 1) > data_end)
		return PRTIP_PASS_MALFORMED;
	if (ip->version != 6)
		return PRTIP_PASS_MALFORMED;
	/* Most traffic ends here. */
	if (!config.more_sources && !is_our_addr6(&ip->daddr))
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
	if (next != IPPROTO_TCP && next != IPPROTO_UDP && next != IPPROTO_ICMPV6)
		return PRTIP_PASS_OTHER;
	if (!key_of6(&ip->daddr, which_key(next), &peer.key))
		return PRTIP_PASS_OTHER;
	peer6(&peer, &ip->saddr);
	if (next == IPPROTO_TCP)
		return tcp_verdict(&peer, l4, room, data_end);
	if (next == IPPROTO_UDP)
		return udp_verdict(&peer, l4, room, data_end);
	return icmp6_verdict(&peer, l4, room, data_end);
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
