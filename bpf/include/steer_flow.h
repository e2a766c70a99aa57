/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Answers to the probes that ask for an operating system: a part of steer.bpf.c, for
 * its addresses and ports.
 *
 * Those probes are odd on purpose, and so are their answers: any flags, any numbers.
 * What tells them is their flow: from a host that is being asked (the map), from one of
 * the ports that it is asked at, to one of the ports that ask. For echoes the identifier
 * stands for our port. An ICMP error counts where the packet that it quotes is of such
 * a flow, whoever sends it. Where nothing but destination options is quoted, that is
 * our packet with an option that nobody knows; its first bytes hold our port where an
 * echo request has its identifier.
 */
#ifndef STEER_FLOW_H
#define STEER_FLOW_H

static __always_inline struct prtip_flow *flow_with(const struct peer *peer)
{
	__u64 key[2] = { peer->addr[0], peer->addr[1] };

	if (!peer->v6) {
		__u32 *words = (__u32 *)key;

		words[3] = words[0];
		words[2] = bpf_htonl(0xffff);
		words[0] = words[1] = 0;
	}
	return bpf_map_lookup_elem(&flows, key);
}

static __always_inline enum prtip_verdict
flow_tcp(const struct peer *peer, const struct tcphdr *tcp)
{
	struct prtip_flow *flow;

	if (!is_our_port(tcp->dest))
		return PRTIP_PASS_OTHER;
	flow = flow_with(peer);
	if (!flow || (tcp->source != flow->open_be && tcp->source != flow->closed_be))
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_FLOW;
}

static __always_inline enum prtip_verdict
flow_echo(const struct peer *peer, const struct icmp *icmp)
{
	if (!is_our_port(icmp->id))
		return PRTIP_PASS_OTHER;
	return flow_with(peer) ? PRTIP_STEER_FLOW : PRTIP_PASS_COOKIE;
}

static __always_inline enum prtip_verdict
flow_quoted(const struct peer *peer, __u8 proto, const union quoted *quoted)
{
	int ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
	struct prtip_flow *flow;

	if (!is_our_port(ports ? quoted->source : quoted->icmp.id))
		return PRTIP_PASS_OTHER;
	flow = flow_with(peer);
	if (!flow)
		return PRTIP_PASS_COOKIE;
	if (proto == IPPROTO_TCP && quoted->dest != flow->open_be &&
	    quoted->dest != flow->closed_be)
		return PRTIP_PASS_COOKIE;
	if (proto == IPPROTO_UDP && quoted->dest != flow->closed_udp_be)
		return PRTIP_PASS_COOKIE;
	return PRTIP_STEER_FLOW;
}

#endif
