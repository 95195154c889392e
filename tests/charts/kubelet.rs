//! The tests' kubelet: runs every pod of the installation's namespace as a process on a host of its own, in a root that
//! holds what the pod mounts, and reports what the pod's own probe says.

use lab::control_plane::{Bridge, ControlPlane};
use lab::network::{Host, Network};
use lab::process::{Process, run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Places for pods.
const HOSTS: u8 = 4;

/// Makes the root of a container and starts its process there: `enter ROOT MOUNTS USER KEY=VALUE… COMMAND…`. The image
/// holds a static binary and nothing else; this build needs the machine's libraries beside it, read only.
const ENTER: &str = r#"
set -e
root=$1 mounts=$2 user=$3; shift 3
mount -t tmpfs -o mode=755 tmpfs "$root"
for name in usr lib lib64 etc/ssl; do
  [ -d "/$name" ] || continue
  mkdir -p "$root/$name"; mount --rbind "/$name" "$root/$name"
done
[ -L /bin ] && ln -s usr/bin "$root/bin"
mkdir -p "$root/proc" "$root/dev"; mount --rbind /proc "$root/proc"; mount --rbind /dev "$root/dev"
touch "$root/leeward"; mount --bind "$LEEWARD" "$root/leeward"
echo "nameserver 192.0.2.53" >"$root/etc/resolv.conf"
[ -z "$ROOTS" ] || mount --bind "$ROOTS" "$root/etc/ssl/certs/ca-certificates.crt"
(cd "$mounts" && find . -type d) | while read -r folder; do mkdir -p "$root/$folder"; done
(cd "$mounts" && find . -type f) | while read -r file; do
  cp "$mounts/$file" "$root/$file"; chmod 440 "$root/$file"
  [ "$user" = 0 ] || chown "$user:$user" "$root/$file"
done
mount -o remount,ro "$root"
drop="--bounding-set=-all --inh-caps=-all --no-new-privs"
[ "$user" = 0 ] || drop="$drop --reuid=$user --regid=$user --clear-groups"
exec chroot "$root" /usr/bin/setpriv $drop /usr/bin/env -i "$@"
"#;

/// Whether this test may take on the pod's user; not in a user namespace that knows only root.
pub fn knows(user: u64) -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let count = map.split_whitespace().nth(2).and_then(|c| c.parse::<u64>().ok());
    count.is_some_and(|count| count > user)
}

/// A pod that runs.
struct Running {
    name: String,
    host: Host,
    process: Process,
    /// It is started again when it ends: then it has no end to report.
    restarted: bool,
    /// What its readiness probe asks.
    probe: Option<String>,
    /// What was reported last.
    reported: Option<&'static str>,
}

/// What is left of a pod.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub log: String,
    pub exit: Option<i32>,
    /// As whom it ran when it was seen last: lines of `/proc/PID/status`.
    pub identity: String,
    /// Its arguments then.
    pub arguments: Vec<String>,
}

struct Node {
    server: Arc<ControlPlane>,
    namespace: String,
    /// The trust anchors that images hold, if not the machine's.
    roots: Option<PathBuf>,
    free: Vec<Host>,
    running: BTreeMap<String, Running>,
    traces: Arc<Mutex<BTreeMap<String, Trace>>>,
    _bridges: Vec<Bridge>,
    _network: Network,
}

/// Runs until dropped.
pub struct Kubelet {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    traces: Arc<Mutex<BTreeMap<String, Trace>>>,
}

impl Kubelet {
    /// Looks after the pods of a namespace.
    pub fn start(server: &Arc<ControlPlane>, namespace: &str) -> Self {
        Self::start_in(server, namespace, Network::new().unwrap(), None)
    }

    /// The same in a network that holds more than pods; images trust who is in this file.
    pub fn start_in(server: &Arc<ControlPlane>, namespace: &str, mut network: Network, roots: Option<PathBuf>) -> Self {
        let hosts: Vec<Host> =
            (0..HOSTS).map(|i| network.host(&format!("pod{i}"), &[&format!("192.0.2.{}", 60 + i)]).unwrap()).collect();
        let bridges = hosts.iter().map(|host| server.open_in(host).unwrap()).collect();
        let (stop, traces) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let mut node = Node {
            server: Arc::clone(server),
            namespace: namespace.to_owned(),
            roots,
            free: hosts,
            running: BTreeMap::new(),
            traces: Arc::clone(&traces),
            _bridges: bridges,
            _network: network,
        };
        let until = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                node.look();
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self { stop, thread: Some(thread), traces }
    }

    /// What a pod whose name begins so has written and how it ended.
    pub fn trace(&self, prefix: &str) -> Trace {
        assert!(self.thread.as_ref().is_some_and(|t| !t.is_finished()), "the kubelet has failed");
        let traces = self.traces.lock().unwrap();
        traces.iter().find(|(name, _)| name.starts_with(prefix)).map(|(_, t)| t.clone()).unwrap_or_default()
    }

    /// Every log, for a failing test.
    pub fn logs(&self) -> String {
        let traces = self.traces.lock().unwrap();
        let log =
            |(name, t): (&String, &Trace)| format!("--- {name} ({:?})\n{}\n", t.exit, lab::process::tail(&t.log, 30));
        traces.iter().map(log).collect::<Vec<_>>().concat()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Node {
    fn look(&mut self) {
        let list = ["get", "pods", "-n", &self.namespace, "-o", "json"];
        let Ok(text) = self.server.kubectl(&list) else { return };
        let list: Value = serde_json::from_str(&text).unwrap();
        let pods = list["items"].as_array().unwrap();
        let there: Vec<&str> = pods.iter().map(|p| p["metadata"]["uid"].as_str().unwrap()).collect();
        let gone: Vec<String> = self.running.keys().filter(|uid| !there.contains(&uid.as_str())).cloned().collect();
        for uid in gone {
            self.end(&uid);
        }
        for pod in pods {
            let uid = pod["metadata"]["uid"].as_str().unwrap();
            let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            if !self.running.contains_key(uid) && !finished {
                self.begin(uid, pod);
            }
        }
        for running in self.running.values_mut() {
            report(&self.server, &self.namespace, running, &self.traces);
        }
    }

    fn begin(&mut self, uid: &str, pod: &Value) {
        let Some(host) = self.free.pop() else { return };
        let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
        let ip = host.address().to_string();
        patch(&self.server, &self.namespace, &name, &json!({"phase": "Pending", "podIP": ip, "podIPs": [{"ip": ip}]}));
        let pod = self.server.get(&self.namespace, "pod", &name).unwrap();
        let process = self.run(&host, &pod);
        let container = &pod["spec"]["containers"][0];
        let probe = &container["readinessProbe"]["httpGet"];
        let probe = probe["path"].as_str().map(|path| {
            let port = container["ports"].as_array().unwrap().iter().find(|p| p["name"] == probe["port"]).unwrap();
            format!("http://{}:{}{path}", host.address(), port["containerPort"])
        });
        let restarted = pod["spec"]["restartPolicy"] == "Always";
        self.running.insert(uid.to_owned(), Running { name, host, process, restarted, probe, reported: None });
    }

    /// Starts the one container of a pod.
    fn run(&self, host: &Host, pod: &Value) -> Process {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let (spec, folder) = (&pod["spec"], host.folder().unwrap().join(name));
        let container = &spec["containers"][0];
        let (root, mounts) = (folder.join("root"), folder.join("mounts"));
        for new in [&root, &mounts] {
            fs::create_dir_all(new).unwrap();
        }
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert_eq!(mount["readOnly"], true, "{name} could write to a volume");
            let volumes = spec["volumes"].as_array().unwrap();
            let volume = volumes.iter().find(|v| v["name"] == mount["name"]).unwrap();
            let place = mounts.join(mount["mountPath"].as_str().unwrap().trim_start_matches('/'));
            fs::create_dir_all(&place).unwrap();
            self.fill(&place, volume, pod);
        }
        settings(host, spec);

        let user = spec["securityContext"]["runAsUser"].as_u64().unwrap();
        let user = if knows(user) { user } else { 0 };
        let mut command = host.command("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]);
        command.arg(&root).arg(&mounts).arg(user.to_string());
        for (key, value) in self.environment(container, pod) {
            command.arg(format!("{key}={value}"));
        }
        command.arg("/leeward");
        command.args(container["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()));
        command.env("LEEWARD", env!("CARGO_BIN_EXE_leeward"));
        command.env("ROOTS", self.roots.as_deref().unwrap_or_else(|| Path::new("")));
        let log = folder.join("log");
        Process::start(name, &command, &log).unwrap()
    }

    fn environment(&self, container: &Value, pod: &Value) -> Vec<(String, String)> {
        // What a kubelet sets whatever the pod says; the API server answers at the same address in every host.
        let mut all = vec![
            ("KUBERNETES_SERVICE_HOST".to_owned(), "127.0.0.1".to_owned()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), self.server.port().to_string()),
        ];
        for entry in container["env"].as_array().unwrap() {
            let value = entry["value"].as_str().map(str::to_owned);
            let value =
                value.unwrap_or_else(|| field(pod, entry["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap()));
            all.push((entry["name"].as_str().unwrap().to_owned(), value));
        }
        all
    }

    /// The files of a volume.
    fn fill(&self, place: &Path, volume: &Value, pod: &Value) {
        let config_map = |source: &Value, items: Option<&Vec<Value>>| {
            let map = match source["name"].as_str().unwrap() {
                // A controller writes it into every namespace; it does not run here.
                "kube-root-ca.crt" => json!({"data": {"ca.crt": self.server.ca_pem()}}),
                name => self.server.get(&self.namespace, "configmap", name).unwrap(),
            };
            for (key, text) in map["data"].as_object().unwrap() {
                let item = items.map(|list| list.iter().find(|i| i["key"] == *key));
                let path = match item {
                    None => key.as_str(),
                    Some(Some(item)) => item["path"].as_str().unwrap(),
                    Some(None) => continue,
                };
                fs::write(place.join(path), text.as_str().unwrap()).unwrap();
            }
        };
        if volume["configMap"].is_object() {
            return config_map(&volume["configMap"], volume["configMap"]["items"].as_array());
        }
        for source in volume["projected"]["sources"].as_array().expect("a volume of a kind that is known here") {
            if source["configMap"].is_object() {
                config_map(&source["configMap"], source["configMap"]["items"].as_array());
            }
            for item in source["downwardAPI"]["items"].as_array().into_iter().flatten() {
                let value = field(pod, item["fieldRef"]["fieldPath"].as_str().unwrap());
                fs::write(place.join(item["path"].as_str().unwrap()), value).unwrap();
            }
            let token = &source["serviceAccountToken"];
            if token.is_object() {
                let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
                let duration = format!("--duration={}s", token["expirationSeconds"]);
                let bound = format!("--bound-object-name={}", pod["metadata"]["name"].as_str().unwrap());
                let ask =
                    ["create", "token", "-n", &self.namespace, account, &duration, "--bound-object-kind=Pod", &bound];
                let text = self.server.kubectl(&ask).unwrap();
                fs::write(place.join(token["path"].as_str().unwrap()), text.trim()).unwrap();
            }
        }
    }

    fn end(&mut self, uid: &str) {
        let Some(mut running) = self.running.remove(uid) else { return };
        let exit = running.process.stop(Duration::from_secs(30)).ok();
        trace(&self.traces, &running, exit);
        self.free.push(running.host);
    }
}

/// The sysctls of a pod, and nothing that another pod left.
fn settings(host: &Host, spec: &Value) {
    let set = |name: &str, value: &str| {
        let file = PathBuf::from("/proc/sys").join(name.replace('.', "/"));
        host.exec(&["sh", "-c", &format!("echo '{value}' >{}", file.display())]).unwrap();
    };
    // Groups that the user namespace does not know cannot stand there.
    if !knows(65532) {
        return;
    }
    set("net.ipv4.ping_group_range", "1 0");
    for sysctl in spec["securityContext"]["sysctls"].as_array().into_iter().flatten() {
        set(sysctl["name"].as_str().unwrap(), sysctl["value"].as_str().unwrap());
    }
}

fn field(pod: &Value, path: &str) -> String {
    match path {
        "status.podIPs" => pod["status"]["podIPs"][0]["ip"].as_str().unwrap().to_owned(),
        path => path.split('.').fold(pod, |value, part| &value[part]).as_str().unwrap().to_owned(),
    }
}

fn patch(server: &ControlPlane, namespace: &str, name: &str, status: &Value) {
    let patch = json!({ "status": status }).to_string();
    // A pod that went away meanwhile is seen at the next look.
    let _ =
        server.kubectl(&["patch", "pod", "-n", namespace, name, "--subresource=status", "--type=merge", "-p", &patch]);
}

fn trace(traces: &Mutex<BTreeMap<String, Trace>>, running: &Running, exit: Option<i32>) {
    let mut traces = traces.lock().unwrap();
    let trace = traces.entry(running.name.clone()).or_default();
    trace.log = running.process.log();
    trace.exit = exit;
    // Every program in between has given its place to the next one: the process is the container's.
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", running.process.id())).unwrap_or_default();
    let line = read("cmdline");
    if exit.is_none() && line.starts_with("/leeward\0") {
        let wanted = ["Uid:", "Gid:", "Groups:", "CapEff:", "CapBnd:", "NoNewPrivs:"];
        let status = read("status");
        let lines = status.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
        trace.identity = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
        trace.arguments = line.trim_end_matches('\0').split('\0').skip(1).map(str::to_owned).collect();
    }
}

/// Tells the API server what a pod has become.
fn report(server: &ControlPlane, namespace: &str, running: &mut Running, traces: &Mutex<BTreeMap<String, Trace>>) {
    let exit = running.process.exit_code().unwrap();
    trace(traces, running, exit);
    let ready = || {
        let mut curl = running.host.command("curl");
        let url = running.probe.as_deref()?;
        run(curl.args(["-sf", "-m", "2", "-o", "/dev/null", "--noproxy", "*", url])).ok()
    };
    let phase = match exit {
        Some(_) if running.restarted => "Running",
        Some(0) => "Succeeded",
        Some(_) => "Failed",
        None if ready().is_some() => "Ready",
        None => "Running",
    };
    if running.reported == Some(phase) {
        return;
    }
    running.reported = Some(phase);
    let is = if phase == "Ready" { "True" } else { "False" };
    let conditions: Vec<Value> = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .iter()
        .map(|kind| {
            json!({"type": kind, "status": if kind.ends_with("Ready") { is } else { "True" },
            "lastTransitionTime": null})
        })
        .collect();
    let phase = if phase == "Ready" { "Running" } else { phase };
    patch(server, namespace, &running.name, &json!({"phase": phase, "conditions": conditions}));
}
