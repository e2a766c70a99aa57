/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the eBPF programs and user space agree on: the cookie hash, the
 * configuration of the steering program and its verdict counters.
 *
 * Every struct here has a twin in bpf/src/abi.rs with a compile-time size
 * check; tests hold the two sides equal.  Addresses and ports named *_be are in
 * network byte order, everything else is in host byte order.
 */
#ifndef PRTIP_H
#define PRTIP_H

#include <linux/types.h>

/* ---- cookie ---------------------------------------------------------------
 * SipHash-1-3 of (their address, their port, our port) under a key that is
 * already specific to (our address, protocol); the low 32 bits are the cookie.
 *   IPv4 message, 8 bytes, one little-endian word:
 *     their address (4 bytes as on the wire) | their port (2, wire) | our port (2, wire)
 *   IPv6 message, 20 bytes:
 *     their address (16 bytes as on the wire) | their port (2, wire) | our port (2, wire)
 */
struct prtip_key {
	__u64 k0;
	__u64 k1;
};

#define PRTIP_ROTL64(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

#define PRTIP_SIPROUND(v0, v1, v2, v3)                                         \
	do {                                                                   \
		v0 += v1; v1 = PRTIP_ROTL64(v1, 13); v1 ^= v0;                 \
		v0 = PRTIP_ROTL64(v0, 32);                                     \
		v2 += v3; v3 = PRTIP_ROTL64(v3, 16); v3 ^= v2;                 \
		v0 += v3; v3 = PRTIP_ROTL64(v3, 21); v3 ^= v0;                 \
		v2 += v1; v1 = PRTIP_ROTL64(v1, 17); v1 ^= v2;                 \
		v2 = PRTIP_ROTL64(v2, 32);                                     \
	} while (0)

/* `words` full 8-byte words and the final word, which holds the message's
 * length in its top byte as SipHash asks. */
static inline __attribute__((always_inline)) __u64
prtip_siphash13(const struct prtip_key *key, const __u64 *words, int nwords,
		__u64 last)
{
	__u64 v0 = key->k0 ^ 0x736f6d6570736575ULL;
	__u64 v1 = key->k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = key->k0 ^ 0x6c7967656e657261ULL;
	__u64 v3 = key->k1 ^ 0x7465646279746573ULL;
	int i;

#pragma unroll
	for (i = 0; i < nwords; i++) {
		v3 ^= words[i];
		PRTIP_SIPROUND(v0, v1, v2, v3);
		v0 ^= words[i];
	}
	v3 ^= last;
	PRTIP_SIPROUND(v0, v1, v2, v3);
	v0 ^= last;
	v2 ^= 0xff;
	PRTIP_SIPROUND(v0, v1, v2, v3);
	PRTIP_SIPROUND(v0, v1, v2, v3);
	PRTIP_SIPROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* The cookie in the low half, and 32 bits more, which UDP payloads and echo
 * requests carry too. */
static inline __attribute__((always_inline)) __u64
prtip_token4(const struct prtip_key *key, __u32 their_addr_be,
	      __u16 their_port_be, __u16 our_port_be)
{
	__u64 word = (__u64)their_addr_be | (__u64)their_port_be << 32 |
		     (__u64)our_port_be << 48;

	return prtip_siphash13(key, &word, 1, 8ULL << 56);
}

/* `their_addr` holds the 16 bytes of the address as two little-endian words. */
static inline __attribute__((always_inline)) __u64
prtip_token6(const struct prtip_key *key, const __u64 their_addr[2],
	      __u16 their_port_be, __u16 our_port_be)
{
	return prtip_siphash13(key, their_addr, 2,
			       20ULL << 56 | (__u64)our_port_be << 16 |
				       (__u64)their_port_be);
}

/* ---- steering ------------------------------------------------------------- */

/* What is sent, bits of prtip_steer_config.kinds. */
#define PRTIP_KIND_SYN 1
#define PRTIP_KIND_ACK 2
#define PRTIP_KIND_UDP 4
#define PRTIP_KIND_ECHO 8

/* Cookie keys of one of our addresses. */
struct prtip_source_keys {
	struct prtip_key tcp;
	struct prtip_key udp;
	struct prtip_key icmp;
};

/* Configuration of steer.bpf.c, in .rodata: fixed when the program is loaded.
 * The first address of each family stands here, the others are in a map. */
struct prtip_steer_config {
	struct prtip_source_keys keys4; /* of source_v4_be */
	struct prtip_source_keys keys6; /* of source_v6 */
	__u8 source_v6[16];       /* our address as on the wire; all zero: no IPv6 scan */
	__u64 salt;               /* of the hash that chooses our port */
	__u32 source_v4_be;       /* our address; 0: no IPv4 scan */
	__u32 slots;              /* our ports: first + slot * attempts + attempt */
	__u16 attempts;
	__u16 port_first;         /* our source ports, inclusive */
	__u16 port_last;
	__u16 any_port[4];        /* UDP services that may answer from another port; 0: none */
	__u8 kinds;               /* PRTIP_KIND_* */
	__u8 more_sources;        /* look into the map */
	__u8 hosts;               /* host discovery: our port is hashed with port 0 */
	__u8 reserved[7];
};

/* Verdicts, the indices of the per-CPU counter array. */
enum prtip_verdict {
	PRTIP_PASS_OTHER = 0,     /* nothing that could answer a probe, or not for our address or ports */
	PRTIP_PASS_MALFORMED,     /* headers do not fit into the frame */
	PRTIP_PASS_FRAGMENT,      /* an IP fragment */
	PRTIP_PASS_COOKIE,        /* for our ports, but the cookie is wrong */
	PRTIP_STEER_SYN_ACK,      /* redirected: SYN-ACK with ack = cookie + 1 */
	PRTIP_STEER_RST,          /* redirected: RST with ack = cookie or cookie + 1, or seq = cookie */
	PRTIP_STEER_ICMP,         /* redirected: ICMP(v6) error quoting one of our probes */
	PRTIP_STEER_UDP,          /* redirected: datagram from where a probe went, to its port */
	PRTIP_STEER_ECHO,         /* redirected: echo reply with id, seq and cookie */
	PRTIP_NO_SOCKET,          /* a true reply on a queue that has no AF_XDP socket; passed */
	PRTIP_VERDICTS,
};

/* XDP metadata in front of every steered frame.  Some drivers have no room for
 * it and user space finds stale bytes there: `tag` tells the two apart, and user
 * space clears it once read. */
struct prtip_rx_meta {
	__u64 rx_ns;              /* bpf_ktime_get_ns(), CLOCK_MONOTONIC */
	__u64 tag;                /* rx_ns ^ PRTIP_RX_META_MAGIC */
};

#define PRTIP_RX_META_MAGIC 0x7072746970207278ULL

#endif
