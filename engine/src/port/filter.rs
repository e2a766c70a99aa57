//! The socket filter of the fallback ports, as a classic BPF program.
//!
//! It lets through what can be an answer to a probe and nothing else: SYN-ACK and
//! RST segments and datagrams to our addresses and source ports, echo replies with
//! such an identifier, and ICMP or ICMPv6 errors that quote a packet from there. It steps over two VLAN tags, IPv4
//! options and up to four IPv6 extension headers, and drops fragments. It does
//! not check the cookie: classic BPF has no loop to hash with, so that a worker
//! checks it; and a frame too short for a load is dropped by the kernel itself.
//!
//! Our own SYNs, which come back on loopback, are dropped by their flags.
//!
//! The program is written by a small assembler: instructions are appended, a
//! jump names a [`Label`], and [`Assembler::finish`] turns labels into the
//! relative offsets that the kernel wants. The register X holds the offset of
//! the header being looked at throughout. Source: `linux/filter.h`,
//! `Documentation/networking/filter.rst`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use socket2::SockFilter;

/// Where the bytes that a filter sees start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At an Ethernet header.
    Ethernet,
    /// At the IP header.
    Ip,
}

/// Which replies are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyFilter {
    /// Our IPv4 addresses; none: no IPv4 is scanned. Up to [`MAX_SOURCES`].
    pub sources_v4: Vec<Ipv4Addr>,
    /// Our IPv6 addresses; none: no IPv6 is scanned. Up to [`MAX_SOURCES`].
    pub sources_v6: Vec<Ipv6Addr>,
    /// Our source ports, and identifiers of echo requests.
    pub source_ports: RangeInclusive<u16>,
    /// UDP probes are sent.
    pub udp: bool,
    /// Echo requests are sent.
    pub echo: bool,
    /// TCP segments with any flags are answers, not only SYN-ACK and RST; and errors that
    /// quote destination options, whose first has one of our ports as its content.
    pub any_segment: bool,
}

/// Most addresses of a family: what fits between a jump and its aim.
pub const MAX_SOURCES: usize = 16;

const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_VLAN: u32 = 0x8100;
const ETHERTYPE_QINQ: u32 = 0x88a8;
const PROTOCOL_ICMP: u32 = 1;
const PROTOCOL_TCP: u32 = 6;
const PROTOCOL_UDP: u32 = 17;
const PROTOCOL_ICMPV6: u32 = 58;
const TCP_RST: u32 = 0x04;
const TCP_SYN_ACK: u32 = 0x12;
const ICMP_ECHO_REPLY: u32 = 0;
const ICMPV6_ECHO_REPLY: u32 = 129;
/// Destination unreachable, time exceeded, parameter problem (RFC 792).
const ICMP_ERRORS: [u32; 3] = [3, 11, 12];
/// Destination unreachable, time exceeded, parameter problem (RFC 4443). A probe
/// is never too big.
const ICMPV6_ERRORS: [u32; 3] = [1, 3, 4];
/// Hop-by-hop options, routing header, destination options (RFC 8200, section 4).
const IPV6_EXTENSIONS: [u32; 3] = [0, 43, DESTINATION_OPTIONS];
const DESTINATION_OPTIONS: u32 = 60;
/// Authentication header (RFC 4302).
const AUTHENTICATION: u32 = 51;
const IPV6_EXTENSIONS_MAX: usize = 4;
/// Bytes of an accepted frame that are kept: all of it.
const KEEP_ALL: u32 = 0x4_0000;

/// A program that drops everything: what a socket gets when it shall hear no more.
#[must_use]
pub fn drop_all() -> Vec<SockFilter> {
    let mut asm = Assembler::default();
    asm.push(RET, 0);
    asm.finish()
}

impl ReplyFilter {
    /// The program for a socket whose frames begin at `start`.
    #[must_use]
    pub fn program(&self, start: Start) -> Vec<SockFilter> {
        let mut asm = Assembler::default();
        let (ipv4, ipv6) = (asm.label(), asm.label());
        let last =
            Last { tcp: asm.label(), udp: asm.label(), echo: asm.label(), quoted: asm.label() };

        match start {
            Start::Ethernet => link_layer(&mut asm, ipv4, ipv6),
            Start::Ip => {
                asm.push(LDX_IMM, 0);
                asm.push(LD_BYTE, 0);
                asm.push(AND, 0xf0);
                asm.jump_if_equal(0x40, ipv4);
                asm.jump_if_equal(0x60, ipv6);
                asm.push(RET, 0);
            }
        }

        asm.bind(ipv4);
        if self.sources_v4.is_empty() {
            asm.push(RET, 0);
        } else {
            self.ipv4_header(&mut asm, last);
        }
        asm.bind(ipv6);
        if self.sources_v6.is_empty() {
            asm.push(RET, 0);
        } else {
            self.ipv6_header(&mut asm, last);
        }

        let (reject, accept) = (asm.label(), asm.label());
        // A TCP header at X: all 20 bytes, to our ports, RST or SYN-ACK.
        asm.bind(last.tcp);
        asm.push(LD_BYTE, 19);
        asm.push(LD_HALF, 2);
        self.port_in_range(&mut asm, reject);
        if self.any_segment {
            asm.jump(accept);
        }
        asm.push(LD_BYTE, 13);
        asm.jump_if_any(TCP_RST, accept);
        asm.push(AND, TCP_SYN_ACK);
        asm.jump_if_equal(TCP_SYN_ACK, accept);
        asm.jump(reject);

        // A UDP header at X, to our ports.
        asm.bind(last.udp);
        if !self.udp {
            asm.jump(reject);
        }
        asm.push(LD_HALF, 6);
        asm.push(LD_HALF, 2);
        self.port_in_range(&mut asm, reject);
        asm.jump(accept);

        // An echo reply at X, its identifier where we would put one.
        asm.bind(last.echo);
        if !self.echo {
            asm.jump(reject);
        }
        asm.push(LD_HALF, 6);
        asm.push(LD_HALF, 4);
        self.port_in_range(&mut asm, reject);
        asm.jump(accept);

        // The first 8 bytes of a quoted probe at X, its protocol in memory.
        asm.bind(last.quoted);
        let (ports, identifier) = (asm.label(), asm.label());
        asm.push(LD_WORD, 4);
        asm.push(LOAD, 0);
        asm.jump_if_equal(PROTOCOL_TCP, ports);
        asm.jump_if_equal(PROTOCOL_UDP, ports);
        asm.jump_if_equal(PROTOCOL_ICMP, identifier);
        if self.any_segment {
            asm.jump_if_equal(DESTINATION_OPTIONS, identifier);
        }
        asm.jump_unless_equal(PROTOCOL_ICMPV6, reject);
        asm.bind(identifier);
        asm.push(LD_HALF, 4);
        self.port_in_range(&mut asm, reject);
        asm.jump(accept);
        asm.bind(ports);
        asm.push(LD_HALF, 0);
        self.port_in_range(&mut asm, reject);

        asm.bind(accept);
        asm.push(RET, KEEP_ALL);
        asm.bind(reject);
        asm.push(RET, 0);
        asm.finish()
    }

    fn port_in_range(&self, asm: &mut Assembler, reject: Label) {
        asm.jump_unless_at_least(u32::from(*self.source_ports.start()), reject);
        asm.jump_if_above(u32::from(*self.source_ports.end()), reject);
    }

    /// An IPv4 header at X, and the ICMP message that may follow.
    fn ipv4_header(&self, asm: &mut Assembler, last: Last) {
        let (reject, icmp, quoted) = (asm.label(), asm.label(), asm.label());
        asm.push(LD_HALF, 6);
        asm.jump_if_any(0x3fff, reject); // more fragments, or not the first
        asm.push(LD_WORD, 16);
        self.our_ipv4(asm, reject);
        asm.push(LD_BYTE, 9);
        asm.push(STORE, 0);
        step_over_ipv4(asm, reject);
        asm.push(LOAD, 0);
        asm.jump_if(PROTOCOL_TCP, last.tcp);
        asm.jump_if(PROTOCOL_UDP, last.udp);
        asm.jump_if_equal(PROTOCOL_ICMP, icmp);
        asm.jump(reject);

        asm.bind(icmp);
        asm.push(LD_BYTE, 0);
        asm.jump_if(ICMP_ECHO_REPLY, last.echo);
        for kind in ICMP_ERRORS {
            asm.jump_if_equal(kind, quoted);
        }
        asm.jump(reject);
        asm.bind(quoted);
        asm.advance(8);
        asm.push(LD_HALF, 6);
        asm.jump_if_any(0x1fff, reject);
        asm.push(LD_WORD, 12);
        self.our_ipv4(asm, reject);
        asm.push(LD_BYTE, 9);
        asm.push(STORE, 0);
        step_over_ipv4(asm, reject);
        asm.jump(last.quoted);
        asm.bind(reject);
        asm.push(RET, 0);
    }

    /// Goes on where the word in A is one of our addresses.
    fn our_ipv4(&self, asm: &mut Assembler, reject: Label) {
        let ours = asm.label();
        for &addr in &self.sources_v4 {
            asm.jump_if_equal(addr.into(), ours);
        }
        asm.jump(reject);
        asm.bind(ours);
    }

    /// An IPv6 header at X, its extension headers, and the ICMPv6 message that may
    /// follow.
    fn ipv6_header(&self, asm: &mut Assembler, last: Last) {
        let (reject, icmp, quoted) = (asm.label(), asm.label(), asm.label());
        self.ipv6_fixed(asm, 24, reject);
        for _ in 0..=IPV6_EXTENSIONS_MAX {
            asm.jump_if(PROTOCOL_TCP, last.tcp);
            asm.jump_if(PROTOCOL_UDP, last.udp);
            asm.jump_if(PROTOCOL_ICMPV6, icmp);
            step_over_extension(asm);
        }
        asm.push(RET, 0);

        asm.bind(icmp);
        asm.push(LD_BYTE, 0);
        asm.jump_if(ICMPV6_ECHO_REPLY, last.echo);
        for kind in ICMPV6_ERRORS {
            asm.jump_if_equal(kind, quoted);
        }
        asm.push(RET, 0);
        asm.bind(quoted);
        asm.advance(8);
        // Our probes have no extension headers, and routers do not add any.
        let reject_quoted = asm.label();
        self.ipv6_fixed(asm, 8, reject_quoted);
        asm.jump(last.quoted);
        asm.bind(reject_quoted);
        asm.push(RET, 0);
        asm.bind(reject);
        asm.push(RET, 0);
    }

    /// The fixed IPv6 header at X with one of our addresses at `offset`: leaves the
    /// next header's protocol in A and in memory, and moves X behind.
    fn ipv6_fixed(&self, asm: &mut Assembler, offset: u32, reject: Label) {
        let ours = asm.label();
        asm.push(LD_BYTE, 0);
        asm.push(AND, 0xf0);
        asm.jump_unless(0x60, reject);
        for addr in &self.sources_v6 {
            let another = asm.label();
            for (word, part) in addr.octets().chunks_exact(4).enumerate() {
                let part = u32::from_be_bytes([part[0], part[1], part[2], part[3]]);
                asm.push(LD_WORD, offset + 4 * word as u32);
                asm.jump_unless_equal(part, another);
            }
            asm.jump(ours);
            asm.bind(another);
        }
        asm.jump(reject);
        asm.bind(ours);
        asm.push(LD_BYTE, 6);
        asm.push(STORE, 0);
        asm.advance(40);
        asm.push(LOAD, 0);
    }
}

/// What follows the last IP header.
#[derive(Clone, Copy)]
struct Last {
    tcp: Label,
    udp: Label,
    echo: Label,
    quoted: Label,
}

/// Up to two VLAN tags: leaves the EtherType in A and the IP header's offset in X.
/// (The kernel has taken the outer tag of a received frame away already and
/// keeps it beside the packet.)
fn link_layer(asm: &mut Assembler, ipv4: Label, ipv6: Label) {
    let dispatch = asm.label();
    for tags in 0..=2 {
        let tagged = asm.label();
        asm.push(LDX_IMM, 14 + 4 * tags);
        asm.push(LD_HALF_ABSOLUTE, 12 + 4 * tags);
        if tags < 2 {
            asm.jump_if_equal(ETHERTYPE_VLAN, tagged);
            asm.jump_if_equal(ETHERTYPE_QINQ, tagged);
            asm.jump(dispatch);
        }
        asm.bind(tagged);
    }
    asm.bind(dispatch);
    asm.jump_if(ETHERTYPE_IPV4, ipv4);
    asm.jump_if(ETHERTYPE_IPV6, ipv6);
    asm.push(RET, 0);
}

/// Moves X behind the IPv4 header at X, options included.
fn step_over_ipv4(asm: &mut Assembler, reject: Label) {
    asm.push(LD_BYTE, 0);
    asm.jump_unless_at_least(0x45, reject);
    asm.jump_if_above(0x4f, reject);
    asm.push(AND, 0x0f);
    asm.push(SHIFT_LEFT, 2);
    asm.push(ADD_X, 0);
    asm.push(A_TO_X, 0);
}

/// With a protocol in A and its header at X: an extension header is stepped
/// over, anything else rejected.
fn step_over_extension(asm: &mut Assembler) {
    let (extension, authentication, step) = (asm.label(), asm.label(), asm.label());
    for protocol in IPV6_EXTENSIONS {
        asm.jump_if_equal(protocol, extension);
    }
    asm.jump_if_equal(AUTHENTICATION, authentication);
    asm.push(RET, 0);
    // Length in units of 8 bytes, the first not counted (RFC 8200, section 4.2).
    asm.bind(extension);
    asm.push(LD_BYTE, 0);
    asm.push(STORE, 0);
    asm.push(LD_BYTE, 1);
    asm.push(ADD, 1);
    asm.push(SHIFT_LEFT, 3);
    asm.jump(step);
    // In units of 4 bytes, the first two not counted (RFC 4302, section 2.2).
    asm.bind(authentication);
    asm.push(LD_BYTE, 0);
    asm.push(STORE, 0);
    asm.push(LD_BYTE, 1);
    asm.push(ADD, 2);
    asm.push(SHIFT_LEFT, 2);
    asm.bind(step);
    asm.push(ADD_X, 0);
    asm.push(A_TO_X, 0);
    asm.push(LOAD, 0);
}

// Operation codes: class | size or operation | mode or source.
const LD_WORD: u16 = 0x40; // A = be32 at [X + k]
const LD_HALF: u16 = 0x48; // A = be16 at [X + k]
const LD_BYTE: u16 = 0x50; // A = byte at [X + k]
const LD_HALF_ABSOLUTE: u16 = 0x28; // A = be16 at [k]
const LDX_IMM: u16 = 0x01; // X = k
const LOAD: u16 = 0x60; // A = memory[k]
const STORE: u16 = 0x02; // memory[k] = A
const ADD: u16 = 0x04; // A += k
const ADD_X: u16 = 0x0c; // A += X
const AND: u16 = 0x54; // A &= k
const SHIFT_LEFT: u16 = 0x64; // A <<= k
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RET: u16 = 0x06; // keep k bytes; 0 drops
const A_TO_X: u16 = 0x07;
const X_TO_A: u16 = 0x87;

/// A place in the program, known once it is bound.
#[derive(Clone, Copy)]
struct Label(usize);

/// Where a jump goes when its condition holds, and when not; `None`: to the
/// next instruction.
#[derive(Clone, Copy, Default)]
struct Branches {
    yes: Option<Label>,
    no: Option<Label>,
}

struct Instruction {
    code: u16,
    k: u32,
    branches: Branches,
}

/// Appends instructions; all jumps go forward, as classic BPF demands.
#[derive(Default)]
struct Assembler {
    instructions: Vec<Instruction>,
    labels: Vec<Option<usize>>,
}

impl Assembler {
    fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.instructions.len());
    }

    fn push(&mut self, code: u16, k: u32) {
        self.instructions.push(Instruction { code, k, branches: Branches::default() });
    }

    fn branch(&mut self, code: u16, k: u32, yes: Option<Label>, no: Option<Label>) {
        self.instructions.push(Instruction { code, k, branches: Branches { yes, no } });
    }

    fn jump(&mut self, to: Label) {
        self.branch(JUMP, 0, Some(to), None);
    }

    fn jump_if_equal(&mut self, k: u32, to: Label) {
        self.branch(JUMP_EQUAL, k, Some(to), None);
    }

    /// [`jump_if_equal`](Self::jump_if_equal) to however far.
    fn jump_if(&mut self, k: u32, to: Label) {
        let next = self.label();
        self.branch(JUMP_EQUAL, k, None, Some(next));
        self.jump(to);
        self.bind(next);
    }

    /// [`jump_unless_equal`](Self::jump_unless_equal) to however far.
    fn jump_unless(&mut self, k: u32, to: Label) {
        let next = self.label();
        self.branch(JUMP_EQUAL, k, Some(next), None);
        self.jump(to);
        self.bind(next);
    }

    fn jump_unless_equal(&mut self, k: u32, to: Label) {
        self.branch(JUMP_EQUAL, k, None, Some(to));
    }

    fn jump_if_above(&mut self, k: u32, to: Label) {
        self.branch(JUMP_GREATER, k, Some(to), None);
    }

    fn jump_unless_at_least(&mut self, k: u32, to: Label) {
        self.branch(JUMP_GREATER_OR_EQUAL, k, None, Some(to));
    }

    fn jump_if_any(&mut self, bits: u32, to: Label) {
        self.branch(JUMP_ANY_BIT, bits, Some(to), None);
    }

    /// X += `bytes`.
    fn advance(&mut self, bytes: u32) {
        self.push(X_TO_A, 0);
        self.push(ADD, bytes);
        self.push(A_TO_X, 0);
    }

    /// Resolves the labels. The kernel checks the result again when it is attached.
    fn finish(self) -> Vec<SockFilter> {
        let offset = |at: usize, label: Option<Label>| {
            label.map_or(0, |label| {
                let target = self.labels[label.0].expect("every label used is bound");
                target - (at + 1)
            })
        };
        let short = |offset| u8::try_from(offset).expect("jumps span fewer than 256 instructions");
        self.instructions
            .iter()
            .enumerate()
            .map(|(at, instruction)| {
                let yes = offset(at, instruction.branches.yes);
                match instruction.code {
                    JUMP => SockFilter::new(JUMP, 0, 0, yes as u32),
                    code => {
                        let no = short(offset(at, instruction.branches.no));
                        SockFilter::new(code, short(yes), no, instruction.k)
                    }
                }
            })
            .collect()
    }
}
