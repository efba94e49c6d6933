//! Commands that end early, and commands that wait for each other.

use std::fs::{File, TryLockError};
use std::time::Duration;

use super::Context;
use crate::config::Problem;
use crate::config::settings::Mode;
use crate::host;
use crate::pipeline::Inputs;
use crate::report::outcome::exit;

impl Context {
    /// From here on, a command that ends early names the command that resumes it.
    pub(super) fn may_resume(&self, inputs: &Inputs) {
        let is_new = inputs.settings.mode == Mode::Live && inputs.settings.resume.is_none();
        let how = if is_new { format!(" with `--resume {}`", inputs.run_id) } else { String::new() };
        let _ = self
            .resume
            .set(format!("run the same command again{how}: answers that were kept are not asked for again"));
    }

    /// The code of a command that was ended early, and how to go on; else its own code.
    pub(super) fn ended(&self, code: u8) -> u8 {
        if let Some(cause) = self.interrupts.halt().cause() {
            self.out.failed(cause, self.resume.get().map(String::as_str));
        }
        self.code(code)
    }

    /// The exit code of a command that would end with `code` if it was not ended early.
    pub(super) fn code(&self, code: u8) -> u8 {
        self.interrupts.halt().cause().map_or(code, exit::of_halt)
    }

    /// The right to write baselines, pins, the lock and the changelog, for one command of the project at a time. Waits for
    /// the command that has it.
    pub(super) fn writing(&self) -> Result<File, u8> {
        let root = self.project_root()?;
        let failed = |error: std::io::Error| {
            self.refuse(&[Problem::of_file(root.display().to_string(), format!("cannot be locked: {error}"))])
        };
        let file = host::lockable(&root).map_err(failed)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if self.interrupts.halt().is_set() => return Err(exit::INPUT),
                Err(TryLockError::WouldBlock) => {}
            }
            if !std::mem::replace(&mut told, true) {
                self.out.note(
                    "waiting for another command that writes baselines, pins or prompts of this project",
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
