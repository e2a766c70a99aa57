/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The programs that the benchmarks measure against: a far end that drops, and a
 * steering program that checks nothing.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} bare_sockets SEC(".maps");

static __always_inline int is_ip(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return 0;
	return eth->h_proto == bpf_htons(ETH_P_IP) ||
	       eth->h_proto == bpf_htons(ETH_P_IPV6);
}

/* Far end: drops every IP packet; ARP goes on to the kernel. */
SEC("xdp.frags")
int bench_drop(struct xdp_md *ctx)
{
	return is_ip(ctx) ? XDP_DROP : XDP_PASS;
}

/* Near end: every IP packet goes to the AF_XDP socket of its queue. */
SEC("xdp.frags")
int bench_redirect(struct xdp_md *ctx)
{
	if (!is_ip(ctx))
		return XDP_PASS;
	return bpf_redirect_map(&bare_sockets, ctx->rx_queue_index, XDP_PASS);
}

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bare_way_out SEC(".maps");

/* Live frames that nobody writes to: each leaves as it has come back. */
SEC("xdp")
int bench_constant(struct xdp_md *ctx)
{
	return bpf_redirect_map(&bare_way_out, 0, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
