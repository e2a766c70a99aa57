//! What the generator (`gen.bpf.c`) must know to make the probes of a plan: the
//! twins of its structs in `include/prtip.h`, and a [`Recipe`] that holds all of it.
//!
//! Values only: the plan fills a recipe in, [`generator`](crate::generator) loads it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::abi::Key;

/// Rounds of the permutation (`PRTIP_ROUNDS`).
pub const ROUNDS: usize = 3;
/// Room for the constant bytes of a template (`PRTIP_TEMPLATE_BYTES`).
pub const TEMPLATE_BYTES: usize = 104;
/// Room for a payload (`PRTIP_PAYLOAD_BYTES`).
pub const PAYLOAD_BYTES: usize = 1232;
/// Holes of a payload (`PRTIP_FILLS`).
pub const FILLS: usize = 6;
/// Most indices of one list, and of one call (`PRTIP_LIST`).
pub const LIST: usize = 2048;
/// Set in an index that is a question to the control sample (`PRTIP_QUESTION`).
pub const QUESTION: u64 = 1 << 63;
/// Set in the send time of a batch that has left before in part (`PRTIP_TIME_AGAIN`).
pub const TIME_AGAIN: u64 = 1;
/// Bytes that are cut in front of the frame where all probes are of one template
/// (`PRTIP_SPARE_HEAD`).
pub const SPARE_HEAD: usize = 16;
/// Most payloads (`PRTIP_PAYLOADS`).
pub const PAYLOADS: usize = 256;
/// Places for templates (`PRTIP_TEMPLATES`).
pub const TEMPLATES: usize = 256;
/// Most spans of addresses, both families together: what the search in the
/// generator ends at, and 48 MiB.
pub const SPANS: usize = 1 << 20;

/// Declares a twin of a C struct.
macro_rules! twin {
    ($(#[$doc:meta])* $name:ident, $size:expr, { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind,)* }
        const _: () = assert!(size_of::<$name>() == $size);

        impl Default for $name {
            fn default() -> Self {
                zerocopy::FromZeros::new_zeroed()
            }
        }
    };
}

twin!(
    /// The order of the plan (`struct prtip_order`).
    Order, 72, {
        /// Items.
        n: u64,
        /// The least 2^k - 1 that covers them.
        mask: u64,
        /// Of each round.
        add: [u64; ROUNDS],
        /// Of each round.
        multiply: [u64; ROUNDS],
        /// Of the xor-shift.
        shift: u32,
        /// Zero.
        reserved: u32,
    }
);

twin!(
    /// What goes to one slot of an address (`struct prtip_item`).
    Item, 4, {
        /// The port, host byte order.
        port: u16,
        /// The number of its probe kind.
        kind: u8,
        /// The place of its payload.
        payload: u8,
    }
);

twin!(
    /// Consecutive addresses (`struct prtip_span`).
    Span, 24, {
        /// Rank of the first one within its family.
        start: u64,
        /// Upper half of the first address, zero for IPv4.
        high: u64,
        /// Lower half, host byte order.
        low: u64,
    }
);

twin!(
    /// What the probes of one kind from one of our addresses share
    /// (`struct prtip_template`).
    Template, 144, {
        /// Cookie key of our address and the protocol.
        key: Key,
        /// Sum of the IPv4 header's constant bytes.
        ip_sum: u64,
        /// Sum of the pseudo header's and the header's constant bytes; of what carries
        /// a payload without the lengths.
        l4_sum: u64,
        /// Bytes up to the payload.
        len: u32,
        /// Zero.
        reserved: u32,
        /// The constant bytes.
        bytes: [u8; TEMPLATE_BYTES],
    }
);

twin!(
    /// A hole for bits of the token (`struct prtip_fill`).
    Fill, 24, {
        /// Bits of the token that it shows.
        mask: u64,
        /// Bits that are always set.
        set: u64,
        /// Its place.
        at: u16,
        /// Its length in bytes.
        len: u8,
        /// 1: hexadecimal digits.
        hex: u8,
        /// Zero.
        reserved: u32,
    }
);

twin!(
    /// A payload (`struct prtip_payload`).
    Payload, 16 + FILLS * 24 + PAYLOAD_BYTES, {
        /// Sum of the bytes, the holes being zero.
        sum: u64,
        /// Their number.
        len: u32,
        /// The number of holes.
        fills: u32,
        /// The holes.
        fill: [Fill; FILLS],
        /// The bytes.
        bytes: [u8; PAYLOAD_BYTES],
    }
);

twin!(
    /// The addresses of a family, and ours (`struct prtip_family`).
    Family, 48, {
        /// Addresses.
        count: u64,
        /// Upper half of the first address.
        base_high: u64,
        /// Lower half.
        base_low: u64,
        /// Spans.
        spans: u32,
        /// Place of its first span.
        first_span: u32,
        /// Place of its first bucket.
        first_bucket: u32,
        /// log2 of the ranks that share a bucket.
        bucket_shift: u32,
        /// Number of our first address.
        first_origin: u32,
        /// How many we have.
        origins: u32,
    }
);

twin!(
    /// Configuration of the generator (`struct prtip_gen_config`).
    GenConfig, 72 + 2 * 48 + 144 + 56, {
        /// The order.
        order: Order,
        /// IPv4.
        v4: Family,
        /// IPv6.
        v6: Family,
        /// The template of all probes, where there is one.
        only: Template,
        /// Items of an address.
        slots: u64,
        /// Their reciprocal.
        slots_reciprocal: u64,
        /// Salt of the hash that chooses our port.
        salt: u64,
        /// What the product with the reciprocal is shifted by.
        slots_shift: u32,
        /// Groups of source ports among which the hash chooses.
        port_slots: u32,
        /// Slots of one attempt's ring of send times, a power of two.
        times_slots: u32,
        /// log2 of the indices that share one.
        times_stride: u32,
        /// The worker's number.
        worker: u32,
        /// Attempts at each item.
        attempts: u16,
        /// First of our source ports.
        port_first: u16,
        /// Bits of the kinds sent.
        kinds: u8,
        /// 1: hosts are looked for.
        hosts: u8,
        /// Length of the Ethernet header.
        link_len: u8,
        /// 1: all probes are TCP of one template.
        one: u8,
        /// 1: and of consecutive ports.
        consecutive: u8,
        /// Zero.
        reserved: u8,
        /// The first of these.
        first_port: u16,
    }
);

/// Words of 8 bytes of a generator's state (`struct prtip_gen_state`), and the place
/// of each: user space reads and writes it word by word.
pub mod state {
    use super::LIST;

    /// Index of the first probe, where they are consecutive.
    pub const FIRST: usize = 0;
    /// Index less offset in the worker's range.
    pub const BASE: usize = 1;
    /// Whose send time was written last.
    pub const BATCH: usize = 2;
    /// Probes made in this call; in the upper half those wanted.
    pub const POSITION_COUNT: usize = 3;
    /// 1 where the indices are in the list; in the upper half the attempt.
    pub const LISTED_ATTEMPT: usize = 4;
    /// What is asked where hosts are looked for; in the upper half the driver's last error.
    pub const ITEM_ERROR: usize = 5;
    /// Probes given to the redirect.
    pub const MADE: usize = 6;
    /// Probes that could not be made or redirected.
    pub const FAILED: usize = 7;
    /// Frames that the driver has taken.
    pub const SENT: usize = 8;
    /// Frames that it has not.
    pub const REFUSED: usize = 9;
    /// What a question of the list asks of a host; in the upper half its attempt.
    pub const QUESTION: usize = 10;
    /// 1 ([`super::TIME_AGAIN`]) where some of the probes have been refused before.
    pub const AGAIN: usize = 11;
    /// Frames of the call that have passed the driver, taken or refused.
    pub const PASSED: usize = 12;
    /// The indices.
    pub const INDICES: usize = 16;
    /// Frames of the call that the driver refused: a bit each, in the order of making.
    pub const REFUSED_AT: usize = INDICES + LIST;
    /// Where the generator works probes out (`PRTIP_AHEAD` of `struct prtip_probe`).
    const AHEAD: usize = REFUSED_AT + LIST / 64;
    /// All of them.
    pub const WORDS: usize = AHEAD + 32 * 32 / 8;
}

/// Everything that decides the bytes of the probes of a plan.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// The constants; worker and send times are filled in for each worker.
    pub config: GenConfig,
    /// What is asked of each address, by slot; one where hosts are looked for.
    pub items: Vec<Item>,
    /// How hosts are looked for, attempt by attempt; empty for ports.
    pub asks: Vec<Item>,
    /// Spans of IPv4, then of IPv6, where a family has more than one.
    pub spans: Vec<Span>,
    /// Their buckets.
    pub buckets: Vec<u32>,
    /// Templates with their places.
    pub templates: Vec<(u32, Template)>,
    /// Payloads.
    pub payloads: Vec<Payload>,
    /// Bytes of the longest frame.
    pub longest: usize,
}
