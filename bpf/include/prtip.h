/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the eBPF programs and user space agree on: the cookie hash, the order of a
 * scan, the hash that chooses our port, and the configurations and counters of the
 * steering program and of the generator.
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
prtip_siphash13(const volatile struct prtip_key *key, const __u64 *words, int nwords,
		__u64 last)
{
	__u64 k0 = key->k0, k1 = key->k1;
	__u64 v0 = k0 ^ 0x736f6d6570736575ULL;
	__u64 v1 = k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = k0 ^ 0x6c7967656e657261ULL;
	__u64 v3 = k1 ^ 0x7465646279746573ULL;
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
prtip_token4(const volatile struct prtip_key *key, __u32 their_addr_be,
	      __u16 their_port_be, __u16 our_port_be)
{
	__u64 word = (__u64)their_addr_be | (__u64)their_port_be << 32 |
		     (__u64)our_port_be << 48;

	return prtip_siphash13(key, &word, 1, 8ULL << 56);
}

/* `their_addr` holds the 16 bytes of the address as two little-endian words. */
static inline __attribute__((always_inline)) __u64
prtip_token6(const volatile struct prtip_key *key, const __u64 their_addr[2],
	      __u16 their_port_be, __u16 our_port_be)
{
	return prtip_siphash13(key, their_addr, 2,
			       20ULL << 56 | (__u64)our_port_be << 16 |
				       (__u64)their_port_be);
}

/* ---- which of our ports --------------------------------------------------
 * engine/src/plan/source_port.rs says how; both families give 32 bits, of which
 * the slot is the upper part. */
#define PRTIP_SPREAD 0x9e3779b97f4a7c15ULL

/* `addr` and `port` in host byte order. */
static inline __attribute__((always_inline)) __u64
prtip_port_hash4(__u32 addr, __u16 port, __u64 salt)
{
	__u64 destination = (__u64)addr << 32 | (__u64)port << 16;

	return (destination ^ salt) * PRTIP_SPREAD >> 32;
}

/* The address as two little-endian words of its bytes, `port` in host byte order. */
static inline __attribute__((always_inline)) __u64
prtip_port_hash6(const __u64 addr[2], __u16 port, __u64 salt)
{
	__u64 high = (addr[0] ^ salt) * PRTIP_SPREAD;
	__u64 mixed = (high ^ high >> 32 ^ addr[1] ^ port) * PRTIP_SPREAD;

	return (mixed ^ mixed >> 32) * PRTIP_SPREAD >> 32;
}

/* The port of a slot's first attempt. */
static inline __attribute__((always_inline)) __u32
prtip_first_port(__u64 hash, __u32 slots, __u16 attempts, __u16 port_first)
{
	return port_first + (__u32)(hash * slots >> 32) * attempts;
}

/* ---- order ---------------------------------------------------------------
 * engine/src/plan/permutation.rs: a keyed bijection on [0, n). */
#define PRTIP_ROUNDS 3
/* The longest walk back into [0, n); two steps are the mean, and the chance of more
 * is halved by each. */
#define PRTIP_WALK 128

struct prtip_order {
	__u64 n;
	__u64 mask;
	__u64 add[PRTIP_ROUNDS];
	__u64 multiply[PRTIP_ROUNDS];
	__u32 shift;
	__u32 reserved;
};

static inline __attribute__((always_inline)) __u64
prtip_mix(const volatile struct prtip_order *order, __u64 x)
{
	int i;

#pragma unroll
	for (i = 0; i < PRTIP_ROUNDS; i++) {
		x = (x + order->add[i]) * order->multiply[i] & order->mask;
		x ^= x >> order->shift;
	}
	return x;
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
	__u8 flows;               /* no cookies: a map tells who is asked, and at which ports */
	__u8 reserved[6];
};

/* A host that is being asked for its operating system from port_first to port_last: its
 * ports that are asked, as on the wire. */
struct prtip_flow {
	__u16 open_be;            /* TCP */
	__u16 closed_be;          /* TCP */
	__u16 closed_udp_be;
	__u16 reserved;
};

/* Verdicts, the indices of the per-CPU counter array. */
enum prtip_verdict {
	PRTIP_PASS_OTHER = 0,     /* nothing that could answer a probe, or not for our address or ports */
	PRTIP_PASS_MALFORMED,     /* headers do not fit into the frame */
	PRTIP_PASS_FRAGMENT,      /* an IP fragment */
	PRTIP_PASS_COOKIE,        /* for our ports, but the cookie is wrong, or of no flow of ours */
	PRTIP_STEER_SYN_ACK,      /* redirected: SYN-ACK with ack = cookie + 1 */
	PRTIP_STEER_RST,          /* redirected: RST with ack = cookie or cookie + 1, or seq = cookie */
	PRTIP_STEER_ICMP,         /* redirected: ICMP(v6) error quoting one of our probes */
	PRTIP_STEER_UDP,          /* redirected: datagram from where a probe went, to its port */
	PRTIP_STEER_ECHO,         /* redirected: echo reply with id, seq and cookie */
	PRTIP_STEER_FLOW,         /* redirected: of a flow of ours, whatever it is */
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

/* ---- generator -------------------------------------------------------------
 * gen.bpf.c makes the probe of an index as engine/src/plan/probe.rs does. */

/* Longest frame without payload, a multiple of 8: Ethernet with a tag, IPv6, TCP
 * with 20 bytes of options. */
#define PRTIP_TEMPLATE_BYTES 104
/* Longest payload, a multiple of 8. */
#define PRTIP_PAYLOAD_BYTES 1232
/* Holes for the token in one payload. */
#define PRTIP_FILLS 6
/* Longest hole. */
#define PRTIP_FILL_BYTES 16
/* Most indices of one list, and of one call. */
#define PRTIP_LIST 2048
/* Most frames that the kernel hands to a driver at once (DEV_MAP_BULK_SIZE). */
#define PRTIP_BULK 16
/* Most payloads and templates. */
#define PRTIP_PAYLOADS 256
#define PRTIP_TEMPLATES 256

enum prtip_kind { PRTIP_SYN, PRTIP_ACK, PRTIP_UDP, PRTIP_ECHO };

/* What goes to one slot of an address. */
struct prtip_item {
	__u16 port;               /* host byte order */
	__u8 kind;                /* enum prtip_kind */
	__u8 payload;             /* its place among the payloads */
};

/* Consecutive addresses; of IPv4 `low` alone counts. */
struct prtip_span {
	__u64 start;              /* rank of the first one, within its family */
	__u64 high;
	__u64 low;                /* host byte order */
};

/* What the probes of one kind from one of our addresses share. */
struct prtip_template {
	struct prtip_key key;
	__u64 ip_sum;             /* of the constant bytes: see wire/template.rs */
	__u64 l4_sum;
	__u32 len;
	__u32 reserved;
	__u8 bytes[PRTIP_TEMPLATE_BYTES];
};

/* A hole for bits of the token: see udp/draft.rs. */
struct prtip_fill {
	__u64 mask;
	__u64 set;
	__u16 at;
	__u8 len;
	__u8 hex;
	__u32 reserved;
};

struct prtip_payload {
	__u64 sum;                /* of the bytes, the holes being zero */
	__u32 len;
	__u32 fills;
	struct prtip_fill fill[PRTIP_FILLS];
	__u8 bytes[PRTIP_PAYLOAD_BYTES];
};

/* Addresses of one family. */
struct prtip_family {
	__u64 count;
	__u64 base_high;          /* first address, where there is one span */
	__u64 base_low;
	__u32 spans;
	__u32 first_span;         /* places in the maps of spans and buckets */
	__u32 first_bucket;
	__u32 bucket_shift;
	__u32 first_origin;       /* of our addresses, and how many */
	__u32 origins;
};

/* Configuration of gen.bpf.c, in .rodata: fixed when the program is loaded. */
struct prtip_gen_config {
	struct prtip_order order;
	struct prtip_family v4;
	struct prtip_family v6;
	struct prtip_template only; /* of all probes, where `one` is set */
	__u64 slots;              /* items of an address, and the reciprocal of that: */
	__u64 slots_reciprocal;   /* plan/division.rs */
	__u64 salt;               /* of the hash that chooses our port */
	__u32 slots_shift;
	__u32 port_slots;
	__u32 times_slots;        /* slots of one attempt's ring of send times, 2^n */
	__u32 times_stride;       /* log2 of the indices that share a slot */
	__u32 worker;             /* its place among the states */
	__u16 attempts;
	__u16 port_first;
	__u8 kinds;               /* PRTIP_KIND_* */
	__u8 hosts;               /* one item an address: that of the call */
	__u8 link_len;            /* of the Ethernet header: 14 or 18 */
	__u8 one;                 /* all probes are TCP of one template */
	__u8 consecutive;         /* so are the ports: no table of items is needed */
	__u8 reserved;
	__u16 first_port;         /* the first of these */
};

/* What differs from probe to probe. */
struct prtip_probe {
	__u64 addr[2];            /* as on the wire, in little-endian words; IPv4: [0] */
	__u64 token;
	__u32 ports;              /* ours, theirs, as on the wire */
	__u16 form;               /* place of its template; PRTIP_TEMPLATES: no probe */
	__u8 kind;                /* enum prtip_kind */
	__u8 payload;
};

/* Probes that are worked out at a time: as many as the kernel gives to the driver at a
 * time, so that none is left over when a call is cut short. */
#define PRTIP_AHEAD 32

/* By so many bytes the frame that the generator is given is too long in front, where all
 * probes are of one template. */
#define PRTIP_SPARE_HEAD 16

/* Set in an index of the list that is a question to the control sample: it leaves as
 * an attempt of its own, outside of the schedule. */
#define PRTIP_QUESTION (1ULL << 63)

/* One call of the generator, and what it has counted. Written by user space
 * before a call and read after it; nobody else runs this generator meanwhile. */
struct prtip_gen_state {
	__u64 first;              /* index of the first probe, where it is no list */
	__u64 base;               /* index - offset in the worker's range */
	__u64 batch;              /* whose send time was written last */
	__u32 position;           /* probes made in this call */
	__u32 count;              /* probes wanted */
	__u32 listed;             /* their indices are in `list` */
	__u32 attempt;
	struct prtip_item item;   /* where hosts are looked for */
	__u32 error;              /* last error of the driver, negative */
	/* Totals. */
	__u64 made;               /* probes given to the redirect */
	__u64 failed;             /* probes that could not be made or redirected */
	__u64 sent;               /* frames that the driver has taken: the tracepoint */
	__u64 refused;            /* frames that it has not */
	/* What a question of the list is: its attempt, and what is asked of a host. */
	struct prtip_item question_item;
	__u32 question_attempt;
	__u64 again;              /* PRTIP_TIME_AGAIN where some have been refused before */
	__u64 passed;             /* frames of this call that have passed the driver */
	__u64 reserved[3];        /* states of two workers share no cache line */
	__u64 list[PRTIP_LIST];
	__u64 refused_at[PRTIP_LIST / 64]; /* frames of this call that the driver refused: a bit each */
	struct prtip_probe ahead[PRTIP_AHEAD];
};

/* Frames of ours on their way on this CPU, between the redirect and the driver. */
struct prtip_in_flight {
	__u32 frames;
	__u32 worker;
};

/* Low bits of a slot of the send times: scan/send_time.rs. */
#define PRTIP_TIME_BITS 40
/* Set in the time of a batch that has left before in part: when that was is gone. */
#define PRTIP_TIME_AGAIN 1ULL

#endif
