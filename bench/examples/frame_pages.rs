//! What huge pages would give the receiving side: 8,192 frames, as many as one queue has,
//! read in turn as `port/xsk` does (time stamp read and cleared, headers parsed), once in
//! pages of 4 KiB and once in huge ones. Nothing else is measured, so this is the most that
//! huge pages can gain in user space: in copy mode the kernel's own work is added, in
//! zero-copy mode the card's.
//!
//! `cargo run --release -p prtip-bench --example frame_pages`

#![expect(unsafe_code, reason = "two kinds of pages, which no safe call tells apart")]

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::time::Instant;

use prtip_bench::paired::{Comparison, PAIRS, Side, interleave};
use prtip_engine::wire::reply;

const FRAMES: usize = 8192;
const FRAME_SIZE: usize = 2048;
const HEADROOM: usize = 256;
const HUGE_PAGE: usize = 2 << 20;
const LEN: usize = FRAMES * FRAME_SIZE;
const ROUNDS: usize = 40;

/// Frames, each with a SYN-ACK in it.
fn frames(huge: bool) -> io::Result<&'static mut [u8]> {
    // SAFETY: new anonymous memory, of which nobody else knows; never unmapped.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            LEN + HUGE_PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_ANONYMOUS | libc::MAP_PRIVATE,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let start = start.cast::<u8>();
    let start = start.wrapping_add(start.align_offset(HUGE_PAGE));
    let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
    // SAFETY: the range lies inside the mapping above: it is a huge page longer than this.
    if unsafe { libc::madvise(start.cast(), LEN, advice) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above; zeros are bytes, and this is the only reference.
    let memory = unsafe { std::slice::from_raw_parts_mut(start, LEN) };
    for (number, frame) in memory.chunks_exact_mut(FRAME_SIZE).enumerate() {
        let packet = &mut frame[HEADROOM..HEADROOM + 58];
        packet[12..15].copy_from_slice(&[8, 0, 0x45]);
        packet[16..18].copy_from_slice(&44_u16.to_be_bytes());
        packet[22..24].copy_from_slice(&[64, 6]);
        packet[26..30].copy_from_slice(&(0xc612_0000 + number as u32).to_be_bytes());
        packet[46..48].copy_from_slice(&[0x60, 0x12]);
        assert!(reply::parse(packet, true).is_some(), "a reply");
    }
    Ok(memory)
}

/// KiB in huge pages of this process.
fn huge_kib() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| io::Error::other("smaps_rollup tells no AnonHugePages"))
}

/// Nanoseconds a frame.
fn read_all(memory: &mut [u8]) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for frame in memory.chunks_exact_mut(FRAME_SIZE) {
            let (meta, packet) = frame[HEADROOM - 16..HEADROOM + 58].split_at_mut(16);
            black_box(u64::from_ne_bytes(meta[..8].try_into().expect("eight bytes")));
            meta.fill(0);
            black_box(reply::parse(packet, true));
        }
    }
    start.elapsed().as_nanos() as f64 / (ROUNDS * FRAMES) as f64
}

fn main() -> io::Result<()> {
    let (small, huge) = (frames(false)?, frames(true)?);
    let kib = huge_kib()?;
    if kib < LEN as u64 / 1024 {
        return Err(io::Error::other(format!("only {kib} KiB lie in huge pages")));
    }
    let Ok(pairs) = interleave::<Infallible>(PAIRS, |side| {
        Ok(read_all(match side {
            Side::Ours => huge,
            Side::Theirs => small,
        }))
    });
    let Comparison { value, vs_value, ratio, ratio_low, ratio_high, pairs } =
        Comparison::of(&pairs);
    println!(
        "huge pages {value:.1} ns a frame, pages of 4 KiB {vs_value:.1} ns: \
         ratio {ratio:.3} ({ratio_low:.3} to {ratio_high:.3}), {pairs} pairs"
    );
    Ok(())
}
