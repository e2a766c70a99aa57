/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The generator of a scan.  It makes the probe of an index in the kernel, byte for
 * byte the one that engine/src/plan/probe.rs makes, and redirects it out of the
 * interface.  It receives nothing: user space runs it by BPF_PROG_TEST_RUN with
 * BPF_F_TEST_XDP_LIVE_FRAMES, as many times as there are probes to send.
 *
 * The frames that it is given are recycled and come back as the far end has left
 * them, so every byte is written every time.  So does their length, which the
 * kernel takes over only where the program changes that of the frame it sees: this
 * one is longer than every probe, and each is cut down from it.
 *
 * A redirect that fails later than here is silent.  So what the driver has taken
 * is counted by a second program, on the tracepoint behind the driver's call.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "prtip.h"

#define INLINE static __always_inline

const volatile struct prtip_gen_config config = {};

/* The interface, its only entry: found by number, so in whichever namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

/* One a worker.  User space sets the number of these and of what follows, and
 * has all workers' programs share all but the send times. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prtip_gen_state);
} states SEC(".maps");

/* The send times of this worker's range, one ring an attempt. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} send_times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prtip_in_flight);
} in_flight SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prtip_item);
} items SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prtip_span);
} spans SEC(".maps");

/* plan/ranges.rs: the span of every 2^shift-th rank, within its family. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PRTIP_TEMPLATES);
	__type(key, __u32);
	__type(value, struct prtip_template);
} templates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prtip_payload);
} payloads SEC(".maps");

/* The quotient of a rank by the number of items of an address: plan/division.rs. */
INLINE __u64 addresses_before(__u64 rank)
{
	__u64 n = rank << 1;
	__u64 a = n >> 32, b = (__u32)n;
	__u64 c = config.slots_reciprocal >> 32, d = (__u32)config.slots_reciprocal;
	__u64 low = b * d;
	__u64 middle = a * d + (low >> 32);
	__u64 other = b * c + (__u32)middle;

	if (config.slots == 1)
		return rank;
	return (a * c + (middle >> 32) + (other >> 32)) >> config.slots_shift;
}

/* The place of the span of a rank within its family.  A global function, as the next
 * one: the verifier looks at it once, not once for each probe that is worked out. */
__noinline __u32 span_of(__u64 rank, __u32 v6)
{
	const volatile struct prtip_family *family = v6 ? &config.v6 : &config.v4;
	__u32 first = family->first_span;
	__u32 bucket = family->first_bucket + (__u32)(rank >> family->bucket_shift);
	__u32 after = bucket + 1;
	__u32 *low = bpf_map_lookup_elem(&buckets, &bucket);
	__u32 *high = bpf_map_lookup_elem(&buckets, &after);
	const struct prtip_span *span;
	__u32 from, to, middle;
	int i;

	if (!low || !high)
		return -1;
	from = *low;
	to = *high;
	for (i = 0; i < 24 && from < to; i++) {
		middle = from + (to - from + 1) / 2;
		__u32 place = first + middle;

		span = bpf_map_lookup_elem(&spans, &place);
		if (!span)
			return -1;
		if (span->start <= rank)
			from = middle;
		else
			to = middle - 1;
	}
	return first + from;
}

/* Sends what lies outside of [0, n) through the order again. */
__noinline __u64 walk(__u64 rank)
{
	int i;

	for (i = 0; i < PRTIP_WALK && rank >= config.order.n; i++)
		rank = prtip_mix(&config.order, rank);
	return rank;
}

/* The address of a rank within its family, host byte order. */
INLINE int address(const volatile struct prtip_family *family, __u64 rank,
		   __u64 *high, __u64 *low)
{
	__u64 base_high = family->base_high, base_low = family->base_low;

	if (family->spans > 1) {
		__u32 place = span_of(rank, family == &config.v6);
		const struct prtip_span *span = bpf_map_lookup_elem(&spans, &place);

		if (!span)
			return 0;
		rank -= span->start;
		base_high = span->high;
		base_low = span->low;
	}
	*low = base_low + rank;
	*high = base_high + (*low < rank);
	return 1;
}

/* Which of our addresses: plan/origin.rs. */
INLINE __u32 origin_of(const volatile struct prtip_family *family, __u64 high,
		       __u64 low)
{
	__u64 folded, mixed;

	if (family->origins == 1)
		return family->first_origin;
	folded = high ^ (family == &config.v6 ? PRTIP_ROTL64(low, 17) : low);
	mixed = (folded ^ folded >> 32) * PRTIP_SPREAD;
	mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9ULL >> 32;
	return family->first_origin + (__u32)(mixed * family->origins >> 32);
}

/* The checksum of a sum of 16- and 32-bit words, as in the header. */
INLINE __u16 folded(__u64 sum)
{
	__u32 half;

	sum += sum >> 32 | sum << 32;
	half = sum >> 32;
	half += half >> 16 | half << 16;
	return ~(half >> 16);
}

INLINE __u64 halves(__u64 word)
{
	return (word & 0xffffffff) + (word >> 32);
}

/* Makes the frame `len` bytes long. */
INLINE int resize(struct xdp_md *ctx, __u32 len)
{
	int change = (int)len - (int)(ctx->data_end - ctx->data);

	return !change || !bpf_xdp_adjust_tail(ctx, change);
}

/* Copies the constant bytes, as much of them as the frame is long. */
INLINE void copy_template(void *data, void *end, const struct prtip_template *template)
{
	const __u8 *from = template->bytes;
	__u32 at = 0;
	int i;

#pragma unroll
	for (i = 0; i < PRTIP_TEMPLATE_BYTES / 8; i++) {
		if (data + at + 8 > end)
			break;
		*(__u64 *)(data + at) = *(const __u64 *)(from + at);
		at += 8;
	}
	if (at > PRTIP_TEMPLATE_BYTES - 8)
		return;
	if (data + at + 4 <= end) {
		*(__u32 *)(data + at) = *(const __u32 *)(from + at);
		at += 4;
	}
	if (data + at + 2 <= end)
		*(__u16 *)(data + at) = *(const __u16 *)(from + at);
}

/* Writes what differs between SYNs, or ACKs, of one template behind its bytes. */
INLINE void patch_tcp(void *ip, const struct prtip_probe *probe, int v6, int ack,
		      __u64 ip_sum, __u64 l4_sum)
{
	__u32 seq = bpf_htonl((__u32)probe->token);
	void *tcp = ip + (v6 ? 40 : 20);
	__u64 sum = l4_sum + probe->ports + seq;

	if (v6) {
		*(__u64 *)(ip + 24) = probe->addr[0];
		*(__u64 *)(ip + 32) = probe->addr[1];
		sum += halves(probe->addr[0]) + halves(probe->addr[1]);
	} else {
		__u32 addr = probe->addr[0];
		/* Never 0: a raw socket would replace that. */
		__u16 id = (__u16)seq | 0x0100;

		*(__u16 *)(ip + 4) = id;
		*(__u16 *)(ip + 10) = folded(ip_sum + addr + id);
		*(__u32 *)(ip + 16) = addr;
		sum += addr;
	}
	*(__u32 *)tcp = probe->ports;
	*(__u32 *)(tcp + 4) = seq;
	if (ack) {
		*(__u32 *)(tcp + 8) = seq;
		sum += seq;
	}
	*(__u16 *)(tcp + 16) = folded(sum);
}

/* A SYN or an ACK. */
INLINE int write_tcp(struct xdp_md *ctx, const struct prtip_probe *probe, int v6, int ack,
		     const struct prtip_template *template)
{
	void *data, *end, *ip;

	if (!resize(ctx, template->len))
		return 0;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + config.link_len;
	if (ip + (v6 ? 60 : 40) > end)
		return 0;
	copy_template(data, end, template);
	patch_tcp(ip, probe, v6, ack, template->ip_sum, template->l4_sum);
	return 1;
}

/* The same where all probes are of one template. Its length is a constant to the verifier,
 * so one test does for all bytes; what is no multiple of 8 is copied by a last word that
 * overlaps the one before. The frame is cut in front, where it then begins with a cache
 * line. */
INLINE int write_one(struct xdp_md *ctx, const struct prtip_probe *probe)
{
	const volatile __u8 *from = config.only.bytes;
	__u32 len = config.only.len;
	void *data;
	int i;

	if (bpf_xdp_adjust_head(ctx, PRTIP_SPARE_HEAD))
		return 0;
	data = (void *)(long)ctx->data;
	if (data + len > (void *)(long)ctx->data_end)
		return 0;
#pragma unroll
	for (i = 0; i < PRTIP_TEMPLATE_BYTES / 8; i++) {
		if (8 * i + 8 > len)
			break;
		*(__u64 *)(data + 8 * i) = *(const volatile __u64 *)(from + 8 * i);
	}
	*(__u64 *)(data + len - 8) = *(const volatile __u64 *)(from + len - 8);
	patch_tcp(data + config.link_len, probe, config.v6.count > 0,
		  config.kinds == PRTIP_KIND_ACK, config.only.ip_sum, config.only.l4_sum);
	return 1;
}

/* Fills one hole of a payload; what it adds to the payload's sum. */
INLINE __u64 fill_hole(struct xdp_md *ctx, const struct prtip_fill *fill, __u32 start,
		       __u64 token)
{
	__u64 value = (token & fill->mask) | fill->set;
	__u8 text[PRTIP_FILL_BYTES];
	__u32 len = fill->len;
	__u64 sum = 0;
	__u32 i;

	if (len == 0 || len > PRTIP_FILL_BYTES)
		return 0;
	for (i = 0; i < PRTIP_FILL_BYTES && i < len; i++) {
		__u8 byte;

		if (fill->hex) {
			byte = value >> (4 * (len - 1 - i) & 63) & 0xf;
			byte += byte < 10 ? '0' : 'a' - 10;
		} else {
			byte = value >> (8 * (len - 1 - i) & 63);
		}
		text[i] = byte;
		sum += (__u64)byte << (8 * ((fill->at + i) & 1));
	}
	if (bpf_xdp_store_bytes(ctx, start + fill->at, text, len))
		return ~0ULL;
	return sum;
}

/* A UDP datagram or an echo request. */
INLINE int write_carrier(struct xdp_md *ctx, const struct prtip_probe *probe, int v6,
			 const struct prtip_template *template)
{
	__u32 place = probe->payload;
	const struct prtip_payload *payload = bpf_map_lookup_elem(&payloads, &place);
	int udp = probe->kind == PRTIP_UDP;
	__u32 len, words, i, ip_len = v6 ? 40 : 20;
	__u16 l4_len, check;
	__u64 sum;
	void *data, *end, *ip, *l4;

	if (!payload)
		return 0;
	len = payload->len;
	if (len > PRTIP_PAYLOAD_BYTES || !resize(ctx, template->len + len))
		return 0;
	/* What of it goes beyond the headers is overwritten by the payload. */
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + config.link_len + ip_len + 8 > end)
		return 0;
	copy_template(data, end, template);
	sum = payload->sum;
	if (len && bpf_xdp_store_bytes(ctx, template->len, (void *)payload->bytes, len))
		return 0;
	if (udp) {
		for (i = 0; i < PRTIP_FILLS && i < payload->fills; i++) {
			__u64 more = fill_hole(ctx, &payload->fill[i], template->len, probe->token);

			if (more == ~0ULL)
				return 0;
			sum += more;
		}
		words = probe->ports;
	} else {
		if (bpf_xdp_store_bytes(ctx, template->len, (void *)&probe->token, 8))
			return 0;
		sum += halves(probe->token);
		words = (probe->ports & 0xffff) |
			(__u32)bpf_htons((__u16)probe->token) << 16;
	}

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = data + config.link_len;
	l4 = ip + ip_len;
	if (l4 + 8 > end)
		return 0;
	l4_len = bpf_htons((__u16)(8 + len));
	sum += template->l4_sum + words;
	if (v6) {
		*(__u16 *)(ip + 4) = l4_len;
		*(__u64 *)(ip + 24) = probe->addr[0];
		*(__u64 *)(ip + 32) = probe->addr[1];
		sum += halves(probe->addr[0]) + halves(probe->addr[1]) + l4_len;
	} else {
		__u16 total = bpf_htons((__u16)(20 + 8 + len));
		__u16 id = bpf_htons((__u16)(probe->token >> 48) | 1);

		*(__u16 *)(ip + 2) = total;
		*(__u16 *)(ip + 4) = id;
		*(__u16 *)(ip + 10) =
			folded(template->ip_sum + (__u32)probe->addr[0] + id + total);
		*(__u32 *)(ip + 16) = probe->addr[0];
		/* ICMP for IPv4 has no pseudo header. */
		if (udp)
			sum += (__u32)probe->addr[0] + l4_len;
	}
	if (udp) {
		*(__u32 *)l4 = words;
		*(__u16 *)(l4 + 4) = l4_len;
		check = folded(sum + l4_len);
		/* Zero would mean that there is none. */
		*(__u16 *)(l4 + 6) = check ? check : 0xffff;
	} else {
		*(__u16 *)(l4 + 2) = folded(sum);
		*(__u32 *)(l4 + 4) = words;
	}
	return 1;
}

/* Works out a probe of a family, its rank there being `rank`: all but the token. */
INLINE int work_out_of(struct prtip_probe *probe, __u32 attempt,
		       const volatile struct prtip_family *family, __u64 rank, __u32 item)
{
	int v6 = family == &config.v6;
	__u16 port = item, hashed = config.hosts ? 0 : port;
	__u64 high, low, hash;
	__u32 ours;

	if (!address(family, rank, &high, &low))
		return 0;
	if (v6) {
		probe->addr[0] = bpf_cpu_to_be64(high);
		probe->addr[1] = bpf_cpu_to_be64(low);
		hash = prtip_port_hash6(probe->addr, hashed, config.salt);
	} else {
		probe->addr[0] = bpf_htonl((__u32)low);
		hash = prtip_port_hash4((__u32)low, hashed, config.salt);
	}
	ours = prtip_first_port(hash, config.port_slots, config.attempts, config.port_first) +
	       attempt;
	probe->ports = bpf_htonl(ours << 16 | port);
	if (config.one)
		return 1;
	probe->kind = item >> 16;
	probe->payload = item >> 24;
	probe->form = origin_of(family, high, low) << 3 | probe->kind << 1 | v6;
	return 1;
}

/* Works out the probe of `index`; where hosts are looked for, `asked` is what is asked. */
INLINE int work_out(struct prtip_probe *probe, __u64 index, __u32 attempt, __u32 asked)
{
	__u64 rank = prtip_mix(&config.order, index), address_rank;
	__u32 slot, item, *found;

	if (rank >= config.order.n)
		rank = walk(rank);
	if (rank >= config.order.n)
		return 0;
	if (config.hosts) {
		address_rank = rank;
		item = asked;
	} else {
		address_rank = addresses_before(rank);
		slot = rank - address_rank * config.slots;
		if (config.consecutive) {
			item = config.first_port + slot;
		} else {
			found = bpf_map_lookup_elem(&items, &slot);
			if (!found)
				return 0;
			item = *found;
		}
	}
	if (config.v4.count && (!config.v6.count || address_rank < config.v4.count))
		return work_out_of(probe, attempt, &config.v4, address_rank, item);
	if (config.v6.count)
		return work_out_of(probe, attempt, &config.v6, address_rank - config.v4.count,
				   item);
	return 0;
}

/* Adds the tokens, which are half of the work: in a loop of their own, since a chain of
 * this length leaves the CPU no room to begin the next probe's. */
__noinline int sign(struct prtip_gen_state *state, __u32 wanted)
{
	__u32 i;

	if (!state)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < PRTIP_AHEAD && i < wanted; i++) {
		struct prtip_probe *probe = &state->ahead[i];
		__u32 form = probe->form, ports = probe->ports;
		__u16 ours = ports, theirs = ports >> 16;
		const struct prtip_template *template = bpf_map_lookup_elem(&templates, &form);

		if (!template)
			continue;
		probe->token = form & 1 ? prtip_token6(&template->key, probe->addr, theirs, ours) :
					  prtip_token4(&template->key, probe->addr[0], theirs, ours);
	}
	return 0;
}

/* The same where all probes are of one template; a TCP header has room for half of it. */
__noinline int sign_one(struct prtip_gen_state *state, __u32 wanted)
{
	__u32 i;

	if (!state)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < PRTIP_AHEAD && i < wanted; i++) {
		struct prtip_probe *probe = &state->ahead[i];
		__u32 ports = probe->ports;
		__u16 ours = ports, theirs = ports >> 16;

		if (config.v6.count)
			probe->token = (__u32)prtip_token6(&config.only.key, probe->addr, theirs, ours);
		else
			probe->token = (__u32)prtip_token4(&config.only.key, probe->addr[0], theirs, ours);
	}
	return 0;
}

/* Notes when `index` leaves, unless that of its batch has been noted already. */
__noinline int note(struct prtip_gen_state *state, __u64 index, __u64 now)
{
	__u64 batch, *slot;
	__u32 place;

	if (!state)
		return 0;
	batch = (index - state->base) >> config.times_stride;
	if (batch == state->batch)
		return 0;
	state->batch = batch;
	place = state->attempt * config.times_slots +
		((__u32)batch & (config.times_slots - 1));
	slot = bpf_map_lookup_elem(&send_times, &place);
	if (slot)
		*slot = (batch + 1) << PRTIP_TIME_BITS | now;
	return 0;
}

/* Works out the next probes of the call, notes when they leave, and says how many.  They
 * do not depend on each other, so that the CPU works on several of them at a time,
 * which it cannot on those of one frame after the other with the kernel's work between. */
__noinline int look_ahead(struct prtip_gen_state *state, __u32 position)
{
	__u64 now = bpf_ktime_get_ns() & ((1ULL << PRTIP_TIME_BITS) - 1) & ~PRTIP_TIME_AGAIN;
	__u32 wanted, i;
	__u64 first;

	if (!state)
		return 0;
	now |= state->again;
	wanted = state->count - position;
	first = state->first + position;
	if (!state->listed) {
		for (i = 0; i < PRTIP_AHEAD && i < wanted; i += 1U << config.times_stride)
			note(state, first + i, now);
		note(state, first + (wanted < PRTIP_AHEAD ? wanted : PRTIP_AHEAD) - 1, now);
	}
#pragma clang loop unroll(disable)
	for (i = 0; i < PRTIP_AHEAD && i < wanted; i++) {
		struct prtip_probe *probe = &state->ahead[i];
		__u32 attempt = state->attempt, asked = *(const __u32 *)&state->item;
		__u64 index = first + i;

		if (state->listed) {
			index = state->list[(position + i) & (PRTIP_LIST - 1)];
			if (index & PRTIP_QUESTION) {
				index &= ~PRTIP_QUESTION;
				attempt = state->question_attempt;
				asked = *(const __u32 *)&state->question_item;
			} else {
				note(state, index, now);
			}
		}
		probe->form = 0;
		if (!work_out(probe, index, attempt, asked))
			probe->form = PRTIP_TEMPLATES;
	}
	if (config.one)
		sign_one(state, wanted);
	else
		sign(state, wanted);
	return i;
}

/* Writes a probe into the frame. */
INLINE int write(struct xdp_md *ctx, const struct prtip_probe *probe)
{
	const struct prtip_template *template;
	__u32 form = probe->form;

	if (form >= PRTIP_TEMPLATES)
		return 0;
	if (config.one)
		return write_one(ctx, probe);
	template = bpf_map_lookup_elem(&templates, &form);
	if (!template)
		return 0;
	if (config.kinds & (PRTIP_KIND_UDP | PRTIP_KIND_ECHO) && probe->kind >= PRTIP_UDP)
		return write_carrier(ctx, probe, form & 1, template);
	return write_tcp(ctx, probe, form & 1, probe->kind == PRTIP_ACK, template);
}

/* Says that `frames` of ours will pass behind the driver. */
INLINE void expect(__u32 frames, __u32 worker, int first)
{
	__u32 zero = 0;
	struct prtip_in_flight *flight = bpf_map_lookup_elem(&in_flight, &zero);

	if (flight) {
		/* What an earlier call has left here met an error before the driver. */
		flight->frames = first ? frames : flight->frames + frames;
		flight->worker = worker;
	}
}

/* Sends the frame out of the interface. */
INLINE int redirect(struct prtip_gen_state *state)
{
	if (bpf_redirect_map(&way_out, 0, 0) != XDP_REDIRECT)
		return 0;
	state->made++;
	return 1;
}

/* Makes the next probe of the call. */
SEC("xdp")
int prtip_gen(struct xdp_md *ctx)
{
	__u32 worker = config.worker;
	struct prtip_gen_state *state = bpf_map_lookup_elem(&states, &worker);
	__u32 position;

	if (!state)
		return XDP_DROP;
	position = state->position;
	if (position >= state->count)
		return XDP_DROP;
	state->position = position + 1;
	if (!(position & (PRTIP_AHEAD - 1)))
		expect(look_ahead(state, position), worker, !position);
	if (write(ctx, &state->ahead[position & (PRTIP_AHEAD - 1)]) && redirect(state))
		return XDP_REDIRECT;
	state->failed++;
	expect(-1, worker, 0);
	return XDP_DROP;
}

/* Sends the frame as it is: shows whether frames leave at all. */
SEC("xdp")
int prtip_hello(struct xdp_md *ctx)
{
	__u32 worker = config.worker;
	struct prtip_gen_state *state = bpf_map_lookup_elem(&states, &worker);

	if (!state)
		return XDP_DROP;
	expect(1, worker, 1);
	if (redirect(state))
		return XDP_REDIRECT;
	state->failed++;
	return XDP_DROP;
}

/* Notes which frames of the call the driver has refused: it takes a first part of what it
 * is given, in the order in which the frames were made. */
__noinline int note_refused(struct prtip_gen_state *state, __u64 first, __u32 count)
{
	__u32 i;

	if (!state)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < PRTIP_BULK && i < count; i++) {
		__u64 at = (first + i) & (PRTIP_LIST - 1);

		state->refused_at[at / 64] |= 1ULL << (at % 64);
	}
	return 0;
}

/* Behind the driver's ndo_xdp_xmit, for up to PRTIP_BULK frames at a time (bq_xmit_all
 * in kernel/bpf/devmap.c): from, to, sent, refused, error.  A batch of live frames is
 * made and flushed with softirqs off, so frames that are ours are all that pass here
 * on this CPU until those that were redirected have passed. */
SEC("raw_tracepoint/xdp_devmap_xmit")
int prtip_sent(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0, worker, count;
	struct prtip_in_flight *flight = bpf_map_lookup_elem(&in_flight, &zero);
	struct prtip_gen_state *state;
	__u32 sent = ctx->args[2], refused = ctx->args[3];

	if (!flight || !flight->frames)
		return 0;
	worker = flight->worker;
	state = bpf_map_lookup_elem(&states, &worker);
	if (!state)
		return 0;
	count = sent + refused;
	flight->frames -= count < flight->frames ? count : flight->frames;
	state->sent += sent;
	state->refused += refused;
	if (refused) {
		state->error = ctx->args[4];
		note_refused(state, state->passed + sent, refused);
	}
	state->passed += count;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
