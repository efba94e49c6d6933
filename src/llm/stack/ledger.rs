//! The money of a run, counted across every process that takes part in it.
//!
//! Processes that run at the same time in the same project share one account in `reports/.budget/`: a file with what is
//! spent and what is set aside, changed under a lock that takes microseconds. The first process to come finds nobody and
//! starts from zero; `group` (the run id of a test runner that starts a process per test) keeps an account over processes
//! that follow each other. Each process notes what it has set aside in a file of its own, locked while it lives: when it
//! dies, that money counts as spent, since nobody knows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::budget::{NanoUsd, dollars, usd};
use crate::llm::Error;

/// Folder of accounts, inside the reports folder.
const DIR: &str = ".budget";

/// How often a request looks whether money came back. Processes cannot wake each other.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An account that this process takes part in.
pub struct Ledger {
    limit: NanoUsd,
    account: Mutex<File>,
    member: Mutex<File>,
    path: PathBuf,
    member_path: PathBuf,
    came_back: tokio::sync::Notify,
    spent_here: AtomicU64,
}

/// What an account says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Balance {
    spent: NanoUsd,
    reserved: NanoUsd,
}

/// What came of trying to set money aside.
enum Tried {
    Reserved,
    /// Others hold too much; some of it may come back.
    Wait,
    /// What is spent leaves too little.
    Gone(Balance),
}

impl Ledger {
    /// Take part in the account of `group`, or of whoever runs now, below the reports folder. `me` names this process.
    ///
    /// # Errors
    /// The folder or its files cannot be made.
    pub fn join(reports: &Path, group: Option<&str>, me: &str, limit: NanoUsd) -> io::Result<Self> {
        let safe = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
        };
        let dir = reports.join(DIR).join(group.map_or_else(|| "now".to_owned(), safe));
        std::fs::create_dir_all(&dir)?;
        let path = dir.join("account");
        let open =
            |path: &Path| OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let account = open(&path)?;
        let member_path = dir.join(format!("{}.member", safe(me)));
        account.lock()?;
        let member = join_locked(&account, &dir, &member_path, group.is_none());
        account.unlock()?;
        Ok(Self {
            limit,
            account: Mutex::new(account),
            member: Mutex::new(member?),
            path,
            member_path,
            came_back: tokio::sync::Notify::new(),
            spent_here: AtomicU64::new(0),
        })
    }

    /// Set money aside, waiting while others hold what may come back.
    ///
    /// # Errors
    /// [`Error::Budget`] when what is spent leaves too little.
    pub(super) async fn reserve(&self, amount: NanoUsd) -> Result<(), Error> {
        loop {
            let came_back = self.came_back.notified();
            match self.try_reserve(amount, 0)? {
                Tried::Reserved => return Ok(()),
                Tried::Gone(balance) => return Err(self.gone(balance, amount)),
                Tried::Wait => {
                    let _ = tokio::time::timeout(LOOK_EVERY, came_back).await;
                    self.bury_the_dead();
                }
            }
        }
    }

    /// What is set aside counts as spent, and the same amount is set aside anew; no waiting, since waiting while
    /// holding could last for ever.
    pub(super) fn spend_and_reserve_again(&self, amount: NanoUsd) -> Result<(), Error> {
        match self.try_reserve(amount, amount)? {
            Tried::Reserved => Ok(()),
            Tried::Gone(balance) => Err(self.gone(balance, amount)),
            Tried::Wait => Err(Error::Budget(
                "no further try: the one before may have been billed, and the rest of the budget is set aside"
                    .to_owned(),
            )),
        }
    }

    /// Set `amount` aside after counting `spent` of what this process holds as spent.
    fn try_reserve(&self, amount: NanoUsd, spent: NanoUsd) -> Result<Tried, Error> {
        let limit = self.limit;
        let tried = self.change(|balance, mine| {
            let after = balance.spent.saturating_add(spent);
            let held = balance.reserved.saturating_sub(spent);
            if after.saturating_add(amount) > limit {
                return Tried::Gone(Balance { spent: after, reserved: held });
            }
            if after.saturating_add(held).saturating_add(amount) > limit {
                return Tried::Wait;
            }
            balance.spent = after;
            balance.reserved = held.saturating_add(amount);
            *mine = mine.saturating_sub(spent).saturating_add(amount);
            Tried::Reserved
        })?;
        if matches!(tried, Tried::Reserved) {
            self.spent_here.fetch_add(spent, Ordering::Relaxed);
        }
        Ok(tried)
    }

    /// `held` was set aside, `cost` of it is spent, the rest comes back.
    pub(super) fn settle(&self, held: NanoUsd, cost: NanoUsd) {
        let changed = self.change(|balance, mine| {
            balance.reserved = balance.reserved.saturating_sub(held);
            balance.spent = balance.spent.saturating_add(cost);
            *mine = mine.saturating_sub(held);
        });
        if let Err(error) = changed {
            // Nothing comes back then: the account errs on the side of the limit.
            tracing::warn!(%error, "the budget's account could not be settled");
        }
        self.spent_here.fetch_add(cost, Ordering::Relaxed);
        self.came_back.notify_waiters();
    }

    fn gone(&self, balance: Balance, amount: NanoUsd) -> Error {
        // By requests under way, or by processes that ended before theirs were answered.
        let set_aside = match balance.reserved {
            0 => String::new(),
            reserved => format!(" and {} set aside", dollars(usd(reserved))),
        };
        Error::Budget(format!(
            "budget: {} of {} USD are spent{set_aside}, this request may cost {}; \
             raise it with --max-cost, EVALS_MAX_COST or the suite's `budget_usd`",
            dollars(usd(balance.spent)),
            dollars(usd(self.limit)),
            dollars(usd(amount))
        ))
    }

    /// Change the account and this process's note under the account's lock.
    fn change<T>(&self, change: impl FnOnce(&mut Balance, &mut NanoUsd) -> T) -> Result<T, Error> {
        let failed = |error: io::Error| Error::Budget(format!("{}: {error}", self.path.display()));
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let mut member = self.member.lock().unwrap_or_else(PoisonError::into_inner);
        account.lock().map_err(failed)?;
        let result = (|| {
            let before = read(&mut account)?;
            let mut mine = read(&mut member)?.reserved;
            let mut balance = before;
            let result = change(&mut balance, &mut mine);
            if balance != before {
                // First the account, then the note: dying in between leaves money set aside, never free.
                write(&mut account, balance)?;
                write(&mut member, Balance { spent: 0, reserved: mine })?;
            }
            Ok(result)
        })();
        account.unlock().map_err(failed)?;
        result.map_err(failed)
    }

    /// What processes that died had set aside counts as spent.
    fn bury_the_dead(&self) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if account.lock().is_err() {
            return;
        }
        let buried = self.path.parent().map_or(Ok(()), |dir| {
            let (_, spent) = members(dir, &self.member_path)?;
            if spent > 0 {
                let balance = read(&mut account)?;
                let balance = Balance {
                    spent: balance.spent.saturating_add(spent),
                    reserved: balance.reserved.saturating_sub(spent),
                };
                write(&mut account, balance)?;
            }
            Ok::<(), io::Error>(())
        });
        if let Err(error) = buried {
            tracing::warn!(%error, "the budget's members could not be read");
        }
        let _ = account.unlock();
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Requests still open when the process leaves were settled by their own guards, so the note says zero.
        let _ = std::fs::remove_file(&self.member_path);
    }
}

/// Come in under the account's lock: alone, the account starts from zero.
fn join_locked(account: &File, dir: &Path, member_path: &Path, resets: bool) -> io::Result<File> {
    let mut account = account.try_clone()?;
    let (alive, spent) = members(dir, member_path)?;
    let balance = read(&mut account)?;
    if resets && alive == 0 {
        write(&mut account, Balance::default())?;
    } else if spent > 0 {
        let spent_now = balance.spent.saturating_add(spent);
        write(&mut account, Balance { spent: spent_now, reserved: balance.reserved.saturating_sub(spent) })?;
    }
    let mut member =
        OpenOptions::new().create(true).truncate(true).read(true).write(true).open(member_path)?;
    member.lock()?;
    write(&mut member, Balance::default())?;
    Ok(member)
}

/// Members that live, and what dead ones had set aside; their notes are removed.
fn members(dir: &Path, me: &Path) -> io::Result<(usize, NanoUsd)> {
    let (mut alive, mut spent) = (0, 0);
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path == me || path.extension().is_none_or(|e| e != "member") {
            continue;
        }
        let Ok(mut note) = OpenOptions::new().read(true).write(true).open(&path) else { continue };
        if note.try_lock().is_err() {
            alive += 1;
            continue;
        }
        spent += read(&mut note)?.reserved;
        std::fs::remove_file(&path)?;
    }
    Ok((alive, spent))
}

/// Two numbers of fixed width, so that a write is one piece and never shorter than what it replaces.
fn write(file: &mut File, balance: Balance) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{:020} {:020}\n", balance.spent, balance.reserved).as_bytes())
}

fn read(file: &mut File) -> io::Result<Balance> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(Balance::default());
    }
    let numbers: Option<Vec<NanoUsd>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    match numbers.as_deref() {
        Some([spent, reserved]) => Ok(Balance { spent: *spent, reserved: *reserved }),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "is no account of ours: remove it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(dir: &Path, me: &str, limit: NanoUsd) -> Ledger {
        Ledger::join(dir, None, me, limit).unwrap()
    }

    fn balance(ledger: &Ledger) -> (NanoUsd, NanoUsd) {
        ledger.change(|balance, _| (balance.spent, balance.reserved)).unwrap()
    }

    #[tokio::test]
    async fn two_processes_share_one_limit() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (join(dir.path(), "a", 100), join(dir.path(), "b", 100));
        a.reserve(60).await.unwrap();
        b.reserve(40).await.unwrap();
        assert_eq!(balance(&a), (0, 100));
        a.settle(60, 50);
        b.reserve(10).await.unwrap();
        assert_eq!(balance(&b), (50, 50));
        b.settle(40, 40);
        b.settle(10, 10);
        let error = a.reserve(1).await.unwrap_err().to_string();
        assert!(error.contains("--max-cost"), "{error}");
    }

    #[tokio::test]
    async fn who_must_wait_goes_on_when_money_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let a = join(dir.path(), "a", 100);
        a.reserve(100).await.unwrap();
        let (waited, ()) = tokio::join!(a.reserve(50), async {
            tokio::task::yield_now().await;
            a.settle(100, 30);
        });
        waited.unwrap();
        assert_eq!(balance(&a), (30, 50));
    }

    #[tokio::test]
    async fn what_the_dead_held_is_spent_and_the_first_comer_starts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let alive = join(dir.path(), "alive", 100);
        let dying = join(dir.path(), "dying", 100);
        dying.reserve(70).await.unwrap();
        // As the kernel leaves it: the note stays, its lock is free.
        let note = std::fs::read(&dying.member_path).unwrap();
        let path = dying.member_path.clone();
        drop(dying);
        crate::files::atomic_write(&path, &note).unwrap();
        assert!(alive.reserve(40).await.is_err(), "70 are spent for all we know");
        assert_eq!(balance(&alive), (70, 0));
        drop(alive);
        assert_eq!(balance(&join(dir.path(), "next", 100)), (0, 0));
    }

    #[tokio::test]
    async fn a_group_keeps_its_account() {
        let dir = tempfile::tempdir().unwrap();
        let join = |me| Ledger::join(dir.path(), Some("run/1"), me, 100).unwrap();
        let first = join("a");
        first.reserve(30).await.unwrap();
        first.settle(30, 20);
        drop(first);
        assert_eq!(balance(&join("b")), (20, 0));
    }

    #[tokio::test]
    async fn a_try_that_may_be_billed_is_paid_for_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let a = join(dir.path(), "a", 100);
        a.reserve(40).await.unwrap();
        a.spend_and_reserve_again(40).unwrap();
        assert_eq!(balance(&a), (40, 40));
        assert!(a.spend_and_reserve_again(40).is_err());
        assert_eq!(balance(&a), (40, 40));
        a.settle(40, 40);
        assert_eq!(balance(&a), (80, 0));
    }
}
