/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* An XDP program that hands everything to the kernel. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int pass_all(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
