//! What the errors of the generator mean: likely cause and remedy.

use std::io;

use prtip_bpf::generator::{GenError, Tally};

use crate::error::{Error, Kind};

const REMEDY: &str = "--port-engine xdp or auto";

/// The plan or the way out does not fit into the generator.
pub(crate) fn does_not_fit(reason: &str) -> Error {
    Error::new(Kind::Usage, "cannot have the kernel make these probes")
        .cause(reason.to_owned())
        .remedy(REMEDY)
}

/// The generator was not loaded.
pub(super) fn loading(error: &GenError) -> Error {
    let what = error.to_string();
    let kind = Kind::Denied;
    if error.is_denied() {
        return Error::new(kind, what)
            .remedy("run as root, or grant CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON");
    }
    match error {
        GenError::Load { .. } => Error::new(kind, what)
            .cause("this kernel's verifier or configuration refuses it")
            .remedy(format!("Linux 5.18 or newer; or {REMEDY}")),
        GenError::SetUp { .. } => Error::new(kind, what).remedy(REMEDY),
    }
}

/// The kernel does not run the generator.
pub(super) fn calling(source: io::Error) -> Error {
    let old = source.raw_os_error() == Some(libc::EINVAL);
    let error = Error::new(Kind::Failed, "have the kernel make probes").because_of(source);
    if old {
        return error.cause("live frames are not known to kernels before 5.18").remedy(REMEDY);
    }
    error.remedy(REMEDY)
}

/// The first frame has not left.
pub(super) fn nothing_leaves(interface: &str, tally: Tally) -> Error {
    let error = Error::new(Kind::Denied, format!("send live frames on {interface}"));
    let error = if tally.refused == 0 {
        error.cause("its driver takes no redirected frames (ndo_xdp_xmit)")
    } else {
        match -tally.error {
            libc::ENXIO => error.cause(
                "the other end takes no redirected frames: it has neither an XDP program nor GRO",
            ),
            code => error.because_of(io::Error::from_raw_os_error(code)),
        }
    };
    error.remedy(REMEDY)
}
