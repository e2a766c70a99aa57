//! The database that comes with the program, as the build script has compiled it.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::compile::Owner;
use crate::database::{Database, Literals, Owners};
use crate::rule::{Begins, Change, Field, Part, Pattern, Piece, Probe, Rule, Transport};

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// Bytes that lie where numbers of four bytes may lie.
#[repr(C)]
struct Aligned<B: ?Sized> {
    numbers: [u32; 0],
    bytes: B,
}

static AUTOMATA: &Aligned<[u8]> =
    &Aligned { numbers: [], bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/automata.bin")) };
static PREFILTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/prefilter.bin"));

mod texts {
    include!(concat!(env!("OUT_DIR"), "/sources.rs"));
}

/// The text that the shipped database was compiled from: file name and content.
#[must_use]
pub fn sources() -> &'static [(&'static str, &'static str)] {
    texts::TEXTS
}

impl Database {
    /// The database that comes with the program. Its tables and automata lie in the
    /// program as they are used; nothing is parsed.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Database> = OnceLock::new();
        SHIPPED.get_or_init(|| Self {
            probes: Cow::Borrowed(PROBES),
            rules: Cow::Borrowed(RULES),
            ungated: Cow::Borrowed(UNGATED),
            order: Cow::Borrowed(ORDER),
            sets: SETS,
            literals: Literals::Table {
                table: PREFILTER,
                classes: CLASSES,
                first_end: FIRST_END,
                offsets: END_OFFSETS,
                ends: ENDS,
            },
            owners: Owners {
                offsets: Cow::Borrowed(OWNER_OFFSETS),
                owners: Cow::Borrowed(OWNERS),
                header_end: HEADER_END,
            },
            automata: &AUTOMATA.bytes,
            tests: Self::unbuilt(PATTERNS.len()),
            readers: Self::unbuilt(PATTERNS.len()),
            patterns: Cow::Borrowed(PATTERNS),
            limits: crate::matching::Limits::SHIPPED,
        })
    }
}
