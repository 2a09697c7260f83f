//! One life of the terminal, from power to power cut: the real engine with its journal, its queue and its messages, in
//! one thread and in virtual time.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tender_sim::acquirer::Desk;
use tender_sim::card::Card;
use tenderd::config::Config;
use tenderd::journal::Journal;
use tenderd::reader::Clock;
use tenderd::reader::simulated::SteppedReader;
use tenderd::terminal::{Change, Engine, Inputs, Status, Terminal};
use tenderd::upstream::{Host, MacKeys};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::books::Books;
use crate::network::Network;
use crate::people::{Customers, Register, lock, note};
use crate::random::Random;
use crate::trouble::{Trouble, Troubles};

/// What outlives a power cut.
pub(crate) struct World {
    /// The configuration's file.
    pub(crate) config: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) desk: Arc<Desk>,
    pub(crate) books: Arc<Mutex<Books>>,
    pub(crate) cards: Vec<Arc<Mutex<Card>>>,
    /// How much virtual time has passed in earlier lives.
    pub(crate) elapsed: Duration,
    /// By how many seconds the clock is wrong.
    pub(crate) clock_error: i64,
    pub(crate) lives: u32,
}

impl World {
    /// The folder that this life's journal is in.
    fn journal(&self) -> PathBuf {
        self.folder.join(format!("{}", self.lives))
    }
}

/// Where a cut in the middle of a write leaves it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    /// Nothing of the write is on the disk.
    Before,
    /// Some of it is: the file is as long as this at least.
    During(u64),
    /// All of it is.
    After,
}

/// What the terminal tells everybody, and who hears it.
struct Bus {
    changes: Mutex<mpsc::UnboundedReceiver<Change>>,
    books: Arc<Mutex<Books>>,
}

impl Bus {
    /// Hears what was told up to now.
    fn hear(&self) {
        while let Ok(change) = lock(&self.changes).try_recv() {
            if let Change::Transaction(view) = change {
                note(&self.books, "the bus", &view);
            }
        }
    }
}

/// The disk as the journal meets it.
struct Disk {
    journal: PathBuf,
    random: Mutex<Random>,
    troubles: Troubles,
    /// The power goes at the write with this number.
    cut_at: Option<u64>,
    writes: AtomicU64,
    cut: Mutex<Option<Cut>>,
    /// In this time of the life the disk is full.
    full: Range<Instant>,
}

impl Disk {
    fn may_write(&self, is_dead: &AtomicBool, has_started: &AtomicBool, bus: &Bus) -> bool {
        if is_dead.load(Ordering::Relaxed) {
            return false;
        }
        // What is told before this write is told, whatever becomes of the write.
        bus.hear();
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let mut random = lock(&self.random);
        if self.cut_at == Some(write) && !self.troubles.now().is_over {
            is_dead.store(true, Ordering::Relaxed);
            let cut = random.pick(&[Cut::Before, Cut::During(length(&write_ahead_log(&self.journal))), Cut::After]);
            *lock(&self.cut) = Some(cut);
            return cut != Cut::Before;
        }
        if self.full.contains(&Instant::now()) && !self.troubles.now().is_over {
            return false;
        }
        // A terminal whose first writes fail ends, and is started again.
        !(has_started.load(Ordering::Relaxed) && random.percent(self.troubles.now().write_fails))
    }

    /// What is on the disk once the power is gone, in the folder of the next life.
    fn survives_in(&self, next: &Path) {
        fs::create_dir(next).expect("it is new");
        let log = write_ahead_log(&self.journal);
        for file in [&self.journal, &log].into_iter().filter(|file| file.exists()) {
            fs::copy(file, next.join(file.file_name().expect("a file"))).expect("there is room");
        }
        if let Some(Cut::During(before)) = *lock(&self.cut) {
            let torn = next.join(log.file_name().expect("a file"));
            let mut bytes = fs::read(&torn).unwrap_or_default();
            let (least, most) = (before.min(bytes.len() as u64), bytes.len() as u64);
            let mut random = lock(&self.random);
            bytes.truncate(random.between(least, most) as usize);
            if random.percent(50) {
                // Sectors are not written in their order.
                let from = random.between(least.min(bytes.len() as u64), bytes.len() as u64) as usize;
                let to = random.between(from as u64, bytes.len() as u64) as usize;
                bytes[from..to].fill(0);
            }
            fs::write(torn, bytes).expect("there is room");
        }
    }
}

/// When a disk is full, from now on: never, where from and to are the same.
fn full(trouble: &Trouble, random: &mut Random) -> Range<Instant> {
    let now = Instant::now();
    if !random.percent(trouble.disk_full) {
        return now..now;
    }
    let from = now + Duration::from_secs(random.between(0, 30));
    from..from + Duration::from_secs(random.between(1, 30))
}

fn write_ahead_log(journal: &Path) -> PathBuf {
    journal.with_extension("db-wal")
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// A life.
pub(crate) struct Life {
    runtime: Runtime,
    /// Nothing where the power went before it had started.
    engine: tokio::sync::Mutex<Option<Engine>>,
    readers: Mutex<Vec<SteppedReader>>,
    reader_has_work: Arc<Notify>,
    is_dead: Arc<AtomicBool>,
    troubles: Troubles,
    terminal: Option<Terminal>,
    bus: Arc<Bus>,
    disk: Arc<Disk>,
    clock_error: Arc<AtomicI64>,
    born: Instant,
}

impl Life {
    /// Switches the terminal on, and puts registers, customers and the network around it.
    pub(crate) fn begin(world: &World, trouble: &Trouble, random: &mut Random) -> Arc<Life> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let journal = world.journal().join("journal.db");
        fs::create_dir_all(world.journal()).expect("there is room");
        let troubles = Troubles::new(trouble);
        let disk = Arc::new(Disk {
            journal: journal.clone(),
            troubles: troubles.clone(),
            cut_at: random.percent(trouble.cut_at_write).then(|| random.between(1, 40)),
            random: Mutex::new(random.fork()),
            writes: AtomicU64::new(0),
            cut: Mutex::new(None),
            full: runtime.block_on(async { full(trouble, random) }),
        });
        let clock_error = Arc::new(AtomicI64::new(world.clock_error));
        let is_dead = Arc::new(AtomicBool::new(false));
        let (events, readers) = mpsc::unbounded_channel();
        let (changes, told) = mpsc::unbounded_channel();
        let bus = Arc::new(Bus { changes: Mutex::new(told), books: world.books.clone() });
        let (born, clock, engine) = runtime.block_on(async {
            let (born, clock) = (Instant::now(), Clock::start());
            let network = Arc::new(Network {
                desk: world.desk.clone(),
                troubles: troubles.clone(),
                random: Mutex::new(random.fork()),
            });
            let connect = move || network.clone().connect();
            let mut config = Config::load(&world.config).expect("the example is a configuration");
            let keys = config.acquirer_keys.read(None).expect("the initial key is in its file");
            let keys = MacKeys::Derived(keys.dukpt.expect("the configuration names it"));
            let host = Host::start_over(config.host.clone(), config.card_acceptor.clone(), keys, connect);
            let mut unpredictable = random.fork();
            let (start, error) = (world.elapsed, clock_error.clone());
            let now = move || {
                let elapsed = SignedDuration::try_from(start + born.elapsed()).expect("some minutes");
                morning() + elapsed + SignedDuration::from_secs(error.load(Ordering::Relaxed))
            };
            let randomness = Box::new(move || unpredictable.bytes());
            let inputs = Inputs { readers, clock, randomness, now: Box::new(now) };
            config.journal.path.clone_from(&journal);
            config.journal.storage_key = world.folder.join("storage.key");
            let mut journal = Journal::open(&journal).expect("what a power cut leaves can be opened");
            let has_started = Arc::new(AtomicBool::new(false));
            let (asks, dead, started, hears) = (disk.clone(), is_dead.clone(), has_started.clone(), bus.clone());
            journal.on_commit(move || asks.may_write(&dead, &started, &hears)).expect("SQLite takes a hook");
            let engine = match Engine::start_on(journal, Arc::new(config), host, inputs, changes) {
                Ok(engine) => Some(engine),
                Err(_) if is_dead.load(Ordering::Relaxed) => None,
                Err(error) => panic!("the terminal does not start: {error}"),
            };
            has_started.store(true, Ordering::Relaxed);
            (born, clock, engine)
        });
        let (engine, terminal) = engine.map_or((None, None), |(engine, terminal)| (Some(engine), Some(terminal)));
        let reader_has_work = Arc::new(Notify::new());
        let life = Arc::new_cyclic(|life: &std::sync::Weak<Life>| {
            let readers = ["counter", "window"].map(|name| {
                let life = life.clone();
                SteppedReader::attach(name, clock, events.clone(), move |time| {
                    if let Some(life) = life.upgrade() {
                        life.run(time);
                    }
                })
            });
            Life {
                runtime,
                engine: tokio::sync::Mutex::new(engine),
                readers: Mutex::new(readers.into()),
                reader_has_work,
                is_dead,
                troubles,
                terminal,
                bus,
                disk,
                clock_error,
                born,
            }
        });
        if let Some(terminal) = &life.terminal {
            life.populate(world, trouble, random, terminal);
        }
        life
    }

    fn populate(&self, world: &World, trouble: &Trouble, random: &mut Random, terminal: &Terminal) {
        let clerk = self.register("follow-up".to_owned(), world, random, terminal);
        self.runtime.spawn(clerk.ask_for_ends(lock(&world.books).open()));
        if trouble.is_over {
            return;
        }
        for number in 1..=2 {
            let register = self.register(format!("l{}r{number}", world.lives), world, random, terminal);
            self.runtime.spawn(register.sell());
        }
        for reader in &*lock(&self.readers) {
            let customers = Customers {
                cards: world.cards.clone(),
                field: reader.field(),
                reader_has_work: self.reader_has_work.clone(),
                random: random.fork(),
                troubles: self.troubles.clone(),
            };
            self.runtime.spawn(customers.come_and_go());
        }
        if random.percent(trouble.clock_jumps) {
            let (error, after, by) = (self.clock_error.clone(), random.between(1, 40), random.between(0, 7_200) as i64);
            self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(after)).await;
                error.fetch_add(by - 3_600, Ordering::Relaxed);
            });
        }
    }

    /// Lets time pass, or as much of it as the terminal lives.
    pub(crate) fn run(&self, time: Duration) {
        let _context = self.runtime.enter();
        let until = Instant::now() + time;
        while !self.is_dead() && Instant::now() < until {
            // A reader that is in a conversation is further up the stack: it goes on when this returns.
            if let Ok(mut readers) = self.readers.try_lock() {
                readers.iter_mut().for_each(SteppedReader::work);
            }
            if self.is_dead() {
                return;
            }
            self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = self.step() => {}
                    () = self.reader_has_work.notified() => {}
                    () = sleep_until(until) => {}
                }
            });
            if !self.is_dead() {
                self.bus.hear();
            }
        }
    }

    async fn step(&self) {
        if let Some(engine) = &mut *self.engine.lock().await {
            engine.step().await;
        }
    }

    /// Nothing goes wrong any more, nobody buys, and a register asks for all ends that nobody knows.
    pub(crate) fn calm_down(&self, world: &World, random: &mut Random) {
        self.troubles.end();
        if let Some(terminal) = &self.terminal {
            let register = self.register("clerk".to_owned(), world, random, terminal);
            self.runtime.spawn(register.ask_for_ends(lock(&world.books).open()));
        }
    }

    fn register(&self, name: String, world: &World, random: &mut Random, terminal: &Terminal) -> Register {
        Register {
            name,
            terminal: terminal.clone(),
            books: world.books.clone(),
            random: random.fork(),
            troubles: self.troubles.clone(),
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_at_rest(&self) -> bool {
        let Some(status) = self.status() else { return false };
        status.open_transactions == 0 && status.outstanding_advices == 0 && status.fault.is_none()
    }

    /// How the terminal is; nothing where it could not start.
    pub(crate) fn status(&self) -> Option<Status> {
        let engine = self.engine.try_lock().expect("nobody steps it while somebody asks");
        engine.as_ref().map(Engine::status)
    }

    /// The power goes.
    pub(crate) fn end(self: Arc<Self>, world: &mut World) {
        // What was handed to the network before a write that never happened is on its way.
        if *lock(&self.disk.cut) == Some(Cut::Before) {
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(1)).await });
        }
        let context = self.runtime.enter();
        world.elapsed += self.born.elapsed();
        world.clock_error = self.clock_error.load(Ordering::Relaxed);
        drop(context);
        world.lives += 1;
        // As it is at this moment: SQLite would tidy up once the engine is dropped.
        self.disk.survives_in(&world.journal());
        self.is_dead.store(true, Ordering::Relaxed);
    }
}

fn morning() -> Timestamp {
    "2026-11-24T05:36:00Z".parse().expect("a time")
}
