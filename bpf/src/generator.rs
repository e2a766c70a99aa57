//! Loads and runs the generator of a scan (`gen.bpf.c`): probes made by the kernel.
//!
//! One program a worker, all on the same maps. A call ([`Generator::run`]) makes as
//! many probes as it is told and returns when they have been given to the driver.
//!
//! The kernel puts a program that runs more than once in a call into its XDP
//! dispatcher and takes it out again, which costs some 24 ms each time, unless it is
//! there already. So each program is attached, for as long as it lives, to a loopback
//! interface that is down, in a network namespace of its own without a name: nobody
//! sees it, it meets no packet, and it is gone when its descriptors are, however the
//! process ends.
//!
//! What it does not do: receive, pace, or say what to probe.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, libbpf_sys};
use zerocopy::IntoBytes;

use crate::mapping::Mapping;
use crate::namespace::{LOOPBACK, in_new_namespace};
use crate::recipe::{Item, LIST, QUESTION, Recipe, SPARE_HEAD, TIME_AGAIN, state};
use crate::steer::{AttachMode, create_xdp_link, detach, with_libbpf_log};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gen.bpf.o"));

/// Frames that the kernel makes before it hands them to the driver.
const BATCH: u32 = 64;
const LIVE_FRAMES: u32 = 1 << 1;
const TRACEPOINT: &std::ffi::CStr = c"xdp_devmap_xmit";

/// What went wrong with the generator.
#[derive(Debug, thiserror::Error)]
pub enum GenError {
    /// The kernel did not take the program or its maps.
    #[error("load the generator: {source}{}", log.lines().fold(String::new(), |text, line| text + "\n    " + line))]
    Load {
        /// What libbpf said.
        source: libbpf_rs::Error,
        /// The verifier's words, empty when it was not asked.
        log: String,
    },
    /// A step of the set-up failed.
    #[error("{what}: {source}")]
    SetUp {
        /// Which.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl GenError {
    /// Whether privileges are what is missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Load { source, .. } => source.kind() == ErrorKind::PermissionDenied,
            Self::SetUp { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
        }
    }
}

fn set_up(what: &'static str) -> impl FnOnce(io::Error) -> GenError {
    move |source| GenError::SetUp { what, source }
}

/// The rings of send times that the generator writes itself.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Slots of one attempt's ring, a power of two.
    pub slots: u32,
    /// log2 of the indices that share one.
    pub stride: u32,
    /// Attempts.
    pub attempts: u8,
}

/// What a generator and the kernel behind it have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Probes given to the redirect, counted by the generator.
    pub made: u64,
    /// Probes that it could not make or redirect.
    pub failed: u64,
    /// Frames that the driver has taken, counted behind its call.
    pub sent: u64,
    /// Frames that it has not.
    pub refused: u64,
    /// Its last error, 0 where none.
    pub error: i32,
}

/// The generator of one worker.
#[derive(Debug)]
pub struct Generator {
    program: OwnedFd,
    hello: OwnedFd,
    states: Arc<Mapping>,
    worker: usize,
    send_times: Arc<Mapping>,
    asks: Arc<[Item]>,
    attempts: u8,
    /// What the tally said before the last call.
    before: Tally,
    /// A frame longer than every probe; its bytes do not matter.
    frame: Box<[u8]>,
    _holding: Holding,
    _counting: Arc<OwnedFd>,
}

/// A program kept in the kernel's dispatcher.
#[derive(Debug)]
struct Holding {
    link: OwnedFd,
    _namespace: File,
}

impl Drop for Holding {
    fn drop(&mut self) {
        detach(&self.link);
    }
}

/// The maps that the programs of all workers share.
const SHARED: [&str; 7] =
    ["way_out", "states", "in_flight", "items", "spans", "buckets", "templates"];
const PAYLOADS: &str = "payloads";
const SEND_TIMES: &str = "send_times";

impl Generator {
    /// Loads one generator for each of `workers` for probes out of interface
    /// `ifindex` of this network namespace.
    ///
    /// # Errors
    /// When privileges are missing or the kernel refuses.
    pub fn load(
        recipe: &Recipe,
        ifindex: u32,
        workers: usize,
        times: Times,
    ) -> Result<Vec<Self>, GenError> {
        let (loaded, log) = with_libbpf_log(|| load_all(recipe, ifindex, workers, times));
        loaded.map_err(|error| match error {
            GenError::Load { source, .. } => {
                let denied = source.kind() == ErrorKind::PermissionDenied;
                GenError::Load { source, log: if denied { String::new() } else { log } }
            }
            other => other,
        })
    }

    /// Makes and sends `probe(index, attempt)` for all `indices` (ascending, at most
    /// [`LIST`]), and for those that [`QUESTION`] is set in as one attempt more than there
    /// are, whose send times are not written; `base` is the index of offset 0 in the rings of send times. Returns
    /// how many were made: fewer where a signal came.
    ///
    /// # Errors
    /// When the kernel refuses the call.
    pub fn run(&mut self, indices: &[u64], attempt: u8, base: u64) -> io::Result<usize> {
        let Some(&first) = indices.first() else { return Ok(0) };
        let asks = indices.iter().fold(0, |all, index| all | index) & QUESTION != 0;
        let listed = asks || indices[indices.len() - 1] - first + 1 != indices.len() as u64;
        let count = self.prepare(indices, listed, attempt, base);
        if asks {
            let asked = u64::from(self.asked(self.attempts));
            let asked = asked | u64::from(self.attempts) << 32;
            self.words()[state::QUESTION].store(asked, Ordering::Relaxed);
        }
        let mut options = live(&self.frame, count);
        options.batch_size = BATCH;
        let result = test_run(&self.program, &mut options);
        match result {
            Err(error) if error.raw_os_error() != Some(libc::EINTR) => Err(error),
            _ => Ok(self.word(state::POSITION_COUNT) as u32 as usize),
        }
    }

    /// Says whether the probes of the next calls have been refused before: a batch of send
    /// times that they belong to is marked ([`TIME_AGAIN`]).
    pub fn mark_again(&mut self, again: bool) {
        let mark = if again { TIME_AGAIN } else { 0 };
        self.words()[state::AGAIN].store(mark, Ordering::Relaxed);
    }

    /// The places, among the indices of the last [`run`](Self::run), of probes that the
    /// driver did not take; ascending. None where that cannot be told, since others of the
    /// call could not be made.
    pub fn refused(&self) -> impl Iterator<Item = usize> {
        let tally = self.tally();
        let told = tally.refused > self.before.refused && tally.failed == self.before.failed;
        let words = &self.words()[state::REFUSED_AT..][..LIST / 64];
        let words = if told { words } else { &[] };
        words.iter().enumerate().flat_map(|(at, word)| {
            let word = word.load(Ordering::Relaxed);
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at * 64 + bit)
        })
    }

    /// Makes one probe without sending it: its bytes.
    ///
    /// # Errors
    /// When the kernel refuses the call, or no probe can be made.
    pub fn craft(&mut self, index: u64, attempt: u8) -> io::Result<Vec<u8>> {
        self.prepare(&[index], false, attempt, 0);
        let failed = self.tally().failed;
        let mut out = vec![0; self.frame.len() + 64];
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            data_in: self.frame.as_ptr().cast(),
            data_size_in: self.frame.len() as u32,
            data_out: out.as_mut_ptr().cast(),
            data_size_out: out.len() as u32,
            repeat: 1,
            ..Default::default()
        };
        test_run(&self.program, &mut options)?;
        out.truncate(options.data_size_out as usize);
        if self.tally().failed > failed {
            return Err(io::Error::other("the generator cannot make this probe"));
        }
        Ok(out)
    }

    /// Sends `frame` as it is, to show whether frames leave at all.
    ///
    /// # Errors
    /// When the kernel refuses the call.
    pub fn hello(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut options = live(frame, 1);
        test_run(&self.hello, &mut options)
    }

    /// What has been counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            made: self.word(state::MADE),
            failed: self.word(state::FAILED),
            sent: self.word(state::SENT),
            refused: self.word(state::REFUSED),
            error: (self.word(state::ITEM_ERROR) >> 32) as i32,
        }
    }

    /// The rings of send times, one attempt's after the other.
    #[must_use]
    pub fn send_times(&self) -> Arc<Mapping> {
        Arc::clone(&self.send_times)
    }

    /// What an attempt asks of a host, as the generator reads it.
    fn asked(&self, attempt: u8) -> u32 {
        let item = match self.asks.len() {
            0 => Item::default(),
            asks => self.asks[usize::from(attempt) % asks],
        };
        u32::from_ne_bytes(item.as_bytes().try_into().expect("an item has four bytes"))
    }

    /// Writes what the next call is to do: `indices`, which follow each other unless they
    /// are `listed`; how many probes.
    fn prepare(&mut self, indices: &[u64], listed: bool, attempt: u8, base: u64) -> u32 {
        let count = indices.len().min(LIST);
        if self.word(state::REFUSED) != self.before.refused {
            for word in &self.words()[state::REFUSED_AT..][..LIST / 64] {
                word.store(0, Ordering::Relaxed);
            }
        }
        self.before = self.tally();
        if listed {
            let list = &self.words()[state::INDICES..];
            for (place, &index) in list.iter().zip(indices) {
                place.store(index, Ordering::Relaxed);
            }
        }
        for (place, value) in [
            (state::FIRST, indices[0]),
            (state::BASE, base),
            (state::BATCH, u64::MAX),
            (state::PASSED, 0),
            (state::POSITION_COUNT, (count as u64) << 32),
            (state::LISTED_ATTEMPT, u64::from(listed) | u64::from(attempt) << 32),
            (state::ITEM_ERROR, self.asked(attempt).into()),
        ] {
            self.words()[place].store(value, Ordering::Relaxed);
        }
        count as u32
    }

    /// This worker's state. The call that follows or came before is a system call
    /// that runs the program: it orders the accesses.
    fn words(&self) -> &[AtomicU64] {
        &self.states.words()[self.worker * state::WORDS..][..state::WORDS]
    }

    fn word(&self, place: usize) -> u64 {
        self.words()[place].load(Ordering::Relaxed)
    }
}

fn load_all(
    recipe: &Recipe,
    ifindex: u32,
    workers: usize,
    times: Times,
) -> Result<Vec<Generator>, GenError> {
    let first = load_one(recipe, 0, workers, times, None)?;
    fill(&first, recipe, ifindex).map_err(load_error)?;
    let counting = Arc::new(count_sent(&first)?);
    let states = Arc::new(mapping(&first, "states", workers * state::WORDS)?);
    let asks: Arc<[Item]> = recipe.asks.as_slice().into();
    let mut objects = Vec::new();
    for worker in 1..workers {
        objects.push(load_one(recipe, worker, workers, times, Some(&first))?);
    }
    objects.insert(0, first);
    objects
        .iter()
        .enumerate()
        .map(|(worker, object)| {
            let program = program_fd(object, "prtip_gen")?;
            let times_len = times.slots as usize * usize::from(times.attempts);
            Ok(Generator {
                hello: program_fd(object, "prtip_hello")?,
                states: Arc::clone(&states),
                worker,
                send_times: Arc::new(mapping(object, SEND_TIMES, times_len)?),
                asks: Arc::clone(&asks),
                attempts: times.attempts,
                before: Tally::default(),
                // No probe has this length. A frame comes back with the length that the far
                // end gave it, and the kernel sets it anew only where the program has changed
                // its bounds (frame_was_changed and ctx_was_changed in net/bpf/test_run.c).
                frame: vec![0xa5; frame_len(recipe)].into(),
                _holding: hold(&program)?,
                _counting: Arc::clone(&counting),
                program,
            })
        })
        .collect()
}

/// How long the frame is that the program gets.
fn frame_len(recipe: &Recipe) -> usize {
    match recipe.config.one {
        0 => recipe.longest + 2,
        _ => recipe.config.only.len as usize + SPARE_HEAD,
    }
}

fn load_error(source: libbpf_rs::Error) -> GenError {
    GenError::Load { source, log: String::new() }
}

/// Loads the object for one worker, on the maps of another where there is one.
fn load_one(
    recipe: &Recipe,
    worker: usize,
    workers: usize,
    times: Times,
    sibling: Option<&Object>,
) -> Result<Object, GenError> {
    let mut config = recipe.config;
    config.worker = worker as u32;
    config.times_slots = times.slots;
    config.times_stride = times.stride;
    let load = || -> libbpf_rs::Result<Object> {
        let mut open = ObjectBuilder::default().name("gen")?.open_memory(OBJECT)?;
        for mut map in open.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let entries = match name.as_str() {
                name if name.ends_with("rodata") => {
                    map.set_initial_value(config.as_bytes())?;
                    continue;
                }
                "states" => workers,
                SEND_TIMES => times.slots as usize * usize::from(times.attempts),
                "items" => recipe.items.len().max(1),
                "spans" => recipe.spans.len().max(1),
                "buckets" => recipe.buckets.len().max(1),
                PAYLOADS => recipe.payloads.len().max(1),
                _ => 0,
            };
            if let Some(sibling) = sibling.filter(|_| SHARED.contains(&name.as_str())) {
                map.reuse_fd(find_map(sibling, &name)?.as_fd())?;
            } else if entries > 0 {
                map.set_max_entries(entries as u32)?;
            }
        }
        if sibling.is_some() {
            for mut program in open.progs_mut() {
                program.set_autoload(program.name() != "prtip_sent");
            }
        }
        open.load()
    };
    load().map_err(load_error)
}

fn find_map(object: &Object, name: &str) -> libbpf_rs::Result<MapHandle> {
    let map = object.maps().find(|map| map.name() == name);
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no map {name}"));
    MapHandle::try_from(&map.ok_or_else(missing)?)
}

fn program_fd(object: &Object, name: &'static str) -> Result<OwnedFd, GenError> {
    let program = object.progs().find(|program| program.name() == name);
    let program = program.ok_or_else(|| set_up(name)(io::ErrorKind::NotFound.into()))?;
    program.as_fd().try_clone_to_owned().map_err(set_up("copy a descriptor"))
}

/// Puts the recipe into the maps.
fn fill(object: &Object, recipe: &Recipe, ifindex: u32) -> libbpf_rs::Result<()> {
    let put = |name: &str, values: &mut dyn Iterator<Item = (u32, &[u8])>| {
        let map = find_map(object, name)?;
        for (key, value) in values {
            map.update(&key.to_ne_bytes(), value, MapFlags::ANY)?;
        }
        libbpf_rs::Result::Ok(())
    };
    fn numbered<T: IntoBytes + zerocopy::Immutable>(
        values: &[T],
    ) -> impl Iterator<Item = (u32, &[u8])> {
        (0..).zip(values.iter().map(IntoBytes::as_bytes))
    }
    put("way_out", &mut [(0, ifindex.as_bytes())].into_iter())?;
    put("items", &mut numbered(&recipe.items))?;
    put("spans", &mut numbered(&recipe.spans))?;
    put("buckets", &mut numbered(&recipe.buckets))?;
    put(PAYLOADS, &mut numbered(&recipe.payloads))?;
    put("templates", &mut recipe.templates.iter().map(|(place, value)| (*place, value.as_bytes())))
}

fn mapping(object: &Object, name: &'static str, words: usize) -> Result<Mapping, GenError> {
    let map = find_map(object, name).map_err(load_error)?;
    Mapping::new(map.as_fd(), words).map_err(set_up(name))
}

/// Attaches the counting program to the tracepoint behind the driver's call.
#[expect(unsafe_code, reason = "libbpf-rs attaches programs only while their object is alive")]
fn count_sent(object: &Object) -> Result<OwnedFd, GenError> {
    let program = program_fd(object, "prtip_sent")?;
    // SAFETY: the name is a string that outlives the call, the program's descriptor is open.
    let fd =
        unsafe { libbpf_sys::bpf_raw_tracepoint_open(TRACEPOINT.as_ptr(), program.as_raw_fd()) };
    if fd < 0 {
        return Err(set_up("count the frames sent at the tracepoint xdp_devmap_xmit")(
            io::Error::from_raw_os_error(-fd),
        ));
    }
    // SAFETY: the call made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches the program to the loopback interface of a new network namespace.
fn hold(program: &OwnedFd) -> Result<Holding, GenError> {
    let attach = || create_xdp_link(program, LOOPBACK, AttachMode::Generic);
    let (link, _namespace) = in_new_namespace(attach)
        .map_err(set_up("hold the generator in a network namespace of its own"))?;
    Ok(Holding { link, _namespace })
}

/// What a call with live frames asks for.
fn live(frame: &[u8], repeat: u32) -> libbpf_sys::bpf_test_run_opts {
    libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
        data_in: frame.as_ptr().cast(),
        data_size_in: frame.len() as u32,
        repeat: repeat as i32,
        flags: LIVE_FRAMES,
        ..Default::default()
    }
}

#[expect(unsafe_code, reason = "libbpf-rs runs programs only while their object is alive")]
fn test_run(program: &OwnedFd, options: &mut libbpf_sys::bpf_test_run_opts) -> io::Result<()> {
    // SAFETY: the callers' options point at buffers of theirs with their lengths; the
    // kernel writes no more than `data_size_out` bytes.
    let code = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), options) };
    if code < 0 { Err(io::Error::from_raw_os_error(-code)) } else { Ok(()) }
}
