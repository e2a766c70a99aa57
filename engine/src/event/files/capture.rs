//! `--pcap`: accepted replies as pcapng (draft-ietf-opsawg-pcapng), for tshark and its
//! kin. Two interfaces are declared: frames with an Ethernet header, and bare IP packets.

use crate::event::output::Output;
use crate::scan::capture::{Frame, SLOT_BYTES};

use super::Place;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const LINKTYPE_ETHERNET: u16 = 1;
const LINKTYPE_RAW: u16 = 101;

/// The file.
pub(super) struct CaptureFile {
    pub place: Place,
    pub output: Output,
    pub alarm_given: bool,
}

impl CaptureFile {
    pub(super) fn new(place: Place, mut output: Output, version: &str) -> Self {
        output.write_with(|out| head(version, out));
        output.flush();
        Self { place, output, alarm_given: false }
    }

    /// Takes a frame that was received `unix_ns` after 1970.
    pub(super) fn frame(&mut self, frame: &Frame, unix_ns: u64) {
        self.output.write_with(|out| {
            block(ENHANCED_PACKET, out, |out| {
                let bytes = frame.bytes();
                for word in [
                    u32::from(!frame.ethernet),
                    (unix_ns >> 32) as u32,
                    unix_ns as u32,
                    bytes.len() as u32,
                    u32::from(frame.original_len),
                ] {
                    out.extend_from_slice(&word.to_le_bytes());
                }
                out.extend_from_slice(bytes);
            });
        });
    }
}

fn head(version: &str, out: &mut Vec<u8>) {
    block(SECTION_HEADER, out, |out| {
        out.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes()); // byte order
        out.extend_from_slice(&1_u16.to_le_bytes()); // version 1.0
        out.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(&u64::MAX.to_le_bytes()); // length of the section: not told
        option(4, format!("prtip {version}").as_bytes(), out); // shb_userappl
        option(0, b"", out);
    });
    for linktype in [LINKTYPE_ETHERNET, LINKTYPE_RAW] {
        block(INTERFACE_DESCRIPTION, out, |out| {
            out.extend_from_slice(&linktype.to_le_bytes());
            out.extend_from_slice(&0_u16.to_le_bytes());
            out.extend_from_slice(&(SLOT_BYTES as u32).to_le_bytes());
            option(9, &[9], out); // if_tsresol: nanoseconds
            option(0, b"", out);
        });
    }
}

/// A block with its lengths, padded to 32 bits.
fn block(kind: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    fill(out);
    pad(start, out);
    let len = (out.len() - start + 4) as u32;
    out[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    let start = out.len();
    out.extend_from_slice(value);
    pad(start, out);
}

fn pad(start: usize, out: &mut Vec<u8>) {
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
}
