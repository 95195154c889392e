//! Child processes that cannot outlive us.
//!
//! Each child leads a process group of its own, so that ending it ends its workers too, and asks the kernel to be
//! killed when its parent dies (`setpriv --pdeathsig`), so that a test that is killed leaves nothing running. The
//! kernel means the parent *thread*, and a test's thread ends long before its process: one thread that lives as
//! long as the process starts all of them.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

type Order = (Command, mpsc::SyncSender<std::io::Result<Child>>);

static STARTER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    std::thread::Builder::new()
        .name("lab-starter".into())
        .spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        })
        .expect("a thread that starts children");
    orders
});

/// A running child; dropped means killed, with its whole process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`. The command's own stdio settings are replaced.
    pub fn start(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening the log of {name} at {}", log.display()))?;
        let mut wrapped = Command::new("setpriv");
        wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        wrapped.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);

        let (reply, answer) = mpsc::sync_channel(1);
        STARTER.send((wrapped, reply)).context("the thread that starts children is gone")?;
        let child = answer.recv()?.with_context(|| format!("starting {name} ({command:?})"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What the child has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The exit code once it has ended; a signal counts as 128 plus its number, as in a shell.
    pub fn exit_code(&mut self) -> Result<Option<i32>> {
        Ok(self.child.try_wait()?.map(code_of))
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the leading process alone.
    pub fn signal(&self, signal: i32) {
        send_signal(pid(self.child.id()), signal);
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, within: Duration) -> Result<i32> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(code_of(status));
            }
            if Instant::now() >= deadline {
                bail!("{} is still running after {within:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, kills it after `grace`. Returns the exit code.
    pub fn stop(&mut self, grace: Duration) -> Result<i32> {
        self.signal(libc::SIGTERM);
        match self.wait(grace) {
            Ok(code) => {
                self.kill(); // workers that stayed behind
                Ok(code)
            }
            Err(_) => {
                self.kill();
                Ok(128 + libc::SIGKILL)
            }
        }
    }

    /// Kills the whole process group at once.
    pub fn kill(&mut self) {
        send_signal(-pid(self.child.id()), libc::SIGKILL);
        let _ = self.child.wait();
    }

    /// An error that carries the end of the log, or `Ok` while the child runs.
    pub fn check(&mut self) -> Result<()> {
        match self.exit_code()? {
            None => Ok(()),
            Some(code) => bail!("{} ended with {code}: {}", self.name, tail(&self.log(), 15)),
        }
    }

    /// Polls until `ready` holds; fails early when the child ends, and at the deadline, with the end of its log.
    pub fn wait_until(&mut self, what: &str, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            if ready() {
                return Ok(());
            }
            self.check()?;
            if Instant::now() >= deadline {
                bail!("{}: not {what} after {within:?}: {}", self.name, tail(&self.log(), 15));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Polls until `ready` holds.
pub fn wait_until(what: &str, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + within;
    while !ready() {
        if Instant::now() >= deadline {
            bail!("not {what} after {within:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Runs a command to its end and returns its stdout; a failure carries its stderr.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", code_of(output.status), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As [`run`], with text on stdin.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let mut stdin = child.stdin.take().context("stdin of the child")?;
    let text = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", code_of(output.status), String::from_utf8_lossy(&output.stderr).trim());
    }
    if !matches!(written, Ok(Ok(()))) {
        bail!("{command:?} did not read its input");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn code_of(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

fn pid(id: u32) -> i32 {
    i32::try_from(id).expect("process ids are below 2^22")
}

pub(crate) fn send_signal(target: i32, signal: i32) {
    // SAFETY: kill takes two integers and touches no memory of ours; a target that is gone is an error we ignore.
    unsafe {
        libc::kill(target, signal);
    }
}
