//! Whose a function is: ours, a dependency's, the standard library's, the kernel's.

use std::fmt;

/// Whose code it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// This project's, its eBPF programs included.
    Ours,
    /// The eBPF programs of the lab, which stand for the other end of the link.
    Lab,
    /// core, alloc or std.
    Standard,
    /// A crate.
    Crate(String),
    /// A library that was linked dynamically.
    Library(String),
    /// The kernel.
    Kernel,
}

/// Crates of this project, as they are written in paths.
const OURS: [&str; 5] = ["prtip", "prtip_bpf", "prtip_engine", "prtip_signatures", "prtip_profile"];

impl Owner {
    /// By the name, and the file that holds the code (none for the kernel's).
    pub(crate) fn of(name: &str, file: Option<&str>) -> Self {
        if let Some(program) = name.strip_prefix("bpf:") {
            return if program.starts_with("lab_") { Self::Lab } else { Self::Ours };
        }
        let Some(file) = file else { return Self::Kernel };
        let library = file.rsplit('/').next().unwrap_or(file);
        if library.contains(".so") {
            return Self::Library(library.to_owned());
        }
        // `<&mut prtip_engine::x as T>::f`, `core::ptr::drop_in_place::<prtip_engine::X>`.
        let start = name.find(|c: char| c.is_alphabetic() || c == '_').unwrap_or(0);
        let mut rest = &name[start..];
        for word in ["mut ", "dyn ", "const "] {
            rest = rest.strip_prefix(word).unwrap_or(rest);
        }
        let path = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or(rest);
        // `<u64 as core::cmp::PartialOrd>::lt`: a type without a crate, a trait with one.
        let of_trait = rest.split_once(" as ").map(|(_, of_trait)| of_trait);
        let is_standard = |path: &str| {
            ["core::", "alloc::", "std::"].iter().any(|crate_name| path.starts_with(crate_name))
        };
        match path {
            _ if !rest[path.len()..].starts_with("::") && of_trait.is_some_and(is_standard) => {
                Self::Standard
            }
            _ if !rest[path.len()..].starts_with("::") => Self::Library(library.to_owned()),
            "core" | "alloc" | "std" => Self::Standard,
            _ if OURS.contains(&path) => Self::Ours,
            _ => Self::Crate(path.to_owned()),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("ours"),
            Self::Lab => f.write_str("the lab"),
            Self::Standard => f.write_str("std"),
            Self::Crate(name) => write!(f, "crate {name}"),
            Self::Library(name) => f.write_str(name),
            Self::Kernel => f.write_str("kernel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_its_crate() {
        let program = Some("/x/prtip");
        for (name, file, owner) in [
            ("prtip_engine::plan::Plan::probe", program, Owner::Ours),
            ("<&mut prtip_engine::scan::Worker as core::fmt::Debug>::fmt", program, Owner::Ours),
            ("core::ptr::drop_in_place::<prtip_engine::Error>", program, Owner::Standard),
            ("<alloc::vec::Vec<u8>>::push", program, Owner::Standard),
            ("<u64 as core::cmp::PartialOrd>::lt", program, Owner::Standard),
            ("<[u8] as core::slice::index::SliceIndex>::get", program, Owner::Standard),
            ("regex_automata::dfa::dense::find", program, Owner::Crate("regex_automata".into())),
            ("ZSTD_compress", program, Owner::Library("prtip".into())),
            ("malloc", Some("/lib/libc.so.6"), Owner::Library("libc.so.6".into())),
            ("veth_xmit_[k]", None, Owner::Kernel),
            ("bpf:steer", None, Owner::Ours),
            ("bpf:lab_answer", None, Owner::Lab),
        ] {
            assert_eq!(Owner::of(name, file), owner, "{name}");
        }
    }
}
