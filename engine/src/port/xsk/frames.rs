//! Frames of a UMEM and who may touch them.
//!
//! A frame belongs either to us or to the kernel. A transmit frame of ours is a
//! [`TxFrame`]: it cannot be copied, writing needs it, and submitting gives it
//! away. It comes back only when the kernel names it in the completion ring, and
//! a completion for a frame that the kernel does not hold is refused. Receive
//! frames need no such token: they are ours between the receive ring and the fill
//! ring, and both ends lie in one function.

use arrayvec::ArrayVec;
use prtip_bpf::abi::RxMeta;
use xsk_rs::FrameDesc;
use xsk_rs::umem::Umem;
use zerocopy::FromBytes;

use super::super::SEND_BATCH;
use crate::plan::probe::Slot;

/// Bytes of one frame: two to a page, and room for an ICMP error of any size
/// that routers send.
pub(super) const FRAME_SIZE: usize = 2048;
/// What xsk-rs and the kernel leave free in front of the packet.
pub(super) const HEADROOM: usize = 256;
/// Room for a packet to send.
pub(super) const TX_ROOM: usize = FRAME_SIZE - HEADROOM;

/// Descriptors of one batch, on their way to a ring.
pub(super) type Batch = ArrayVec<FrameDesc, SEND_BATCH>;

/// The memory of a UMEM.
pub(super) struct Region {
    umem: Umem,
    base: *mut u8,
    len: usize,
}

// SAFETY: `base` points into the mapping that `umem` keeps alive wherever it
// moves; all access goes through `&mut self`, or through frames that are ours.
unsafe impl Send for Region {}

impl Region {
    /// `descs` are all frames of `umem`, each with an unused packet.
    pub(super) fn new(umem: Umem, descs: &[FrameDesc]) -> Self {
        let first = &descs[0];
        assert_eq!(first.addr(), HEADROOM, "the packet starts behind the headroom");
        // SAFETY: `first` is a frame of this UMEM, nobody writes to it yet, and the
        // slice is empty: only its address is used.
        let data = unsafe { umem.data(first) };
        // The mapping was made by a foreign function and handed to libxdp, so its
        // provenance is exposed; the address alone leads back to all of it.
        let base = data.contents().as_ptr().addr() - first.addr();
        Self {
            umem,
            base: std::ptr::with_exposed_provenance_mut(base),
            len: descs.len() * FRAME_SIZE,
        }
    }

    /// Where it begins.
    pub(super) fn base(&self) -> *const u8 {
        self.base
    }

    /// The room of a transmit frame that is ours.
    fn tx_room(&mut self, desc: &FrameDesc) -> &mut [u8] {
        let addr = desc.addr();
        assert!(addr + TX_ROOM <= self.len, "a transmit frame lies inside the UMEM");
        // SAFETY: the range lies inside the mapping (asserted). The caller holds the
        // frame's token, so the kernel does not touch it, and `&mut self` keeps every
        // other slice of this region away.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(addr), TX_ROOM) }
    }

    /// `desc` with a packet of `len` bytes.
    fn with_len(&self, mut desc: FrameDesc, len: usize) -> FrameDesc {
        // SAFETY: `desc` is a frame of this UMEM that is ours; no byte of it is read
        // or written, only the descriptor's length is set.
        let mut data = unsafe { self.umem.data_mut(&mut desc) };
        data.cursor().set_pos(len);
        desc
    }

    /// Has the CPU fetch what [`Region::received`] will read: the kernel wrote it a burst
    /// ago, and frames lie so that few of them stay in the inner caches.
    #[inline]
    pub(super) fn fetch(&self, desc: &FrameDesc) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let packet = self.base.wrapping_add(desc.addr());
            for line in [packet.wrapping_sub(size_of::<RxMeta>()), packet] {
                // SAFETY: a prefetch reads nothing, and of any address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast_const().cast()) };
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = desc;
    }

    /// A received packet and the kernel's receive time, where it was stamped.
    /// The stamp is cleared, so that it is never read twice. `None` when the
    /// descriptor makes no sense.
    pub(super) fn received(&mut self, desc: &FrameDesc) -> Option<(Option<u64>, &[u8])> {
        let (addr, len) = (desc.addr(), desc.lengths().data());
        let end = addr.checked_add(len)?;
        let meta_start = addr.checked_sub(size_of::<RxMeta>())?;
        if end > self.len || len == 0 || meta_start / FRAME_SIZE != (end - 1) / FRAME_SIZE {
            return None;
        }
        // SAFETY: metadata and packet lie inside one frame of the mapping (checked).
        // The descriptor came from the receive ring, so the frame is ours until it is
        // returned to the fill ring, and `&mut self` keeps other slices away.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.base.add(meta_start), end - meta_start) };
        let (meta, packet) = bytes.split_at_mut(size_of::<RxMeta>());
        let stamp = RxMeta::read_from_bytes(meta).ok().and_then(RxMeta::rx_ns);
        meta.fill(0);
        Some((stamp, packet))
    }
}

/// A transmit frame that is ours.
#[derive(Debug)]
pub(super) struct TxFrame {
    position: usize,
}

/// The transmit frames for one purpose.
pub(super) struct TxFrames {
    descs: Box<[FrameDesc]>,
    slots: Box<[Slot]>,
    with_kernel: Box<[bool]>,
    /// Last in, first out: the frame whose bytes are still in the cache.
    free: Vec<TxFrame>,
    submitted: u64,
    completed: u64,
}

impl TxFrames {
    pub(super) fn new(descs: &[FrameDesc]) -> Self {
        Self {
            descs: descs.into(),
            slots: vec![Slot::EMPTY; descs.len()].into(),
            with_kernel: vec![false; descs.len()].into(),
            free: (0..descs.len()).rev().map(|position| TxFrame { position }).collect(),
            submitted: 0,
            completed: 0,
        }
    }

    /// Frames that can be written now.
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Frames given to the kernel since the start.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Frames that the kernel has given back since the start.
    pub(super) fn completed(&self) -> u64 {
        self.completed
    }

    /// Frames that the kernel holds.
    pub(super) fn outstanding(&self) -> u64 {
        self.submitted - self.completed
    }

    /// Takes a free frame, has `fill` write the packet, and appends it to `batch`:
    /// from here on it is the kernel's. Requires a free frame.
    pub(super) fn write(
        &mut self,
        region: &mut Region,
        batch: &mut Batch,
        fill: impl FnOnce(&mut [u8], &mut Slot) -> usize,
    ) {
        let frame = self.free.pop().expect("the caller has counted the free frames");
        let desc = self.descs[frame.position];
        let room = region.tx_room(&desc);
        let len = fill(room, &mut self.slots[frame.position]);
        assert!(len <= room.len(), "a packet fits into its frame");
        batch.push(region.with_len(desc, len));
        self.give(frame);
    }

    fn give(&mut self, frame: TxFrame) {
        self.with_kernel[frame.position] = true;
        self.submitted += 1;
    }

    /// Takes back the frame at byte `addr` of the UMEM. False when it is none of
    /// these frames, or the kernel did not hold it.
    pub(super) fn complete(&mut self, addr: usize) -> bool {
        let Some(position) = (addr / FRAME_SIZE).checked_sub(self.descs[0].addr() / FRAME_SIZE)
        else {
            return false;
        };
        match self.with_kernel.get_mut(position) {
            Some(held @ true) => {
                *held = false;
                self.completed += 1;
                self.free.push(TxFrame { position });
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prtip_bpf::abi::RX_META_MAGIC;
    use xsk_rs::config::UmemConfig;

    use super::*;

    /// A UMEM of eight frames, bound to nothing. `None` after the word SKIPPED
    /// where AF_XDP is not permitted.
    fn umem() -> Option<(Region, Vec<FrameDesc>)> {
        let config =
            UmemConfig::builder().frame_size((FRAME_SIZE as u32).try_into().unwrap()).build();
        match Umem::new(config.unwrap(), 8.try_into().unwrap(), false) {
            Ok((umem, descs)) => Some((Region::new(umem, &descs), descs)),
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                    "a required test cannot run: {error}"
                );
                println!("SKIPPED: no AF_XDP here: {error}");
                None
            }
        }
    }

    #[test]
    fn a_frame_comes_back_only_by_its_own_completion_and_only_once() {
        let Some((mut region, descs)) = umem() else { return };
        let mut frames = TxFrames::new(&descs[2..6]);
        let mut batch = Batch::new();
        frames.write(&mut region, &mut batch, |room, slot| {
            assert_eq!((room.len(), *slot), (TX_ROOM, Slot::EMPTY));
            room[..3].copy_from_slice(b"one");
            3
        });
        frames.write(&mut region, &mut batch, |_, _| 60);
        assert_eq!(batch.iter().map(|desc| desc.lengths().data()).collect::<Vec<_>>(), [3, 60]);
        assert_eq!((frames.free(), frames.outstanding()), (2, 2));

        let first = batch[0].addr();
        // Frames of others, a frame that the kernel does not hold, no frame at all.
        for addr in [descs[0].addr(), descs[6].addr(), descs[5].addr(), usize::MAX] {
            assert!(!frames.complete(addr));
        }
        assert!(frames.complete(first));
        assert!(!frames.complete(first), "a second completion");
        assert_eq!((frames.free(), frames.outstanding(), frames.completed()), (3, 1, 1));

        // The frame that came back last is used first, and still holds its packet.
        frames.write(&mut region, &mut batch, |room, _| {
            assert_eq!(&room[..3], b"one");
            3
        });
        assert_eq!(batch[2].addr(), first);
    }

    #[test]
    fn packets_are_written_and_read_where_the_kernel_has_them_and_nowhere_else() {
        let Some((mut region, descs)) = umem() else { return };
        let (base, mut in_place) = (region.base(), 0);
        let mut frames = TxFrames::new(&descs[..4]);
        let mut batch = Batch::new();
        let mut written = Vec::new();
        for _ in 0..4 {
            frames.write(&mut region, &mut batch, |room, _| {
                written.push(room.as_ptr());
                60
            });
        }
        for (at, desc) in written.iter().zip(&batch) {
            in_place += usize::from(*at == base.wrapping_add(desc.addr()));
        }
        for desc in &descs[4..8] {
            let packet = region.with_len(*desc, 60);
            let at = base.wrapping_add(packet.addr());
            in_place += usize::from(region.received(&packet).unwrap().1.as_ptr() == at);
        }
        assert_eq!(in_place, 8, "frames that were crafted or handed out without a copy");
    }

    #[test]
    #[should_panic(expected = "a packet fits into its frame")]
    fn a_packet_longer_than_its_frame_is_never_submitted() {
        let Some((mut region, descs)) = umem() else { panic!("a packet fits into its frame") };
        TxFrames::new(&descs).write(&mut region, &mut Batch::new(), |room, _| room.len() + 1);
    }

    #[test]
    fn a_receive_time_is_read_once_and_stale_bytes_are_none() {
        let Some((mut region, descs)) = umem() else { return };
        let packet = region.with_len(descs[3], 60);
        assert_eq!(region.received(&packet).unwrap().0, None, "a driver without metadata");

        let rx_ns = 123_456_789_u64;
        let meta = [rx_ns.to_ne_bytes(), (rx_ns ^ RX_META_MAGIC).to_ne_bytes()].concat();
        // SAFETY: the headroom of a frame that is ours, inside the mapping.
        unsafe {
            let to = region.base.add(packet.addr() - meta.len());
            to.copy_from_nonoverlapping(meta.as_ptr(), meta.len());
        }
        let (stamp, bytes) = region.received(&packet).unwrap();
        assert_eq!((stamp, bytes.len()), (Some(rx_ns), 60));
        assert_eq!(region.received(&packet).unwrap().0, None, "the same bytes again");
    }

    #[test]
    fn descriptors_that_leave_their_frame_are_refused() {
        let Some((mut region, descs)) = umem() else { return };
        assert!(region.received(&FrameDesc::default()).is_none(), "no room for metadata");
        assert!(region.received(&descs[0]).is_none(), "an empty packet");
        let whole = region.with_len(descs[7], TX_ROOM);
        assert_eq!(region.received(&whole).unwrap().1.len(), TX_ROOM);
    }
}
