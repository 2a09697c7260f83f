//! A machine that comes up again with everything missing that can be missing.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tender_sim::card::{Card, Personality};
use tender_sim::vpcd::Slot;

use crate::TIME_TO_FINISH;
use crate::pcscd::Pcscd;
use crate::register::Register;
use crate::terminal::{Readers, Terminal, eventually, rules};

/// The acquirer is slow with sales that end in 77 cents, and loses every first advice.
const RULES: &str = "
    [[rule]]
    when.cents = 77
    then.delay_ms = 5000
    [[rule]]
    when.mti = ['0220']
    then.delivery = 'none'
";

/// A disk of the terminal's own, small enough to be filled.
struct SmallDisk {
    root: PathBuf,
}

impl SmallDisk {
    /// Mounts it, in the namespace of this process.
    fn mount(root: PathBuf) -> Self {
        fs::create_dir(&root).expect("the directory is ours");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(&root).status();
        assert!(mounted.is_ok_and(|status| status.success()), "we are root in this namespace");
        SmallDisk { root }
    }

    fn fill(&self) {
        let mut ballast = File::create(self.root.join("ballast")).expect("a name takes no room");
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.root.join("ballast")).expect("it was filled before");
    }
}

/// Kills the terminal while the acquirer is asked, starts it without pcscd, without network and on a full disk, gives
/// it back one after the other, and compares the books.
pub(crate) fn with_everything_missing(pcscd: &mut Pcscd) {
    let mut terminal = Terminal::prepare(Readers::Pcsc, rules(RULES), &[("/journal.db\"", "/disk/journal.db\"")]);
    let disk = SmallDisk::mount(terminal.file("disk"));
    terminal.resume();
    let register = Register::of(&terminal);
    let mut slot = Slot::new(([127, 0, 0, 1], pcscd.port(0)).into());
    register.has_readers(&Pcscd::READERS);
    for (token, card) in [("online", "visa-online"), ("offline", "mastercard-offline-cda")] {
        sell(&register, &mut slot, token, 1250, card);
        assert_eq!(register.done(token).result(), "approved", "{token}");
        slot.remove();
        pcscd.notices_an_empty(0);
    }
    sell(&register, &mut slot, "asked", 4977, "visa-online");
    terminal.acquirer.ledger_when(TIME_TO_FINISH, |ledger| ledger.entries.iter().any(|entry| entry.amount == 4977));
    terminal.kill();
    slot.remove();
    pcscd.kill();
    disk.fill();

    terminal.resume_as(without_network(&terminal.command()));
    let refused = register.sell("refused", 1250, None).unwrap_err();
    assert_eq!(refused.name, "DiskFull", "{refused:?}");
    assert_eq!(register.find("online").expect("it is in the journal").result(), "approved");
    assert_eq!(register.find("asked").expect("it is in the journal").state(), "authorising");
    let status = terminal.tenderctl(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout);
    assert!(status.contains("the disk is full") && status.contains("pcscd does not answer"), "{status}");

    disk.free();
    eventually(|| if register.property("Fault").is_empty() { Ok(()) } else { Err(register.property("Fault")) });
    register.when("asked", |sale| sale.state() == "reversing");
    assert_eq!(["OutstandingReversals", "OutstandingAdvices"].map(|name| register.count(name)), [1, 1]);
    assert_eq!(terminal.tenderctl(&["host"]).status.code(), Some(1), "there is no network");
    register.sell("waiting", 1250, None).expect("the journal works");
    register.cancel("waiting").expect("it waits for a reader");

    terminal.kill();
    pcscd.start();
    terminal.resume();
    let begun = Instant::now();
    register.has_readers(&Pcscd::READERS);
    sell(&register, &mut slot, "after", 1250, "visa-online");
    assert_eq!(register.done("after").result(), "approved");
    assert_eq!(register.done("asked").result(), "reversed");
    while register.count("OutstandingAdvices") > 0 {
        assert!(begun.elapsed() < TIME_TO_FINISH, "the advice is still outstanding");
        thread::sleep(Duration::from_millis(20));
    }
    let ledger = terminal.acquirer.ledger();
    register.reconcile(&ledger);
    assert_eq!(ledger.total(), 3 * 1250);
    let took = begun.elapsed().as_secs_f64();
    println!(
        "kill: without pcscd, network and room on the disk nothing is lost; all settled {took:.1} s after they are back"
    );
}

fn sell(register: &Register, slot: &mut Slot, token: &str, amount: u64, personality: &str) {
    register.sell(token, amount, Some(Pcscd::READERS[0])).expect("the reader is free");
    let personality = Personality::built_in(personality).expect("it is built in");
    eventually(|| slot.insert(Card::new(&personality)));
}

/// Has a command run where there is no network, not even to this machine itself.
fn without_network(command: &Command) -> Command {
    let mut alone = Command::new("unshare");
    alone.args(["--net", "--user", "--map-root-user"]).arg(command.get_program()).args(command.get_args());
    alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    alone
}
