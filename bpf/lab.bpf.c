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
 * the reply are lost -> out.
 *
 *   lab_frame.h     what frames look like
 *   lab_pair.h      what a pair is, and what happens to its packets on the way
 *   lab_tcp.h       segments: the program lab_far_end
 *   lab_datagram.h  UDP and ICMP echo: lab_datagrams, which lab_far_end calls
 *   lab_udp.h       what a UDP service says
 *
 * Replies go out through a DEVMAP that holds this very interface, not by
 * XDP_TX: veth drops XDP_TX frames unless the other end has an XDP program,
 * which a scanner on AF_PACKET does not have.  k slots and BPF_F_BROADCAST give
 * k copies.  With delay, replies go to user space, in front of each its due
 * time.
 */
#include "lab_datagram.h"
#include "lab_tcp.h"

/* lab_datagrams. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} lab_programs SEC(".maps");

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
	if (cfg->flags & LAB_FLAG_ANSWERED)
		p.came_ns = bpf_ktime_get_ns();
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
	if (cfg->flags & LAB_FLAG_ANSWERED)
		p.came_ns = bpf_ktime_get_ns();
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
