/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What lab.bpf.c and its loader agree on: the rule that turns (seed, address,
 * port, protocol) into the truth, the configuration, the counters and the
 * header in front of a delayed reply.
 *
 * The structs have twins in bpf/src/lab.rs with compile-time size checks.
 * The rule is written a second time, in Rust, in bench/src/lab/rule.rs; a test
 * runs this program over random pairs and holds the two equal.
 *
 * The rule.  h = SipHash-1-3 under (k0 = seed, k1 = LAB_KEY1) of
 *   IPv4:  address (4, wire) | port (2, wire) | protocol (1) | 0        8 bytes
 *   IPv6: address (16, wire) | port (2, wire) | protocol (1) | 0       20 bytes
 * With scale32(x) = x * 1000 >> 32 and scale16(x) = x * 1000 >> 16:
 *   scale32(low 32 bits of h)  < open, < open + closed, < open + closed + icmp,
 *                              else silent
 *   scale16(bits 32..47 of h)  < dup, for a pair that answers;
 *                              < forge, for a silent pair
 *   scale16(bits 48..63 of h)  < lose_first, for a pair that answers
 * h * LAB_MIX_DELAY, high 32 bits, spreads the delay over [min, min + span).
 *
 * What a pair answers to
 *            SYN      ACK      UDP                    echo (port 0)
 *   open     SYN-ACK  RST      a datagram             echo reply
 *   closed   RST      RST      port unreachable       nothing
 *   icmp     from the router "host unreachable" or "administratively prohibited"
 *   silent   nothing
 *   forged   with a wrong acknowledgement, sequence number, payload (or to a
 *            wrong port of the scanner), id and sequence number
 * Port unreachable comes from the target's own address.  The protocol of echo
 * is 1 over IPv4 and 58 over IPv6.
 */
#ifndef PRTIP_LAB_H
#define PRTIP_LAB_H

#include "prtip.h"

#define LAB_KEY1 0x70727469702d6c61ULL
#define LAB_MIX_DELAY 0x9e3779b97f4a7c15ULL
#define LAB_MIX_ISN 0xd1b54a32d192ed03ULL

/* Fixed before the program is attached; one entry of an array map. */
struct lab_config {
	__u64 seed;
	__u64 start_ns;            /* bucket 0 of the arrivals begins here */
	__u64 receiver_interval;   /* 1/256 ns between two probes; 0: no limit */
	__u64 receiver_burst;      /* how far ahead the bucket may run, 1/256 ns */
	__u64 delay_min_ns;
	__u64 delay_span_ns;
	__u32 open_below;          /* per mille, cumulated: open */
	__u32 closed_below;        /* open + closed */
	__u32 icmp_below;          /* open + closed + icmp */
	__u32 dup;                 /* per mille of the answering pairs */
	__u32 forge;               /* per mille of the silent pairs */
	__u32 lose_first;          /* per mille of the answering pairs */
	__u32 loss_below;          /* a draw of 32 bits below this is lost */
	__u32 first_mask;          /* bits in the bitmap of first packets, less 1 */
	__u32 flags;               /* LAB_FLAG_* */
	__u32 router_v4_be;
	__u8 router_v6[16];
	__u8 router_mac[6];
	__u8 zombie;               /* replies to 198.19.255.N go to the kernel; 0: none */
	__u8 reserved;
};

#define LAB_FLAG_DELAY 1    /* hand replies to the delay path */
#define LAB_FLAG_ARRIVALS 2 /* keep the times of arrival */
#define LAB_FLAG_ANSWERED 4 /* note when each probe came and its reply left */

enum lab_counter {
	LAB_PROBES = 0,       /* TCP segments that are not RSTs, UDP and echo, well formed */
	LAB_OPEN,             /* SYN-ACKs decided, one for a pair answering thrice too */
	LAB_CLOSED,           /* RSTs decided */
	LAB_ICMP,             /* ICMP errors decided */
	LAB_FORGED,           /* SYN-ACKs with a wrong acknowledgement, RSTs with a wrong number */
	LAB_SILENT,           /* SYNs and ACKs to a silent pair */
	LAB_ACK,              /* segments with ACK, answered by RST */
	LAB_COPIES,           /* reply frames handed on, all copies counted */
	LAB_LOST_PROBE,       /* dropped by --loss on the way in */
	LAB_LOST_REPLY,       /* dropped by --loss on the way out */
	LAB_LOST_FIRST,       /* dropped by --lose-first */
	LAB_OVER_RATE,        /* dropped by --receiver-pps */
	LAB_RST,              /* RSTs from the scanner */
	LAB_ODD_FLAGS,        /* neither SYN, ACK nor RST; no answer */
	LAB_OTHER,            /* a fragment, another protocol or another ICMP message; no answer */
	LAB_MALFORMED,        /* headers do not fit the frame or each other */
	LAB_BAD_CHECKSUM,     /* wrong checksum; no answer, as a host would */
	LAB_WRONG_MAC,        /* for the lab's space, but not sent to the router */
	LAB_PASSED,           /* handed to the kernel: ARP, ND, the lab's own addresses */
	LAB_UNSENT,           /* a reply for which the frame could not be resized */
	LAB_HANDSHAKE,        /* ACKs that complete a handshake with an open pair; no answer */
	LAB_UDP,              /* UDP: datagrams of open pairs decided; then in the order of `said` */
	LAB_UDP_CLOSED,       /* "port unreachable" decided */
	LAB_UDP_ICMP,         /* other ICMP errors decided */
	LAB_UDP_FORGED,       /* datagrams that answer something else */
	LAB_UDP_SILENT,
	LAB_ECHO,             /* echo replies of hosts that are up decided; in the same order */
	LAB_ECHO_CLOSED,      /* the closed share, silent to echo */
	LAB_ECHO_ICMP,
	LAB_ECHO_FORGED,
	LAB_ECHO_SILENT,
	LAB_COUNTERS,
};

/* In front of every frame that goes to the delay path. */
struct lab_delayed {
	__u64 due_ns;          /* CLOCK_MONOTONIC */
	__u32 copies;
	__u32 place;           /* 1 + its index in lab_answered; 0: not noted */
};

/* A probe that was answered, CLOCK_MONOTONIC. */
struct lab_answered {
	__u64 came_ns;         /* when this program got it */
	__u64 left_ns;         /* when the reply was handed on */
	__u32 addr[4];         /* as on the wire; IPv4 in [0] */
	__u16 port_be;
	__u16 scanner_port_be;
	__u8 proto;
	__u8 v6;
	__u8 reserved[2];
};

/* First and last arrival of a probe, one per CPU; 0: none. */
struct lab_times {
	__u64 first_ns;
	__u64 last_ns;
};

#define LAB_BUCKET_NS 10000000ULL
#define LAB_BUCKETS 65536
#define LAB_ANSWERED (1 << 20)
#define LAB_MAX_COPIES 3
#define LAB_MAX_QUEUES 64

#endif
