/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a synthetic UDP service says: the probe's own payload with the few bytes
 * changed that make it a response, so that whatever ties a response to its
 * request (transaction id, token, tag, connection id) comes back as it should.
 *
 * The destination port says which protocol it is.  Where the payload is not of
 * that protocol the change does no harm.  An unknown port echoes.  The answers
 * carry no data of a real service and none is claimed to be complete.
 */
#ifndef PRTIP_LAB_UDP_H
#define PRTIP_LAB_UDP_H

#include "lab_frame.h"

/* Most bytes of a payload that come back. */
#define UDP_COPY_MAX 512
/* A reply may be longer than its probe; it is never longer than this. */
#define UDP_FIXED_MAX 64
/* Where a SIP request line must have ended. */
#define SIP_LINE_MAX 128
/* Longest connection id of QUIC. */
#define QUIC_ID_MAX 20

/* A reply in the making: `len` bytes of `bytes`; room behind for rounding up
 * and for what the verifier cannot see to be shorter. */
struct datagram {
	__u8 bytes[UDP_COPY_MAX + 64];
	__u32 len;
	__u16 from_be;   /* the source port that it leaves by */
	__u8 tied;       /* the protocol ties responses to requests */
};

/* A literal, and nothing behind it.  Not from a constant array: clang 14 names
 * one of a function in a way that the kernel's BTF refuses. */
#define SAY(d, at, text)                                                       \
	do {                                                                   \
		__builtin_memcpy((d)->bytes + (at), text, sizeof(text) - 1);   \
		(d)->len = (at) + sizeof(text) - 1;                            \
	} while (0)

INLINE void at_least(struct datagram *d, __u32 len)
{
	if (d->len < len)
		d->len = len;
}

/* RFC 9000, 17.2.1: version negotiation, with the two connection ids of the
 * probe changed over. */
INLINE void answer_quic(struct xdp_md *ctx, struct datagram *d, __u32 payload_off)
{
	__u32 theirs, ours, at;

	if (!(d->bytes[0] & 0x80) || d->len < 7)
		return;
	theirs = d->bytes[5];
	if (theirs > QUIC_ID_MAX)
		return;
	ours = d->bytes[6 + theirs];
	if (ours > QUIC_ID_MAX || 7 + theirs + ours > d->len)
		return;
	d->bytes[0] = 0xc0;
	__builtin_memset(d->bytes + 1, 0, 4);
	d->bytes[5] = ours;
	if (ours && bpf_xdp_load_bytes(ctx, payload_off + 7 + theirs, d->bytes + 6, ours))
		return;
	at = 6 + ours;
	d->bytes[at++] = theirs;
	if (theirs && bpf_xdp_load_bytes(ctx, payload_off + 6, d->bytes + at, theirs))
		return;
	at += theirs;
	__builtin_memcpy(d->bytes + at, "\0\0\0\1", 4);
	d->len = at + 4;
	d->tied = 1;
}

/* RFC 1157: the tag of the PDU behind version and community, where the message
 * is short enough for lengths of one byte. */
INLINE void answer_snmp(struct datagram *d)
{
	__u32 at = 7 + d->bytes[6];

	d->tied = 1;
	if (d->bytes[0] != 0x30 || d->bytes[2] != 2 || d->bytes[3] != 1 ||
	    d->bytes[5] != 4 || at >= UDP_FIXED_MAX)
		return;
	if (d->bytes[at] == 0xa0 || d->bytes[at] == 0xa1)
		d->bytes[at] = 0xa2;
}

/* RFC 3261: the request's headers are the response's; only the first line is
 * another, as long as the old one. */
INLINE void answer_sip(struct datagram *d)
{
	__u32 i;

	d->tied = 1;
	__builtin_memcpy(d->bytes, "SIP/2.0 200 OK", 14);
	for (i = 14; i < SIP_LINE_MAX; i++) {
		if (d->bytes[i] == '\r' || i >= d->len)
			break;
		d->bytes[i] = ' ';
	}
	at_least(d, 14);
}

/* RFC 5905: a server's answer to a client; control messages (mode 6) and
 * private ones (mode 7) have their response bit elsewhere. */
INLINE void answer_ntp(struct datagram *d)
{
	__u8 mode = d->bytes[0] & 7;

	d->tied = 1;
	if (mode == 6) {
		d->bytes[1] |= 0x80;
	} else if (mode == 7) {
		d->bytes[0] |= 0x80;
	} else {
		at_least(d, 48);
		d->bytes[0] = (d->bytes[0] & 0x38) | 4;
		d->bytes[1] = 2;
		/* Its transmit timestamp comes back as the origin's. */
		__builtin_memcpy(d->bytes + 24, d->bytes + 40, 8);
	}
}

/* RFC 7252: an acknowledgement with message id and token, of a ping a reset. */
INLINE void answer_coap(struct datagram *d)
{
	__u32 token = d->bytes[0] & 15;

	d->tied = 1;
	if (!d->bytes[1]) {
		d->bytes[0] = 0x70;
		d->len = 4;
	} else if (token <= 8) {
		d->bytes[0] = 0x60 | token;
		d->bytes[1] = 0x45;
		d->len = 4 + token;
	}
}

/* RFC 7296: a bare header with both SPIs. */
INLINE void answer_ike(struct datagram *d)
{
	d->tied = 1;
	d->len = 28;
	d->bytes[8] |= 0x80;
	d->bytes[16] = 0;
	if (d->bytes[17] >> 4 == 2)
		d->bytes[19] = 0x20;
	d->bytes[24] = d->bytes[25] = d->bytes[26] = 0;
	d->bytes[27] = 28;
}

/* Turns the payload in `d` into the response of the service on `port`. */
INLINE void answer_datagram_on(struct xdp_md *ctx, struct datagram *d, __u32 port,
			       __u64 hash, __u32 payload_off)
{
	d->tied = 0;
	if (!d->len) {
		/* No service is known by an empty probe. */
		SAY(d, 0, "lab\n");
		return;
	}
	switch (port) {
	case 53:     /* DNS, RFC 1035 */
	case 137:    /* NetBIOS name service, RFC 1002 */
	case 5353:   /* multicast DNS, RFC 6762 */
	case 5355:   /* LLMNR, RFC 4795 */
		at_least(d, 12);
		d->bytes[2] |= 0x80;
		d->tied = 1;
		break;
	case 69:     /* TFTP, RFC 1350: an error, by a port of the transfer's own */
		SAY(d, 0, "\0\5\0\1no\0");
		d->from_be = bpf_htons(32768 | (hash >> 16 & 0x3fff));
		break;
	case 111:    /* RPC, RFC 5531: an accepted reply */
	case 2049:
		d->len = 24;
		__builtin_memset(d->bytes + 4, 0, 20);
		d->bytes[7] = 1;
		d->tied = 1;
		break;
	case 123:
		answer_ntp(d);
		break;
	case 161:
		answer_snmp(d);
		break;
	case 443:
		answer_quic(ctx, d, payload_off);
		break;
	case 500:
		answer_ike(d);
		break;
	case 623:    /* RMCP: presence pong, the tag as it was */
		at_least(d, 12);
		d->bytes[8] = 0x40;
		d->tied = 1;
		break;
	case 1645:   /* RADIUS, RFC 2865 and 5997: reject, the identifier as it was */
	case 1812:
		at_least(d, 20);
		d->bytes[0] = d->bytes[0] == 12 ? 2 : 3;
		d->tied = 1;
		break;
	case 1900:   /* SSDP has nothing that ties */
		SAY(d, 0, "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n");
		break;
	case 3478:   /* STUN, RFC 8489: binding success */
		at_least(d, 20);
		d->bytes[0] = 1;
		d->bytes[1] = 1;
		d->tied = 1;
		break;
	case 5060:
		answer_sip(d);
		break;
	case 5351:   /* NAT-PMP, RFC 6886 */
		at_least(d, 8);
		d->bytes[1] |= 0x80;
		break;
	case 5683:
		answer_coap(d);
		break;
	case 11211:  /* memcached: its frame of 8 bytes, then the answer */
		SAY(d, 8, "VERSION 1\r\n");
		d->tied = 1;
		break;
	}
}

#endif
